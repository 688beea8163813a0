/*
 * line.c - the incarnations that this server's data come from.
 *
 * The file holds one line of text for each, then one that says who wrote it, and if
 * that was a standby's reader of the WAL, up to which LSN they are all. A file that
 * cannot be understood is none: then no value of before counts. That of a writing
 * server goes as the server starts, and comes back when it has begun: in between its
 * last incarnation has ended, and nobody may take the list for a complete one.
 *
 * Where an incarnation has ended and it is not known who went on, the list has one
 * without an id (CF_NOBODY). test/model/line.pml has the rules.
 *
 * Locking: the tranche's first lock guards the list. The second one serialises the
 * two processes that change list and file, the launcher and the reader of the WAL;
 * it is held while the file is written, and nobody else takes it. The writer's own
 * id is an atomic.
 *
 * src/history/line.c
 */
#include "postgres.h"

#include <inttypes.h>
#include <fcntl.h>
#include <unistd.h>

#include "access/timeline.h"
#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/fd.h"

#include "base/position.h"
#include "base/shmem.h"
#include "history/file.h"
#include "history/history_internal.h"
#include "history/line.h"

#define CF_LINE_FILE "cachefront.line"
#define CF_LINE_TEXT 64			/* room for a line of it */
#define CF_NOBODY 0				/* as an incarnation */

/* What the file holds. */
typedef struct Line
{
	bool		writing;		/* by a writing server: so known means nothing */
	uint32		timeline;
	uint64		known;			/* the list is complete up to this LSN; 0: it is not */
	int			n;
	CfStart		start[CF_LINE_MAX]; /* oldest first */
} Line;

typedef struct CfSharedLine
{
	/* Atomics, no lock */
	pg_atomic_uint64 mine;		/* 0: this server does not write, or has not begun */
	pg_atomic_uint64 vouched;	/* by this start's reader of the WAL; 0: not yet */

	Line		list;			/* written under both locks */
} CfSharedLine;

static CfSharedLine *line = NULL;
static LWLock *line_lock = NULL;
static LWLock *change_lock = NULL;

/* ---- the file ------------------------------------------------------------------ */

static int
print(const Line *list, char *text)
{
	char	   *at = text;

	for (int i = 0; i < list->n; i++)
		at += sprintf(at, "incarnation %016" PRIx64 " from %016" PRIx64 "\n",
					  list->start[i].id, list->start[i].start);
	at += sprintf(at, "%s to %016" PRIx64 " timeline %u\n",
				  list->writing ? "writing" : "following", list->known, list->timeline);
	return at - text;
}

static bool
save(const Line *list)
{
	char		text[(CF_LINE_MAX + 1) * CF_LINE_TEXT];
	CfFilePart	part = {text, print(list, text)};

	return cf_file_replace(CF_LINE_FILE, &part, 1);
}

static bool
parse_end(const char *text, Line *list)
{
	list->writing = sscanf(text, "writing to %" PRIx64 " timeline %u",
						   &list->known, &list->timeline) == 2;
	return list->writing ||
		sscanf(text, "following to %" PRIx64 " timeline %u",
			   &list->known, &list->timeline) == 2;
}

static bool
parse_start(const char *text, CfStart *start)
{
	return sscanf(text, "incarnation %" PRIx64 " from %" PRIx64 "",
				  &start->id, &start->start) == 2;
}

/* False: it is no such text. */
static bool
parse(char *text, Line *list)
{
	bool		ended = false;
	char	   *rest;

	for (char *at = strtok_r(text, "\n", &rest); at != NULL; at = strtok_r(NULL, "\n", &rest))
	{
		if (ended)
			return false;
		if (parse_end(at, list))
			ended = true;
		else if (list->n == CF_LINE_MAX || !parse_start(at, &list->start[list->n++]))
			return false;
	}
	return ended;
}

static void
load(Line *list)
{
	char		text[(CF_LINE_MAX + 1) * CF_LINE_TEXT + 1];
	int			fd = open(CF_LINE_FILE, O_RDONLY | O_CLOEXEC);
	ssize_t		len = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[Max(len, 0)] = '\0';
	memset(list, 0, sizeof(*list));
	if (parse(text, list))
		return;
	memset(list, 0, sizeof(*list));
	if (fd >= 0)
		ereport(LOG,
				(errmsg("file \"%s\" is damaged: what Redis has of before is not used",
						CF_LINE_FILE)));
}

/* ---- the list ------------------------------------------------------------------ */

/* The oldest goes where there is no room. */
static void
append(Line *list, const CfStart *start)
{
	if (list->n == CF_LINE_MAX)
	{
		memmove(list->start, list->start + 1, (CF_LINE_MAX - 1) * sizeof(CfStart));
		list->n--;
	}
	list->start[list->n++] = *start;
}

