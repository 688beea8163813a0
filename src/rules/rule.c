/*
 * rule.c - this session's list of the database's rules, and what they cover.
 *
 * The list is read from pg_trigger and kept until some DDL has been committed: a rule
 * is made, changed and dropped by DDL only. With it are kept an index by table,
 * and one of the templates by their literal beginnings: a miss looks at those
 * rules only which may be about it, however many there are.
 *
 * src/rules/rule.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "l1/clock.h"
#include "rules/owntable.h"
#include "rules/rule.h"

/* A template of a rule, by the literal text that it begins with (or none). */
typedef struct Start
{
	const char *text;
	int			len;
	const CfTemplate *template;
	int			rule;
	int			shorter;		/* the last start before that is a prefix of this, or -1 */
} Start;

/* In order of their texts. */
typedef struct Starts
{
	Start	   *start;
	int			n;
} Starts;

/* The session's copy of the rules of its database. */
static struct
{
	bool		valid;
	MemoryContext context;
	CfRule	   *rule;
	int			n;
	int		   *by_table;		/* indexes of rules, in order of their tables */
	Starts		key_starts;
	Starts		tag_starts;
	int		   *of_caches;		/* indexes of rules that refresh one */
	int			nof_caches;
	uint64		epoch;			/* the last DDL that the list is of */
	uint64		version;		/* another one each time that the list is made anew */
}			kept;

static const char *
add_template(CfTemplate *template, const char *text, const char **detail)
{
	CfTemplateError error = cf_template_parse(text, template);

	if (error == CF_TEMPLATE_OK)
		return NULL;
	*detail = cf_template_error(error);
	return psprintf("invalid template \"%s\"", text);
}

static const char *
add_arg(CfRuleArgs *rule, const char *option, char *value, const char **detail)
{
	if (strcmp(option, "key") == 0 && !rule->has_key)
	{
		rule->has_key = true;
		return add_template(&rule->key, value, detail);
	}
	if (strcmp(option, "tag") == 0 && rule->ntags < CF_RULE_MAX_TAGS)
		return add_template(&rule->tags[rule->ntags++], value, detail);
	if (strcmp(option, "row") == 0 && rule->nrows < CF_RULE_MAX_ROWS)
	{
		rule->rows[rule->nrows++] = value;
		return NULL;
	}
	if (strcmp(option, "column") == 0 && rule->ncolumns < CF_RULE_MAX_COLUMNS)
	{
		rule->columns[rule->ncolumns++] = value;
		return NULL;
	}
	if (strcmp(option, "cache") == 0 && rule->cache == NULL)
	{
		rule->cache = value;
		return NULL;
	}
	if (strcmp(option, "arg") == 0 && rule->ncache_args < CF_RULE_MAX_ARGS)
	{
		rule->cache_args[rule->ncache_args++] = value;
		return NULL;
	}
	*detail = "Options are \"key\" and \"cache\" (once), \"tag\", \"row\", \"column\" and \"arg\".";
	return psprintf("unrecognized or repeated trigger option \"%s\"", option);
}

const char *
cf_rule_parse_args(int nargs, char **args, CfRuleArgs *rule, const char **detail)
{
	MemSet(rule, 0, sizeof(*rule));
	*detail = "Arguments are pairs of an option and its value.";
	if (nargs % 2 != 0)
		return "a trigger option has no value";
	for (int i = 0; i < nargs; i += 2)
	{
		const char *error = add_arg(rule, args[i], args[i + 1], detail);

		if (error != NULL)
			return error;
	}
	return NULL;
}

static int
add_family(CfFamily *families, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (cf_family_equal(&families[i], &families[n]))
			return n;
	}
	return n + 1;
}

