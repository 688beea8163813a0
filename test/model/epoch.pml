/*
 * epoch.pml - the DDL epoch: reads that race with changes of definitions and
 * rights. Checked by run.sh.
 *
 * Modelled: two transactions that each change a definition and commit or
 * abort, in the order of PostgreSQL's CommitTransaction (commit record, visible,
 * COMMIT callbacks, catalog invalidations broadcast, locks released,
 * AFTER_LOCKS, the client sees COMMIT). Change 1 takes no lock on what is read
 * (GRANT, REVOKE, CREATE OR REPLACE FUNCTION, ALTER ROLE); change 2 locks it
 * exclusively until its locks are released (ALTER TABLE, policies). And two
 * sessions that read: each plans with its own catalog caches, which may be
 * filled anew at any time, but otherwise change only when it accepts
 * invalidations: at the start of a transaction and with each lock that it did
 * not hold yet (PostgreSQL), and after the stamp (cf_load_run). A value is the
 * set of changes that its plan knew of.
 *
 * Claim: no read, be it answered from L1, by a load or by another's flight,
 * gives a value that was planned without a change whose COMMIT was acknowledged
 * when the read began, nor without change 2 if that was visible then: a plain
 * query would have waited for its lock.
 *	-DEARLY_SETTLE	settled in the COMMIT callback	(cf_epoch_finish, xact.c)
 *	-DNO_RAISE		settled, but never pending		(cf_epoch_prepare)
 *	-DLATE_STAMP	stamped after planning			(cf_load_run)
 *	-DNO_ACCEPT		no invalidations accepted after the stamp (cf_load_run)
 *	-DLATE_FLAG		they are accepted before snapshot_begun is set, so that a
 *					follower may come in between	(cf_load_run)
 *	-DNO_FRESHNESS	a follower that came later does not look at the clock
 *													(take_value)
 *
 * -DLOCKED has one change only, of the second kind, -DUNLOCKED one of the first.
 * Then some rules are not needed, which says what each is for:
 * - Late settling, the stamp before planning and accepting invalidations
 *	 matter only for changes without a lock. With one, PostgreSQL's own lock keeps
 *	 readers out until the broadcast, and the change out until they end.
 * - The raise matters only for changes with a lock: it covers the time from
 *	 visible to acknowledged, for which PostgreSQL promises nothing without one.
 */
#define NONE 255
#ifdef UNLOCKED
#define LOCKS(change) false
#else
#ifdef LOCKED
#define LOCKS(change) true
#else
#define LOCKS(change) (change == 2)
#endif
#endif

/* sets of changes, a bit each */
byte visible = 0;		/* committed: who fills its caches now knows them */
byte broadcast = 0;		/* who accepts invalidations now will know them */
byte must = 0;			/* a read that begins now must know them */

/* PostgreSQL's lock on what is read */
byte sharers = 0;
bool exclusive = false;

/* the epoch's clock */
byte next = 1;
byte moved = 0;
byte pending = 0;

/* the entry in L1 */
byte l1 = NONE;
byte l1_stamp = 0;

/* the flight */
bool flying = false;
bool begun = false;
bool waiting = false;	/* somebody follows it; with two readers one at most */
bool landed = false;	/* for that one: */
byte handed = NONE;
byte handed_stamp = 0;

proctype change(byte me)
{
	byte mine;

	atomic {
		if
		:: LOCKS(me) -> sharers == 0 && !exclusive -> exclusive = true
		:: else
		fi
	}
#ifndef NO_RAISE
	pending++;							/* cf_epoch_prepare */
#endif
	if
	:: atomic {
		visible = visible | me;
		if
		:: LOCKS(me) -> must = must | me
		:: else
		fi }
	:: goto aborted
	fi;
#ifdef EARLY_SETTLE
	atomic { next++; mine = next }
	atomic { if :: mine > moved -> moved = mine :: else fi }
	pending--;
#endif
	atomic {							/* AtEOXact_Inval, locks released */
		broadcast = broadcast | me;
		if
		:: LOCKS(me) -> exclusive = false
		:: else
		fi
	}
#ifndef EARLY_SETTLE
	atomic { next++; mine = next }		/* AFTER_LOCKS: cf_epoch_finish */
	atomic { if :: mine > moved -> moved = mine :: else fi }
#endif
	atomic {
#if !defined(EARLY_SETTLE) && !defined(NO_RAISE)
		pending--;
#endif
		must = must | me;				/* the client sees COMMIT */
		goto done
	}

aborted:
	atomic {
		if
		:: LOCKS(me) -> exclusive = false
		:: else
		fi
	}
#ifndef NO_RAISE
	pending--;
#endif
done:
	skip
}

#define ACCEPT known = known | broadcast

proctype reader(byte reads)
{
	byte known;			/* changes that this session's caches know of */
	byte floor, v, stamp;
	bool locks, before, ok;

	do
	:: atomic { reads > 0 -> reads--; floor = must }	/* the read begins */

look:
		/* cf_l1_get; entry_is_current reads pending, then the number */
		atomic { v = l1; stamp = l1_stamp; ok = (pending == 0 && v != NONE) }
		if
		:: ok && moved <= stamp -> assert((v & floor) == floor); goto next_read
		:: else
		fi;

		atomic {						/* cf_flight_join */
			v = 0; stamp = 0; ok = false;
			if
			:: !flying -> flying = true; begun = false
			:: else ->
				assert(!waiting && !landed);
				waiting = true;
				before = !begun;
				goto follow
			fi
		}

		/* cf_load_run */
		atomic {
#ifndef LATE_STAMP
			stamp = next;
#endif
#ifndef LATE_FLAG
			begun = true
#endif
		}
#ifndef NO_ACCEPT
		ACCEPT;
#endif
#ifdef LATE_FLAG
		begun = true;
#endif
		atomic {						/* analysis locks what is read */
			if
			:: locks
			:: !locks && !exclusive -> sharers++; locks = true; ACCEPT
			fi;
			if
			:: known = known | visible	/* the cache had to be filled */
			:: true
			fi;
			v = known;
			assert((v & floor) == floor)
		}
#ifdef LATE_STAMP
		stamp = next;
#endif
		atomic {						/* cf_l1_put */
			if
			:: pending == 0 && moved <= stamp -> l1 = v; l1_stamp = stamp
			:: else
			fi
		}
		atomic {						/* cf_flight_finish */
			flying = false;
			if
			:: waiting -> waiting = false; landed = true; handed = v; handed_stamp = stamp
			:: else
			fi;
			goto next_read
		}

follow:									/* cf_flight_wait */
		atomic { landed -> v = handed; stamp = handed_stamp; ok = (before || pending == 0) }
		atomic {
#ifndef NO_FRESHNESS
			ok = ok && (before || moved <= stamp);
#else
			ok = true;
#endif
			landed = false; handed = NONE; handed_stamp = 0; before = false;
			if
			:: ok -> assert((v & floor) == floor)
			:: else -> goto look
			fi
		}

next_read:
		atomic {
			floor = 0; v = 0; stamp = 0; ok = false;
			if
			:: reads > 0				/* more in this transaction */
			:: true ->					/* or in the next one */
				if
				:: locks -> locks = false; sharers--
				:: else
				fi;
				ACCEPT
			fi
		}
	:: else -> break
	od
}

init {
	atomic {
		run change(1);
#if !defined(LOCKED) && !defined(UNLOCKED)
		run change(2);
#endif
		run reader(2); run reader(1)
	}
}
