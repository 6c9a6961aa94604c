#!/bin/bash
# Exit 0 if this node is ready to serve. The image has no curl, which would be larger than ipam
# itself; bash, which is there, speaks TCP.
exec 3<>"/dev/tcp/127.0.0.1/${IPAM_PORT:-8080}" || exit 1
# It speaks no TLS: that the port is listened to has to do.
[ -z "${IPAM_TLS_CERT:-}" ] || exit 0
printf 'GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r _ status _ <&3
[ "$status" = 200 ]
