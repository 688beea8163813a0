/*
 * catalog.c - what a transaction has changed in the catalog, as PostgreSQL tells it.
 *
 * What a transaction has to tell other sessions' caches is its write set of the
 * catalog, whoever changed it: statements, functions in C, UPDATE pg_class. At
 * PRE_COMMIT it is read: relations by their OIDs, functions and types by a hash, all
 * else by the cache that it is in. What a subtransaction has undone is not in it.
 *
 * The object access hook adds what messages do not say: which relations were made
 * here and which are gone, of which OIDs those hashes are. It claims nothing that no
 * message is about; a message that nothing accounts for makes the whole unknown.
 *
 * A relation that was changed moves its own clock, that of its table, those of all that
 * it inherits from, and that of its name, for the name may be new. Temporary relations,
 * indexes and TOAST tables are nobody's; TRUNCATE, and statements known to be harmless,
 * change a relation for others without changing what it is.
 *
 * Locking: none; all state is of this process.
 *
 * src/capture/catalog.c
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_description.h"
#include "catalog/pg_language.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_shdepend.h"
#include "catalog/pg_shdescription.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/proclang.h"
#include "miscadmin.h"
#include "postmaster/autovacuum.h"
#include "storage/sinval.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/objaccess.h"
#include "base/shmem.h"
#include "capture/catalog.h"
#include "capture/excused.h"
#include "capture/named.h"
#include "capture/note.h"
#include "capture/temporary.h"
#include "capture/writeset.h"
#include "codec/key.h"
#include "rules/owntable.h"
#include "rules/rule.h"

/* Who has more to tell has changed so much that all may go. */
#define CF_MAX_MESSAGES 4096
#define CF_MAX_CLOCKS 1024

static CfHarmless *at_work = NULL;	/* harmless statements, the innermost first */

/* ---- harmless statements ------------------------------------------------ */

static int
count_told(const SharedInvalidationMessage *messages, int n, Oid relid)
{
	int			told = 0;

	for (int i = 0; i < n; i++)
	{
		if (messages[i].id == SHAREDINVALRELCACHE_ID && messages[i].rc.relId == relid)
			told++;
	}
	return told;
}

/*
 * What the transaction has told until now, palloc'd if there is anything. Not in
 * subtransactions.
 */
static int
messages_until_now(SharedInvalidationMessage **messages)
{
	bool		init_file;

	return xactGetCommittedInvalidationMessages(messages, &init_file);
}

static void
excuse(CfHarmless *harmless, Oid relid)
{
	SharedInvalidationMessage *messages;
	int			n;

	if (!OidIsValid(relid) || harmless->n == CF_CATALOG_MAX_EXCUSED ||
		GetCurrentTransactionNestLevel() > 1)
		return;
	for (int i = 0; i < harmless->n; i++)
	{
		if (harmless->relids[i] == relid)
			return;
	}
	n = messages_until_now(&messages);
	harmless->relids[harmless->n] = relid;
	harmless->before[harmless->n] = count_told(messages, n, relid);
	harmless->n++;
	if (n > 0)
		pfree(messages);
}

void
cf_catalog_begin_harmless(CfHarmless *harmless, Node *stmt)
{
	List	   *relids;
	ListCell   *cell;

	harmless->outer = at_work;
	harmless->n = 0;
	at_work = harmless;
	relids = cf_excused_find(stmt);
	foreach(cell, relids)
		excuse(harmless, lfirst_oid(cell));
	list_free(relids);
}

/*
 * Only if nothing but harmless statements have told of the relation before. A message
 * that the running command has sent already is not sent twice, hence a new command.
 */
void
cf_catalog_end_harmless(CfHarmless *harmless)
{
	SharedInvalidationMessage *messages;
	int			n;

	if (harmless->n == 0 || GetCurrentTransactionNestLevel() > 1)
		return;
	CommandCounterIncrement();
	n = messages_until_now(&messages);
	for (int i = 0; i < harmless->n; i++)
	{
		CfNote	   *note = cf_note_find(CF_NOTE_EXCUSED_RELATION, harmless->relids[i]);

		if (harmless->before[i] != (note == NULL ? 0 : note->told))
			continue;
		if (note == NULL)
			note = cf_note_add(CF_NOTE_EXCUSED_RELATION, harmless->relids[i]);
		note->told = count_told(messages, n, harmless->relids[i]);
	}
	if (n > 0)
		pfree(messages);
}

