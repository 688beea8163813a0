/*
 * proof.c - which rows of its tables can a result depend on?
 *
 * A partition that is read as part of its table is covered as that is: whoever
 * changes a row of it changes one of the table, and its triggers are those of the
 * table. Children by plain inheritance are tables of their own.
 *
 * Locking: none.
 *
 * src/rules/proof.c
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "rules/family.h"
#include "rules/pins.h"
#include "rules/proof.h"
#include "rules/rule.h"

/* Hashes of tags of rows. */
typedef struct Rows
{
	int			n;
	uint64		hash[CF_PROOF_MAX_ROWS];
} Rows;

/* What covers a scan. */
typedef struct Cover
{
	const CfRule *rule;			/* NULL: none does */
	const CfFamily *family;
	Rows		rows;
	bool		builtin;		/* by hashes that whoever writes knows, too */
} Cover;

/* ---- one scan ----------------------------------------------------------- */

/* The pin of a column with the fewest values. NULL: there is none. */
static const CfPin *
find_pin(const CfScan *scan, const char *column, ParamListInfo params, Rows *values)
{
	const CfPin *best = NULL;
	ListCell   *cell;

	foreach(cell, scan->pins)
	{
		const CfPin *pin = lfirst(cell);
		Rows		found;

		if (strcmp(pin->column, column) != 0)
			continue;
		found.n = cf_pin_hashes(pin, params, found.hash, CF_PROOF_MAX_ROWS);
		if (found.n < 0 || (best != NULL && found.n >= values->n))
			continue;
		best = pin;
		*values = found;
	}
	return best;
}

/* Each row with each value. False: that would be too many. */
static bool
multiply(Rows *rows, const Rows *values)
{
	Rows		product = {0};

	if (rows->n * values->n > CF_PROOF_MAX_ROWS)
		return false;
	for (int i = 0; i < rows->n; i++)
	{
		for (int k = 0; k < values->n; k++)
			product.hash[product.n++] = cf_family_add(rows->hash[i], values->hash[k]);
	}
	*rows = product;
	return true;
}

static bool
pins_family(const CfScan *scan, const CfFamily *family, ParamListInfo params, Rows *rows,
			bool *builtin)
{
	rows->n = 1;
	rows->hash[0] = family->seed;
	*builtin = true;
	for (int i = 0; i < family->ncolumns; i++)
	{
		Rows		values;
		const CfPin *pin = find_pin(scan, family->columns[i], params, &values);

		if (pin == NULL || !multiply(rows, &values))
			return false;
		*builtin &= pin->builtin;
	}
	return true;
}

static bool
has_name(const char *name, int n, char *const *names)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* A row whose key or tag changes counts, whatever the rule's columns are. */
static bool
is_in_family(const CfRule *rule, const char *name)
{
	for (int i = 0; i < rule->nfamilies; i++)
	{
		for (int k = 0; k < rule->families[i].ncolumns; k++)
		{
			if (strcmp(rule->families[i].columns[k], name) == 0)
				return true;
		}
	}
	return false;
}

/*
 * A column that is read, but whose change the rule lets pass; or NULL. "" is what
 * has no name: the row as a whole, or where it lies.
 */
static const char *
find_ignored(const CfScan *scan, const CfRule *rule)
{
	ListCell   *cell;

	if (rule->args.ncolumns == 0)
		return NULL;
	if (scan->all_columns)
		return "";
	foreach(cell, scan->columns)
	{
		const char *name = lfirst(cell);

		if (!has_name(name, rule->args.ncolumns, rule->args.columns) &&
			!is_in_family(rule, name))
			return name;
	}
	return NULL;
}

/* More columns tell apart more rows. */
static bool
is_better(const CfFamily *family, const Rows *rows, const Cover *cover)
{
	return cover->rule == NULL || family->ncolumns > cover->family->ncolumns ||
		(family->ncolumns == cover->family->ncolumns && rows->n < cover->rows.n);
}

static void
add_rule(const CfScan *scan, const CfRule *rule, ParamListInfo params, Cover *cover)
{
	for (int i = 0; i < rule->nfamilies; i++)
	{
		Rows		rows;
		bool		builtin;

		if (!pins_family(scan, &rule->families[i], params, &rows, &builtin) ||
			!is_better(&rule->families[i], &rows, cover))
			continue;
		cover->builtin = builtin;
		cover->rule = rule;
		cover->family = &rule->families[i];
		cover->rows = rows;
	}
}

/* *why, if nothing covers it: palloc'd or constant, or NULL if there is nothing to say. */
static Cover
find_cover(const CfScan *scan, List *rules, ParamListInfo params, const char **why)
{
	Cover		cover = {NULL};
	ListCell   *cell;

	*why = scan->sampled ? "which rows TABLESAMPLE reads depends on all" :
		rules == NIL ? NULL : "the query does not say which rows by \"=\" with all columns of a rule";
	foreach(cell, rules)
	{
		const CfRule *rule = lfirst(cell);
		const char *ignored = find_ignored(scan, rule);

		if (scan->sampled)
			break;
		if (ignored == NULL)
			add_rule(scan, rule, params, &cover);
		else if (ignored[0] == '\0')
			*why = psprintf("the query reads the row as a whole, not only the columns of rule %s",
							rule->name);
		else
			*why = psprintf("the query reads column \"%s\", which is not among those of rule %s",
							ignored, rule->name);
	}
	return cover;
}

