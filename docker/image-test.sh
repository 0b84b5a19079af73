#!/usr/bin/env bash
#
# Builds the image and proves that it keeps what docker/Dockerfile promises.
#
#   docker/image-test.sh [--keep]        --keep leaves the image in place, to look at it
#
# Wants no Docker engine: buildah builds, podman and runc run. As root on Debian 12, with npm; the tools that are
# missing are installed through apt. Where the official base image can be had, it is used. Where no image registry can
# be reached, a stand-in is made from what apt and npm bring, and takes its name.
#
# Leaves behind: the base image and, when it made a stand-in, 300 MB in the cache directory.
# Exit code 0: every check passed. 1: one failed, its output is shown. 2: this machine cannot run the test.

# Single quotes around $ are meant: a shell in the container, or apt, expands it.
# shellcheck disable=SC2016

set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/alertferry-image
base=$(sed -n 's/^ARG NODE_IMAGE=//p' "$repository/docker/Dockerfile")
node_major=$(sed -E 's/.*node:([0-9]+)-.*/\1/' <<<"$base")
debian=$(sed -E 's/.*-(.*)-slim$/\1/' <<<"$base")

image=localhost/alertferry:image-test
container=alertferry-image-test-$$
stand_in_label=io.alertferry.stand-in
stand_in_max_age_days=30

pull_timeout_s=60
ready_timeout_s=30
stop_timeout_s=25

# Build steps reach the machine's own apt, npm and certificate settings through mounts over directories that exist,
# and are empty or replaceable, in every Debian image: a mount over a path that is missing would leave an empty file
# or directory behind in the image.
settings_in_image=/usr/local/etc

keep=no
case ${1-} in
  '') ;;
  --keep) keep=yes ;;
  *) echo "usage: docker/image-test.sh [--keep]" >&2; exit 2 ;;
esac

work=$(mktemp -d)
log=$work/step.log
passed=0
step_started=$SECONDS

# --- reporting -------------------------------------------------------------------------------------------------------

pass() {
  printf 'ok    %s [%d s]\n' "$1" $((SECONDS - step_started))
  passed=$((passed + 1))
  step_started=$SECONDS
  : >"$log"
}

fail() {
  printf 'FAIL  %s [%d s]\n' "$1" $((SECONDS - step_started))
  tail -n 150 "$log" | sed 's/^/      /'
  if podman container exists "$container" 2>/dev/null; then
    echo '      the last lines of the container:'
    podman logs --tail 40 "$container" 2>&1 | sed 's/^/      /' || true
  fi
  printf '%d passed, 1 failed\n' "$passed"
  exit 1
}

cannot() {
  printf 'cannot run: %s\n' "$1" >&2
  exit 2
}

# check WHAT COMMAND...: passes when the command succeeds; its output is shown only when it does not. The command runs
# in a subshell and not as the condition of an if, where bash would go on after a failure inside a function.
check() {
  local what=$1 code
  shift
  set +e
  (set -e; "$@") >>"$log" 2>&1
  code=$?
  set -e
  if ((code == 0)); then pass "$what"; else fail "$what"; fi
}

