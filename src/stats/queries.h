/*
 * queries.h - texts of queries by a digest, for the reports.
 *
 * Entries have but the digest, for there may be a million of them. A digest
 * means one text as good as always; the table keeps the beginning of those that
 * were run last, and forgets the others.
 *
 * src/stats/queries.h
 */
#ifndef CF_STATS_QUERIES_H
#define CF_STATS_QUERIES_H

#include "postgres.h"

#define CF_QUERY_TEXT 248		/* bytes that are kept of a text */

extern void cf_queries_register(void);

/* Keeps the text, of this database, and returns its digest. Never fails. */
extern uint32 cf_queries_note(const char *text, int len);

/* The length of what is known of it, in the encoding of its database; or -1. */
extern int	cf_queries_find(uint32 digest, char text[CF_QUERY_TEXT]);

#endif							/* CF_STATS_QUERIES_H */
