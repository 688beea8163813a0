/*
 * beat.h - signs of life of the writing server. DESIGN section 5.
 *
 * A standby may fill what Redis shows nothing of only with proof that nothing
 * was lost of late. A beat in cff:<ns> gives it: "at this time of Redis, when
 * it had evicted so many keys, I was at this LSN", and
 *
 *	who commits after the LSN has fenced after that time and that count.
 *
 * So the time and the count are read first; then whoever is in a commit window
 * is waited for; then the LSN is read. test/model/beats.pml breaks without that.
 *
 * src/l2/beat.h
 */
#ifndef CF_L2_BEAT_H
#define CF_L2_BEAT_H

#include "postgres.h"

#include <hiredis/hiredis.h>

extern void cf_beat_register(void);

/*
 * A commit window of this backend: from before its first fence until the
 * transaction has an end. A beat that is begun meanwhile waits for it.
 */
extern void cf_beat_begin_window(void);
extern void cf_beat_end_window(void);

/* The bus worker of the writing server, about once a second. */
extern void cf_beat_work(void);

/* From replies to TIME (ms) and INFO stats; false if it is not there. */
extern bool cf_beat_take_time(const redisReply *reply, int64 *ms);
extern bool cf_beat_take_evicted(const redisReply *reply, uint64 *evicted);

#endif							/* CF_L2_BEAT_H */
