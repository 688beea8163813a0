/*
 * compat.h - every difference between PostgreSQL majors, in one place.
 *
 * Developed against 15, tried with 17 and 18; newer majors are mapped onto its
 * names here and nowhere else. 16 is in no Debian suite.
 *
 * src/base/compat.h
 */
#ifndef CF_BASE_COMPAT_H
#define CF_BASE_COMPAT_H

#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_proc.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/wait_event.h"

#include "base/varlena.h"

#if PG_VERSION_NUM < 150000
#error "cachefront needs PostgreSQL 15 or newer"
#endif

/* 16 marks what must look at its result: pg_nodiscard, before the type of a function. */
#ifndef pg_nodiscard
#ifdef __GNUC__
#define pg_nodiscard __attribute__((warn_unused_result))
#else
#define pg_nodiscard
#endif
#endif

/*
 * 18 gave LockAcquireExtended a 7th argument: whether to log that the lock was
 * not to be had.
 */
#if PG_VERSION_NUM >= 180000
#define CF_LOCK_TRY(tag, mode) \
	LockAcquireExtended((tag), (mode), false, true, false, NULL, false)
#else
#define CF_LOCK_TRY(tag, mode) \
	LockAcquireExtended((tag), (mode), false, true, false, NULL)
#endif

/* 18 has what prints values in a header of its own. */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#endif

/* 18 says how an operator orders by a kind of comparison, not a number. */
#if PG_VERSION_NUM >= 180000
#include "access/cmptype.h"
typedef CompareType CfStrategy;
#else
typedef int16 CfStrategy;
#endif

/* 18 can leave room before a tuple. */
#if PG_VERSION_NUM >= 180000
#define CF_FORM_MINIMAL_TUPLE(desc, values, isnull) \
	heap_form_minimal_tuple((desc), (values), (isnull), 0)
#else
#define CF_FORM_MINIMAL_TUPLE(desc, values, isnull) \
	heap_form_minimal_tuple((desc), (values), (isnull))
#endif

/* 18 gives what a query groups by a range table entry of its own. */
#if PG_VERSION_NUM >= 180000
#define CF_IS_GROUP_RTE(rte) ((rte)->rtekind == RTE_GROUP)
#else
#define CF_IS_GROUP_RTE(rte) false
#endif

/* 17 can also ask for stronger modes. */
#if PG_VERSION_NUM >= 170000
#define CF_LOCK_HELD_BY_ME(tag, mode) LockHeldByMe((tag), (mode), false)
#else
#define CF_LOCK_HELD_BY_ME(tag, mode) LockHeldByMe((tag), (mode))
#endif

/* 18 keeps what is pruned when a plan is made ready beside the plan. */
#if PG_VERSION_NUM >= 180000
#define CF_DROP_PRUNING(stmt) ((stmt)->partPruneInfos = NIL)
#else
#define CF_DROP_PRUNING(stmt) ((void) 0)
#endif

/* 18 dropped ExecutorRun's execute_once. */
#if PG_VERSION_NUM >= 180000
#define CF_EXECUTOR_RUN(desc) ExecutorRun((desc), ForwardScanDirection, 0)
#define CF_EXECUTOR_RUN_PARAMS QueryDesc *query, ScanDirection direction, uint64 count
#define CF_EXECUTOR_RUN_ARGS query, direction, count
#define CF_EXECUTOR_RUN_ONCE true
#define CF_EXECUTOR_RUN_LIST(query, direction, count, once) query, direction, count
#else
#define CF_EXECUTOR_RUN(desc) ExecutorRun((desc), ForwardScanDirection, 0, true)
#define CF_EXECUTOR_RUN_PARAMS \
	QueryDesc *query, ScanDirection direction, uint64 count, bool once
#define CF_EXECUTOR_RUN_ARGS query, direction, count, once
#define CF_EXECUTOR_RUN_ONCE once
#define CF_EXECUTOR_RUN_LIST(query, direction, count, once) query, direction, count, once
#endif

/* 17 wants to know whether it is a procedure; 18 adds columns to the list alone. */
#if PG_VERSION_NUM >= 180000
#define CF_CHECK_FUNCTION_RETURN(lists, type, desc) \
	check_sql_fn_retval((lists), (type), (desc), PROKIND_FUNCTION, false)
#elif PG_VERSION_NUM >= 170000
#define CF_CHECK_FUNCTION_RETURN(lists, type, desc) \
	check_sql_fn_retval((lists), (type), (desc), PROKIND_FUNCTION, false, NULL)
