#!/usr/bin/env bash
# Checks the models of this folder with spin. The protocol must hold, and must
# break without each of its rules: a model that cannot fail checks nothing.
#
# Prints a line a case and 'N passed, N failed'; exits 1 on any failure. Needs
# spin and gcc; without them it says so and checks nothing. CF_MODEL_JOBS cases
# run side by side, 2 by default.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2
TIMEOUT=1800	# seconds; only what hangs reaches it

# WANT MODEL FLAGS. What is wanted: the claim holds; it breaks (an assertion is
# violated); it hangs (somebody sleeps for ever).
CASES=(
	'holds flight'
	'holds flight -DCALLERS=2 -DWRITERS=2 -DFAULTS=1'
	'holds flight -DWRITERS=0 -DFAULTS=2'
	'breaks flight -DNO_FRESHNESS'
	'breaks flight -DLATE_FLAG'
	'breaks flight -DNO_PENDING'
	'breaks flight -DSEQ_FIRST'
	'hangs flight -DFAULTS=1 -DNO_ABORT'
	'hangs flight -DFAULTS=1 -DNO_EXIT'
	'breaks flight -DFAULTS=1 -DCLOSE_TWICE'
	'hangs flight -DEARLY_FREE'
	'breaks flight -DFAULTS=1 -DNO_LEAVE'
	'holds flight -DONE_LOAD'
	'breaks flight -DONE_LOAD -DLAND_FIRST'
	'breaks flight -DONE_LOAD -DNO_RECHECK'
	'holds flight -DNESTED'
	'hangs flight -DNESTED -DFOLLOW_NESTED'

	'holds savepoint'
	'breaks savepoint -DNO_POP'
	'breaks savepoint -DNO_RESTORE'
	'breaks savepoint -DNO_MERGE'
	'breaks savepoint -DNO_MARK'
	'breaks savepoint -DBAD_DEDUP'
	'breaks savepoint -DNO_TAG_ORDER'

	'holds kept'
	'holds kept -DWRITERS=3'
	'breaks kept -DNO_DROP'
	'breaks kept -DDROP_FIRST'
	'breaks kept -DNO_ORDER'
	'breaks kept -DLATE_NOTE'
	'breaks kept -DNO_PENDING'
	'holds kept -DDELETE_ALL'
	'breaks kept -DNO_GAP'
	'breaks kept -DNO_KEY'

	'holds through -DB_ROWS=1'
	'holds through -DB_ROWS=2'
	'holds through -DB_ROWS=3'
	'holds through -DB_ROWS=3 -DALL'
	'holds through -DB_ROWS=2 -DSAME_CLOCK'
	'holds through -DB_ROWS=1 -DALL -DUNLINK'
	'holds through -DB_ROWS=1 -DC_ROWS=2 -DREADS=1'
	'breaks through -DSEEK'
	'breaks through -DNO_EARLY_STAMP -DB_ROWS=2'
	'breaks through -DNO_DROP'
	'breaks through -DNO_DROP_ROLLBACK'
	'breaks through -DNO_CHECK -DB_ROWS=3 -DALL'
	'breaks through -DNO_OTHERS -DB_ROWS=3 -DALL'
	'breaks through -DNO_UNMOVED -DB_ROWS=3 -DALL'
	'breaks through -DNO_PENDING_FIRST -DB_ROWS=3 -DALL'
	'breaks through -DNO_NUMBER_FIRST -DB_ROWS=3 -DALL'
	'breaks through -DNO_STAMP_S -DB_ROWS=3 -DALL'
	'breaks through -DNO_CHECK_FIRST -DB_ROWS=2 -DSAME_CLOCK'
	'breaks through -DNO_PUT_CHECK -DB_ROWS=1 -DALL -DUNLINK'
	'breaks through -DNO_FILL_CHECK -DB_ROWS=1 -DALL -DUNLINK'

	'holds epoch'
	'breaks epoch -DEARLY_SETTLE'
	'breaks epoch -DNO_RAISE'
	'breaks epoch -DLATE_STAMP'
	'breaks epoch -DNO_ACCEPT'
	'breaks epoch -DLATE_FLAG'
	'breaks epoch -DNO_FRESHNESS'
	'holds epoch -DLOCKED -DEARLY_SETTLE'
	'breaks epoch -DUNLOCKED -DEARLY_SETTLE'
	'holds epoch -DLOCKED -DLATE_STAMP'
	'breaks epoch -DUNLOCKED -DLATE_STAMP'
	'holds epoch -DLOCKED -DNO_ACCEPT'
	'breaks epoch -DUNLOCKED -DNO_ACCEPT'
	'breaks epoch -DLOCKED -DNO_RAISE'
	'holds epoch -DUNLOCKED -DNO_RAISE'

	'holds snapshot'
	'breaks snapshot -DNO_XMIN'
	'breaks snapshot -DNO_XMIN_FILL'
	'breaks snapshot -DLAST_XID'
	'breaks snapshot -DNO_PENDING'

	'holds replayed'
	'holds replayed -DOLD'
	'holds replayed -DSESSIONS=1 -DPLAN'
	'breaks replayed -DSEEK'
	'breaks replayed -DSEEK -DOLD'
	'breaks replayed -DNO_SAME'
	'breaks replayed -DLATE_P'
	'breaks replayed -DOLD -DNO_SAME'
	'breaks replayed -DOLD -DNO_SAME_HIT'
	'breaks replayed -DOLD -DEARLY_SAME'
	'breaks replayed -DSESSIONS=1 -DPLAN -DNO_VALID'
	'breaks replayed -DSESSIONS=1 -DPLAN -DNO_VALID_GATE'
	'breaks replayed -DSESSIONS=1 -DPLAN -DLATE_PLAN_P'

	'holds depend'
	'breaks depend -DTEST_EARLY'
	'breaks depend -DNO_SETTLE'
	'breaks depend -DSETTLE_FIRST'
	'breaks depend -DNO_RAISE'
	'breaks depend -DLATE_DEPEND'

	'holds counts -DTXNS=2 -DOPS=3'
	'holds counts -DOPS=4'
	'holds counts -DTWO'
	'holds counts -DLATE -DOPS=3'
	'holds counts -DREADS=2 -DOPS=2 -DDDL=2'
	'breaks counts -DSEEK'
	'breaks counts -DNO_COMPARE'
	'breaks counts -DANY_CALL'
	'breaks counts -DSUM -DTWO'
	'breaks counts -DNO_TRUNCATED'
	'breaks counts -DROWS_ONLY'
	'breaks counts -DNO_TAKE_AWAY'
	'breaks counts -DNO_RESTORE'
	'breaks counts -DNO_GIVE -DOPS=5'
	'breaks counts -DNO_ADD'
	'breaks counts -DNO_RESET -DTXNS=2'
	'breaks counts -DNO_BLIND'
	'breaks counts -DNO_SKIP'
	'breaks counts -DBLIND_NOW'
	'breaks counts -DBLIND_OFF'
	'breaks counts -DNO_OWN'
	'breaks counts -DNO_SUMS'
	'breaks counts -DNO_LATE -DLATE'
	'breaks counts -DNO_RULE_TAG'
	'breaks counts -DNO_CHANGED -DOPS=2 -DDDL=1'
	'breaks counts -DSHORT_EPOCH -DREADS=2 -DOPS=2 -DDDL=1'
	'holds counts -DEPOCH_ALONE -DREADS=2 -DOPS=2 -DDDL=1'
	'holds counts -DLONG_TAG -DREADS=2 -DOPS=2 -DDDL=1'

	'holds line -DCRASH=2 -DENDS=8'
	'holds line -DFORK -DSTANDBYS=2 -DCRASH=1'
	'holds line -DTURN -DSTANDBYS=2 -DCRASH=1'
	'holds line -DCOPY -DSTANDBYS=2 -DCRASH=1'
	'holds line -DBACKUP -DCRASH=1'
	'holds line -DPLAIN -DCRASH=1'
	'holds line -DRESTART -DCRASH=1'
	'holds line -DBARE -DCRASH=2'
	'holds line -DBARE -DRESTART -DCRASH=2'
	'breaks line -DNO_RUNS -DBARE -DCRASH=2'
	'holds line -DCRASH=1 -DFILE_FIRST'
	'holds line -DBACKUP -DCRASH=1 -DFILE_FIRST'
	'breaks line -DSEEK=0 -DCRASH=1'
	'breaks line -DSEEK=1 -DCRASH=1'
	'breaks line -DSEEK=2 -DCRASH=1'
	'breaks line -DANY_LATER -DCRASH=2 -DENDS=8'
	'breaks line -DMINE -DCRASH=1'
	'breaks line -DANYBODY -DFORK -DSTANDBYS=2'
	'breaks line -DNO_OPEN_END -DCRASH=1'
	'breaks line -DNO_OPEN_AT -DFORK -DSTANDBYS=2'
	'breaks line -DNO_OPEN_AT -DCOPY -DSTANDBYS=2'
	'breaks line -DUNREAD -DFORK -DSTANDBYS=2'
	'breaks line -DLATE_LEARN -DCRASH=1'
	'breaks line -DEARLY_USE -DFORK'
	'breaks line -DNO_MARK -DCRASH=2 -DENDS=8'
	'breaks line -DNO_MARK -DBACKUP -DCRASH=1'
	'breaks line -DNO_MARK -DCOPY -DSTANDBYS=2 -DCRASH=1'
	'breaks line -DLAST_REDO -DCRASH=1'
	'breaks line -DNO_VOUCH -DFORK -DCRASH=1'
	'breaks line -DTURNED_ONLY -DPLAIN -DCRASH=1'
	'breaks line -DNO_CUT -DTURN -DSTANDBYS=2 -DCRASH=1'
	'breaks line -DNO_FORGET -DRESTART -DCRASH=1'
	'breaks line -DOWN_START -DTURN -DSTANDBYS=2 -DCRASH=1'

	'holds statement'
	'breaks statement -DSEEK=0'
	'breaks statement -DSEEK=1'
	'breaks statement -DSEEK=2'
	'breaks statement -DNO_SAME'
	'breaks statement -DNO_SAME_VERIFY'
	'breaks statement -DEARLY_SAME'
	'breaks statement -DNO_UNMOVED'
	'breaks statement -DEARLY_UNMOVED'
	'breaks statement -DNO_ACTIVE'
	'breaks statement -DNO_RUN_DEPS'
	'breaks statement -DKEEP_FOLDED'

	'holds prepared'
	'breaks prepared -DLOWER_AT_PREPARE'
	'breaks prepared -DNO_UNKNOWN'
	'breaks prepared -DLATE_LOOK'
	'breaks prepared -DNO_SETTLE'
	'breaks prepared -DEARLY_TAKE'

	'holds lease -DONE_LOAD -DLEADERS=3'
	'breaks lease -DONE_LOAD -DNO_WAIT'
	'breaks lease -DONE_LOAD -DTAKE_OVER'
	'breaks lease -DONE_LOAD -DLATE_LEASE'
	'holds lease -DLEADERS=3 -DWRITERS=2'
	'holds lease -DDEATH -DLEADERS=3'
	'holds lease -DEXPIRE -DLEADERS=3 -DWRITERS=2'
	'holds lease -DEVICT -DWRITERS=2'
	'holds lease -DDEATH -DEVICT -DEXPIRE'
	'breaks lease -DNO_LEASE'
	'breaks lease -DKEEP_LEASE'
	'breaks lease -DDROP_FIRST'
	'hangs lease -DNO_EXPIRY -DDEATH'

	'holds claim'
	'holds claim -DEXPIRE -DCLIENTS=3'
	'holds claim -DEXPIRE -DWRITERS=2'
	'holds claim -DDEATH -DCLIENTS=3'
	'holds claim -DDEATH -DEXPIRE'
	'breaks claim -DNO_CLOCK'
	'breaks claim -DLATE_STAMP'
	'breaks claim -DCHECK_ONCE'
	'breaks claim -DEXPIRE -DNO_TOKEN'
	'breaks claim -DEXPIRE -DNO_PIN'
	'hangs claim -DLATE_EVENTS'
	'hangs claim -DNO_WAKE'
	'hangs claim -DDEATH -DNO_TIME'
	'holds claim -DONE -DCLIENTS=3'
	'holds claim -DONE -DEXPIRE_ONCE -DCLIENTS=3'
	'breaks claim -DONE -DNO_RECHECK'
	'breaks claim -DONE -DEND_FIRST'
	'breaks claim -DONE -DEXPIRE_ONCE -DALL_INHERIT -DCLIENTS=4'

	'holds adopt'
	'holds adopt -DHOLDERS=2 -DWRITERS=1'
	'breaks adopt -DNO_HISTORY'
	'breaks adopt -DLATE_LSN'
	'breaks adopt -DLATE_STAMP'
	'breaks adopt -DTAKE_AWAY'
	'breaks adopt -DNO_CHECK'

	'holds history'
	'holds history -DREADERS=2 -DREADS=1'
	'holds history -DSTANDBY=2 -DREADERS=0'
	'holds history -DSTANDBY=1 -DREADS=1'
	'holds history -DFORGET'
	'holds history -DFORGET -DSTANDBY=1 -DREADERS=0'
	'holds history -DCRASH -DREADS=1'
	'holds history -DCRASH -DASYNC -DREADS=1'
	'holds history -DCRASH -DASYNC -DSTANDBY=2 -DREADERS=0 -DREADERS1=0'
	'holds history -DCRASH -DLOOKBACK -DASYNC -DREADS=1'
	'breaks history -DSEEK=0'
	'breaks history -DSEEK=1 -DSTANDBY=2 -DREADERS=0'
	'breaks history -DSEEK=2 -DCRASH -DREADS=1'
	'breaks history -DNO_RAISE'
	'breaks history -DNO_SETTLE_FIRST'
	'breaks history -DNO_PENDING'
	'breaks history -DNO_PENDING_FIRST'
	'breaks history -DNO_HISTORY'
	'breaks history -DNO_STAMP'
	'breaks history -DNO_FILL_PENDING'
	'breaks history -DNO_GATE -DSTANDBY=2 -DREADERS=0'
	'breaks history -DNO_HIGH -DSTANDBY=2 -DREADERS=0'
	'breaks history -DNO_ORDER -DSTANDBY=2 -DREADERS=0'
	'breaks history -DNO_LOW -DSTANDBY=2 -DREADERS=0'
	'breaks history -DNO_FUTURE -DSTANDBY=1 -DREADS=1'
	'breaks history -DNO_LOW_P -DSTANDBY=1 -DREADS=1'
	'breaks history -DNO_MAX -DSTANDBY=1 -DREADS=1'
	'breaks history -DNO_FLOOR -DCRASH -DASYNC -DREADS=1'
	'breaks history -DNO_END -DCRASH -DASYNC -DREADS=1'
	'breaks history -DNO_INCARNATION -DCRASH -DASYNC -DREADS=1'
	'breaks history -DNO_FORGET_FLOOR -DFORGET'
	'holds history -DPREPARED -DREADS=1'
	'holds history -DPREPARED -DCRASH -DREADERS=0 -DKEPT=1'
	'breaks history -DLOWER_AT_PREPARE -DPREPARED'
	'breaks history -DNO_RAISE_AGAIN -DPREPARED -DCRASH -DREADERS=0 -DKEPT=1'
	'holds history -DPREPARED -DJOIN -DSTANDBY=2 -DREADERS=0 -DKEPT=1 -DWRITERS=1'
	'holds history -DPREPARED -DJOIN -DJUMP -DLOOK -DSTANDBY=1 -DREADERS=0 -DKEPT=1 -DWRITERS=1'
	'breaks history -DAT_MESSAGE -DPREPARED -DJOIN -DSTANDBY=2 -DREADERS=0 -DKEPT=1 -DWRITERS=1'
	'breaks history -DNO_UNKNOWN -DPREPARED -DJOIN -DSTANDBY=2 -DREADERS=0 -DKEPT=1 -DWRITERS=1'
	'breaks history -DNO_UNKNOWN -DPREPARED -DJOIN -DLOOK -DSTANDBY=1 -DREADERS=0 -DKEPT=1 -DWRITERS=1'
	'breaks history -DNO_BEGIN_FLOOR -DJOIN -DSTANDBY=2 -DREADERS=0 -DKEPT=1'
	'breaks history -DBEGIN_LOW -DJOIN -DSTANDBY=2 -DREADERS=0 -DKEPT=1'
	'breaks history -DLATE_FLOOR -DJOIN -DJUMP -DSTANDBY=1 -DREADERS=0 -DKEPT=1'
	'breaks history -DNO_COMPARE -DJOIN -DJUMP -DLOOK -DSTANDBY=1 -DREADERS=0 -DKEPT=1 -DWRITERS=1'
	'breaks history -DEARLY_LOWER -DJOIN -DLOOK -DSTANDBY=1 -DREADERS=0 -DKEPT=1 -DWRITERS=1'
)

