# shellcheck shell=bash
# What the demo prints, and how it asks the server. Sourced by demo.sh.
#
# Colours and redrawn lines only where stdout is a terminal; elsewhere each
# line is printed once.

TTY=
BOLD='' DIM='' GREEN='' PLAIN=''
if [[ -t 1 ]]; then
	TTY=1
	BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
fi
STEP=0
STEP_TITLE=
STEP_START=0
LAST_PERCENT=0

# ---- numbers ----------------------------------------------------------------

now_ms()
{
	local t=${EPOCHREALTIME/[.,]/}

	echo $((t / 1000))
}

# 1234567 -> 1,234,567
thousands()
{
	sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1"
}

# Milliseconds with as many digits as one reads.
ms()
{
	awk -v ms="$1" 'BEGIN { printf ms < 10 ? "%.3f ms" : ms < 1000 ? "%.0f ms" : "%.0f", ms }' |
		sed -E ':a; s/^([0-9]+)([0-9]{3})$/\1,\2 ms/'
}

# $1 / $2, without decimals
times()
{
	thousands "$(awk -v a="$1" -v b="$2" 'BEGIN { printf "%.0f", a / b }')"
}

median()
{
	sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# ---- steps of the set-up ----------------------------------------------------

step()
{
	STEP=$((STEP + 1))
	STEP_TITLE=$1
	STEP_START=$(now_ms)
	LAST_PERCENT=0
	if [[ $TTY ]]; then show_step '...'; fi
}

show_step()
{
	printf '%s[%d/%d] %-47s %s' "${TTY:+$'\r\e[K'}" "$STEP" "$STEPS" "$STEP_TITLE" "$1"
}

elapsed()
{
	local ms=$(($(now_ms) - STEP_START))

	printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

done_step()
{
	show_step "$(elapsed)${1:+, $1}"$'\n'
}

# Runs a command with its output kept back; shows it if the command fails. Shows
# how long it has been running: on a terminal all the time, else every ten seconds.
quietly()
{
	local out pid tick=0

	out=$(mktemp /tmp/cf-demo.XXXXXX)
	"$@" >"$out" 2>&1 &
	pid=$!
	while kill -0 "$pid" 2>/dev/null; do
		if [[ $TTY ]]; then
			show_step "$(elapsed) ..."
		elif ((++tick % 50 == 0)); then
			printf '      %s, %s ...\n' "$STEP_TITLE" "$(elapsed)"
		fi
		sleep 0.2
	done
	if wait "$pid"; then
		rm -f "$out"
		return
	fi
	show_step $'failed\n'
	cat "$out" >&2
	rm -f "$out"
	exit 1
}

# percent NUMBER WHAT: on a terminal redrawn, else every quarter.
percent()
{
	if [[ $TTY ]]; then
		show_step "$(printf '%3d %%  %s' "$1" "$(elapsed)")"
	elif (($1 >= LAST_PERCENT + 25)); then
		LAST_PERCENT=$1
		printf '      %3d %%  %s, %s\n' "$1" "$(elapsed)" "$2"
	fi
}

# ---- the tour ---------------------------------------------------------------

chapter()
{
	printf '\n%s%s%s\n' "$BOLD" "$1" "$PLAIN"
}

text()
{
	printf '   %s\n\n' "$1"
}

code()
{
	printf '   %s%s%s\n\n' "$DIM" "$1" "$PLAIN"
}

# label TEXT, then value NUMBER [REMARK]: the label stands while one measures.
label()
{
	printf '   %-44s' "$1"
}

value()
{
	printf '%s%12s%s%s\n' "$GREEN" "$1" "$PLAIN" "${2:+   $2}"
}

# What is being done, where a line can be taken back.
busy()
{
	if [[ $TTY ]]; then printf '\r\e[K%s' "${1:+   $1}"; fi
}

# pair LABEL LEFT RIGHT: a row of two numbers
pair()
{
	printf '   %-44s%s%12s%14s%s\n' "$1" "$GREEN" "$2" "$3" "$PLAIN"
}

# ---- the server -------------------------------------------------------------

ask()
{
	"$BIN/psql" -XqAt -v ON_ERROR_STOP=1 <<<"$1"
}

ask_database()
{
	"$BIN/psql" -XqAt -v ON_ERROR_STOP=1 -d "$1" <<<"$2"
}

ask_file()
{
	local file=$1

	shift
	"$BIN/psql" -XqAt -v ON_ERROR_STOP=1 -o /dev/null -f "$file" "$@"
}

# Milliseconds, as the client sees them, of each of N runs of a statement.
time_statement()
{
	local n=$1 sql=$2 i

	{
		echo 'SELECT 1;'
		echo '\timing on'
		for ((i = 0; i < n; i++)); do echo "$sql;"; done
	} | "$BIN/psql" -Xq -v ON_ERROR_STOP=1 -o /dev/null | awk '/^Time:/ { print $2 }'
}
