/*
 * harmless.c - which definitions and rights no cached result depends on.
 *
 * A list of what is known to be harmless; all else makes every entry a miss. A
 * statement with options is harmless if each of them is in the list, so an
 * option of a later PostgreSQL is not until somebody has looked at it.
 *
 * src/capture/harmless.c
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_auth_members.h"
#include "catalog/pg_class.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "capture/harmless.h"

/* ---- temporary objects ---- */

/* Of what is about to be made, only the statement can tell. */
static bool
will_be_temporary(const RangeVar *relation)
{
	return relation->relpersistence == RELPERSISTENCE_TEMP;
}

static bool
is_temporary(const RangeVar *relation)
{
	Oid			relid;

	if (relation == NULL)
		return false;
	relid = RangeVarGetRelid(relation, NoLock, true);
	return OidIsValid(relid) && get_rel_persistence(relid) == RELPERSISTENCE_TEMP;
}

static bool
is_drop_harmless(const DropStmt *drop)
{
	ListCell   *cell;

	if (drop->removeType == OBJECT_INDEX || drop->removeType == OBJECT_STATISTIC_EXT)
		return true;
	if (drop->removeType != OBJECT_TABLE && drop->removeType != OBJECT_VIEW &&
		drop->removeType != OBJECT_SEQUENCE)
		return false;
	foreach(cell, drop->objects)
	{
		if (!is_temporary(makeRangeVarFromNameList((List *) lfirst(cell))))
			return false;
	}
	return true;
}

/* ---- roles and databases ---- */

static bool
is_listed(const char *name, const char *const *list)
{
	for (; *list != NULL; list++)
	{
		if (strcmp(name, *list) == 0)
			return true;
	}
	return false;
}

static bool
all_listed(const List *options, const char *const *list)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		if (!is_listed(lfirst_node(DefElem, cell)->defname, list))
			return false;
	}
	return true;
}

/*
 * Nothing is cached for a role that is not there yet, and nobody has a right
 * through it; but ROLE and ADMIN make others its members.
 */
static bool
is_create_role_harmless(const CreateRoleStmt *create)
{
	static const char *const harmless[] = {
		"password", "validUntil", "connectionlimit", "canlogin", "superuser",
		"inherit", "createrole", "createdb", "isreplication", "bypassrls",
		"addroleto", "sysid", NULL
	};

	return all_listed(create->options, harmless);
}

/* How one may log in. */
static bool
is_alter_role_harmless(const AlterRoleStmt *alter)
{
	static const char *const harmless[] = {
		"password", "validUntil", "connectionlimit", "canlogin", NULL
	};

	return all_listed(alter->options, harmless);
}

static bool
is_alter_database_harmless(const AlterDatabaseStmt *alter)
{
	static const char *const harmless[] = {
		"connection_limit", "allow_connections", "is_template", NULL
	};

	return all_listed(alter->options, harmless);
}

/* Who has rights through a role loses them with it. */
static bool
has_members(Oid role)
{
	CatCList   *list = SearchSysCacheList1(AUTHMEMROLEMEM, ObjectIdGetDatum(role));
	bool		found = false;

	for (int i = 0; i < list->n_members && !found; i++)
	{
		Form_pg_auth_members member = (Form_pg_auth_members)
			GETSTRUCT(&list->members[i]->tuple);

		found = CF_MEMBER_HAS_RIGHTS(member);
	}
	ReleaseSysCacheList(list);
	return found;
}

static bool
is_drop_role_harmless(const DropRoleStmt *drop)
{
	ListCell   *cell;

	foreach(cell, drop->roles)
	{
		const RoleSpec *spec = lfirst_node(RoleSpec, cell);
		Oid			role;

		/* Others, such as CURRENT_USER, it refuses. */
		if (spec->roletype != ROLESPEC_CSTRING)
			continue;
		role = get_role_oid(spec->rolename, true);
		if (OidIsValid(role) && has_members(role))
			return false;
	}
	return true;
}

/* ---- all of them ---- */

