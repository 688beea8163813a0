/*
 * timeword.h - literals that mean something else tomorrow.
 *
 * src/rules/timeword.h
 */
#ifndef CF_RULES_TIMEWORD_H
#define CF_RULES_TIMEWORD_H

#include "postgres.h"

/*
 * May a literal in a text of SQL be one of the words that are read as of now, such as
 * 'today'? True also for what might only look so. In any encoding of a server.
 */
extern bool cf_timeword_is_in(const char *text, int len);

#endif							/* CF_RULES_TIMEWORD_H */
