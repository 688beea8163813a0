#!/usr/bin/env bash
# make demo, make demo-stop: a private server with a shop in it, and a tour.
#
#   test/demo/demo.sh        installs what is missing, builds, installs the
#                            extension, starts the server and a Redis, loads
#                            the shop unless it is there already, and shows
#                            tour.sh, tour_redis.sh and tour_patterns.sh
#   test/demo/demo.sh stop   stops both and removes their data
#
# Everything but the installed extension is in build/demo. Both listen on unix
# sockets only, which root and the server's user alone can open.

set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=test/lib/setup.sh
. test/lib/setup.sh
# shellcheck source=test/bench/stampede.sh
. test/bench/stampede.sh
# shellcheck source=test/demo/screen.sh
. test/demo/screen.sh
# shellcheck source=test/demo/tour.sh
. test/demo/tour.sh
# shellcheck source=test/demo/redis.sh
. test/demo/redis.sh
# shellcheck source=test/demo/tour_redis.sh
. test/demo/tour_redis.sh
# shellcheck source=test/demo/tour_patterns.sh
. test/demo/tour_patterns.sh

PORT=5491
DATABASE=shop
STEPS=6
BATCHES=50
ORDERS=250000

# ---- steps ------------------------------------------------------------------

build_extension()
{
	cf_build release || {
		grep -vE '^(gcc|make|cat) ' "$CF_BUILD/release/build.log" >&2
		return 1
	}
}

install_extension()
{
	local log=$DEMO/install.log

	cf_flavour_flags release
	make -C "$CF_BUILD/release/src-tree" "${CF_MAKE[@]}" install >"$log" 2>&1 && return
	cat "$log" >&2
	if ((EUID != 0)); then
		cf_say "installing into $("$PG_CONFIG" --pkglibdir) takes root: try again as root"
	fi
	return 1
}

