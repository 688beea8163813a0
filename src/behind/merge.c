/*
 * merge.c - what several writes of a key come to.
 *
 * src/behind/merge.c
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "behind/merge.h"

void
cf_merge_begin(CfMerger *merger, const CfWriter *writer)
{
	Oid			function;
	bool		is_varlena;
	TypeCacheEntry *entry;

	MemSet(merger, 0, sizeof(*merger));
	merger->writer = writer;
	getTypeInputInfo(writer->value_type, &function, &merger->ioparam);
	fmgr_info(function, &merger->input);
	getTypeOutputInfo(writer->value_type, &function, &is_varlena);
	fmgr_info(function, &merger->output);
	get_typlenbyvalalign(writer->value_type, &merger->typlen, &merger->typbyval,
						 &merger->typalign);
	if (writer->merge != CF_MERGE_MAX && writer->merge != CF_MERGE_MIN)
		return;
	entry = lookup_type_cache(writer->value_type, TYPECACHE_CMP_PROC_FINFO);
	if (!OidIsValid(entry->cmp_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("values of type %s have no order", format_type_be(writer->value_type))));
	fmgr_info_copy(&merger->compare, &entry->cmp_proc_finfo, CurrentMemoryContext);
	merger->collation = entry->typcollation;
}

static void
read_write(CfMerger *merger, const CfWrite *write, CfMerged *result)
{
	result->isnull = write->value == NULL;
	result->value = result->isnull ? (Datum) 0 :
		InputFunctionCall(&merger->input, write->value, merger->ioparam, -1);
	result->n = 1;
	result->number = write->number;
}

static bool
add(CfMerger *merger, CfMerged *into, const CfMerged *other)
{
	int64		sum;

	if (merger->writer->value_type != INT8OID)
	{
		into->value = DirectFunctionCall2(numeric_add, into->value, other->value);
		return true;
	}
	if (pg_add_s64_overflow(DatumGetInt64(into->value), DatumGetInt64(other->value), &sum))
		return false;
	into->value = Int64GetDatum(sum);
	return true;
}

static bool
is_better(CfMerger *merger, const CfMerged *than, const CfMerged *other)
{
	int			order;

	if (merger->writer->merge == CF_MERGE_LAST)
		return other->number > than->number;
	if (than->isnull || other->isnull)
		return than->isnull && !other->isnull;
	order = DatumGetInt32(FunctionCall2Coll(&merger->compare, merger->collation,
											other->value, than->value));
	return merger->writer->merge == CF_MERGE_MAX ? order > 0 : order < 0;
}

bool
cf_merge_two(CfMerger *merger, CfMerged *into, const CfMerged *other)
{
	if (merger->writer->merge == CF_MERGE_SUM && !into->isnull && !other->isnull)
	{
		if (!add(merger, into, other))
			return false;
	}
	else if (merger->writer->merge == CF_MERGE_SUM ? into->isnull :
			 is_better(merger, into, other))
	{
		into->value = other->value;
		into->isnull = other->isnull;
	}
	into->number = Max(into->number, other->number);
	into->n += other->n;
	return true;
}

void
cf_merge_key(CfMerger *merger, const CfWriteKey *key, CfMerged *result)
{
	read_write(merger, &key->writes[0], result);
	for (int i = 1; i < key->n; i++)
	{
		CfMerged	next;

		read_write(merger, &key->writes[i], &next);
		if (!cf_merge_two(merger, result, &next))
			return;
	}
}

char *
cf_merge_print(CfMerger *merger, const CfMerged *merged)
{
	return merged->isnull ? NULL : OutputFunctionCall(&merger->output, merged->value);
}
