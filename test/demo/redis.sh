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

redis_pid()
{
	cf_redis_pid "$DEMO/redis"
}

redis_start()
{
	cf_redis_start "$DEMO/redis" "$SOCKETS/redis.sock"
}

redis_save()
{
	redis_cli SAVE >/dev/null
}

# As a crash would: nothing is saved, no client is told.
redis_kill()
{
	cf_redis_stop "$DEMO/redis"
}
