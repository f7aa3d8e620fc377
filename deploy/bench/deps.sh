#!/usr/bin/env bash
# Brings the peers that the bench runs beside ours. As root on Debian it
# installs them, without starting any; otherwise the bench names what it leaves
# out. Nothing else needs them.
set -euo pipefail

# command                       package
peers='prometheus                     prometheus
prometheus-blackbox-exporter   prometheus-blackbox-exporter
vmagent                        victoria-metrics
influxd                        influxdb
fping                          fping
mkfs.ext4                      e2fsprogs'

missing=()
while read -r command package; do
	command -v "$command" >/dev/null || missing+=("$package")
done <<<"$peers"
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "peers that are not installed here: ${missing[*]}" >&2
	exit 0
fi

export DEBIAN_FRONTEND=noninteractive
# Debian starts services as it installs them; these must not run.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
for package in "${missing[@]}"; do
	apt-get install -y -qq --no-install-recommends "$package" >/dev/null || echo "not to be had: $package" >&2
done
