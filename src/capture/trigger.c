/*
 * trigger.c - from changed rows to keys and tags in the transaction's log.
 *
 * Of the old and the new row: the keys and tags that the rule's templates give, and
 * the tag of the row itself for each family of the rule's columns (rules/family.h).
 *
 * A rule is compiled once a session and kept until any relation changes: a
 * statement that updates one row must not pay for reading its rule. What is
 * out of date is freed with the transaction, so that a caller further up that
 * is still at work with it is not disturbed.
 *
 * Nothing here fails the user's write: a rule that cannot be read (its column
 * was renamed or dropped, or is computed only when it is read) invalidates the
 * whole table, and so does a transaction with too many keys
 * (cachefront.max_keys_per_commit), by the one tag that all entries of the rule
 * depend on.
 *
 * src/capture/trigger.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/objaccess.h"
#include "base/relchange.h"
#include "base/shmem.h"
#include "capture/trigger.h"
#include "capture/witness.h"
#include "codec/textform.h"
#include "rules/rule.h"
#include "txn/due.h"
#include "txn/pending.h"

/* A column that a template names. */
typedef struct Column
{
	AttrNumber	attnum;
	FmgrInfo	output;
} Column;

typedef struct CompiledTemplate
{
	const CfTemplate *template;
	Column	   *columns;		/* one a part; only those of columns are used */
} CompiledTemplate;

/* A column that rows are told apart by. */
typedef struct HashedColumn
{
	AttrNumber	attnum;
	Oid			collation;
	FmgrInfo	function;
} HashedColumn;

typedef struct CompiledFamily
{
	bool		hashed;			/* all columns can be */
	uint64		seed;
	int			ncolumns;
	HashedColumn *columns;
} CompiledFamily;

typedef struct Compiled
{
	MemoryContext context;		/* that all of it lives in */
	uint64		generation;		/* of relations, as of which it was compiled */
	bool		whole_table;	/* no template, or one that cannot be followed */
	bool		has_key;
	CompiledTemplate key;
	int			ntags;
	CompiledTemplate tags[CF_RULE_MAX_TAGS];
	int			nfamilies;
	CompiledFamily *families;
	bool		hashes_all;		/* all families are hashed; else: */
	CfTag		unhashed_tag;
	int			ncolumns;
	AttrNumber	columns[CF_RULE_MAX_COLUMNS];
	bool		needs_settings; /* a value prints as some setting says */
	CfTag		rule_tag;
	CfDue	   *due;			/* of the cache that it refreshes, but for the values; or NULL */
	AttrNumber *due_columns;
	StringInfoData buf;
	CfRuleArgs	args;
} Compiled;

typedef struct CompiledEntry
{
	Oid			trigger;		/* hash key */
	Compiled   *compiled;
} CompiledEntry;

#define CF_MAX_COMPILED 1024
#define CF_MAX_CHANGED 256

static HTAB *compiled_rules = NULL;
static CompiledEntry *last_compiled = NULL; /* the one asked for before; or NULL */

/* Relations that have changed. */
static struct
{
	uint64		generation;		/* moves with each */

	/* In a worker of logical replication: those of late. */
	Oid			relation[CF_MAX_CHANGED];
	int			n;
}			changed;

/* Zero: there is none, or one of which triggers do not see the value. */
static AttrNumber
find_column(TupleDesc desc, const char *name)
{
	int			attnum = SPI_fnumber(desc, name);

	if (attnum <= 0 || CF_IS_VIRTUAL(TupleDescAttr(desc, attnum - 1)->attgenerated))
		return 0;
	return (AttrNumber) attnum;
}

