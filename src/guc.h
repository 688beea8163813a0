/*
 * guc.h - all settings, as the variables that guc.c registers.
 *
 * src/guc.h
 */
#ifndef CF_GUC_H
#define CF_GUC_H

typedef enum CfNotify
{
	CF_NOTIFY_OFF,
	CF_NOTIFY_COMMIT,
	CF_NOTIFY_BATCHED
} CfNotify;

extern bool cf_guc_enabled;
extern int	cf_guc_clock_slots;
extern int	cf_guc_default_ttl;		/* seconds */
extern int	cf_guc_flight_timeout;	/* milliseconds */
extern int	cf_guc_l1_max_value;	/* bytes */
extern int	cf_guc_l1_size;			/* kilobytes */
extern int	cf_guc_l1_ttl;			/* milliseconds */
extern int	cf_guc_max_keys_per_commit;
extern int	cf_guc_negative_ttl;	/* seconds */
extern int	cf_guc_notify;			/* CfNotify */
extern int	cf_guc_notify_interval; /* milliseconds */
extern int	cf_guc_stale_ttl;		/* seconds */
extern double cf_guc_ttl_jitter;	/* fraction, 0 to 1 */
extern double cf_guc_xfetch_beta;

extern void cf_guc_define(void);

#endif							/* CF_GUC_H */
