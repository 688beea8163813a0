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
excuse_tree(CfHarmless *harmless, Oid relid)
{
	ListCell   *cell;

	if (OidIsValid(relid) && cf_relkind_is_index(get_rel_relkind(relid)))
		relid = IndexGetRelation(relid, true);
	if (!OidIsValid(relid))
		return;
	foreach(cell, find_all_inheritors(relid, NoLock, NULL))
		cf_catalog_excuse(harmless, lfirst_oid(cell));
}

static void
excuse_parent(CfHarmless *harmless, const RangeVar *parent)
{
	cf_catalog_excuse(harmless, RangeVarGetRelid(parent, NoLock, true));
}

/* Nobody else reads a temporary child, which its parent is told of. */
static void
excuse_parents(CfHarmless *harmless, const List *parents)
{
	ListCell   *cell;

	foreach(cell, parents)
		excuse_parent(harmless, lfirst_node(RangeVar, cell));
}

static void
excuse_altered(CfHarmless *harmless, const AlterTableStmt *alter)
{
	ListCell   *cell;

	foreach(cell, alter->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		if (cmd->subtype == AT_AddInherit || cmd->subtype == AT_DropInherit)
			excuse_parent(harmless, castNode(RangeVar, cmd->def));
	}
}

static void
excuse_named(CfHarmless *harmless, const RangeVar *relation)
{
	if (relation != NULL)
		excuse_tree(harmless, RangeVarGetRelid(relation, NoLock, true));
}

static void
excuse_all(CfHarmless *harmless, const List *relations)
{
	ListCell   *cell;

	foreach(cell, relations)
	{
		if (IsA(lfirst(cell), RangeVar))
			excuse_named(harmless, lfirst(cell));
	}
}

static void
excuse_analyzed(CfHarmless *harmless, const List *relations)
{
	ListCell   *cell;

	foreach(cell, relations)
	{
		const VacuumRelation *relation = lfirst_node(VacuumRelation, cell);

		if (relation->relation != NULL)
			excuse_named(harmless, relation->relation);
		else
			excuse_tree(harmless, relation->oid);
	}
}

void
cf_excused_find(CfHarmless *harmless, Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			excuse_parents(harmless, ((CreateStmt *) stmt)->inhRelations);
			break;
		case T_AlterTableStmt:
			excuse_altered(harmless, (AlterTableStmt *) stmt);
			break;
		case T_IndexStmt:
			excuse_named(harmless, ((IndexStmt *) stmt)->relation);
			break;
		case T_ReindexStmt:
			excuse_named(harmless, ((ReindexStmt *) stmt)->relation);
			break;
		case T_RefreshMatViewStmt:
			excuse_named(harmless, ((RefreshMatViewStmt *) stmt)->relation);
			break;
		case T_ClusterStmt:
			excuse_named(harmless, ((ClusterStmt *) stmt)->relation);
			break;
		case T_CreateStatsStmt:
			excuse_all(harmless, ((CreateStatsStmt *) stmt)->relations);
			break;
		case T_VacuumStmt:
			excuse_analyzed(harmless, ((VacuumStmt *) stmt)->rels);
			break;
		default:
			break;
	}
}
