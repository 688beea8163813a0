/*
 * function.h - on what, beside its arguments and the tables, does a function depend?
 *
 * Only functions that are known not to depend on the session are taken for
 * such: an allow-list of PostgreSQL's own. Whatever is not on it is taken for
 * the worst of its kind. A function in SQL or PL/pgSQL is as good as what it
 * does, and that is seen while it does it (load/watch.c).
 *
 * src/rules/function.h
 */
#ifndef CF_RULES_FUNCTION_H
#define CF_RULES_FUNCTION_H

#include "postgres.h"

typedef uint32 CfTraits;

/* It may depend on any setting that can change a result. */
#define CF_TRAIT_SETTINGS		0x01
/* It may depend on any setting at all. */
#define CF_TRAIT_ALL_SETTINGS	0x02
/* Its first argument names the setting that it reads: current_setting. */
#define CF_TRAIT_NAMED_SETTING	0x04
/* Its result is of one session, or nothing is known of it. */
#define CF_TRAIT_SESSION		0x08
/* Its result depends on the rights of whom it runs as. */
#define CF_TRAIT_RIGHTS			0x10
/* It looks names up: a temporary object of the session may answer. */
#define CF_TRAIT_NAMES			0x20
/* Not everybody may execute it. */
#define CF_TRAIT_GRANTED		0x40
/* Nobody sees what it does: it may read whatever it likes. */
#define CF_TRAIT_UNSEEN			0x80
/*
 * It looks up or prints names that come and go while all else stays as it is: of
 * roles, indexes and the like (capture/harmless.c).
 */
#define CF_TRAIT_LIGHT_NAMES	0x100
/* It reads what changes without notice: catalogs, files, large objects and the like. */
#define CF_TRAIT_UNTRACKED		0x200
/* Its result depends on time or chance. */
#define CF_TRAIT_CHANCE			0x400
/* In SQL or PL/pgSQL, or a fetch: what it reads is seen while it runs. */
#define CF_TRAIT_WATCHED		0x800
/* And a user has declared it IMMUTABLE: a plan may hold its result. */
#define CF_TRAIT_FOLDED			0x1000
/* It may read text as a date or a time: 'today' means another one tomorrow. */
#define CF_TRAIT_CLOCK			0x2000
/* It does something, such as to wait, that nobody sees of a value that is kept. */
#define CF_TRAIT_EFFECT			0x4000
/* It gives the name of whom it runs as, or of whose session it is. */
#define CF_TRAIT_ROLE			0x8000
/* What the caller of a query need not be told. */
#define CF_TRAITS_QUIET \
	(CF_TRAIT_GRANTED | CF_TRAIT_LIGHT_NAMES | CF_TRAIT_WATCHED | CF_TRAIT_FOLDED | \
	 CF_TRAIT_CLOCK | CF_TRAIT_EFFECT | CF_TRAIT_ROLE)
/* A result with one of these is not exact, whatever tables it reads. */
#define CF_TRAITS_UNCOVERED		(CF_TRAIT_UNSEEN | CF_TRAIT_UNTRACKED)

/*
 * The traits of a function; of what does not exist, none. Looked up once a
 * session, until a function changes. Raises errors only for lack of memory.
 */
extern CfTraits cf_function_traits(Oid function);

/*
 * The same where cachefront.transparent_functions counts: what it names, in whatever
 * language, is taken for what depends on its arguments, on settings and on what it reads by
 * statements, which are seen. What it does not name is not, even if it is IMMUTABLE and in C.
 */
extern CfTraits cf_function_trusted_traits(Oid function);

/* Does that setting name it? Of what comes with PostgreSQL, never. */
extern bool cf_function_is_named(Oid function);

/*
 * May a plain SELECT that calls it be served? It is not VOLATILE, nor is a part of it if it is an
 * aggregate, and it comes with PostgreSQL, or is seen into while it runs, or is named.
 */
extern bool cf_function_is_served(Oid function);

/*
 * Does it come with PostgreSQL, or is it written in C? One in another language could
 * do anything: read tables, raise errors.
 */
extern bool cf_function_is_in_c(Oid function);

/* The traits of a type's input and output, its elements' and columns' included. */
extern CfTraits cf_function_traits_of_type(Oid type);

/*
 * The functions that an aggregate is made of; returns how many. None for a
 * window function that is no aggregate.
 */
#define CF_MAX_PARTS 8
extern int	cf_function_parts(Oid aggregate, Oid *parts);

/*
 * What a value of the type may bring along wherever it is printed, compared or
 * sorted, as no function in a plan shows: CF_TRAIT_LIGHT_NAMES and what uncovers.
 */
extern CfTraits cf_function_traits_of_value(Oid type);

/* Are there light names in what a value of the type looks like? */
extern bool cf_function_type_has_light_names(Oid type);

/* May its text have a word of time (timeword.h) that is read each time that it runs? */
extern bool cf_function_holds_words(Oid function);

/* May text be read as a value of this type without a look at the clock? */
extern bool cf_function_reads_no_clock(Oid type);

#endif							/* CF_RULES_FUNCTION_H */
