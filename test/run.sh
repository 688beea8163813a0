#!/usr/bin/env bash
# All tests: make test, or for one's own loop
#
#   test/run.sh [all]              everything
#   test/run.sh checks             static checks: layers, circles, functions, symbols, documents, waits of tests, format
#   test/run.sh unit [NAME...]     test/unit/*.c under ASan and UBSan
#   test/run.sh fuzz [NAME...]     test/fuzz/*.c by libFuzzer, CF_FUZZ_SECONDS=10 each
#   test/run.sh model              test/model/*.pml, and those of the design
#   test/run.sh regress [NAME...]  sql/*.sql against the release build
#   test/run.sh ubsan [NAME...]    the same against the UBSan build
#   test/run.sh isolation [NAME...]  test/specs/*.spec against the debug build;
#                                  redis_*.spec on a server that uses a Redis
#   test/run.sh tap [NAME...]      test/t/*.pl against the debug build
#
# CF_FLAVOUR=release|debug|ubsan picks another build for regress, isolation and
# tap. Nothing touches the system's PostgreSQL: see test/lib/setup.sh. Outputs
# and logs of the last run stay in build/last-run (regress: .../out/results).
#
# What counts, one each: a static check, a unit test program, a fuzzer, a regression
# file, an isolation spec, a TAP file, the log of a server that we ran (no crash
# and no leak in it), and a build that failed. The last line says how many.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
# shellcheck source=test/lib/setup.sh
. test/lib/setup.sh

# Commands that the tests call, beyond what every Debian has: perl (prove, JSON::PP,
# Time::HiRes), openssl, redis-cli (redis-tools), nm and ld (binutils). What is not
# named here they do without; test/check_waits.sh knows some.
PACKAGES=("${CF_PACKAGES[@]}" libpq-dev libipc-run-perl spin clang libclang-rt-dev
	redis-server redis-tools perl openssl binutils python3-psycopg2 python3-psycopg pgbouncer
	haproxy)
# Programs, and their packages, that are fetched for a test or check, which is skipped where
# that fails. Not installed, for some of these packages bring services.
declare -A FETCHED=([prometheus-postgres-exporter]=prometheus-postgres-exporter
	[promtool]=prometheus [shellcheck]=shellcheck)
# The same of whole packages: pgjdbc, ORMs, other extensions, and the libraries of PostGIS.
FETCHED_PACKAGES=(libpostgresql-jdbc-java python3-sqlalchemy python3-django python3-asgiref
	python3-sqlparse python3-tz "postgresql-$CF_PGMAJOR-pgaudit" "postgresql-$CF_PGMAJOR-pg-qualstats" "postgresql-$CF_PGMAJOR-pg-stat-kcache"
	"postgresql-$CF_PGMAJOR-set-user" "postgresql-$CF_PGMAJOR-postgis-3"
	"postgresql-$CF_PGMAJOR-postgis-3-scripts" libgeos-c1v5 libgeos3.11.1 libproj25 proj-data
	libprotobuf-c1)
# Only what hangs reaches these, however busy the machine.
SUITE_TIMEOUT=3600
TAP_TIMEOUT=1800
WAIT_TIMEOUT=300
LANES=()
JOBS=()

# ---- results ----------------------------------------------------------------

# record ok|fail SUITE NAME TIME [FILE]: one counted thing; FILE is shown if it
# failed. Suites run side by side, hence the locks and the file of results.
record()
{
	local status=$1 suite=$2 name=$3 time=$4 file=${5:-}

	(
		flock 8
		printf '%s %s %s\n' "$status" "$suite" "$name" >>"$RUN/results"
		printf '%-4s  %-10s %-44s %8s\n' "${status/fail/FAIL}" "$suite" "$name" "$time"
		if [[ $status == fail && -s $file ]]; then
			head -n 100 "$file" | sed 's/^/      | /'
		fi
	) 8>>"$RUN/print.lock"
}

note()
{
	(flock 8; printf '%-4s  %s\n' "$1" "$2") 8>>"$RUN/print.lock"
}

now_ms()
{
	local t=${EPOCHREALTIME/[.,]/}
	echo $((t / 1000))
}

# Time since $1 (from now_ms), in the form that record prints.
since()
{
	local ms=$(($(now_ms) - $1))
	printf '%d.%02d s' $((ms / 1000)) $((ms % 1000 / 10))
}

