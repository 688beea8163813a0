/*
 * guc.h - all settings, as the variables that guc.c registers.
 *
 * src/base/guc.h
 */
#ifndef CF_BASE_GUC_H
#define CF_BASE_GUC_H

#include "postgres.h"

/* Which SELECTs are served from the cache without a call of it. */
typedef enum CfTransparent
{
	CF_TRANSPARENT_OFF,
	CF_TRANSPARENT_MARKED,		/* those whose comment asks for it */
	CF_TRANSPARENT_OBSERVE,		/* none; but all are measured */
	CF_TRANSPARENT_AUTO			/* those that it pays for */
} CfTransparent;

typedef enum CfNotify
{
	CF_NOTIFY_OFF,
	CF_NOTIFY_COMMIT,
	CF_NOTIFY_BATCHED
} CfNotify;

typedef enum CfRedisCommit
{
	CF_REDIS_COMMIT_ASYNC,
	CF_REDIS_COMMIT_SYNC
} CfRedisCommit;

typedef enum CfCompress
{
	CF_COMPRESS_OFF,
	CF_COMPRESS_LZ4,
	CF_COMPRESS_ZSTD
} CfCompress;

typedef enum CfWalMessages
{
	CF_WAL_MESSAGES_AUTO,
	CF_WAL_MESSAGES_ON,
	CF_WAL_MESSAGES_OFF
} CfWalMessages;

extern double cf_guc_advise_min_hits;
extern double cf_guc_advise_min_time;	/* ms */
extern bool cf_guc_enabled;
extern int	cf_guc_breaker_failures;
extern int	cf_guc_breaker_reset;	/* milliseconds */
extern int	cf_guc_clock_slots;
extern int	cf_guc_compress;		/* CfCompress */
extern int	cf_guc_compress_min;	/* bytes */
extern int	cf_guc_default_ttl;		/* seconds */
extern char *cf_guc_encryption_key_file;	/* empty: values are not encrypted */
extern bool cf_guc_explain;
extern int	cf_guc_flight_timeout;	/* milliseconds */
extern int	cf_guc_history_size;	/* kilobytes */
extern int	cf_guc_hot_keys;
extern char *cf_guc_ignore_settings;	/* names with commas between; never NULL */
extern int	cf_guc_l1_max_value;	/* bytes */
extern bool cf_guc_l1_save;
extern int	cf_guc_l1_save_max;		/* megabytes */
extern int	cf_guc_l1_size;			/* kilobytes */
extern int	cf_guc_max_keys_per_commit;
extern int	cf_guc_max_stale;		/* milliseconds */
extern char *cf_guc_namespace;	/* empty: the default */
extern int	cf_guc_negative_ttl;	/* seconds */
extern int	cf_guc_notify;			/* CfNotify */
extern int	cf_guc_hash_seed;		/* 0: random */
extern char *cf_guc_notify_channel;
extern int	cf_guc_notify_interval; /* milliseconds */

/* The default of notify_channel, which everybody knows. */
#define CF_NOTIFY_CHANNEL "cachefront"
extern int	cf_guc_redis_command_timeout;	/* milliseconds */
extern int	cf_guc_redis_commit;	/* CfRedisCommit */
extern int	cf_guc_redis_connect_timeout;	/* milliseconds */
extern int	cf_guc_redis_idle_timeout;	/* milliseconds, 0: never */
extern char *cf_guc_redis_password_file;	/* this and the next: empty for none */
extern char *cf_guc_redis_tls_ca_file;
extern char *cf_guc_redis_tls_cert_file;
extern char *cf_guc_redis_tls_key_file;
extern int	cf_guc_redis_queue_size;	/* kilobytes */
extern int	cf_guc_write_memory;	/* kilobytes */
extern bool cf_guc_redis_tls_verify;
extern char *cf_guc_redis_url;
extern int	cf_guc_refresh_per_commit;
extern int	cf_guc_refresh_timeout; /* milliseconds */
extern int	cf_guc_refresh_worker_timeout;	/* milliseconds */
extern int	cf_guc_refresh_workers;

#define CF_MAX_REFRESH_WORKERS 16

extern int	cf_guc_stale_ttl;		/* seconds */
extern bool	cf_guc_track_changes;
extern int	cf_guc_transparent;
extern char *cf_guc_transparent_functions;	/* names with commas between; never NULL */
extern uint32 cf_guc_transparent_functions_generation;	/* another for each value; never 0 */
extern int	cf_guc_transparent_min_saving;	/* us; 0: all that can be are served */
extern double cf_guc_ttl_jitter;	/* fraction, 0 to 1 */
extern double cf_guc_verify_rate;	/* fraction of hits, 0 to 1 */
extern int	cf_guc_wal_lookback;	/* megabytes, 0: none */
extern int	cf_guc_warm_timeout;	/* milliseconds */
extern int	cf_guc_wal_messages;	/* CfWalMessages */
extern double cf_guc_xfetch_beta;

/*
 * What one of these settings is for a session that sets nothing itself: the
 * server's or the database's value, or the default if the session's role or
 * its client began with another. In the setting's own unit.
 */
typedef enum CfServerSetting
{
	CF_SERVER_DEFAULT_TTL,
	CF_SERVER_NEGATIVE_TTL,
	CF_SERVER_STALE_TTL,
	CF_NSERVER_SETTINGS
} CfServerSetting;

extern int	cf_guc_of_server(CfServerSetting which);

/* Grows whenever a setting that describes the connection to Redis is assigned. */
extern uint32 cf_guc_redis_changes;

extern void cf_guc_define(void);

#endif							/* CF_BASE_GUC_H */
