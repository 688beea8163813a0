/*
 * line.pml - of which incarnations do values count here? Three servers, each with its
 * own WAL, and a Redis that gives back any value that was ever sent. Checked by run.sh.
 *
 * Modelled: history/line.c, its file included, and what the reader of the WAL tells it.
 * Commits, loads, reads, replay and the reader's steps are atomic each: for what happens
 * in between there is history.pml. All commits change the one thing that values depend
 * on. A server that crashes recovers to any end from the flushed position on; where
 * recovery ends it writes a record that says so (a checkpoint, or END_OF_RECOVERY), may
 * commit, and begins an incarnation some time later: file, START, then its own id. What
 * depends on time in Redis may come at any time; a value there is what a server showed
 * when it was loaded, one bit a commit.
 *
 * Cases: CRASHES: 0 writes and crashes, 1 and 2 are standbys. FORK: 1 is a standby of 0, and
 * is promoted while 0 goes on; 2 is a standby of 1. TURN: 2 is one of 0, and follows
 * 1 after that. COPY: 1 is started, writing, from a backup of 0, which goes on; 2 is a standby
 * of 1. BARE: 0 may come back from a crash without the library, and gets it back after that.
 * BACKUP: 1 is set up as a standby from a backup that begins at any moment, of which
 * the file was copied then. PLAIN: 1 is a standby that is stopped at any moment, and
 * started as if it had never been one.
 *
 * Claim: a value that counts shows exactly what the server shows.
 *	-DANY_LATER		end is compared with the start of the last one		(cf_line_admits)
 *	-DMINE			... with nothing, in the server's own line			(cf_line_admits)
 *	-DANYBODY		incarnations are not looked at						(cf_line_admits)
 *	-DNO_OPEN_END	what ended counts as if it went on, until the next START
 *														(cf_line_end, cf_line_admits)
 *	-DNO_OPEN_AT	... is said of what is loaded after it				(cf_line_at)
 *	-DUNREAD		what has not been read is said to be of the last one	(cf_line_at)
 *	-DEARLY_USE		who writes and has not begun judges as a standby	(cf_line_admits)
 *	-DLAST_REDO		began at the last checkpoint's redo pointer			(first_redo)
 *	-DNO_MARK		a server's file is complete from its start on		(line_shmem_init)
 *	-DTURNED_ONLY	so is a standby's, on its own timeline				(is_complete)
 *	-DNO_VOUCH		the list is complete without anybody's word			(is_complete)
 *	-DNO_CUT		what began after it turned off stays				(cut)
 *	-DNO_FORGET		nor does who starts with an old list				(cf_line_forget)
 *	-DOWN_START		START names itself only							(cf_line_learn)
 *	-DNO_RUNS		looks back past a run without messages				(lookback.c)
 *	-DLATE_LEARN	the reader says that it has read before the line is told	(read_record)
 * Not needed: that START comes before the file (-DFILE_FIRST).
 * -DSEEK=n forbids hits, and must break: 0 on who writes, 1 on a standby, 2 of an
 * incarnation before.
 */
#ifndef COMMITS
#define COMMITS 2
#endif
#ifndef ENDS
#define ENDS 6				/* LSNs */
#endif
#ifndef CRASH
#define CRASH 0				/* how often 0 crashes */
#endif
#ifndef STANDBYS
#define STANDBYS 1
#endif
#define SERVERS 3
#define IDS 5
#define NEVER 99
#define AT(s, l) ((s) * (ENDS + 1) + (l))

/* records; a commit is its bit; of a run without the library there is no other */
#define ENDED 64
#define BARE_RUN 65			/* as ENDED, and no message follows until the next one */
#define START(id) (128 + (id))

byte wal[SERVERS * (ENDS + 1)];
byte commits = 0;
byte ids = 1;				/* incarnations that have begun, or tried to */
byte start_of[IDS];
byte prior_end[IDS];		/* where the one before ended */
byte line_of[IDS];			/* as its START names it, a bit each: older ones are lower */

