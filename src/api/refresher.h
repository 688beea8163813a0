/*
 * refresher.h - the process that loads what readers have asked for.
 *
 * src/api/refresher.h
 */
#ifndef CF_API_REFRESHER_H
#define CF_API_REFRESHER_H

#include "postgres.h"

extern PGDLLEXPORT void cachefront_refresher_main(Datum arg);

#endif							/* CF_API_REFRESHER_H */
