#!/usr/bin/env bash
# Brings what the tests need beside Go. As root on Debian it installs it; as
# another user it names what will be left out. With CI=true a lack is a failure.
set -euo pipefail

# command            package          what is tested with it
needs='ip                iproute2         probes in network namespaces
nft               nftables         partial loss
curl              curl             a weak line between real programs
mkfs.ext4         e2fsprogs        bytes that reach a disk
losetup           mount            bytes that reach a disk
/lib/nut/upsd     nut-server       a real UPS server
/usr/sbin/unbound unbound          a real resolver
upsc              nut-client       a real UPS server
prometheus        prometheus       an engine of samples beyond one machine
victoria-metrics  victoria-metrics engines of samples beyond one machine
pdftotext         poppler-utils    the document of a report, read back'

# InfluxDB 1.8.10 speaks version 2's write and query API, and "go install" can
# build it, which takes some minutes. It is kept in the user's cache.
influxd=${XDG_CACHE_HOME:-$HOME/.cache}/thongsuot/influxd-1.8.10/influxd
if [ ! -x "$influxd" ] && command -v go >/dev/null; then
	echo "building InfluxDB 1.8.10 for the tests, once" >&2
	(cd / && GOFLAGS= GOBIN=$(dirname "$influxd") timeout 900 nice go install github.com/influxdata/influxdb/cmd/influxd@v1.8.10 2>/dev/null) ||
		echo "left out, since it could not be built: an InfluxDB to keep samples in" >&2
fi

missing=()
while read -r command package what; do
	command -v "$command" >/dev/null || missing+=("$package")
done <<<"$needs"
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	# Debian would start an upsd of its own; the tests start theirs.
	apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
	exit 0
fi
echo "left out, since it is not installed here:" >&2
while read -r command package what; do
	command -v "$command" >/dev/null || echo "  $what (needs $package)" >&2
done <<<"$needs"
[ "${CI:-}" != true ]
