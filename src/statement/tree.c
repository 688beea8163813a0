/*
 * tree.c - hashes the text form that PostgreSQL itself gives a query tree.
 *
 * PostgreSQL keeps views and rules in that form and reads them back, so whatever
 * changes what a query means is in it (nodes/outfuncs.c). It is not so for query ids,
 * by which statistics are grouped: concat(a) and concat(VARIADIC a) have the same.
 *
 * In the text a label begins with " :" where a name can not have it: outToken puts a
 * backslash before a space. So what follows " :location " is a place in the source.
 *
 * src/statement/tree.c
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodes.h"
#include "optimizer/cost.h"
#include "optimizer/geqo.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "utils/guc.h"

#include "statement/tree.h"

/* Labels of numbers that say where something stands, or what it is called in statistics. */
static const char *const places[] = {
	":location ", ":stmt_location ", ":stmt_len ", ":queryId ",
};

/* The length of such a label at a colon, or 0. */
static Size
length_of_place(const char *colon)
{
	for (int i = 0; i < lengthof(places); i++)
	{
		Size		len = strlen(places[i]);

		if (strncmp(colon, places[i], len) == 0)
			return len;
	}
	return 0;
}

/* Takes the numbers after such labels out, in place; returns the new length. */
static Size
remove_places(char *text)
{
	char	   *to = text;
	const char *from = text;

	while (*from != '\0')
	{
		Size		len = 0;

		if (*from == ':' && from > text + 1 && from[-1] == ' ' && from[-2] != '\\')
			len = length_of_place(from);
		if (len == 0)
		{
			*to++ = *from++;
			continue;
		}
		from += len;
		*to++ = ':';
		while (*from == '-' || (*from >= '0' && *from <= '9'))
			from++;
	}
	*to = '\0';
	return to - text;
}

/* By these the planner chooses. */
static void
add_planner_settings(CfHash128 *hash)
{
	const bool	switches[] = {
		enable_seqscan, enable_indexscan, enable_indexonlyscan, enable_bitmapscan,
		enable_tidscan, enable_sort, enable_incremental_sort, enable_hashagg, enable_nestloop,
		enable_material, enable_memoize, enable_mergejoin, enable_hashjoin, enable_gathermerge,
		enable_partitionwise_join, enable_partitionwise_aggregate, enable_parallel_append,
		enable_parallel_hash, enable_partition_pruning, enable_async_append, enable_geqo,
		parallel_leader_participation
	};
	const int	numbers[] = {
		work_mem, effective_cache_size, from_collapse_limit, join_collapse_limit, geqo_threshold,
		Geqo_effort, Geqo_pool_size, Geqo_generations, min_parallel_table_scan_size,
		min_parallel_index_scan_size, max_parallel_workers_per_gather, constraint_exclusion
	};
	const double costs[] = {
		seq_page_cost, random_page_cost, cpu_tuple_cost, cpu_index_tuple_cost, cpu_operator_cost,
		parallel_tuple_cost, parallel_setup_cost, recursive_worktable_factor, cursor_tuple_fraction,
		hash_mem_multiplier, Geqo_selection_bias, Geqo_seed
	};

	cf_hash128_add(hash, switches, sizeof(switches));
	cf_hash128_add(hash, numbers, sizeof(numbers));
	cf_hash128_add(hash, costs, sizeof(costs));
}

void
cf_tree_hash(const Query *query, CfHash128 *hash)
{
	char	   *text = nodeToString(query);

	cf_hash128_init(hash, query->commandType);
	cf_hash128_add(hash, text, remove_places(text));
	pfree(text);
	add_planner_settings(hash);
}
