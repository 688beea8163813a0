#!/usr/bin/env bash
# How TAP tests wait. A wait that nobody looks at the outcome of shows as some
# other failure later, and sometimes not at all; a session of background_psql dies
# of being idle; a sleep for what must not happen proves nothing on a busy machine.
# Prints the lines that break these rules, wait points that test/README.md does
# not name, and fault points that src/base/fault.h does not.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

bad=0

# refuse PATTERN REASON [FILE...]: an extended regular expression.
refuse()
{
	local pattern=$1 reason=$2 found
	shift 2

	found=$(grep -nE "$pattern" "$@" | grep -vE '^[^:]*:[0-9]+:[[:space:]]*#')
	if [[ -z $found ]]; then return; fi
	printf '%s\n' "$found" "    $reason"
	bad=1
}

shopt -s nullglob
tests=(test/t/*.pl)
modules=(test/perl/*.pm)

refuse '^[[:space:]]*(Cf[A-Z][a-z]+::)?wait_[a-z_]+[[:space:]]*\(' \
	'nobody looks at its answer: use await..., or ok(wait_until(...), NAME)' \
	"${tests[@]}" "${modules[@]}"
refuse '^[^#]*poll_query_until\([^;]*\)[[:space:]]*;' \
	'nobody looks at its answer: use await...' "${tests[@]}" "${modules[@]}"
refuse 'background_psql\(' 'use open_session of CfTest: it lives as long as the test' "${tests[@]}"
refuse '(^|[^_[:alnum:]])(Time::HiRes::)?u?sleep[[:space:]]*\(?[[:space:]]*[0-9.]+[[:space:]]*\)?;' \
	'use await_that, or an event that shows that time enough has passed' "${tests[@]}"
refuse '(`|qx|system|exec|run_log|IPC::Run)([^;]*[^-$%@_[:alnum:]])?(ps|pgrep|pkill|hostname|xxd)[^_[:alnum:]]' \
	'not in a small Debian: see worker_pid of CfTest, or read /proc' \
	"${tests[@]}" "${modules[@]}"

# Those who write tests find each point in one table.
while IFS= read -r name; do
	if ! grep -q "^| \`$name\`" test/README.md; then
		echo "src: wait or hold point \"$name\" is not in test/README.md"
		bad=1
	fi
done < <(grep -rhoE 'CF_(WAIT|HOLD)_POINT\("[^"]+"\)' src | cut -d'"' -f2 | sort -u)

# Fault points are in one list.
while IFS= read -r name; do
	if ! grep -q "POINT(\"$name\"," src/base/fault.h; then
		echo "src: fault point \"$name\" is not in src/base/fault.h"
		bad=1
	fi
done < <(grep -rhoE 'CF_FAULT_POINT\("[^"]+"\)' src | cut -d'"' -f2 | sort -u)

exit $bad
