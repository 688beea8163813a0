#!/usr/bin/env bash
# The freshness checker against private servers: make soak
#
#   test/soak/soak.sh [SECONDS [CHECKER-OPTION...]]      default: 600 seconds
#
# Each part has an eighth of the time:
#
#	differential	cached reads beside the same queries uncached
#	local			one server without Redis
#	bare			the same, where no rule is attached
#	standby			a server that crashes now and then, and its standby, without Redis
#	redis			the same with a Redis that redis_faults.pl mistreats
#	sentinel		the same with Sentinels, which fleet_faults.pl mistreats
#	cluster			the same with a Redis Cluster
#	promotion		the server dies half-way, and its standby takes its place
#
# CF_SOAK chooses one of them; CF_REDIS_FAULTS names what may be done to Redis (all, or
# "none").
#
# CF_FLAVOUR picks the build (release). The last line says what was found; the status
# is 0 if that is nothing.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
# shellcheck source=test/lib/setup.sh
. test/lib/setup.sh

SECONDS_TO_RUN=${1:-600}
if (($#)); then shift; fi
FLAVOUR=${CF_FLAVOUR:-release}
read -ra REDIS_FAULTS <<<"${CF_REDIS_FAULTS:-}"
PORT=5831
SEED=$((RANDOM * 32768 + RANDOM))
REDIS_FD=
REDIS_PID=
SCHEMA=()						# options for schema.sql

# A server, started; the folder and the port, then settings as for postgres.
start_server()
{
	local data=$1 port=$2

	shift 2
	cf_server_start "$data" "$CF_TREE_BIN" "$SOCKETS" "$port" -c max_connections=200 \
		-c deadlock_timeout=20ms -c max_wal_size=2GB "$@"
}

own_folder()
{
	mkdir -p "$1"
	if ((EUID == 0)); then chown "$CF_USER" "$1"; fi
	chmod 700 "$1"
}

stop_all()
{
	cf_server_stop "$STANDBY"
	cf_server_stop "$DATA"
	rm -rf "$DATA" "$STANDBY"
	# The servers have had it open as well.
	if [[ -n $REDIS_FD ]]; then
		exec {REDIS_FD}>&-
		wait "$REDIS_PID" 2>/dev/null
	fi
	REDIS_FD=
}

start_primary()
{
	local psql=("$CF_TREE_BIN/psql" -X -q -h "$SOCKETS" -p "$PORT" -U postgres -d postgres
		-v ON_ERROR_STOP=1 "${SCHEMA[@]}")

	own_folder "$DATA"
	cf_server_init "$DATA" "$CF_TREE_BIN" && start_server "$DATA" "$PORT" "$@" &&
		"${psql[@]}" -c 'CREATE EXTENSION cachefront' &&
		"${psql[@]}" -o /dev/null -v keys=120 -v rows=16 -v groups=8 -f test/soak/schema.sql
}

start_standby()
{
	own_folder "$STANDBY"
	cf_as "$CF_TREE_BIN/pg_basebackup" -h "$SOCKETS" -p "$PORT" -U postgres -D "$STANDBY" \
		-R -c fast &&
		start_server "$STANDBY" $((PORT + 1)) -c max_standby_streaming_delay=-1 \
			-c cachefront.stale_ttl=0 "$@"
}

# Redis and what is done to it, until we close its input; its events go to
# $SOCKETS/events. The first of them says "ready", and where Redis is: REDIS_URL. One
# server, or "sentinel" or "cluster".
start_redis()
{
	local command=("$CF_ROOT/test/soak/redis_faults.pl" "$SOCKETS/redis")

	if [[ -n ${1-} ]]; then
		command=(-I "$("$PG_CONFIG" --pkglibdir)/pgxs/src/test/perl"
			-I "$CF_ROOT/test/perl" "$CF_ROOT/test/soak/fleet_faults.pl" "$1" "$SOCKETS/redis")
	fi
	own_folder "$SOCKETS/redis"
	exec {REDIS_FD}> >(cf_as perl "${command[@]}" "$SEED" "${REDIS_FAULTS[@]}" \
		>"$SOCKETS/events" 2>&1 3>&1)
	REDIS_PID=$!
	for _ in {1..1000}; do
		if read -r _ REDIS_URL < <(grep -s '^ready' "$SOCKETS/events"); then return; fi
		sleep 0.1
	done
	cat "$SOCKETS/events" >&2
	return 1
}

# Only the checker sends SIGKILL, for --crash-every.
logs_are_clean()
{
	! grep -nE 'PANIC:|TRAP:|terminated by signal ([1-8]|[1-9][0-9]):|WARNING:.* leak' "$@"
}

check_without_redis()
{
	local status

	start_primary || return 2
	"$SOCKETS/checker" --host "$SOCKETS" --port "$PORT" "$@"
	status=$?
	logs_are_clean "$DATA/server.log" || status=1
	stop_all
	return "$status"
}

check_on_standby()
{
	local status

	start_primary && start_standby || return 2
	"$SOCKETS/checker" --host "$SOCKETS" --port "$PORT" --standby-host "$SOCKETS" \
		--standby-port $((PORT + 1)) "$@"
	status=$?
	logs_are_clean "$DATA/server.log" "$STANDBY/server.log" || status=1
	stop_all
	return "$status"
}

# What the standby has not is not acknowledged.
make_synchronous()
{
	"$CF_TREE_BIN/psql" -X -q -h "$SOCKETS" -p "$PORT" -U postgres -d postgres -o /dev/null \
		-c "ALTER SYSTEM SET synchronous_standby_names = '*'" -c 'SELECT pg_reload_conf()'
}

check_without_rules()
{
	local status

	SCHEMA=(-v without_rules=1)
	check_without_redis --without-rules "$@"
	status=$?
	SCHEMA=()
	return "$status"
}

# Scripts of what it finds stay in CF_BUILD/differential.
check_differences()
{
	local status

	mkdir -p "$CF_BUILD/differential"
	own_folder "$DATA"
	cf_server_init "$DATA" "$CF_TREE_BIN" &&
		start_server "$DATA" "$PORT" -c autovacuum=off -c max_prepared_transactions=40 || return 2
	"$SOCKETS/differential" --host "$SOCKETS" --port "$PORT" --seed "$SEED" \
		--without "$(cat test/differential/unmended)" --out "$CF_BUILD/differential" "$@"
	status=$?
	logs_are_clean "$DATA/server.log" || status=1
	stop_all
	return "$status"
}

# The kind of Redis ("" for one server), then options for the checker.
check_with_redis()
{
	local status settings

	start_redis "$1" || return 2
	shift
	settings=(-c "cachefront.redis_url=$REDIS_URL" -c cachefront.redis_command_timeout=500ms
		-c cachefront.breaker_reset=200ms -c cachefront.l1_max_value=1kB)
	start_primary "${settings[@]}" && start_standby "${settings[@]}" || return 2
	if [[ " $* " == *" --promote-at "* ]]; then make_synchronous; fi
	"$SOCKETS/checker" --host "$SOCKETS" --port "$PORT" --standby-host "$SOCKETS" \
		--standby-port $((PORT + 1)) "$@" >"$SOCKETS/output" 2>&1
	status=$?
	logs_are_clean "$DATA/server.log" "$STANDBY/server.log" || status=1
	# Only where something was found does it matter when what happened.
	if ((status != 0)); then cat "$SOCKETS/events"; fi
	cat "$SOCKETS/output"
	stop_all
	return "$status"
}

cf_install_packages "${CF_PACKAGES[@]}" libpq-dev redis-server
cf_setup
if ! cf_private_tree "$CF_BUILD/$FLAVOUR" "$FLAVOUR"; then
	tail -n 20 "$CF_BUILD/$FLAVOUR/build.log" >&2
	exit 2
fi
SOCKETS=$(cf_socket_dir)
DATA=$CF_BUILD/soak-$$
STANDBY=$CF_BUILD/soak-$$-standby
trap 'stop_all; rm -rf "$SOCKETS"' EXIT
trap 'exit 130' INT TERM HUP
gcc -std=gnu11 -O2 -Wall -Wextra -Werror -I"$("$PG_CONFIG" --includedir)" -o "$SOCKETS/checker" \
	test/soak/*.c -L"$("$PG_CONFIG" --libdir)" -lpq -lpthread || exit 2
gcc -std=gnu11 -O2 -Wall -Wextra -Werror -I"$("$PG_CONFIG" --includedir)" \
	-o "$SOCKETS/differential" test/differential/*.c -L"$("$PG_CONFIG" --libdir)" -lpq || exit 2

run_part()
{
	local part=$1 seconds=$2 crashes=()

	shift 2
	# Whoever chooses a part says himself whether the server crashes.
	if [[ -z ${CF_SOAK-} ]]; then crashes=(--crash-every 20); fi
	case $part in
		differential) check_differences --seconds "$seconds" "$@" ;;
		local) check_without_redis --seconds "$seconds" "$@" ;;
		bare) check_without_rules --seconds "$seconds" "$@" ;;
		standby) check_on_standby --seconds "$seconds" --seed "$SEED" "${crashes[@]}" "$@" ;;
		redis) check_with_redis "" --seconds "$seconds" --seed "$SEED" "${crashes[@]}" "$@" ;;
		sentinel | cluster)
			check_with_redis "$part" --seconds "$seconds" --seed "$SEED" "${crashes[@]}" "$@"
			;;
		promotion)
			check_with_redis "" --seconds "$seconds" --seed "$SEED" --promote-at $((seconds / 2)) "$@"
			;;
		*) echo "soak.sh: no such part: $part" >&2 && return 2 ;;
	esac
}

if [[ -n ${CF_SOAK-} ]]; then
	run_part "$CF_SOAK" "$SECONDS_TO_RUN" "$@"
	exit
fi
PARTS=(differential local bare standby redis sentinel cluster promotion)
for part in "${PARTS[@]}"; do
	if [[ $part == differential ]]; then
		run_part "$part" $((SECONDS_TO_RUN / ${#PARTS[@]}))
	else
		run_part "$part" $((SECONDS_TO_RUN / ${#PARTS[@]})) "$@"
	fi || exit
done
