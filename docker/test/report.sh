# How image-test.sh reports, and what it leaves behind: nothing.
# shellcheck shell=bash

passed=0
beside_pid=
step_started=$SECONDS

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

# beside COMMAND...: starts a test that prints its own lines, `ok ...` for each that passed, beside those that follow.
beside() {
  "$@" >"$work/beside.out" 2>"$work/beside.err" &
  beside_pid=$!
}

# Waits for it, and counts what it passed.
join_beside() {
  local code=0
  wait "$beside_pid" || code=$?
  beside_pid=
  cat "$work/beside.out"
  passed=$((passed + $(grep -c '^ok ' "$work/beside.out" || true)))
  cp "$work/beside.err" "$log"
  ((code == 0)) || fail "$1"
}

clean_up() {
  local code=$?
  trap - EXIT
  [[ -z $beside_pid ]] || kill "$beside_pid" 2>/dev/null || true
  # Whatever runs in the test's own store was started by it.
  podman pod rm --all --force --time 0 >/dev/null 2>&1 || true
  podman rm --all --force --volumes --time 0 >/dev/null 2>&1 || true
  [[ $keep == yes ]] || podman rmi --force "$image" registry.example/alertferry:0.1.0 >/dev/null 2>&1 || true
  rm -rf "$work"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
