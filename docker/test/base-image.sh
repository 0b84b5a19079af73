# The base image: the official one, or a stand-in where no image registry can be reached.
# shellcheck shell=bash

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
