# The tools, and what this machine knows that a build needs: how npm and apt reach their sources from here.
# shellcheck shell=bash

# Program and package, where their names differ. catatonit holds pods together; netavark and aardvark-dns are their
# network; iptables is what netavark works with.
install_tools() {
  local missing=() tool package
  for tool in buildah podman runc mmdebstrap docker-compose:docker-compose systemd-analyze:systemd catatonit iptables; do
    package=${tool#*:}
    command -v "${tool%:*}" >/dev/null || missing+=("$package")
  done
  for package in netavark aardvark-dns; do
    dpkg-query --status "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  ((${#missing[@]} > 0)) || return 0
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"
}

# For every call of podman, also those of the tests that are no shell. The timers of health checks would want systemd;
# the checks themselves do not.
set_up_podman() {
  limits=(--ulimit "nofile=$(lower_of -n 20000)" --ulimit "nproc=$(lower_of -u 32768)")
  cat >"$work/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$(lower_of -n 20000)", "nproc=$(lower_of -u 32768)"]
[engine]
runtime = "runc"
tmp_dir = "/run/alertferry-image-test/libpod"
[network]
network_backend = "netavark"
CONF
  export CONTAINERS_CONF=$work/containers.conf DISABLE_HC_SYSTEMD=true
}

overlay_works() {
  local trial code=0
  trial=$(mktemp -d "$cache/overlay-trial.XXXXXX")
  mkdir "$trial"/{lower,upper,work,merged}
  mount -t overlay -o "lowerdir=$trial/lower,upperdir=$trial/upper,workdir=$trial/work" overlay "$trial/merged" || code=1
  ((code != 0)) || umount "$trial/merged"
  rm -rf "$trial"
  return "$code"
}

# A store of its own: what the test removes in the end, volumes above all, must be its own, too. It copies where the
# kernel or the file system has no overlays, as in a container.
use_own_store() {
  local driver=overlay
  overlay_works || driver=vfs
  cat >"$work/storage.conf" <<CONF
[storage]
driver = "$driver"
graphroot = "$cache/store-$driver"
runroot = "/run/alertferry-image-test"
CONF
  export CONTAINERS_STORAGE_CONF=$work/storage.conf
}

# Both tools ask for 1048576 open files by default, and fail where the hard limit of this session is lower.
lower_of() {
  local limit
  limit=$(ulimit -H "$1")
  if [[ $limit == unlimited ]] || ((limit > $2)); then limit=$2; fi
  echo "$limit:$limit"
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