typedef Server {
	bool up;
	bool writes;
	bool bare;				/* without the library: no START, and no cache */
	bool turned;			/* on a timeline of its own */
	byte from;				/* the standby's other side */
	byte lsn;				/* written, or replayed */
	byte flushed;
	byte read;				/* standby */
	byte shown;
	byte history;			/* as far as it was read */
	byte floor;
	byte redo;				/* of the last checkpoint */
	byte recovered;			/* where recovery ended */
	byte reach;				/* of the look back from there */
	/* line.c */
	byte mine;
	byte line;
	byte until;				/* the last one ended there; NEVER: it goes on */
	byte gap;				/* so did, for it has met that, the one before ... */
	byte after_gap;			/* ... this one; the file has it with that */
	bool writing;			/* as the file said at the start */
	bool was_turned;
	byte known;
	byte vouched;			/* by this start's reader */
	byte beginning;			/* START and file are not both there yet */
	/* its file */
	bool f_writing;
	bool f_turned;
	byte f_line;
	byte f_known
}
Server s[SERVERS];

byte crashes = 0;
bool promoted = false;
bool restarted = false;
bool backing_up = false;
byte point = NEVER;			/* where the promoted one turned off */

typedef Value { bool is; byte v; byte lsn; byte end; byte id }
Value redis;

hidden byte i, next, good_from;
hidden byte admitted;

#ifdef SEEK
#define SEEN(kind) assert(SEEK != (kind))
#else
#define SEEN(kind) skip
#endif

/* next: the one in the line that followed id; 0: none. */
inline find_next(line_, id_)
{
	next = 0;
	i = IDS - 1;
	do
	:: i > id_ ->
		if
#ifdef ANY_LATER
		:: (line_ & (1 << i)) != 0 && next == 0 -> next = i
#else
		:: (line_ & (1 << i)) != 0 -> next = i
#endif
		:: else
		fi;
		i--
	:: else -> break
	od
}

inline admits(me, id_, end_)
{
	find_next(s[me].line, id_);
	admitted = (s[me].line & (1 << id_)) != 0;
	if
	:: next != 0 -> admitted = admitted && end_ <= prior_end[next] &&
		(next != s[me].after_gap || end_ <= s[me].gap)
	:: else -> admitted = admitted && end_ <= s[me].until
	fi;
#ifdef MINE
	admitted = (s[me].line & (1 << id_)) != 0;
#endif
#ifdef ANYBODY
	admitted = true;
#endif
#ifndef EARLY_USE
	admitted = admitted && (!s[me].writes || s[me].mine != 0);
#endif
}

/* next: the incarnation of data up to there */
inline incarnation_at(me, lsn_)
{
	next = 0;
	i = 1;
	do
	:: i < IDS ->
		if
		:: (s[me].line & (1 << i)) != 0 && start_of[i] <= lsn_ -> next = i
		:: else
		fi;
		i++
	:: else -> break
	od;
#ifndef NO_OPEN_AT
	if
	:: lsn_ > s[me].until -> next = 0
	:: else
	fi;
#endif
#ifndef UNREAD
	if
	:: s[me].read < lsn_ -> next = 0
	:: else
	fi
#endif
}

inline cut(mask, lsn_)
{
#ifndef NO_CUT
	i = 1;
	do
	:: i < IDS ->
		if
		:: (mask & (1 << i)) != 0 && start_of[i] > lsn_ -> mask = mask & (255 - (1 << i))
		:: else
		fi;
		i++
	:: else -> break
	od
#else
	skip
#endif
}

inline add(me, record)
{
	s[me].lsn++;
	wal[AT(me, s[me].lsn)] = record
}

inline write_file(me, line_)
{
	s[me].f_line = line_; s[me].f_writing = s[me].writes; s[me].f_turned = s[me].turned;
	s[me].f_known = (s[me].vouched < s[me].until -> s[me].vouched : s[me].until)
}

/*
 * Memory is new, and has what the file has. That is no longer complete, as soon as
 * recovery ends; so it is marked.
 */
