/*
 * version.c - the version of a named loader's keys.
 *
 * Names and not OIDs are hashed, so that a restored database, and another server
 * that shares a Redis, have the same keys.
 *
 * Locking: none.
 *
 * src/request/version.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "request/version.h"

static bool add_columns(StringInfo shape, TupleDesc desc);

/* A type of an extension may be in any schema. */
static bool
is_hstore(Oid type)
{
	char	   *name = format_type_extended(type, -1, FORMAT_TYPE_ALLOW_INVALID);

	return strcmp(name, "hstore") == 0 ||
		(strlen(name) > 7 && strcmp(name + strlen(name) - 7, ".hstore") == 0);
}

static bool
may_hold_anything(Oid type)
{
	return type == JSONOID || type == JSONBOID || type == XMLOID || type == RECORDOID ||
		is_hstore(type);
}

/* Does the type hold what may be anything? Adds what a composite type has. */
static bool
add_type(StringInfo shape, Oid type)
{
	Oid			element;
	TupleDesc	desc;
	bool		anything;

	check_stack_depth();
	type = getBaseType(type);
	element = get_element_type(type);
	if (OidIsValid(element))
		return add_type(shape, element);
	if (may_hold_anything(type))
		return true;
	if (get_typtype(type) != TYPTYPE_COMPOSITE)
		return false;
	desc = lookup_rowtype_tupdesc_copy(type, -1);
	appendStringInfoChar(shape, '(');
	anything = add_columns(shape, desc);
	appendStringInfoChar(shape, ')');
	return anything;
}

static bool
add_columns(StringInfo shape, TupleDesc desc)
{
	bool		anything = false;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		appendStringInfo(shape, "%s %s",
						 quote_identifier(NameStr(att->attname)),
						 format_type_extended(att->atttypid, att->atttypmod,
											  FORMAT_TYPE_TYPEMOD_GIVEN |
											  FORMAT_TYPE_ALLOW_INVALID |
											  FORMAT_TYPE_FORCE_QUALIFY));
		anything |= add_type(shape, att->atttypid);
		appendStringInfoChar(shape, ',');
	}
	return anything;
}

uint32
cf_version_of_shape(TupleDesc desc, const text *query)
{
	StringInfoData shape;
	uint32		hash;

	initStringInfo(&shape);
	if (add_columns(&shape, desc))
		appendBinaryStringInfo(&shape, VARDATA_ANY(query), VARSIZE_ANY_EXHDR(query));
	hash = hash_bytes((const unsigned char *) shape.data, shape.len);
	pfree(shape.data);
	return hash == 0 ? 1 : hash;
}
