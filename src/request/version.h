/*
 * version.h - the version of a named loader's keys.
 *
 * src/request/version.h
 */
#ifndef CF_REQUEST_VERSION_H
#define CF_REQUEST_VERSION_H

#include "postgres.h"

#include "access/tupdesc.h"

/*
 * A hash, never 0, of what a result looks like: its columns' names and types, by
 * schema-qualified names, with those of composite types; and of the query's text
 * where a column may hold anything (json, jsonb, xml, hstore, record). The same on
 * all servers.
 */
extern uint32 cf_version_of_shape(TupleDesc desc, const text *query);

#endif							/* CF_REQUEST_VERSION_H */
