/*
 * setting.c - a session's settings, as far as they can change a result.
 *
 * A result is bound to them if it called a function that is not known to leave
 * them alone. Settings that have their default value are not looked at, nor
 * those that are the same for the whole server as long as it runs.
 *
 * src/rules/setting.c
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/varlena.h"

#include "base/compat.h"
#include "base/guc.h"
#include "rules/setting.h"

/*
 * Settings that change how a query runs, or what is logged, and not what it
 * returns; unless it reads them by name. "x*" stands for all that begin with x.
 */
static const char *const harmless[] = {
	"application_name", "archive_*", "authentication_timeout", "auto_explain.*",
	"autovacuum*", "backend_flush_after", "bgwriter_*",
	"check_function_bodies", "checkpoint_*", "client_connection_check_interval",
	"client_min_messages", "commit_*", "compute_query_id", "constraint_exclusion",
	"cpu_*", "cursor_tuple_fraction", "deadlock_timeout", "debug_*",
	"default_statistics_target", "default_table_access_method", "default_tablespace",
	"default_toast_compression", "default_transaction_*", "effective_*", "enable_*",
	"force_parallel_mode", "from_collapse_limit", "fsync", "full_page_writes", "geqo*",
	"gin_pending_list_limit", "hash_mem_multiplier", "idle_*", "jit*",
	"join_collapse_limit", "lock_timeout", "log_*", "logging_*", "logical_*",
	"maintenance_*", "max_parallel*", "max_stack_depth", "min_parallel*",
	"parallel_*", "password_encryption", "pg_stat_statements.*", "plan_cache_mode",
	"random_page_cost", "recovery_*", "recursive_worktable_factor", "seq_page_cost",
	"ssl*", "statement_timeout", "stats_fetch_consistency", "synchronize_seqscans",
	"synchronous_commit", "tcp_*", "temp_buffers", "temp_file_limit",
	"temp_tablespaces", "trace_*", "track_*", "transaction_timeout",
	"update_process_title", "vacuum_*", "wal_*", "work_mem",
};

/*
 * Never part of an identity: the load itself makes its transaction read-only,
 * and who waits for an entry with other patience than another means the same one.
 */
static bool
is_ours(const char *name)
{
	return pg_strcasecmp(name, "transaction_read_only") == 0 ||
		pg_strncasecmp(name, "cachefront.", strlen("cachefront.")) == 0;
}

static bool
is_harmless(const char *name)
{
	for (int i = 0; i < lengthof(harmless); i++)
	{
		size_t		len = strlen(harmless[i]);

		if (harmless[i][len - 1] == '*' ?
			pg_strncasecmp(name, harmless[i], len - 1) == 0 :
			pg_strcasecmp(name, harmless[i]) == 0)
			return true;
	}
	return false;
}

/* Is a name in a list that its check hook has found to be well formed? */
static bool
is_ignored(const char *name)
{
	const char *p = cf_guc_ignore_settings;
	size_t		len = strlen(name);

	while (*p != '\0')
	{
		size_t		word = strcspn(p, ", \t\n");

		if (word == len && pg_strncasecmp(p, name, len) == 0)
			return true;
		p += word;
		p += strspn(p, ", \t\n");
	}
	return false;
}

bool
cf_setting_binding(const char *name, CfBinding *binding)
{
	struct config_generic *setting = strchr(name, '.') == NULL ?
		cf_find_setting(name) : NULL;

	/* A reload may change it, in one session before the other. */
	*binding = is_harmless(name) || (setting != NULL && setting->context == PGC_SIGHUP) ?
		CF_BOUND_ALL_SETTINGS : CF_BOUND_SETTINGS;
	return !is_ours(name);
}

static bool
counts(const struct config_generic *setting, CfBinding binding)
{
	/* To have been set once, and to be empty now, is not the same as never. */
	if (setting->source <= PGC_S_DYNAMIC_DEFAULT &&
		(setting->flags & GUC_CUSTOM_PLACEHOLDER) == 0)
		return false;
	if (setting->context <= PGC_POSTMASTER || is_ours(setting->name))
		return false;
	if (binding < CF_BOUND_ALL_SETTINGS &&
		(setting->context == PGC_SIGHUP || is_harmless(setting->name)))
		return false;
	return !is_ignored(setting->name);
}

/* What pg_temp in search_path means: current_schema tells. */
static void
add_temporary_schema(CfHash128 *hash)
{
	Oid			schema;
	Oid			toast_schema;

	if (strstr(namespace_search_path, "pg_temp") == NULL)
		return;
	GetTempNamespaceState(&schema, &toast_schema);
	cf_hash128_add_u64(hash, schema);
}

void
cf_setting_add(CfHash128 *hash, CfBinding binding)
{
	int			n;
	struct config_generic **settings = cf_all_settings(&n);

	cf_hash128_add_u64(hash, ((uint64) GetOuterUserId() << 32) | GetSessionUserId());
	cf_hash128_add_u64(hash, superuser_arg(GetOuterUserId()));
	cf_hash128_add(hash, cf_guc_ignore_settings, strlen(cf_guc_ignore_settings) + 1);
	add_temporary_schema(hash);
	for (int i = 0; i < n; i++)
	{
		const char *value;

		if (!counts(settings[i], binding))
			continue;
		value = GetConfigOption(settings[i]->name, true, false);
		cf_hash128_add(hash, settings[i]->name, strlen(settings[i]->name) + 1);
		if (value != NULL)
			cf_hash128_add(hash, value, strlen(value) + 1);
	}
}

void
cf_setting_describe(StringInfo text)
{
	int			n;
	struct config_generic **settings = cf_all_settings(&n);

	for (int i = 0; i < n; i++)
	{
		const struct config_generic *setting = settings[i];
		const char *value;

		if (setting->source <= PGC_S_ARGV || !counts(setting, CF_BOUND_SETTINGS) ||
			(setting->flags & GUC_NO_SHOW_ALL) != 0)
			continue;
		value = GetConfigOption(setting->name, true, false);
		if (value == NULL)
			continue;
		appendStringInfo(text, "%s%s=", text->len > 0 ? "; " : "", setting->name);
		if (strchr(setting->name, '.') != NULL || (setting->flags & GUC_SUPERUSER_ONLY) != 0)
			appendStringInfo(text, "#%08x",
							 (uint32) cf_tag_hash(InvalidOid, value, strlen(value)));
		else
			appendStringInfoString(text, value);
	}
}
