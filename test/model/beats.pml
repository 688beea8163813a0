/*
 * beats.pml - what a standby may fill where Redis shows nothing: neither a
 * tombstone of the key nor a version of the tag. Checked by run.sh.
 *
 * The idea: missing says nothing, for Redis evicts. But the writing server
 * gives a sign of life now and then, a beat: "at this time of Redis, when it
 * had evicted so many keys, I was at this LSN". What is kept true:
 *
 *		Who commits after a beat's LSN has fenced after its time and its count.
 *
 * So if Redis has evicted nothing since, and the beat is younger than any fence
 * or tombstone lives, then what is missing was not invalidated after the beat;
 * and up to its LSN a standby can know by itself.
 *
 * Modelled: one key, or with -DTAG one tag of an entry whose key is never
 * invalidated; WRITERS transactions that invalidate it and commit or abort, any
 * of whose settlings may be lost; who gives BEATS beats; a standby that replays
 * late, with a session that reads READS times. A value is the set of
 * transactions that it shows; the commit record of each is one LSN. Each script
 * is one step. Redis may evict it EVICTIONS times. Faults:
 *	-DTIME		time passes, TIME ticks of it: fences and tombstones live for two,
 *				a beat is young for one
 *	-DEXPIRE	fences expire though their transactions live; those of others
 *				expire at any time in any case
 *	-DFLUSH		Redis loses everything once, the floor too; the writing server
 *				writes that anew at any time after it
 *	-DCRASH		the writing server restarts, and has a session that reads
 *	-DOUTAGE	a writer fences nothing: a row in the outbox says so, which is
 *				replayed with its commit, and deleted when it is delivered
 *	-DREADER	with TAG: a session of the writing server makes a version
 *	-DONE_EACH	the first writer commits, others roll back
 *
 * Claim: no read on the standby gives less than what that had replayed when it
 * began; none on the writing server, after its restart, less than what was
 * visible then. (Before that its own memory says more: see tags.pml.)
 *
 * Writing server
 *	-DNO_WINDOWS	a beat does not wait for those who have fenced before it
 *	-DLATE_WINDOW	they count from when they have fenced
 *	-DEARLY_END		... to the fence's end, not the commit's
 *	-DEARLY_LSN		the beat's LSN is from before the wait
 *	-DLATE_COUNT	its count of evicted keys is from after the wait
 *	-DLATE_TIME		its time is when it is written, not when it was begun
 *	-DFLOOR_BEAT	who writes the floor gives a beat with it
 *	-DOLD_BEAT		a beat that was begun before the floor was written counts
 *	-DBARE_MARK		a mark forgets what was known before it; see tags.pml for marks
 *
 * Standby
 *	-DNO_BEAT		missing says that there was nothing
 *	-DNO_EVICTED	it does not compare the count of evicted keys
 *	-DNO_AGE		it does not ask how old the beat is
 *	-DNO_BEAT_LSN	it does not compare its LSN with the beat's
 *	-DNO_REPLAY		it does not compare its LSN with that of an invalidation
 *	-DLATE_OWN		it reads its LSN after its snapshot
 *	-DEARLY_PROOF	it asks for the beat before it has the lease
 *	-DOLD_PROOF		when it makes a version it relies on the proof that it had
 *					when it got the lease
 *	-DADOPT_MARK	it takes another's mark for nothing
 *	-DNO_LOOK		it does not look into the outbox
 *
 * -DSEEK forbids hits on what was filled with nothing but a proof and shows a
 * commit. That must break.
 */
#ifndef WRITERS
#define WRITERS 1
#endif
#ifndef READS
#define READS 2
#endif
#ifndef BEATS
#define BEATS 1
#endif
#ifndef EVICTIONS
#define EVICTIONS 1
#endif
#ifndef TIME
#define TIME 0
#endif

#define BIT(me) (1 << (me - 1))
#define DELIVERED 8			/* the outbox: its row is gone */
#define RECORDS (WRITERS + 1)
#define NEVER 9				/* an LSN that nobody reaches */
#define MAX(a, b) (a > b -> a : b)

/* the database */
byte lsn = 0;
byte wal[RECORDS + 1];	/* by LSN: the bit of the transaction that it commits */
byte replayed_lsn = 0;
byte replayed = 0;		/* on the standby */

/* shared memory of the writing server */
byte boot = 0;
#ifdef CRASH
bool restarted = false;	/* and has not used Redis since */
#endif
byte windows = 0;		/* who is in its commit window, as beats see it */
byte pending = 0;		/* ... as readers see it, by their clock */
byte seq = 0;

