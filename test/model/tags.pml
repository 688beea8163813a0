/*
 * tags.pml - the versions of tags in Redis. One entry that depends on one tag
 * and whose key is never invalidated itself; the writing server and a standby
 * that replays late. Checked by run.sh.
 *
 * The idea: an entry says under which version of the tag it was filled, and is
 * a hit only while that is the tag's version. A version is only as good as the
 * fences on it, and Redis may lose those with the key, by eviction or with an
 * older copy of itself. So this is kept true (and asserted with -DINVARIANT):
 *
 *		While a tag has a version, with fences or without, at or above the floor,
 *		every transaction in its commit window has a fence on it.
 *
 * Modelled: WRITERS transactions that invalidate the tag and commit or abort, in
 * the order of CommitTransaction; READERS sessions of the writing server that
 * read READS times each; one of the standby, STANDBY_READS times. A value is the
 * set of transactions that it shows; the commit record of each is one LSN. Each
 * script is one step. Faults, each once at most:
 *	-DEVICT		Redis evicts the tag (-DEVICT=2: or the entry)
 *	-DEXPIRE	fences expire though their transactions live; those of others
 *				expire at any time in any case
 *	-DLOST		a settling does not reach Redis
 *	-DCRASH		the writing server restarts: its clocks are zero, what has a
 *				commit record is visible, its fences stay until they expire
 *	-DFORGET	Redis restarts with a copy of any earlier state, the fences and
 *				the floor of then included, and has a new run id
 *	-DOUTAGE	a writer reaches Redis neither to fence nor to settle: its commit
 *				leaves a row in the outbox, delivered later
 *
 * Claim: no read on the writing server gives less than what was visible when
 * it began, none on the standby less than what that had replayed; with -DPRIMARY
 * the first only, which is all that OUTAGE leaves.
 *
 * Writer
 *	-DNO_FENCE		no fence before the commit
 *	-DONE_TOKEN		a fence replaces others, and its settling lifts them all
 *	-DSAME_VERSION	settled without a new version
 *	-DNO_MAX		a new version has the commit's LSN, though one settled before
 *					it had a greater
 *	-DPURGE_PREV	who purges an expired fence leaves the version, as if nothing
 *					had been committed
 *	-DSETTLE_NEW	settling makes a version also where the fence found none:
 *					another's fence may be lost
 *	-DNO_DRAIN		after a start Redis is used before the outbox is delivered
 *
 * Creating a version: the writing server only, in two steps. It marks the tag,
 * looks at its own clock again, and makes a version of the mark if that is
 * still there. A fence removes marks; so no commit window can be open then.
 *	-DONE_STEP		created at once where it is missing
 *	-DBLIND_CONFIRM	the clock is not looked at between mark and version
 *	-DKEEP_MARK		a fence takes a mark for a version
 *	-DSTAMP_ZERO	the LSN is not the current one
 *	-DEARLY_LSN		it is read before the clock
 *	-DSTANDBY_NEW	a standby creates versions too, with the LSN that it replayed
 *
 * Reader
 *	-DNO_REPLAY		a standby that fills does not compare the LSN that it has
 *					replayed with the version's
 *	-DLATE_LSN		it reads that after its snapshot
 *	-DLATE_VERSION	the version is read after the snapshot
 *	-DNO_LOCAL		the writing server looks at its clock only to create versions,
 *					not for hits and fills
 *	-DNO_CLOCK_LSN	a hit on it may have a smaller LSN than its clock
 * The last three are not needed beside the fences: the local rules are there
 * for writers that have none (OUTAGE), and reading the version first is the one
 * that holds without them.
 *
 * Floor: a run id, and an LSN above all that there were when the writing server
 * met that run id. A version below it is no version.
 *	-DNO_FLOOR		there is none
 *	-DNO_RUN_ID		a standby does not compare its run id
 *	-DFLOOR_CURRENT	it is the current LSN, not one above it
 *	-DENTRY_FLOOR	it is compared with the entry's LSN, not with the version's
 *
 * -DSEEK=KIND forbids hits of a kind. That must break: a cache without hits is
 * never stale.
 */
#ifndef WRITERS
#define WRITERS 1
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef READS
#define READS 2
#endif
#ifndef STANDBY_READS
#define STANDBY_READS 2
#endif

/* the database */
byte lsn = 0;			/* of the last record */
byte wal[WRITERS + 1];	/* by LSN: the bit of the transaction that it commits */
byte visible = 0;		/* on the writing server: a bit a transaction */
byte replayed_lsn = 0;
byte replayed = 0;		/* on the standby */

/* shared memory of the writing server: the tag's clock */
byte boot = 0;			/* the server's start; the model's, not the code's */
byte pending = 0;
byte seq = 0;
byte clock_lsn = 0;
byte window = 0;		/* who has fenced and not settled; the model's */

