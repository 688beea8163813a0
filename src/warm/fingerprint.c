/*
 * fingerprint.c - is all else that made a result the same as at the last start?
 *
 * src/warm/fingerprint.c
 */
#include "postgres.h"

#include <dirent.h>
#include <sys/stat.h>

#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/guc.h"
#include "warm/fingerprint.h"

static CfFingerprint taken;
static bool is_taken = false;

static uint64
add_bytes(uint64 hash, const void *data, Size len)
{
	return hash_bytes_extended(data, (int) len, hash);
}

static uint64
add_text(uint64 hash, const char *text)
{
	return text == NULL ? hash_combine64(hash, 1) : add_bytes(hash, text, strlen(text) + 1);
}

static uint64
add_file(uint64 hash, const char *path)
{
	struct stat status;
	int64		facts[3] = {-1};

	if (stat(path, &status) == 0)
	{
		facts[0] = status.st_size;
		facts[1] = status.st_mtim.tv_sec;
		facts[2] = status.st_mtim.tv_nsec;
	}
	return add_bytes(hash, facts, sizeof(facts));
}

/* Names, sizes and times of all files of a folder, in whatever order they come. */
static uint64
add_folder(uint64 hash, const char *path)
{
	DIR		   *folder = AllocateDir(path);
	struct dirent *entry;
	uint64		sum = 0;

	while (folder != NULL && (entry = ReadDirExtended(folder, path, LOG)) != NULL)
	{
		char		name[MAXPGPATH];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		sum += add_file(add_text(0, entry->d_name), name);
	}
	if (folder != NULL)
		FreeDir(folder);
	return hash_combine64(hash, sum);
}

static uint64
hash_programs(void)
{
	uint64		hash = add_text(0, CF_VERSION " " PG_VERSION_STR);

	hash = add_file(hash, my_exec_path);
	return add_folder(hash, pkglib_path);
}

/* What a locale of a provider sorts by; whatever it cannot say is the same each time. */
static uint64
add_collation(uint64 hash, char provider, const char *locale)
{
	MemoryContext context = CurrentMemoryContext;
	char	   *volatile version = NULL;

	PG_TRY();
	{
		version = get_collation_actual_version(provider, locale);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return add_text(hash, version);
}

static uint64
hash_collations(void)
{
	uint64		hash = add_collation(0, COLLPROVIDER_LIBC, "en_US.UTF-8");

#ifdef CF_BUILTIN_LOCALE
	hash = add_collation(hash, COLLPROVIDER_BUILTIN, CF_BUILTIN_LOCALE);
#endif
	hash = add_collation(hash, COLLPROVIDER_ICU, "und");
	return add_collation(hash, COLLPROVIDER_ICU, "de");
}

#define CF_ZONES_FROM INT64CONST(-6000000000)	/* 1779 */
#define CF_ZONES_TO INT64CONST(4000000000)	/* 2096: all later years go as the last */

static uint64
hash_zone(pg_tz *zone)
{
	uint64		hash = add_text(0, pg_get_timezone_name(zone));
	pg_time_t	at = CF_ZONES_FROM;
	pg_time_t	change;
	long		offset[2];
	int			summer[2];

	while (at < CF_ZONES_TO &&
		   pg_next_dst_boundary(&at, &offset[0], &summer[0], &change, &offset[1],
								&summer[1], zone) == 1)
	{
		hash = hash_combine64(hash, (uint64) change);
		hash = hash_combine64(hash, ((uint64) offset[1] << 1) | (summer[1] != 0));
		at = change;
	}
	return hash;
}

static uint64
add_zones(void)
{
	pg_tzenum  *zones = pg_tzenumerate_start();
	pg_tz	   *zone;
	uint64		sum = 0;

	while ((zone = pg_tzenumerate_next(zones)) != NULL)
		sum += hash_zone(zone);
	pg_tzenumerate_end(zones);
	return sum;
}

/* A server that finds no zones has none to get wrong. */
static uint64
hash_zones(void)
{
	MemoryContext context = CurrentMemoryContext;
	volatile uint64 sum = 0;

	PG_TRY();
	{
		sum = add_zones();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	return sum;
}

static uint64
hash_files(void)
{
	char		share[MAXPGPATH];
	char		path[MAXPGPATH + 32];
	uint64		hash;

	get_share_path(my_exec_path, share);
	snprintf(path, sizeof(path), "%s/tsearch_data", share);
	hash = add_folder(0, path);
	snprintf(path, sizeof(path), "%s/timezonesets", share);
	return add_folder(hash, path);
}

/* Of those that stand in the configuration alone, for all sessions. */
static uint64
hash_settings(void)
{
	uint64		hash = add_text(0, shared_preload_libraries_string);

	hash = add_text(hash, session_preload_libraries_string);
	hash = add_text(hash, local_preload_libraries_string);
	hash = add_text(hash, cf_guc_ignore_settings);
	return hash_combine64(hash, cf_guc_track_changes ? 1 : 2);
}

void
cf_fingerprint_take(void)
{
	if (is_taken)
		return;
	taken.programs = hash_programs();
	taken.collations = hash_collations();
	taken.zones = hash_zones();
	taken.files = hash_files();
	is_taken = true;
}

CfFingerprint
cf_fingerprint_get(void)
{
	CfFingerprint now = taken;

	now.settings = hash_settings();
	return now;
}

const char *
cf_fingerprint_difference(const CfFingerprint *a, const CfFingerprint *b)
{
	if (a->programs != b->programs)
		return "programs or libraries have changed";
	if (a->collations != b->collations)
		return "the versions of collations have changed";
	if (a->zones != b->zones)
		return "the rules of time zones have changed";
	if (a->files != b->files)
		return "files of text search or of time zones' names have changed";
	if (a->settings != b->settings)
		return "settings that results depend on have changed";
	return NULL;
}
