/*
 * flush.h - the worker's part: what is in the queue is applied.
 *
 * src/behind/flush.h
 */
#ifndef CF_BEHIND_FLUSH_H
#define CF_BEHIND_FLUSH_H

extern void cf_flush_register(void);

#endif							/* CF_BEHIND_FLUSH_H */