inline lose_memory(me)
{
	s[me].writing = s[me].f_writing; s[me].known = s[me].f_known; s[me].was_turned = s[me].f_turned;
#ifndef NO_MARK
	if
	:: s[me].f_writing -> s[me].f_writing = false; s[me].f_known = 0
	:: else
	fi;
#endif
	s[me].mine = 0; s[me].line = s[me].f_line; s[me].until = NEVER;
	s[me].vouched = 0; s[me].beginning = 0;
	s[me].history = 0; s[me].floor = NEVER
}

/*
 * All that there is up to there, in WAL that is read again. good_from: the floor, which is
 * after what ended the last run without the library.
 */
inline look_back(me, to)
{
	i = to;
	good_from = 0;
	s[me].shown = 0;
	next = NEVER;
	do
	:: i > 0 ->
		if
		:: wal[AT(me, i)] < ENDED ->
			s[me].shown = s[me].shown | wal[AT(me, i)];
			if
			:: s[me].history < i -> s[me].history = i
			:: else
			fi
		:: else ->
			if
#ifndef NO_RUNS
			:: wal[AT(me, i)] == BARE_RUN && good_from == 0 -> good_from = next
#endif
			:: else
			fi;
			if
			:: wal[AT(me, i)] < 128 -> next = i
			:: else
			fi
		fi;
		i--
	:: else -> break
	od
}

/* Recovery has ended at e; what begins is a run with the library, or without. */
inline begin_to_write(me, e, kind)
{
	i = s[me].lsn;
	do
	:: i > e -> wal[AT(me, i)] = 0; i--
	:: else -> break
	od;
	look_back(me, e);
	s[me].reach = (good_from == NEVER -> e + 1 : good_from);
	s[me].writes = true;
	s[me].bare = (kind == BARE_RUN);
	s[me].lsn = e;
	s[me].recovered = e;
	s[me].redo = e;
	add(me, kind);
	s[me].flushed = s[me].lsn
}

/* The list that a beginning server goes on from; it is line_of[ids] then. */
inline find_line(me)
{
#ifdef LAST_REDO
	start_of[ids] = s[me].redo;
#else
	start_of[ids] = s[me].recovered;
#endif
	line_of[ids] = s[me].line;
	if
#if defined(NO_VOUCH)
	:: false
#elif defined(TURNED_ONLY)
	:: s[me].turned != s[me].was_turned && s[me].vouched < start_of[ids] -> line_of[ids] = 0
#else
	:: (s[me].turned != s[me].was_turned || !s[me].writing) &&
		s[me].vouched < start_of[ids] &&
		(s[me].turned != s[me].was_turned || s[me].known < start_of[ids]) -> line_of[ids] = 0
#endif
	:: else
	fi;
	cut(line_of[ids], start_of[ids]);
	line_of[ids] = line_of[ids] | (1 << ids);
	prior_end[ids] = (s[me].until < start_of[ids] -> s[me].until : start_of[ids])
}

/* The reader has come past a record. */
inline read_record(me, record)
{
	if
	:: record == ENDED || record == BARE_RUN ->
		if
#ifdef NO_OPEN_END
		:: false
#else
		:: s[me].until > s[me].read -> s[me].until = s[me].read
#endif
		:: else
		fi
	:: record >= 128 ->
		if
		:: s[me].until < start_of[record - 128] ->
			s[me].gap = s[me].until; s[me].after_gap = record - 128
		:: else
		fi;
#ifdef OWN_START
		s[me].line = s[me].line | (1 << (record - 128));
#else
		s[me].line = line_of[record - 128];
#endif
		s[me].until = NEVER
	:: else -> s[me].history = s[me].read + 1
	fi;
	s[me].read++;
	s[me].vouched = s[me].read
}

#define AHEAD(me, lsn_) (s[me].up && !s[me].writes && s[s[me].from].up && lsn_ < s[s[me].from].flushed)

#define CAN_WRITE(me) (s[me].up && s[me].writes && s[me].lsn < ENDS)

#ifdef LATE_LEARN
#define HAS_READ(me) (s[me].read >= s[me].lsn || \
	(s[me].read + 1 == s[me].lsn && wal[AT(me, s[me].lsn)] >= ENDED))
