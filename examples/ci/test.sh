#!/bin/bash
# Runs the cases of skills: examples/ci/test.sh [--local] FOLDER...
# With --local on this machine, else on the server of SKILLBOX_SERVER_URL and SKILLBOX_API_KEY. reports/NAME.xml is JUnit's.
# Where the command line is missing it is built from this checkout: on Debian 12, as root.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
where=()
if [ "${1:-}" = --local ]; then
	where=(--local)
	shift
fi
[ $# -gt 0 ] || { echo "usage: test.sh [--local] FOLDER..." >&2 && exit 64; }

if ! command -v skillbox >/dev/null; then
	apt-get -q update
	apt-get -q install -y --no-install-recommends build-essential pkg-config cmake ninja-build ccache git ca-certificates \
		libuv1-dev libwebsockets-dev libwebsockets-evlib-uv libcurl4-openssl-dev libyaml-dev libpcre2-dev libssl-dev \
		libpq-dev libmicrohttpd-dev libarchive-dev libseccomp-dev liblz4-dev libcmocka-dev python3 nodejs
	make -C "$root" install
fi

mkdir -p reports
failed=''
for folder; do
	echo "== $folder"
	skillbox test "$folder" "${where[@]}" --junit "reports/$(basename "$folder").xml" || failed+=" $folder"
done
[ -z "$failed" ] || { echo "failed:$failed" >&2 && exit 1; }
