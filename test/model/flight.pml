/*
 * flight.pml - waiters of a flight that accept another's result; the ways
 * out of a flight; one load. One key, checked by run.sh.
 *
 * Modelled: the table of flights and their slots (engine/flight.c: join,
 * close, land, leave), the leader's steps (engine/fetch.c, lead; the order of
 * stamp, flag and snapshot is cf_load_run's), L1 and the key's clock
 * (l1/table.c, l1/clock.c), and transactions that invalidate the key
 * (commit/commit.c). CALLERS read once each, WRITERS commit or abort; a
 * leader or waiter may fail or die, FAULTS times in all. There are no
 * time-outs: who is not woken sleeps for ever.
 *
 * Claim FRESH (default): no caller takes a value older than what was visible
 * in the table when its own read began, be it from L1, from a load or from
 * another's flight; every flight lands, so nobody sleeps for ever (no invalid
 * end state); nobody reads a slot that is in use again.
 *	-DNO_FRESHNESS	a waiter takes any result			(take_value)
 *	-DLATE_FLAG		the flag is set after the snapshot	(cf_flight_begin_snapshot)
 *	-DNO_PENDING	a waiter looks at the number only	(cf_clock_unmoved)
 *	-DSEQ_FIRST		it reads the number before pending	(cf_clock_unmoved)
 *	-DNO_ABORT		an error does not land the flight	(lead, PG_CATCH)
 *	-DNO_EXIT		the leader's death does not land it	(flight_exit)
 *	-DCLOSE_TWICE	it is taken out of the table again	(cf_flight_abort)
 *	-DEARLY_FREE	the leader frees the slot			(release_if_unused_locked)
 *	-DNO_LEAVE		a cancelled waiter stays counted	(cf_flight_wait, PG_CATCH)
 *
 * Claim ONE LOAD (-DONE_LOAD, nothing is written and nothing fails): however
 * the callers come, one of them runs the query.
 *	-DLAND_FIRST	the flight lands before L1 is filled	(lead)
 *	-DNO_RECHECK	the leader does not look in L1 again	(lead)
 *
 * Claim NO CIRCLE (-DNESTED): two sessions each lead a flight, and the query of
 * each fetches the other's key; both end.
 *	-DFOLLOW_NESTED	a session that leads one follows another (cf_flight_join)
 */
#define NONE 255
#ifndef CALLERS
#define CALLERS 3
#endif
#ifndef WRITERS
#define WRITERS 1
#endif
#ifndef FAULTS
#define FAULTS 0
#endif

mtype = { FREE, LOADING, LANDING, LANDED };
mtype = { VALUE, RETRY };

byte db = 0;			/* newest version visible in the table */

/* the key's clock */
byte next = 1;			/* the last number given out */
byte moved = 0;			/* number of the last settled invalidation */
byte pending = 0;

byte l1 = NONE;			/* value in L1 */

typedef Flight {
	mtype state;
	bool begun;			/* snapshot_begun */
	byte waiters;
	mtype outcome;
	byte value;
	byte stamp;
	byte generation		/* how often the slot was used: the model's, not the code's */
}
Flight flight[CALLERS];
byte table = NONE;		/* the flight that may be joined */

byte loads = 0;
byte faults = 0;
byte unlanded = 0;		/* flights in the air */
byte left = CALLERS;	/* callers that still run */

proctype writer()
{
	byte mine;

	/* cf_commit_prepare: raise, then unlink under the partition's lock */
	pending++;
	l1 = NONE;
	if
	:: db++;						/* the commit becomes visible */
		atomic { next++; mine = next }	/* cf_commit_settle */
		atomic { if :: mine > moved -> moved = mine :: else fi }
		pending--
	:: pending--					/* cf_commit_abandon */
	fi
}

/* Beside a step of the leader: an error or a cancel; the end of its process. */
#define MAY_FAIL \
	:: atomic { faults < FAULTS -> faults++; goto failed } \
	:: atomic { faults < FAULTS -> faults++; goto died }

#ifdef EARLY_FREE
#define LAND(how) atomic { \
		flight[s].outcome = how; flight[s].value = v; flight[s].stamp = stamp; \
		flight[s].state = FREE; unlanded-- }
#else
#define LAND(how) atomic { \
		flight[s].outcome = how; flight[s].value = v; flight[s].stamp = stamp; \
		flight[s].state = (flight[s].waiters == 0 -> FREE : LANDED); unlanded-- }
#endif
#define CLOSE atomic { assert(table == s); table = NONE; flight[s].state = LANDING }
#ifdef CLOSE_TWICE
#define ABORT CLOSE; LAND(RETRY)
#else
#define ABORT \
	if \
	:: flight[s].state == LOADING -> CLOSE \
	:: else \
	fi; \
	LAND(RETRY)
