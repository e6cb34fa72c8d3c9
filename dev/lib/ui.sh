# shellcheck shell=bash
# What the person sees: one line a step, with its time; the rest goes to a log.

if [ -t 1 ]; then UI_TTY=1 UI_BOLD=$'\e[1m' UI_RED=$'\e[31m' UI_DIM=$'\e[2m' UI_END=$'\e[0m'; else UI_TTY='' UI_BOLD='' UI_RED='' UI_DIM='' UI_END=''; fi
UI_JOB=''

say() { printf '%s\n' "$@"; }
die() {
	printf '%serror:%s %s\n' "$UI_RED" "$UI_END" "$*" >&2
	exit 1
}

now_ms() {
	local t=$EPOCHREALTIME
	echo $((${t/[.,]/} / 1000))
}
seconds() { printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# For a step's function: a word or two that its line shows.
note() { printf '%s' "$*" >"$UI_NOTE"; }
note_add() { printf '%s%s' "$([ -s "$UI_NOTE" ] && echo ', ')" "$*" >>"$UI_NOTE"; }

# step LOG TEXT COMMAND...: runs COMMAND with its output in $LOGS/LOG.log. On failure shows the log's end and exits. What
# COMMAND appends to the file SKILLBOX_PROGRESS, a line at a time, is shown: the last on a terminal, each elsewhere.
step() {
	UI_LOG=$LOGS/$1.log
	local log=$UI_LOG text=$2 start rc=0 took noted follower
	shift 2
	UI_NOTE=$(mktemp)
	export SKILLBOX_PROGRESS
	SKILLBOX_PROGRESS=$(mktemp)
	start=$(now_ms)
	set -m # a group of its own, so that an interrupt ends all of the step
	(
		set +m -euo pipefail
		"$@"
	) >"$log" 2>&1 </dev/null 9>&- &
	UI_JOB=$!
	set +m
	if [ -n "$UI_TTY" ]; then
		local i=0 marks='|/-\'
		while kill -0 "$UI_JOB" 2>/dev/null; do
			printf '\r\e[K  %s %-46s %s%4d s  %s%s ' "${marks:i++%4:1}" "$text" "$UI_DIM" $((($(now_ms) - start) / 1000)) \
				"$(tail -n 1 "$SKILLBOX_PROGRESS")" "$UI_END"
			sleep 0.2
		done
		printf '\r\e[K'
	else
		tail -n +1 -s 0.2 -f --pid="$UI_JOB" "$SKILLBOX_PROGRESS" 2>/dev/null 9>&- | sed -u 's/^/     /' &
		follower=$!
	fi
	wait "$UI_JOB" || rc=$?
	[ -z "${follower:-}" ] || wait "$follower" || true
	UI_JOB=''
	took=$(seconds $(($(now_ms) - start)))
	noted=$(cat "$UI_NOTE")
	rm -f "$UI_NOTE" "$SKILLBOX_PROGRESS"
	if [ $rc -ne 0 ]; then
		printf '  %sfailed%s %-44s %8s\n\n' "$UI_RED" "$UI_END" "$text" "$took" >&2
		tail -n 30 "$log" | sed 's/^/    /' >&2
		printf '\n%serror:%s "%s" failed; the whole log is %s\n' "$UI_RED" "$UI_END" "$text" "$log" >&2
		exit 1
	fi
	printf '  ok %-48s %8s  %s%s%s\n' "$text" "$took" "$UI_DIM" "$noted" "$UI_END"
}

ui_interrupted() {
	[ -n "$UI_JOB" ] && kill -TERM -- "-$UI_JOB" 2>/dev/null
	printf '\ninterrupted; what was built so far is kept\n' >&2
	exit 130
}
trap ui_interrupted INT TERM