# ---- builds -----------------------------------------------------------------

# Makes each flavour named ready; says which failed.
prepare()
{
	local flavour start

	for flavour in "$@"; do
		start=$(now_ms)
		if cf_private_tree "$CF_BUILD/$flavour" "$flavour"; then
			note '' "$(printf '%-55s %8s' "build $flavour" "$(since "$start")")"
		else
			grep -vE '^(gcc |make: |make\[|cat )' "$CF_BUILD/$flavour/build.log" >"$RUN/build-$flavour"
			record fail build "$flavour" "$(since "$start")" "$RUN/build-$flavour"
		fi
	done
}

# Looks at the results, as flavours are built in a shell of their own.
built()
{
	! grep -q "^fail build $1$" "$RUN/results"
}

# Those named are then installed, or in CF_BUILD/tools.
fetch_programs()
{
	local program

	for program in "$@"; do
		cf_fetch_program "${FETCHED[$program]}" "$program" ||
			note '' "could not fetch $program of package ${FETCHED[$program]}"
	done
}

# Those that are extensions are then in the installation of the flavour named.
fetch_packages()
{
	local flavour=$1 package

	for package in "${FETCHED_PACKAGES[@]}"; do
		if ! cf_fetch_package "$package"; then
			note '' "could not fetch package $package"
		elif built "$flavour"; then
			cf_add_package "$CF_BUILD/$flavour" "$package"
		fi
	done
}

# The value of a variable of the Makefile, so that 'make installcheck' and we
# run the same tests with the same options.
make_var()
{
	make -s -C "$CF_ROOT" "PG_CONFIG=$PG_CONFIG" \
		--eval="cf-print: ; @echo \$($1)" cf-print
}

# ---- static checks ----------------------------------------------------------

run_checks()
{
	local check start status

	for check in layers circles functions symbols docs waits format; do
		start=$(now_ms)
		if [[ $check == symbols || $check == circles ]]; then
			if ! built release; then continue; fi
			set -- "$CF_BUILD/release/src-tree/cachefront.so"
		else
			set --
		fi
		status=ok
		CF_TOOLS=$CF_BUILD/tools "test/check_$check.sh" "$@" >"$RUN/check-$check" 2>&1 || status=fail
		if grep -q '^skip: ' "$RUN/check-$check"; then
			note skip "check $check: $(sed -n 's/^skip: //p' "$RUN/check-$check")"
		fi
		record $status check "$check" "$(since "$start")" "$RUN/check-$check"
	done
}

# ---- models -----------------------------------------------------------------

# All of them count as one: each case is in the output.
run_models()
{
	local start status=ok

	start=$(now_ms)
	test/model/run.sh >"$RUN/models" 2>&1 || status=fail
	record $status model "protocol ($(tail -n 1 "$RUN/models"))" "$(since "$start")" "$RUN/models"
	grep -E '^skipped|^ *FAIL|^shared: FAIL' "$RUN/models"
	return 0
}

# ---- unit tests -------------------------------------------------------------

run_unit()
{
	local file name start

	mkdir -p "$RUN/unit"
	for file in $(pick test/unit c "$@"); do
		name=$(basename "$file" .c)
		start=$(now_ms)
		if unit_build "$file" "$RUN/unit/$name" >"$RUN/unit/$name.log" 2>&1 &&
			timeout $WAIT_TIMEOUT "$RUN/unit/$name" >"$RUN/unit/$name.log" 2>&1
		then
			record ok unit "$name ($(grep -c '^ok ' "$RUN/unit/$name.log") checks)" \
				"$(since "$start")"
		else
			grep -v '^ok ' "$RUN/unit/$name.log" >"$RUN/unit/$name.fail"
			record fail unit "$name" "$(since "$start")" "$RUN/unit/$name.fail"
		fi
	done
}

unit_build()
{
	pure_build gcc "$1" "$2" -O1 -fsanitize=address,undefined
}

