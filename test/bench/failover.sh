# shellcheck shell=bash
# A master of Redis is killed: how long until there is another, and how much later
# the server has a hit in that one. Sentinels and a Redis Cluster of our own.

FLEET_PORT=15510				# and the next; a cluster's bus is 10,000 above
FLEET_NAMES=()

# fleet_server NAME PORT [SETTINGS...]: as start_redis
fleet_server()
{
	local name=$1 port=$2

	shift 2
	cf_as redis-server --port "$port" --bind 127.0.0.1 --unixsocket "$SOCKETS/$name.sock" \
		--pidfile "$SOCKETS/$name.pid" --dir "$SOCKETS" --logfile "$SOCKETS/$name.log" \
		--save '' --appendonly no --set-proc-title no --repl-diskless-sync-delay 0 \
		--daemonize yes "$@" >/dev/null
	FLEET_NAMES+=("$name")
}

# fleet NAME COMMAND...
fleet()
{
	local name=$1

	shift
	redis-cli -s "$SOCKETS/$name.sock" "$@" 2>/dev/null
}

# await_fleet WHAT NAME PATTERN COMMAND...: until the server's answer has the pattern
await_fleet()
{
	local what=$1 name=$2 pattern=$3

	shift 3
	for _ in {1..300}; do
		if fleet "$name" "$@" | tr '\r\n' '  ' | grep -q "$pattern"; then return; fi
		sleep 0.1
	done
	cf_die "waited in vain for $what"
}

stop_fleet()
{
	local name pid

	for name in "${FLEET_NAMES[@]}"; do
		if pid=$(pid_of "$name"); then kill -KILL "$pid"; fi
		rm -f "$SOCKETS/$name".*
	done
	FLEET_NAMES=()
}

# ---- Sentinels --------------------------------------------------------------

start_sentinels()
{
	local i

	fleet_server master "$FLEET_PORT"
	await_fleet 'a master' master PONG PING
	fleet_server replica $((FLEET_PORT + 1)) --replicaof 127.0.0.1 "$FLEET_PORT"
	await_fleet 'a replica' replica master_link_status:up INFO replication
	for i in 1 2 3; do
		cf_as tee "$SOCKETS/sentinel$i.conf" >/dev/null <<-END
			sentinel monitor main 127.0.0.1 $FLEET_PORT 2
			sentinel down-after-milliseconds main 1000
			sentinel failover-timeout main 5000
		END
		cf_as redis-server "$SOCKETS/sentinel$i.conf" --sentinel --port $((FLEET_PORT + 1 + i)) \
			--bind 127.0.0.1 --unixsocket "$SOCKETS/sentinel$i.sock" --dir "$SOCKETS" \
			--pidfile "$SOCKETS/sentinel$i.pid" --logfile "$SOCKETS/sentinel$i.log" \
			--set-proc-title no --daemonize yes >/dev/null
		FLEET_NAMES+=("sentinel$i")
	done
	for i in 1 2 3; do
		await_fleet 'the Sentinels' "sentinel$i" 'num-slaves 1 num-other-sentinels 2 ' \
			SENTINEL MASTER main
	done
	FLEET_URL="redis+sentinel://127.0.0.1:$((FLEET_PORT + 2)),127.0.0.1:$((FLEET_PORT + 3)),127.0.0.1:$((FLEET_PORT + 4))/main"
	FLEET_KEY=failover:1
}

# ---- a cluster --------------------------------------------------------------

