#!/usr/bin/env bash
#
# Builds the image and proves that it keeps what docker/Dockerfile promises, and that the files which run it, for
# Compose, Kubernetes and systemd, do so too. The parts are in docker/test and test/image.
#
#   docker/image-test.sh [--keep]        --keep leaves the image in place, to look at it
#
# Wants no Docker engine: buildah builds, podman and runc run. As root on Debian 12, with npm; the tools that are
# missing are installed through apt. Where the official base image can be had, it is used. Where no image registry can
# be reached, a stand-in is made from what apt and npm bring, and takes its name.
#
# Leaves behind, in its cache directory: sbom.cdx.json, what the image is made of; the base image; and, when it made a
# stand-in, 300 MB of that. Nothing of the machine's own containers, images and volumes is touched.
# Exit code 0: every check passed. 1: one failed, its output is shown. 2: this machine cannot run the test.

# Single quotes around $ are meant: a shell in the container, or apt, expands it.
# shellcheck disable=SC2016

set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repository"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/alertferry-image
base=$(sed -n 's/^ARG NODE_IMAGE=//p' docker/Dockerfile | head -n 1)
node_major=$(sed -E 's/.*node:([0-9]+)-.*/\1/' <<<"$base")
debian=$(sed -E 's/.*-(.*)-slim$/\1/' <<<"$base")
sbom=$cache/sbom.cdx.json

image=localhost/alertferry:image-test
container=alertferry-image-test-$$
stand_in_label=io.alertferry.stand-in
stand_in_max_age_days=30
pull_timeout_s=60

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
for part in report machine base-image image container deployments papers; do
  # shellcheck source=/dev/null
  source "docker/test/$part.sh"
done

[[ $(id -u) == 0 ]] || cannot "it must be root, to build and run without user namespaces"
command -v npm >/dev/null || cannot "npm is missing"
mkdir -p "$cache"

check "tools: buildah, podman, runc, mmdebstrap, docker-compose, systemd" install_tools
check "node modules and the program, for what plays the outside" node scripts/setup.mjs
use_own_store >>"$log" 2>&1
set_up_podman
write_build_settings "$(ca_bundle)"

check "base image $base" provide_base_image
pass "it is $(describe_base_image)"

check "the image builds" build_image
pass "its size is $(size_of "$image"), of which the base image, $(size_of "$base"), is no part"
check "it is labelled" has_labels
check "it holds no program but node, redis-server, tini and alertferry: no shell" holds_no_other_program
check "nothing is left in it of the build or of this machine" contains_no_leftovers
check "every module and package in it can be imported" imports_everything
check "its SBOM is complete: $sbom" sbom_is_complete
pass "it lists $(describe_sbom)"

check "docker/alertferry.yaml is a valid configuration" config_is_valid "$repository/docker/alertferry.yaml"
check "with the syslog receiver, too" syslog_config_is_valid
check "docker/compose.yaml is accepted in every combination of profiles" compose_is_accepted
check "the files that it mounts are there" compose_finds_its_files
check "docker/systemd/alertferry.service is a valid unit" unit_is_valid
check "it is hardened: exposure $(exposure) of 10, at most $most_exposure" unit_is_hardened
check "the demo works under its filter of system calls" works_under_the_units_filter

port=$(free_port)
unused_port=$(free_port)
write_config
check "the container starts, read-only and without privileges" start_container
check "it is healthy within $healthy_within_ms ms" healthy_in_time
pass "it took $(cat "$work/healthy-after-ms") ms"
podman tag "$image" registry.example/alertferry:0.1.0
beside npx tsx test/image/kubernetes.ts

check "the HEALTHCHECK is healthy" podman healthcheck run "$container"
check "neither root nor any capability, with seccomp, without new privileges" is_unprivileged
check "only /tmp and /var/lib/alertferry are writable" root_is_read_only
check "docker exec NAME alertferry status answers" answers_people
check "the status page and each file that it loads is there" page_is_whole
check "the embedded redis-server runs" test -n "$(redis_pid)"
check "a killed redis-server is replaced, and no zombie stays" replaces_killed_redis
check "after SIGKILL it starts again on the same data" starts_after_kill
check "it stops on SIGTERM within $stop_timeout_s s with exit code 0" stops_in_time

for name in build secrets kubernetes; do check "docs/deploying.md: the commands for $name" run_block "$name"; done
check "docs/deploying.md: the commands for a container" container_block_runs
check "docs/deploying.md: a backup, and back again" backup_can_be_restored
check "docs/deploying.md: the commands for systemd" systemd_block_runs

join_beside "both Kubernetes manifests, played"

printf '%d passed, 0 failed\n' "$passed"
