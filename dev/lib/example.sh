# shellcheck shell=bash
# What `make up` ends with: a skill is pushed and run on a real file, through REST, and seen with kubectl.

EXAMPLE_SKILL=$ROOT/examples/skills/data-analysis
EXAMPLE_REQUEST=$ROOT/examples/data/sales-request.json # carries the text of sales.csv

# A zip of a folder, the same bytes for the same content.
zip_folder() { # FOLDER OUT
	python3 - "$1" "$2" <<-'P'
		import pathlib, sys, zipfile
		folder, out = pathlib.Path(sys.argv[1]), sys.argv[2]
		with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
		    for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
		        entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
		        entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
		        archive.writestr(entry, path.read_bytes())
	P
}

rest() { # CURL-ARGUMENT...: prints the body, fails with it on an error status
	curl -sS --fail-with-body -m 180 -H "Authorization: Bearer $(cat "$(key_file)")" "$@"
}

example_push() {
	local zip=$CACHE/tmp/example.zip stamp
	mkdir -p "$CACHE/tmp"
	zip_folder "$EXAMPLE_SKILL" "$zip"
	# Pushed before, to this cluster, and still there.
	stamp="$(sum <"$zip") $(cat "$(key_file)")"
	if [ "$(cat "$CACHE/example.pushed" 2>/dev/null)" = "$stamp" ] && rest -o /dev/null "$URL/v1/skills/data-analysis/latest"; then
		note "is there"
		return 0
	fi
	rest -H 'Content-Type: application/zip' --data-binary "@$zip" "$URL/v1/skills"
	echo "$stamp" >"$CACHE/example.pushed"
}

example_run() {
	rest -H 'Content-Type: application/json' --data-binary "@$EXAMPLE_REQUEST" "$URL/v1/executions" >"$CACHE/tmp/example.json"
	jq -e '.status == "success"' "$CACHE/tmp/example.json" >/dev/null ||
		{ echo "the execution did not succeed:" && cat "$CACHE/tmp/example.json" && return 1; }
	note "$(jq -r '"\(.duration_ms) ms in the sandbox, \(.timings.total | round) ms in all"' "$CACHE/tmp/example.json" 2>/dev/null)"
}

example_show() {
	local id
	id=$(jq -r .execution_id "$CACHE/tmp/example.json")
	say "" "${UI_BOLD}The result of data-analysis on examples/data/sales.csv, from POST $URL/v1/executions${UI_END}"
	python3 "$ROOT/dev/show-json.py" <"$CACHE/tmp/example.json"
	say "" "${UI_BOLD}The same execution: kubectl -n skillbox-$TENANT get executions.skillbox.dev${UI_END}"
	kube -n "skillbox-$TENANT" get executions.skillbox.dev -o json | jq --arg id "$id" \
		'.items |= map(select(.metadata.uid == $id or .metadata.name == $id))' |
		kube get -f - 2>/dev/null || kube -n "skillbox-$TENANT" get executions.skillbox.dev | tail -n 5
}
