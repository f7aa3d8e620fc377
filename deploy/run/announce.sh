#!/usr/bin/env bash
# Says what the first build takes, before it takes it.
cd "$(dirname "$0")/../.."
if [ ! -x bin/thongsuot-central ]; then
	echo "First build: two to four minutes on two cores; about 200 MB are downloaded and 1.6 GB of disk are used. Later ones take seconds."
fi
