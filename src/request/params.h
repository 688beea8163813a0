/*
 * params.h - gives arguments the types that the query gives its parameters.
 *
 * src/request/params.h
 */
#ifndef CF_REQUEST_PARAMS_H
#define CF_REQUEST_PARAMS_H

#include "nodes/params.h"
#include "nodes/parsenodes.h"

#include "request/request.h"

/*
 * Casts request->args, in place and once, so that what means the same to the
 * query is the same identity:
 *
 * - text, varchar and untyped values are read by the input function of the
 *   parameter's type, as PREPARE and EXECUTE read a string;
 * - smallint, integer and bigint become the parameter's type if that is one of
 *   them, or numeric, and holds the value;
 * - any other argument keeps its type, and the query takes it as it is.
 *
 * The parameters' types are asked of the parser once a session for each query
 * and kept until a definition changes. query is the hash of the query's text
 * and of the settings under which it is read; NULL where nothing tells that a
 * definition changes, so that the parser is asked each time. Raises an error if a string does
 * not fit, or if args has fewer or more values than the query has parameters.
 */
extern void cf_params_resolve(CfRequest *request, const CfHash128 *query);

/* The number of the largest parameter of an analysed query. */
extern int	cf_params_count(Query *query);

/* The error that args has fewer or more values than that. */
extern void cf_params_complain(const CfArgs *args, int nparams);

/* The values as PostgreSQL's planner and executor take them, palloc'd; NULL if there are none. */
extern ParamListInfo cf_params_list(const CfArgs *args);

extern void cf_params_register(void);

#endif							/* CF_REQUEST_PARAMS_H */
