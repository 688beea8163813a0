/*
 * pins.h - which rows of a table can a plan touch?
 *
 * While a query is planned, PostgreSQL shows for each scan of a table the
 * conditions that every row must meet that comes out of it: with views and
 * functions expanded, and with what follows from joins (of "o.id = 42 AND
 * l.order_id = o.id" also "l.order_id = 42"). A condition "column = value" pins the
 * column. What is noted belongs to one plan, which carries a number of its own,
 * wherever the plan cache copies it to.
 *
 * A plan that was made while nobody noted anything has none: nobody knows what it
 * can touch.
 *
 * Locking: none; all memory is of this session.
 *
 * src/rules/pins.h
 */
#ifndef CF_RULES_PINS_H
#define CF_RULES_PINS_H

#include "postgres.h"

#include "nodes/params.h"
#include "nodes/pg_list.h"
#include "nodes/plannodes.h"

/* A scan touches only rows whose column is equal to one of these. */
typedef struct CfPin
{
	const char *column;			/* its name in the table that is scanned */
	List	   *values;			/* of Const and external Param */
	bool		is_array;		/* one value: an array of them */
	Oid			type;			/* of a value, or of an element */
	Oid			function;		/* that hashes one, as the column's values are hashed */
	Oid			collation;		/* the column's */
	bool		builtin;		/* whoever writes knows the function, too */
} CfPin;

/* A scan of a table, as of its plan; or of all partitions of one. */
typedef struct CfScan
{
	Oid			relid;
	Oid			tree;			/* the partitioned table as part of which it is read, or itself */
	bool		sampled;		/* TABLESAMPLE */
	List	   *pins;			/* of CfPin */
	bool		all_columns;	/* it uses all, or what is more than they */
	List	   *columns;		/* names of those that it uses */
} CfScan;

/* From on: notes plans that are made. Nested calls say the same. */
extern void cf_pins_note(bool on);

/* The scans of a plan, of CfScan. False: nobody knows. Valid until another is planned. */
extern bool cf_pins_of_plan(const PlannedStmt *plan, List **scans);

/*
 * The hashes of a pin's values in this execution, each once, without NULLs. Returns
 * how many; -1: more than max, or one is not known yet. params may be NULL.
 */
extern int	cf_pin_hashes(const CfPin *pin, ParamListInfo params, uint64 *hashes, int max);

/* "id = 42", for cache_explain; palloc'd. */
extern char *cf_pin_text(const CfPin *pin, ParamListInfo params);

extern void cf_pins_install_hooks(void);

#endif							/* CF_RULES_PINS_H */
