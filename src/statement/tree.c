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

#include "nodes/nodes.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"

#include "base/compat.h"
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

/* ---- settings that choose plans ----------------------------------------- */

typedef struct PlannerSetting
{
	const void *value;
	Size		size;			/* 1, 4 or 8 bytes */
} PlannerSetting;

static PlannerSetting *planner_settings = NULL;
static int	n_planner_settings = 0;

/* Values that lie side by side, as many do, and what they were when they were hashed. */
typedef struct Run
{
	const char *now;
	Size		size;			/* bytes */
	char	   *then;
} Run;

static Run *runs = NULL;
static int	nruns = 0;

/* What the planner looks at and PostgreSQL lists elsewhere, by its name in each version. */
static const char *const others[] = {
	"debug_parallel_query", "force_parallel_mode", "hash_mem_multiplier",
	"max_parallel_workers_per_gather", "parallel_leader_participation", "work_mem"
};

static bool
chooses_plans(const struct config_generic *setting)
{
	if (setting->vartype == PGC_STRING)
		return false;
	switch (setting->group)
	{
		case QUERY_TUNING_METHOD:
		case QUERY_TUNING_COST:
		case QUERY_TUNING_GEQO:
		case QUERY_TUNING_OTHER:
			return true;
		default:
			break;
	}
	for (int i = 0; i < lengthof(others); i++)
	{
		if (strcmp(setting->name, others[i]) == 0)
			return true;
	}
	return false;
}

/* Where its value lies, for as long as the session lasts. */
static PlannerSetting
describe_setting(struct config_generic *setting)
{
	switch (setting->vartype)
	{
		case PGC_BOOL:
			return (PlannerSetting) {((struct config_bool *) setting)->variable, sizeof(bool)};
		case PGC_INT:
			return (PlannerSetting) {((struct config_int *) setting)->variable, sizeof(int)};
		case PGC_REAL:
			return (PlannerSetting) {((struct config_real *) setting)->variable, sizeof(double)};
		case PGC_ENUM:
			return (PlannerSetting) {((struct config_enum *) setting)->variable, sizeof(int)};
		case PGC_STRING:
			break;
	}
	pg_unreachable();
}

static int
compare_places(const void *a, const void *b)
{
	const char *left = ((const PlannerSetting *) a)->value;
	const char *right = ((const PlannerSetting *) b)->value;

	return (left > right) - (left < right);
}

/* Their copies are of nothing yet. */
static void
find_runs(void)
{
	int			n = n_planner_settings;
	PlannerSetting *values = palloc(n * sizeof(PlannerSetting));
	Run		   *found = MemoryContextAllocZero(TopMemoryContext, Max(n, 1) * sizeof(Run));

	nruns = 0;
	memcpy(values, planner_settings, n * sizeof(PlannerSetting));
	qsort(values, n, sizeof(PlannerSetting), compare_places);
	for (int i = 0; i < n; i++)
	{
		const char *now = values[i].value;

		if (i == 0 || now != found[nruns - 1].now + found[nruns - 1].size)
			found[nruns++].now = now;
		found[nruns - 1].size += values[i].size;
	}
	for (int i = 0; i < nruns; i++)
		found[i].then = MemoryContextAllocZero(TopMemoryContext, found[i].size);
	pfree(values);
	runs = found;
}

static void
find_planner_settings(void)
{
	int			n;
	struct config_generic **all = cf_all_settings(&n);
	PlannerSetting *found = MemoryContextAlloc(TopMemoryContext, n * sizeof(PlannerSetting));

	n_planner_settings = 0;
	for (int i = 0; i < n; i++)
	{
		if (chooses_plans(all[i]))
			found[n_planner_settings++] = describe_setting(all[i]);
	}
	planner_settings = repalloc(found, Max(n_planner_settings, 1) * sizeof(PlannerSetting));
	find_runs();
}

static uint64
value_of(const PlannerSetting *setting)
{
	uint64		value;

	switch (setting->size)
	{
		case sizeof(bool):
			return *(const bool *) setting->value;
		case sizeof(int):
			return *(const unsigned int *) setting->value;
		default:
			memcpy(&value, setting->value, sizeof(value));
			return value;
	}
}

static void
hash_planner_settings(CfHash128 *hash)
{
	for (int i = 0; i < nruns; i++)
		memcpy(runs[i].then, runs[i].now, runs[i].size);
	cf_hash128_init(hash, 0);
	for (int i = 0; i < n_planner_settings; i++)
		cf_hash128_add_u64(hash, value_of(&planner_settings[i]));
}

/* They are compared with what they were, and hashed only where they differ. */
CfHash128
cf_tree_settings(void)
{
	static CfHash128 hash;
	bool		same = runs != NULL;

	if (unlikely(!same))
		find_planner_settings();
	for (int i = 0; same && i < nruns; i++)
		same = memcmp(runs[i].now, runs[i].then, runs[i].size) == 0;
	if (unlikely(!same))
		hash_planner_settings(&hash);
	return hash;
}

/* ---- trees -------------------------------------------------------------- */

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