#else
#define CF_CHECK_FUNCTION_RETURN(lists, type, desc) \
	check_sql_fn_retval((lists), (type), (desc), false, NULL)
#endif

/* 18 has moved ExplainState into a header of its own. */
#if PG_VERSION_NUM >= 180000
#include "commands/explain_state.h"
#endif

/* 16 moved checkAsUser from the range table entry to RTEPermissionInfo. */
#if PG_VERSION_NUM >= 160000
#include "parser/parse_relation.h"
#define CF_RTE_USER(stmt, rte) \
	((rte)->perminfoindex > 0 ? \
	 getRTEPermissionInfo((stmt)->permInfos, (rte))->checkAsUser : InvalidOid)
#define CF_RTE_IS_CHECKED(rte) ((rte)->perminfoindex > 0)
#else
#define CF_RTE_IS_CHECKED(rte) ((rte)->requiredPerms != 0)
#define CF_RTE_USER(stmt, rte) ((rte)->checkAsUser)
#endif

/* 16 has one function for the rights on all kinds of objects. */
#if PG_VERSION_NUM >= 160000
#define CF_MAY_EXECUTE(function, role) \
	(object_aclcheck(ProcedureRelationId, (function), (role), ACL_EXECUTE) == ACLCHECK_OK)
#else
#define CF_MAY_EXECUTE(function, role) \
	(pg_proc_aclcheck((function), (role), ACL_EXECUTE) == ACLCHECK_OK)
#endif

/* 16 has one function for the owners of all kinds of objects. */
#if PG_VERSION_NUM >= 160000
#define CF_OWNS_TABLE(relid, role) object_ownercheck(RelationRelationId, (relid), (role))
#else
#define CF_OWNS_TABLE(relid, role) pg_class_ownercheck((relid), (role))
#endif

/* As of 16 a member may have nothing from its role but the right to grant it. */
#if PG_VERSION_NUM >= 160000
#define CF_MEMBER_HAS_RIGHTS(member) ((member)->inherit_option || (member)->set_option)
#else
#define CF_MEMBER_HAS_RIGHTS(member) ((void) (member), true)
#endif

/* May the one role do all that the other can? As of 16 a member may be kept from SET ROLE. */
#if PG_VERSION_NUM >= 160000
#define CF_CAN_BE_ROLE(user, role) \
	(has_privs_of_role((user), (role)) && member_can_set_role((user), (role)))
#else
#define CF_CAN_BE_ROLE(user, role) has_privs_of_role((user), (role))
#endif

/* 16 keeps what is to be checked of relations apart from the range table. */
#if PG_VERSION_NUM >= 160000
#define CF_CHECK_RIGHTS(query) \
	ExecCheckPermissions((query)->rtable, (query)->rteperminfos, true)
#else
#define CF_CHECK_RIGHTS(query) ExecCheckRTPerms((query)->rtable, true)
#endif

/*
 * 17 numbers backends by ProcNumber, from 0; before, MyBackendId from 1. Both
 * are below MaxBackends for all that run queries. The index into allProcs was
 * another number until then.
 */
#if PG_VERSION_NUM >= 170000
#include "storage/procnumber.h"
#define CF_MY_BACKEND_INDEX ((int) MyProcNumber)
#define CF_MY_PROC_NUMBER ((int) MyProcNumber)
#else
#include "storage/backendid.h"
#define CF_MY_BACKEND_INDEX ((int) MyBackendId - 1)
#define CF_MY_PROC_NUMBER (MyProc->pgprocno)
#endif

/* 17 gave a process' virtual transaction id a struct of its own. */
#if PG_VERSION_NUM >= 170000
#define CF_MY_LXID (MyProc->vxid.lxid)
#else
#define CF_MY_LXID (MyProc->lxid)
#endif

/* 17 asks for the kind of a process in one way. */
#if PG_VERSION_NUM >= 170000
#define CF_IS_AUTOVACUUM AmAutoVacuumWorkerProcess()
#else
#define CF_IS_AUTOVACUUM IsAutoVacuumWorkerProcess()
#endif

/* 18 tells those who decode the WAL of what is published. */
#ifdef SHAREDINVALRELSYNC_ID
#define CF_IS_RELSYNC_MESSAGE(message) ((message)->id == SHAREDINVALRELSYNC_ID)
#else
#define CF_IS_RELSYNC_MESSAGE(message) false
#endif