static bool
compile_template(Compiled *compiled, CompiledTemplate *result,
				 const CfTemplate *template, TupleDesc desc)
{
	result->template = template;
	result->columns = palloc0(sizeof(Column) * template->nparts);
	for (int i = 0; i < template->nparts; i++)
	{
		Column	   *column = &result->columns[i];
		Oid			function;
		Oid			type;
		bool		varlena;

		if (!template->parts[i].is_column)
			continue;
		column->attnum = find_column(desc, template->parts[i].text);
		if (column->attnum == 0)
			return false;
		type = TupleDescAttr(desc, column->attnum - 1)->atttypid;
		getTypeOutputInfo(type, &function, &varlena);
		fmgr_info(function, &column->output);
		compiled->needs_settings |= !cf_textform_is_fixed(type);
	}
	return true;
}

/* False: it names a column that is not there. */
static bool
compile_family(Compiled *compiled, CompiledFamily *result, const CfFamily *family,
			   TupleDesc desc)
{
	result->hashed = true;
	result->seed = family->seed;
	result->ncolumns = family->ncolumns;
	result->columns = palloc0(sizeof(HashedColumn) * family->ncolumns);
	for (int i = 0; i < family->ncolumns; i++)
	{
		HashedColumn *column = &result->columns[i];
		Form_pg_attribute att;
		CfHashing	hashing;

		column->attnum = find_column(desc, family->columns[i]);
		if (column->attnum == 0)
			return false;
		att = TupleDescAttr(desc, column->attnum - 1);
		column->collation = att->attcollation;
		if (cf_hashing_of_type(att->atttypid, &hashing))
			fmgr_info(hashing.function, &column->function);
		else
			result->hashed = compiled->hashes_all = false;
	}
	return true;
}

static bool
compile_families(Compiled *compiled, const char *rule, TupleDesc desc)
{
	CfFamily   *families;

	compiled->nfamilies = cf_rule_families(&compiled->args, rule, &families);
	compiled->families = palloc0(sizeof(CompiledFamily) * Max(compiled->nfamilies, 1));
	compiled->hashes_all = true;
	cf_tag_of_rows(&compiled->unhashed_tag, MyDatabaseId, cf_family_of_unhashed(rule));
	for (int i = 0; i < compiled->nfamilies; i++)
	{
		if (!compile_family(compiled, &compiled->families[i], &families[i], desc))
			return false;
	}
	return true;
}

static bool
compile_all(Compiled *compiled, const char *rule, TupleDesc desc)
{
	CfRuleArgs *args = &compiled->args;

	compiled->has_key = args->has_key;
	if (args->has_key && !compile_template(compiled, &compiled->key, &args->key, desc))
		return false;
	compiled->ntags = args->ntags;
	for (int i = 0; i < args->ntags; i++)
	{
		if (!compile_template(compiled, &compiled->tags[i], &args->tags[i], desc))
			return false;
	}
	compiled->ncolumns = args->ncolumns;
	for (int i = 0; i < args->ncolumns; i++)
	{
		compiled->columns[i] = find_column(desc, args->columns[i]);
		if (compiled->columns[i] == 0)
			return false;
	}
	return compile_families(compiled, rule, desc) && cf_rule_args_tell_rows(args);
}

/* What a change of its rows makes due. Nothing, if a column is not there: then all goes. */
static void
compile_due(Compiled *compiled, Oid table, TupleDesc desc)
{
	const CfRuleArgs *args = &compiled->args;
	int			n = args->ncache_args;
	CfDue	   *due;
	Oid		   *types;
	int16	   *typlens;
	bool	   *typbyvals;

	if (args->cache == NULL)
		return;
	due = palloc0(sizeof(CfDue));
	types = palloc(Max(n, 1) * sizeof(Oid));
	typlens = palloc(Max(n, 1) * sizeof(int16));
	typbyvals = palloc(Max(n, 1) * sizeof(bool));
	compiled->due_columns = palloc(Max(n, 1) * sizeof(AttrNumber));
	for (int i = 0; i < n; i++)
	{
		AttrNumber	attnum = find_column(desc, args->cache_args[i]);
		Form_pg_attribute att;

		compiled->due_columns[i] = attnum;
		if (attnum == 0)
		{
			compiled->whole_table = true;
			return;
		}
		att = TupleDescAttr(desc, attnum - 1);
		types[i] = att->atttypid;
		typlens[i] = att->attlen;
		typbyvals[i] = att->attbyval;
	}
	due->cache = args->cache;
	due->table = table;
	due->rule = &compiled->rule_tag;
	due->nargs = n;
	due->types = types;
	due->typlens = typlens;
	due->typbyvals = typbyvals;
	due->values = palloc(Max(n, 1) * sizeof(Datum));
	due->nulls = palloc(Max(n, 1) * sizeof(bool));
	compiled->due = due;
}