#else
#define HAS_READ(me) (s[me].read >= s[me].lsn)
#endif

inline judge(me)
{
	admitted = false;
	if
	:: redis.is -> admits(me, redis.id, redis.end)
	:: else
	fi;
	admitted = admitted && s[me].history <= redis.lsn && s[me].floor <= redis.lsn;
	if
	:: !s[me].writes -> admitted = admitted && HAS_READ(me) && redis.end <= s[me].lsn
	:: else
	fi;
	if
	:: admitted ->
		assert(redis.v == s[me].shown);
		if
		:: s[me].writes -> SEEN(0)
		:: else -> SEEN(1)
		fi;
		if
		:: s[me].mine > redis.id -> SEEN(2)
		:: else
		fi
	:: else
	fi
}

inline send(me, id_)
{
	redis.is = true; redis.v = s[me].shown; redis.lsn = s[me].lsn; redis.end = s[me].lsn;
	redis.id = id_
}

proctype server(byte me)
{
	byte e;

end:
	do
	/* who writes */
	:: d_step { CAN_WRITE(me) && commits < COMMITS ->
		add(me, 1 << commits);
		s[me].shown = s[me].shown | (1 << commits);
		s[me].history = s[me].lsn;
		commits++ }
	:: d_step { s[me].up && s[me].writes && s[me].flushed < s[me].lsn -> s[me].flushed = s[me].lsn }
#ifdef LAST_REDO
	:: d_step { s[me].up && s[me].writes && s[me].redo < s[me].lsn -> s[me].redo = s[me].lsn }
#endif
	:: d_step { CAN_WRITE(me) && s[me].mine == 0 && s[me].beginning == 0 && ids < IDS && !s[me].bare ->
		find_line(me);
		s[me].beginning = ids;
		ids++;
#ifdef FILE_FIRST
		write_file(me, line_of[s[me].beginning])
#else
		add(me, START(s[me].beginning));
		s[me].flushed = s[me].lsn
#endif
	}
	:: d_step { CAN_WRITE(me) && s[me].mine == 0 && s[me].beginning != 0 ->
#ifdef FILE_FIRST
		add(me, START(s[me].beginning));
		s[me].flushed = s[me].lsn;
#else
		write_file(me, line_of[s[me].beginning]);
#endif
		s[me].line = line_of[s[me].beginning];
		s[me].until = NEVER;
		s[me].floor = s[me].reach;
		s[me].mine = s[me].beginning }
	:: d_step { s[me].up && s[me].writes && s[me].mine != 0 -> send(me, s[me].mine) }
	:: atomic { me == 0 && crashes < CRASH && s[me].lsn < ENDS && !backing_up ->
		crashes++;
		e = s[me].flushed;
		do
		:: e < s[me].lsn -> e++
		:: break
		od;
		if
		:: d_step { lose_memory(me); begin_to_write(me, e, ENDED); e = 0 }
#ifdef BARE
		:: d_step { !s[me].bare -> s[me].mine = 0; s[me].line = 0; s[me].beginning = 0;
			s[me].vouched = 0; begin_to_write(me, e, BARE_RUN); e = 0 }
#endif
		fi }

	/* a standby */
	:: d_step { AHEAD(me, s[me].read) ->
		wal[AT(me, s[me].read + 1)] = wal[AT(s[me].from, s[me].read + 1)];
		read_record(me, wal[AT(me, s[me].read + 1)]) }
	:: d_step { AHEAD(me, s[me].lsn) ->
		s[me].lsn++;
		wal[AT(me, s[me].lsn)] = wal[AT(s[me].from, s[me].lsn)];
		s[me].flushed = s[me].lsn;
		if
		:: wal[AT(me, s[me].lsn)] < ENDED -> s[me].shown = s[me].shown | wal[AT(me, s[me].lsn)]
		:: else
		fi }
	:: d_step { s[me].up && !s[me].writes ->
		incarnation_at(me, s[me].lsn);
		if
		:: next != 0 -> send(me, next)
		:: else
		fi }

	:: d_step { s[me].up && redis.is -> judge(me) }
#if defined(PLAIN) || defined(RESTART)
	:: d_step { s[me].up && !s[me].writes && s[me].vouched > 0 -> write_file(me, s[me].line) }
#endif
#ifdef RESTART
	:: d_step { me == 1 && s[me].up && !s[me].writes && !restarted ->
		restarted = true;
		lose_memory(me);
		s[me].read = s[me].lsn;
		look_back(me, s[me].lsn);
		s[me].floor = good_from;
#ifndef NO_FORGET
		if
		:: s[me].known < s[me].lsn -> s[me].line = 0
		:: else -> s[me].vouched = s[me].read
		fi
#else
		s[me].vouched = s[me].read
#endif
	}
#endif
#ifdef PLAIN
	:: d_step { me == 1 && !promoted && s[me].lsn < ENDS -> promoted = true;
		lose_memory(me); begin_to_write(me, s[me].lsn, ENDED) }
#endif
#if defined(FORK) || defined(TURN)
	:: d_step { me == 1 && !promoted && s[me].lsn < ENDS && s[me].vouched > 0 ->
		promoted = true; point = s[me].lsn; s[me].turned = true;
		begin_to_write(me, point, ENDED) }
#endif
#ifdef TURN
	:: d_step { me == 2 && s[me].from == 0 && point != NEVER && s[me].lsn <= point ->
		s[me].from = 1;
		if
		:: s[me].read > point ->
			s[me].read = s[me].lsn;
			cut(s[me].line, point)
		:: else
		fi;
#ifndef NO_OPEN_END
		if
		:: s[me].until > point -> s[me].until = point
		:: else
		fi
#endif
	}
#endif
	od
}

