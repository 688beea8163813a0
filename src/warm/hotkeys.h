/*
 * hotkeys.h - hot keys by way of Redis: a list of them there, and what it names
 * pulled into memory.
 *
 * src/warm/hotkeys.h
 */
#ifndef CF_WARM_HOTKEYS_H
#define CF_WARM_HOTKEYS_H

#include "postgres.h"

typedef enum CfHotKeysNext
{
	CF_HOTKEYS_LATER,
	CF_HOTKEYS_WATCH,			/* a standby, which may be promoted: in a tenth of a second */
	CF_HOTKEYS_SOON,			/* it waits for what comes within milliseconds */
	CF_HOTKEYS_NOW				/* it is in the middle of a pull */
} CfHotKeysNext;

/*
 * Publisher, in each round: pulls at a start and after a promotion, some keys in a step, and
 * brings the list up to date every ten seconds. Says when it wants to be called again. May throw
 * for lack of memory; leaves some in CurrentMemoryContext.
 */
extern CfHotKeysNext cf_hotkeys_step(void);

#endif							/* CF_WARM_HOTKEYS_H */
