/*
 * builtin.c - PostgreSQL's own functions that are not IMMUTABLE, by name.
 *
 * An allow-list: what is not on it is taken for of one session. Listed are
 * functions whose result, at one moment and for one role, is the same in every
 * session that has the same identity (request/identity.c holds the settings
 * that print and read values). CF_TRAIT_UNTRACKED has what reads more than its
 * arguments and the identity, and CF_TRAIT_CHANCE what depends on time or
 * chance: such a result is as fresh as its time to live. The first entry that
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

/* Looks names up in catalogs, or prints them as short as the search path allows. */
#define NAMES (CF_TRAIT_NAMES | CF_TRAIT_UNTRACKED)
#define RIGHTS (CF_TRAIT_RIGHTS | CF_TRAIT_UNTRACKED)

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
	{"lo_get", CF_TRAIT_SETTINGS | RIGHTS},
	/* the first schema that search_path names: the identity has those that are looked into */
	{"current_schema", CF_TRAIT_SETTINGS},
	{"pg_client_encoding", CF_TRAIT_SETTINGS},
	{"pg_jit_available", CF_TRAIT_ALL_SETTINGS | CF_TRAIT_UNTRACKED},
	{"pg_show_all_settings", CF_TRAIT_ALL_SETTINGS | RIGHTS},

	/* rights */
	{"has_*_privilege", RIGHTS | NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_column_is_updatable", RIGHTS},
	{"pg_has_role", RIGHTS | CF_TRAIT_LIGHT_NAMES},
	{"pg_relation_is_updatable", RIGHTS},
	{"row_security_active", RIGHTS | NAMES},

	/* names that are looked up, or printed as short as the search path allows */
	{"aclitemin", CF_TRAIT_LIGHT_NAMES | CF_TRAIT_UNTRACKED},
	{"aclitemout", CF_TRAIT_LIGHT_NAMES | CF_TRAIT_UNTRACKED},
	{"format_type", NAMES},
	{"oidvectortypes", NAMES},
	{"pg_*_is_visible", NAMES},
	{"pg_describe_object", NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_get_indexdef", NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_get_object_address", NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_get_publication_tables", NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_get_userbyid", CF_TRAIT_LIGHT_NAMES | CF_TRAIT_UNTRACKED},
	{"pg_get_*", NAMES},
	{"pg_identify_object*", NAMES | CF_TRAIT_LIGHT_NAMES},
	{"pg_input_*", NAMES | CF_TRAIT_LIGHT_NAMES | CF_TRAIT_CLOCK},
	{"pg_typeof", NAMES},
	{"regclass", NAMES | CF_TRAIT_LIGHT_NAMES},
	{"regclassin", NAMES | CF_TRAIT_LIGHT_NAMES},
	{"regclassout", NAMES | CF_TRAIT_LIGHT_NAMES},
	{"to_regclass", NAMES | CF_TRAIT_LIGHT_NAMES},
	{"regrolein", CF_TRAIT_LIGHT_NAMES | CF_TRAIT_UNTRACKED},
	{"regroleout", CF_TRAIT_LIGHT_NAMES | CF_TRAIT_UNTRACKED},
	{"to_regrole", CF_TRAIT_LIGHT_NAMES | CF_TRAIT_UNTRACKED},
	{"reg*in", NAMES},
	{"reg*out", NAMES},
	{"to_reg*", NAMES},

	/* what reads text that may be 'today', or a time without its zone */
	{"array_in", CF_TRAIT_CLOCK}, {"date_in", CF_TRAIT_CLOCK},
	{"domain_in", CF_TRAIT_CLOCK}, {"json_populate_record*", CF_TRAIT_CLOCK},
	{"jsonb_path_*_tz", CF_TRAIT_CLOCK}, {"jsonb_populate_record*", CF_TRAIT_CLOCK},
	{"multirange_in", CF_TRAIT_CLOCK}, {"range_in", CF_TRAIT_CLOCK},
	{"record_in", CF_TRAIT_CLOCK}, {"time_in", CF_TRAIT_CLOCK},
	{"timestamp_in", CF_TRAIT_CLOCK}, {"timestamptz_in", CF_TRAIT_CLOCK},

	/* input and output of types, and what is made of it */
	{"anyarray_*", 0}, {"anycompatible*", 0}, {"anyenum_*", 0},
	{"anymultirange_*", 0}, {"anyrange_*", 0}, {"anytextcat", 0},
	{"aclexplode", 0},
	{"array_out", 0}, {"array_recv", 0}, {"array_send", 0},
	{"array_sample", CF_TRAIT_CHANCE}, {"array_shuffle", CF_TRAIT_CHANCE}, {"array_to_json", 0},
	{"array_to_string", 0},
	{"bpcharrecv", 0}, {"bpcharsend", 0}, {"brin_*_recv", 0}, {"brin_*_send", 0},
	{"cash_in", 0}, {"cash_out", 0}, {"concat", 0}, {"concat_ws", 0},
	{"convert", 0}, {"convert_from", 0}, {"convert_to", 0}, {"cstring_recv", 0},
	{"cstring_send", 0}, {"date_*", 0}, {"date", 0},
	{"domain_recv", 0}, {"enum_*", 0}, {"extract", 0}, {"format", 0},
	{"generate_series", 0}, {"in_range", 0}, {"interval_*", 0}, {"json_*", 0},
	{"jsonb_*", 0}, {"length", 0}, {"make_timestamptz", 0}, {"money", 0},
	{"multirange_*", 0}, {"namerecv", 0}, {"namesend", 0}, {"numeric", 0},
	{"overlaps", 0}, {"pg_dependencies_*", 0}, 	{"pg_mcv_list_*", 0}, {"pg_ndistinct_*", 0}, {"pg_node_tree_*", 0},
	{"quote_literal", 0}, {"quote_nullable", 0}, {"range_out", 0},
	{"range_recv", 0}, {"range_send", 0}, {"record_out", 0},
	{"record_recv", 0}, {"record_send", 0}, {"row_to_json", 0}, {"textanycat", 0},
	{"textrecv", 0}, {"textsend", 0}, {"time", 0},
	{"timestamp*", 0}, {"timetz", CF_TRAIT_CHANCE}, {"timetz_in", CF_TRAIT_CHANCE}, {"timezone", CF_TRAIT_CHANCE},
	{"to_char", 0}, {"to_date", 0}, {"to_json", 0}, {"to_jsonb", 0},
	{"to_number", 0}, {"to_timestamp", 0}, {"varcharrecv", 0}, {"varcharsend", 0},
	{"xml", 0}, {"xml_*", 0},

	/* XML of tables: the statements that they run are looked at */
	{"database_to_xml*", RIGHTS}, {"query_to_xml*", 0},
	{"schema_to_xml*", RIGHTS}, {"table_to_xml*", NAMES},

	/* text search: its default configuration is part of the identity */
	{"get_current_ts_config", 0}, {"phraseto_tsquery", 0}, {"plainto_tsquery", 0},
	{"to_tsquery", 0}, {"to_tsvector", 0}, {"ts_debug", 0}, {"ts_headline", 0},
	{"ts_match_tq", 0}, {"ts_match_tt", 0}, {"ts_parse", 0}, {"ts_rewrite", 0},
	{"ts_stat", 0}, {"ts_token_type", 0}, {"websearch_to_tsquery", 0},

	/* who asks: part of the identity, or as whom the result was made */
	{"current_database", 0}, {"current_user", CF_TRAIT_ROLE},
	{"getpgusername", CF_TRAIT_ROLE}, {"session_user", CF_TRAIT_ROLE},

	/* time and chance, and what only waits */
	{"clock_timestamp", CF_TRAIT_CHANCE}, {"gen_random_uuid", CF_TRAIT_CHANCE},
	{"now", CF_TRAIT_CHANCE}, {"random", CF_TRAIT_CHANCE},
	{"random_normal", CF_TRAIT_CHANCE}, {"statement_timestamp", CF_TRAIT_CHANCE},
	{"timeofday", CF_TRAIT_CHANCE}, {"transaction_timestamp", CF_TRAIT_CHANCE},
	{"uuidv4", CF_TRAIT_CHANCE}, {"uuidv7", CF_TRAIT_CHANCE},
	{"age", CF_TRAIT_CHANCE}, {"mxid_age", CF_TRAIT_CHANCE},
	{"pg_advisory_lock*", CF_TRAIT_EFFECT}, {"pg_advisory_xact_lock*", CF_TRAIT_EFFECT},
	{"pg_sleep", CF_TRAIT_EFFECT}, {"pg_sleep_for", CF_TRAIT_EFFECT},
	{"pg_sleep_until", CF_TRAIT_EFFECT},

	/* what the server is, whoever asks */
	{"_pg_index_position", 0}, {"getdatabaseencoding", 0}, {"pg_char_to_encoding", 0},
	{"pg_encoding_to_char", 0}, {"pg_options_to_table", 0}, {"version", 0},

	/* what it holds */
	{"col_description", CF_TRAIT_UNTRACKED},
	{"obj_description", CF_TRAIT_UNTRACKED},
	{"pg_available_extension*", CF_TRAIT_UNTRACKED},
	{"pg_basetype", CF_TRAIT_UNTRACKED},
	{"pg_collation_actual_version", CF_TRAIT_UNTRACKED},
	{"pg_collation_for", CF_TRAIT_UNTRACKED},
	{"pg_column_compression", CF_TRAIT_UNTRACKED},
	{"pg_column_size", CF_TRAIT_UNTRACKED},
	{"pg_column_toast_chunk_id", CF_TRAIT_UNTRACKED},
	{"pg_control_*", CF_TRAIT_UNTRACKED},
	{"pg_current_wal_*", CF_TRAIT_UNTRACKED},
	{"pg_database_collation_actual_version", CF_TRAIT_UNTRACKED},
	{"pg_database_size", CF_TRAIT_UNTRACKED},
	{"pg_extension_update_paths", CF_TRAIT_UNTRACKED},
	{"pg_filenode_relation", CF_TRAIT_UNTRACKED},
	{"pg_index*_has_property", CF_TRAIT_LIGHT_NAMES | CF_TRAIT_UNTRACKED},
	{"pg_indexes_size", CF_TRAIT_UNTRACKED},
	{"pg_is_in_recovery", CF_TRAIT_UNTRACKED},
	{"pg_is_wal_replay_paused", CF_TRAIT_UNTRACKED},
	{"pg_last_*", CF_TRAIT_UNTRACKED},
	{"pg_partition_ancestors", CF_TRAIT_UNTRACKED},
	{"pg_partition_tree", CF_TRAIT_UNTRACKED},
	{"pg_postmaster_start_time", CF_TRAIT_UNTRACKED},
	{"pg_prepared_xact", CF_TRAIT_UNTRACKED},
	{"pg_relation_filenode", CF_TRAIT_UNTRACKED},
	{"pg_relation_filepath", CF_TRAIT_UNTRACKED},
	{"pg_relation_is_publishable", CF_TRAIT_UNTRACKED},
	{"pg_relation_size", CF_TRAIT_UNTRACKED},
	{"pg_replication_origin_oid", CF_TRAIT_UNTRACKED},
	{"pg_sequence_last_value", CF_TRAIT_UNTRACKED},
	{"pg_sequence_parameters", CF_TRAIT_UNTRACKED},
	{"pg_settings_get_flags", CF_TRAIT_UNTRACKED},
	{"pg_stat_get_*", CF_TRAIT_UNTRACKED},
	{"pg_stat_have_stats", CF_TRAIT_UNTRACKED},
	{"pg_table_size", CF_TRAIT_UNTRACKED},
	{"pg_tablespace_databases", CF_TRAIT_UNTRACKED},
	{"pg_tablespace_location", CF_TRAIT_UNTRACKED},
	{"pg_tablespace_size", CF_TRAIT_UNTRACKED},
	{"pg_timezone_abbrevs*", CF_TRAIT_UNTRACKED},
	{"pg_timezone_names", CF_TRAIT_UNTRACKED},
	{"pg_total_relation_size", CF_TRAIT_UNTRACKED},
	{"pg_xact_commit_timestamp*", CF_TRAIT_UNTRACKED},
	{"pg_xact_status", CF_TRAIT_UNTRACKED},
	{"shobj_description", CF_TRAIT_UNTRACKED},
	{"txid_status", CF_TRAIT_UNTRACKED},
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
