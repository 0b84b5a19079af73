# Runs the commands of docs/deploying.md that are marked for it, as they stand there, in a copy of what they refer to.
# shellcheck shell=bash

# block NAME: the lines of the fenced block behind `<!-- run: NAME -->`.
block() {
  awk -v mark="<!-- run: $1 -->" '$0 == mark { found = 1; next } found && /^```/ { if (inside) exit; inside = 1; next } inside' \
    docs/deploying.md
}

# What the page calls docker is podman here, whose containers reach no network. The image is built already.
docker() {
  case $1 in
    build) podman tag "$image" alertferry:local ;;
    run) shift; podman run --network none "${@/debian:bookworm-slim/$base}" ;;
    *) podman "$@" ;;
  esac
}

# There is no cluster: what the commands name must be there.
kubectl() {
  local argument
  for argument in "$@"; do
    [[ $argument != docker/* ]] || test -f "$argument"
    [[ $argument != --from-file=* ]] || test -d "${argument#--from-file=}"
  done
}

run_lines() {
  mkdir -p "$work/site"
  [[ -d $work/site/docker ]] || cp -r docker config "$work/site/"
  (
    cd "$work/site"
    export DEFENDER_CLIENT_SECRET=invented SPLUNK_TOKEN=invented
    eval "set -e
$1"
  )
}

run_block() {
  local lines
  lines=$(block "$1")
  [[ -n $lines ]]
  run_lines "$lines"
}

container_block_runs() {
  run_block container
  within 30 podman healthcheck run alertferry
  run_block look
}

# Marked by a key that only the first daemon's Redis has got: after the restore it is there again.
backup_can_be_restored() {
  local socket=/var/lib/alertferry/data/redis.sock
  local ask="const s = require('node:net').connect('$socket', () => s.end(process.argv[1] + '\r\n')); s.pipe(process.stdout)"
  podman exec alertferry node -e "$ask" 'SET marked before-the-backup' | grep OK
  run_block backup
  run_block restore
  container_block_runs
  podman exec alertferry node -e "$ask" 'GET marked' | grep before-the-backup
  podman rm --force --time 30 alertferry
  podman volume rm alertferry
}

# In the base image, which has what a machine has, except a systemd that runs. The program is linked instead of copied:
# it is 300 MB with what only tests need.
systemd_block_runs() {
  local lines copy='cp -r dist node_modules package.json /opt/alertferry/'
  lines=$(block systemd)
  [[ $lines == *"$copy"* ]]
  podman run --rm --network none --volume "$work/site/docker:/site/docker:ro" --volume "$repository:/repository:ro" \
    --workdir /site "$base" bash -euc "
      systemctl() { echo systemctl \"\$@\"; }
      mkdir -p /etc/systemd/system
      ${lines/"$copy"/ln -s /repository/dist /repository/node_modules /repository/package.json /opt/alertferry/}
      test -f /etc/systemd/system/alertferry.service
      mkdir -p /run/credentials/alertferry.service
      cp /etc/alertferry/secrets/* /run/credentials/alertferry.service/
      export DEFENDER_CLIENT_ID=22222222-2222-4222-8222-222222222222 SPLUNK_HEC_URL=https://splunk.example:8088
      node /opt/alertferry/dist/main.js check --config /etc/alertferry/alertferry.yaml"
}