int
cf_rule_families(const CfRuleArgs *args, const char *rule, CfFamily **families)
{
	CfFamily   *result = palloc(sizeof(CfFamily) * CF_RULE_MAX_FAMILIES);
	int			n = 0;

	if (args->nrows > 0)
	{
		cf_family_init(&result[n], rule, (const char **) args->rows, args->nrows);
		n = add_family(result, n);
	}
	if (args->has_key && cf_family_of_template(&result[n], rule, &args->key))
		n = add_family(result, n);
	for (int i = 0; i < args->ntags; i++)
	{
		if (cf_family_of_template(&result[n], rule, &args->tags[i]))
			n = add_family(result, n);
	}
	*families = result;
	return n;
}

void
cf_rule_tag(CfTag *tag, Oid table, const char *trigger)
{
	char		text[NAMEDATALEN + 32];

	snprintf(text, sizeof(text), "rule:%u:%s", table, trigger);
	cf_tag_init(tag, MyDatabaseId, text, strlen(text));
}

void
cf_rule_tag_by_hand(CfTag *tag, Oid table)
{
	char		text[32];

	snprintf(text, sizeof(text), "rule:#hand:%u", table);
	cf_tag_init(tag, MyDatabaseId, text, strlen(text));
}

/* Copied; NULL if there is none (yet). */
static Form_pg_trigger
get_trigger(Relation rel, Oid trigger)
{
	Form_pg_trigger form = NULL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(rel, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		form = palloc(sizeof(FormData_pg_trigger));
		memcpy(form, GETSTRUCT(tuple), offsetof(FormData_pg_trigger, tgattr));
	}
	systable_endscan(scan);
	return form;
}

Oid
cf_rule_table(Oid trigger, Oid relid, bool clone)
{
	Relation	rel;
	Oid			table = relid;

	if (!clone)
		return relid;
	rel = table_open(TriggerRelationId, AccessShareLock);
	while (OidIsValid(trigger))
	{
		Form_pg_trigger form = get_trigger(rel, trigger);

		if (form == NULL)
			break;
		trigger = form->tgparentid;
		table = form->tgrelid;
		pfree(form);
	}
	table_close(rel, AccessShareLock);
	return table;
}

void
cf_rule_tag_of_any(CfTag *tag)
{
	cf_tag_init(tag, MyDatabaseId, CF_TAG_ANY_RULE, strlen(CF_TAG_ANY_RULE));
}

/* OIDs of our trigger functions. */
static void
find_functions(Oid *row, Oid *statement)
{
	Oid			definitions = cf_own_table_definitions();
	oidvector  *no_args = buildoidvector(NULL, 0);
	Oid			schema;

	*row = *statement = InvalidOid;
	if (!OidIsValid(definitions))
		return;
	schema = get_rel_namespace(definitions);
	*row = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum("cache_invalidate_row"),
						   PointerGetDatum(no_args), ObjectIdGetDatum(schema));
	*statement = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
								 CStringGetDatum("cache_invalidate_statement"),
								 PointerGetDatum(no_args), ObjectIdGetDatum(schema));
}

/* Copied; NULL: it is not of a rule. */
static Form_pg_trigger
get_trigger_of_rule(Oid trigger)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	Form_pg_trigger form = get_trigger(rel, trigger);
	Oid			row_function = InvalidOid;
	Oid			statement_function = InvalidOid;

	table_close(rel, AccessShareLock);
	if (form == NULL)
		return NULL;
	find_functions(&row_function, &statement_function);
	if (!OidIsValid(form->tgfoid) ||
		(form->tgfoid != row_function && form->tgfoid != statement_function))
		return NULL;
	return form;
}

bool
cf_rule_is_trigger(Oid trigger)
{
	Form_pg_trigger form = get_trigger_of_rule(trigger);

	return form != NULL && !OidIsValid(form->tgparentid);
}

bool
cf_rule_tag_of_trigger(CfTag *tag, Oid trigger)
{
	Form_pg_trigger form = get_trigger_of_rule(trigger);

	if (form == NULL)
		return false;
	cf_rule_tag(tag, cf_rule_table(trigger, form->tgrelid, OidIsValid(form->tgparentid)),
				NameStr(form->tgname));
	return true;
}