# What spin's verifier says, from its output: holds only if it saw every state.
verdict()
{
	if grep -q 'errors: 0$' "$1"; then
		if grep -qE 'Search not completed|depth too small|out of memory' "$1"; then
			echo unfinished
		else
			echo holds
		fi
	elif grep -q '^pan:1: assertion violated' "$1"; then
		echo breaks
	elif grep -q '^pan:1: invalid end state' "$1"; then
		echo hangs
	else
		echo unfinished
	fi
}

# One case, in a folder of its own below the first argument.
run_case()
{
	local work=$1 want=$2 model=$3 models=$PWD dir got=unfinished how
	shift 3

	dir=$(mktemp -d "$work/XXXXXX") && cd "$dir" || return
	# Where all states are searched, running takes longer than compiling. What
	# breaks is found sooner from the processes that come last.
	if [[ $want == holds ]]; then how=-O1; else how='-O0 -DREVERSE'; fi
	# shellcheck disable=SC2086
	if spin -a "$@" "$models/$model.pml" >spin.log 2>&1 &&
		gcc -w $how -DSAFETY -o pan pan.c >>spin.log 2>&1
	then
		timeout -k 5 $TIMEOUT ./pan -m10000 >pan.log 2>&1
		got=$(verdict pan.log)
	fi
	if [[ $got == "$want" ]]; then
		printf 'ok   %-6s %s\n' "$want" "$model ${*:-(the protocol)}"
	else
		printf 'FAIL %-6s %s (%s)\n' "$want" "$model ${*:-(the protocol)}" "$got"
		tail -n 5 spin.log pan.log 2>/dev/null | sed 's/^/     | /'
	fi
	rm -rf "$dir"
}

main()
{
	local work passed failed tool

	for tool in spin gcc; do
		if ! command -v $tool >/dev/null; then
			echo "skipped: no model was checked, as $tool is not installed (apt-get install $tool)"
			exit 0
		fi
	done
	work=$(mktemp -d) || exit 2
	# shellcheck disable=SC2064
	trap "rm -rf '$work'" EXIT
	trap 'exit 130' INT TERM HUP

	printf '%s\n' "${CASES[@]}" |
		xargs -P "${CF_MODEL_JOBS:-2}" -L 1 "./${BASH_SOURCE[0]##*/}" --case "$work" |
		tee "$work/results"
	# A case that printed no result has failed as well.
	failed=$((${#CASES[@]} - $(grep -c '^ok ' "$work/results")))
	passed=$((${#CASES[@]} - failed))

	echo "$passed passed, $failed failed"
	((failed == 0))
}

if [[ ${1:-} == --case ]]; then
	shift
	run_case "$@"
else
	main
fi
