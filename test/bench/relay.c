/*
 * relay.c - a longer way to Redis: passes bytes between unix sockets, each of
 * them DELAY milliseconds late, in both directions.
 *
 *	relay LISTEN TARGET DELAY
 *
 * What waits for N round trips to Redis, one after the other, takes 2 * N * DELAY
 * longer through it: so bench.sh counts them, from outside. What is on its way
 * at the same time is late once, whatever it is cut into. Ends at a signal.
 *
 * test/bench/relay.c
 */
#define _GNU_SOURCE				/* ppoll */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_PAIRS 64
#define CHUNK_BYTES 65536

/* Bytes that came at one moment. */
typedef struct Chunk
{
	struct Chunk *next;
	int64_t		due;			/* us */
	size_t		len;			/* 0: the end of the stream */
	size_t		sent;
	char		data[];
} Chunk;

/* One direction: read from one socket, written to the other. */
typedef struct Way
{
	int			from;
	int			to;
	int			ended;			/* nothing more comes */
	Chunk	   *first;
	Chunk	  **last;
} Way;

typedef struct Pair
{
	int			fd[2];			/* -1: unused */
	Way			way[2];
} Pair;

static Pair pairs[MAX_PAIRS];
static int64_t delay_us;

static void
die(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static int
open_socket(const char *path, struct sockaddr_un *address)
{
	int			fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address->sun_path))
	{
		errno = ENAMETOOLONG;
		die(path);
	}
	strcpy(address->sun_path, path);
	return fd;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address;
	int			fd = open_socket(path, &address);

	unlink(path);
	if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 64) < 0)
		die(path);
	return fd;
}

static void
begin_way(Way *way, int from, int to)
{
	memset(way, 0, sizeof(*way));
	way->from = from;
	way->to = to;
	way->last = &way->first;
}

static void
accept_pair(int listener, const char *target)
{
	struct sockaddr_un address;
	int			client = accept(listener, NULL, NULL);
	int			server = open_socket(target, &address);
	Pair	   *pair = pairs;

	while (pair < pairs + MAX_PAIRS && pair->fd[0] >= 0)
		pair++;
	if (client < 0 || pair == pairs + MAX_PAIRS ||
		connect(server, (struct sockaddr *) &address, sizeof(address)) < 0)
	{
		if (client >= 0)
			close(client);
		close(server);
		return;
	}
	pair->fd[0] = client;
	pair->fd[1] = server;
	begin_way(&pair->way[0], client, server);
	begin_way(&pair->way[1], server, client);
}

static void
drop_chunk(Way *way)
{
	Chunk	   *chunk = way->first;

	way->first = chunk->next;
	if (way->first == NULL)
		way->last = &way->first;
	free(chunk);
}

static void
close_pair(Pair *pair)
{
	for (int i = 0; i < 2; i++)
	{
		while (pair->way[i].first != NULL)
			drop_chunk(&pair->way[i]);
		close(pair->fd[i]);
		pair->fd[i] = -1;
	}
}

static void
take_bytes(Way *way)
{
	Chunk	   *chunk = malloc(sizeof(Chunk) + CHUNK_BYTES);
	ssize_t		n;

	if (chunk == NULL)
		die("malloc");
	n = recv(way->from, chunk->data, CHUNK_BYTES, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
	{
		free(chunk);
		return;
	}
	way->ended = n <= 0;
	chunk->next = NULL;
	chunk->due = now_us() + delay_us;
	chunk->len = n > 0 ? n : 0;
	chunk->sent = 0;
	*way->last = chunk;
	way->last = &chunk->next;
}

/* Passes on what is due. 0: the stream has ended, or nobody reads it. */
static int
pass_bytes(Way *way, int64_t now)
{
	while (way->first != NULL && way->first->due <= now)
	{
		Chunk	   *chunk = way->first;
		ssize_t		n;

		if (chunk->len == 0)
			return 0;
		n = send(way->to, chunk->data + chunk->sent, chunk->len - chunk->sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		chunk->sent += n;
		if (chunk->sent == chunk->len)
			drop_chunk(way);
	}
	return 1;
}

/* Of the sockets, and the time of the next chunk that is not due yet. */
static int
gather(struct pollfd *fds, int listener, int64_t now, int64_t *next)
{
	int			n = 0;

	fds[n++] = (struct pollfd) {.fd = listener, .events = POLLIN};
	*next = INT64_MAX;
	for (Pair *pair = pairs; pair < pairs + MAX_PAIRS; pair++)
	{
		for (int i = 0; i < 2 && pair->fd[0] >= 0; i++)
		{
			Chunk	   *chunk = pair->way[1 - i].first;

			fds[n] = (struct pollfd) {.fd = pair->fd[i]};
			if (!pair->way[i].ended)
				fds[n].events |= POLLIN;
			if (chunk != NULL && chunk->due <= now)
				fds[n].events |= POLLOUT;
			else if (chunk != NULL && chunk->due < *next)
				*next = chunk->due;
			if (fds[n].events == 0)
				fds[n].fd = -1;
			n++;
		}
	}
	return n;
}

/* Until whichever comes first: bytes, room for bytes that are due, or a time. */
static void
sleep_until_ready(struct pollfd *fds, int n, int64_t now, int64_t next)
{
	int64_t		us = next - now;
	struct timespec timeout = {us / 1000000, us % 1000000 * 1000};

	if (ppoll(fds, n, next == INT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
		die("ppoll");
}

static void
serve(int listener, const char *target)
{
	struct pollfd fds[1 + 2 * MAX_PAIRS];
	int64_t		next;
	int64_t		now = now_us();
	int			n = gather(fds, listener, now, &next);
	int			at = 1;

	sleep_until_ready(fds, n, now, next);
	now = now_us();
	for (Pair *pair = pairs; pair < pairs + MAX_PAIRS; pair++)
	{
		int			open = 1;

		if (pair->fd[0] < 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (fds[at++].revents & (POLLIN | POLLHUP | POLLERR) && !pair->way[i].ended)
				take_bytes(&pair->way[i]);
		for (int i = 0; i < 2; i++)
			open &= pass_bytes(&pair->way[i], now);
		if (!open)
			close_pair(pair);
	}
	if (fds[0].revents != 0)
		accept_pair(listener, target);
}

int
main(int argc, char **argv)
{
	int			listener;

	if (argc != 4)
	{
		fprintf(stderr, "usage: relay LISTEN TARGET DELAY_MS\n");
		return 2;
	}
	delay_us = atof(argv[3]) * 1000;
	for (int i = 0; i < MAX_PAIRS; i++)
		pairs[i].fd[0] = -1;
	listener = listen_at(argv[1]);
	for (;;)
		serve(listener, argv[2]);
}
