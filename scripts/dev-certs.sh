#!/usr/bin/env bash
# A small CA of one's own, with a certificate for servers and one for clients, to try TLS with.
set -euo pipefail

days_ca=3650
days=825  # what clients of the field accept at most

usage() {
  cat <<'TEXT'
Usage: scripts/dev-certs.sh DIR [HOST...]

Makes in DIR, which must not have them yet:
  ca.pem, ca.key            a certificate authority
  server.pem, server.key    for localhost, 127.0.0.1, ::1 and each HOST (a name or an address); good
                            for peers too, which are server and client at once
  client.pem, client.key    for a client, where a server asks for one

For trying it: the key of the CA lies beside the others, unencrypted. Needs openssl(1).
TEXT
}

die() { echo "dev-certs: $*" >&2; exit 1; }

case ${1:-} in
  '') usage >&2; exit 2 ;;
  -h | --help) usage; exit 0 ;;
  -*) echo "dev-certs: unknown option '$1'" >&2; usage >&2; exit 2 ;;
esac
dir=$1
shift
command -v openssl >/dev/null || die "openssl is not installed (scripts/setup.sh test)"

names=DNS:localhost,IP:127.0.0.1,IP:::1
for host in "$@"; do
  case $host in
    *[!A-Za-z0-9.:*-]* | '' | -*) die "'$host' is neither a name nor an address" ;;
    *:*) names+=,IP:$host ;;
    *[!0-9.]*) names+=,DNS:$host ;;
    *) names+=,IP:$host ;;
  esac
done

for name in ca server client; do
  for file in "$dir/$name.pem" "$dir/$name.key"; do
    [ ! -e "$file" ] || die "$file is there already: remove it, or name another directory"
  done
done
mkdir -p "$dir"
umask 077  # the keys are for their owner alone
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

quietly() {
  "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; die "openssl failed"; }
}
new_key() {
  quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$1.key"
}
# issue NAME SUBJECT EXTENSION...
issue() {
  local name=$1 subject=$2
  shift 2
  new_key "$name"
  printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature \
    subjectKeyIdentifier=hash authorityKeyIdentifier=keyid "$@" >"$work/$name.ext"
  quietly openssl req -new -config "$work/req.cnf" -key "$work/$name.key" -subj "/CN=$subject" -out "$work/$name.csr"
  quietly openssl x509 -req -in "$work/$name.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" \
    -set_serial "0x$(openssl rand -hex 16)" -days "$days" -sha256 -extfile "$work/$name.ext" \
    -out "$work/$name.pem"
}

# Not what the system's openssl.cnf adds.
cat >"$work/req.cnf" <<'TEXT'
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
TEXT
new_key ca
quietly openssl req -x509 -new -config "$work/req.cnf" -extensions ca -key "$work/ca.key" -sha256 \
  -days "$days_ca" -subj "/CN=ipam development CA $(openssl rand -hex 4)" -out "$work/ca.pem"
issue server "${1:-localhost}" "subjectAltName=$names" extendedKeyUsage=serverAuth,clientAuth
issue client ipam-client extendedKeyUsage=clientAuth

chmod 644 "$work"/*.pem
cp -p "$work"/{ca,server,client}.{pem,key} "$dir"
cat <<TEXT
Made in $dir, good for ${names//,/, }. Next:

  ipam server --tls-cert $dir/server.pem --tls-key $dir/server.key
  ipam network list --server https://localhost:8080 --ca-cert $dir/ca.pem
  curl --cacert $dir/ca.pem https://localhost:8080/api/v1/health
TEXT
