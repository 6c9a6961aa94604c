#!/usr/bin/env bash
# Makes a Debian package of ipam: binary, systemd units, man pages, completions, documentation.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
Usage: scripts/package.sh [--binary FILE] [OUTPUT_DIR]

Writes OUTPUT_DIR/ipam_VERSION_ARCHITECTURE.deb (default: packages/). Without --binary it builds
build/src/server/ipam first. The same sources and binary give the same bytes: all times are those of
the last commit, or SOURCE_DATE_EPOCH. IPAM_MAINTAINER="NAME <MAIL>" signs it. Needs dpkg-dev, python3.
TEXT
}

binary=
output=packages
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --binary) binary=${2:?--binary needs a file}; shift 2 ;;
    -*) echo "package: unknown option '$1' (see --help)" >&2; exit 2 ;;
    *) output=$1; shift ;;
  esac
done
for tool in dpkg-deb dpkg-shlibdeps python3 strip; do
  command -v $tool >/dev/null ||
    { echo "package: $tool is missing; apt-get install dpkg-dev binutils python3" >&2; exit 1; }
done
if [ -z "$binary" ]; then
  scripts/build.sh build
  binary=build/src/server/ipam
fi
[ -x "$binary" ] || { echo "package: $binary is not there" >&2; exit 1; }

version=$("$binary" version)
version=${version#ipam }
architecture=$(dpkg --print-architecture)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
maintainer=${IPAM_MAINTAINER:-The founders of ipam <ipam@ipam.internal>}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
umask 022
doc=$tree/usr/share/doc/ipam

install -D -m 755 "$binary" "$tree/usr/bin/ipam"
strip --remove-section=.comment --remove-section=.note "$tree/usr/bin/ipam"

# The units name /usr/bin/ipam and /etc/ipam already, as they are for whoever installs by hand.
for unit in examples/systemd/*.service; do
  install -D -m 644 "$unit" "$tree/lib/systemd/system/$(basename "$unit")"
done

# Every variable of the server with its default, switched off: made from the table of settings.
mkdir -p "$tree/etc/ipam"
"$binary" server --explain-config --output json | python3 -c '
import json, sys
print("""# Settings of ipam.service, one per line; `ipam server --help` and ipam-server(1) say more, and
#   systemctl cat ipam
# where the data lies. What is set here is what `ipam server --explain-config` shows with it.
# Secrets belong into files of their own, not here.""")
by_the_unit = ("IPAM_DB_PATH", "IPAM_CLUSTER_MODE", "IPAM_CONFIG_FILE")
for row in json.load(sys.stdin)["settings"]:
    if row["variable"] and row["variable"] not in by_the_unit:
        print("\n# {help}\n#{variable}={default}".format(**row))
' >"$tree/etc/ipam/ipam.env"

# One page for the whole and one for each command.
mkdir -p "$tree/usr/share/man/man1"
"$binary" man --output json | python3 -c '
import json, sys
for command in json.load(sys.stdin)["commands"]:
    print(command["page"], command["words"])
' >"$work/pages"
"$binary" man >"$tree/usr/share/man/man1/ipam.1"
while read -r page words; do
  # shellcheck disable=SC2086  # the words of a command are several arguments
  "$binary" man $words >"$tree/usr/share/man/man1/$page.1"
done <"$work/pages"
gzip -9n "$tree"/usr/share/man/man1/*

mkdir -p "$tree/usr/share/bash-completion/completions" "$tree/usr/share/zsh/vendor-completions" \
  "$tree/usr/share/fish/vendor_completions.d"
"$binary" completion bash >"$tree/usr/share/bash-completion/completions/ipam"
"$binary" completion zsh >"$tree/usr/share/zsh/vendor-completions/_ipam"
"$binary" completion fish >"$tree/usr/share/fish/vendor_completions.d/ipam.fish"

mkdir -p "$doc/examples"
cp README.md "$doc/"
cp -r docs "$doc/docs"
cp -r examples/{cluster,haproxy,kubernetes,monitoring,README.md} "$doc/examples/"
cat >"$doc/copyright" <<'TEXT'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: ipam
Comment: The binary holds, linked statically, parts of Boost (Boost Software License 1.0), Asio
 (Boost Software License 1.0), {fmt} (MIT), SQLite (public domain) and zlib (zlib license).

Files: *
Copyright: 2026, the founders of ipam
License: proprietary
 No license has been granted yet.
TEXT
cat >"$work/changelog" <<TEXT
ipam ($version) unstable; urgency=medium

  * Version $version; what changed is in the history of the repository.

 -- $maintainer  $(date -u -R -d "@$SOURCE_DATE_EPOCH")
TEXT
gzip -9nc "$work/changelog" >"$doc/changelog.gz"

mkdir -p "$tree/DEBIAN" "$work/debian"
printf 'Source: ipam\n\nPackage: ipam\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O "$tree/usr/bin/ipam" 2>/dev/null)
depends=${depends#shlibs:Depends=}
cat >"$tree/DEBIAN/control" <<TEXT
Package: ipam
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude=DEBIAN "$tree" | cut -f1)
Depends: $depends
Suggests: nginx | haproxy, prometheus
Section: net
Priority: optional
Description: IP address manager, alone or as a Raft cluster
 ipam manages IPv4 and IPv6 networks, the addresses that are handed out from
 them, leases, reservations, and the record of who changed what, over HTTP and
 on the command line. It runs alone, or as a cluster of three or more nodes
 that survives the death of any one of them.
 .
 ipam.service runs it alone, ipam-cluster@N.service as node N of a cluster.
TEXT
echo /etc/ipam/ipam.env >"$tree/DEBIAN/conffiles"

# A new version is not started by its installation: in a cluster one node is restarted after the
# other, and when is for the administrator to say. Data is left alone even when purged.
cat >"$tree/DEBIAN/postinst" <<'TEXT'
#!/bin/sh
set -e
if [ "$1" = configure ] && [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || true
fi
TEXT
cat >"$tree/DEBIAN/prerm" <<'TEXT'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  deb-systemd-invoke stop ipam.service 'ipam-cluster@*.service' >/dev/null || true
fi
TEXT
cat >"$tree/DEBIAN/postrm" <<'TEXT'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || true
fi
TEXT
chmod 755 "$tree"/DEBIAN/{postinst,prerm,postrm}
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z |
  xargs -0 md5sum) >"$tree/DEBIAN/md5sums"

find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$output"
package=$output/ipam_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zxz --build "$tree" "$package" >/dev/null
echo "$package"
