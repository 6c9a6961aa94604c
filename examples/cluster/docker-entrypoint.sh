#!/bin/bash
# Starts ipam in a container. With IPAM_NODE_ID set it is a node of a cluster, whose data directory
# is made on the first start from:
#   IPAM_NODE_ID          such as 1
#   IPAM_CLUSTER_ID       the same on all nodes (default 1)
#   IPAM_RAFT_ADDR        where the other nodes reach this one: host:port
#   IPAM_INITIAL_MEMBERS  "1:host:port,2:host:port,3:host:port", the same on all founding nodes;
#                         empty: a cluster of this node alone
#   IPAM_CLUSTER_SECRET   what the nodes prove to each other, the same on all of them; or
#                         IPAM_CLUSTER_SECRET_FILE, a file that holds it
# A node that is not in IPAM_INITIAL_MEMBERS waits until POST /api/v1/cluster/nodes adds it.
# Without IPAM_NODE_ID it runs standalone. Arguments are handed on to `ipam server`; if the first
# one is a command of ipam (such as `list`), that is run instead.
set -euo pipefail
data=/data

if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  exec ipam "$@"
fi
if [ -z "${IPAM_NODE_ID:-}" ]; then
  exec ipam server --db "$data" "$@"
fi

: "${IPAM_RAFT_ADDR:?IPAM_RAFT_ADDR is missing: where the other nodes reach this one, host:port}"
if [ ! -e "$data/cluster.json" ]; then
  form=(--node-id "$IPAM_NODE_ID" --cluster-id "${IPAM_CLUSTER_ID:-1}"
    --raft-addr "$IPAM_RAFT_ADDR" --data-dir "$data")
  if [ -n "${IPAM_INITIAL_MEMBERS:-}" ]; then
    # `join` founds the cluster too, where the node is one of the initial members.
    ipam cluster join "${form[@]}" --initial-members "$IPAM_INITIAL_MEMBERS"
  else
    ipam cluster init "${form[@]}" --single-node
  fi
fi
exec ipam server --cluster --config "$data/cluster.json" "$@"