# Compiles one test with the source files that its first line names. They may
# use PostgreSQL's types, and what its static libraries for clients hold
# (hashes, CRC, StringInfo, palloc); test/unit/harness.h has the rest.
# Arguments: compiler, file, program to make, further flags.
pure_build()
{
	local cc=$1 file=$2 out=$3 lib sources
	shift 3

	lib=$("$PG_CONFIG" --pkglibdir)
	sources=$(sed -n '1s|^/\* [a-z]*: *\(.*\)\*/.*|\1|p' "$file")
	# shellcheck disable=SC2046,SC2086
	"$cc" -std=gnu99 -g -Wall -Wextra -Werror -Wno-unused-parameter \
		-Wno-sign-compare -Wno-missing-field-initializers "$@" \
		-fno-sanitize-recover=all \
		-fno-omit-frame-pointer -DCF_UNIT_TEST -DUSE_ASSERT_CHECKING \
		$(make_var CF_LIB_CPPFLAGS) \
		-I"$("$PG_CONFIG" --includedir-server)" -Isrc -Itest/unit \
		-o "$out" "$file" $sources \
		"$lib/libpgcommon.a" "$lib/libpgport.a" $(make_var CF_LIBS) -lm
}

# ---- fuzzers ----------------------------------------------------------------

# PostgreSQL's headers were configured for gcc: clang lacks its gnu_printf.
FUZZ_FLAGS=(-O1 "-fsanitize=fuzzer,address,undefined" -Wno-ignored-attributes)

# Clang alone is not enough: its runtime is a package of its own.
can_fuzz()
{
	echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return 0; }' |
		clang "${FUZZ_FLAGS[@]}" -x c -o "$RUN/fuzz/probe" - >"$RUN/fuzz/probe.log" 2>&1
}

# What a run finds stays in its folder: inputs in new-NAME, a crash in NAME-crash-*.
run_fuzz()
{
	local file name start

	mkdir -p "$RUN/fuzz"
	if ! can_fuzz; then
		note skip 'fuzz: clang or its libFuzzer is not here'
		return
	fi
	for file in $(pick test/fuzz c "$@"); do
		name=$(basename "$file" _fuzz.c)
		start=$(now_ms)
		if pure_build clang "$file" "$RUN/fuzz/$name" "${FUZZ_FLAGS[@]}" \
			>"$RUN/fuzz/$name.log" 2>&1 && fuzz_one "$name"
		then
			record ok fuzz "$name ($(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' \
				"$RUN/fuzz/$name.log") inputs)" "$(since "$start")"
		else
			grep -vE '^(#[0-9]|INFO:)' "$RUN/fuzz/$name.log" >"$RUN/fuzz/$name.fail"
			record fail fuzz "$name" "$(since "$start")" "$RUN/fuzz/$name.fail"
		fi
	done
}

# The memory limits are what the code under test promises.
fuzz_one()
{
	local name=$1 seconds=${CF_FUZZ_SECONDS:-10} corpus=()

	mkdir -p "$RUN/fuzz/new-$name"
	if [[ -d test/fuzz/corpus/$name ]]; then corpus=("test/fuzz/corpus/$name"); fi
	if grep -q -e '--seeds=DIR' "test/fuzz/${name}_fuzz.c"; then
		"$RUN/fuzz/$name" --seeds="$RUN/fuzz/new-$name" || return
	fi
	timeout -k 10 $((seconds + WAIT_TIMEOUT)) "$RUN/fuzz/$name" -max_total_time="$seconds" \
		-timeout=60 -malloc_limit_mb=16 -rss_limit_mb=1024 -max_len=4096 \
		-artifact_prefix="$RUN/fuzz/$name-" \
		"$RUN/fuzz/new-$name" "${corpus[@]}" >>"$RUN/fuzz/$name.log" 2>&1
}

# ---- servers ----------------------------------------------------------------

# Times that a busy machine does not reach, a part of Redis with a known name, and what
# commits drop there is gone when they are over.
REDIS_SETTINGS=(-c autovacuum=off -c cachefront.namespace=iso
	-c cachefront.redis_command_timeout=10s -c cachefront.redis_connect_timeout=10s
	-c cachefront.redis_commit=sync
	-c cachefront.flight_timeout=60s)

# Nobody stops waiting for another's load because the machine is busy.
ISOLATION_SETTINGS=(-c cachefront.flight_timeout=10min)

# Which tags share a clock is the same in each run.
SEED=(-c cachefront.hash_seed=1)

# Tests of what rules alone do say so in a line of their own, and get a server
# that notices no change by itself.
WITHOUT_TRACKING='^(--|#) server: without tracking$'