#if defined(COPY) || defined(BACKUP)
inline copy_wal(to, upto)
{
	i = upto;
	do
	:: i > 0 -> wal[AT(to, i)] = wal[AT(0, i)]; i--
	:: else -> break
	od
}

inline copy_file(to)
{
	s[to].f_line = s[0].f_line; s[to].f_known = s[0].f_known;
	s[to].f_writing = s[0].f_writing
}

/* It is open once it has replayed all that the backup took. */
inline start_standby(me)
{
	lose_memory(me);
	s[me].lsn = s[0].flushed; s[me].flushed = s[me].lsn;
	copy_wal(me, s[me].lsn);
	look_back(me, s[me].lsn);
	s[me].floor = good_from;
	s[me].read = began; s[me].vouched = began;
	if
	:: !s[me].writing -> s[me].line = 0; s[me].vouched = 0
	:: else
	fi;
	s[me].up = true
}

/* It fails if the server does not live as long. */
proctype backup()
{
	byte began;

	d_step { s[0].lsn < ENDS -> began = s[0].flushed; backing_up = true }
	d_step { copy_file(1); copy_file(2) }
	d_step {
#ifdef COPY
		s[2].from = 1;
		start_standby(2);
		lose_memory(1);
		copy_wal(1, s[0].flushed);
		begin_to_write(1, s[0].flushed, ENDED);
		s[1].up = true;
#else
		start_standby(1);
#endif
		backing_up = false
	}
}
#endif

/* 0 writes already, and has begun. */
init
{
	atomic {
		d_step {
			ids = 2;
			s[0].up = true; s[0].writes = true; s[0].mine = 1; s[0].line = 2; s[0].until = NEVER;
			s[0].f_line = 2; s[0].f_writing = true;
			line_of[1] = 2;
#if !defined(COPY) && !defined(BACKUP)
			s[1].up = true; s[1].line = 2; s[1].until = NEVER; s[1].f_line = 2;
			s[2].up = STANDBYS > 1; s[2].line = 2; s[2].until = NEVER; s[2].f_line = 2;
#ifdef FORK
			s[2].from = 1;
#endif
#endif
		}
#if defined(COPY) || defined(BACKUP)
		run backup();
#endif
		run server(0);
		run server(1);
#if STANDBYS > 1
		run server(2)
#endif
	}
}

