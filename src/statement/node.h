/*
 * node.h - the plan node at the root of a statement that is served from the cache.
 *
 * src/statement/node.h
 */
#ifndef CF_STATEMENT_NODE_H
#define CF_STATEMENT_NODE_H

#include "postgres.h"

#include "executor/execdesc.h"
#include "nodes/plannodes.h"

#include "statement/statement.h"

/* So that PostgreSQL can copy plans with the node. At the start of the server. */
extern void cf_node_register(void);

/*
 * A statement of one node, with all that PostgreSQL must know of the plan inside: whose
 * rights count on which tables, what it is to be planned anew for, what it costs.
 */
extern PlannedStmt *cf_node_wrap(const CfStatement *statement);

/* The plan inside as a statement of its own, palloc'd; NULL: it is none of ours. */
extern PlannedStmt *cf_node_unwrap(const PlannedStmt *stmt);

/* Is it one of ours that only shows why it is not served? */
extern bool cf_node_is_refused(const PlannedStmt *stmt);

/* What goes with one of ours. */
extern CfStatement *cf_node_statement(const PlannedStmt *stmt);

/* A copy of one of ours, without the plan inside. */
extern PlannedStmt *cf_node_empty(const PlannedStmt *stmt);

/*
 * One for another query of the same kind: with the query in place of a plan, and what else
 * goes with it. Shares with "stmt" what it can.
 */
extern PlannedStmt *cf_node_rewrap(const PlannedStmt *stmt, const CfStatement *statement,
								   const Query *query);

/*
 * Calls "start", which makes the executor ready for a statement; one of ours is made ready
 * at a lower price.
 */
extern void cf_node_start(QueryDesc *query, int eflags,
						  void (*start) (QueryDesc *query, int eflags));

/*
 * Calls "run" with its argument, which runs the executor on a statement. If that is one of
 * ours, and all of its rows are asked for, at most one session of those that miss the same
 * answer does so (cf_answer_board).
 */
extern void cf_node_run(QueryDesc *query, uint64 count, void (*run) (void *arg), void *arg);

#endif							/* CF_STATEMENT_NODE_H */
