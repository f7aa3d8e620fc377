#!/usr/bin/env bash
# Says what the first build takes, before it takes it.
cd "$(dirname "$0")/../.."
if [ ! -x bin/thongsuot-central ]; then
	echo "First build: about 3 minutes on two cores, 1.2 GB of Go modules and build cache; later ones take seconds."
fi