/*
 * In Redis: what is invalidated. No fence, unsure and LSN 0 is the same as
 * missing. Id: of a tag's version, or of the mark.
 */
#define UNSURE 0			/* there was an invalidation at that LSN, perhaps others */
#define SURE 1				/* a tombstone, a version */
#define MARK 2
typedef Sign {
	byte fences;		/* a bit a transaction */
	byte kind;
	byte lsn;
	byte id;
	byte under;			/* a mark: the LSN that was there */
	byte since			/* time: lives for two ticks more */
}
typedef Entry {
	bool filled;
	byte value;
	byte id;			/* of the version that it was filled under */
	bool proven;		/* the model's: filled where there was no tombstone */
	bool lease
}
Sign sign;
Entry entry;
byte time = 0;
byte evicted = 0;

/* The floor's key. Without a beat its LSN is NEVER. */
typedef Floor {
	bool there;
	byte serial;		/* of its writing */
	byte lsn;
	byte time;
	byte evicted
}
Floor floor;

#ifdef OUTAGE
bool outage = false;
byte row = 0;			/* in the outbox: whose */
#endif
#if defined(OUTAGE) && !defined(NO_LOOK)
#define TRUSTED ((replayed & row) == 0 || (replayed & DELIVERED) != 0)
#else
#define TRUSTED true
#endif

/* ids of versions, each used once */
#define FIRST 1
#define OF_WRITER(me) (1 + me)
#define OF_READER (2 + WRITERS)
#define OF_READ(n) (3 + WRITERS + n)

#ifdef SEEK
#define SEEN assert(!entry.proven || entry.value == 0)
#else
#define SEEN skip
#endif

inline drop_entry()
{
	entry.filled = false; entry.value = 0; entry.id = 0; entry.proven = false;
	entry.lease = false
}

inline lose()
{
	sign.fences = 0; sign.kind = UNSURE; sign.lsn = 0; sign.id = 0;
	sign.under = 0; sign.since = 0;
#ifndef TAG
	drop_entry()
#endif
}

inline drop()
{
#ifndef TAG
	drop_entry();
#endif
	sign.since = time
}

inline unmark()
{
	if
	:: sign.kind == MARK ->
		sign.kind = UNSURE; sign.id = 0;
#ifndef BARE_MARK
		sign.lsn = sign.under;
#endif
		sign.under = 0
	:: else
	fi
}

inline write_floor()
{
	floor.there = true;
	floor.serial++;
#ifdef FLOOR_BEAT
	floor.lsn = lsn;
#else
	floor.lsn = NEVER;
#endif
	floor.time = time; floor.evicted = evicted
}

#ifdef ONE_EACH
#define MAY_COMMIT me == 1 ->
#define MAY_ABORT me > 1 ->
#else
#define MAY_COMMIT
#define MAY_ABORT
#endif

/* The writing server begins a script: after its start with its floor. */
inline use_redis()
{
#ifdef CRASH
	if
	:: restarted -> restarted = false; write_floor()
	:: else
	fi
#else
	skip
#endif
}

proctype writer(byte me)
{
	byte mine, started;

	started = boot;
	{
#ifdef LATE_WINDOW
		pending = pending | BIT(me);
#else
		atomic { pending = pending | BIT(me); windows = windows | BIT(me) }
#endif
#ifdef OUTAGE
		if
		:: atomic { !outage -> outage = true; row = BIT(me) }
			atomic { lsn++; mine = lsn; wal[lsn] = BIT(me) }
			goto finish
		:: true
		fi;
#endif
		atomic {				/* fence */
			use_redis();
			drop();
			unmark();
			sign.fences = sign.fences | BIT(me)
		}
#ifdef LATE_WINDOW
		windows = windows | BIT(me);
#endif
#ifdef EARLY_END
		windows = windows & ~BIT(me);
#endif
		if
		:: atomic { MAY_COMMIT lsn++; mine = lsn; wal[lsn] = BIT(me) }
		:: atomic {				/* ABORT */
				MAY_ABORT sign.fences = sign.fences & ~BIT(me)
			}
			goto finish
		fi;
		if
		:: atomic {				/* settle */
				use_redis();
				drop();
				unmark();
				sign.lsn = MAX(sign.lsn, mine);
				if
				:: (sign.fences & BIT(me)) != 0 && sign.kind == SURE ->
#ifdef TAG
					sign.id = OF_WRITER(me)
#endif
				:: else -> sign.kind = UNSURE; sign.id = 0
				fi;
				sign.fences = sign.fences & ~BIT(me)
			}
		:: true					/* or it is lost */
		fi;
finish:
		atomic {
			windows = windows & ~BIT(me);
			if
			:: mine > 0 -> seq++
			:: else
			fi;
			pending = pending & ~BIT(me)
		}
	} unless { boot != started };
	atomic { mine = 0; started = 0 }
}