# Starts a server of a flavour for one suite; for suite redis, with a Redis; for
# those whose name ends in -rules, without tracking. Sets DIR (a folder of the
# server's user); connect to SOCKETS and PORT.
start_server()
{
	local suite=$1 flavour=$2 settings=()

	DIR=$RUN/$suite
	CF_TREE_BIN=$CF_BUILD/$flavour$("$PG_CONFIG" --bindir)
	cf_as mkdir -p "$DIR/out" || return
	if [[ $suite == *-rules ]]; then
		settings=(-c cachefront.track_changes=off)
	fi
	if [[ $suite == redis* ]]; then
		cf_redis_start "$DIR/server" "$SOCKETS/redis" || return
		settings+=("${REDIS_SETTINGS[@]}" -c "cachefront.redis_url=unix://$SOCKETS/redis")
	elif [[ $suite == isolation* ]]; then
		settings+=("${ISOLATION_SETTINGS[@]}")
	fi
	cf_server_init "$DIR/data" "$CF_TREE_BIN" &&
		cf_server_start "$DIR/data" "$CF_TREE_BIN" "$SOCKETS" "$PORT" \
			-c max_connections=300 -c max_prepared_transactions=10 \
			-c 'log_line_prefix=%m [%p] %q%a ' "${SEED[@]}" "${settings[@]}"
}

# What the specs with Redis share; the drivers make all other databases.
make_database()
{
	if [[ $1 != redis* ]]; then return; fi
	cf_as "$CF_TREE_BIN/psql" -XAtq -v ON_ERROR_STOP=1 -h "$SOCKETS" -p "$PORT" \
		-U postgres -f "$SOURCE/test/lib/redis_specs.sql" postgres
}

# Stops it, and fails if its log tells of a crash or of a leaked resource.
stop_server()
{
	local suite=$1 log=$DIR/data/server.log

	cf_server_stop "$DIR/data"
	cf_redis_stop "$DIR/server"
	# As of 17 a leak is told as a "resource was not closed".
	if grep -nE 'PANIC:|TRAP:|terminated by signal|WARNING:.* leak|resource was not closed' \
		"$log" >"$DIR/log.bad"
	then
		tail -n 40 "$log" >>"$DIR/log.bad"
		record fail log "$suite" '' "$DIR/log.bad"
	else
		record ok log "$suite" ''
	fi
}

# ---- pg_regress and pg_isolation_regress ------------------------------------