static void
cut(Line *list, uint64 lsn)
{
	while (list->n > 0 && list->start[list->n - 1].start > lsn)
		list->n--;
	list->known = Min(list->known, lsn);
}

static const CfStart *
last(const Line *list)
{
	return list->n > 0 ? &list->start[list->n - 1] : NULL;
}

/* Of what comes after that it is not known whose it is. */
static void
append_nobody(Line *list, uint64 lsn)
{
	CfStart		nobody = {CF_NOBODY, lsn};

	if (list->n > 0 && last(list)->id != CF_NOBODY)
		append(list, &nobody);
}

static void
install(const Line *list)
{
	Assert(LWLockHeldByMe(change_lock));
	LWLockAcquire(line_lock, LW_EXCLUSIVE);
	line->list = *list;
	LWLockRelease(line_lock);
}

uint64
cf_line_mine(void)
{
	return pg_atomic_read_u64(&line->mine);
}

/* A standby has read what began up to there, or it does not know. */
uint64
cf_line_at(uint64 lsn)
{
	uint64		id = CF_NOBODY;

	if (cf_line_mine() == 0 && pg_atomic_read_u64(&line->vouched) < lsn)
		return CF_NOBODY;
	LWLockAcquire(line_lock, LW_SHARED);
	for (int i = 0; i < line->list.n && line->list.start[i].start <= lsn; i++)
		id = line->list.start[i].id;
	LWLockRelease(line_lock);
	return id;
}

/*
 * The newest first: most values are of that. Who writes and has not begun does not
 * know yet where it has ended; a standby's line may lack the last ones until its
 * reader of the WAL has come by.
 */
bool
cf_line_admits(uint64 incarnation, uint64 end)
{
	bool		admitted = false;

	if (incarnation == CF_NOBODY ||
		(cf_line_mine() == 0 &&
		 (!RecoveryInProgress() || pg_atomic_read_u64(&line->vouched) == 0)))
		return false;
	LWLockAcquire(line_lock, LW_SHARED);
	for (int i = line->list.n - 1; i >= 0; i--)
	{
		if (line->list.start[i].id == incarnation)
		{
			admitted = i == line->list.n - 1 || end <= line->list.start[i + 1].start;
			break;
		}
	}
	LWLockRelease(line_lock);
	return admitted;
}

int
cf_line_get(CfStart *starts, int room)
{
	int			n;

	LWLockAcquire(line_lock, LW_SHARED);
	n = line->list.n;
	memcpy(starts, line->list.start, Min(n, room) * sizeof(CfStart));
	LWLockRelease(line_lock);
	return n;
}

/* ---- the reader of the WAL ------------------------------------------------------ */

/* Who changes the list holds the other lock, and needs not this one to read it. */
uint64
cf_line_known(void)
{
	uint64		known;

	LWLockAcquire(line_lock, LW_SHARED);
	known = line->list.writing ? PG_UINT64_MAX : line->list.known;
	LWLockRelease(line_lock);
	return known;
}

void
cf_line_vouch(uint64 lsn)
{
	pg_atomic_write_u64(&line->vouched, lsn);
}

/*
 * Once this server writes, the list is the launcher's. *list: with what was vouched
 * for.
 */
static bool
begin_change(Line *list)
{
	LWLockAcquire(change_lock, LW_EXCLUSIVE);
	if (cf_line_mine() != 0)
	{
		LWLockRelease(change_lock);
		return false;
	}
	*list = line->list;
	list->writing = false;
	list->known = pg_atomic_read_u64(&line->vouched);
	list->timeline = cf_position_timeline();
	return true;
}

static void
end_change(const Line *list)
{
	install(list);
	(void) save(list);
	LWLockRelease(change_lock);
}

void
cf_line_save(void)
{
	Line		list;

	if (begin_change(&list))
		end_change(&list);
}

void
cf_line_cut(uint64 lsn)
{
	Line		list;

	cf_line_vouch(Min(lsn, pg_atomic_read_u64(&line->vouched)));
	if (!begin_change(&list))
		return;
	cut(&list, lsn);
	append_nobody(&list, lsn);
	end_change(&list);
}

/* Is this older than what is known? The look back may find it after the follower was there. */
static bool
is_overtaken(uint64 lsn)
{
	return lsn < pg_atomic_read_u64(&line->vouched);
}

void
cf_line_end(uint64 lsn)
{
	Line		list;

	if (is_overtaken(lsn) || !begin_change(&list))
		return;
	append_nobody(&list, lsn);
	end_change(&list);
}