bool
cf_harmless_stmt(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_IndexStmt:
		case T_CommentStmt:
		case T_RefreshMatViewStmt:	/* only rows change: see epoch.c */
		case T_ClusterStmt:		/* likewise: see trigger.c */
		case T_AlterDefaultPrivilegesStmt:	/* of what is still to be made */
		case T_CreateStatsStmt:
		case T_AlterStatsStmt:
		case T_AlterSystemStmt:
		case T_CreateTableSpaceStmt:
		case T_CreatedbStmt:
		case T_CreatePublicationStmt:
		case T_AlterPublicationStmt:
		case T_CreateSubscriptionStmt:
		case T_AlterSubscriptionStmt:
		case T_DropSubscriptionStmt:
			return true;
			/* For sessions to come; what they have set is in their identity. */
		case T_AlterRoleSetStmt:
		case T_AlterDatabaseSetStmt:
			return true;
		case T_CreateRoleStmt:
			return is_create_role_harmless((CreateRoleStmt *) stmt);
		case T_AlterRoleStmt:
			return is_alter_role_harmless((AlterRoleStmt *) stmt);
		case T_DropRoleStmt:
			return is_drop_role_harmless((DropRoleStmt *) stmt);
		case T_AlterDatabaseStmt:
			return is_alter_database_harmless((AlterDatabaseStmt *) stmt);
		case T_CreateStmt:
			return will_be_temporary(((CreateStmt *) stmt)->relation);
		case T_CreateTableAsStmt:
			return will_be_temporary(((CreateTableAsStmt *) stmt)->into->rel);
		case T_ViewStmt:
			return will_be_temporary(((ViewStmt *) stmt)->view);
		case T_CreateSeqStmt:
			return will_be_temporary(((CreateSeqStmt *) stmt)->sequence);
		case T_AlterTableStmt:
			return is_temporary(((AlterTableStmt *) stmt)->relation);
		case T_RenameStmt:
			return is_temporary(((RenameStmt *) stmt)->relation);
		case T_CreateTrigStmt:
			return is_temporary(((CreateTrigStmt *) stmt)->relation);
		case T_DropStmt:
			return is_drop_harmless((DropStmt *) stmt);
		default:
			return false;
	}
}

/* All of what is_drop_harmless lets through, but indexes, is temporary. */
static bool
drops_names(const DropStmt *drop)
{
	ListCell   *cell;

	foreach(cell, drop->objects)
	{
		if (drop->removeType == OBJECT_INDEX &&
			!is_temporary(makeRangeVarFromNameList((List *) lfirst(cell))))
			return true;
	}
	return false;
}

/*
 * Whoever asks for the name of what is not there yet gets an error, mostly: that
 * such things come matters of few, that they go of all.
 */
bool
cf_harmless_changes_names(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateRoleStmt:
		case T_DropRoleStmt:
		case T_CreatePublicationStmt:
		case T_AlterPublicationStmt:
		case T_DropSubscriptionStmt:
			return true;
		case T_IndexStmt:
			return !is_temporary(((IndexStmt *) stmt)->relation);
		case T_DropStmt:
			return drops_names((DropStmt *) stmt);
		default:
			return false;
	}
}

static bool
is_shared_object(ObjectType type)
{
	return type == OBJECT_ROLE || type == OBJECT_DATABASE;
}

bool
cf_harmless_is_shared(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_CreateRoleStmt:
		case T_AlterRoleStmt:
		case T_AlterRoleSetStmt:
		case T_DropRoleStmt:
		case T_GrantRoleStmt:
		case T_AlterDatabaseStmt:
		case T_AlterDatabaseSetStmt:
		case T_DropdbStmt:
		case T_ReassignOwnedStmt:	/* databases, too */
			return true;
		case T_RenameStmt:
			return is_shared_object(((RenameStmt *) stmt)->renameType);
		case T_AlterOwnerStmt:
			return is_shared_object(((AlterOwnerStmt *) stmt)->objectType);
		case T_SecLabelStmt:
			return is_shared_object(((SecLabelStmt *) stmt)->objtype);
		default:
			return false;
	}
}
