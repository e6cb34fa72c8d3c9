# shellcheck shell=bash disable=SC2034
# What each part of `make test` may take, in seconds on two idle cores with everything cached, and what it took. The table in
# docs/development.md says the same (tests/assurance/test_budgets.py), and why. A new test pays its way within its suite's budget.
BUDGETS=(
	check:175
	up:20
	prepare:15
	embedded:560
	embedded-alone:245
	s3-postgres-enter:12
	s3-postgres:70
	s3-postgres-alone:130
	gvisor-enter:10
	gvisor:135
	gvisor-alone:30
	image-volume-enter:8
	image-volume:35
	init-container-enter:10
	init-container:40
)

BUDGET_FILE=$LOGS/budgets.tsv

budget_of() { # PART
	local entry
	for entry in "${BUDGETS[@]}"; do
		[ "${entry%:*}" != "$1" ] || { echo "${entry#*:}" && return; }
	done
}

budget_start() {
	BUDGET_STARTED=$(now_ms)
	: >"$BUDGET_FILE"
}
# budget_time PART COMMAND...: runs it, and notes how long it took. What fails ends the script, unless the caller asks for the
# status. (Not `COMMAND || …` here: bash would go on after failures inside COMMAND, and inside each step of it.)
budget_time() {
	local part=$1 start rc
	shift
	start=$(now_ms)
	"$@"
	rc=$?
	printf '%s\t%d\n' "$part" $(($(now_ms) - start)) >>"$BUDGET_FILE"
	return $rc
}

# What was noted, beside what it may take.
budget_table() {
	local part took budget mark over=()
	say "" "  where the time went            took   budget"
	while IFS=$'\t' read -r part took; do
		budget=$(budget_of "$part") mark=''
		if [ -n "$budget" ] && [ "$took" -gt $((budget * 1000)) ]; then
			over+=("$part") mark='  over its budget'
		fi
		printf '  %-26s %8s %8s%s\n' "$part" "$(seconds "$took")" "${budget:+$budget s}" "$mark"
	done <"$BUDGET_FILE"
	printf '  %-26s %8s\n' "all" "$(seconds $(($(now_ms) - BUDGET_STARTED)))"
	[ "${#over[@]}" = 0 ] || say "  over budget: ${over[*]} (docs/development.md)"
}
