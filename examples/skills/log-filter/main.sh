# shellcheck shell=bash
# Takes the lines out of a log that matter. Bash alone: no jq, no grep.
#
# JSON is read without being unpacked: a log's lines stay as they are escaped, are unescaped to be looked at, and go into the
# output as they came. So no byte of them can change.
set -euo pipefail
LC_ALL=C # bytes are what is compared

LINES_MAX=20000
BACKSLASH=$'\\'
declare -A GIVEN=() # by field: t and the escaped text, or v and any other value

fail() {
	printf 'log-filter: %s\n' "$*" >&2
	exit 1
}

# What stands outside of the quotes of the input, and between them: the pieces 0, 2, 4 … and 1, 3, 5 …
split_at_quotes() { # FILE
	local found part parts=() tail IFS='"'
	mapfile -t -d '"' found <"$1"
	PIECES=()
	for part in "${found[@]}"; do
		parts+=("$part")
		# A quote behind an odd number of backslashes is part of its text.
		tail=${part##*[!\\]}
		if ((${#tail} % 2 == 0)); then
			PIECES+=("${parts[*]}")
			parts=()
		fi
	done
}

read_input() { # FILE
	local i key between
	split_at_quotes "$1"
	[[ ${PIECES[0]} =~ ^[[:space:]]*'{'[[:space:]]*'}'?[[:space:]]*$ ]] || fail "the input must be an object whose 'log' is the log as text"
	for ((i = 1; i + 1 < ${#PIECES[@]}; )); do
		key=${PIECES[i]} between=${PIECES[i + 1]}
		if [[ $between =~ ^[[:space:]]*:[[:space:]]*$ ]]; then
			GIVEN[$key]=t${PIECES[i + 2]-}
			between=${PIECES[i + 3]-}
			((i += 4))
		elif [[ $between =~ ^[[:space:]]*:[[:space:]]*([^][:space:],{}[]+)(.*)$ ]]; then
			GIVEN[$key]=v${BASH_REMATCH[1]}
			between=${BASH_REMATCH[2]}
			((i += 2))
		else
			fail "'$key' is a list or an object, and must be a text, a number, true or false"
		fi
		[[ $between =~ ^[[:space:]]*[,}][[:space:]]*$ ]] || fail "the input must be an object of texts, numbers, true and false"
	done
}

# What escapes stand for. NUL, which no variable can hold, is left out.
unescape() { # TEXT: sets REPLY
	local text=$1 out='' high low
	REPLY=$text
	[[ $text == *"$BACKSLASH"* ]] || return 0
	while [[ $text == *"$BACKSLASH"* ]]; do
		out+=${text%%"$BACKSLASH"*}
		text=${text#*"$BACKSLASH"}
		case $text in
		n*) out+=$'\n' text=${text:1} ;;
		t*) out+=$'\t' text=${text:1} ;;
		r*) out+=$'\r' text=${text:1} ;;
		b*) out+=$'\b' text=${text:1} ;;
		f*) out+=$'\f' text=${text:1} ;;
		u0000*) text=${text:5} ;;
		u[dD][89abAB][[:xdigit:]][[:xdigit:]]\\u[dD][c-fC-F]*) # two escapes make one character
			high=$((16#${text:1:4})) low=$((16#${text:7:4}))
			utf8 $((0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)))
			out+=$REPLY text=${text:11}
			;;
		u*)
			utf8 $((16#${text:1:4}))
			out+=$REPLY text=${text:5}
			;;
		*) out+=${text:0:1} text=${text:1} ;;
		esac
	done
	REPLY=$out$text
}

utf8() { # CODE POINT: sets REPLY
	local code=$1 format
	if ((code < 0x80)); then
		printf -v format '\\x%02x' "$code"
	elif ((code < 0x800)); then
		printf -v format '\\x%02x\\x%02x' $((0xc0 | code >> 6)) $((0x80 | code & 63))
	elif ((code >= 0xd800 && code < 0xe000)); then
		format='\xef\xbf\xbd' # half a character
	elif ((code < 0x10000)); then
		printf -v format '\\x%02x\\x%02x\\x%02x' $((0xe0 | code >> 12)) $((0x80 | code >> 6 & 63)) $((0x80 | code & 63))
	else
		printf -v format '\\x%02x\\x%02x\\x%02x\\x%02x' $((0xf0 | code >> 18)) $((0x80 | code >> 12 & 63)) \
			$((0x80 | code >> 6 & 63)) $((0x80 | code & 63))
	fi
	printf -v REPLY '%b' "$format"
}

text_field() { # NAME: sets REPLY, empty if it isn't given
	REPLY=''
	[ "${GIVEN[$1]-vnull}" != vnull ] || return 0
	[[ ${GIVEN[$1]} == t* ]] || fail "'$1' must be a text"
	unescape "${GIVEN[$1]:1}"
}

# The level of a line as a digit, from 0 (DEBUG) to 4 (FATAL); empty if it names none.
NAMES=(DEBUG INFO WARN ERROR FATAL)
CAPITALS='TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|FATAL|CRITICAL|PANIC'
SMALL=${CAPITALS,,}
IN_CAPITALS="(^|[^[:alnum:]_])($CAPITALS)(\$|[^[:alnum:]_])"
IN_SMALL="(^|[[:space:]]|[[<=\"])($SMALL)([]>:]|\"[,} ])|=($SMALL)(\$|[[:space:],])"
level_of() { # LINE: sets REPLY
	REPLY=''
	[[ $1 =~ $IN_CAPITALS || $1 =~ $IN_SMALL ]] || return 0
	REPLY=${BASH_REMATCH[2]:-${BASH_REMATCH[4]}}
	case ${REPLY^^} in
	TRACE | DEBUG) REPLY=0 ;;
	INFO | NOTICE) REPLY=1 ;;
	WARN | WARNING) REPLY=2 ;;
	ERROR | ERR) REPLY=3 ;;
	*) REPLY=4 ;;
	esac
}