void
cf_line_learn(const CfMessage *message, uint64 lsn)
{
	Line		list;
	CfStart		ended = {CF_NOBODY, PG_UINT64_MAX};

	Assert(message->kind == CF_MESSAGE_START);
	if (is_overtaken(lsn))
		return;
	cf_line_vouch(lsn);
	if (!begin_change(&list))
		return;
	if (list.n > 0 && last(&list)->id == CF_NOBODY)
		ended = *last(&list);
	list.n = 0;
	for (int i = 0; i < message->n; i++)
	{
		CfStart		start = cf_message_start(message, i);

		/* Somebody without the library has gone on before the newest one. */
		if (i == message->n - 1 && ended.start < start.start)
			append_nobody(&list, ended.start);
		append(&list, &start);
	}
	end_change(&list);
}

/* ---- the writing server --------------------------------------------------------- */

/*
 * The redo pointer of the first checkpoint after recovery, and 0 if there has been
 * another since. Only those of a shutdown and of recovery's end have it at themselves.
 */
static uint64
first_redo(void)
{
	bool		valid;
	ControlFileData *control = get_controlfile(DataDir, &valid);
	uint64		redo = control->checkPointCopy.redo;

	if (!valid || control->checkPoint != redo)
		redo = 0;
	pfree(control);
	return redo;
}

/*
 * Where recovery ended. On a new timeline, where that left the old one. 0: it is no
 * longer known.
 */
static uint64
end_of_recovery(TimeLineID timeline, bool turned)
{
	List	   *history;

	if (!turned || timeline == 1)
		return first_redo();
	history = readTimeLineHistory(timeline);
	return ((TimeLineHistoryEntry *) linitial(history))->begin;
}

/*
 * Has the list all that began up to where recovery ended? A writing server's does, and
 * that of a standby as far as it was read.
 */
static bool
is_complete(const Line *list, bool turned, uint64 end)
{
	if (end == 0)
		return false;
	if (pg_atomic_read_u64(&line->vouched) >= end)
		return true;
	return !turned && (list->writing || list->known >= end);
}

static bool
make_id(uint64 *id)
{
	*id = 0;
	while (*id == 0)
	{
		if (!pg_strong_random(id, sizeof(*id)))
			return false;
	}
	return true;
}

/* False: there is no chance, or no disk. */
static bool
begin(Line *list, bool followed)
{
	TimeLineID	timeline = GetWALInsertionTimeLine();
	/* The follower may have cut the list already, on the new timeline. */
	bool		turned = timeline != list->timeline || followed;
	CfStart		start;

	start.start = end_of_recovery(timeline, turned);
	if (!make_id(&start.id))
		return false;
	if (!is_complete(list, turned, start.start))
		list->n = 0;
	if (start.start == 0)
		start.start = GetRedoRecPtr();
	cut(list, start.start);
	append(list, &start);
	list->writing = true;
	list->timeline = timeline;
	list->known = cf_message_log_starts(list->start, list->n);
	XLogFlush(list->known);
	if (!save(list))
		return false;
	install(list);
	/* What came before its promotion a server knows, if it has followed. */
	if (!followed)
		cf_history_begin(cf_position_lsn());
	pg_write_barrier();
	pg_atomic_write_u64(&line->mine, start.id);
	return true;
}

bool
cf_line_begin(bool followed)
{
	Line		list;
	bool		begun;

	Assert(!RecoveryInProgress() && cf_line_mine() == 0);
	LWLockAcquire(change_lock, LW_EXCLUSIVE);
	list = line->list;
	begun = begin(&list, followed);
	LWLockRelease(change_lock);
	return begun;
}

/* ---- shared memory --------------------------------------------------------------- */

static Size
line_shmem_size(void)
{
	return sizeof(CfSharedLine);
}

static void
line_shmem_init(void *memory, LWLockPadded *locks)
{
	CfSharedLine *new = memory;

	pg_atomic_init_u64(&new->mine, 0);
	pg_atomic_init_u64(&new->vouched, 0);
	load(&new->list);
	if (new->list.writing && durable_unlink(CF_LINE_FILE, LOG) != 0)
		new->list.n = 0;
}

static void
line_shmem_attach(void *memory, LWLockPadded *locks)
{
	line = memory;
	line_lock = &locks[0].lock;
	change_lock = &locks[1].lock;
}

void
cf_line_register(void)
{
	static const CfShmemSegment segment = {
		.name = "cachefront_line",
		.nlocks = 2,
		.size = line_shmem_size,
		.init = line_shmem_init,
		.attach = line_shmem_attach,
	};

	cf_shmem_register(&segment);
}
