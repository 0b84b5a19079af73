# The files beside the image: Compose, Kubernetes, systemd. Run in the repository's root.
# shellcheck shell=bash

# Best is 0, everything forbidden. What is left above it is in docs/deploying.md.
most_exposure=1.5

# Accepted by Compose itself, in each combination of profiles. Compose 1, which Debian 12 has, knows no `name:`.
compose_is_accepted() {
  local compose=(command docker compose) file=docker/compose.yaml profiles profile args found service
  if ! command docker compose version; then
    compose=(docker-compose)
    file=$work/compose.yaml
    sed '/^name:/d' docker/compose.yaml >"$file"
  fi
  export DEFENDER_CLIENT_ID=22222222-2222-4222-8222-222222222222 SPLUNK_HEC_URL=https://splunk.example:8088
  for profiles in "" monitoring syslog "monitoring syslog"; do
    args=()
    for profile in $profiles; do args+=(--profile "$profile"); done
    "${compose[@]}" --project-directory docker --file "$file" "${args[@]}" config --quiet
    found=" $("${compose[@]}" --project-directory docker --file "$file" "${args[@]}" config --services | paste -sd' ') "
    for service in $(services_of "$profiles"); do
      [[ $found == *" $service "* ]] || { echo "with $profiles there is no $service"; return 1; }
    done
  done
}

services_of() {
  echo alertferry redis
  case " $1 " in *" monitoring "*) echo prometheus grafana ;; esac
  case " $1 " in *" syslog "*) echo rsyslog ;; esac
}

# Each file that compose.yaml mounts is there; Compose itself would make an empty directory of one that is not.
compose_finds_its_files() {
  local missing
  missing=$(grep -oE '^ +- \.\.?/[^:]+' docker/compose.yaml | sed 's/^ *- //' | while read -r path; do
    [[ -e docker/$path ]] || echo "$path"
  done)
  [[ -z $missing ]] || { echo "missing: $missing"; return 1; }
}

# A configuration with invented secrets where it looks for them.
config_is_valid() {
  local file=$1 name
  mkdir -p "$work/secrets"
  for name in http_token defender_client_secret splunk_hec_token; do echo "invented-$name-0123456789abcdef" >"$work/secrets/$name"; done
  echo redis://redis:6379 >"$work/secrets/redis_url"
  podman run --rm --network host --volume "$file:/etc/alertferry/alertferry.yaml:ro" \
    --volume "$work/secrets:/run/secrets:ro" \
    --env REDIS_URL=redis://redis:6379 \
    --env DEFENDER_CLIENT_ID=22222222-2222-4222-8222-222222222222 \
    --env SPLUNK_HEC_URL=https://splunk.example:8088 \
    "$image" check
}

# With the lines in force that the syslog profile wants, which stand in it as comments.
syslog_config_is_valid() {
  sed -E 's/^( *)#: /\1/' docker/alertferry.yaml >"$work/with-syslog.yaml"
  ! cmp --silent docker/alertferry.yaml "$work/with-syslog.yaml"
  config_is_valid "$work/with-syslog.yaml"
}

unit_is_valid() {
  local unit=docker/systemd/alertferry.service
  mkdir -p "$work/unit"
  # The programs that it names are wherever they are on this machine.
  sed "s#/usr/bin/node#$(command -v node)#" "$unit" >"$work/unit/alertferry.service"
  systemd-analyze verify --man=no "$work/unit/alertferry.service" 2>&1 | tee "$work/unit/said"
  [[ ! -s $work/unit/said ]]
  grep -qx 'RestartPreventExitStatus=2' "$unit"
}

exposure() {
  systemd-analyze security --offline=true --no-pager docker/systemd/alertferry.service |
    sed -nE 's/.*Overall exposure level for alertferry.service: ([0-9.]+).*/\1/p'
}

unit_is_hardened() {
  exposure | awk -v most="$most_exposure" '{ print; exit !($1 != "" && $1 <= most) }'
}

# syscalls GROUP: the calls in a group of systemd's, those of the groups in it included.
syscalls() {
  local entry
  systemd-analyze syscall-filter "$1" | sed -nE 's/^ +([@a-z_0-9-]+).*/\1/p' | while read -r entry; do
    if [[ $entry == @* ]]; then syscalls "$entry"; else echo "$entry"; fi
  done
}

# systemd runs on no machine that is a container itself. Its filter of system calls is put on the demo instead, in which
# Node, Redis and everything between a source and a receiver work: what the daemon needs is not forbidden.
works_under_the_units_filter() {
  local allowed
  grep -qx 'SystemCallFilter=@system-service' docker/systemd/alertferry.service
  grep -qx 'SystemCallFilter=~@privileged @resources' docker/systemd/alertferry.service
  allowed=$(comm -23 <(syscalls @system-service | sort -u) <({ syscalls @privileged; syscalls @resources; } | sort -u))
  node -p 'JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", syscalls: [{ action: "SCMP_ACT_ALLOW", names: process.argv.slice(1) }] })' \
    $allowed >"$work/seccomp.json"
  podman run --rm --network none --read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop all \
    --security-opt no-new-privileges --security-opt "seccomp=$work/seccomp.json" "$image" demo --for 3s | tee "$work/demo.out"
  grep -q '^read = delivered' "$work/demo.out"
}