/* the tag: fences, and the version below them. Id 0 is none: missing, or unknown */
typedef Tag {
	byte fences;		/* a bit a transaction */
	byte id;
	byte lsn;
	bool mark			/* not yet a version */
}
typedef Entry {
	byte id;			/* of the version it was filled under; 0 is no entry */
	byte value;
	byte lsn
}
typedef Floor {
	byte run_id;
	byte lsn
}
Tag tag;
Entry entry;
Floor floor;
byte run_id = 0;			/* Redis' run id */

/* the copy that it restarts with */
bool saved = false;
Tag saved_tag;
Entry saved_entry;
Floor saved_floor;

#ifdef LOST
bool lost = false;		/* a settling that did not reach Redis */
#endif
#ifdef OUTAGE
bool outage = false;	/* has been */
bool outbox = false;	/* a committed row in cache_outbox */
#endif

/* ids of versions, each used once */
#define FIRST 1
#define OF_WRITER(me) (1 + me)
#define OF_READ(me, n) (2 + WRITERS + READS * me + n)

#define BIT(me) (1 << (me - 1))
#define MAX(a, b) (a > b -> a : b)

#if defined(NO_FLOOR) || defined(ENTRY_FLOOR)
#define ABOVE_FLOOR true
#else
#define ABOVE_FLOOR (tag.lsn >= floor.lsn)
#endif
#if defined(ENTRY_FLOOR)
#define ENTRY_ABOVE_FLOOR (entry.lsn >= floor.lsn)
#else
#define ENTRY_ABOVE_FLOOR true
#endif
#define IS_VERSION (tag.fences == 0 && tag.id != 0 && !tag.mark && ABOVE_FLOOR)

/* Hits of a kind, which -DSEEK forbids. */
#define SETTLED 1		/* under a version that a writer made when it settled */
#define CREATED 2
#define RESTARTED 3		/* after Redis' restart */
#define ON_STANDBY 4	/* added to those */
#define KIND (run_id > 0 -> RESTARTED : (id == FIRST -> 0 : (id > OF_WRITER(WRITERS) -> CREATED : SETTLED)))
#ifdef SEEK
#define SEEN(kind) assert(SEEK != kind)
#else
#define SEEN(kind) skip
#endif

/* What is kept true, once the floor is written. */
#ifdef INVARIANT
#define CHECK_FENCES \
	assert(tag.id == 0 || tag.mark || (window & ~tag.fences) == 0)
#else
#define CHECK_FENCES skip
#endif

inline forget_version()
{
	tag.id = 0; tag.lsn = 0; tag.mark = false
}

/* The writing server begins a script: with its floor, written if need be. */
inline use_redis()
{
#ifndef NO_FLOOR
	if
	:: floor.run_id != run_id ->
		floor.run_id = run_id;
#ifdef FLOOR_CURRENT
		floor.lsn = lsn
#else
		floor.lsn = lsn + 1
#endif
	:: else
	fi;
#endif
	if
	:: !ABOVE_FLOOR -> forget_version()
	:: else
	fi;
#if defined(OUTAGE) && !defined(NO_DRAIN)
	if
	:: boot > 0 && outbox -> forget_version(); outbox = false
	:: else
	fi;
#endif
	CHECK_FENCES
}

#ifdef OUTAGE
#define NOT_WITHOUT !without ->
#else
#define NOT_WITHOUT
#endif