read_options() {
	local key i
	for key in "${!GIVEN[@]}"; do
		case $key in
		log | level | contains | exclude | ignore_case | max_lines) ;;
		*) fail "'$key' isn't known; there are log, level, contains, exclude, ignore_case, max_lines" ;;
		esac
	done
	[[ ${GIVEN[log]-} == t* ]] || fail "the input must be an object whose 'log' is the log as text"
	text_field level
	LEAST=''
	if [ -n "$REPLY" ]; then
		for i in "${!NAMES[@]}"; do [ "${NAMES[i]}" != "${REPLY^^}" ] || LEAST=$i; done
		[ -n "$LEAST" ] || fail "'level' must be one of ${NAMES[*]}, not '$REPLY'"
	fi
	case ${GIVEN[ignore_case]-vfalse} in
	vtrue) IGNORE_CASE=1 ;;
	vfalse | vnull) IGNORE_CASE='' ;;
	*) fail "'ignore_case' must be true or false" ;;
	esac
	text_field contains
	CONTAINS=${IGNORE_CASE:+${REPLY,,}} && CONTAINS=${CONTAINS:-$REPLY}
	text_field exclude
	EXCLUDE=${IGNORE_CASE:+${REPLY,,}} && EXCLUDE=${EXCLUDE:-$REPLY}
	MOST=${GIVEN[max_lines]-v200}
	[ "$MOST" != vnull ] || MOST=v200
	[[ $MOST =~ ^v([1-9][0-9]{0,3}|10000)$ ]] || fail "'max_lines' must be a whole number from 1 to 10000"
	MOST=${MOST:1}
}

# Lines of the escaped text. Where the backslash of \n is itself escaped, it is an n and the line goes on.
split_lines() {
	local text=${GIVEN[log]:1} part parts=() tail found IFS=''
	LINES=()
	[ -n "$text" ] || return 0
	mapfile -t found <<<"${text//"${BACKSLASH}n"/$'\n'}"
	for part in "${found[@]}"; do
		tail=${part##*[!\\]}
		if ((${#tail} % 2)); then
			parts+=("$part${BACKSLASH}n")
		else
			LINES+=("${parts[*]}$part")
			parts=()
		fi
	done
	# The end of the last line is no line of its own.
	[ -n "${LINES[-1]}" ] || unset 'LINES[-1]'
	((${#LINES[@]} <= LINES_MAX)) || fail "'log' has ${#LINES[@]} lines, more than $LINES_MAX: give it in parts"
}

filter() {
	local raw line seen level=''
	TAKEN=() COUNTS=(0 0 0 0 0)
	for raw in "${LINES[@]}"; do
		unescape "$raw"
		line=$REPLY
		level_of "$line"
		level=${REPLY:-$level}
		[ -z "$level" ] || COUNTS[level]=$((COUNTS[level] + 1))
		[ -z "$LEAST" ] || { [ -n "$level" ] && ((level >= LEAST)); } || continue
		seen=$line
		[ -z "$IGNORE_CASE" ] || seen=${line,,}
		[[ $seen == *"$CONTAINS"* ]] || continue
		[ -z "$EXCLUDE" ] || [[ $seen != *"$EXCLUDE"* ]] || continue
		TAKEN+=("$raw")
	done
}

write_results() {
	local shown=("${TAKEN[@]: -MOST}") raw i comma=''
	((${#TAKEN[@]} > MOST)) || shown=("${TAKEN[@]}")
	for raw in "${shown[@]}"; do
		unescape "$raw"
		printf '%s\n' "$REPLY"
	done >"${SANDBOX_FILES_DIR%/}/filtered.log"
	{
		printf '{"lines":['
		for raw in "${shown[@]}"; do
			printf '%s"%s"' "$comma" "$raw"
			comma=,
		done
		printf '],"matched":%d,"total":%d,"levels":{' "${#TAKEN[@]}" "${#LINES[@]}"
		for i in "${!NAMES[@]}"; do printf '%s"%s":%d' "$([ "$i" = 0 ] || echo ,)" "${NAMES[i]}" "${COUNTS[i]}"; done
		printf '}}\n'
	} >"$SANDBOX_OUTPUT"
	echo "${#TAKEN[@]} of ${#LINES[@]} lines"
}

read_input "$SANDBOX_INPUT_FILE"
read_options
split_lines
filter
write_results
