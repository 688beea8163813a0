#!/usr/bin/env bash
# The layer rule: a folder of src/ includes headers of itself and of folders
# before it in LAYERS, nothing else; headers do not include each other in a circle, inside
# a folder neither. Prints the lines that break it.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

# From the bottom to the top.
LAYERS=(base codec stats history l1 redis l2 rules publish txn capture commit request load tier warm engine
	statement workers report api behind)

# Files directly in src/, which may include anything, and which nothing else may.
TOP=(xact cachefront)

# Pairs of folders that must not know each other, whatever their order.
STRANGERS=("l1 redis" "l1 l2" "redis l1" "l2 l1" "redis history")

# Exceptions: "file that includes:header". There is none, and adding one needs a
# reason in a comment here.
EXCEPTIONS=()

bad=0

complain()
{
	printf '%s\n' "$*"
	bad=1
}

rank()
{
	local i

	for i in "${!LAYERS[@]}"; do
		if [[ ${LAYERS[i]} == "$1" ]]; then
			echo "$i"
			return
		fi
	done
	echo -1
}

listed()
{
	local want=$1 item
	shift

	for item in "$@"; do
		if [[ $item == "$want" ]]; then return 0; fi
	done
	return 1
}

# The layer of a path below src/: a folder, or "top".
layer()
{
	if [[ $1 == */* ]]; then echo "${1%%/*}"; else echo top; fi
}

# An include of a header of ours: "header" is its path below src/.
check_include()
{
	local file=$1 line=$2 header=$3 from to where

	where="src/$file:$line: includes \"$header\""
	from=$(layer "$file")
	to=$(layer "$header")
	if listed "$file:$header" ${EXCEPTIONS[@]+"${EXCEPTIONS[@]}"}; then return; fi
	if [[ $header == *_internal.h && ${file%/*} != "${header%/*}" ]]; then
		complain "$where: internal to its folder"
	elif [[ $from == top || $from == "$to" ]]; then
		:
	elif [[ $to == top ]]; then
		complain "$where: only src/'s top files may"
	elif listed "$from $to" "${STRANGERS[@]}"; then
		complain "$where: $from and $to must not know each other"
	elif (($(rank "$to") > $(rank "$from"))); then
		complain "$where: $to comes after $from in the list of layers"
	fi
}

# What each header includes of ours, itself first, as tsort takes it.
pairs=()

while IFS= read -r path; do
	file=${path#src/}
	if [[ $file == *.h ]]; then pairs+=("$file $file"); fi
	case $(layer "$file") in
		top)
			listed "${file%.*}" "${TOP[@]}" || complain "$path: it belongs in a folder" ;;
		*)
			(($(rank "${file%%/*}") >= 0)) ||
				complain "$path: its folder is not in the list of layers" ;;
	esac
	while IFS=: read -r line header; do
		if [[ -e src/$header ]]; then
			check_include "$file" "$line" "$header"
			if [[ $file == *.h ]]; then pairs+=("$file $header"); fi
		elif [[ -e ${path%/*}/$header ]]; then
			complain "$path:$line: includes \"$header\": name it by its path below src/"
		fi
	done < <(grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$path" |
		sed -E 's/^([0-9]+):[^"]*"([^"]*)".*/\1:\2/')
done < <(find src -name '*.[ch]' | sort)

# What only some versions bring by postgres.h, or cannot do without ICU's headers: whoever
# developed against another would notice too late.
while IFS= read -r path; do
	if ! grep -qE '"(base/compat|base/varlena|varatt)\.h"' "$path"; then
		complain "$path: uses what 16 has moved into varatt.h: include \"base/varlena.h\""
	fi
done < <(grep -rlE --include='*.h' '\b(SET_)?VAR(DATA|SIZE)(_ANY|_ANY_EXHDR)?\(' src)
while IFS= read -r path; do
	complain "$path: utils/pg_locale.h wants ICU's headers: declare what is needed in base/compat.h"
done < <(grep -rl --include='*.[ch]' 'include "utils/pg_locale.h"' src)

if ! circle=$(printf '%s\n' "${pairs[@]}" | LC_ALL=C tsort 2>&1 >/dev/null); then
	complain "headers of src/ include each other in a circle:" "$(sed '1d; s/^tsort: /    /' <<<"$circle")"
fi

exit $bad
