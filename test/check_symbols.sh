#!/usr/bin/env bash
# Every symbol that the library exports has our prefix: extensions are loaded
# into one name space, where a plain name can meet another library's.
#
# Usage: test/check_symbols.sh [LIBRARY]

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

ALLOWED='^(cf_|Cf|cachefront|pg_finfo_cachefront|_PG_|Pg_magic_func)'

library=${1:-}
for candidate in build/release/src-tree/cachefront.so cachefront.so; do
	if [[ -z $library && -e $candidate ]]; then library=$candidate; fi
done
if [[ ! -e $library ]]; then
	echo "there is no library to look at; build one first"
	exit 1
fi
symbols=$(nm -D --defined-only "$library" | awk '{ print $NF }')
if [[ -z $symbols ]]; then
	echo "$library exports nothing"
	exit 1
fi
if bad=$(grep -vE "$ALLOWED" <<<"$symbols"); then
	printf '%s exports, without our prefix:\n%s\n' "$library" "$bad"
	exit 1
fi
