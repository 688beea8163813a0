/*
 * savepoint.pml - the transaction's log of operations, cut back by ROLLBACK TO
 * SAVEPOINT. One session, one key whose value has a tag; every sequence of up
 * to CALLS operations and SUBS savepoints, nested up to LEVELS deep. Checked
 * by run.sh.
 *
 * Modelled: txn/pending.c, with the same arrays and indexes (log, index
 * of the newest operation about a thing, marks), and what commit.c makes of the
 * log. Beside it runs the specification: a plain list of all calls with the
 * level of each, in which a rollback deletes and a release moves up one level,
 * replayed in order.
 *
 * Claim: after each step the transaction's own read (cf_pending_get) is what
 * the replay gives; and at commit the value in the cache and the set of things
 * invalidated are what the replay gives: nothing of a rolled back
 * subtransaction is applied, nothing of a live one is lost.
 *	-DNO_POP		an abort does not cut the log back	(cf_pending_subxact)
 *	-DNO_RESTORE	a pop does not bring the older operation back into the
 *					index								(pop)
 *	-DNO_MERGE		a mark keeps its level when its subtransaction commits
 *														(cf_pending_subxact)
 *	-DNO_MARK		a nested subtransaction has no mark of its own
 *														(mark_subtransaction)
 *	-DBAD_DEDUP		an invalidation that the log has already is not added, though
 *					a value was set since				(cf_pending_add_key, add_tag)
 *	-DNO_TAG_ORDER	a tag does not count against a value that was set before
 *					it in the same transaction			(deciding_op)
 */
#ifndef CALLS
#define CALLS 5
#endif
#define SUBS 3
#define LEVELS 3

#define OLD 100			/* what the cache has before; values set are 1, 2, ... */
#define GONE 0			/* no value */
#define UNKNOWN 101		/* own read: look in the cache */

mtype = { KEY, TAG, FLUSH, SET, TOUCH };

/* what an operation is about; SET and TOUCH share one */
#define ABOUT(kind) (kind == KEY -> 0 : (kind == TAG -> 1 : (kind == FLUSH -> 2 : 3)))

/* the log; as an index 0 is none, n is operation n - 1 */
typedef Op {
	mtype kind;
	byte value;			/* SET */
	byte ttl;			/* SET, TOUCH: number of the call that set it */
	byte older
}
Op ops[CALLS];
byte nops = 0;
byte newest[4];
byte last_value = 0;	/* newest SET or TOUCH ever added; only grows */

typedef Mark {
	byte level;
	byte nops
}
Mark marks[LEVELS];
byte nmarks = 0;
byte level = 1;			/* GetCurrentTransactionNestLevel */

/* the specification */
typedef Call {
	mtype kind;
	byte level;
	byte number			/* of the call, for the value or the time to live */
}
Call call[CALLS];
byte ncalls = 0;

byte numbers = 0;		/* calls made, those rolled back too */
byte subs = 0;

/* scratch, no part of the state */
hidden byte i, decided, about;
hidden byte value, ttl;			/* by the log */
hidden byte spec_value, spec_ttl;
hidden byte dropped, spec_dropped;	/* things invalidated, a bit each */

inline append(what, its_value, its_ttl)
{
	/* mark_subtransaction */
	if
#ifdef NO_MARK
	:: level > 1 && nmarks == 0 ->
#else
	:: level > 1 && (nmarks == 0 || marks[nmarks - 1].level < level) ->
#endif
		marks[nmarks].level = level; marks[nmarks].nops = nops; nmarks++
	:: else
	fi;
	about = ABOUT(what);
	ops[nops].kind = what; ops[nops].value = its_value; ops[nops].ttl = its_ttl;
	ops[nops].older = newest[about];
	nops++;
	newest[about] = nops;
	if
	:: about == 3 -> last_value = nops
	:: else
	fi
}

inline deciding_op()
{
	decided = (newest[0] > newest[2] -> newest[0] : newest[2]);
	decided = (newest[3] > decided -> newest[3] : decided);
#ifndef NO_TAG_ORDER
	decided = (newest[1] > decided -> newest[1] : decided)
#endif
}

inline invalidate(what)	/* cf_pending_add_key, add_tag, cf_pending_add_flush */
{
	if
#ifdef BAD_DEDUP
	:: what != FLUSH && newest[ABOUT(what)] > 0
#else
	:: what != FLUSH && newest[ABOUT(what)] > last_value
#endif
	:: else -> append(what, 0, 0)
	fi
}

inline touch()			/* cf_pending_add_touch */
{
	deciding_op();
	if
	:: decided > 0 && ops[decided - 1].kind == SET ->
		append(SET, ops[decided - 1].value, numbers)
	:: decided == 0 || ops[decided - 1].kind == TOUCH ->
		append(TOUCH, 0, numbers)
	:: else				/* dropped: nothing to touch */
	fi
}

