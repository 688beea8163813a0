/*
 * guard.h - what is buffered is not dropped by the way.
 *
 * src/behind/guard.h
 */
#ifndef CF_BEHIND_GUARD_H
#define CF_BEHIND_GUARD_H

extern void cf_guard_install_hook(void);

#endif							/* CF_BEHIND_GUARD_H */