void
cf_catalog_leave_harmless(CfHarmless *harmless)
{
	at_work = harmless->outer;
}

/* ---- what the object access hook sees ----------------------------------- */

static bool
holds_no_rows_of_others(char relkind, char persistence)
{
	return persistence == RELPERSISTENCE_TEMP || cf_relkind_is_index(relkind) ||
		relkind == RELKIND_TOASTVALUE;
}

static void
relation_goes(Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	bool		lightly = relkind != '\0' &&
		holds_no_rows_of_others(relkind, get_rel_persistence(relid));

	if (lightly)
		(void) cf_note_add(CF_NOTE_GONE_LIGHTLY, relid);
	if (at_work != NULL && cf_relkind_is_index(relkind))
		excuse(at_work, IndexGetRelation(relid, true));
}

static bool
has_rule(Oid relid)
{
	const CfRule *rules;
	int			n = cf_rules(&rules);

	for (int i = 0; i < n; i++)
	{
		if (rules[i].relid == relid)
			return true;
	}
	return false;
}

/* Which keys a template of a rule gives may depend on its columns' names and types. */
static void
column_seen(ObjectAccessType access, Oid relid)
{
	if (access == OAT_POST_CREATE)
		return;
	(void) cf_note_add(has_rule(relid) ? CF_NOTE_UNKNOWN : CF_NOTE_CHANGED_RELATION, relid);
}

static void
relation_seen(ObjectAccessType access, Oid relid, int column)
{
	if (column != 0)
		column_seen(access, relid);
	else if (access == OAT_POST_CREATE)
		(void) cf_note_add(CF_NOTE_MADE_RELATION, relid);
	else if (access == OAT_POST_ALTER)
		(void) cf_note_add(CF_NOTE_CHANGED_RELATION, relid);
	else if (access == OAT_DROP)
		relation_goes(relid);
}

/*
 * What calls a function in SQL or PL/pgSQL depends on any definition; others on
 * none (rules/defined.h).
 */
static bool
is_fine_function(HeapTuple tuple)
{
	Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);

	return form->oid >= FirstNormalObjectId && form->pronamespace != PG_CATALOG_NAMESPACE &&
		(form->prokind == PROKIND_FUNCTION || form->prokind == PROKIND_PROCEDURE) &&
		(form->prolang == SQLlanguageId ||
		 form->prolang == get_language_oid("plpgsql", true));
}

/* Whatever it is, nobody else calls it. */
static bool
is_temporary_function(HeapTuple tuple)
{
	return isAnyTempNamespace(((Form_pg_proc) GETSTRUCT(tuple))->pronamespace);
}

/*
 * As it was before, if it was. What goes is of no concern to whom it is not by name; that
 * others are left without it PostgreSQL sees to.
 */
static void
function_seen(ObjectAccessType access, Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	CfNote	   *note;

	if (!HeapTupleIsValid(tuple))
	{
		(void) cf_note_add(CF_NOTE_SEEN_FUNCTION, function);
		return;
	}
	note = cf_note_add(access == OAT_DROP || is_fine_function(tuple) ||
					   is_temporary_function(tuple) ?
					   CF_NOTE_SEEN_FUNCTION : CF_NOTE_UNKNOWN, function);
	note->schema = ((Form_pg_proc) GETSTRUCT(tuple))->pronamespace;
	note->name = ((Form_pg_proc) GETSTRUCT(tuple))->proname;
	ReleaseSysCache(tuple);
}

/* Results that a rule reaches depend on its tag only since there is the rule. */
static void
trigger_seen(ObjectAccessType access, Oid trigger)
{
	if (access == OAT_POST_CREATE)
		(void) cf_note_add(CF_NOTE_MADE_TRIGGER, trigger);
	else if (cf_rule_is_trigger(trigger))
		(void) cf_note_add(CF_NOTE_UNKNOWN, trigger);
}

/* The planner is told of its table. */
static void
statistics_go(Oid statistics)
{
	HeapTuple	tuple = SearchSysCache1(STATEXTOID, ObjectIdGetDatum(statistics));

	if (!HeapTupleIsValid(tuple))
		return;
	excuse(at_work, ((Form_pg_statistic_ext) GETSTRUCT(tuple))->stxrelid);
	ReleaseSysCache(tuple);
}

