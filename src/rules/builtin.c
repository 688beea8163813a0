/*
 * builtin.c - PostgreSQL's own functions that are not IMMUTABLE, by name.
 *
 * An allow-list: what is not on it is taken for of one session. Listed are
 * functions whose result, at one moment and for one role, is the same in every
 * session that has the same identity (engine/identity.c holds the settings
 * that print and read values); time and chance are allowed, for a result that
 * depends on them is as fresh as its time to live. The first entry that
 * matches counts; "x*" stands for all names that begin with x.
 *
 * src/rules/builtin.c
 */
#include "postgres.h"

#include "rules/builtin.h"

typedef struct Builtin
{
	const char *name;
	CfTraits	traits;
} Builtin;

static const Builtin builtins[] = {
	/* what is of one session, of names that begin as harmless ones do */
	{"pg_get_backend_memory_contexts", CF_TRAIT_SESSION},
	{"pg_stat_get_activity", CF_TRAIT_SESSION},
	{"pg_stat_get_backend_*", CF_TRAIT_SESSION},
	{"pg_stat_get_progress_info", CF_TRAIT_SESSION},
	{"pg_stat_get_snapshot_timestamp", CF_TRAIT_SESSION},
	{"pg_stat_get_subscription", CF_TRAIT_SESSION},
	{"pg_stat_get_wal_receiver", CF_TRAIT_SESSION},
	{"pg_stat_get_wal_senders", CF_TRAIT_SESSION},
	{"pg_stat_get_xact_*", CF_TRAIT_SESSION},

	/* settings */
	{"current_setting", CF_TRAIT_NAMED_SETTING},
	{"lo_get", CF_TRAIT_SETTINGS | CF_TRAIT_RIGHTS},
	{"pg_client_encoding", CF_TRAIT_SETTINGS},
	{"pg_jit_available", CF_TRAIT_ALL_SETTINGS},
	{"pg_show_all_settings", CF_TRAIT_ALL_SETTINGS | CF_TRAIT_RIGHTS},

	/* rights */
	{"has_*_privilege", CF_TRAIT_RIGHTS | CF_TRAIT_NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_column_is_updatable", CF_TRAIT_RIGHTS},
	{"pg_has_role", CF_TRAIT_RIGHTS | CF_TRAIT_LIGHT_NAMES},
	{"pg_relation_is_updatable", CF_TRAIT_RIGHTS},
	{"row_security_active", CF_TRAIT_RIGHTS | CF_TRAIT_NAMES},

	/* names that are looked up, or printed as short as the search path allows */
	{"aclitemin", CF_TRAIT_LIGHT_NAMES},
	{"aclitemout", CF_TRAIT_LIGHT_NAMES},
	{"format_type", CF_TRAIT_NAMES},
	{"oidvectortypes", CF_TRAIT_NAMES},
	{"pg_*_is_visible", CF_TRAIT_NAMES},
	{"pg_describe_object", CF_TRAIT_NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_get_indexdef", CF_TRAIT_NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_get_object_address", CF_TRAIT_NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_get_publication_tables", CF_TRAIT_NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_get_userbyid", CF_TRAIT_LIGHT_NAMES},
	{"pg_get_*", CF_TRAIT_NAMES},
	{"pg_identify_object*", CF_TRAIT_NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_typeof", CF_TRAIT_NAMES},
	{"regclass", CF_TRAIT_NAMES | CF_TRAIT_LIGHT_NAMES},
	{"regclassin", CF_TRAIT_NAMES | CF_TRAIT_LIGHT_NAMES},
	{"regclassout", CF_TRAIT_NAMES | CF_TRAIT_LIGHT_NAMES},
	{"to_regclass", CF_TRAIT_NAMES | CF_TRAIT_LIGHT_NAMES},
	{"regrolein", CF_TRAIT_LIGHT_NAMES},
	{"regroleout", CF_TRAIT_LIGHT_NAMES},
	{"to_regrole", CF_TRAIT_LIGHT_NAMES},
	{"reg*in", CF_TRAIT_NAMES},
	{"reg*out", CF_TRAIT_NAMES},
	{"to_reg*", CF_TRAIT_NAMES},

	/* input and output of types, and what is made of it */
	{"anyarray_*", 0}, {"anycompatible*", 0}, {"anyenum_*", 0},
	{"anymultirange_*", 0}, {"anyrange_*", 0}, {"anytextcat", 0},
	{"aclexplode", 0},
	{"array_in", 0}, {"array_out", 0}, {"array_recv", 0}, {"array_send", 0},
	{"array_sample", 0}, {"array_shuffle", 0}, {"array_to_json", 0},
	{"array_to_string", 0},
	{"bpcharrecv", 0}, {"bpcharsend", 0}, {"brin_*_recv", 0}, {"brin_*_send", 0},
	{"cash_in", 0}, {"cash_out", 0}, {"concat", 0}, {"concat_ws", 0},
	{"convert", 0}, {"convert_from", 0}, {"convert_to", 0}, {"cstring_recv", 0},
	{"cstring_send", 0}, {"date_*", 0}, {"date", 0}, {"domain_in", 0},
	{"domain_recv", 0}, {"enum_*", 0}, {"extract", 0}, {"format", 0},
	{"generate_series", 0}, {"in_range", 0}, {"interval_*", 0}, {"json_*", 0},
	{"jsonb_*", 0}, {"length", 0}, {"make_timestamptz", 0}, {"money", 0},
	{"multirange_*", 0}, {"namerecv", 0}, {"namesend", 0}, {"numeric", 0},
	{"overlaps", 0}, {"pg_dependencies_*", 0}, {"pg_input_*", 0},
	{"pg_mcv_list_*", 0}, {"pg_ndistinct_*", 0}, {"pg_node_tree_*", 0},
	{"quote_literal", 0}, {"quote_nullable", 0}, {"range_in", 0}, {"range_out", 0},
	{"range_recv", 0}, {"range_send", 0}, {"record_in", 0}, {"record_out", 0},
	{"record_recv", 0}, {"record_send", 0}, {"row_to_json", 0}, {"textanycat", 0},
	{"textrecv", 0}, {"textsend", 0}, {"time", 0}, {"time_in", 0},
	{"timestamp*", 0}, {"timetz", 0}, {"timetz_in", 0}, {"timezone", 0},
	{"to_char", 0}, {"to_date", 0}, {"to_json", 0}, {"to_jsonb", 0},
	{"to_number", 0}, {"to_timestamp", 0}, {"varcharrecv", 0}, {"varcharsend", 0},
	{"xml", 0}, {"xml_*", 0},

	/* XML of tables: the statements that they run are looked at */
	{"database_to_xml*", CF_TRAIT_RIGHTS}, {"query_to_xml*", 0},
	{"schema_to_xml*", CF_TRAIT_RIGHTS}, {"table_to_xml*", CF_TRAIT_NAMES},

	/* text search: its default configuration is part of the identity */
	{"get_current_ts_config", 0}, {"phraseto_tsquery", 0}, {"plainto_tsquery", 0},
	{"to_tsquery", 0}, {"to_tsvector", 0}, {"ts_debug", 0}, {"ts_headline", 0},
	{"ts_match_tq", 0}, {"ts_match_tt", 0}, {"ts_parse", 0}, {"ts_rewrite", 0},
	{"ts_stat", 0}, {"ts_token_type", 0}, {"websearch_to_tsquery", 0},

	/* who asks: part of the identity, or as whom the result was made */
	{"current_database", 0}, {"current_schema", 0}, {"current_user", 0},
	{"getpgusername", 0}, {"session_user", 0},

	/* time and chance, and what only waits */
	{"clock_timestamp", 0}, {"gen_random_uuid", 0}, {"now", 0}, {"random", 0},
	{"random_normal", 0}, {"statement_timestamp", 0}, {"timeofday", 0},
	{"transaction_timestamp", 0}, {"uuidv4", 0}, {"uuidv7", 0},
	{"pg_advisory_lock*", 0}, {"pg_advisory_xact_lock*", 0}, {"pg_sleep", 0}, {"pg_sleep_for", 0}, {"pg_sleep_until", 0},

	/* what the server is, and holds, whoever asks */
	{"_pg_index_position", 0}, {"age", 0}, {"col_description", 0},
	{"getdatabaseencoding", 0}, {"mxid_age", 0}, {"obj_description", 0},
	{"pg_available_extension*", 0}, {"pg_basetype", 0}, {"pg_char_to_encoding", 0},
	{"pg_collation_actual_version", 0}, {"pg_collation_for", 0},
	{"pg_column_compression", 0}, {"pg_column_size", 0}, {"pg_column_toast_chunk_id", 0},
	{"pg_control_*", 0}, {"pg_current_wal_*", 0},
	{"pg_database_collation_actual_version", 0}, {"pg_database_size", 0},
	{"pg_encoding_to_char", 0}, {"pg_extension_update_paths", 0},
	{"pg_filenode_relation", 0}, {"pg_index*_has_property", CF_TRAIT_LIGHT_NAMES},
	{"pg_indexes_size", 0}, {"pg_is_in_recovery", 0}, {"pg_is_wal_replay_paused", 0},
	{"pg_last_*", 0}, {"pg_options_to_table", 0}, {"pg_partition_ancestors", 0},
	{"pg_partition_tree", 0}, {"pg_postmaster_start_time", 0}, {"pg_prepared_xact", 0},
	{"pg_relation_filenode", 0}, {"pg_relation_filepath", 0},
	{"pg_relation_is_publishable", 0}, {"pg_relation_size", 0},
	{"pg_replication_origin_oid", 0}, {"pg_sequence_last_value", 0},
	{"pg_sequence_parameters", 0}, {"pg_settings_get_flags", 0}, {"pg_stat_get_*", 0},
	{"pg_stat_have_stats", 0}, {"pg_table_size", 0}, {"pg_tablespace_databases", 0},
	{"pg_tablespace_location", 0}, {"pg_tablespace_size", 0}, {"pg_timezone_abbrevs*", 0},
	{"pg_timezone_names", 0}, {"pg_total_relation_size", 0},
	{"pg_xact_commit_timestamp*", 0}, {"pg_xact_status", 0}, {"shobj_description", 0},
	{"txid_status", 0}, {"version", 0},
};

/* A pattern has one "*" at most. */
static bool
matches(const char *pattern, const char *name)
{
	const char *star = strchr(pattern, '*');
	size_t		before;
	size_t		after;
	size_t		len;

	if (star == NULL)
		return strcmp(pattern, name) == 0;
	before = star - pattern;
	after = strlen(star + 1);
	len = strlen(name);
	return len >= before + after && memcmp(name, pattern, before) == 0 &&
		memcmp(name + len - after, star + 1, after) == 0;
}

CfTraits
cf_builtin_traits(const char *name)
{
	for (int i = 0; i < lengthof(builtins); i++)
	{
		if (matches(builtins[i].name, name))
			return builtins[i].traits;
	}
	return CF_TRAIT_SESSION;
}
