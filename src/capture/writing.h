/*
 * writing.h - is a statement at work that writes?
 *
 * src/capture/writing.h
 */
#ifndef CF_CAPTURE_WRITING_H
#define CF_CAPTURE_WRITING_H

#include "postgres.h"

extern void cf_writing_install_hooks(void);

/*
 * Inside of a statement that changes rows their row triggers have not fired yet,
 * but functions in it see the changes. Never fails.
 */
extern bool cf_writing_now(void);

/* ABORT: nothing is at work any more. */
extern void cf_writing_aborted(void);

#endif							/* CF_CAPTURE_WRITING_H */