static void
object_accessed(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if ((access != OAT_POST_CREATE && access != OAT_POST_ALTER && access != OAT_DROP) ||
		!cf_shmem_ready() || IsParallelWorker())
		return;
	if (access == OAT_DROP && sub_id == 0)
		cf_temporary_goes(class_id, object_id);
	switch (class_id)
	{
		case RelationRelationId:
			relation_seen(access, object_id, sub_id);
			break;
		case ProcedureRelationId:
			function_seen(access, object_id);
			break;
		case TypeRelationId:
		case OperatorRelationId:
		case CastRelationId:
		case NamespaceRelationId:
			cf_named_seen(access, class_id, object_id);
			break;
		case TriggerRelationId:
			trigger_seen(access, object_id);
			break;
		case StatisticExtRelationId:
			if (access == OAT_DROP && at_work != NULL)
				statistics_go(object_id);
			break;
		default:
			break;
	}
}

void
cf_catalog_install_hooks(void)
{
	cf_objaccess_register(object_accessed);
}

/* ---- what messages tell ------------------------------------------------- */

typedef struct Collecting
{
	const SharedInvalidationMessage *messages;
	int			n;
	CfClockSet *clocks;
	CfCatalogChanges *changes;
	List	   *truncated;
	bool		fine;
	bool		announced;
} Collecting;

static void
add_name(Collecting *to, Oid schema, const char *name)
{
	/* It is found before whatever has that name. */
	if (schema == PG_CATALOG_NAMESPACE)
		to->changes->unknown = true;
	cf_clockset_add(to->clocks, cf_clock_of_name(MyDatabaseId, schema, name));
}

static void
add_relation(Collecting *to, Oid relid)
{
	CfTag		table;

	cf_tag_of_table(&table, MyDatabaseId, relid);
	cf_clockset_add(to->clocks, table.hash);
	cf_clockset_add(to->clocks, cf_clock_of_definition(MyDatabaseId, relid));
}

static void
add_family(Collecting *to, Oid relid)
{
	ListCell   *cell;

	foreach(cell, cf_writeset_family(relid))
		add_relation(to, lfirst_oid(cell));
}

/* All that the transaction tells of it harmless statements have told. */
static bool
is_told_by_harmless(const Collecting *to, Oid relid)
{
	const CfNote *note = cf_note_find(CF_NOTE_EXCUSED_RELATION, relid);

	return note != NULL && note->told == count_told(to->messages, to->n, relid);
}

/* Changed for others, but not in what it is. */
static bool
is_excused(const Collecting *to, Oid relid, Form_pg_class form)
{
	if (to->fine || cf_note_has(CF_NOTE_MADE_RELATION, relid))
		return false;
	/* As TRUNCATE ... RESTART IDENTITY does. */
	if (form->relkind == RELKIND_SEQUENCE)
		return !cf_note_has(CF_NOTE_CHANGED_RELATION, relid);
	/* cache_define and its kin tell other sessions in this way. */
	if (cf_own_table_has_settings(relid, NameStr(form->relname)) &&
		!cf_note_has(CF_NOTE_CHANGED_RELATION, relid))
		return true;
	return is_told_by_harmless(to, relid) || list_member_oid(to->truncated, relid);
}

static void
look_at_relation(Collecting *to, Oid relid, Form_pg_class form)
{
	if (holds_no_rows_of_others(form->relkind, form->relpersistence) ||
		is_excused(to, relid, form))
		return;
	if (relid >= FirstNormalObjectId)
		add_name(to, form->relnamespace, NameStr(form->relname));
	add_family(to, relid);
}

static void
relation_told(Collecting *to, Oid relid)
{
	HeapTuple	tuple;

	if (!OidIsValid(relid))
	{
		/* As CREATE PUBLICATION does. */
		to->changes->unknown |= to->fine || !to->announced;
		return;
	}
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (HeapTupleIsValid(tuple))
	{
		FormData_pg_class form = *(Form_pg_class) GETSTRUCT(tuple);

		ReleaseSysCache(tuple);
		look_at_relation(to, relid, &form);
	}
	else if (!cf_note_has(CF_NOTE_GONE_LIGHTLY, relid) &&
			 !cf_note_has(CF_NOTE_MADE_RELATION, relid))
		add_relation(to, relid);
}

/* All notes of the kind that have this hash, for it is of 32 bits only. */
static bool
is_claimed(CfNoteKind kind, uint32 hash)
{
	const CfNote *note;

	for (int i = 0; (note = cf_note_at(i)) != NULL; i++)
	{
		if (note->kind == kind && note->hash == hash)
			return true;
	}
	return false;
}