proctype writer(byte me)
{
	byte started, mine;
#ifdef OUTAGE
	bool without = false;		/* fences: Redis was not reached */
#endif

	{
		atomic {				/* PRE_COMMIT, local */
			started = boot;
			pending++
		}
#ifdef OUTAGE
		if
		:: atomic { !outage -> outage = true; without = true; goto unfenced }
		:: true
		fi;
#endif
#ifndef NO_FENCE
		atomic {				/* PRE_COMMIT, Redis: fence */
			use_redis();
			window = window | BIT(me);
#ifndef KEEP_MARK
			if
			:: tag.mark -> forget_version()
			:: else
			fi;
#else
			tag.mark = false;
#endif
#ifdef ONE_TOKEN
			tag.fences = BIT(me)
#else
			tag.fences = tag.fences | BIT(me)
#endif
		}
#endif
#ifdef OUTAGE
unfenced:
#endif
		if
#ifdef OUTAGE
		:: atomic { without -> lsn++; mine = lsn; wal[lsn] = BIT(me); outbox = true }
			visible = visible | BIT(me);
			goto finish
#endif
		:: atomic {				/* commit record */
			NOT_WITHOUT lsn++; mine = lsn; wal[lsn] = BIT(me)
			}
		:: atomic {				/* ABORT, Redis */
			NOT_WITHOUT use_redis();
			tag.fences = tag.fences & ~BIT(me);
			window = window & ~BIT(me)
			}
			goto finish
		fi;
		visible = visible | BIT(me);	/* ProcArrayEndTransaction */
#ifdef LOST
		if
		:: atomic { !lost -> lost = true; window = window & ~BIT(me); goto finish }
		:: true
		fi;
#endif
		atomic {				/* COMMIT, Redis: settle */
			use_redis();
			window = window & ~BIT(me);
			if
			:: (tag.fences & BIT(me)) != 0 ->
#ifdef ONE_TOKEN
				tag.fences = 0;
#else
				tag.fences = tag.fences & ~BIT(me);
#endif
				if
#ifndef SETTLE_NEW
				:: tag.id == 0
#endif
				:: else ->
#ifndef SAME_VERSION
					tag.id = OF_WRITER(me);
#endif
#ifdef NO_MAX
					tag.lsn = mine
#else
					tag.lsn = MAX(tag.lsn, mine)
#endif
				fi
			:: else				/* it is lost, and with it the version */
			fi
		}
finish:
		atomic {				/* COMMIT or ABORT, local */
			if
			:: mine > 0 -> seq++; clock_lsn = MAX(clock_lsn, mine)
			:: else
			fi;
			pending--
		}
	} unless { boot != started };
	atomic {
		started = 0; mine = 0;
#ifdef OUTAGE
		without = false
#endif
	}
}

#define UNMOVED (open && pending == 0 && seq == stamp)
#ifdef NO_LOCAL
#define CURRENT true
#else
#define CURRENT UNMOVED
#endif
#ifdef NO_CLOCK_LSN
#define RECENT true
#else
#define RECENT (its_lsn >= clock_lsn)
#endif

/*
 * The tag's version as a reader sees it, and the entry if it was filled under
 * that. Sets id, hit, v, its_lsn.
 */
inline ask()
{
	if
	:: IS_VERSION ->
		id = tag.id;
		hit = (entry.id == id && ENTRY_ABOVE_FLOOR);
		if
		:: hit -> v = entry.value; its_lsn = entry.lsn
		:: else
		fi
	:: else -> id = 0; missing = (tag.fences == 0)
	fi
}

proctype reader(byte me)
{
	byte started, least, stamp, now_lsn, id, v, its_lsn;
	bool open, hit, missing;
	byte n = 0;

	do
	:: n < READS ->
#ifdef EARLY_LSN
		now_lsn = lsn;
#endif
		atomic {				/* the read begins, with the stamp */
			started = boot;
			least = visible;
			stamp = seq;
			open = (pending == 0)
		}
		{
#ifndef EARLY_LSN
			now_lsn = lsn;
#endif
#ifdef LATE_VERSION
			v = visible;
#endif
			atomic { use_redis(); ask() }
			if
			:: hit ->
				atomic {
					if
					:: CURRENT && RECENT ->
						assert((v & least) == least);
						SEEN(KIND);
						goto next
					:: else
					fi
				}
				id = 0
			:: !hit && missing && open ->
				atomic {		/* mark, or create; others' marks are replaced */
					use_redis();
					if
					:: tag.fences == 0 && (tag.id == 0 || tag.mark) ->
						id = OF_READ(me, n);
						tag.id = id;
#ifdef STAMP_ZERO
						tag.lsn = floor.lsn;
#else
						tag.lsn = MAX(now_lsn, floor.lsn);
#endif
#ifndef ONE_STEP
						tag.mark = true
#endif
					:: else -> goto load
					fi
				}
#ifndef ONE_STEP
#ifndef BLIND_CONFIRM
				atomic {
					if
					:: UNMOVED
					:: else -> id = 0; goto load
					fi
				}
#endif
				atomic {		/* make it a version */
					use_redis();
					if
					:: tag.mark && tag.id == id -> tag.mark = false; CHECK_FENCES
					:: else -> id = 0
					fi
				}
#endif
			:: else
			fi;
load:
#ifndef LATE_VERSION
			v = visible;		/* the snapshot; the query runs on it */
#endif
			if
			:: id != 0 && CURRENT ->
				atomic {		/* fill */
					use_redis();
					entry.id = id; entry.value = v; entry.lsn = now_lsn
				}
			:: else
			fi;
next:
			skip
		} unless { boot != started };
		atomic {
			started = 0; least = 0; stamp = 0; now_lsn = 0; id = 0; v = 0; its_lsn = 0;
			open = false; hit = false; missing = false;
			n++
		}
	:: else -> break
	od
}

#ifdef NO_RUN_ID
#define FLOOR_IS_KNOWN true
#else
#define FLOOR_IS_KNOWN (floor.run_id == run_id)
#endif
#ifdef NO_FLOOR
#undef FLOOR_IS_KNOWN
#define FLOOR_IS_KNOWN true
#endif

