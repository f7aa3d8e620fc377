#!/usr/bin/env bash
# Builds the agent for every kind of box that stands in offices, into dist/, and
# checks what makes it fit for them: static, so that it needs no libc of theirs,
# and small.
#   build.sh VERSION
set -euo pipefail
cd "$(dirname "$0")/../.."
version=${1:-dev}
most=$((14 * 1000 * 1000)) # bytes of a stripped agent

mkdir -p dist
for target in amd64 arm64 arm:GOARM=7 mipsle:GOMIPS=softfloat; do
	arch=${target%%:*} option=${target#*:}
	[ "$option" = "$target" ] && option=
	file=dist/thongsuot-agent-linux-$arch
	case $arch in arm) file+=v7 ;; mipsle) file+=-softfloat ;; esac
	env CGO_ENABLED=0 GOOS=linux GOARCH="$arch" $option \
		go build -trimpath -ldflags "-s -w -X main.version=$version" -o "$file" ./cmd/thongsuot-agent
	if grep -qaE '/ld-(linux|musl)[^/]*\.so' "$file"; then
		echo "$file: names a dynamic linker, so it is not static" >&2
		exit 1
	fi
	size=$(stat -c %s "$file")
	if [ "$size" -gt "$most" ]; then
		echo "$file: $size bytes, at most $most" >&2
		exit 1
	fi
	echo "$file $size bytes"
done
# The one that this machine can run, if any, does.
own=dist/thongsuot-agent-linux-$(go env GOARCH)
[ ! -x "$own" ] || "$own" version
