#!/usr/bin/env bash
# Are the planted faults found? Each of src/base/fault.h is in a build of its own, and
# what is said there to find it must find it: the checker a stale read, a test something
# that is wrong.
#
#	test/soak/faults.sh [NAME...]		default: all
#
# CF_FAULT_SECONDS is how long the checker may take for each at most (120): that what
# Redis holds is judged by clocks shows after a minute, on a busy machine later.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
# shellcheck source=test/lib/setup.sh
. test/lib/setup.sh

TIME=${CF_FAULT_SECONDS:-120}

# Name and finder, a fault a line.
listed()
{
	sed -nE 's/^\tFAULT\(([A-Z_]+), "([^"]+)".*/\1 \2/p' src/base/fault.h
}

if (($#)); then FAULTS=("$@"); else mapfile -t FAULTS < <(listed | cut -d' ' -f1); fi

cf_setup >/dev/null
OUT=$(mktemp)
trap 'rm -f "$OUT"' EXIT
missed=0

# report FAULT FOUND AFTER WHAT
report()
{
	printf '%-20s %-6s %8s  %s\n' "$@"
	if [[ $2 == NO ]]; then missed=$((missed + 1)); fi
}

# The last line of the checker, where there is no stale read: perhaps it did not build.
ask_checker()
{
	local fault=$1 part=$2 redis=${3-} line after what

	CF_FLAVOUR=fault-$fault CF_SOAK=$part CF_REDIS_FAULTS=$redis \
		test/soak/soak.sh "$TIME" --stop >"$OUT" 2>&1
	line=$(grep -m 1 'STALE: ' "$OUT")
	if [[ -n $line ]]; then
		read -r after _ _ what <<<"$line"
		report "$fault" yes "$after s" "$what"
	else
		report "$fault" NO "" "$(tail -n 1 "$OUT")"
	fi
}

# ask_test FAULT SUITE NAME: a build that fails does not count, nor a suite without tests.
ask_test()
{
	local line

	CF_FLAVOUR=debug-fault-$1 test/run.sh "$2" "$3" >"$OUT" 2>&1
	line=$(grep -m 1 -E "^FAIL +($2|tap) " "$OUT")
	if [[ -n $line ]]; then
		report "$1" yes "" "$(tr -s ' ' <<<"$line")"
	else
		report "$1" NO "" "$(tail -n 1 "$OUT")"
	fi
}

finder=()
report fault found after 'by what'
for fault in "${FAULTS[@]}"; do
	read -ra finder < <(listed | grep "^$fault ")
	case ${finder[1]-} in
		checker) ask_checker "$fault" "${finder[@]:2}" ;;
		regress | isolation | tap) ask_test "$fault" "${finder[@]:1}" ;;
		*) report "$fault" NO "" "not in src/base/fault.h" ;;
	esac
	rm -rf "${CF_BUILD:?}/fault-$fault" "${CF_BUILD:?}/debug-fault-$fault"
done
((missed == 0))
