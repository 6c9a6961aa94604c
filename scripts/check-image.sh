#!/usr/bin/env bash
# Builds the image with the repository's Dockerfile and forms the cluster of examples/cluster from it.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
Usage: scripts/check-image.sh [--keep] [--ccache] [WORK_DIR]

Builds the image as `docker build` would, starts examples/cluster/docker-compose.yml with it (three nodes
and nginx), writes at one node and reads at another, kills the leader and goes on, stops all of them,
and installs the Debian package of the image's binary in a plain Debian. Half an hour on two cores,
and 10 GB in WORK_DIR (default: a new folder in /tmp), which is removed at the end unless --keep.

Needs root on Debian 12, ports 8080 to 8083, and a network for packages; no Docker and no registry:
buildah and podman do the work, and where debian:bookworm cannot be pulled, debootstrap makes it.
With --keep, calling it again with the same WORK_DIR takes what is there. With --ccache the compilers in
the build use this machine's cache, so that a second build is done in a few minutes.
TEXT
}

keep=
volumes=()
home=~root  # in the image
work=
for argument in "$@"; do
  case $argument in
    -h | --help) usage; exit 0 ;;
    --keep) keep=1 ;;
    --ccache) volumes=(--volume "$(ccache -k cache_dir):$home/.cache/ccache") ;;
    -*) echo "check-image: unknown option '$argument' (see --help)" >&2; exit 2 ;;
    *) work=$argument ;;
  esac
done
[ "$(id -u)" = 0 ] || { echo "check-image: needs root" >&2; exit 1; }

say() { printf '%s %4d s  %s\n' "$(date +%T)" "$SECONDS" "$*"; }
fail() { echo "check-image: $*" >&2; exit 1; }

packages=(buildah podman podman-compose runc debootstrap iptables containernetworking-plugins
  golang-github-containernetworking-plugin-dnsname curl python3)
if ! dpkg-query -W "${packages[@]}" >/dev/null 2>&1; then
  say "installing what it takes"
  apt-get -qq update || true
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${packages[@]}" \
    >/dev/null || fail "apt-get failed"
fi

[ -n "$work" ] || work=$(mktemp -d /tmp/ipam-image-XXXXXX)
mkdir -p "$work"
work=$(cd "$work" && pwd)
# It is deleted at the end: only what is this script's own.
if [ ! -e "$work/storage.conf" ] && [ -n "$(ls -A "$work")" ]; then
  echo "check-image: $work holds something else; give a folder that is empty or not there" >&2
  exit 1
fi
# A storage and a configuration of its own: nothing of this machine's containers is touched. vfs and
# runc work inside containers, too, and so do limits no higher than the container's.
cat >"$work/storage.conf" <<TEXT
[storage]
driver = "vfs"
graphroot = "$work/storage"
runroot = "$work/run"
TEXT
cat >"$work/containers.conf" <<'TEXT'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
TEXT
export CONTAINERS_STORAGE_CONF=$work/storage.conf CONTAINERS_CONF=$work/containers.conf
export BUILDAH_ISOLATION=chroot
export BUILDAH_FORMAT=docker  # the OCI format has no health checks

compose_file=examples/cluster/docker-compose.yml
formed=  # set once there may be containers
compose() { podman-compose -f "$compose_file" -p ipamcheck "$@"; }
cleanup() {
  local code=$?
  if [ $code != 0 ] && [ -n "$formed" ]; then
    for node in node1 node2 node3 nginx; do
      echo "--- the end of the log of $node" >&2
      podman logs --tail 15 "ipamcheck_${node}_1" >&2 2>&1 || true
    done
  fi
  if [ -n "$formed" ]; then
    compose down -v >/dev/null 2>&1 || true
    podman network rm -f ipamcheck_default >/dev/null 2>&1 || true
  fi
  [ -n "$keep" ] || rm -rf "$work"
}
trap cleanup EXIT

