#!/usr/bin/env bash
# A three-node ipam cluster on this machine: sets up, builds, forms it, starts it, says how to use it.
set -euo pipefail
cd "$(dirname "$0")/.."

http_port=${IPAM_CLUSTER_HTTP_PORT:-8081}
raft_port=${IPAM_CLUSTER_RAFT_PORT:-5001}
data=${IPAM_CLUSTER_DATA:-cluster-data}
host=${IPAM_HOST:-127.0.0.1}
start_seconds_max=30
stop_seconds_max=10
nodes=(1 2 3)

usage() {
  cat <<TEXT
Usage: scripts/3-node-cluster.sh [COMMAND]

  (none)      build, start the three nodes, stay in the foreground; Ctrl-C stops them
  --detach    the same, but leave them running and return
  status      which nodes run, and who leads
  stop        stop the nodes that this script started; their data stays
  clean       stop them and delete $data/
  --help      this text

HTTP on ports $http_port to $((http_port + 2)), raft on $raft_port to $((raft_port + 2)); data and logs in $data/.
Environment: IPAM_CLUSTER_HTTP_PORT, IPAM_CLUSTER_RAFT_PORT (the first of three),
IPAM_CLUSTER_DATA, IPAM_HOST (the address to listen on, default 127.0.0.1).
TEXT
}

say() { echo "$*"; }
die() { echo "3-node-cluster: $*" >&2; exit 1; }

http_port_of() { echo $((http_port + $1 - 1)); }
raft_port_of() { echo $((raft_port + $1 - 1)); }
log_of() { echo "$data/node$1.log"; }
pid_file_of() { echo "$data/node$1.pid"; }

# ---- our own processes ----
# A pid alone may by now be someone else's; with its start time and its executable it is ours.
start_time_of() {
  # Field 22 of stat; the name in parentheses before it may hold spaces.
  sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}
exe_of() { readlink "/proc/$1/exe" 2>/dev/null | sed 's/ (deleted)$//'; }

# Prints the pid of node $1 if the process that we started still runs.
running_pid() {
  local pid started exe
  read -r pid started exe 2>/dev/null <"$(pid_file_of "$1")" || return 1
  [ -n "$pid" ] && [ "$(start_time_of "$pid")" = "$started" ] && [ "$(exe_of "$pid")" = "$exe" ] ||
    return 1
  echo "$pid"
}

