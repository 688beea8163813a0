/*
 * hget.h - what an application pays that reads from Redis itself: hiredis's
 * blocking client, one HGET a call. The bare round trip that a hit in Redis is
 * held against.
 *
 * test/bench/hget.h
 */
#ifndef CF_BENCH_HGET_H
#define CF_BENCH_HGET_H

#include <stddef.h>

/*
 * Connects to a unix socket, or to HOST:PORT, and stores a value of so many
 * bytes in a hash. NULL, or what went wrong.
 */
extern const char *hget_open(const char *where, size_t size);

/* Reads the value. NULL, or what went wrong. */
extern const char *hget_call(void);

extern void hget_close(void);

#endif							/* CF_BENCH_HGET_H */
