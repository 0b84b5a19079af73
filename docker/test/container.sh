# One container of the image with everything forbidden that it says it does not need, and a Redis of its own.
# shellcheck shell=bash

ready_timeout_s=30
stop_timeout_s=25
healthy_within_ms=3000

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

# --read-only-tmpfs=false, because podman would else make /run and /var/tmp writable.
start_container() {
  podman run --detach --name "$container" --network host --log-driver k8s-file \
    --read-only --read-only-tmpfs=false --tmpfs /tmp --cap-drop all --security-opt no-new-privileges \
    --env "ALERTFERRY_HTTP_PORT=$port" --env CLIENT_SECRET=invented \
    --volume "$work/alertferry.yaml:/etc/alertferry/alertferry.yaml:ro" "$image"
}

# Prints after how many milliseconds /readyz answered 200; fails when it did not within the time.
ready_after() {
  node -e '
    const [url, timeoutMs] = process.argv.slice(1);
    const startedAt = Date.now();
    const look = () => require("node:http").get(url, { timeout: 2000, agent: false }, (r) => r.resume().statusCode === 200 ? done() : again())
      .on("timeout", function () { this.destroy(); }).on("error", again);
    const done = () => { console.log(Date.now() - startedAt); process.exit(0); };
    const again = () => Date.now() - startedAt > Number(timeoutMs) ? process.exit(1) : setTimeout(look, 25);
    look();' "http://127.0.0.1:$port/readyz" "$1"
}

# The best of three starts on the same data: a machine that is busy with something else must not decide.
healthy_in_time() {
  local try took best=999999
  for try in 1 2 3; do
    ((try == 1)) || { podman stop --time "$stop_timeout_s" "$container"; podman start "$container"; }
    took=$(ready_after $((ready_timeout_s * 1000)))
    echo "start $try: ready after $took ms"
    ((took >= best)) || best=$took
    ((best > healthy_within_ms)) || break
  done
  echo "$best" >"$work/healthy-after-ms"
  ((best <= healthy_within_ms))
}

# What the kernel says of the container's processes, since the image has no shell and no ps to ask.
processes() {
  podman top "$container" hpid comm state | tail -n +2
}

redis_pid() {
  processes | awk '$2 == "redis-server" { print $1 }'
}

is_unprivileged() {
  local pid status
  for pid in $(processes | awk '{ print $1 }'); do
    status=$(grep -E '^(Uid|Gid|CapPrm|CapBnd|NoNewPrivs|Seccomp):' "/proc/$pid/status" | tr '\t\n' '  ')
    echo "$status"
    [[ $status =~ Uid:\ 10001.*Gid:\ 10001.*CapPrm:\ 0+\ .*CapBnd:\ 0+\ .*NoNewPrivs:\ 1\ .*Seccomp:\ 2 ]] || return 1
  done
}

root_is_read_only() {
  podman exec "$container" node -e '
    const fs = require("node:fs");
    const isWritable = (directory) => {
      try { fs.writeFileSync(`${directory}/.write-test`, ""); fs.unlinkSync(`${directory}/.write-test`); return true; }
      catch (error) { if (["EROFS", "EACCES"].includes(error.code)) return false; throw error; }
    };
    const closed = ["/", "/app", "/etc", "/etc/alertferry", "/run", "/usr/local/bin", "/var/lib"].filter(isWritable);
    const open = ["/tmp", "/var/lib/alertferry"].filter((directory) => !isWritable(directory));
    for (const directory of [...closed, ...open]) console.log(`wrong: ${directory}`);
    process.exit(closed.length + open.length);'
}

# The alias for people, which no shell helps to run.
answers_people() {
  podman exec "$container" alertferry status
}

# The status page, and each file that it loads.
page_is_whole() {
  node --input-type=module -e '
    const [origin] = process.argv.slice(1);
    const page = await (await fetch(origin)).text();
    const files = [...page.matchAll(/(?:href|src)="([^"#:]+)"/g)].map(([, path]) => new URL(path, origin));
    const lost = [];
    for (const file of files) if (!(await fetch(file)).ok) lost.push(file.pathname);
    console.log(`${files.length} files, lost: ${lost.join(" ")}`);
    process.exit(files.length > 2 && lost.length === 0 ? 0 : 1);' "http://127.0.0.1:$port/"
}

has_new_redis() {
  local now
  now=$(redis_pid)
  [[ -n $now && $now != "$killed_redis" ]]
}

has_no_zombies() {
  ! processes | awk '$3 == "Z" { found = 1 } END { exit !found }'
}

# within SECONDS COMMAND...: tries until the command succeeds.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

replaces_killed_redis() {
  killed_redis=$(redis_pid)
  kill -9 "$killed_redis"
  within "$ready_timeout_s" has_new_redis
  ready_after $((ready_timeout_s * 1000))
  within 5 has_no_zombies
}

# Killed, the daemon leaves its lock and its socket behind, and in the next container it has the same process number.
starts_after_kill() {
  podman kill --signal KILL "$container"
  podman wait "$container"
  podman start "$container"
  ready_after $((ready_timeout_s * 1000))
}

stops_in_time() {
  local started=$SECONDS code
  podman stop --time "$stop_timeout_s" "$container"
  code=$(podman inspect --format '{{.State.ExitCode}}' "$container")
  echo "stopped after $((SECONDS - started)) s with exit code $code"
  [[ $code == 0 ]] && ((SECONDS - started <= stop_timeout_s))
}