/* The arguments of a trigger, stored one after the other, each with its zero. */
static char **
decode_args(HeapTuple tuple, TupleDesc desc, int nargs)
{
	bool		isnull;
	bytea	   *value = DatumGetByteaPP(heap_getattr(tuple, Anum_pg_trigger_tgargs,
													 desc, &isnull));
	int			len = VARSIZE_ANY_EXHDR(value);
	char	   *copy = palloc(len + 1);
	char	  **args = palloc(sizeof(char *) * Max(nargs, 1));
	char	   *p = copy;

	memcpy(copy, VARDATA_ANY(value), len);
	copy[len] = '\0';
	for (int i = 0; i < nargs; i++)
	{
		args[i] = p;
		if (p < copy + len)
			p += strlen(p) + 1;
	}
	return args;
}

/* What the columns' types tell of their values. */
static void
restrict_template(CfTemplate *template, Oid relid)
{
	for (int i = 0; i < template->nparts; i++)
	{
		CfTemplatePart *part = &template->parts[i];
		AttrNumber	attnum = part->is_column ? get_attnum(relid, part->text) : 0;
		Oid			type = attnum > 0 ? getBaseType(get_atttype(relid, attnum)) : InvalidOid;

		if (type == INT2OID || type == INT4OID || type == INT8OID || type == OIDOID)
			part->allows = cf_template_allows_integer;
		else if (type == UUIDOID)
			part->allows = cf_template_allows_uuid;
	}
}

static void
add_rule(HeapTuple tuple, TupleDesc desc, Oid row_function)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
	CfRule	   *rule = &kept.rule[kept.n];
	const char *detail;

	MemSet(rule, 0, sizeof(*rule));
	rule->trigger = form->oid;
	rule->relid = form->tgrelid;
	rule->name = pstrdup(NameStr(form->tgname));
	rule->row = TRIGGER_FOR_ROW(form->tgtype) && form->tgfoid == row_function;
	rule->all_events = TRIGGER_FOR_INSERT(form->tgtype) &&
		TRIGGER_FOR_UPDATE(form->tgtype) && TRIGGER_FOR_DELETE(form->tgtype) &&
		TRIGGER_FOR_AFTER(form->tgtype) && !form->tgdeferrable &&
		form->tgattr.dim1 == 0 && heap_attisnull(tuple, Anum_pg_trigger_tgqual, desc);
	rule->enabled = form->tgenabled;
	rule->valid = cf_rule_parse_args(form->tgnargs,
									 decode_args(tuple, desc, form->tgnargs),
									 &rule->args, &detail) == NULL;
	if (rule->valid && rule->args.has_key)
		restrict_template(&rule->args.key, rule->relid);
	for (int i = 0; rule->valid && i < rule->args.ntags; i++)
		restrict_template(&rule->args.tags[i], rule->relid);
	if (rule->valid)
		rule->nfamilies = cf_rule_families(&rule->args, rule->name, &rule->families);
	rule->tag = palloc(sizeof(CfTag));
	cf_rule_tag(rule->tag, rule->relid, rule->name);
	kept.n++;
}

/* Triggers that only TRUNCATE or replication fires are part of another rule. */
static bool
is_rule(Form_pg_trigger form, Oid row_function, Oid statement_function)
{
	return (form->tgfoid == row_function || form->tgfoid == statement_function) &&
		!OidIsValid(form->tgparentid) &&
		form->tgenabled != TRIGGER_FIRES_ON_REPLICA &&
		(form->tgtype & (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE)) != 0;
}