proctype beater()
{
	byte at, count, before, now_lsn, serial, started;
	byte n = 0;

	do
	:: n < BEATS ->
		started = boot;
		{
			atomic {
				floor.there;
				serial = floor.serial;
				at = time;
				count = evicted
			}
#ifdef EARLY_LSN
			now_lsn = lsn;
#endif
#ifndef NO_WINDOWS
			before = windows;
			(windows & before) == 0;
#endif
#ifdef LATE_COUNT
			count = evicted;
#endif
#ifndef EARLY_LSN
			now_lsn = lsn;
#endif
			atomic {
				if
#ifdef OLD_BEAT
				:: floor.there ->
#else
				:: floor.there && floor.serial == serial ->
#endif
					floor.lsn = now_lsn;
#ifdef LATE_TIME
					floor.time = time;
#else
					floor.time = at;
#endif
					floor.evicted = count
				:: else
				fi
			}
		} unless { boot != started };
		atomic { at = 0; count = 0; before = 0; now_lsn = 0; serial = 0; started = 0; n++ }
	:: else -> break
	od
}

#ifdef NO_BEAT
#define PROOF true
#else
#ifdef NO_EVICTED
#define NONE_EVICTED true
#else
#define NONE_EVICTED (evicted == floor.evicted)
#endif
#ifdef NO_AGE
#define YOUNG true
#else
#define YOUNG (time - floor.time <= 1)
#endif
#ifdef NO_BEAT_LSN
#define AFTER_BEAT (floor.lsn != NEVER)
#else
#define AFTER_BEAT (own >= floor.lsn)
#endif
#define PROOF (floor.there && NONE_EVICTED && YOUNG && AFTER_BEAT)
#endif

#if defined(OLD_PROOF) || defined(NO_BEAT)
#define STILL true
#else
#ifdef NO_EVICTED
#define STILL (time - beat_time <= 1)
#else
#ifdef NO_AGE
#define STILL (evicted == beat_evicted)
#else
#define STILL (evicted == beat_evicted && time - beat_time <= 1)
#endif
#endif
#endif

#ifdef NO_REPLAY
#define REPLAYED(l) true
#else
#define REPLAYED(l) (own >= (l))
#endif

#ifdef TAG
#define HIT (entry.filled && sign.fences == 0 && sign.kind == SURE && sign.id == entry.id)
#else
#define HIT (entry.filled && sign.fences == 0)
#endif

inline prove()
{
	proven = PROOF;
	beat_lsn = floor.lsn; beat_time = floor.time; beat_evicted = floor.evicted
}

proctype standby_reader()
{
	byte least, own, v, id, beat_lsn, beat_time, beat_evicted;
	bool sure, proven;
	byte n = 0;

	do
	:: n < READS ->
		least = replayed & ~DELIVERED;	/* the read begins */
		atomic {
			if
			:: !floor.there || !TRUSTED -> goto next
			:: floor.there && TRUSTED && HIT ->
				assert((entry.value & least) == least);
				SEEN;
				goto next
			:: else
			fi
		}
#ifndef LATE_OWN
		own = replayed_lsn;
#else
		v = replayed;
		own = replayed_lsn;
#endif
#ifdef EARLY_PROOF
		atomic { prove() }
#endif
		atomic {				/* lease */
#ifndef TAG
			if
			:: sign.fences != 0 || !REPLAYED(sign.lsn) -> goto next
			:: else -> sure = (sign.kind == SURE)
			fi;
			sign.since = time;
#endif
			entry.lease = true
		}
#ifndef EARLY_PROOF
		atomic { prove() }
#endif
#ifndef TAG
		if
		:: !sure && !proven -> entry.lease = false; goto next
		:: else
		fi;
#else
		atomic {				/* adopt, or only look */
			if
			:: sign.fences == 0 && sign.kind == SURE && REPLAYED(sign.lsn) ->
				sure = true; id = sign.id
			:: sign.fences == 0 && sign.kind != SURE && REPLAYED(sign.lsn) &&
#ifndef ADOPT_MARK
				sign.kind != MARK &&
#endif
				proven && STILL ->
				id = OF_READ(n);
				sign.kind = SURE; sign.id = id; sign.under = 0;
				sign.lsn = MAX(sign.lsn, beat_lsn); sign.since = time
			:: else -> entry.lease = false; goto next
			fi
		}
#endif
#ifndef LATE_OWN
		v = replayed;			/* the snapshot */
#endif
		atomic {				/* fill */
			if
			:: entry.lease ->
				entry.filled = true; entry.value = v; entry.id = id;
				entry.proven = !sure; entry.lease = false
			:: else
			fi
		}
next:
		atomic {
			least = 0; own = 0; v = 0; id = 0; beat_lsn = 0; beat_time = 0;
			beat_evicted = 0; sure = false; proven = false; n++
		}
	:: else -> break
	od
}