# Sets SOCKETS: beside the data, but where that path is too long for a socket.
choose_sockets()
{
	SOCKETS=$DEMO
	if [[ -s $DEMO/sockets ]]; then
		SOCKETS=$(<"$DEMO/sockets")
	elif ((${#DEMO} > 80)); then
		SOCKETS=$(cf_as mktemp -d /var/tmp/cachefront-demo.XXXXXX)
		cf_say "the path of $DEMO is too long for a socket: it is in $SOCKETS"
		echo "$SOCKETS" >"$DEMO/sockets"
	fi
}

# The library and the SQL objects that are installed now.
installed_version()
{
	cat "$("$PG_CONFIG" --pkglibdir)/cachefront.so" \
		"$("$PG_CONFIG" --sharedir)"/extension/cachefront--*.sql | cksum
}

start_server()
{
	local data=$DEMO/data

	if [[ $(cat "$DEMO/version" 2>/dev/null) != "$(installed_version)" ]]; then
		cf_server_stop "$data"
	fi
	if cf_server_pid "$data" >/dev/null; then return; fi
	if [[ ! -s $data/PG_VERSION ]]; then
		rm -rf "$data"
		install -d -m 0700 -o "$CF_USER" "$data"
		cf_server_init "$data" "$BIN"
	fi
	run_server
}

run_server()
{
	cf_server_start "$DEMO/data" "$BIN" "$SOCKETS" "$PORT" \
		-c unix_socket_permissions=0700 -c max_connections=200 \
		-c shared_buffers=256MB -c max_wal_size=4GB -c jit=off
}

restart_server()
{
	cf_server_stop "$DEMO/data"
	run_server
}

# The extension's objects follow what is installed; the shop stays.
create_extension()
{
	local version

	version=$(installed_version)
	if [[ $(cat "$DEMO/version" 2>/dev/null) != "$version" ]]; then
		ask 'DROP EXTENSION IF EXISTS cachefront CASCADE' 2>/dev/null
		rm -f "$DEMO/version"
	fi
	ask 'CREATE EXTENSION IF NOT EXISTS cachefront' 2>/dev/null
	printf '%s\n' "$version" >"$DEMO/version"
}

load_shop()
{
	local i per=$((ORDERS / BATCHES))

	rm -f "$DEMO/loaded"
	ask_database postgres "DROP DATABASE IF EXISTS $DATABASE WITH (FORCE)" 2>/dev/null
	ask_database postgres "CREATE DATABASE $DATABASE"
	rm -f "$DEMO/version"
	ask_file test/demo/schema.sql
	for ((i = 0; i < BATCHES; i++)); do
		percent $((i * 90 / BATCHES)) "$(thousands $((i * per * 4))) order lines"
		ask_file test/demo/orders.sql -v "from=$((i * per + 1))" \
			-v "to=$(((i + 1) * per))" -v "seed=0.$i"
	done
	percent 90 'indexes, foreign keys'
	ask_file test/demo/constraints.sql
	cksum <<<"$SHOP" >"$DEMO/loaded"
}

# ---- commands ---------------------------------------------------------------

prepare()
{
	step 'Debian packages'
	quietly cf_install_packages "${CF_PACKAGES[@]}" redis-server
	cf_setup
	DEMO=$CF_BUILD/demo
	BIN=$("$PG_CONFIG" --bindir)
	[[ $CF_PGVER == 'PostgreSQL 15.'* ]] || cf_die "$PG_CONFIG is of $CF_PGVER, not of 15"
	mkdir -p "$DEMO"
	chown "$CF_USER" "$DEMO"
	choose_sockets
	export PGHOST=$SOCKETS PGPORT=$PORT PGUSER=postgres PGDATABASE=$DATABASE
	done_step

	step 'build'
	quietly build_extension
	done_step
	step "install into $("$PG_CONFIG" --pkglibdir)"
	quietly install_extension
	done_step
	step 'private server'
	quietly start_server
	done_step "pid $(cf_server_pid "$DEMO/data")"
	step 'private Redis'
	redis_pid >/dev/null || quietly redis_start
	done_step "pid $(redis_pid)"

	SHOP=$(cat test/demo/{schema,orders,constraints}.sql)
	step 'shop: 200,000 products, 1,000,000 order lines'
	if [[ $(cat "$DEMO/loaded" 2>/dev/null) == "$(cksum <<<"$SHOP")" ]]; then
		create_extension
		done_step 'there already'
	else
		load_shop
		create_extension
		done_step
	fi
}

goodbye()
{
	cat <<-END

		${BOLD}The server and its Redis run on. Have a look yourself:${PLAIN}

		    psql -h $SOCKETS -p $PORT -U postgres $DATABASE
		    redis-cli -s $SOCKETS/redis.sock

		    SELECT cache_fetch('product:42', 'SELECT * FROM products WHERE id = \$1', (42));
		    SELECT * FROM cache_explain('product:42', 'SELECT * FROM products WHERE id = \$1', (42));
		    SELECT * FROM cache_status \\gx
		    SELECT cache, fetches, l1_hits, misses, loads, early_refreshes FROM cache_stats;
		    SELECT key, state, bytes, age, ttl_left FROM cache_entries;
		    HGET cf:$NAMESPACE:product:42 v

		${BOLD}make demo${PLAIN} shows the tour again, ${BOLD}make demo-stop${PLAIN} stops both and removes their data.
	END
}

stop()
{
	getent passwd postgres >/dev/null || ((EUID != 0)) || {
		cf_say 'nothing to stop'
		return
	}
	cf_pick_user
	cf_pick_build
	DEMO=$CF_BUILD/demo
	if [[ ! -d $DEMO ]]; then
		cf_say 'nothing to stop'
		return
	fi
	cf_server_stop "$DEMO/data"
	redis_kill
	choose_sockets
	rm -f "$SOCKETS/redis.sock"
	if [[ -s $DEMO/sockets ]]; then rmdir "$SOCKETS" 2>/dev/null || true; fi
	rm -rf "$DEMO"
	cf_say "the demo's server and its Redis are stopped, their data removed"
}

case ${1:-start} in
	start)
		prepare
		tour
		tour_redis
		tour_patterns
		goodbye
		;;
	stop) stop ;;
	*)
		sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
		exit 2
		;;
esac
