/*
 * involved.c - has the running transaction to do with the cache by more than the tables
 * that it has changed?
 *
 * src/base/involved.c
 */
#include "postgres.h"

#include "base/involved.h"

bool		cf_involved = false;