/*
 * By a constraint, an index or a partition key: the planner leaves out tables by what it
 * gives for constants, in queries that do not call it.
 */
static bool
is_used_by_relations(Oid function)
{
	Relation	rel = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		used = false;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(ProcedureRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(function));
	scan = systable_beginscan(rel, DependReferenceIndexId, true, NULL, 2, keys);
	while (!used && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Oid			by = ((Form_pg_depend) GETSTRUCT(tuple))->classid;

		used = by == ConstraintRelationId || by == RelationRelationId;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return used;
}

static void
add_function(Collecting *to, const CfNote *note)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(note->oid));

	if (OidIsValid(note->schema))
	{
		if (!isAnyTempNamespace(note->schema))
			add_name(to, note->schema, NameStr(note->name));
		to->changes->unknown |= is_used_by_relations(note->oid);
	}
	if (!HeapTupleIsValid(tuple))
		return;
	if (!is_temporary_function(tuple))
	{
		/* A new one nobody has yet, in whatever language. */
		if (OidIsValid(note->schema))
			to->changes->unknown |= !is_fine_function(tuple);
		add_name(to, ((Form_pg_proc) GETSTRUCT(tuple))->pronamespace,
				 NameStr(((Form_pg_proc) GETSTRUCT(tuple))->proname));
	}
	ReleaseSysCache(tuple);
}

static void
function_told(Collecting *to, uint32 hash)
{
	const CfNote *note;

	if (!is_claimed(CF_NOTE_SEEN_FUNCTION, hash) && !cf_temporary_is(PROCOID, hash))
		to->changes->unknown = true;
	for (int i = 0; (note = cf_note_at(i)) != NULL; i++)
	{
		if (note->kind == CF_NOTE_SEEN_FUNCTION && note->hash == hash)
			add_function(to, note);
	}
}

static void
shared_told(Collecting *to, int cache)
{
	switch (cache)
	{
		case DATABASEOID:
		case TABLESPACEOID:
		case SUBSCRIPTIONNAME:
		case SUBSCRIPTIONOID:
		case REPLORIGIDENT:
		case REPLORIGNAME:
			break;
		default:
			/* Of roles and their rights the statements tell, where there are any. */
			to->changes->unknown_shared |= !to->announced;
			break;
	}
}

static void
tuple_told(Collecting *to, const SharedInvalCatcacheMsg *message)
{
	if (!OidIsValid(message->dbId))
	{
		shared_told(to, message->id);
		return;
	}
	switch (message->id)
	{
			/* Of relations there is a message of its own; names come with these. */
		case RELOID:
		case RELNAMENSP:
		case ATTNAME:
		case ATTNUM:
		case CONSTROID:
		case INDEXRELID:
		case PARTRELID:
		case RULERELNAME:
		case SEQRELID:
		case TYPENAMENSP:
		case PROCNAMEARGSNSP:
		case NAMESPACENAME:
			/* Of these there is another about the same row, by its OID. */
		case COLLNAMEENCNSP:
		case ENUMTYPOIDNAME:
		case OPERNAMENSP:
		case RANGEMULTIRANGE:
		case TSCONFIGNAMENSP:
		case TSDICTNAMENSP:
			break;
			/* No result depends on them. */
		case DEFACLROLENSPOBJ:
		case STATEXTDATASTXOID:
		case STATEXTNAMENSP:
		case STATEXTOID:
		case STATRELATTINH:
		case PUBLICATIONNAME:
		case PUBLICATIONNAMESPACE:
		case PUBLICATIONNAMESPACEMAP:
		case PUBLICATIONOID:
		case PUBLICATIONREL:
		case PUBLICATIONRELMAP:
		case SUBSCRIPTIONRELMAP:
			break;
		case PROCOID:
			function_told(to, message->hashValue);
			break;
		case TYPEOID:
			if (!is_claimed(CF_NOTE_SEEN_TYPE, message->hashValue) &&
				!is_claimed(CF_NOTE_GONE_LIGHT_TYPE, message->hashValue) &&
				!is_claimed(CF_NOTE_GONE_TYPE, message->hashValue) &&
				!cf_temporary_is(TYPEOID, message->hashValue))
				to->changes->unknown = true;
			break;
		case NAMESPACEOID:
			to->changes->unknown |= !is_claimed(CF_NOTE_SEEN_SCHEMA, message->hashValue);
			break;
		case OPEROID:
			to->changes->unknown |= !is_claimed(CF_NOTE_SEEN_OPERATOR, message->hashValue) &&
				!cf_temporary_is(OPEROID, message->hashValue);
			break;
		case CASTSOURCETARGET:
			to->changes->unknown |= !is_claimed(CF_NOTE_SEEN_CAST, message->hashValue) &&
				!cf_temporary_is(CASTSOURCETARGET, message->hashValue);
			break;
			/* By the OID of the function. */
		case AGGFNOID:
			to->changes->unknown |= !is_claimed(CF_NOTE_SEEN_FUNCTION, message->hashValue) &&
				!cf_temporary_is(AGGFNOID, message->hashValue);
			break;
		default:
			to->changes->unknown |= !cf_temporary_is(message->id, message->hashValue);
			break;
	}
}