inline pop()
{
	nops--;
	about = ABOUT(ops[nops].kind);
#ifdef NO_RESTORE
	newest[about] = 0;
#else
	newest[about] = ops[nops].older;
#endif
	ops[nops].kind = 0; ops[nops].value = 0; ops[nops].ttl = 0; ops[nops].older = 0
}

inline drop_mark()
{
	nmarks--;
	marks[nmarks].level = 0; marks[nmarks].nops = 0
}

inline abort_sub()		/* cf_pending_subxact */
{
	if
	:: nmarks > 0 && marks[nmarks - 1].level >= level ->
#ifndef NO_POP
		do
		:: nops > marks[nmarks - 1].nops -> pop()
		:: else -> break
		od;
#endif
		drop_mark()
	:: else
	fi;
	do
	:: ncalls > 0 && call[ncalls - 1].level >= level ->
		ncalls--;
		call[ncalls].kind = 0; call[ncalls].level = 0; call[ncalls].number = 0
	:: else -> break
	od;
	level--
}

inline commit_sub()		/* cf_pending_subxact */
{
	if
	:: nmarks > 0 && marks[nmarks - 1].level >= level ->
#ifndef NO_MERGE
		if
		:: level - 1 <= 1 || (nmarks > 1 && marks[nmarks - 2].level == level - 1) ->
			drop_mark()
		:: else -> marks[nmarks - 1].level = level - 1
		fi
#endif
	:: else
	fi;
	i = ncalls;
	do
	:: i > 0 && call[i - 1].level == level -> call[i - 1].level = level - 1; i--
	:: else -> break
	od;
	level--
}

inline note(what)
{
	call[ncalls].kind = what; call[ncalls].level = level; call[ncalls].number = numbers;
	ncalls++
}

/* The specification: all live calls in order, on top of what was before. */
inline replay(first_value, first_ttl)
{
	spec_value = first_value; spec_ttl = first_ttl; spec_dropped = 0;
	i = 0;
	do
	:: i < ncalls ->
		if
		:: call[i].kind == SET -> spec_value = call[i].number; spec_ttl = call[i].number
		:: call[i].kind == TOUCH ->
			if
			:: spec_value != GONE -> spec_ttl = call[i].number
			:: else
			fi
		:: else ->
			spec_value = GONE; spec_ttl = 0;
			spec_dropped = spec_dropped | (1 << ABOUT(call[i].kind))
		fi;
		i++
	:: else -> break
	od
}

inline check_own_read()	/* cf_pending_get */
{
	replay(UNKNOWN, 0);
	deciding_op();
	value = UNKNOWN;
	if
	:: decided > 0 && ops[decided - 1].kind != TOUCH ->
		value = (ops[decided - 1].kind == SET -> ops[decided - 1].value : GONE)
	:: else
	fi;
	assert(value == spec_value)
}

inline check_commit()	/* cf_commit_prepare, cf_commit_settle */
{
	replay(OLD, 0);
	value = OLD; ttl = 0; dropped = 0;
	i = 0;
	do
	:: i < nops ->
		if
		:: ops[i].kind != SET && ops[i].kind != TOUCH ->
			value = GONE; ttl = 0;
			dropped = dropped | (1 << ABOUT(ops[i].kind))
		:: else
		fi;
		i++
	:: else -> break
	od;
	deciding_op();
	i = 0;
	do
	:: i < nops ->
		if
		:: ops[i].kind == SET && decided == i + 1 ->	/* cf_pending_is_last */
			value = ops[i].value; ttl = ops[i].ttl
		:: ops[i].kind == TOUCH && decided == i + 1 && value != GONE ->
			ttl = ops[i].ttl
		:: else
		fi;
		i++
	:: else -> break
	od;
	assert(value == spec_value && ttl == spec_ttl);
	assert(dropped == spec_dropped)
}

active proctype session()
{
	do
	:: d_step { numbers < CALLS -> numbers++; note(KEY); invalidate(KEY); check_own_read() }
	:: d_step { numbers < CALLS -> numbers++; note(TAG); invalidate(TAG); check_own_read() }
	:: d_step { numbers < CALLS -> numbers++; note(FLUSH); invalidate(FLUSH); check_own_read() }
	:: d_step { numbers < CALLS -> numbers++; note(SET); append(SET, numbers, numbers); check_own_read() }
	:: d_step { numbers < CALLS -> numbers++; note(TOUCH); touch(); check_own_read() }
	:: d_step { subs < SUBS && level < LEVELS -> subs++; level++ }
	:: d_step { level > 1 -> abort_sub(); check_own_read() }
	:: d_step { level > 1 -> commit_sub(); check_own_read() }
	:: d_step { level == 1 -> check_commit() } -> break
	od
}