proctype standby_reader()
{
	byte least, id, v, its_lsn, need, at_lsn;
	bool hit, missing;
	byte n = 0;

	do
	:: n < STANDBY_READS ->
		least = replayed;		/* the read begins */
		atomic {
			if
			:: FLOOR_IS_KNOWN -> ask(); need = tag.lsn
			:: else
			fi;
			if
			:: hit ->
#ifndef PRIMARY
				assert((v & least) == least);
#endif
				SEEN(ON_STANDBY + KIND);
				goto next
#ifdef STANDBY_NEW
			:: !hit && missing ->
				id = OF_READ(READERS, n);
				tag.id = id; tag.lsn = MAX(replayed_lsn, floor.lsn); tag.mark = false;
				need = 0
#endif
			:: else
			fi
		}
		if
		:: id != 0 ->
#ifdef LATE_LSN
			v = replayed;
#endif
			at_lsn = replayed_lsn;	/* before the snapshot */
#ifndef NO_REPLAY
			if
			:: at_lsn < need -> goto next
			:: else
			fi;
#endif
#ifndef LATE_LSN
			v = replayed;
#endif
			atomic {			/* fill */
				if
				:: FLOOR_IS_KNOWN ->
					entry.id = id; entry.value = v; entry.lsn = at_lsn
				:: else
				fi
			}
		:: else
		fi;
next:
		atomic {
			least = 0; id = 0; v = 0; its_lsn = 0; need = 0; at_lsn = 0;
			hit = false; missing = false;
			n++
		}
	:: else -> break
	od
}

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

inline purge(gone)
{
	tag.fences = tag.fences & ~(gone);
#ifndef PURGE_PREV
	forget_version()
#endif
}

/* fences that expire, and the faults */
proctype faults()
{
	bool evicted_tag = false, evicted_entry = false, expired = false;
	bool crashed = false, forgot = false;

end:
	do
	:: atomic { (tag.fences & ~window) != 0 -> purge(tag.fences & ~window) }
#ifdef EXPIRE
	:: atomic { tag.fences != 0 && !expired -> expired = true; purge(tag.fences) }
#endif
#ifdef OUTAGE
	:: atomic { outbox -> outbox = false; use_redis(); forget_version() }
#endif
#ifdef EVICT
	:: atomic { (tag.id != 0 || tag.fences != 0) && !evicted_tag ->
		evicted_tag = true;
		tag.fences = 0;
		forget_version() }
#if EVICT == 2
	:: atomic { entry.id != 0 && !evicted_entry ->
		evicted_entry = true;
		entry.id = 0; entry.value = 0; entry.lsn = 0 }
#endif
#endif
#ifdef CRASH
	:: atomic { !crashed ->
		crashed = true;
		boot++; pending = 0; seq = 0; clock_lsn = 0; window = 0;
		visible = 0;
		if
		:: lsn > 0 -> visible = wal[1]
		:: else
		fi;
		if
		:: lsn > 1 -> visible = visible | wal[WRITERS]
		:: else
		fi }
#endif
#ifdef FORGET
	:: atomic { !saved && !forgot ->
		saved = true;
		saved_tag.fences = tag.fences; saved_tag.id = tag.id;
		saved_tag.lsn = tag.lsn; saved_tag.mark = tag.mark;
		saved_entry.id = entry.id; saved_entry.value = entry.value;
		saved_entry.lsn = entry.lsn;
		saved_floor.run_id = floor.run_id; saved_floor.lsn = floor.lsn }
	:: atomic { saved ->
		saved = false; forgot = true;
		run_id++;
		tag.fences = saved_tag.fences; tag.id = saved_tag.id;
		tag.lsn = saved_tag.lsn; tag.mark = saved_tag.mark;
		entry.id = saved_entry.id; entry.value = saved_entry.value;
		entry.lsn = saved_entry.lsn;
		floor.run_id = saved_floor.run_id; floor.lsn = saved_floor.lsn;
		saved_tag.fences = 0; saved_tag.id = 0; saved_tag.lsn = 0; saved_tag.mark = false;
		saved_entry.id = 0; saved_entry.value = 0; saved_entry.lsn = 0;
		saved_floor.run_id = 0; saved_floor.lsn = 0 }
#endif
	od
}

init {
	byte i = 1;

	atomic {
		if
		:: tag.id = FIRST
		:: tag.id = FIRST; entry.id = FIRST
		:: skip
		fi;
		do
		:: i <= WRITERS -> run writer(i); i++
		:: else -> break
		od;
		i = 0;
		do
		:: i < READERS -> run reader(i); i++
		:: else -> break
		od;
		run standby_reader();
		run replay();
		run faults()
	}
}
