/*
 * guc.c - defines every setting, in alphabetical order.
 *
 * src/guc.c
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"

#include "guc.h"

#define CF_YEAR_S (366 * 86400)
#define CF_MAX_L1_SIZE (1000 * 1000 * 1000) /* kB; a DSA segment ends at 1 TB */

static const struct config_enum_entry notify_options[] = {
	{"off", CF_NOTIFY_OFF, false},
	{"commit", CF_NOTIFY_COMMIT, false},
	{"batched", CF_NOTIFY_BATCHED, false},
	{NULL, 0, false}
};

bool		cf_guc_enabled = true;
int			cf_guc_clock_slots = 65536;
int			cf_guc_default_ttl = 300;
int			cf_guc_flight_timeout = 5000;
int			cf_guc_l1_max_value = 1024 * 1024;
int			cf_guc_l1_size = 64 * 1024;
int			cf_guc_l1_ttl = 2000;
int			cf_guc_max_keys_per_commit = 10000;
int			cf_guc_negative_ttl = 30;
int			cf_guc_notify = CF_NOTIFY_BATCHED;
int			cf_guc_notify_interval = 20;
int			cf_guc_stale_ttl = 600;
double		cf_guc_ttl_jitter = 0.1;
double		cf_guc_xfetch_beta = 1.0;

void
cf_guc_define(void)
{
	DefineCustomIntVariable("cachefront.clock_slots",
							"Sets the number of invalidation clocks in shared memory.",
							"Rounded up to a power of two. Keys and tags have as many each. Tags that share a clock invalidate each other's entries.",
							&cf_guc_clock_slots,
							65536,
							1024,
							16 * 1024 * 1024,
							PGC_POSTMASTER,
							0,
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

	DefineCustomIntVariable("cachefront.l1_max_value",
							"Sets the largest value that is kept in shared memory.",
							NULL,
							&cf_guc_l1_max_value,
							1024 * 1024,
							1024,
							512 * 1024 * 1024,
							PGC_SUSET,
							GUC_UNIT_BYTE,
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

	DefineCustomIntVariable("cachefront.l1_ttl",
							"Sets the time to live of entries in the shared memory of a standby.",
							"A standby does not see the primary's invalidations.",
							&cf_guc_l1_ttl,
							2000,
							1,
							3600 * 1000,
							PGC_USERSET,
							GUC_UNIT_MS,
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
							 "Sets how invalidations are published on channel \"cachefront\".",
							 "\"off\": not at all; \"commit\": by the transaction; \"batched\": by a worker.",
							 &cf_guc_notify,
							 CF_NOTIFY_BATCHED,
							 notify_options,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);

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
