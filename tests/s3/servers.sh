#!/bin/bash
# servers.sh DIR PART...: builds S3 servers for the tests from Go modules into DIR/bin. Parts: minio versitygw. A part
# that is there in the wanted version is left alone. (Apart from kind-config/node/programs.sh, by whose text a node
# image is named: servers that only these tests use must not make the cluster anew.)
set -euo pipefail
MINIO=v0.0.0-20260212201848-7aac2a2c5b7c # the module has no tags that Go reads: a commit
VERSITYGW=v1.8.0

DIR=$(mkdir -p "$1" && cd "$1" && pwd)
shift
# As in kind-config/node/programs.sh, so that what it compiled serves these, too.
export GOBIN=$DIR/bin GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0 GOGC=off GOMEMLIMIT=1GiB
mkdir -p "$GOBIN"

package_of() { # PART
	case $1 in
	minio) echo "github.com/minio/minio $MINIO" ;;
	versitygw) echo "github.com/versity/versitygw/cmd/versitygw $VERSITYGW" ;;
	*)
		echo "no such part: $1" >&2
		return 1
		;;
	esac
}
# Every part is a module of its own, so that one part's dependencies can't raise another's.
fetch() { # PART PACKAGE VERSION
	mkdir -p "$DIR/mod/$1"
	cd "$DIR/mod/$1"
	printf 'module dev/%s\ngo 1.26.0\n' "$1" >go.mod
	rm -f go.sum
	go get -tool "$2@$3"
	go list -deps "$2" >/dev/null
}
build() { # PART PACKAGE VERSION
	echo "== $1 $3"
	[ -z "${SKILLBOX_PROGRESS:-}" ] || echo "$1" >>"$SKILLBOX_PROGRESS"
	cd "$DIR/mod/$1"
	go install -gcflags=all=-dwarf=false -ldflags "-s -w" "$2"
	echo "$3" >"$GOBIN/.$1"
}

# One at a time: two test runs would write into the same module.
exec 9>>"$DIR/s3-servers.lock"
flock 9
missing=()
for part; do
	package=$(package_of "$part")
	[ "$(cat "$GOBIN/.$part" 2>/dev/null)" != "${package#* }" ] || [ ! -x "$GOBIN/$part" ] || continue
	rm -f "$GOBIN/.$part"
	missing+=("$part $package")
done
# All downloads at once; one compiles while the other's are still coming.
fetches=()
trap '[ ${#fetches[@]} -eq 0 ] || kill "${fetches[@]}" 2>/dev/null || true' EXIT
for words in "${missing[@]}"; do
	# shellcheck disable=SC2086 # words
	fetch $words &
	fetches+=($!)
done
for i in "${!missing[@]}"; do
	wait "${fetches[i]}"
	# shellcheck disable=SC2086 # words
	build ${missing[i]}
done
