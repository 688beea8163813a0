/*
 * builtin.h - PostgreSQL's own functions that are not IMMUTABLE.
 *
 * src/rules/builtin.h
 */
#ifndef CF_RULES_BUILTIN_H
#define CF_RULES_BUILTIN_H

#include "rules/function.h"

/* The traits of the built-in functions of a name that are STABLE or VOLATILE. */
extern CfTraits cf_builtin_traits(const char *name);

#endif							/* CF_RULES_BUILTIN_H */