clean_up() {
  local code=$?
  trap - EXIT
  podman rm --force --volumes --time 0 "$container" >/dev/null 2>&1 || true
  [[ $keep == yes ]] || podman rmi --force "$image" >/dev/null 2>&1 || true
  rm -rf "$work"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- the machine -----------------------------------------------------------------------------------------------------

install_tools() {
  local missing=() tool
  for tool in buildah podman runc mmdebstrap; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  ((${#missing[@]} > 0)) || return 0
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

overlay_works() {
  local trial code=0
  mkdir -p /var/lib/containers
  trial=$(mktemp -d /var/lib/containers/overlay-trial.XXXXXX)
  mkdir "$trial"/{lower,upper,work,merged}
  mount -t overlay -o "lowerdir=$trial/lower,upperdir=$trial/upper,workdir=$trial/work" overlay "$trial/merged" || code=1
  ((code != 0)) || umount "$trial/merged"
  rm -rf "$trial"
  return "$code"
}

# For kernels and file systems without overlays, such as that of a container. A store of its own, because podman
# remembers the driver of a store from its first use.
use_copying_store() {
  mkdir -p "$cache"
  cat >"$work/storage.conf" <<CONF
[storage]
driver = "vfs"
graphroot = "$cache/store"
runroot = "/run/alertferry-image-test"
CONF
  export CONTAINERS_STORAGE_CONF=$work/storage.conf
}

# Both tools ask for 1048576 open files by default, and fail where the hard limit of this session is lower.
lower_of() {
  local limit
  limit=$(ulimit -H "$1")
  if [[ $limit == unlimited ]] || ((limit > $2)); then limit=$2; fi
  echo "$limit"
}

npm_config() {
  npm config get "$1" 2>/dev/null
}

# Certificates that this machine trusts, its own authorities included (a proxy's, for instance).
ca_bundle() {
  local file
  for file in "$(npm_config cafile)" "${NODE_EXTRA_CA_CERTS-}" /etc/ssl/certs/ca-certificates.crt; do
    if [[ -f $file ]]; then echo "$file"; return; fi
  done
}

# The apt sources of this machine that fit the base image, one line each, whatever format they are kept in.
apt_sources() {
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    grep -E "^deb [^ ]+ $debian(-updates|-security)? " | sort -u || true
}

# How apt reaches its sources from here: proxies, certificates, tolerance for a clock that differs.
apt_settings() {
  apt-config dump | grep -E '^Acquire::(http|https|Check-Date|Check-Valid-Until|Retries|ForceIPv[46])\b' || true
}

# npm's settings of this machine, without those that name a path of it.
npm_settings() {
  local file
  for file in "$(npm_config globalconfig)" "$(npm_config userconfig)"; do
    [[ -f $file ]] || continue
    grep -vE '^ *(nodedir|cafile|prefix|cache|script-shell|init-module) *=' "$file" || true
    echo
  done
  echo "registry=$(npm_config registry)"
}

# Fills the directories that are mounted into the build. They exist for its duration only and are no part of the image.
write_build_settings() {
  local bundle=$1 sources
  mkdir -p "$work/settings"
  npm_settings >"$work/settings/npmrc"
  build_mounts=(--volume "$work/settings:$settings_in_image:ro")

  sources=$(apt_sources)
  if [[ -n $sources ]]; then
    mkdir -p "$work/sources.list.d"
    echo "$sources" >"$work/sources.list.d/build.list"
    build_mounts+=(--volume "$work/sources.list.d:/etc/apt/sources.list.d:ro")
  fi

  mkdir -p "$work/apt.conf.d"
  apt_settings >"$work/apt.conf.d/90build"
  build_mounts+=(--volume "$work/apt.conf.d:/etc/apt/apt.conf.d:ro")

  if [[ -n $bundle ]]; then
    cp "$bundle" "$work/settings/ca-certificates.crt"
    echo "cafile=$settings_in_image/ca-certificates.crt" >>"$work/settings/npmrc"
    echo "Acquire::https::CAInfo \"$settings_in_image/ca-certificates.crt\";" >>"$work/apt.conf.d/90build"
  fi
}

# --- the base image --------------------------------------------------------------------------------------------------

is_stand_in() {
  [[ $(podman image inspect --format "{{index .Config.Labels \"$stand_in_label\"}}" "$base") == yes ]]
}

# Old ones are made anew: they age as the packages in them do, and an image registry may have come into reach.
is_fresh() {
  [[ -n $(find "$1" -mtime "-$stand_in_max_age_days" 2>/dev/null) ]]
}

# Debian without documentation and translations, as the official slim images have it, and node and npm in the places
# where the official image has them.
make_stand_in() {
  local archive=$1 arch sources root=$work/root download=$work/download excluded=() path
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) echo "npm has no Node for $(uname -m)"; return 1 ;;
  esac
  sources=$(apt_sources)
  [[ -n $sources ]] || { echo "apt has no sources for Debian $debian"; return 1; }

  mkdir -p "$download" "$root/usr/local/lib/node_modules/npm" "$root/usr/local/bin"
  (cd "$download" && npm pack --silent "node-linux-$arch@$node_major" npm@latest)
  tar -xzf "$download"/node-linux-*.tgz -C "$root/usr/local" --strip-components=1 package/bin/node
  tar -xzf "$download"/npm-*.tgz -C "$root/usr/local/lib/node_modules/npm" --strip-components=1
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
  chown -R 0:0 "$root"

  for path in doc info locale man; do excluded+=(--dpkgopt="path-exclude=/usr/share/$path/*"); done
  excluded+=(--dpkgopt='path-include=/usr/share/doc/*/copyright')
  echo "$sources" >"$work/stand-in.list"
  apt_settings >"$work/stand-in.conf"
  # libatomic1 and libstdc++6 are what node is linked against. The last hook takes this machine's apt settings out.
  mmdebstrap --variant=minbase --include=libatomic1,libstdc++6 --aptopt="$work/stand-in.conf" "${excluded[@]}" \
    --customize-hook="sync-in $root /" \
    --customize-hook='chroot "$1" node --version && chroot "$1" npm --version' \
    --customize-hook='rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/apt/apt.conf.d/99mmdebstrap' \
    "$debian" "$work/stand-in.tar" "$work/stand-in.list"

  mkdir -p "$(dirname "$archive")"
  mv "$work/stand-in.tar" "$archive"
}

provide_base_image() {
  local name=${base##*/} archive
  archive=$cache/${name/:/-}.tar
  if podman image exists "$base"; then
    if ! is_stand_in || is_fresh "$archive"; then return; fi
  fi
  if ! is_fresh "$archive"; then
    if timeout "$pull_timeout_s" podman pull --quiet "$base"; then return; fi
    make_stand_in "$archive"
  fi
  podman import --change "LABEL $stand_in_label=yes" --change 'CMD ["node"]' \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$archive" "$base"
}

describe_base_image() {
  local node
  node=$(run_once --entrypoint node "$base" --version)
  if is_stand_in; then echo "a stand-in, Node $node"; else echo "official, Node $node"; fi
}

# --- the image -------------------------------------------------------------------------------------------------------

# The docker format, because that of the OCI has no HEALTHCHECK. Isolation by chroot and the network of the host need
# neither namespaces nor a bridge, so this also builds inside a container or a small virtual machine.
build_image() {
  BUILDAH_FORMAT=docker buildah build --isolation chroot --network host "${limits[@]}" "${build_mounts[@]}" \
    --file "$repository/docker/Dockerfile" --tag "$image" "$repository"
}

run_once() {
  podman --runtime runc run --rm --network host "${limits[@]}" "$@"
}

# What only the build needs, or only this machine knows, must not be in the image.
contains_no_leftovers() {
  run_once --entrypoint /bin/sh "$image" -euc '
    for path in /app/src /app/node_modules/typescript /app/node_modules/vitest /usr/local/bin/npm /usr/bin/gcc /usr/bin/make; do
      [ ! -e "$path" ] || { echo "$path is in the image"; exit 1; }
    done
    for directory in /usr/local/etc /var/lib/apt/lists /etc/systemd/system/multi-user.target.wants; do
      found=$(find "$directory" \( -type f -o -name "*redis*" \) | head -n 3)
      [ -z "$found" ] || { echo "in the image: $found"; exit 1; }
    done
    [ ! -e /etc/apt/apt.conf.d/90build ] && [ ! -e /etc/apt/sources.list.d/build.list ]
    [ "$NODE_ENV" = production ]'
}

# --- the container ---------------------------------------------------------------------------------------------------

free_port() {
  node -e 'require("node:net").createServer().listen(0, "127.0.0.1", function () {
    console.log(this.address().port); this.close(); })'
}

# One tenant whose cloud is nowhere: the daemon polls in vain, and must be ready all the same. No queue: the embedded
# Redis, in its default place.
write_config() {
  cat >"$work/alertferry.yaml" <<YAML
http:
  host: 127.0.0.1
  port: $port
clouds:
  nowhere:
    authority: https://127.0.0.1:$unused_port
    graph: http://127.0.0.1:$unused_port
    defender: http://127.0.0.1:$unused_port
tenants:
  - id: contoso
    tenantId: 11111111-1111-4111-8111-111111111111
    cloud: nowhere
    auth:
      type: client-secret
      clientId: 22222222-2222-4222-8222-222222222222
      clientSecret: \${env:CLIENT_SECRET}
    sources: [graph_alerts]
    sinks: [archive]
sinks:
  archive:
    type: file
    path: ./out/{tenant}/{date}.ndjson
YAML
  chmod 0644 "$work/alertferry.yaml"
}

# The example of compose.yaml, with invented secrets where it looks for them.
example_config_is_valid() {
  local name
  mkdir -p "$work/secrets"
  for name in http_token defender_client_secret splunk_hec_token; do echo "invented-$name" >"$work/secrets/$name"; done
  run_once --volume "$repository/docker/alertferry.yaml:/etc/alertferry/alertferry.yaml:ro" \
    --volume "$work/secrets:/run/secrets:ro" \
    --env REDIS_URL=redis://redis:6379 \
    --env DEFENDER_CLIENT_ID=22222222-2222-4222-8222-222222222222 \
    --env SPLUNK_HEC_URL=https://splunk.example:8088 \
    "$image" check
}

# Everything is forbidden that the image says it does not need; --read-only-tmpfs=false, because podman would else
# make /run and /var/tmp writable. The schedule of the health check needs systemd, the check itself does not.
start_container() {
  podman --runtime runc run --detach --name "$container" --network host "${limits[@]}" --log-driver k8s-file \
    --read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop all --security-opt no-new-privileges \
    --health-interval disable --env "ALERTFERRY_HTTP_PORT=$port" --env CLIENT_SECRET=invented \
    --volume "$work/alertferry.yaml:/etc/alertferry/alertferry.yaml:ro" "$image"
}

inside() {
  podman exec "$container" /bin/sh -euc "$1"
}

http_status() {
  node -e 'require("node:http").get(process.argv[1], { timeout: 2000 }, (r) => { console.log(r.statusCode); r.resume(); })
    .on("timeout", function () { this.destroy(new Error("no answer")); })
    .on("error", (e) => console.log(e.message))' "$1"
}

# within SECONDS COMMAND...: tries until the command succeeds.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.5
  done
}

is_ready() {
  local status
  status=$(http_status "http://127.0.0.1:$port/readyz")
  [[ $status == "${last_status-}" ]] || echo "/readyz: $status"
  last_status=$status
  [[ $status == 200 ]]
}

# The image has no ps; /proc says the same.
redis_pid() {
  inside 'for process in /proc/[0-9]*; do
    [ "$(cat "$process/comm" 2>/dev/null)" != redis-server ] || echo "${process#/proc/}"
  done'
}

is_unprivileged() {
  inside '[ "$(id -u)" -ne 0 ] && [ "$(id -g)" -ne 0 ] && grep -q "^CapEff:[[:space:]]*0*$" /proc/1/status'
}

root_is_read_only() {
  inside '
    for directory in / /app /etc /run /var/tmp; do
      if (: >"$directory/.write-test") 2>/dev/null; then echo "$directory is writable"; exit 1; fi
    done
    for directory in /tmp /var/lib/alertferry; do
      : >"$directory/.write-test"
      rm "$directory/.write-test"
    done'
}

has_new_redis() {
  local now
  now=$(redis_pid)
  [[ -n $now && $now != "$killed_redis" ]]
}

has_no_zombies() {
  inside '! grep -l "^State:[[:space:]]*Z" /proc/[0-9]*/status 2>/dev/null'
}

replaces_killed_redis() {
  killed_redis=$(redis_pid)
  inside "kill -9 $killed_redis"
  within "$ready_timeout_s" has_new_redis
  within "$ready_timeout_s" is_ready
  within 5 has_no_zombies
}

# Killed, the daemon leaves its lock and its socket behind, and in the next container it has the same process number.
starts_after_kill() {
  podman kill --signal KILL "$container"
  podman wait "$container"
  podman start "$container"
  within "$ready_timeout_s" is_ready
}

stops_in_time() {
  local started=$SECONDS code
  podman stop --time "$stop_timeout_s" "$container"
  code=$(podman inspect --format '{{.State.ExitCode}}' "$container")
  echo "stopped after $((SECONDS - started)) s with exit code $code"
  [[ $code == 0 ]] && ((SECONDS - started <= stop_timeout_s))
}

# --- the test --------------------------------------------------------------------------------------------------------

[[ $(id -u) == 0 ]] || cannot "it must be root, to build and run without user namespaces"
command -v npm >/dev/null || cannot "npm is missing"

check "tools: buildah, podman, runc, mmdebstrap" install_tools
overlay_works >>"$log" 2>&1 || use_copying_store
limits=(--ulimit "nofile=$(lower_of -n 20000):$(lower_of -n 20000)" --ulimit "nproc=$(lower_of -u 32768):$(lower_of -u 32768)")
write_build_settings "$(ca_bundle)"

check "base image $base" provide_base_image
pass "it is $(describe_base_image)"

check "the image builds" build_image
pass "its size is $(podman image inspect --format '{{.Size}}' "$image" | awk '{ printf "%.0f MB", $1 / 1e6 }')"
check "nothing is left in it of the build or of this machine" contains_no_leftovers
check "docker/alertferry.yaml is a valid configuration" example_config_is_valid

port=$(free_port)
unused_port=$(free_port)
write_config
check "the container starts, read-only and without privileges" start_container
check "/readyz answers 200 within $ready_timeout_s s" within "$ready_timeout_s" is_ready
check "the HEALTHCHECK is healthy" podman healthcheck run "$container"
check "neither root nor any capability" is_unprivileged
check "only /tmp and /var/lib/alertferry are writable" root_is_read_only
check "the embedded redis-server runs" test -n "$(redis_pid)"
check "a killed redis-server is replaced, and no zombie stays" replaces_killed_redis
check "after SIGKILL it starts again on the same data" starts_after_kill
check "it stops on SIGTERM within $stop_timeout_s s with exit code 0" stops_in_time

printf '%d passed, 0 failed\n' "$passed"
