/*
 * trouble.h - may a failed query be answered with an old value?
 *
 * src/engine/trouble.h
 */
#ifndef CF_ENGINE_TROUBLE_H
#define CF_ENGINE_TROUBLE_H

#include "postgres.h"

/*
 * Trouble: connections, resources, locks, internal failures. Everything else
 * is an answer of its own (a refusal, a mistake in the query or in the data,
 * a cancel), and never hidden.
 */
extern bool cf_error_is_trouble(const ErrorData *error);

#endif							/* CF_ENGINE_TROUBLE_H */