# ---- images ----
have() { buildah inspect --type image "$1" >/dev/null 2>&1; }
slim=docker.io/library/debian:bookworm-slim
if ! have docker.io/library/debian:bookworm || ! have $slim; then
  if timeout 60 buildah pull -q docker.io/library/debian:bookworm >/dev/null 2>&1 &&
    timeout 60 buildah pull -q $slim >/dev/null 2>&1; then
    say "pulled debian:bookworm"
  else
    say "no registry: debian:bookworm from debootstrap"
    rm -rf "$work/root"
    debootstrap --variant=minbase bookworm "$work/root" >"$work/debootstrap.log" 2>&1 ||
      fail "debootstrap failed: $work/debootstrap.log"
    (cd "$work/root" && rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/*)
    base=$(buildah from scratch)
    buildah copy -q "$base" "$work/root" / >/dev/null
    buildah config --cmd bash \
      --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$base"
    buildah commit -q "$base" docker.io/library/debian:bookworm >/dev/null
    buildah tag docker.io/library/debian:bookworm $slim
    buildah rm "$base" >/dev/null
    rm -rf "$work/root"
  fi
fi
if ! have localhost/ipam; then
  say "building the image: $work/build.log"
  nice buildah bud --pull-never "${volumes[@]}" -t localhost/ipam . >"$work/build.log" 2>&1 ||
    { tail -n 20 "$work/build.log" >&2; fail "the image does not build"; }
fi
size=$(podman image inspect localhost/ipam --format '{{.Size}}')
base_size=$(podman image inspect $slim --format '{{.Size}}')
say "image: $((size / 1000000)) MB, of which debian:bookworm-slim is $((base_size / 1000000)) MB"
[ "$(podman image inspect localhost/ipam --format '{{.Config.User}}')" = ipam ] ||
  fail "the image runs as root"
if ! have docker.io/library/nginx:stable &&
  ! timeout 60 buildah pull -q docker.io/library/nginx:stable >/dev/null 2>&1; then
  say "nginx:stable from Debian's nginx"
  front=$(buildah from $slim)
  buildah run "$front" -- sh -c 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
    --no-install-recommends install nginx-light curl' >"$work/nginx.log" 2>&1 ||
    fail "no nginx: $work/nginx.log"
  buildah config --cmd '["nginx", "-g", "daemon off;"]' --port 80 --stop-signal SIGQUIT "$front"
  buildah commit -q "$front" docker.io/library/nginx:stable >/dev/null
  buildah rm "$front" >/dev/null
fi

# ---- the cluster ----
name() { echo "ipamcheck_$1_1"; }
api() { curl -fsS -m 10 "http://localhost:$1/api/v1$2" "${@:3}"; }
field() { python3 -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
wait_for() {  # what, command...
  local deadline=$((SECONDS + 90))
  until "${@:2}" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || fail "not within 90 s: $1"
    sleep 0.2
  done
}
allocate() {  # port: an address
  api "$1" /allocations -H 'Content-Type: application/json' -d '{"cidr": "10.0.0.0/16"}' | field ip
}

formed=1
compose up -d --no-build >"$work/compose.log" 2>&1 ||
  { tail -n 20 "$work/compose.log" >&2; fail "podman-compose up failed"; }
say "started node1, node2, node3 and nginx"
for service in node1 node2 node3 nginx; do
  wait_for "$service is healthy" podman healthcheck run "$(name $service)"
done
say "all four are healthy by their own health checks"
api 8081 /networks -H 'Content-Type: application/json' -d '{"cidr": "10.0.0.0/16"}' >/dev/null
first=$(allocate 8081)
api 8083 "/addresses/$first" >/dev/null
second=$(allocate 8080)
[ "$first" != "$second" ] || fail "one address twice: $first"
say "written at node1 ($first) and through nginx ($second), read at node3"

leader=$(api 8082 /cluster/status | field leader_id)
other=808$((leader % 3 + 1))
podman kill "$(name "node$leader")" >/dev/null
killed=$SECONDS
third=
until third=$(allocate "$other" 2>/dev/null); do
  [ $((SECONDS - killed)) -lt 60 ] || fail "nothing can be written after node$leader was killed"
  sleep 0.2
done
allocate 8080 >/dev/null
say "killed node$leader, the leader; $third written after $((SECONDS - killed)) s, and through nginx"
podman start "$(name "node$leader")" >/dev/null
wait_for "node$leader is back" podman healthcheck run "$(name "node$leader")"
for address in "$first" "$second" "$third"; do
  api "808$leader" "/addresses/$address" >/dev/null
done
say "node$leader is back and has all of it"
for service in nginx node1 node2 node3; do
  podman stop -t 20 "$(name $service)" >/dev/null
  code=$(podman inspect "$(name $service)" --format '{{.State.ExitCode}}')
  [ "$code" = 0 ] || fail "$service ended with $code when it was stopped"
done
say "all four stopped with exit code 0"

# ---- the package ----
image=$(buildah from --pull-never localhost/ipam)
mount=$(buildah mount "$image")
cp "$mount/usr/bin/ipam" "$work/ipam"
buildah umount "$image" >/dev/null
buildah rm "$image" >/dev/null
package=$(scripts/package.sh --binary "$work/ipam" "$work")
podman run --rm --network none -v "$work:/mnt:ro" $slim sh -ec "
  dpkg -i /mnt/$(basename "$package") >/dev/null
  cd /tmp && ipam network add 10.0.0.0/24 >/dev/null && ipam allocate -c 10.0.0.0/24 >/dev/null
  ipam list && dpkg -r ipam >/dev/null && test -e /etc/ipam/ipam.env && dpkg -P ipam >/dev/null &&
  test ! -e /etc/ipam/ipam.env"
say "$(basename "$package"), $(stat -c %s "$package") bytes: installed in a plain Debian, used, removed"
say "done"
