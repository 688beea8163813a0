/*
 * prepared.pml - a prepared transaction ends without anybody being told, and the
 * server may forget in between what it would change. Checked by run.sh.
 *
 * Modelled: a transaction that is prepared, and committed or rolled back later;
 * a restart of the server, which empties L1 and the clocks but not what is prepared;
 * readers who look in L1, else: look whether prepared transactions have ended
 * (twophase.c), stamp, snapshot, put. A value is whether its snapshot saw the
 * transaction's change.
 *
 * Claim: no read that began after the COMMIT was acknowledged gives the old value.
 *	-DLOWER_AT_PREPARE	the clocks are lowered as PREPARE ends	(cf_twophase_prepared)
 *	-DNO_UNKNOWN	after a restart nobody looks for what is prepared (find_unknown)
 *	-DLATE_LOOK		it is looked for after the snapshot is taken	(read_clocks)
 *	-DNO_SETTLE		what has ended is lowered, not settled			(end_prepared)
 *	-DEARLY_TAKE	lowered before it has become visible			(settle_ended)
 */
#ifndef READERS
#define READERS 2
#endif
#define NONE 255

bool prepared = false;	/* in progress, as everybody can see */
bool visible = false;
bool must = false;

byte next = 1;
byte moved = 0;
byte pending = 0;
bool slot = false;		/* its clock is raised, and noted */
bool known = true;		/* what was there before a start has been looked for */

byte l1 = NONE;
byte l1_stamp = 0;
bool restarted = false;
byte readers = 0;		/* in the middle of a read: a restart would end them */

inline settle()
{
	atomic {
		if
		:: slot ->
			slot = false;
#ifndef NO_SETTLE
			if
			:: visible -> next++; moved = next
			:: else
			fi;
#endif
			pending--
		:: else
		fi
	}
}

inline look()
{
#ifndef NO_UNKNOWN
	if
	:: !known ->
		atomic {
			if
			:: prepared && !slot -> pending++; slot = true
			:: else
			fi
		}
		known = true
	:: else
	fi;
#endif
	if
#ifdef EARLY_TAKE
	:: slot -> settle()
#else
	:: slot && !prepared -> settle()
#endif
	:: else
	fi
}

proctype writer()
{
	atomic { pending++; slot = true; prepared = true }
#ifdef LOWER_AT_PREPARE
	atomic { if :: slot -> slot = false; pending-- :: else fi }
#endif
	if
	:: true ->
		/* logical replication: no hook, no callback */
		atomic { visible = true; prepared = false }
		must = true
	:: true ->
		prepared = false
	fi
}

proctype restart()
{
end:
	atomic {
		readers == 0 && prepared ->
		l1 = NONE; moved = 0; next = 1; pending = 0; slot = false; known = false
	}
}

proctype reader()
{
	byte began;
	byte stamp;
	byte value;
	byte round = 0;

	do
	:: round < 2 ->
		round++;
		atomic { readers++; began = must }
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
#ifndef LATE_LOOK
			look();
#endif
			stamp = next;
			value = visible;
#ifdef LATE_LOOK
			look();
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
			fi
		:: else
		fi;
		assert(value >= began);
		readers--
	:: else -> break
	od
}

init
{
	byte i = 0;

	atomic {
		run writer();
		run restart();
		do
		:: i < READERS -> run reader(); i++
		:: else -> break
		od
	}
}
