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

/* A label, and what ends the value after it that does not count. */
typedef struct Label
{
	const char *name;
	char		end;
} Label;

/* Where something stands, or what it is called in statistics. */
static const Label places[] = {
	{":location ", ' '}, {":stmt_location ", ' '}, {":stmt_len ", ' '}, {":queryId ", ' '}
};

/* The value of a constant that is not NULL: "4 [ 7 0 0 0 ]". */
static const Label values[] = {{":constvalue ", ']'}};

static const Label *
find_label(const char *colon, const Label *labels, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (strncmp(colon, labels[i].name, strlen(labels[i].name)) == 0)
			return &labels[i];
	}
	return NULL;
}

/* Takes what stands after such labels out, in place; returns the new length. */
static Size
take_out(char *text, const Label *labels, int n)
{
	char	   *to = text;
	const char *from = text;

	while (*from != '\0')
	{
		const Label *label = NULL;

		if (*from == ':' && from > text + 1 && from[-1] == ' ' && from[-2] != '\\')
			label = find_label(from, labels, n);
		if (label == NULL)
		{
			*to++ = *from++;
			continue;
		}
		from += strlen(label->name);
		*to++ = ':';
		/* Of a node the last field is ended by its brace. */
		if (strncmp(from, "<>", 2) != 0)
			while (*from != '\0' && *from != label->end && (label->end != ' ' || *from != '}'))
				from++;
	}
	*to = '\0';
	return to - text;
}

#define NSWITCHES 22
#define NNUMBERS 12
#define NCOSTS 12

/* Settings of the planner. Padding is zero. */
typedef struct Planning
{
	bool		switches[NSWITCHES];
	int			numbers[NNUMBERS];
	double		costs[NCOSTS];
} Planning;

static void
collect(Planning *now)
{
	const bool	switches[NSWITCHES] = {
		enable_seqscan, enable_indexscan, enable_indexonlyscan, enable_bitmapscan,
		enable_tidscan, enable_sort, enable_incremental_sort, enable_hashagg, enable_nestloop,
		enable_material, enable_memoize, enable_mergejoin, enable_hashjoin, enable_gathermerge,
		enable_partitionwise_join, enable_partitionwise_aggregate, enable_parallel_append,
		enable_parallel_hash, enable_partition_pruning, enable_async_append, enable_geqo,
		parallel_leader_participation
	};
	const int	numbers[NNUMBERS] = {
		work_mem, effective_cache_size, from_collapse_limit, join_collapse_limit, geqo_threshold,
		Geqo_effort, Geqo_pool_size, Geqo_generations, min_parallel_table_scan_size,
		min_parallel_index_scan_size, max_parallel_workers_per_gather, constraint_exclusion
	};
	const double costs[NCOSTS] = {
		seq_page_cost, random_page_cost, cpu_tuple_cost, cpu_index_tuple_cost, cpu_operator_cost,
		parallel_tuple_cost, parallel_setup_cost, recursive_worktable_factor, cursor_tuple_fraction,
		hash_mem_multiplier, Geqo_selection_bias, Geqo_seed
	};

	memset(now, 0, sizeof(*now));
	memcpy(now->switches, switches, sizeof(switches));
	memcpy(now->numbers, numbers, sizeof(numbers));
	memcpy(now->costs, costs, sizeof(costs));
}

/* They are compared with what they were, and hashed only where they differ. */
CfHash128
cf_tree_settings(void)
{
	static Planning last;
	static CfHash128 hash;
	static bool valid = false;
	Planning	now;

	collect(&now);
	if (unlikely(!valid || memcmp(&now, &last, sizeof(now)) != 0))
	{
		last = now;
		cf_hash128_init(&hash, 0);
		cf_hash128_add(&hash, &now, sizeof(now));
		valid = true;
	}
	return hash;
}

void
cf_tree_hash(const Query *query, CfHash128 *hash)
{
	char	   *text = nodeToString(query);
	CfHash128	settings = cf_tree_settings();

	cf_hash128_init(hash, query->commandType);
	cf_hash128_add(hash, text, take_out(text, places, lengthof(places)));
	pfree(text);
	cf_hash128_add(hash, &settings, sizeof(settings));
}

void
cf_tree_shape(const Query *query, CfHash128 *hash)
{
	char	   *text = nodeToString(query);

	(void) take_out(text, places, lengthof(places));
	cf_hash128_init(hash, query->commandType);
	cf_hash128_add(hash, text, take_out(text, values, lengthof(values)));
	pfree(text);
}
