/*
 * guc.c - defines every setting, in alphabetical order.
 *
 * src/base/guc.c
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/redis_url.h"

#define CF_YEAR_S (366 * 86400)
#define CF_MAX_L1_SIZE (1000 * 1000 * 1000) /* kB; a DSA segment ends at 1 TB */

static const struct config_enum_entry notify_options[] = {
	{"off", CF_NOTIFY_OFF, false},
	{"commit", CF_NOTIFY_COMMIT, false},
	{"batched", CF_NOTIFY_BATCHED, false},
	{NULL, 0, false}
};

static const struct config_enum_entry transparent_options[] = {
	{"off", CF_TRANSPARENT_OFF, false},
	{"marked", CF_TRANSPARENT_MARKED, false},
	{"observe", CF_TRANSPARENT_OBSERVE, false},
	{"auto", CF_TRANSPARENT_AUTO, false},
	{NULL, 0, false}
};

static const struct config_enum_entry wal_messages_options[] = {
	{"auto", CF_WAL_MESSAGES_AUTO, false},
	{"on", CF_WAL_MESSAGES_ON, false},
	{"off", CF_WAL_MESSAGES_OFF, false},
	{NULL, 0, false}
};

static const struct config_enum_entry redis_commit_options[] = {
	{"async", CF_REDIS_COMMIT_ASYNC, false},
	{"sync", CF_REDIS_COMMIT_SYNC, false},
	{NULL, 0, false}
};

static const struct config_enum_entry compress_options[] = {
	{"off", CF_COMPRESS_OFF, false},
	{"lz4", CF_COMPRESS_LZ4, false},
	{"zstd", CF_COMPRESS_ZSTD, false},
	{NULL, 0, false}
};

double		cf_guc_advise_min_hits = 0.7;
double		cf_guc_advise_min_time = 5;
bool		cf_guc_enabled = true;
int			cf_guc_breaker_failures = 5;
int			cf_guc_breaker_reset = 2000;
int			cf_guc_clock_slots = 65536;
int			cf_guc_compress = CF_COMPRESS_ZSTD;
int			cf_guc_compress_min = 1024;
int			cf_guc_default_ttl = 300;
char	   *cf_guc_encryption_key_file = NULL;
bool		cf_guc_explain = false;
int			cf_guc_flight_timeout = 5000;
int			cf_guc_hash_seed = 0;
int			cf_guc_history_size = 16 * 1024;
int			cf_guc_hot_keys = 5000;
char	   *cf_guc_ignore_settings = NULL;
int			cf_guc_l1_max_value = 1024 * 1024;
bool		cf_guc_l1_save = true;
int			cf_guc_l1_save_max = 256;
int			cf_guc_l1_size = 64 * 1024;
int			cf_guc_max_keys_per_commit = 10000;
int			cf_guc_max_stale = 0;
char	   *cf_guc_namespace = NULL;
int			cf_guc_negative_ttl = 30;
int			cf_guc_notify = CF_NOTIFY_BATCHED;
char	   *cf_guc_notify_channel = NULL;
int			cf_guc_notify_interval = 20;
int			cf_guc_redis_command_timeout = 250;
int			cf_guc_redis_commit = CF_REDIS_COMMIT_ASYNC;
int			cf_guc_redis_connect_timeout = 500;
int			cf_guc_redis_idle_timeout = 60000;
char	   *cf_guc_redis_password_file = NULL;
int			cf_guc_redis_queue_size = 4096;
int			cf_guc_write_memory = 16384;
char	   *cf_guc_redis_tls_ca_file = NULL;
char	   *cf_guc_redis_tls_cert_file = NULL;
char	   *cf_guc_redis_tls_key_file = NULL;
bool		cf_guc_redis_tls_verify = true;
char	   *cf_guc_redis_url = NULL;
int			cf_guc_refresh_per_commit = 100;
int			cf_guc_refresh_timeout = 50;
int			cf_guc_refresh_worker_timeout = 30000;
int			cf_guc_refresh_workers = 2;
int			cf_guc_stale_ttl = 600;
bool		cf_guc_track_changes = true;
int			cf_guc_transparent = CF_TRANSPARENT_OFF;
char	   *cf_guc_transparent_functions = NULL;
uint32		cf_guc_transparent_functions_generation = 1;
int			cf_guc_transparent_min_saving = 50;
double		cf_guc_ttl_jitter = 0.1;
double		cf_guc_verify_rate = 0.0;
int			cf_guc_wal_lookback = 256;
int			cf_guc_wal_messages = CF_WAL_MESSAGES_AUTO;
int			cf_guc_warm_timeout = 10000;
double		cf_guc_xfetch_beta = 1.0;

