/*
 * catalogue.c - what a run can consist of, by feature.
 *
 * The promise must hold in every world that these entries can make: each table
 * has rules that reach what is read from it, or the query is one that must not
 * be kept at all. README.md says how to add one, and which fault of the cache
 * each feature was made for.
 *
 * test/differential/catalogue.c
 */
#include <stddef.h>

#include "differential.h"

#define SETUP(f, sql) {.feature = f, .kind = ENTRY_SETUP, .a = sql}
#define FETCH(f, key, query, argument, columns, tags) \
	{.feature = f, .kind = ENTRY_FETCH, .a = key, .b = query, .c = argument, .d = columns, \
		.e = tags}
#define FETCH_UNPREPARED(f, key, query, argument, columns, tags) \
	{.feature = f, .kind = ENTRY_FETCH, .flags = UNPREPARED, .a = key, .b = query, \
		.c = argument, .d = columns, .e = tags}
#define PAIR(f, cached, plain) {.feature = f, .kind = ENTRY_PAIR, .a = cached, .b = plain}
#define PAIR_AFTER(f, cached, plain, prelude, when) \
	{.feature = f, .kind = ENTRY_PAIR, .a = cached, .b = plain, .c = prelude, .d = when}
#define SELF(f, sql) {.feature = f, .kind = ENTRY_SELF, .a = sql}
#define ACT(f, sql) {.feature = f, .kind = ENTRY_ACT, .a = sql}
#define ADMIN(f, sql) {.feature = f, .kind = ENTRY_ADMIN, .a = sql}
#define ALONE(f, sql) {.feature = f, .kind = ENTRY_ALONE, .a = sql}
#define SET(f, sql) {.feature = f, .kind = ENTRY_SET, .a = sql}

#define SCENE(f, lines) {.feature = f, .kind = ENTRY_SCENE, .a = lines}

#define ANY_INT "{id}::{int2|int4|int4|int8}"
#define SOME_PATH "{public|public|public, pg_temp|pg_temp, public|s2, public|public, s2|s2, pg_temp, public}"
#define SET_TENANT(feature) \
	SET(feature, "SET app.tenant = '{a|b}'"), \
	SET(feature, "SELECT set_config('app.tenant', '{a|b}', {true|false})"), \
	SET(feature, "RESET app.tenant")

const Entry catalogue[] = {
#include "catalogue/reads.h"
#include "catalogue/ddl.h"
#include "catalogue/rights.h"
#include "catalogue/values.h"
#include "catalogue/writes.h"
};

const int	catalogue_size = sizeof(catalogue) / sizeof(catalogue[0]);
