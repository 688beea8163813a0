/*
 * log_mask.h - keeps the password of cachefront.redis_url out of the log.
 *
 * src/log_mask.h
 */
#ifndef CF_LOG_MASK_H
#define CF_LOG_MASK_H

extern void cf_log_mask_install_hook(void);

#endif							/* CF_LOG_MASK_H */
