/*
 * xact.h - the only transaction callbacks.
 *
 * src/xact.h
 */
#ifndef CF_XACT_H
#define CF_XACT_H

extern void cf_xact_register(void);

#endif							/* CF_XACT_H */