/* 18 has operators that order there, too. */
#if PG_VERSION_NUM >= 180000
#define CF_SETOP_OPERATORS(plan) ((plan)->cmpOperators)
#else
#define CF_SETOP_OPERATORS(plan) ((plan)->dupOperators)
#endif

/* 16 renamed the table's OID in the statistics of a transaction. */
#if PG_VERSION_NUM >= 160000
#define CF_PGSTAT_RELID(table) ((table)->id)
#else
#define CF_PGSTAT_RELID(table) ((table)->t_id)
#endif

/* 17 can flush the message itself; we do that where it must be. */
#if PG_VERSION_NUM >= 170000
#define CF_LOG_MESSAGE(prefix, text, len, transactional) \
	LogLogicalMessage((prefix), (text), (len), (transactional), false)
#else
#define CF_LOG_MESSAGE(prefix, text, len, transactional) \
	LogLogicalMessage((prefix), (text), (len), (transactional))
#endif

/* 16 renamed what a block of a WAL record is of. */
#if PG_VERSION_NUM >= 160000
#define CF_BLOCK_RELATION(record, i) (XLogRecGetBlock((record), (i))->rlocator.relNumber)
#define CF_BLOCK_DATABASE(record, i) (XLogRecGetBlock((record), (i))->rlocator.dbOid)
#else
#define CF_BLOCK_RELATION(record, i) (XLogRecGetBlock((record), (i))->rnode.relNode)
#define CF_BLOCK_DATABASE(record, i) (XLogRecGetBlock((record), (i))->rnode.dbNode)
#endif

/*
 * 17 lets extensions name their wait events. That takes a lock and can fail, so
 * it is done once, when shared memory is set up: see shmem.c.
 */
#if PG_VERSION_NUM >= 170000
#define CF_WAIT_EVENT_NEW(name) WaitEventExtensionNew(name)
#else
#define CF_WAIT_EVENT_NEW(name) PG_WAIT_EXTENSION
#endif

/*
 * utils/pg_locale.h has these, but also includes ICU's headers. Debian's package
 * of 15 happens to bring them, those of 17 and 18 do not.
 */
extern PGDLLIMPORT char *locale_messages;
extern PGDLLIMPORT char *locale_monetary;
extern PGDLLIMPORT char *locale_numeric;
extern PGDLLIMPORT char *locale_time;
extern char *get_collation_actual_version(char collprovider, const char *collcollate);

/* 17 brings collations of its own, which move with its Unicode tables. */
#if PG_VERSION_NUM >= 170000
#define CF_BUILTIN_LOCALE "C.UTF-8"
#endif

/*
 * 18 has generated columns that are computed when they are read: the rows that
 * triggers see have NULL there.
 */
#if PG_VERSION_NUM >= 180000
#define CF_IS_VIRTUAL(generated) ((generated) == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define CF_IS_VIRTUAL(generated) false
#endif

/* 17 has SQL/JSON functions, which return what their RETURNING names. */
#if PG_VERSION_NUM >= 170000
#define CF_IS_JSON_EXPR(node) IsA((node), JsonExpr)
#else
#define CF_IS_JSON_EXPR(node) false
#endif

/* 16 dropped errorType; for the unit tests, which have one of their own. */
#if PG_VERSION_NUM >= 160000
#define CF_EXCEPTIONAL_CONDITION_ARGS \
	const char *conditionName, const char *fileName, int lineNumber
#else
#define CF_EXCEPTIONAL_CONDITION_ARGS \
	const char *conditionName, const char *errorType, const char *fileName, int lineNumber
#endif

/* All settings that the session knows; as of 16 palloc'd. */
static inline struct config_generic **
cf_all_settings(int *count)
{
#if PG_VERSION_NUM >= 160000
	return get_guc_variables(count);
#else
	*count = GetNumConfigOptions();
	return get_guc_variables();
#endif
}

/*
 * The description of a setting, NULL if there is none. 16 keeps them in a hash
 * table; it copies what get_guc_variables returns, so that is no way to look
 * for one.
 */
static inline struct config_generic *
cf_find_setting(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, DEBUG5);
#else
	struct config_generic **settings = get_guc_variables();

	for (int i = 0; i < GetNumConfigOptions(); i++)
	{
		if (pg_strcasecmp(settings[i]->name, name) == 0)
			return settings[i];
	}
	return NULL;
#endif
}

#endif							/* CF_BASE_COMPAT_H */
