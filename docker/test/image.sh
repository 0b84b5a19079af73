# What is in the image, and that it holds what it promises while it runs.
# shellcheck shell=bash

# The docker format, because that of the OCI has no HEALTHCHECK. Isolation by chroot and the network of the host need
# neither namespaces nor a bridge, so this also builds inside a container or a small virtual machine.
build_image() {
  local version revision
  version=$(node -p 'require(process.argv[1]).version' "$repository/package.json")
  revision=$(git -C "$repository" rev-parse HEAD 2>/dev/null || echo unknown)
  BUILDAH_FORMAT=docker buildah build --isolation chroot --network host "${limits[@]}" "${build_mounts[@]}" \
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
    --file "$repository/docker/Dockerfile" --tag "$image" "$repository"
}

run_once() {
  podman run --rm --network host "$@"
}

megabytes() {
  awk '{ printf "%.0f MB", $1 / 1e6 }'
}

size_of() {
  podman image inspect --format '{{.Size}}' "$1" | megabytes
}

has_labels() {
  local label value
  for label in title description licenses version revision base.name; do
    value=$(podman image inspect --format "{{index .Labels \"org.opencontainers.image.$label\"}}" "$image")
    [[ -n $value && $value != unknown ]] || { echo "the label $label says: $value"; return 1; }
  done
}

# Nothing can be run in it but these, and node runs nothing without being told: no shell, no package manager.
holds_no_other_program() {
  local mounted found
  mounted=$(podman image mount "$image")
  found=$(cd "$mounted" && find . -type f -perm /111 ! -name '*.so*' ! -path './app/*' -printf '%P\n' | sort | paste -sd' ')
  echo "programs: $found"
  [[ $found == "usr/bin/redis-server usr/bin/tini usr/local/bin/alertferry usr/local/bin/node" ]]
}

# What only the build needs, or only this machine knows, must not be in the image.
contains_no_leftovers() {
  local mounted path
  mounted=$(podman image mount "$image")
  for path in app/src app/node_modules/typescript app/node_modules/vitest usr/local/lib etc/apt etc/init.d root; do
    [[ ! -e $mounted/$path ]] || { echo "$path is in the image"; return 1; }
  done
  if grep -rlE "$(hostname)|BEGIN CERTIFICATE" "$mounted/etc" "$mounted/usr/local/bin/alertferry"; then return 1; fi
}

# Every module of the program, and each package by its own name, in the edition that Node takes of it; but for what is
# there for browsers, which the page loads.
imports_everything() {
  run_once --workdir /app --entrypoint node "$image" --input-type=module --eval '
    import { readdirSync, readFileSync } from "node:fs";
    const isOther = (name) => /^(main|cli.generate|page.browser.*)\.js$/.test(name);
    const modules = readdirSync("dist", { recursive: true }).filter((name) => name.endsWith(".js") && !isOther(name));
    for (const name of modules) await import(`/app/dist/${name}`);
    const packages = Object.keys(JSON.parse(readFileSync("package.json", "utf8")).dependencies);
    for (const name of packages.filter((each) => each !== "uplot")) await import(name);
    console.log(`${modules.length} modules, ${packages.length} packages`);'
}

# Complete: each production package of the lock file that is meant for this processor, and each Debian package that dpkg
# knows the image's libraries and programs by, stands in it.
sbom_is_complete() {
  local mounted
  mounted=$(podman image mount "$image")
  cp "$mounted/usr/share/doc/alertferry/sbom.cdx.json" "$sbom"
  node "$repository/docker/test/check-sbom.mjs" "$sbom" "$repository/package-lock.json" "$mounted"
}

describe_sbom() {
  node -p 'const { components } = JSON.parse(require("node:fs").readFileSync(process.argv[1]));
    const count = (type) => components.filter(({ purl }) => purl.startsWith(`pkg:${type}/`)).length;
    `${count("npm")} npm packages, ${count("deb")} Debian packages, Node and ${components.find(({ name }) => name === "node").components.length} parts of it`' "$sbom"
}