# Three masters with a replica each. The key is one that the first master has.
start_cluster()
{
	local i ns hosts=()

	for i in 0 1 2 3 4 5; do
		fleet_server "node$i" $((FLEET_PORT + i)) --cluster-enabled yes \
			--cluster-node-timeout 1000 --cluster-config-file "node$i.nodes"
		await_fleet 'a node' "node$i" PONG PING
		hosts+=("127.0.0.1:$((FLEET_PORT + i))")
	done
	redis-cli --cluster create "${hosts[@]}" --cluster-replicas 1 --cluster-yes >"$BENCH/cluster.log" 2>&1
	for i in 0 1 2 3 4 5; do
		await_fleet 'the cluster' "node$i" cluster_state:ok CLUSTER INFO
		await_fleet 'the replicas' "node$i" 'role:master\|master_link_status:up' INFO replication
	done
	FLEET_URL="redis+cluster://${hosts[0]},${hosts[1]}"
	ns=$(ask 'SELECT system_identifier FROM pg_control_system()').postgres
	for i in {1..1000}; do
		FLEET_KEY=failover:$i
		if (($(fleet node0 CLUSTER KEYSLOT "cf:$ns:$FLEET_KEY") < 5461)); then break; fi
	done
}

# ---- the failover -----------------------------------------------------------

# Whoever is told to replicate the first node, or the replica, calls itself a master.
heir_of()
{
	local i port

	if [[ $1 == master ]]; then
		echo replica
		return
	fi
	port=$(fleet "$1" INFO replication | sed -nE 's/^slave0:.*port=([0-9]+).*/\1/p')
	echo "node$((port - FLEET_PORT))"
}

# Prints microseconds as soon as the heir is a master, and in a cluster all is well.
await_heir()
{
	local heir=$1

	for _ in {1..3000}; do
		if fleet "$heir" INFO replication | grep -q role:master &&
			{ [[ $heir == replica ]] || fleet "$heir" CLUSTER INFO | grep -q cluster_state:ok; }
		then
			date +%s%6N
			return
		fi
		sleep 0.01
	done
	return 1
}

l2_hits_of_all()
{
	ask "SELECT l2_hits FROM cache_stats WHERE cache = '*'"
}

# measure_kill ROUND KIND MASTER: sessions that stay connected read one key, 100
# times a second.
measure_kill()
{
	local round=$1 kind=$2 master=$3 heir reader before killed heired used=

	heir=$(heir_of "$master")
	use_redis "$FLEET_URL"
	echo "SELECT cache_fetch_row('$FLEET_KEY', 'SELECT * FROM bench_200 WHERE id = \$1', (1));" \
		>"$BENCH/scripts/failover"
	PGOPTIONS='-c cachefront.l1_max_value=0' "$BIN/pgbench" -n -M prepared -c 4 -j 1 -R 100 -T 60 \
		-f "$BENCH/scripts/failover" >"$BENCH/failover.out" 2>&1 &
	reader=$!
	await_growth "$(l2_hits_of_all)" 20
	await_heir "$heir" >"$BENCH/heired" &
	killed=$(date +%s%6N)
	kill -KILL "$(pid_of "$master")"
	sleep 0.2
	before=$(l2_hits_of_all)
	await_growth "$before" 1
	used=$(date +%s%6N)
	for _ in {1..100}; do
		heired=$(cat "$BENCH/heired")
		if [[ -n $heired ]]; then break; fi
		sleep 0.1
	done
	kill "$reader"
	wait "$reader" || true
	record "$round" "failover_$kind" 0 4 "$(awk -v a="$killed" -v b="$heired" 'BEGIN { print (b - a) / 1e6 }')"
	record "$round" "failover_used_$kind" 0 4 "$(awk -v a="$heired" -v b="$used" 'BEGIN { print (b - a) / 1e6 }')"
	use_redis ''
	progress "round $round of $ROUNDS: failover, $kind"
}

# await_growth BEFORE N: until there are so many more hits in Redis
await_growth()
{
	for _ in {1..3000}; do
		if (($(l2_hits_of_all) >= $1 + $2)); then return; fi
		sleep 0.01
	done
	cf_die 'waited in vain for a hit in Redis'
}

measure_failover()
{
	start_sentinels
	measure_kill "$1" sentinel master
	stop_fleet
	start_cluster
	measure_kill "$1" cluster node0
	stop_fleet
}