/* ---- what is read of a table -------------------------------------------- */

static CfTableUse *
get_use(CfProof *proof, Oid relid)
{
	CfTableUse *use = (CfTableUse *) cf_proof_find(proof, relid);

	if (use == NULL)
	{
		use = palloc0(sizeof(CfTableUse));
		use->relid = relid;
		proof->uses = lappend(proof->uses, use);
	}
	return use;
}

static void
make_whole(CfTableUse *use, const char *how)
{
	if (!use->whole)
		use->how = how;
	use->whole = true;
	use->tags = NIL;
	use->nrows = 0;
}

static bool
has_tag(const CfTableUse *use, const char *tag)
{
	ListCell   *cell;

	foreach(cell, use->tags)
	{
		if (strcmp(lfirst(cell), tag) == 0)
			return true;
	}
	return false;
}

static void
add_tag(CfTableUse *use, const char *text, int len)
{
	char	   *copy = pnstrdup(text, len);

	if (use->whole || has_tag(use, copy))
		return;
	if (cf_tag_is_unpublished(copy, len) && use->nrows++ == CF_PROOF_MAX_ROWS)
	{
		make_whole(use, "too many rows of it are read");
		return;
	}
	use->tags = lappend(use->tags, copy);
}

static void
add_rows(CfTableUse *use, uint64 hash)
{
	CfTag		tag;

	cf_tag_of_rows(&tag, MyDatabaseId, hash);
	add_tag(use, tag.text, tag.len);
}

static const char *
explain_cover(const CfScan *scan, const Cover *cover, ParamListInfo params)
{
	StringInfoData columns;
	StringInfoData pins;
	Rows		values;

	initStringInfo(&columns);
	initStringInfo(&pins);
	for (int i = 0; i < cover->family->ncolumns; i++)
	{
		const char *name = cover->family->columns[i];

		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "", name);
		appendStringInfo(&pins, "%s%s", i > 0 ? " and " : "",
						 cf_pin_text(find_pin(scan, name, params, &values), params));
	}
	return psprintf("by rows (%s) of rule %s, pinned by %s", columns.data,
					cover->rule->name, pins.data);
}

static void
add_explanation(CfTableUse *use, const char *how)
{
	if (use->whole || (use->how != NULL && strstr(use->how, how) != NULL))
		return;
	use->how = use->how == NULL ? how : psprintf("%s; %s", use->how, how);
}

static void
add_scan(CfTableUse *use, const CfScan *scan, List *rules, ParamListInfo params,
		 bool explain)
{
	const char *why;
	Cover		cover = find_cover(scan, rules, params, &why);

	if (cover.rule == NULL)
	{
		make_whole(use, why);
		return;
	}
	for (int i = 0; i < cover.rows.n; i++)
		add_rows(use, cover.rows.hash[i]);
	if (!cover.builtin)
		add_rows(use, cf_family_of_unhashed(cover.rule->name));
	add_tag(use, cover.rule->tag->text, cover.rule->tag->len);
	if (explain)
		add_explanation(use, explain_cover(scan, &cover, params));
}

/* Of each relation in the plan something must be known, else any row may matter. */
static void
add_relation(CfProof *proof, Oid relid, List *scans, List *oids, ParamListInfo params,
			 bool explain)
{
	List	   *rules = cf_rules_of_rows(relid);
	bool		seen = false;
	ListCell   *cell;

	foreach(cell, scans)
	{
		const CfScan *scan = lfirst(cell);

		if (scan->relid != relid)
			continue;
		if (scan->tree == relid)
			add_scan(get_use(proof, relid), scan, rules, params, explain);
		else if (list_member_oid(oids, scan->tree))
			proof->parts = list_append_unique_oid(proof->parts, relid);
		else
			continue;
		seen = true;
	}
	if (!seen)
		make_whole(get_use(proof, relid), rules == NIL ? NULL :
				   "nobody saw how the statement that reads it was planned");
}

void
cf_proof_add_plan(CfProof *proof, const PlannedStmt *plan, ParamListInfo params, bool explain)
{
	List	   *scans = NIL;
	ListCell   *cell;

	(void) cf_pins_of_plan(plan, &scans);
	foreach(cell, plan->relationOids)
		add_relation(proof, lfirst_oid(cell), scans, plan->relationOids, params, explain);
}

/* ---- what several have read --------------------------------------------- */

void
cf_proof_add(CfProof *proof, const CfProof *other)
{
	ListCell   *cell;
	ListCell   *tag;

	foreach(cell, other->uses)
	{
		const CfTableUse *from = lfirst(cell);
		CfTableUse *use = get_use(proof, from->relid);

		if (from->whole)
			make_whole(use, NULL);
		foreach(tag, from->tags)
			add_tag(use, lfirst(tag), strlen(lfirst(tag)));
	}
	proof->parts = list_concat_unique_oid(proof->parts, other->parts);
}

const CfTableUse *
cf_proof_find(const CfProof *proof, Oid relid)
{
	ListCell   *cell;

	foreach(cell, proof->uses)
	{
		const CfTableUse *use = lfirst(cell);

		if (use->relid == relid)
			return use;
	}
	return NULL;
}

bool
cf_proof_is_part(const CfProof *proof, Oid relid)
{
	return cf_proof_find(proof, relid) == NULL && list_member_oid(proof->parts, relid);
}
