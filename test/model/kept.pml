/*
 * kept.pml - values of cache_set in memory: transactions that change a row and store its
 * value, one after the other, whose COMMIT callbacks come in any order; fills of a miss.
 * Checked by run.sh.
 *
 * Modelled: the row (how many commits it shows); the value of one key in memory, 0 for
 * none; the key's clock and that of values under it as one (they move together); the
 * history's LSN of that. WRITERS transactions count the row up, each after the one before
 * is visible, as PostgreSQL lets them: not after its callback. FILLERS sessions miss, read
 * the row, and store what they saw. What is done under the partition's lock is one step.
 *
 * Claim: nobody finds a value that is older than the row that he read before.
 *
 * Rules:
 *	-DNO_DROP		the value that is replaced stays until it is
 *	-DDROP_FIRST	it is dropped, and then the clock is raised
 *	-DNO_ORDER		a late callback stores its value all the same
 *	-DLATE_NOTE		the history is written after the value is stored
 *	-DNO_PENDING	a value is stored though another is about to be
 *	-DDELETE_ALL	what could not be stored takes away what is there, whatever that is: only
 *					a miss, so this holds
 *	-DNO_GAP		a fill is stored whatever has happened since its miss
 *	-DNO_KEY		a set does not move the key's clock, by which fills are judged
 */
#ifndef WRITERS
#define WRITERS 2
#endif
#ifndef FILLERS
#define FILLERS 1
#endif

byte row = 0;					/* commits that it shows; value = row + 1, so that 0 is none */
byte turn = 0;					/* whose turn it is to change the row */
byte memory = 0;
byte pending = 0;
byte seq = 0;
byte wal = 0;					/* LSN of the last commit record */
byte history = 0;				/* LSN of the last commit that set it */

inline raise()
{
	pending++;
}

inline drop()
{
#ifndef NO_DROP
	memory = 0;
#endif
	skip;
}

inline note(lsn)
{
	history = (lsn > history -> lsn : history);
}

inline settle()
{
	atomic {
#ifndef NO_KEY
		seq++;
#endif
		pending--;
	}
}

#ifdef NO_PENDING
#define NOBODY_ELSE true
#else
#define NOBODY_ELSE (pending == 0)
#endif

#ifdef NO_ORDER
#define NOT_OVERTAKEN(lsn) true
#else
#define NOT_OVERTAKEN(lsn) (history <= lsn)
#endif

inline store(lsn, value)
{
	atomic {
		if
		:: NOBODY_ELSE && NOT_OVERTAKEN(lsn) -> memory = value
#ifdef DELETE_ALL
		:: else -> memory = 0
#else
		:: !NOBODY_ELSE && NOT_OVERTAKEN(lsn) -> memory = 0
		:: !NOT_OVERTAKEN(lsn) -> skip
#endif
		fi
	}
}

active [WRITERS] proctype writer()
{
	byte lsn, mine;

	turn == _pid;
	mine = row + 1;
#ifdef DROP_FIRST
	drop();
	raise();
#else
	raise();
	drop();
#endif
	wal++;
	lsn = wal;
	atomic { row = mine; turn++; }
	/* The next one may begin from here on; the callback is yet to come. */
#ifndef LATE_NOTE
	note(lsn);
#endif
	settle();
	store(lsn, mine + 1);
#ifdef LATE_NOTE
	note(lsn);
#endif
}

/* Who changes nothing has no commit record: the end of the WAL stands for it. */
active [FILLERS] proctype filler()
{
	byte lease, lsn, value;

	if
	:: atomic { memory == 0 -> lease = seq; }
	:: memory != 0 -> goto done
	fi;
	value = row + 1;
	lsn = wal;
#ifndef NO_GAP
	if
	:: atomic { pending == 0 && seq <= lease -> skip; }
	:: atomic { pending != 0 || seq > lease -> value = 0; }
	fi;
#endif
	store(lsn, value);
done:
	skip
}

active proctype reader()
{
	byte seen = 0, got;

	do
	:: seen = row;
	   got = memory;
	   assert(got == 0 || got >= seen + 1)
	:: break
	od
}
