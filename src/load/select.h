/*
 * select.h - the query of a request, as PostgreSQL understands it.
 *
 * src/load/select.h
 */
#ifndef CF_LOAD_SELECT_H
#define CF_LOAD_SELECT_H

#include "nodes/parsenodes.h"

#include "request/request.h"

/* The only statement of a text, which is a SELECT; else an error. Looks up no name. */
extern RawStmt *cf_select_parse(const char *query);

/*
 * Analysed and rewritten: one SELECT that neither writes nor locks, with as many
 * parameters as the request has arguments, and the columns that it wants. Raises an
 * error for anything else, and the query's own.
 */
extern Query *cf_select_analyse(const CfRequest *request, const char *text);

#endif							/* CF_LOAD_SELECT_H */