/* The arguments outlive the trigger's descriptor, which goes with the statement. */
static char **
copy_args(const Trigger *trigger)
{
	char	  **args = palloc(sizeof(char *) * Max(trigger->tgnargs, 1));

	for (int i = 0; i < trigger->tgnargs; i++)
		args[i] = pstrdup(trigger->tgargs[i]);
	return args;
}

/* In a context of its own, which goes with the transaction until it is kept. */
static Compiled *
compile(const TriggerData *data)
{
	MemoryContext context = AllocSetContextCreate(TopTransactionContext,
												  "cachefront rule",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Compiled   *compiled = palloc0(sizeof(Compiled));
	const Trigger *trigger = data->tg_trigger;
	Oid			table = cf_rule_table(trigger->tgoid, RelationGetRelid(data->tg_relation),
									  trigger->tgisclone);
	const char *detail;

	compiled->context = context;
	compiled->generation = changed.generation;
	cf_rule_tag(&compiled->rule_tag, table, trigger->tgname);
	compiled->whole_table =
		cf_rule_parse_args(trigger->tgnargs, copy_args(trigger), &compiled->args,
						   &detail) != NULL ||
		!compile_all(compiled, trigger->tgname, RelationGetDescr(data->tg_relation));
	compile_due(compiled, table, RelationGetDescr(data->tg_relation));
	initStringInfo(&compiled->buf);
	MemoryContextSwitchTo(old);
	return compiled;
}

static void
forget_entry(CompiledEntry *entry)
{
	last_compiled = NULL;
	MemoryContextSetParent(entry->compiled->context, TopTransactionContext);
	hash_search(compiled_rules, &entry->trigger, HASH_REMOVE, NULL);
}

static void
forget_all(void)
{
	HASH_SEQ_STATUS status;
	CompiledEntry *entry;

	hash_seq_init(&status, compiled_rules);
	while ((entry = hash_seq_search(&status)) != NULL)
		forget_entry(entry);
}

static void
keep(Oid trigger, Compiled *compiled)
{
	CompiledEntry *entry;

	if (hash_get_num_entries(compiled_rules) >= CF_MAX_COMPILED)
		forget_all();
	entry = hash_search(compiled_rules, &trigger, HASH_ENTER, NULL);
	entry->compiled = compiled;
	last_compiled = entry;
	MemoryContextSetParent(compiled->context, TopMemoryContext);
}

/* Valid until the end of the transaction. */
static Compiled *
get_compiled(const TriggerData *data)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(CompiledEntry),
		.hcxt = TopMemoryContext,
	};
	CompiledEntry *entry;
	Compiled   *compiled;

	/* A statement changes many rows of one table. */
	if (likely(last_compiled != NULL && last_compiled->trigger == data->tg_trigger->tgoid &&
			   last_compiled->compiled->generation == changed.generation))
		return last_compiled->compiled;
	if (unlikely(compiled_rules == NULL))
		compiled_rules = hash_create("cachefront rules", 64, &control,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	entry = hash_search(compiled_rules, &data->tg_trigger->tgoid, HASH_FIND, NULL);
	if (likely(entry != NULL && entry->compiled->generation == changed.generation))
	{
		last_compiled = entry;
		return entry->compiled;
	}
	if (entry != NULL)
		forget_entry(entry);
	compiled = compile(data);
	keep(data->tg_trigger->tgoid, compiled);
	return compiled;
}