#ifdef CRASH
/* Of the writing server after its restart: its clocks know nothing. */
proctype reader_after()
{
	byte least;

	atomic {
		boot > 0;
		least = (lsn > 0 -> wal[1] : 0) | (lsn > 1 -> wal[2] : 0)
	}
	atomic {
		if
		:: HIT -> assert((entry.value & least) == least)
		:: else
		fi;
		least = 0
	}
}
#endif

#ifdef READER
/* Of the writing server: it marks, looks at its clock, and confirms. */
proctype reader()
{
	byte stamp, now_lsn;
	bool open, marked;

	atomic { stamp = seq; open = (pending == 0) }
	now_lsn = lsn;
	atomic {
		if
		:: sign.fences == 0 && sign.kind != SURE ->
			sign.under = (sign.kind == MARK -> sign.under : sign.lsn);
			sign.kind = MARK; sign.id = OF_READER; sign.lsn = now_lsn;
			sign.since = time;
			marked = true
		:: else
		fi
	}
	if
	:: marked && open && pending == 0 && stamp == seq ->
		atomic {
			if
			:: sign.fences == 0 && sign.kind == MARK && sign.id == OF_READER ->
				sign.kind = SURE; sign.under = 0
			:: else
			fi
		}
	:: else
	fi;
	atomic { stamp = 0; now_lsn = 0; open = false; marked = false }
}
#endif

proctype replay()
{
end:
	do
	:: atomic {
		replayed_lsn < lsn ->
			replayed_lsn++;
			replayed = replayed | wal[replayed_lsn]
		}
	od
}

#define MISSING (sign.fences == 0 && sign.kind == UNSURE && sign.lsn == 0)

proctype faults()
{
	byte evictions = 0;
	bool expired = false, flushed = false, crashed = false, told = false, deleted = false;

end:
	do
	:: atomic { evictions < EVICTIONS && (!MISSING || entry.lease) ->
		evictions++; evicted++; lose() }
	/* A fence's time is over, and somebody notices. */
	:: atomic { (sign.fences & ~pending) != 0 ->
		sign.fences = sign.fences & pending;
		sign.kind = UNSURE; sign.lsn = NEVER; sign.id = 0; sign.under = 0 }
#ifdef EXPIRE
	:: atomic { sign.fences != 0 && !expired ->
		expired = true;
		sign.fences = 0;
		sign.kind = UNSURE; sign.lsn = NEVER; sign.id = 0; sign.under = 0 }
#endif
#if TIME > 0
	:: atomic { time < TIME -> time++ }
	:: atomic { (!MISSING || entry.filled) && time - sign.since >= 2 -> lose() }
#endif
#ifdef FLUSH
	:: atomic { !flushed -> flushed = true; lose(); drop_entry(); floor.there = false }
	:: atomic { !floor.there -> write_floor() }
#endif
#ifdef OUTAGE
	:: atomic { row != 0 && !told && (wal[1] == row || wal[2] == row) ->
		told = true;			/* delivered */
		drop();
		unmark();
		sign.lsn = MAX(sign.lsn, lsn);
		sign.kind = UNSURE; sign.id = 0 }
	:: atomic { told && !deleted -> deleted = true; lsn++; wal[lsn] = DELIVERED }
#endif
#ifdef CRASH
	:: atomic { !crashed ->
		crashed = true;
		boot++; windows = 0; pending = 0; seq = 0;
		restarted = true }
	:: atomic { restarted -> use_redis() }
#endif
	od
}

init {
	atomic {
		floor.there = true;
		floor.lsn = NEVER;
		if
		:: sign.kind = SURE; sign.id = FIRST
		:: skip
		fi;
		byte i = 1;
		do
		:: i <= WRITERS -> run writer(i); i++
		:: else -> break
		od;
		i = 0;
		run beater();
		run standby_reader();
#ifdef CRASH
		run reader_after();
#endif
#ifdef READER
		run reader();
#endif
		run replay();
		run faults()
	}
}