#endif
#define LEAVE atomic { \
		flight[s].waiters--; \
		if \
		:: flight[s].state == LANDED && flight[s].waiters == 0 -> \
			flight[s].state = FREE \
		:: else \
		fi }

proctype caller()
{
	byte floor, v, s, stamp, generation;
	bool before, ok;

	floor = db;			/* the read begins */

look:					/* look_in_l1 */
	atomic {
		s = 0; stamp = 0; generation = 0; before = false; ok = false;
		v = l1;
		if
		:: v != NONE -> assert(v >= floor); goto done
		:: else
		fi
	}

	/* cf_flight_join, under the partition's lock */
	atomic {
		if
		:: table == NONE ->
			s = 0;
			do
			:: flight[s].state != FREE -> s++
			:: else -> break
			od;
			flight[s].state = LOADING;
			flight[s].begun = false;
			flight[s].waiters = 0;
			flight[s].generation++;
			table = s;
			unlanded++
		:: else ->
			s = table;
			flight[s].waiters++;
			before = !flight[s].begun;
			generation = flight[s].generation;
			goto follow
		fi
	}

	/* lead */
	if
	MAY_FAIL
#ifdef NO_RECHECK
	:: true
#else
	:: l1 == NONE
	:: l1 != NONE -> goto retry
#endif
	fi;
	stamp = next;		/* cf_load_run */
#ifndef LATE_FLAG
	flight[s].begun = true;
#endif
	atomic {
		v = db;			/* the snapshot; the query runs on it */
		loads++;
#ifdef ONE_LOAD
		assert(loads == 1);
#endif
		assert(v >= floor)
	}
#ifdef LATE_FLAG
	flight[s].begun = true;
#endif
#ifdef LAND_FIRST
	CLOSE;
	LAND(VALUE);
#endif
	if
	MAY_FAIL
	:: atomic {			/* cf_l1_put: check and link under the partition's lock */
		if
		:: pending == 0 && moved <= stamp -> l1 = v
		:: else
		fi }
	fi;
#ifndef LAND_FIRST
	CLOSE;				/* cf_flight_finish */
	if
	:: atomic { faults < FAULTS -> faults++; goto died }	/* while it copies */
	:: LAND(VALUE)
	fi;
#endif
	goto done;

failed:					/* PG_CATCH of lead: cf_flight_abort */
#ifndef NO_ABORT
	ABORT;
#endif
	goto done;

died:					/* before_shmem_exit: cf_flight_reset */
#ifndef NO_EXIT
	ABORT;
#endif
	goto done;

retry:					/* somebody else has filled L1 meanwhile */
	ABORT;
	goto look;

follow:					/* cf_flight_wait */
	if
	:: flight[s].state == LANDED
	:: atomic { faults < FAULTS -> faults++; goto cancelled }
	fi;
	if
	:: flight[s].outcome == VALUE && !before ->
		/* take_value: cf_l1_meta_is_current, no lock held */
#ifdef NO_FRESHNESS
		ok = true
#else
#ifdef SEQ_FIRST
		ok = (moved <= flight[s].stamp);
		ok = ok && (pending == 0)
#else
#ifdef NO_PENDING
		ok = true;
#else
		ok = (pending == 0);
#endif
		ok = ok && (moved <= flight[s].stamp)
#endif
#endif
	:: else -> ok = (flight[s].outcome == VALUE)
	fi;
	atomic {
		assert(flight[s].state == LANDED && flight[s].generation == generation);
		v = flight[s].value;
		LEAVE;
		if
		:: ok -> assert(v >= floor); goto done
		:: else -> goto look
		fi
	}

cancelled:				/* PG_CATCH of cf_flight_wait */
#ifndef NO_LEAVE
	LEAVE;
#endif
done:
	atomic {			/* when all is over, every slot is free again */
		floor = 0; v = 0; s = 0; stamp = 0; generation = 0; before = false; ok = false;
		left--;
		assert(left > 0 || (unlanded == 0 && table == NONE &&
							flight[0].state == FREE && flight[1].state == FREE &&
							flight[CALLERS - 1].state == FREE))
	}
}

/* two keys, two sessions, each leads one */
bool in_air[2];

proctype nester(byte mine)
{
	byte other = 1 - mine;

	atomic { !in_air[mine] -> in_air[mine] = true }
	if
	:: in_air[other] ->
#ifdef FOLLOW_NESTED
		!in_air[other]		/* waits until the other's flight lands */
#else
		skip				/* CF_FLIGHT_ALONE: loads by itself */
#endif
	:: else
	fi;
	in_air[mine] = false
}

init {
	byte i = 0;

	atomic {
#ifdef NESTED
		run nester(0); run nester(1)
#else
		do
		:: i < CALLERS -> flight[i].state = FREE; run caller(); i++
		:: else -> break
		od;
#ifndef ONE_LOAD
		i = 0;
		do
		:: i < WRITERS -> run writer(); i++
		:: else -> break
		od
#endif
#endif
	}
}