# Runs a driver over tests, recording each as it ends. Arguments: suite,
# flavour, driver below pgxs/src/test, its options, then the names of tests.
run_driver()
{
	local suite=$1 flavour=$2 driver=$3 options=$4 line name
	shift 4

	if (($# == 0)); then return; fi
	if ! start_server "$suite" "$flavour" >"$RUN/$suite.start" 2>&1 ||
		! make_database "$suite" >>"$RUN/$suite.start" 2>&1
	then
		record fail "$suite" 'start of the server' '' "$RUN/$suite.start"
		cf_server_stop_below "$RUN/$suite"
		return
	fi
	# shellcheck disable=SC2086
	cf_as env PGISOLATIONTIMEOUT=$WAIT_TIMEOUT CF_FLAVOUR="$flavour" \
		timeout --foreground -k 10 $SUITE_TIMEOUT \
		"$("$PG_CONFIG" --pkglibdir)/pgxs/src/test/$driver" \
		--bindir="$CF_TREE_BIN" --host="$SOCKETS" --port="$PORT" --user=postgres \
		$options --outputdir="$DIR/out" "$@" 2>&1 |
		tee "$RUN/$suite.log" |
		while IFS= read -r line; do
			driver_line "$suite" "$line"
		done
	tail -n 5 "$RUN/$suite.log" >"$RUN/$suite.end"
	for name in "$@"; do
		if ! grep -qE "^(ok|fail) $suite $name\$" "$RUN/results"; then
			record fail "$suite" "$name" 'not run' "$RUN/$suite.end"
		fi
	done
	stop_server "$suite"
}

# Understands a line of the drivers: of PostgreSQL 15 "test x ... ok 12 ms", of
# later versions "ok 1 - x 12 ms".
driver_line()
{
	local suite=$1 line=$2 name time status=

	if [[ $line =~ ^test\ +([^ ]+)\ +\.\.\.\ +(ok|FAILED)\ .*\ ([0-9]+\ ms) ]]; then
		name=${BASH_REMATCH[1]} time=${BASH_REMATCH[3]}
		if [[ ${BASH_REMATCH[2]} == ok ]]; then status=ok; else status=fail; fi
	elif [[ $line =~ ^(ok|not ok)\ +[0-9]+\ +[-+]\ ([^ ]+)\ +([0-9]+ ms) ]]; then
		name=${BASH_REMATCH[2]} time=${BASH_REMATCH[3]}
		if [[ ${BASH_REMATCH[1]} == ok ]]; then status=ok; else status=fail; fi
	else
		return
	fi
	if [[ $status == fail ]]; then
		show_diff "$name" >"$RUN/$suite/$name.diff"
	fi
	record "$status" "$suite" "$name" "$time" "$RUN/$suite/$name.diff"
}

# The part of regression.diffs that belongs to one test.
show_diff()
{
	awk -v want="/$1.out" '
		/^diff / { show = index($0, want) > 0 }
		show' "$RUN/$suite/out/regression.diffs" 2>/dev/null
}

# A new test without an expected output would stop pg_regress: give the copy an
# empty one, so that all of its output is shown as the difference.
expect_something()
{
	local dir=$1 name
	shift

	for name in "$@"; do
		if ! compgen -G "$dir/expected/$name*.out" >/dev/null; then
			mkdir -p "$dir/expected"
			: >"$dir/expected/$name.out"
		fi
	done
}

# Until 15, expected outputs were looked for beside the inputs.
driver_dirs()
{
	printf '%s' "--inputdir=$1"
	if ((CF_PGMAJOR > 15)); then printf ' %s' "--expecteddir=$1"; fi
}

# The names among those given whose files (FOLDER/NAME.EXTENSION) want a server
# with or without tracking: with|without FOLDER EXTENSION NAMES...
wanting()
{
	local how=$1 folder=$2 extension=$3 name
	shift 3

	for name in "$@"; do
		if grep -qE "$WITHOUT_TRACKING" "$SOURCE/$folder/$name.$extension"; then
			if [[ $how == without ]]; then echo "$name"; fi
		elif [[ $how == with ]]; then
			echo "$name"
		fi
	done
}

# suite, flavour, names
run_regress()
{
	local suite=$1 flavour=$2 tests
	shift 2

	if ! built "$flavour"; then return; fi
	tests=$(make_var REGRESS)
	if (($#)); then tests=$*; fi
	# shellcheck disable=SC2086
	expect_something "$SOURCE" $tests
	# shellcheck disable=SC2046,SC2086
	run_driver "$suite" "$flavour" regress/pg_regress \
		"$(make_var REGRESS_OPTS) $(driver_dirs "$SOURCE")" $(wanting with sql sql $tests)
	# shellcheck disable=SC2046,SC2086
	run_driver "$suite-rules" "$flavour" regress/pg_regress \
		"$(make_var REGRESS_OPTS) $(driver_dirs "$SOURCE")" $(wanting without sql sql $tests)
}

run_isolation()
{
	local flavour=$1 specs plain redis
	shift

	if ! built "$flavour"; then return; fi
	specs=$(pick test/specs spec "$@" | xargs -r -n 1 basename -s .spec)
	plain=$(grep -v '^redis_' <<<"$specs")
	redis=$(grep '^redis_' <<<"$specs")
	# shellcheck disable=SC2086
	expect_something "$SOURCE/test" $specs
	# shellcheck disable=SC2046,SC2086
	run_driver isolation "$flavour" isolation/pg_isolation_regress \
		"$(make_var ISOLATION_OPTS) $(driver_dirs "$SOURCE/test")" \
		$(wanting with test/specs spec $plain)
	# shellcheck disable=SC2046,SC2086
	run_driver isolation-rules "$flavour" isolation/pg_isolation_regress \
		"$(make_var ISOLATION_OPTS) $(driver_dirs "$SOURCE/test")" \
		$(wanting without test/specs spec $plain)
	# shellcheck disable=SC2046,SC2086
	run_driver redis "$flavour" isolation/pg_isolation_regress \
		"--use-existing $(driver_dirs "$SOURCE/test")" $(wanting with test/specs spec $redis)
	# shellcheck disable=SC2046,SC2086
	run_driver redis-rules "$flavour" isolation/pg_isolation_regress \
		"--use-existing $(driver_dirs "$SOURCE/test")" $(wanting without test/specs spec $redis)
}

# ---- TAP --------------------------------------------------------------------

run_tap()
{
	local flavour=$1 file
	shift

	cf_as mkdir -p "$RUN/tap"
	for file in $(pick test/t pl "$@"); do
		tap_file "$flavour" "$file"
	done
}

# What background_psql of PostgreSQL 17 and later reports of each query.
PSQL_CHATTER="^[0-9]+:(# (issuing query|results query|connect output|[{}]|  'std(out|err)')|# background_psql: |'|# ',|# '$)"

tap_file()
{
	local flavour=$1 file=$2 name log pgxs start count

	if ! built "$flavour"; then return; fi
	name=$(basename "$file" .pl)
	log=$RUN/tap/$name.log
	pgxs=$("$PG_CONFIG" --pkglibdir)/pgxs
	start=$(now_ms)
	cf_as env CF_FLAVOUR="$flavour" TESTDIR="$RUN/tap/$name" TMPDIR="$SOCKETS" \
		PG_TEST_PORT_DIR="$CF_BUILD/ports" CF_NPM="$CF_BUILD/npm" TESTDATADIR="$RUN/tap/$name" \
		TESTLOGDIR="$RUN/tap/$name/log" CF_TOOLS="$CF_BUILD/tools" \
		PG_REGRESS="$pgxs/src/test/regress/pg_regress" PG_TEST_TIMEOUT_DEFAULT=$WAIT_TIMEOUT \
		PGCTLTIMEOUT=$WAIT_TIMEOUT \
		PATH="$CF_BUILD/$flavour$("$PG_CONFIG" --bindir):$PATH" \
		bash -c 'mkdir -p "$TESTDIR" && cd "$TESTDIR" && exec "$@"' - \
		timeout --foreground -k 10 $TAP_TIMEOUT prove --verbose --nocolor --merge \
		-I "$pgxs/src/test/perl" -I "$SOURCE/test/perl" "$SOURCE/$file" \
		>"$log" 2>&1
	case $? in
		0)
			if grep -q 'skipped:' "$log"; then
				note skip "tap $name: $(sed -n 's/^.*skipped: *//p' "$log" | tail -n 1)"
			else
				count=$(sed -n 's/.*, Tests=\([0-9]*\),.*/\1/p' "$log")
				record ok tap "$name ($count tests)" "$(since "$start")"
			fi ;;
		*)
			grep -anvE '^ok |^### |^# Running: |^# Name: |directory: |string: ' "$log" |
				grep -vE "$PSQL_CHATTER" |
				tail -n 100 >"$log.fail"
			# What a test dies of is only in a log of its own.
			tail -qn 15 "$RUN/tap/$name"/{tmp_check/log,log}/"regress_log_$name" >>"$log.fail" 2>/dev/null
			# Once more at the end, in short: who reads the end of a long run sees why.
			{
				echo "tap $name:"
				grep -aE -A 9 '^not ok|timed out|^died|^Bailout' "$log" | cut -c 1-200 | head -n 24
			} >>"$RUN/reasons"
			record fail tap "$name" "$(since "$start")" "$log.fail" ;;
	esac
	cf_server_stop_below "$RUN/tap/$name"
}

# ---- the run ----------------------------------------------------------------

# Files of a folder by extension: those named, or all.
pick()
{
	local dir=$1 ext=$2 name file
	shift 2

	if (($# == 0)); then
		find "$dir" -maxdepth 1 -name "*.$ext" | sort
	fi
	for name in "$@"; do
		name=$(basename "$name" ".$ext")
		file=$(find "$dir" -maxdepth 1 -name "$name*.$ext" | sort)
		if [[ -z $file ]]; then echo "no such test: $name" >&2; fi
		echo "$file"
	done
}

# A folder for this run. Those of finished runs go, those of killed runs after
# their servers were stopped.
begin_run()
{
	local old pid

	for old in "$CF_BUILD"/run-*; do
		pid=${old##*-}
		if [[ -d $old && ! -d /proc/$pid ]]; then
			cf_server_stop_below "$old"
			rm -rf "$old"
		fi
	done
	RUN=$CF_BUILD/run-$$
	rm -rf "$RUN"
	mkdir -p "$RUN" "$CF_BUILD/ports" "$CF_BUILD/npm"
	if ((EUID == 0)); then chown "$CF_USER" "$RUN" "$CF_BUILD/ports" "$CF_BUILD/npm"; fi
	: >"$RUN/results"
	ln -sfn "run-$$" "$CF_BUILD/last-run"
	SOCKETS=$(cf_socket_dir)
	trap end_run EXIT
	trap 'exit 130' INT TERM HUP
}

end_run()
{
	local pid

	for pid in "${LANES[@]}"; do
		kill -TERM -- "-$pid" 2>/dev/null
	done
	cf_server_stop_below "$RUN"
	rm -rf "$SOCKETS"
}

# Runs a function in the background, in a process group of its own, so that an
# interrupt reaches us at once and end_run can end all of the group.
lane()
{
	set -m
	"$@" </dev/null &
	LANES+=($!)
	set +m
}

# One job after another until there is none left; the lanes share the list.
work()
{
	local job

	while job=$(next_job); do
		$job
	done
}

next_job()
{
	local n

	exec 7>>"$RUN/next.lock" || return
	flock 7
	n=$(cat "$RUN/next" 2>/dev/null || echo 0)
	echo $((n + 1)) >"$RUN/next" || return
	((n < ${#JOBS[@]})) && echo "${JOBS[n]}"
}

regress_job() { PORT=5802 run_regress regress release; }
isolation_job() { PORT=5803 run_isolation debug; }
ubsan_job() { PORT=5804 run_regress ubsan ubsan; }

# What takes longest comes first, so that no lane is left with it at the end. Most
# tests wait more than they work: a lane more than there are processors.
LONG='051_|130_|050_|122_|121_|040_|120_|010_|062_|080_|101_|110_|112_|020_'

list_jobs()
{
	local files

	files=$(pick test/t pl)
	mapfile -t JOBS < <(
		grep -E "/($LONG)" <<<"$files" | sed 's/^/tap_file debug /'
		printf '%s\n' isolation_job ubsan_job regress_job run_unit run_fuzz run_checks
		grep -vE "/($LONG)" <<<"$files" | sed 's/^/tap_file debug /')
}

# Builds come first: they use all processors themselves. The models take one for
# minutes, while the tests of the other lanes mostly wait.
run_all()
{
	local i lanes

	lanes=$(($(nproc) + 1))
	prepare release debug ubsan
	fetch_packages debug
	list_jobs
	cf_as mkdir -p "$RUN/tap"
	CF_MODEL_JOBS=1 lane run_models
	for ((i = 0; i < lanes && i < 4; i++)); do
		lane work
	done
	wait
}

main()
{
	local what=${1:-all} passed failed

	if (($#)); then shift; fi
	case $what in
		all | checks | unit | fuzz | model | regress | ubsan | isolation | tap) ;;
		*) sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2 ;;
	esac
	cf_install_packages "${PACKAGES[@]}"
	cf_setup
	begin_run
	PORT=5801
	case $what in
		checks | regress) FLAVOUR=${CF_FLAVOUR:-release} ;;
		ubsan) FLAVOUR=ubsan ;;
		*) FLAVOUR=${CF_FLAVOUR:-debug} ;;
	esac
	SOURCE=$CF_BUILD/$FLAVOUR/src-tree
	case $what in
		all) fetch_programs "${!FETCHED[@]}" ;;
		tap) fetch_programs prometheus-postgres-exporter promtool ;;
		checks) fetch_programs shellcheck ;;
	esac
	case $what in
		all) SOURCE=$CF_BUILD/release/src-tree; run_all ;;
		checks) prepare release; lane run_checks ;;
		unit) lane run_unit "$@" ;;
		fuzz) lane run_fuzz "$@" ;;
		model) lane run_models ;;
		regress | ubsan) prepare "$FLAVOUR"; lane run_regress "$what" "$FLAVOUR" "$@" ;;
		isolation) prepare "$FLAVOUR"; lane run_isolation "$FLAVOUR" "$@" ;;
		tap) prepare "$FLAVOUR"; fetch_packages "$FLAVOUR"; lane run_tap "$FLAVOUR" "$@" ;;
	esac
	wait
	cat "$RUN/reasons" 2>/dev/null
	passed=$(grep -c '^ok ' "$RUN/results")
	failed=$(grep -c '^fail ' "$RUN/results")
	printf '%d passed, %d failed\n' "$passed" "$failed"
	((failed == 0))
}

main "$@"
