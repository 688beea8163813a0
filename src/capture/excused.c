/*
 * excused.c - which relations a statement that is known to be harmless is about.
 *
 * Of each of them PostgreSQL tells all sessions something, though nothing of it changes
 * what a query gives.
 *
 * src/capture/excused.c
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"

#include "capture/excused.h"

/* A table, or that of an index; and what inherits from it, to which much is done, too. */
static void
add_tree(List **found, Oid relid)
{
	ListCell   *cell;

	if (OidIsValid(relid) && cf_relkind_is_index(get_rel_relkind(relid)))
		relid = IndexGetRelation(relid, true);
	if (!OidIsValid(relid))
		return;
	foreach(cell, find_all_inheritors(relid, NoLock, NULL))
		*found = lappend_oid(*found, lfirst_oid(cell));
}

static void
add_parent(List **found, const RangeVar *parent)
{
	*found = lappend_oid(*found, RangeVarGetRelid(parent, NoLock, true));
}

/* Nobody else reads a temporary child, which its parent is told of. */
static void
add_parents(List **found, const List *parents)
{
	ListCell   *cell;

	foreach(cell, parents)
		add_parent(found, lfirst_node(RangeVar, cell));
}

static void
add_altered(List **found, const AlterTableStmt *alter)
{
	ListCell   *cell;

	foreach(cell, alter->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		if (cmd->subtype == AT_AddInherit || cmd->subtype == AT_DropInherit)
			add_parent(found, castNode(RangeVar, cmd->def));
	}
}

static void
add_named(List **found, const RangeVar *relation)
{
	if (relation != NULL)
		add_tree(found, RangeVarGetRelid(relation, NoLock, true));
}

static void
add_all(List **found, const List *relations)
{
	ListCell   *cell;

	foreach(cell, relations)
	{
		if (IsA(lfirst(cell), RangeVar))
			add_named(found, lfirst(cell));
	}
}

static void
add_analyzed(List **found, const List *relations)
{
	ListCell   *cell;

	foreach(cell, relations)
	{
		const VacuumRelation *relation = lfirst_node(VacuumRelation, cell);

		if (relation->relation != NULL)
			add_named(found, relation->relation);
		else
			add_tree(found, relation->oid);
	}
}

List *
cf_excused_find(Node *stmt)
{
	List	   *relids = NIL;

	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			add_parents(&relids, ((CreateStmt *) stmt)->inhRelations);
			break;
		case T_AlterTableStmt:
			add_altered(&relids, (AlterTableStmt *) stmt);
			break;
		case T_IndexStmt:
			add_named(&relids, ((IndexStmt *) stmt)->relation);
			break;
		case T_ReindexStmt:
			add_named(&relids, ((ReindexStmt *) stmt)->relation);
			break;
		case T_RefreshMatViewStmt:
			add_named(&relids, ((RefreshMatViewStmt *) stmt)->relation);
			break;
		case T_ClusterStmt:
			add_named(&relids, ((ClusterStmt *) stmt)->relation);
			break;
		case T_CreateStatsStmt:
			add_all(&relids, ((CreateStatsStmt *) stmt)->relations);
			break;
		case T_VacuumStmt:
			add_analyzed(&relids, ((VacuumStmt *) stmt)->rels);
			break;
		default:
			break;
	}
	return relids;
}
