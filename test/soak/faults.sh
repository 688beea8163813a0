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

LOCAL=(NO_PENDING LATE_STAMP NO_KEY_CLOCK NO_XMIN NO_XMIN_FILL NO_OWN_WRITES
	NO_FOLLOWER_CHECK SETTLE_EARLY NO_LEASE NO_EPOCH
	NO_THROUGH_CHECK)
# Those of the tracking of changes, where no rule does the same.
BARE=(NO_WRITE_SET NO_TABLE_RAISE NO_DEPEND NO_ANCESTORS NO_OWN_TABLES)
# Those of a standby without Redis.
STANDBY=(NO_FOLLOW_GATE NO_FOLLOW_NOTES)
# Those of the Redis tier, with what has to happen to Redis for each. Where two
# rules guard the same, both must go: "A+B".
declare -A REDIS=(
	[NO_HISTORY]="kill-old"
	[NO_REDIS_CLOCKS]="none"
	[NO_FILL_CLOCKS]="none"
)
FAULTS=("${LOCAL[@]}" "${BARE[@]}" "${STANDBY[@]}" "${!REDIS[@]}")
if (($#)); then FAULTS=("$@"); fi
TIME=${CF_FAULT_SECONDS:-30}

cf_setup >/dev/null
OUT=$(mktemp)
trap 'rm -f "$OUT"' EXIT
missed=0
printf '%-24s %-8s %8s  %s\n' fault found after 'first stale read'
for fault in "${FAULTS[@]}"; do
	redis=${REDIS[$fault]-}
	part=local
	if [[ -n $redis ]]; then part=redis; fi
	if [[ " ${BARE[*]} " == *" $fault "* ]]; then part=bare; fi
	if [[ " ${STANDBY[*]} " == *" $fault "* ]]; then part=standby; fi
	CF_FAULT=${fault//+/ } CF_SOAK=$part \
		CF_REDIS_FAULTS=$redis test/soak/soak.sh "$TIME" --stop >"$OUT" 2>&1
	line=$(grep -m 1 'STALE: ' "$OUT")
	if [[ -n $line ]]; then
		read -r after _ _ what <<<"$line"
		printf '%-24s %-8s %6.1f s  %s\n' "$fault" yes "$after" "$what"
	else
		# No last line of the checker: it did not build, or did not start.
		printf '%-24s %-8s %8s  %s\n' "$fault" NO "" "$(tail -n 1 "$OUT")"
		missed=$((missed + 1))
	fi
	rm -rf "${CF_BUILD:?}/fault-${fault//+/-}"
done
((missed == 0))
