/*
 * log_mask.h - keeps the password of cachefront.redis_url out of the log.
 *
 * src/base/log_mask.h
 */
#ifndef CF_BASE_LOG_MASK_H
#define CF_BASE_LOG_MASK_H

extern void cf_log_mask_install_hook(void);

#endif							/* CF_BASE_LOG_MASK_H */