static void
snapshot_told(Collecting *to, Oid catalog)
{
	switch (catalog)
	{
		case DependRelationId:
		case DescriptionRelationId:
		case SharedDependRelationId:
		case SharedDescriptionRelationId:
		case DbRoleSettingRelationId:
			break;
		default:
			to->changes->unknown = true;
			break;
	}
}

static void
message_told(Collecting *to, const SharedInvalidationMessage *message)
{
	if (message->id >= 0)
		tuple_told(to, &message->cc);
	else if (message->id == SHAREDINVALRELCACHE_ID)
		relation_told(to, message->rc.relId);
	else if (message->id == SHAREDINVALSNAPSHOT_ID)
		snapshot_told(to, message->sn.relId);
	else if (!CF_IS_RELSYNC_MESSAGE(message))
		to->changes->unknown = true;
}

/* ---- the commit --------------------------------------------------------- */

static void
add_if_truncated(const CfWrittenTable *table, void *arg)
{
	Collecting *to = arg;

	if (table->truncated)
		to->truncated = lappend_oid(to->truncated, table->relid);
}

static void
judge_note(Collecting *to, CfNote *note)
{
	switch (note->kind)
	{
		case CF_NOTE_SEEN_FUNCTION:
			note->hash = GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(note->oid));
			break;
		case CF_NOTE_MADE_TRIGGER:
			to->changes->unknown |= cf_rule_is_trigger(note->oid);
			break;
		case CF_NOTE_UNKNOWN:
			to->changes->unknown = true;
			break;
		default:
			to->changes->unknown |= !cf_named_judge(note, to->clocks);
			break;
	}
}

static void
look_at_messages(Collecting *to)
{
	CfNote	   *note;

	to->changes->unknown = cf_note_too_many() || to->n > CF_MAX_MESSAGES;
	for (int i = 0; !to->changes->unknown && (note = cf_note_at(i)) != NULL; i++)
		judge_note(to, note);
	for (int i = 0; i < to->n && !to->changes->unknown; i++)
	{
		message_told(to, &to->messages[i]);
		to->changes->unknown |= to->clocks->n > CF_MAX_CLOCKS;
	}
}

/* Is it one of several transactions of a harmless statement, such as VACUUM? */
static bool
is_harmless(void)
{
	return at_work != NULL || CF_IS_AUTOVACUUM;
}

bool
cf_catalog_is_told(void)
{
	SharedInvalidationMessage *messages;
	bool		init_file;

	return !IsParallelWorker() && !is_harmless() &&
		xactGetCommittedInvalidationMessages(&messages, &init_file) > 0;
}

void
cf_catalog_collect(bool fine, bool announced, CfClockSet *clocks, CfCatalogChanges *changes)
{
	Collecting	to = {.clocks = clocks, .changes = changes, .fine = fine, .announced = announced};
	SharedInvalidationMessage *messages;
	bool		init_file;

	MemSet(changes, 0, sizeof(*changes));
	cf_clockset_reset(clocks);
	if (IsParallelWorker() || (!fine && is_harmless()))
		return;
	to.n = xactGetCommittedInvalidationMessages(&messages, &init_file);
	if (to.n == 0 && !cf_note_has(CF_NOTE_ANY_DEFINITION, InvalidOid))
		return;
	to.messages = messages;
	cf_writeset_each(add_if_truncated, &to);
	cf_temporary_reset();
	look_at_messages(&to);
	cf_temporary_reset();
	if (clocks->n > 0 || cf_note_has(CF_NOTE_ANY_DEFINITION, InvalidOid))
		cf_clockset_add(clocks, cf_clock_of_any_definition(MyDatabaseId));
	cf_clockset_finish(clocks);
	list_free(to.truncated);
	if (to.n > 0)
		pfree(messages);
}