/* A part of the names of keys in Redis, and of words that are split at blanks. */
static bool
check_namespace(char **value, void **extra, GucSource source)
{
	if (strlen(*value) > 100 || strspn(*value,
									   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/{}") != strlen(*value))
	{
		GUC_check_errdetail("A namespace has at most 100 letters, digits and characters of \"_-.:/{}\".");
		return false;
	}
	return true;
}

/* What NOTIFY would refuse would fail a commit. */
static bool
check_notify_channel(char **value, void **extra, GucSource source)
{
	if ((*value)[0] == '\0' || strlen(*value) >= NAMEDATALEN)
	{
		GUC_check_errdetail("A channel's name has 1 to %d bytes.", NAMEDATALEN - 1);
		return false;
	}
	return true;
}

uint32		cf_guc_redis_changes = 0;

/* The next use of Redis sees that its connection is of an older setting. */
static void
assign_redis_string(const char *newval, void *extra)
{
	cf_guc_redis_changes++;
}

static void
assign_redis_bool(bool newval, void *extra)
{
	cf_guc_redis_changes++;
}

/*
 * The standard message would print the value, with the password in it, into
 * the log and to whoever tried to set it.
 */
/* Names of settings, as SHOW has them. */
static bool
check_ignore_settings(char **value, void **extra, GucSource source)
{
	if (strspn(*value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$, \t\n") ==
		strlen(*value))
		return true;
	GUC_check_errdetail("It must be a list of names of settings with commas between.");
	return false;
}

/* Names of functions, as pg_proc has them. */
static bool
check_functions(char **value, void **extra, GucSource source)
{
	if (strpbrk(*value, "'\"();") == NULL)
		return true;
	GUC_check_errdetail("It must be a list of names of functions with commas between, without arguments.");
	return false;
}

static void
assign_functions(const char *value, void *extra)
{
	if (++cf_guc_transparent_functions_generation == 0)
		cf_guc_transparent_functions_generation = 1;
}

static bool
check_redis_url(char **newval, void **extra, GucSource source)
{
	CfRedisUrl	url;
	CfRedisUrlError error;

	if (*newval == NULL || (*newval)[0] == '\0')
		return true;
	error = cf_redis_url_parse(*newval, &url);
	explicit_bzero(url.password, sizeof(url.password));
	if (error == CF_REDIS_URL_OK)
		return true;
	GUC_check_errmsg("invalid value for parameter \"%s\"", "cachefront.redis_url");
	GUC_check_errdetail("%s", cf_redis_url_error(error));
	GUC_check_errhint("Write redis://[user[:password]@]host[:port][/db], rediss://... for TLS, unix:///path/to/socket[?db=N], redis+sentinel://host[:port],.../master[/db], or redis+cluster://host[:port],....");
	return false;
}

void
cf_guc_define(void)
{
	DefineCustomRealVariable("cachefront.advise_min_hits",
							 "Sets the share of calls that the cache must have the answer of for cache_advise to advise it.",
							 NULL,
							 &cf_guc_advise_min_hits,
							 0.7, 0, 1,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomRealVariable("cachefront.advise_min_time",
							 "Sets what a statement must take for cache_advise to advise that it is cached.",
							 NULL,
							 &cf_guc_advise_min_time,
							 5, 0, 1e9,
							 PGC_USERSET,
							 GUC_UNIT_MS,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.breaker_failures",
							"Sets how many failures within ten seconds stop the use of Redis.",
							"A call that waits for its whole time-out in vain stops it at once.",
							&cf_guc_breaker_failures,
							5,
							1,
							1000 * 1000,
							PGC_SIGHUP,
							0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.breaker_reset",
							"Sets how long Redis is left alone before one session tries it again.",
							"Doubled up to two seconds, each time that it fails.",
							&cf_guc_breaker_reset,
							2000,
							10,
							3600 * 1000,
							PGC_SIGHUP,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.clock_slots",
							"Sets the number of invalidation clocks in shared memory.",
							"Rounded up to a power of two. Tags, keys and tables have as many each; rows that rules tell apart four times as many. What shares a clock is invalidated together.",
							&cf_guc_clock_slots,
							65536,
							1024,
							16 * 1024 * 1024,
							PGC_POSTMASTER,
							0,
							NULL, NULL, NULL);

	DefineCustomEnumVariable("cachefront.compress",
							 "Sets how values are compressed in Redis.",
							 "A method that this build lacks leaves them as they are.",
							 &cf_guc_compress,
							 CF_COMPRESS_ZSTD,
							 compress_options,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.compress_min",
							"Sets the smallest value that is compressed in Redis.",
							NULL,
							&cf_guc_compress_min,
							1024,
							0,
							INT_MAX,
							PGC_USERSET,
							GUC_UNIT_BYTE,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.default_ttl",
							"Sets the time to live of an entry where neither the call nor its cache names one.",
							NULL,
							&cf_guc_default_ttl,
							300,
							1,
							CF_YEAR_S,
							PGC_USERSET,
							GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomBoolVariable("cachefront.enabled",
							 "Enables the cache; when off, every fetch runs its query.",
							 "Invalidations are carried out in either case.",
							 &cf_guc_enabled,
							 true,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable("cachefront.encryption_key_file",
							   "Sets the file with the keys that values in Redis are encrypted with.",
							   "A line a key: its number and 64 hexadecimal digits. The first one encrypts, all decrypt. Empty: values are not encrypted.",
							   &cf_guc_encryption_key_file,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);

	DefineCustomBoolVariable("cachefront.explain",
							 "Enables EXPLAIN to show how a plain statement is served from the cache.",
							 NULL,
							 &cf_guc_explain,
							 false,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.flight_timeout",
							"Sets how long a session waits for another session's load of the same key.",
							"After that it serves a stale value or runs the query itself.",
							&cf_guc_flight_timeout,
							5000,
							1,
							3600 * 1000,
							PGC_USERSET,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.hash_seed",
							"Sets the seed of the hashes of keys and tags, for tests.",
							"Zero: from a secret of the cluster. With any other, which must be the same on standbys, who knows it can make tags that share a clock with others'.",
							&cf_guc_hash_seed,
							0,
							0,
							INT_MAX,
							PGC_POSTMASTER,
							GUC_SUPERUSER_ONLY | GUC_NOT_IN_SAMPLE,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.history_size",
							"Sets the memory for what is known of past changes.",
							"By it values from Redis are judged, and on a standby those in memory as well. Eight bytes remember one change; more distinct ones than there is room for make misses.",
							&cf_guc_history_size,
							16 * 1024,
							64,
							1024 * 1024,
							PGC_POSTMASTER,
							GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.hot_keys",
							"Sets how many keys that are asked for most are known.",
							"Zero: none. With Redis a list of them is kept there, by which a server that starts gets warm.",
							&cf_guc_hot_keys,
							5000,
							0,
							100 * 1000,
							PGC_POSTMASTER,
							0,
							NULL, NULL, NULL);

	DefineCustomStringVariable("cachefront.ignore_settings",
							   "Sets which settings never count for what a result is bound to.",
							   "Name those of an application's own that change no result, such as the id of a request.",
							   &cf_guc_ignore_settings,
							   "",
							   PGC_SUSET,
							   0,
							   check_ignore_settings, NULL, NULL);

	DefineCustomIntVariable("cachefront.l1_max_value",
							"Sets the largest value that is kept in shared memory.",
							"Zero keeps none: then only Redis does.",
							&cf_guc_l1_max_value,
							1024 * 1024,
							0,
							512 * 1024 * 1024,
							PGC_SUSET,
							GUC_UNIT_BYTE,
							NULL, NULL, NULL);

	DefineCustomBoolVariable("cachefront.l1_save",
							 "Enables saving what is in shared memory over a clean restart.",
							 "A file of the data folder has it between stop and start.",
							 &cf_guc_l1_save,
							 true,
							 PGC_SIGHUP,
							 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.l1_save_max",
							"Sets the size of the file that saves what is in shared memory.",
							"What was asked for comes first.",
							&cf_guc_l1_save_max,
							256,
							1,
							1024 * 1024,
							PGC_SIGHUP,
							GUC_UNIT_MB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.l1_size",
							"Sets the amount of shared memory for cached values.",
							NULL,
							&cf_guc_l1_size,
							64 * 1024,
							1024,
							CF_MAX_L1_SIZE,
							PGC_POSTMASTER,
							GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.max_keys_per_commit",
							"Sets how many keys and tags a transaction invalidates one by one.",
							"After that a row rule invalidates all that it covers.",
							&cf_guc_max_keys_per_commit,
							10000,
							1,
							10 * 1000 * 1000,
							PGC_USERSET,
							0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.max_stale",
							"Sets how long after it was filled an entry may be served although rows that it was read from have changed.",
							"Zero serves none. What is invalidated by hand, or by a change of definitions, is never served.",
							&cf_guc_max_stale,
							0,
							0,
							INT_MAX,
							PGC_USERSET,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomStringVariable("cachefront.namespace",
							   "Sets the part of the names of keys in Redis that tells databases apart.",
							   "Empty: the system identifier and the name of the database.",
							   &cf_guc_namespace,
							   "",
							   PGC_SIGHUP,
							   0,
							   check_namespace, NULL, NULL);

	DefineCustomIntVariable("cachefront.negative_ttl",
							"Sets the time to live of a result with no rows.",
							"At most a fifth of the entry's time to live is used.",
							&cf_guc_negative_ttl,
							30,
							1,
							CF_YEAR_S,
							PGC_USERSET,
							GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomEnumVariable("cachefront.notify",
							 "Sets how invalidations are published by NOTIFY.",
							 "\"off\": not at all; \"commit\": by the transaction; \"batched\": by a worker.",
							 &cf_guc_notify,
							 CF_NOTIFY_BATCHED,
							 notify_options,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable("cachefront.notify_channel",
							   "Sets the channel that invalidations are published on.",
							   "Who knows its name can see keys and tags, and so values of the columns that they are made of.",
							   &cf_guc_notify_channel,
							   CF_NOTIFY_CHANNEL,
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   check_notify_channel, NULL, NULL);

	DefineCustomIntVariable("cachefront.notify_interval",
							"Sets how long invalidations are gathered before they are published.",
							"Applies where cachefront.notify is \"batched\".",
							&cf_guc_notify_interval,
							20,
							1,
							10 * 1000,
							PGC_SIGHUP,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.redis_command_timeout",
							"Sets how long a read waits for Redis in all.",
							"A worker waits so long for the replies to each pipeline, and a commit for that worker where cachefront.redis_commit is \"sync\".",
							&cf_guc_redis_command_timeout,
							250,
							1,
							60 * 1000,
							PGC_SIGHUP,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomEnumVariable("cachefront.redis_commit",
							 "Sets if a commit waits until Redis has dropped what it has of the keys that were changed.",
							 "No value is the fresher for it, as every server judges what it finds there. \"sync\" is for programs that read Redis themselves.",
							 &cf_guc_redis_commit,
							 CF_REDIS_COMMIT_ASYNC,
							 redis_commit_options,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.redis_connect_timeout",
							"Sets how long a connection to Redis may take, with TLS and authentication.",
							"Who waits for an answer waits no longer than cachefront.redis_command_timeout for both. "
							"The first look-up of a host's name is not bounded by it.",
							&cf_guc_redis_connect_timeout,
							500,
							1,
							60 * 1000,
							PGC_SIGHUP,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.redis_idle_timeout",
							"Sets after what time without use a session closes its connection to Redis.",
							"Zero keeps it for the life of the session.",
							&cf_guc_redis_idle_timeout,
							60000,
							0,
							24 * 3600 * 1000,
							PGC_SIGHUP,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomStringVariable("cachefront.redis_password_file",
							   "Sets the file whose first line is the password for Redis.",
							   "It takes precedence over a password in cachefront.redis_url.",
							   &cf_guc_redis_password_file,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   NULL, assign_redis_string, NULL);

	DefineCustomIntVariable("cachefront.write_memory",
							"Sets how much shared memory writers with buffer 'memory' have.",
							"Each key takes some 400 bytes. What finds no room goes into a table.",
							&cf_guc_write_memory,
							16384,
							64,
							4 * 1024 * 1024,
							PGC_POSTMASTER,
							GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.redis_queue_size",
							"Sets the memory for what commits have Redis told.",
							"Where it is full, Redis keeps what is out of date until its time to live; nobody takes it for current.",
							&cf_guc_redis_queue_size,
							4096,
							64,
							1024 * 1024,
							PGC_POSTMASTER,
							GUC_UNIT_KB,
							NULL, NULL, NULL);

	DefineCustomStringVariable("cachefront.redis_tls_ca_file",
							   "Sets the file of the authorities that may certify Redis.",
							   "Empty: those of the operating system.",
							   &cf_guc_redis_tls_ca_file,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   NULL, assign_redis_string, NULL);

	DefineCustomStringVariable("cachefront.redis_tls_cert_file",
							   "Sets the file of the certificate that is shown to Redis.",
							   NULL,
							   &cf_guc_redis_tls_cert_file,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   NULL, assign_redis_string, NULL);

	DefineCustomStringVariable("cachefront.redis_tls_key_file",
							   "Sets the file of the private key of that certificate.",
							   NULL,
							   &cf_guc_redis_tls_key_file,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY,
							   NULL, assign_redis_string, NULL);

	DefineCustomBoolVariable("cachefront.redis_tls_verify",
							 "Enables the check of Redis's certificate and of the host it was made for.",
							 "When off, whoever is in between can read and change everything.",
							 &cf_guc_redis_tls_verify,
							 true,
							 PGC_SIGHUP,
							 GUC_SUPERUSER_ONLY,
							 NULL, assign_redis_bool, NULL);

	DefineCustomStringVariable("cachefront.redis_url",
							   "Sets the Redis server that is used as a second tier.",
							   "Empty: none. redis://[user[:password]@]host[:port][/db], rediss:// for TLS, unix:///path[?db=N], redis+sentinel://host[:port],.../master[/db], or redis+cluster://host[:port],....",
							   &cf_guc_redis_url,
							   "",
							   PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE,
							   check_redis_url, assign_redis_string, NULL);

	DefineCustomIntVariable("cachefront.refresh_per_commit",
							"Sets how many keys a transaction loads itself as it commits.",
							"Further ones that it was to refresh are invalidated. Zero loads none.",
							&cf_guc_refresh_per_commit,
							100,
							0,
							1000 * 1000,
							PGC_USERSET,
							0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.refresh_timeout",
							"Sets how long the loads of a transaction that commits may take in all.",
							"What is not loaded by then is invalidated.",
							&cf_guc_refresh_timeout,
							50,
							1,
							60 * 1000,
							PGC_USERSET,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.refresh_worker_timeout",
							"Sets how long a load in the background may take.",
							NULL,
							&cf_guc_refresh_worker_timeout,
							30 * 1000,
							1,
							24 * 3600 * 1000,
							PGC_SIGHUP,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.refresh_workers",
							"Sets how many processes load in the background what is about to get too old.",
							"Of named loaders of scope 'shared'. Zero: whoever asks for a value loads it himself.",
							&cf_guc_refresh_workers,
							2,
							0,
							CF_MAX_REFRESH_WORKERS,
							PGC_SIGHUP,
							0,
							NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.stale_ttl",
							"Sets how long past its time to live a value may be served when its query fails or takes too long.",
							"Zero never serves a stale value. A value that a commit invalidated is never served.",
							&cf_guc_stale_ttl,
							600,
							0,
							CF_YEAR_S,
							PGC_USERSET,
							GUC_UNIT_S,
							NULL, NULL, NULL);

	DefineCustomBoolVariable("cachefront.track_changes",
							 "Enables the tracking of changes: a commit outdates what was read from the tables that it changed.",
							 "Without it only rules and functions invalidate.",
							 &cf_guc_track_changes,
							 true,
							 PGC_POSTMASTER,
							 0,
							 NULL, NULL, NULL);

	DefineCustomEnumVariable("cachefront.transparent",
							 "Sets which plain SELECTs are served from the cache.",
							 "\"off\": none; \"marked\": those that begin with the comment /* cache */; \"auto\": those, and all that it pays for; \"observe\": none, but all are measured for cache_advise.",
							 &cf_guc_transparent,
							 CF_TRANSPARENT_OFF,
							 transparent_options,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomStringVariable("cachefront.transparent_functions",
							   "Sets which functions, in languages that are not seen into, plain SELECTs may call and be served.",
							   "name, schema.name or schema.*, STABLE or IMMUTABLE. They must depend on nothing but arguments, settings and what they read by SQL.",
							   &cf_guc_transparent_functions,
							   "",
							   PGC_SUSET,
							   0,
							   check_functions, assign_functions, NULL);

	DefineCustomIntVariable("cachefront.transparent_min_saving",
							"Sets what serving a kind of statement must save per execution, in microseconds.",
							"With cachefront.transparent = auto. 0: all that can be are served, and kept when they are seen first.",
							&cf_guc_transparent_min_saving,
							50, 0, 1000000000,
							PGC_USERSET,
							0,
							NULL, NULL, NULL);

	DefineCustomRealVariable("cachefront.ttl_jitter",
							 "Sets the fraction by which a time to live is shortened at random.",
							 "It keeps entries that were filled together from expiring together.",
							 &cf_guc_ttl_jitter,
							 0.1,
							 0.0,
							 1.0,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomRealVariable("cachefront.verify_rate",
							 "Sets which fraction of the hits in shared memory is compared with what the query gives.",
							 "A difference is logged, and the caller gets what the query gave. Each comparison costs a run of the query.",
							 &cf_guc_verify_rate,
							 0.0,
							 0.0,
							 1.0,
							 PGC_SUSET,
							 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.wal_lookback",
							"Sets how much WAL of before its start a server reads back.",
							"What was cached before that is not used.",
							&cf_guc_wal_lookback,
							256,
							0,
							1024 * 1024,
							PGC_SIGHUP,
							GUC_UNIT_MB,
							NULL, NULL, NULL);

	DefineCustomEnumVariable("cachefront.wal_messages",
							 "Sets if commits write into the WAL what they have changed.",
							 "Standbys, and this server after a restart, know by it which values are current; without it they take every commit for a change of all. \"auto\": with Redis, or where standbys or an archive are possible.",
							 &cf_guc_wal_messages,
							 CF_WAL_MESSAGES_AUTO,
							 wal_messages_options,
							 PGC_SIGHUP,
							 0,
							 NULL, NULL, NULL);

	DefineCustomIntVariable("cachefront.warm_timeout",
							"Sets how long a server that has started may take to get warm before cache_ready() is true.",
							NULL,
							&cf_guc_warm_timeout,
							10000,
							0,
							3600 * 1000,
							PGC_SIGHUP,
							GUC_UNIT_MS,
							NULL, NULL, NULL);

	DefineCustomRealVariable("cachefront.xfetch_beta",
							 "Sets how eagerly one caller refreshes an entry before it expires.",
							 "Zero turns early refreshes off; values above 1 refresh earlier.",
							 &cf_guc_xfetch_beta,
							 1.0,
							 0.0,
							 1000.0,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

	MarkGUCPrefixReserved("cachefront");
}

int
cf_guc_of_server(CfServerSetting which)
{
	static const char *const names[CF_NSERVER_SETTINGS] = {
		[CF_SERVER_DEFAULT_TTL] = "cachefront.default_ttl",
		[CF_SERVER_NEGATIVE_TTL] = "cachefront.negative_ttl",
		[CF_SERVER_STALE_TTL] = "cachefront.stale_ttl",
	};
	static struct config_int *settings[CF_NSERVER_SETTINGS];
	struct config_int *setting = settings[which];

	if (unlikely(setting == NULL))
		setting = settings[which] = (struct config_int *) cf_find_setting(names[which]);
	if (setting == NULL)
		return 0;
	return setting->gen.reset_source <= PGC_S_DATABASE ? setting->reset_val :
		setting->boot_val;
}