/* A NULL is an empty text, as concat() and format() have it. */
static void
expand(const CompiledTemplate *compiled, HeapTuple row, TupleDesc desc, StringInfo buf)
{
	resetStringInfo(buf);
	for (int i = 0; i < compiled->template->nparts; i++)
	{
		const CfTemplatePart *part = &compiled->template->parts[i];
		Column	   *column = &compiled->columns[i];
		Datum		value;
		bool		isnull;

		if (!part->is_column)
		{
			appendBinaryStringInfo(buf, part->text, part->len);
			continue;
		}
		value = heap_getattr(row, column->attnum, desc, &isnull);
		if (!isnull)
		{
			char	   *text = OutputFunctionCall(&column->output, value);

			appendStringInfoString(buf, text);
			pfree(text);
		}
	}
}

/* A row with a NULL in such a column is equal to nothing, so no read is pinned to it. */
static void
collect_family(const CompiledFamily *family, HeapTuple row, TupleDesc desc)
{
	uint64		hash = family->seed;
	CfTag		tag;

	for (int i = 0; i < family->ncolumns; i++)
	{
		HashedColumn *column = &family->columns[i];
		bool		isnull;
		Datum		value = heap_getattr(row, column->attnum, desc, &isnull);

		if (isnull)
			return;
		value = FunctionCall2Coll(&column->function, column->collation, value,
								  Int64GetDatum(CF_HASH_SEED));
		hash = cf_family_add(hash, DatumGetUInt64(value));
	}
	cf_tag_of_rows(&tag, MyDatabaseId, hash);
	cf_pending_add_tag_of_rows(&tag);
}

/* What is longer than a key may be was never cached. */
static void
collect_row(Compiled *compiled, HeapTuple row, TupleDesc desc)
{
	StringInfo	buf = &compiled->buf;

	if (compiled->has_key)
	{
		CfKey		key;

		expand(&compiled->key, row, desc, buf);
		if (buf->len > 0 && buf->len <= CF_MAX_KEY)
		{
			cf_key_init(&key, MyDatabaseId, buf->data, buf->len);
			cf_pending_add_key_of_row(&key);
		}
	}
	for (int i = 0; i < compiled->ntags; i++)
	{
		expand(&compiled->tags[i], row, desc, buf);
		if (buf->len > 0 && buf->len <= CF_MAX_TAG && !cf_tag_is_reserved(buf->data, buf->len))
		{
			CfTag		tag;

			cf_tag_init(&tag, MyDatabaseId, buf->data, buf->len);
			cf_pending_add_tag_of_rows(&tag);
		}
	}
	for (int i = 0; i < compiled->nfamilies; i++)
	{
		if (compiled->families[i].hashed)
			collect_family(&compiled->families[i], row, desc);
	}
}

static bool
column_changed(AttrNumber attnum, HeapTuple old, HeapTuple new, TupleDesc desc)
{
	Form_pg_attribute att = TupleDescAttr(desc, attnum - 1);
	bool		old_null;
	bool		new_null;
	Datum		a = heap_getattr(old, attnum, desc, &old_null);
	Datum		b = heap_getattr(new, attnum, desc, &new_null);

	if (old_null != new_null)
		return true;
	return !old_null && !datum_image_eq(a, b, att->attbyval, att->attlen);
}

static bool
family_changed(const CompiledFamily *family, HeapTuple old, HeapTuple new, TupleDesc desc)
{
	for (int i = 0; i < family->ncolumns; i++)
	{
		if (column_changed(family->columns[i].attnum, old, new, desc))
			return true;
	}
	return false;
}

