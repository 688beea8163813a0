/*
 * rowset.h - the rows of a value, without their order.
 *
 * Two results of one query are the same if they have the same rows as often,
 * whatever order the plan gave them. Rows are compared as the bytes that they
 * were encoded to: the encoders write one row in one way.
 *
 * src/codec/rowset.h
 */
#ifndef CF_CODEC_ROWSET_H
#define CF_CODEC_ROWSET_H

#include "postgres.h"

#include "base/compat.h"
#include "codec/key.h"

#define CF_ROWSET_MAX (10 * 1000 * 1000)	/* rows; a value that has more is not taken apart */

typedef struct CfRow
{
	const char *data;			/* in the value */
	Size		len;
} CfRow;

/* Points into the value that it was made of. */
typedef struct CfRowSet
{
	int			n;
	CfRow	   *rows;			/* palloc'd, sorted */
} CfRowSet;

/*
 * Takes a value of CF_FORM_JSON, or of CF_FORM_ROWS with so many columns, apart.
 * False: it is not what an encoder wrote, or too much. Lengths are checked; raises no error
 * but for lack of memory.
 */
extern pg_nodiscard bool cf_rowset_of(CfForm form, int ncolumns, const char *data, Size len,
									  CfRowSet *set);

extern pg_nodiscard bool cf_rowset_equal(const CfRowSet *a, const CfRowSet *b);

/* The same for equal sets, in this server and others of its cluster. */
extern void cf_rowset_digest(const CfRowSet *set, CfHash128 *digest);

#endif							/* CF_CODEC_ROWSET_H */
