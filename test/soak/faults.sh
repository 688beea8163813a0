#!/usr/bin/env bash
# Does the checker find what it is for? Each rule of the freshness protocol is
# switched off in a build of its own, and the checker must find a stale read.
#
#	test/soak/faults.sh [NAME...]		default: all
#
# CF_FAULT_SECONDS is how long it may take for each (30).

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
# shellcheck source=test/lib/setup.sh
. test/lib/setup.sh

FAULTS=(NO_PENDING LATE_STAMP NO_KEY_CLOCK NO_XMIN NO_XMIN_FILL NO_OWN_WRITES
	NO_FOLLOWER_CHECK SETTLE_EARLY NO_LEASE NO_EPOCH)
if (($#)); then FAULTS=("$@"); fi
TIME=${CF_FAULT_SECONDS:-30}

cf_setup >/dev/null
OUT=$(mktemp)
trap 'rm -f "$OUT"' EXIT
missed=0
printf '%-20s %-8s %8s  %s\n' fault found after 'first stale read'
for fault in "${FAULTS[@]}"; do
	CF_FAULT=$fault test/soak/soak.sh "$TIME" --stop >"$OUT" 2>&1
	line=$(grep -m 1 'STALE: ' "$OUT")
	if [[ -n $line ]]; then
		read -r after _ _ what <<<"$line"
		printf '%-20s %-8s %6.1f s  %s\n' "$fault" yes "$after" "$what"
	else
		# No last line of the checker: it did not build, or did not start.
		printf '%-20s %-8s %8s  %s\n' "$fault" NO "" "$(tail -n 1 "$OUT")"
		missed=$((missed + 1))
	fi
	rm -rf "${CF_BUILD:?}/fault-$fault"
done
((missed == 0))