static void
scan_triggers(void)
{
	Oid			row_function;
	Oid			statement_function;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			room = 16;

	find_functions(&row_function, &statement_function);
	kept.rule = palloc(sizeof(CfRule) * room);
	if (!OidIsValid(row_function))
		return;
	rel = table_open(TriggerRelationId, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (!is_rule((Form_pg_trigger) GETSTRUCT(tuple), row_function, statement_function))
			continue;
		if (kept.n == room)
		{
			room *= 2;
			kept.rule = repalloc_huge(kept.rule, sizeof(CfRule) * room);
		}
		add_rule(tuple, RelationGetDescr(rel), row_function);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/* ---- indexes ---- */

static bool
is_enabled(const CfRule *rule)
{
	return rule->enabled == TRIGGER_FIRES_ALWAYS ||
		rule->enabled == TRIGGER_FIRES_ON_ORIGIN;
}

static int
compare_tables(const void *a, const void *b)
{
	int			i = *(const int *) a;
	int			k = *(const int *) b;

	if (kept.rule[i].relid != kept.rule[k].relid)
		return kept.rule[i].relid < kept.rule[k].relid ? -1 : 1;
	return i < k ? -1 : i > k;
}

static int
compare_texts(const char *a, int alen, const char *b, int blen)
{
	int			order = memcmp(a, b, Min(alen, blen));

	return order != 0 ? order : alen - blen;
}

static int
compare_starts(const void *a, const void *b)
{
	const Start *x = a;
	const Start *y = b;

	return compare_texts(x->text, x->len, y->text, y->len);
}

static bool
is_start_of(const Start *start, const char *text, int len)
{
	return start->len <= len && memcmp(start->text, text, start->len) == 0;
}

static void
add_start(Starts *starts, const CfTemplate *template, int rule)
{
	Start	   *start = &starts->start[starts->n++];
	const CfTemplatePart *first = &template->parts[0];

	start->text = first->is_column ? "" : first->text;
	start->len = first->is_column ? 0 : first->len;
	start->template = template;
	start->rule = rule;
}

/* What is a prefix of this is one of the last, or one of that one's prefixes. */
static void
sort_starts(Starts *starts)
{
	qsort(starts->start, starts->n, sizeof(Start), compare_starts);
	for (int i = 0; i < starts->n; i++)
	{
		Start	   *start = &starts->start[i];

		start->shorter = i - 1;
		while (start->shorter >= 0 &&
			   !is_start_of(&starts->start[start->shorter], start->text, start->len))
			start->shorter = starts->start[start->shorter].shorter;
	}
}

static void
make_indexes(void)
{
	int			nkeys = 0;
	int			ntags = 0;

	kept.by_table = palloc(sizeof(int) * Max(kept.n, 1));
	for (int i = 0; i < kept.n; i++)
	{
		kept.by_table[i] = i;
		nkeys += kept.rule[i].args.has_key;
		ntags += kept.rule[i].args.ntags;
	}
	qsort(kept.by_table, kept.n, sizeof(int), compare_tables);
	kept.key_starts.n = kept.tag_starts.n = kept.nof_caches = 0;
	kept.of_caches = palloc(sizeof(int) * Max(kept.n, 1));
	kept.key_starts.start = palloc(sizeof(Start) * Max(nkeys, 1));
	kept.tag_starts.start = palloc(sizeof(Start) * Max(ntags, 1));
	for (int i = 0; i < kept.n; i++)
	{
		if (!kept.rule[i].valid || !is_enabled(&kept.rule[i]))
			continue;
		if (kept.rule[i].args.cache != NULL)
			kept.of_caches[kept.nof_caches++] = i;
		if (kept.rule[i].args.has_key)
			add_start(&kept.key_starts, &kept.rule[i].args.key, i);
		for (int k = 0; k < kept.rule[i].args.ntags; k++)
			add_start(&kept.tag_starts, &kept.rule[i].args.tags[k], i);
	}
	sort_starts(&kept.key_starts);
	sort_starts(&kept.tag_starts);
}

/* ---- the list ---- */

/*
 * The epoch is read before the catalog, and a rule that commits after that
 * moves it: so a list that misses a rule is read again before it can matter.
 */
static void
read_rules(uint64 epoch)
{
	MemoryContext old;

	kept.valid = false;
	kept.n = 0;
	if (kept.context == NULL)
		kept.context = AllocSetContextCreate(TopMemoryContext, "cachefront rules",
											 ALLOCSET_DEFAULT_SIZES);
	MemoryContextReset(kept.context);
	old = MemoryContextSwitchTo(kept.context);
	scan_triggers();
	make_indexes();
	MemoryContextSwitchTo(old);
	kept.epoch = epoch;
	kept.version++;
	kept.valid = true;
}

void
cf_rule_forget(void)
{
	kept.valid = false;
}

int
cf_rules(const CfRule **result)
{
	uint64		epoch = Max(cf_clock_seq(cf_clock_of_epoch(MyDatabaseId)),
							cf_clock_seq(cf_clock_of_any_definition(MyDatabaseId)));

	if (unlikely(!kept.valid || epoch != kept.epoch))
		read_rules(epoch);
	*result = kept.rule;
	return kept.n;
}

uint64
cf_rules_version(void)
{
	const CfRule *list;

	(void) cf_rules(&list);
	return kept.version;
}

/* The last start that is not after the text, or -1. */
static int
find_start(const Starts *starts, const char *text, int len)
{
	int			low = 0;
	int			high = starts->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (compare_texts(starts->start[middle].text, starts->start[middle].len, text, len) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

/* Adds the rules whose template gives the text, each once. n > max: and more. */
static int
add_reaching(const Starts *starts, const char *text, int len, const CfRule **found,
			 int n, int max)
{
	/* Each start that is a prefix of the text is one of those of the last before it. */
	for (int i = find_start(starts, text, len); i >= 0 && n <= max; i = starts->start[i].shorter)
	{
		const Start *start = &starts->start[i];
		bool		known = false;

		if (!is_start_of(start, text, len) ||
			!cf_template_matches(start->template, text, len, false))
			continue;
		for (int k = 0; k < n && !known; k++)
			known = found[k] == &kept.rule[start->rule];
		if (known)
			continue;
		if (n < max)
			found[n] = &kept.rule[start->rule];
		n++;
	}
	return n;
}

static bool
is_among(const CfRule *rule, const CfRule **found, int n)
{
	int			i = 0;

	while (i < n && found[i] != rule)
		i++;
	return i < n;
}

static int
add_refreshing(const CfKey *key, const CfRule **found, int n, int max)
{
	for (int i = 0; i < kept.nof_caches && n <= max; i++)
	{
		const CfRule *rule = &kept.rule[kept.of_caches[i]];

		if (!cf_rule_args_refresh(&rule->args, key) || is_among(rule, found, Min(n, max)))
			continue;
		if (n < max)
			found[n] = rule;
		n++;
	}
	return n;
}

int
cf_rules_reaching(const CfKey *key, text **tags, int ntags, const CfRule **found, int max)
{
	const CfRule *list;
	int			n;

	if (cf_rules(&list) == 0)
		return 0;
	n = add_reaching(&kept.key_starts, key->data, key->len, found, 0, max);
	for (int i = 0; i < ntags && n <= max; i++)
		n = add_reaching(&kept.tag_starts, VARDATA_ANY(tags[i]), VARSIZE_ANY_EXHDR(tags[i]),
						 found, n, max);
	return n <= max ? add_refreshing(key, found, n, max) : n;
}

/* Does a template give this key, or one of these tags, with values that it allows? */
static bool
matches_strictly(const CfRule *rule, const CfKey *key, text **tags, int ntags)
{
	if (!rule->valid)
		return false;
	if (cf_rule_args_refresh(&rule->args, key) ||
		(rule->args.has_key && cf_template_matches(&rule->args.key, key->data, key->len, true)))
		return true;
	for (int i = 0; i < rule->args.ntags; i++)
	{
		for (int k = 0; k < ntags; k++)
		{
			if (cf_template_matches(&rule->args.tags[i], VARDATA_ANY(tags[k]),
									VARSIZE_ANY_EXHDR(tags[k]), true))
				return true;
		}
	}
	return false;
}

/* Rows of a child may change through its parents: then only row triggers fire. */
static bool
is_in_hierarchy(Oid relid)
{
	return has_superclass(relid) || has_subclass(relid) ||
		get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE;
}

/* Where the rules of a table begin in by_table. */
static int
find_table(Oid relid)
{
	int			low = 0;
	int			high = kept.n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (kept.rule[kept.by_table[middle]].relid < relid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * Adds what the rules of a table say of a relation: the table itself, or a
 * partition of it, to which row rules are cloned. True: nothing can be better.
 */
static bool
add_cover(Oid table, Oid relid, const CfKey *key, text **tags, int ntags, CfCover *cover)
{
	for (int i = find_table(table); i < kept.n && kept.rule[kept.by_table[i]].relid == table; i++)
	{
		const CfRule *rule = &kept.rule[kept.by_table[i]];
		bool		tells_rows = cf_rule_args_tell_rows(&rule->args);

		if (!is_enabled(rule) || !rule->all_events || (table != relid && !rule->row))
			continue;
		if (tells_rows && matches_strictly(rule, key, tags, ntags))
		{
			cover->kind = CF_COVER_ROW;
			cover->rule = rule;
			return true;
		}
		if ((!tells_rows || !rule->valid) && (rule->row || !is_in_hierarchy(relid)))
		{
			cover->kind = CF_COVER_TABLE;
			cover->rule = rule;
		}
	}
	return false;
}

/* Does its trigger note every change, row by row? */
static bool
notes_rows(const CfRule *rule)
{
	return rule->row && rule->valid && rule->all_events && is_enabled(rule) &&
		rule->nfamilies > 0;
}

static List *
add_rules_of_rows(List *found, Oid table)
{
	for (int i = find_table(table); i < kept.n && kept.rule[kept.by_table[i]].relid == table; i++)
	{
		if (notes_rows(&kept.rule[kept.by_table[i]]))
			found = lappend(found, &kept.rule[kept.by_table[i]]);
	}
	return found;
}

const CfRule *
cf_rule_of_rows(const Trigger *trigger, Oid relid)
{
	const CfRule *list;
	Oid			table;

	if (!TRIGGER_FOR_ROW(trigger->tgtype) || cf_rules(&list) == 0)
		return NULL;
	table = cf_rule_table(trigger->tgoid, relid, trigger->tgisclone);
	for (int i = find_table(table); i < kept.n && kept.rule[kept.by_table[i]].relid == table; i++)
	{
		const CfRule *rule = &kept.rule[kept.by_table[i]];

		if (strcmp(rule->name, trigger->tgname) == 0)
			return notes_rows(rule) ? rule : NULL;
	}
	return NULL;
}

List *
cf_rules_of_rows(Oid relid)
{
	const CfRule *list;
	List	   *found;
	ListCell   *cell;

	if (cf_rules(&list) == 0)
		return NIL;
	found = add_rules_of_rows(NIL, relid);
	if (!get_rel_relispartition(relid))
		return found;
	foreach(cell, get_partition_ancestors(relid))
		found = add_rules_of_rows(found, lfirst_oid(cell));
	return found;
}

CfCover
cf_rule_cover(Oid relid, const CfKey *key, text **tags, int ntags)
{
	CfCover		cover = {CF_COVER_NONE, NULL};
	const CfRule *list;
	int			n = cf_rules(&list);
	ListCell   *cell;

	if (get_rel_relkind(relid) == RELKIND_MATVIEW)
	{
		cover.kind = CF_COVER_VIEW;
		return cover;
	}
	if (n == 0 || add_cover(relid, relid, key, tags, ntags, &cover) ||
		!get_rel_relispartition(relid))
		return cover;
	foreach(cell, get_partition_ancestors(relid))
	{
		if (add_cover(lfirst_oid(cell), relid, key, tags, ntags, &cover))
			break;
	}
	return cover;
}
