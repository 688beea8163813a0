/*
 * fine.c - which DDL changes no more than what PostgreSQL itself tells of it.
 *
 * A list of statements about relations, and about functions whose results nobody
 * takes for exact without all definitions (catalog.c looks at the language). All
 * that they change is sent as a message about a relation, a function or a type.
 *
 * And of statements about schemas, types, casts, aggregates, operators, collations, text
 * search. Each row that they change is told of as well, and what is told of one that is
 * neither temporary (temporary.h) nor of a name (named.h) moves the epoch.
 *
 * src/capture/fine.c
 */
#include "postgres.h"

#include "nodes/parsenodes.h"

#include "capture/fine.h"

static bool
is_relation(ObjectType type)
{
	return type == OBJECT_TABLE || type == OBJECT_VIEW || type == OBJECT_MATVIEW ||
		type == OBJECT_SEQUENCE || type == OBJECT_INDEX;
}

static bool
is_function(ObjectType type)
{
	return type == OBJECT_FUNCTION || type == OBJECT_PROCEDURE || type == OBJECT_ROUTINE;
}

static bool
may_be_temporary(ObjectType type)
{
	switch (type)
	{
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
		case OBJECT_AGGREGATE:
		case OBJECT_OPERATOR:
		case OBJECT_COLLATION:
		case OBJECT_TSCONFIGURATION:
		case OBJECT_TSDICTIONARY:
			return true;
		default:
			return false;
	}
}

/* Those that reach nothing but relations, their columns, constraints and triggers. */
static bool
is_alter_fine(AlterTableType type)
{
	switch (type)
	{
		case AT_AddColumn:
		case AT_ColumnDefault:
		case AT_DropNotNull:
		case AT_SetNotNull:
		case AT_DropExpression:
		case AT_SetStatistics:
		case AT_SetOptions:
		case AT_ResetOptions:
		case AT_SetStorage:
		case AT_SetCompression:
		case AT_DropColumn:
		case AT_AddIndex:
		case AT_AddConstraint:
		case AT_AlterConstraint:
		case AT_ValidateConstraint:
		case AT_AddIndexConstraint:
		case AT_DropConstraint:
		case AT_AlterColumnType:
		case AT_ChangeOwner:
		case AT_ClusterOn:
		case AT_DropCluster:
		case AT_SetLogged:
		case AT_SetUnLogged:
		case AT_SetTableSpace:
		case AT_SetRelOptions:
		case AT_ResetRelOptions:
		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_DisableTrig:
		case AT_EnableTrigAll:
		case AT_DisableTrigAll:
		case AT_EnableTrigUser:
		case AT_DisableTrigUser:
		case AT_EnableRule:
		case AT_EnableAlwaysRule:
		case AT_EnableReplicaRule:
		case AT_DisableRule:
		case AT_AddInherit:
		case AT_DropInherit:
		case AT_ReplicaIdentity:
		case AT_EnableRowSecurity:
		case AT_DisableRowSecurity:
		case AT_ForceRowSecurity:
		case AT_NoForceRowSecurity:
		case AT_AttachPartition:
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
		case AT_AddIdentity:
		case AT_SetIdentity:
		case AT_DropIdentity:
			return true;
		default:
			return false;
	}
}

static bool
is_alter_table_fine(const AlterTableStmt *alter)
{
	ListCell   *cell;

	if (!is_relation(alter->objtype) && alter->objtype != OBJECT_TYPE)
		return false;
	foreach(cell, alter->cmds)
	{
		if (!is_alter_fine(lfirst_node(AlterTableCmd, cell)->subtype))
			return false;
	}
	return true;
}

