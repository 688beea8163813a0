/*
 * value.h - what a query gave, as bytes, and the part of it that a caller wants.
 *
 * A value is JSON text, an array with an object for each row, of which a caller may want
 * the first object alone; or rows in a form of ours, of which there are no parts.
 *
 * src/l1/value.h
 */
#ifndef CF_L1_VALUE_H
#define CF_L1_VALUE_H

#include "postgres.h"

#include "base/varlena.h"

typedef enum CfL1Part
{
	CF_L1_PART_ALL,				/* the value */
	CF_L1_PART_FIRST,			/* its first row's object */
	CF_L1_PART_NONE				/* only what is known of it */
} CfL1Part;

typedef struct CfValue
{
	const char *bytes;			/* somebody else's; NULL: they are in pieces */
	Size		len;
	uint32		first_len;		/* JSON: bytes of the first object, at offset 1 */
	bool		negative;		/* the query gave no rows */
} CfValue;

/* Of an entry that has none, as a marker. */
#define CF_NO_VALUE (&(const CfValue) {NULL})

/* Where in its bytes the part lies. False: there is none. */
static inline bool
cf_value_find(const CfValue *value, CfL1Part part, Size *offset, Size *len)
{
	*offset = part == CF_L1_PART_FIRST ? 1 : 0;
	*len = part == CF_L1_PART_FIRST ? value->first_len : value->len;
	return part == CF_L1_PART_ALL || (part == CF_L1_PART_FIRST && !value->negative);
}

/* A copy of the part, palloc'd in CurrentMemoryContext; NULL: there is none. */
static inline struct varlena *
cf_value_copy(const CfValue *value, CfL1Part part)
{
	Size		offset;
	Size		len;
	struct varlena *copy;

	if (!cf_value_find(value, part, &offset, &len))
		return NULL;
	copy = palloc(VARHDRSZ + len);
	SET_VARSIZE(copy, VARHDRSZ + len);
	memcpy(VARDATA(copy), value->bytes + offset, len);
	return copy;
}

#endif							/* CF_L1_VALUE_H */
