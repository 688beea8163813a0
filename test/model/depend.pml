/*
 * depend.pml - commits that do not settle a table's clock because nobody has ever
 * depended on it. Checked by run.sh.
 *
 * Modelled: two commits that change a table, in the order of writeset.c (raised,
 * visible, settled or only lowered, acknowledged); and readers who look in L1,
 * else load: stamp, snapshot, find out what they depend on, put. Other clocks'
 * commits draw numbers, too. A value is the number of commits that its snapshot
 * saw.
 *
 * Claim: no read gives less than what was acknowledged when it began.
 *	-DTEST_EARLY	a commit asks before it is visible whether somebody depends
 *					on the table				(cf_writeset_settle)
 *	-DNO_SETTLE		who comes to depend on it does not settle the clock
 *												(cf_clock_depend)
 *	-DSETTLE_FIRST	he settles it before he says that he depends on it
 *	-DNO_RAISE		it is not pending while he does both
 *	-DLATE_DEPEND	he says so only after he has put his value	(cf_l1_put)
 */
#define NONE 255
#ifndef READERS
#define READERS 2
#endif

byte visible = 0;		/* commits that a snapshot sees now */
byte must = 0;			/* that a read which begins now must give */

byte next = 1;			/* the last number given out */
byte moved = 0;
byte pending = 0;
bool depended = false;

byte l1 = NONE;
byte l1_stamp = 0;

inline settle(s)
{
	atomic { next++; s = next; }
	atomic {
		if
		:: s > moved -> moved = s
		:: else
		fi
	}
	pending--
}

inline depend(s)
{
	if
	:: depended
	:: else ->
#if defined(NO_SETTLE)
		depended = true
#elif defined(SETTLE_FIRST)
		pending++;
		settle(s);
		depended = true
#elif defined(NO_RAISE)
		depended = true;
		pending++;
		settle(s)
#else
		pending++;
		depended = true;
		settle(s)
#endif
	fi
}

proctype writer()
{
	byte s;
	byte mine;
	bool asked;

	pending++;
#ifdef TEST_EARLY
	asked = depended;
#endif
	atomic { visible++; mine = visible }
#ifndef TEST_EARLY
	asked = depended;
#endif
	if
	:: asked -> settle(s)
	:: else -> pending--
	fi;
	atomic {
		if
		:: mine > must -> must = mine
		:: else
		fi
	}
}

proctype reader()
{
	byte began;
	byte stamp;
	byte value;
	byte s;
	byte round = 0;

	do
	:: round < 2 ->
		round++;
		began = must;
		/* the look; under the lock of the partition, but not atomic with the clock */
		value = NONE;
		if
		:: l1 != NONE && pending == 0 ->
			atomic {
				if
				:: l1 != NONE && moved <= l1_stamp -> value = l1
				:: else
				fi
			}
		:: else
		fi;
		if
		:: value == NONE ->
			stamp = next;
			value = visible;
#ifndef LATE_DEPEND
			depend(s);
#endif
			if
			:: pending == 0 ->
				atomic {
					if
					:: moved <= stamp -> l1 = value; l1_stamp = stamp
					:: else
					fi
				}
			:: else
			fi;
#ifdef LATE_DEPEND
			depend(s);
#endif
		:: else
		fi;
		assert(value >= began)
	:: else -> break
	od
}

init
{
	byte i = 0;

	atomic {
		run writer();
		run writer();
		do
		:: i < READERS -> run reader(); i++
		:: else -> break
		od
	}
}