/* A row that comes to have another key or tag counts, whatever the filter. */
static bool
columns_changed(const Compiled *compiled, HeapTuple old, HeapTuple new, TupleDesc desc)
{
	for (int i = 0; i < compiled->ncolumns; i++)
	{
		if (column_changed(compiled->columns[i], old, new, desc))
			return true;
	}
	for (int i = 0; compiled->due != NULL && i < compiled->due->nargs; i++)
	{
		if (column_changed(compiled->due_columns[i], old, new, desc))
			return true;
	}
	for (int i = 0; i < compiled->nfamilies; i++)
	{
		if (family_changed(&compiled->families[i], old, new, desc))
			return true;
	}
	return false;
}

/* What depends on the rule, and what too many rules reach. */
static void
add_rule(const CfTag *rule_tag, bool tells_rows, void (*add) (const CfTag *tag))
{
	static CfTag any;

	add(rule_tag);
	if (!tells_rows)
		return;
	if (unlikely(any.len == 0))
		cf_rule_tag_of_any(&any);
	add(&any);
}

/* False: there are too many. */
static bool
note_due(const Compiled *compiled, HeapTuple row, TupleDesc desc)
{
	CfDue	   *due = compiled->due;

	due->role = GetUserId();
	for (int i = 0; i < due->nargs; i++)
		due->values[i] = heap_getattr(row, compiled->due_columns[i], desc, &due->nulls[i]);
	return cf_due_add(due);
}

/* The keys of the old and the new row are loaded, or invalidated, at the commit. */
static void
note_rows_due(const Compiled *compiled, TriggerData *data)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);

	if (!note_due(compiled, data->tg_trigtuple, desc) ||
		(TRIGGER_FIRED_BY_UPDATE(data->tg_event) &&
		 !note_due(compiled, data->tg_newtuple, desc)))
		add_rule(&compiled->rule_tag, true, cf_pending_add_tag_of_rows);
}

/* Does the change count? An UPDATE may be of other columns than those that do. */
static bool
is_change(const Compiled *compiled, TriggerData *data)
{
	return !TRIGGER_FIRED_BY_UPDATE(data->tg_event) || compiled->ncolumns == 0 ||
		compiled->whole_table ||
		columns_changed(compiled, data->tg_trigtuple, data->tg_newtuple,
						RelationGetDescr(data->tg_relation));
}

/* Keys must look the same whoever writes. */
static void
collect_rows(Compiled *compiled, TriggerData *data)
{
	TupleDesc	desc = RelationGetDescr(data->tg_relation);
	int			level = 0;

	if (cf_pending_count() >= cf_guc_max_keys_per_commit)
	{
		add_rule(&compiled->rule_tag, true, cf_pending_add_tag_of_rows);
		return;
	}
	if (unlikely(!compiled->hashes_all))
		cf_pending_add_tag_of_rows(&compiled->unhashed_tag);
	if (compiled->needs_settings)
		level = cf_textform_begin();
	collect_row(compiled, data->tg_trigtuple, desc);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		collect_row(compiled, data->tg_newtuple, desc);
	if (compiled->needs_settings)
		cf_textform_end(level);
}

void
cf_trigger_row(TriggerData *data)
{
	Compiled   *compiled = get_compiled(data);

	cf_witness_event(data->tg_trigger->tgoid);
	if (compiled->whole_table)
	{
		cf_trigger_table(RelationGetRelid(data->tg_relation));
		add_rule(&compiled->rule_tag, cf_rule_args_tell_rows(&compiled->args),
				 cf_pending_add_tag_of_rows);
	}
	else if (is_change(compiled, data))
		collect_rows(compiled, data);
	if (compiled->due != NULL && is_change(compiled, data))
		note_rows_due(compiled, data);
}

void
cf_trigger_table(Oid relid)
{
	CfTag		tag;

	cf_tag_of_table(&tag, MyDatabaseId, relid);
	cf_pending_add_tag_of_rows(&tag);
}

