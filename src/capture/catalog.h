/*
 * catalog.h - what a transaction has changed in the catalog, as PostgreSQL tells it.
 *
 * src/capture/catalog.h
 */
#ifndef CF_CAPTURE_CATALOG_H
#define CF_CAPTURE_CATALOG_H

#include "postgres.h"

#include "access/xact.h"
#include "nodes/nodes.h"

#include "txn/clockset.h"

#define CF_CATALOG_MAX_EXCUSED 64	/* relations of one statement */

/*
 * A statement that is known to be harmless (harmless.h), while it is at work: what
 * PostgreSQL tells of the relations that it is about, while it runs, means nothing. On the
 * stack of who runs it.
 */
typedef struct CfHarmless
{
	struct CfHarmless *outer;
	int			n;
	Oid			relids[CF_CATALOG_MAX_EXCUSED];
	int			before[CF_CATALOG_MAX_EXCUSED]; /* messages about it until then */
} CfHarmless;

extern void cf_catalog_begin_harmless(CfHarmless *harmless, Node *stmt);

/* It has succeeded. */
extern void cf_catalog_end_harmless(CfHarmless *harmless);

/* It may have failed. */
extern void cf_catalog_leave_harmless(CfHarmless *harmless);

/* What a transaction has changed in the catalog. */
typedef struct CfCatalogChanges
{
	bool		unknown;		/* of the database */
	bool		unknown_shared; /* of all databases */
} CfCatalogChanges;

/*
 * PRE_COMMIT and PRE_PREPARE: adds the clocks of definitions and tables that it moves, if
 * it is known which. fine: some statement of it was so (fine.h); announced: the hook
 * has seen DDL. May raise errors, for lack of memory.
 */
extern void cf_catalog_collect(bool fine, bool announced, CfClockSet *clocks,
							   CfCatalogChanges *changes);

/*
 * PRE_COMMIT: does PostgreSQL tell of any change of the catalog that counts? If not, and the
 * transaction is not involved (base/involved.h), cf_catalog_collect would find nothing.
 * May raise errors, for lack of memory.
 */
extern bool cf_catalog_is_told(void);

extern void cf_catalog_install_hooks(void);

#endif							/* CF_CAPTURE_CATALOG_H */