static bool
is_rename_fine(const RenameStmt *rename)
{
	if (rename->renameType == OBJECT_COLUMN)
		return is_relation(rename->relationType);
	return is_relation(rename->renameType) || is_function(rename->renameType) ||
		rename->renameType == OBJECT_TABCONSTRAINT || rename->renameType == OBJECT_POLICY ||
		rename->renameType == OBJECT_TRIGGER || rename->renameType == OBJECT_RULE ||
		rename->renameType == OBJECT_STATISTIC_EXT || rename->renameType == OBJECT_SCHEMA ||
		may_be_temporary(rename->renameType);
}

static bool
is_drop_fine(ObjectType type)
{
	return is_relation(type) || is_function(type) || type == OBJECT_TRIGGER ||
		type == OBJECT_POLICY || type == OBJECT_RULE || type == OBJECT_SCHEMA ||
		type == OBJECT_CAST || may_be_temporary(type);
}

static bool
names_temporary(const List *name)
{
	return list_length(name) == 2 && strcmp(strVal(linitial(name)), "pg_temp") == 0;
}

static bool
all_are_temporary(const GrantStmt *grant)
{
	ListCell   *cell;

	foreach(cell, grant->objects)
	{
		const List *name = is_function(grant->objtype) ?
			lfirst_node(ObjectWithArgs, cell)->objname : (const List *) lfirst(cell);

		if (!names_temporary(name))
			return false;
	}
	return true;
}

/* Rights on functions are told to nobody but by a message without a name. */
static bool
is_grant_fine(const GrantStmt *grant)
{
	if (grant->targtype == ACL_TARGET_OBJECT &&
		(is_function(grant->objtype) || may_be_temporary(grant->objtype)))
		return all_are_temporary(grant);
	if (grant->objtype == OBJECT_LARGEOBJECT)
		return true;
	if (grant->objtype == OBJECT_SCHEMA)
		return grant->targtype == ACL_TARGET_OBJECT;
	return (grant->targtype == ACL_TARGET_OBJECT || grant->targtype == ACL_TARGET_ALL_IN_SCHEMA) &&
		(grant->objtype == OBJECT_TABLE || grant->objtype == OBJECT_SEQUENCE);
}

bool
cf_fine_needs_note(Node *stmt)
{
	return IsA(stmt, GrantStmt) && ((GrantStmt *) stmt)->objtype == OBJECT_LARGEOBJECT;
}

bool
cf_fine_stmt(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
		case T_CreateTableAsStmt:
		case T_ViewStmt:
		case T_CreateSeqStmt:
		case T_AlterSeqStmt:
		case T_CreateTrigStmt:
		case T_CreatePolicyStmt:
		case T_AlterPolicyStmt:
		case T_CreateFunctionStmt:
		case T_AlterFunctionStmt:
		case T_RuleStmt:
			return true;
			/* Of a kind that has a name to be looked up, or perhaps temporary. */
		case T_CreateSchemaStmt:
		case T_CreateCastStmt:
		case T_CompositeTypeStmt:
		case T_CreateEnumStmt:
		case T_CreateRangeStmt:
		case T_CreateDomainStmt:
		case T_AlterDomainStmt:
		case T_AlterEnumStmt:
		case T_DefineStmt:
		case T_AlterTSConfigurationStmt:
		case T_AlterTSDictionaryStmt:
			return true;
		case T_AlterOwnerStmt:
			return ((AlterOwnerStmt *) stmt)->objectType == OBJECT_SCHEMA ||
				may_be_temporary(((AlterOwnerStmt *) stmt)->objectType);
		case T_AlterTableStmt:
			return is_alter_table_fine((AlterTableStmt *) stmt);
		case T_RenameStmt:
			return is_rename_fine((RenameStmt *) stmt);
		case T_AlterObjectSchemaStmt:
			return is_relation(((AlterObjectSchemaStmt *) stmt)->objectType) ||
				is_function(((AlterObjectSchemaStmt *) stmt)->objectType);
		case T_DropStmt:
			return is_drop_fine(((DropStmt *) stmt)->removeType);
		case T_GrantStmt:
			return is_grant_fine((GrantStmt *) stmt);
		default:
			return false;
	}
}
