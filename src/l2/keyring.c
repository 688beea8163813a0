/*
 * keyring.c - reads the key file, and reads it again when it has changed.
 *
 * A key in a file is not in pg_settings, in dumps or in logs. As for a TLS key,
 * nobody but its owner (or root's group) may be able to read it.
 *
 * src/l2/keyring.c
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "base/steady.h"
#include "l2/keyring.h"

#define CF_MAX_KEY_FILE 65536
#define CF_COMPLAIN_MS 60000

/* The file's, as it was read last. */
static struct
{
	CfKeyring  *keys;			/* or NULL */
	char	   *path;			/* malloc'd */
	struct stat stat;
}			keyring;

static void
complain(const char *path, const char *what, int line)
{
	static TimestampTz last = 0;
	TimestampTz now = cf_steady_now();

	if (last != 0 && !TimestampDifferenceExceeds(last, now, CF_COMPLAIN_MS))
		return;
	last = now;
	if (line > 0)
		ereport(LOG,
				(errmsg("could not use encryption key file \"%s\": %s in line %d",
						path, what, line),
				 errdetail("Redis is not used until it can be read.")));
	else
		ereport(LOG,
				(errmsg("could not use encryption key file \"%s\": %s", path, what),
				 errdetail("Redis is not used until it can be read.")));
}

static bool
is_private(const struct stat *st)
{
	if (st->st_uid == 0)
		return (st->st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) == 0;
	return (st->st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

/* The file's text in a buffer of CF_MAX_KEY_FILE bytes; -1 if it cannot be read. */
static ssize_t
read_file(const char *path, char *buffer, struct stat *st)
{
	int			fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t		len = 0;

	if (fd < 0)
		return -1;
	if (fstat(fd, st) != 0)
		len = -1;
	while (len >= 0 && len < CF_MAX_KEY_FILE)
	{
		ssize_t		n = read(fd, buffer + len, CF_MAX_KEY_FILE - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			len = -1;
		if (n <= 0)
			break;
		len += n;
	}
	close(fd);
	return len;
}

static const char *
keyring_problem(CfKeyringStatus status)
{
	switch (status)
	{
		case CF_KEYRING_OK:
			return NULL;
		case CF_KEYRING_NO_MEMORY:
			return "out of memory";
		case CF_KEYRING_EMPTY:
			return "there is no key";
		case CF_KEYRING_BAD_ID:
			return "a number from 1 to 65535 was expected";
		case CF_KEYRING_BAD_KEY:
			return "64 hexadecimal digits were expected";
		case CF_KEYRING_TRAILING:
			return "there is something after the key";
		case CF_KEYRING_DUPLICATE:
			return "the number was there before";
		case CF_KEYRING_TOO_MANY:
			return "there are too many keys";
	}
	return NULL;
}

static void
forget(void)
{
	cf_keyring_free(keyring.keys);
	keyring.keys = NULL;
	free(keyring.path);
	keyring.path = NULL;
}

static void
load(const char *path)
{
	static char buffer[CF_MAX_KEY_FILE];
	ssize_t		len = read_file(path, buffer, &keyring.stat);
	CfKeyringStatus status;
	MemoryContext old;
	int			line;

	if (len < 0)
	{
		complain(path, strerror(errno), 0);
		return;
	}
	if (len == CF_MAX_KEY_FILE || !is_private(&keyring.stat))
	{
		explicit_bzero(buffer, sizeof(buffer));
		complain(path, len == CF_MAX_KEY_FILE ? "it is too large" :
				 "others than its owner may read or change it", 0);
		return;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	status = cf_keyring_parse(buffer, len, &keyring.keys, &line);
	MemoryContextSwitchTo(old);
	explicit_bzero(buffer, sizeof(buffer));
	if (status != CF_KEYRING_OK)
	{
		keyring.keys = NULL;
		complain(path, keyring_problem(status), line);
		return;
	}
	keyring.path = strdup(path);
	if (keyring.path == NULL)
		forget();
}

static bool
is_unchanged(const char *path)
{
	struct stat now;

	return keyring.keys != NULL && strcmp(path, keyring.path) == 0 && stat(path, &now) == 0 &&
		now.st_mtim.tv_sec == keyring.stat.st_mtim.tv_sec &&
		now.st_mtim.tv_nsec == keyring.stat.st_mtim.tv_nsec &&
		now.st_size == keyring.stat.st_size && now.st_ino == keyring.stat.st_ino &&
		now.st_mode == keyring.stat.st_mode;
}

bool
cf_keyring_get(const CfKeyring **ring, bool *required)
{
	const char *path = cf_guc_encryption_key_file;

	*required = path[0] != '\0';
	*ring = NULL;
	if (!*required)
	{
		if (keyring.keys != NULL)
			forget();
		return true;
	}
	if (!is_unchanged(path))
	{
		forget();
		load(path);
	}
	*ring = keyring.keys;
	return keyring.keys != NULL;
}
