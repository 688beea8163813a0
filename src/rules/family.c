/*
 * family.c - the columns by which a rule tells rows apart.
 *
 * The name of a rule is the same in all partitions and of no other table, so that
 * who reads and who writes need not agree on the table: while a partition is being
 * detached they might not.
 *
 * Locking: none.
 *
 * src/rules/family.c
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "rules/family.h"
#include "rules/function.h"

/*
 * Base types, enums, and arrays of these. Hashes of rows and ranges raise an error
 * where a part of them turns out to have none.
 */
static bool
is_simple(Oid type)
{
	Oid			element = get_element_type(type);
	char		kind = get_typtype(type);
	CfHashing	hashing;

	if (OidIsValid(element))
		return cf_hashing_of_type(element, &hashing);
	return kind == TYPTYPE_BASE || kind == TYPTYPE_ENUM;
}

/* Of an array, its elements count as well: their function is called, too. */
static bool
is_builtin(Oid type)
{
	Oid			element = get_element_type(type);
	Oid			opclass = GetDefaultOpClass(type, HASH_AM_OID);

	return OidIsValid(opclass) && opclass < FirstNormalObjectId &&
		(!OidIsValid(element) || is_builtin(getBaseType(element)));
}

bool
cf_hashing_of_type(Oid type, CfHashing *hashing)
{
	Oid			base = getBaseType(type);
	TypeCacheEntry *entry;

	if (!is_simple(base))
		return false;
	entry = lookup_type_cache(base, TYPECACHE_HASH_OPFAMILY | TYPECACHE_HASH_EXTENDED_PROC);
	hashing->opfamily = entry->hash_opf;
	hashing->function = entry->hash_extended_proc;
	if (!OidIsValid(hashing->opfamily) || !OidIsValid(hashing->function) ||
		!cf_function_is_in_c(hashing->function))
		return false;
	hashing->builtin = is_builtin(base);
	return true;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static uint64
add_name(uint64 hash, const char *name)
{
	return hash_combine64(hash, hash_bytes_extended((const unsigned char *) name,
													strlen(name), 0));
}

void
cf_family_init(CfFamily *family, const char *rule, const char **columns, int ncolumns)
{
	Assert(ncolumns > 0);
	family->columns = palloc(ncolumns * sizeof(char *));
	memcpy(family->columns, columns, ncolumns * sizeof(char *));
	qsort(family->columns, ncolumns, sizeof(char *), compare_names);
	family->seed = add_name(0, rule);
	family->ncolumns = 0;
	for (int i = 0; i < ncolumns; i++)
	{
		const char *name = family->columns[i];

		if (i > 0 && strcmp(name, family->columns[family->ncolumns - 1]) == 0)
			continue;
		family->columns[family->ncolumns++] = name;
		family->seed = add_name(family->seed, name);
	}
}

uint64
cf_family_of_unhashed(const char *rule)
{
	return add_name(1, rule);
}

bool
cf_family_of_template(CfFamily *family, const char *rule, const CfTemplate *template)
{
	const char *names[CF_TEMPLATE_MAX_PARTS];
	int			n = 0;

	for (int i = 0; i < template->nparts; i++)
	{
		if (template->parts[i].is_column)
			names[n++] = template->parts[i].text;
	}
	if (n == 0)
		return false;
	cf_family_init(family, rule, names, n);
	return true;
}

bool
cf_family_equal(const CfFamily *a, const CfFamily *b)
{
	if (a->ncolumns != b->ncolumns)
		return false;
	for (int i = 0; i < a->ncolumns; i++)
	{
		if (strcmp(a->columns[i], b->columns[i]) != 0)
			return false;
	}
	return true;
}
