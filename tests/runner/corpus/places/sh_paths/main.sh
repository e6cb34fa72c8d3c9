set -euo pipefail
echo "$0 ${BASH_SOURCE[0]} $PWD $(pwd -P) $(realpath "$0") $(readlink -f out/files) $(cd "$(dirname "$0")" && pwd -P)"
. "$(dirname "$0")/lib.sh"
greet
for path in /sandbox /sandbox/scripts /sandbox/out /sandbox/out/files /tmp /dev/shm; do
	[ ! -L "$path" ] && [ -d "$path" ] && echo "$path is a directory"
done
find /sandbox/scripts | sort
find /sandbox/out /tmp | sort
cd scripts && ls && cd - && cd /tmp && touch a b && ls && rm -rf /tmp/* && ls -A
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "${scratch%/*}"
cp /sandbox/scripts/lib.sh "$scratch/" && mv "$scratch/lib.sh" "$SANDBOX_FILES_DIR" && ls "$SANDBOX_FILES_DIR"
tar -C "$SANDBOX_FILES_DIR" -cf "$scratch/x.tar" . && tar -tf "$scratch/x.tar" | sort
cat "$SANDBOX_INPUT_FILE" >"$SANDBOX_OUTPUT"
