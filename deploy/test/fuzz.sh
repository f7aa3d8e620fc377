#!/usr/bin/env bash
# Runs every fuzz target for the time given.
set -euo pipefail
cd "$(dirname "$0")/../.."
for pkg in $(go list ./...); do
	for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
		go test -run '^$' -fuzz "^$target\$" -fuzztime "${1:-20s}" "$pkg"
	done
done
