# shellcheck shell=bash
# The demo's own Redis: on a unix socket, run by the server's user, with its
# files in DEMO/redis. Sourced by demo.sh.
#
# It saves nothing by itself. After redis_save the next start finds that dump,
# as a Redis would that comes back from an old one.

redis_cli()
{
	redis-cli -s "$SOCKETS/redis.sock" "$@"
}

# Its pid is trusted only if that process works in that very folder.
redis_pid()
{
	local pid

	pid=$(cat "$DEMO/redis/pid" 2>/dev/null) || return 1
	[[ -n $pid && /proc/$pid/cwd -ef $DEMO/redis ]] && echo "$pid"
}

redis_start()
{
	local i

	cf_as mkdir -p "$DEMO/redis"
	cf_as redis-server --port 0 --unixsocket "$SOCKETS/redis.sock" --unixsocketperm 700 \
		--dir "$DEMO/redis" --pidfile "$DEMO/redis/pid" --logfile "$DEMO/redis/log" \
		--save '' --appendonly no --daemonize yes >/dev/null
	for ((i = 0; i < 200; i++)); do
		if [[ $(redis_cli PING 2>/dev/null) == PONG ]]; then return; fi
		sleep 0.05
	done
	tail -n 20 "$DEMO/redis/log" >&2
	return 1
}

redis_save()
{
	redis_cli SAVE >/dev/null
}

# With kill -9, as a crash would: nothing is saved, no client is told.
redis_kill()
{
	local pid i

	pid=$(redis_pid) || return 0
	kill -KILL "$pid"
	for ((i = 0; i < 200; i++)); do
		redis_pid >/dev/null || return 0
		sleep 0.02
	done
}