void
cf_trigger_whole_table(Oid relid, void (*add) (const CfTag *tag))
{
	List	   *ancestors = get_rel_relispartition(relid) ?
		get_partition_ancestors(relid) : NIL;
	const CfRule *rules;
	int			n = cf_rules(&rules);
	ListCell   *cell;
	CfTag		tag;

	/* Replication applies TRUNCATE of partitions without a hook or trigger. */
	foreach(cell, has_subclass(relid) ? find_all_inheritors(relid, NoLock, NULL) :
			list_make1_oid(relid))
	{
		cf_tag_of_table(&tag, MyDatabaseId, lfirst_oid(cell));
		add(&tag);
		cf_rule_tag_by_hand(&tag, lfirst_oid(cell));
		add(&tag);
	}
	/* Where changes are tracked, results name a partitioned table in place of all of it. */
	foreach(cell, cf_guc_track_changes ? ancestors : NIL)
	{
		cf_tag_of_table(&tag, MyDatabaseId, lfirst_oid(cell));
		add(&tag);
	}
	for (int i = 0; i < n; i++)
	{
		if (rules[i].relid == relid || list_member_oid(ancestors, rules[i].relid))
			add_rule(rules[i].tag, cf_rule_args_tell_rows(&rules[i].args), add);
	}
	list_free(ancestors);
}

/*
 * CLUSTER, VACUUM FULL and REFRESH give a table a new file. Its rows are the
 * same, perhaps; but without ORDER BY they come in another order, and TABLESAMPLE
 * chooses others. ALTER TABLE does likewise, and moves the epoch.
 */
static bool
is_rewritten(ObjectAccessType access, Oid class_id, const void *arg)
{
	return access == OAT_POST_ALTER && class_id == RelationRelationId &&
		arg != NULL && ((const ObjectAccessPostAlter *) arg)->is_internal;
}

/* What a rule covers is covered no longer, or by another rule. */
static void
rule_changed(Oid trigger)
{
	CfTag		tag;

	if (cf_rule_tag_of_trigger(&tag, trigger))
		cf_pending_add_quiet_tag(&tag);
}

/* TRUNCATE reaches tables that have no trigger of their own: partitions. */
static void
object_accessed(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (((access == OAT_TRUNCATE && class_id == RelationRelationId) ||
		 is_rewritten(access, class_id, arg)) &&
		cf_shmem_ready() && get_rel_persistence(object_id) != RELPERSISTENCE_TEMP)
		cf_trigger_whole_table(object_id, cf_pending_add_tag_of_rows);
	if (class_id == TriggerRelationId && cf_shmem_ready() &&
		(access == OAT_DROP || access == OAT_POST_ALTER || access == OAT_POST_CREATE))
		rule_changed(object_id);
}

/*
 * A rule's columns or its place among partitions may have changed. And:
 * The worker that applies a TRUNCATE to partitions calls no hook, and they have
 * no such triggers. But it learns, as every session, that a relation changed.
 */
static void
relation_changed(Oid relid)
{
	changed.generation++;
	if (!IsLogicalWorker() || changed.n == CF_MAX_CHANGED)
		return;
	for (int i = 0; i < changed.n; i++)
	{
		if (changed.relation[i] == relid)
			return;
	}
	changed.relation[changed.n++] = relid;
}

void
cf_trigger_pre_commit(void)
{
	int			n = changed.n;

	changed.n = 0;
	if (n == CF_MAX_CHANGED)
		cf_pending_add_flush();
	for (int i = 0; i < n && n < CF_MAX_CHANGED; i++)
	{
		if (OidIsValid(changed.relation[i]) && get_rel_name(changed.relation[i]) != NULL)
			cf_trigger_whole_table(changed.relation[i], cf_pending_add_tag_of_rows);
	}
}

void
cf_trigger_install_hooks(void)
{
	cf_relchange_register(relation_changed);
	cf_objaccess_register(object_accessed);
}
