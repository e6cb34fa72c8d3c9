#!/bin/bash
# servers.sh DIR PART...: builds S3 servers for the tests from Go modules into DIR/bin. Parts: minio versitygw. A part
# that is there in the wanted version is left alone. (Apart from kind-config/node/programs.sh, by whose text a node
# image is named: servers that only these tests use must not make the cluster anew.)
set -euo pipefail
MINIO=v0.0.0-20260212201848-7aac2a2c5b7c # the module has no tags that Go reads: a commit
VERSITYGW=v1.8.0

DIR=$(mkdir -p "$1" && cd "$1" && pwd)
shift
export GOBIN=$DIR/bin GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
mkdir -p "$GOBIN"

# Every part is a module of its own, so that one part's dependencies can't raise another's.
build() { # NAME PACKAGE VERSION
	[ "$(cat "$GOBIN/.$1" 2>/dev/null)" = "$3" ] && [ -x "$GOBIN/$1" ] && return
	echo "== $1 $3"
	rm -f "$GOBIN/.$1"
	mkdir -p "$DIR/mod/$1"
	cd "$DIR/mod/$1"
	printf 'module dev/%s\ngo 1.26.0\n' "$1" >go.mod
	rm -f go.sum
	go get -tool "$2@$3"
	go install -ldflags "-s -w" "$2"
	echo "$3" >"$GOBIN/.$1"
}

# One at a time: two test runs would write into the same module.
exec 9>>"$DIR/s3-servers.lock"
flock 9
for part; do
	case $part in
	minio) build minio github.com/minio/minio "$MINIO" ;;
	versitygw) build versitygw github.com/versity/versitygw/cmd/versitygw "$VERSITYGW" ;;
	*)
		echo "no such part: $part" >&2
		exit 1
		;;
	esac
done