# Prints "name (pid N)" of whoever listens on TCP port $1; fails if nobody does.
port_holder() {
  local inode hex link pid
  hex=$(printf '%04X' "$1")
  inode=$(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { print $10; exit }')
  [ -n "$inode" ] || return 1
  link=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "socket:\\[$inode\\]" -print -quit 2>/dev/null || true)
  if [ -n "$link" ]; then
    pid=${link#/proc/}
    pid=${pid%%/*}
    echo "$(cat "/proc/$pid/comm" 2>/dev/null || echo process) (pid $pid)"
    return
  fi
  echo "another process"
}

# Fails with one line if a port of a node that does not run is held by someone.
refuse_taken_ports() {
  local node port holder
  for node in "${nodes[@]}"; do
    running_pid "$node" >/dev/null && continue
    for port in "$(http_port_of "$node")" "$(raft_port_of "$node")"; do
      if holder=$(port_holder "$port"); then
        die "port $port is taken by $holder; $1"
      fi
    done
  done
}

# ---- health ----
probe=$host
[ "$probe" != 0.0.0.0 ] || probe=127.0.0.1
get() { curl -sf --max-time 2 "http://$probe:$(http_port_of "$1")/api/v1/$2"; }
healthy() { get "$1" health >/dev/null; }
leader_seen_by() { get "$1" cluster/status 2>/dev/null | sed -n 's/.*"leader_id": *\([0-9]*\).*/\1/p'; }

# All three are healthy and name the same leader.
formed() {
  local node leader='' seen
  for node in "${nodes[@]}"; do
    healthy "$node" || return 1
    seen=$(leader_seen_by "$node")
    [ -n "$seen" ] && [ "$seen" != 0 ] && [ "${leader:-$seen}" = "$seen" ] || return 1
    leader=$seen
  done
  echo "$leader"
}

# ---- start ----
members() {
  local node list=''
  for node in "${nodes[@]}"; do list+="${list:+,}$node:localhost:$(raft_port_of "$node")"; done
  echo "$list"
}

form_node() {
  local node=$1 command=(join)
  if [ -e "$data/node$node/cluster.json" ]; then
    grep -q "\"raft_addr\": *\"localhost:$(raft_port_of "$node")\"" "$data/node$node/cluster.json" ||
      die "$data/node$node was made for another raft port: give that one, or delete the data with" \
        "scripts/3-node-cluster.sh clean"
    return
  fi
  # Node 1 makes the secret that they prove to each other, the others get copies.
  [ ! -e "$data/node1/cluster.secret" ] || command+=(--secret-file "$data/node1/cluster.secret")
  [ "$node" != 1 ] || command=(init)
  ./ipam cluster "${command[@]}" --node-id "$node" --cluster-id 100 \
    --raft-addr "localhost:$(raft_port_of "$node")" --data-dir "$data/node$node" \
    --initial-members "$(members)" >>"$(log_of "$node")" 2>&1 || node_failed "$node" "did not form"
}

# Data of an earlier version has no secret.
peer_auth() {
  local node
  for node in "${nodes[@]}"; do [ -e "$data/node$node/cluster.secret" ] || { echo off; return; }; done
  echo required
}

start_node() {
  local node=$1 pid exe
  # A session of its own: neither Ctrl-C nor the end of the terminal reaches it but through us.
  setsid ./ipam server --cluster --config "$data/node$node/cluster.json" --host "$host" \
    --port "$(http_port_of "$node")" --peer-auth "$(peer_auth)" >>"$(log_of "$node")" 2>&1 </dev/null &
  pid=$!
  exe=$(readlink -f ./ipam)
  echo "$pid $(start_time_of "$pid") $exe" >"$(pid_file_of "$node")"
  # Until then it is still bash or setsid, and running_pid would not know it.
  while [ "$(exe_of "$pid")" != "$exe" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
}

node_failed() {
  local node=$1 what=$2
  {
    echo "3-node-cluster: node $node $what. Its log is $(log_of "$node"), which ends with:"
    tail -n 15 "$(log_of "$node")" | sed 's/^/  /'
  } >&2
  stop_nodes "${started[@]}"
  exit 1
}

wait_until_formed() {
  local deadline=$((SECONDS + start_seconds_max)) node leader
  while ! leader=$(formed); do
    for node in "${started[@]}"; do
      running_pid "$node" >/dev/null || node_failed "$node" "ended by itself"
    done
    if [ $SECONDS -ge $deadline ]; then
      for node in "${nodes[@]}"; do
        healthy "$node" || node_failed "$node" "was not healthy within $start_seconds_max seconds"
      done
      node_failed 1 "sees no leader that all agree on after $start_seconds_max seconds"
    fi
    sleep 0.1
  done
  say "Healthy: nodes 1, 2 and 3; node $leader leads."
}

print_use() {
  local first=$http_port shown=$probe
  [ "$probe" != 127.0.0.1 ] || shown=localhost
  cat <<TEXT

Any node answers everything:
  curl http://$shown:$first/api/v1/health
  curl -X POST http://$shown:$((first + 1))/api/v1/networks \\
    -H "Content-Type: application/json" -d '{"cidr": "10.0.0.0/16", "description": "Production network"}'
  curl -X POST http://$shown:$((first + 2))/api/v1/allocations \\
    -H "Content-Type: application/json" -d '{"cidr": "10.0.0.0/16", "hostname": "web-server"}'
  curl http://$shown:$first/api/v1/cluster/status
  ./ipam list --server http://$shown:$first

Logs: $data/node1.log, node2.log, node3.log
TEXT
}

start() {
  local detach=$1 node
  started=()
  for node in "${nodes[@]}"; do running_pid "$node" >/dev/null || started+=("$node"); done
  if [ ${#started[@]} -eq 0 ]; then
    say "Already running: HTTP on ports $http_port to $((http_port + 2))." \
      "Stop it with: scripts/3-node-cluster.sh stop"
    return
  fi
  refuse_taken_ports "nothing was started"
  scripts/setup.sh build
  say "Building ipam (the first time takes some minutes) …"
  scripts/build.sh
  refuse_taken_ports "nothing was started"

  mkdir -p "$data"
  [ "$detach" = 1 ] || trap 'echo; stop_nodes "${started[@]}"; exit 0' INT TERM HUP
  for node in "${started[@]}"; do form_node "$node"; done
  for node in "${started[@]}"; do start_node "$node"; done
  wait_until_formed
  print_use
  if [ "$detach" = 1 ]; then
    say "Stop: scripts/3-node-cluster.sh stop     Delete the data too: scripts/3-node-cluster.sh clean"
    return
  fi
  say "Stop: Ctrl-C (the data stays; delete it with: scripts/3-node-cluster.sh clean)"
  stay "${started[@]}"
}

# Until the last of them has ended; says so when one ends, which is how to watch a fail-over.
stay() {
  local alive=("$@") still node
  while [ ${#alive[@]} -gt 0 ]; do
    sleep 1
    still=()
    for node in "${alive[@]}"; do
      if running_pid "$node" >/dev/null; then
        still+=("$node")
      else
        say "Node $node has ended; see $(log_of "$node"). The others go on."
      fi
    done
    alive=("${still[@]}")
  done
}

# ---- stop, status, clean ----
stop_nodes() {
  local node pid deadline left=() still
  for node in "$@"; do
    if pid=$(running_pid "$node"); then
      kill -TERM "$pid" 2>/dev/null || true
      left+=("$node")
    fi
  done
  deadline=$((SECONDS + stop_seconds_max))
  while [ ${#left[@]} -gt 0 ]; do
    still=()
    for node in "${left[@]}"; do
      if pid=$(running_pid "$node"); then
        still+=("$node")
        [ $SECONDS -lt $deadline ] || kill -KILL "$pid" 2>/dev/null || true
      else
        say "Node $node has stopped."
      fi
    done
    left=("${still[@]}")
    [ ${#left[@]} -eq 0 ] || sleep 0.1
  done
  for node in "$@"; do rm -f "$(pid_file_of "$node")"; done
}

stop() {
  local node any=0
  for node in "${nodes[@]}"; do running_pid "$node" >/dev/null && any=1; done
  stop_nodes "${nodes[@]}"
  [ $any = 1 ] || say "Not running."
}

status() {
  local node pid health all=0
  for node in "${nodes[@]}"; do
    if ! pid=$(running_pid "$node"); then
      say "node $node: not running"
      all=1
      continue
    fi
    health="not healthy, see $(log_of "$node")"
    if healthy "$node"; then
      health="healthy, $(get "$node" cluster/status | sed -n 's/.*"role": *"\([a-z]*\)","raft_state".*/\1/p')"
      health=${health%, }
    else
      all=1
    fi
    say "node $node: running (pid $pid), http://${probe/#127.0.0.1/localhost}:$(http_port_of "$node"), $health"
  done
  return $all
}

clean() {
  local node
  refuse_taken_ports "it was not started by this script, so nothing was deleted"
  stop
  for node in "${nodes[@]}"; do
    rm -rf "$data/node$node" "$(log_of "$node")" "$(pid_file_of "$node")"
  done
  [ ! -d "$data" ] || rmdir "$data" 2>/dev/null || say "$data/ holds other files too and was kept."
  say "Deleted the data of the cluster."
}

case ${1:-} in
  '') start 0 ;;
  --detach | -d) start 1 ;;
  stop) stop ;;
  status) status ;;
  clean) clean ;;
  -h | --help) usage ;;
  *) echo "3-node-cluster: unknown command '$1'; see scripts/3-node-cluster.sh --help" >&2; exit 2 ;;
esac
