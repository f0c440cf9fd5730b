/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "hub/store_open.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "hub/disk_inherit.h"
#include "hub/memory_file.h"
#include "hub/place.h"
#include "hub/store_dir.h"
#include "hub/store_disk.h"
#include "hub/store_memory.h"
#include "lib/base/clock.h"
#include "lib/base/logging.h"
#include "lib/sse/id.h"

#define SYSTEM_STATE "/var/lib/sse-fcgi"

/* --- where -------------------------------------------------------------- */

/* The first directory of $STATE_DIRECTORY, which systemd makes. */
static bool
from_systemd(char *out, size_t size)
{
	const char *text = getenv("STATE_DIRECTORY");
	int n;

	if (!text || text[0] != '/')
		return false;
	n = snprintf(out, size, "%.*s", (int)strcspn(text, ":"), text);
	return n > 0 && (size_t)n < size;
}

/* ~/.local/state/sse-fcgi, which is made as far as it is missing. */
static bool
from_home(char *out, size_t size)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const struct passwd *me = getpwuid(geteuid());
	char base[STORE_PATH_MAX];
	int n;

	if (!home || home[0] != '/')
		home = me ? me->pw_dir : NULL;
	if (state && state[0] == '/')
		n = snprintf(base, sizeof(base), "%s", state);
	else if (home && home[0] == '/')
		n = snprintf(base, sizeof(base), "%s/.local/state", home);
	else
		return false;
	if (n < 0 || (size_t)n >= sizeof(base))
		return false;
	if (state && state[0] == '/') {
		(void)mkdir(base, 0700);
	} else if (access(home, W_OK) == 0) {
		n = snprintf(out, size, "%s/.local", home);
		if (n > 0 && (size_t)n < size)
			(void)mkdir(out, 0700);
		(void)mkdir(base, 0700);
	}
	n = snprintf(out, size, "%s/sse-fcgi", base);
	return n > 0 && (size_t)n < size;
}

/* Where no --store says so. */
static bool
default_directory(const struct bus_address *bus, char *out, size_t size)
{
	int n = -1;

	if (from_systemd(out, size))
		return true;
	if (bus->is_tcp)
		return false;	/* several of them may be on one machine */
	switch (bus->origin) {
	case BUS_SYSTEM:
		n = snprintf(out, size, "%s", SYSTEM_STATE);
		break;
	case BUS_XDG:
	case BUS_TMP:
		return from_home(out, size);
	case BUS_GIVEN:
	case BUS_CGI:
	case BUS_RUNTIME_DIRECTORY:
		n = snprintf(out, size, "%s/store", bus->path);
		break;
	}
	return n > 0 && (size_t)n < size;
}

bool
store_open_directory(const struct hub_config *config, char *out, size_t size)
{
	int n;

	if (!config->store)
		return default_directory(&config->bus, out, size);
	if (strcmp(config->store, "memory") == 0)
		return false;
	n = snprintf(out, size, "%s", config->store);
	return n > 0 && (size_t)n < size;
}

/* --- opening ------------------------------------------------------------ */

/* Where one hub leaves what it has in memory to the next. False: nowhere. */
static bool
memory_path(const struct hub_config *c, char *out, size_t size)
{
	int n = c->bus.is_tcp ? -1 : snprintf(out, size, "%s/%s", c->bus.path,
					      MEMORY_FILE_NAME);

	return n > 0 && (size_t)n < size;
}

/* What the hub before has left. 0, or why there is nothing. */
static int
take_left(const struct hub_config *c, const struct store_limits *limits,
	  struct store **ret_store)
{
	char path[STORE_PATH_MAX];
	struct store_state state;
	int r;

	if (!memory_path(c, path, sizeof(path)))
		return -ENOENT;
	r = memory_file_load(path, limits, c->keeps, c->n_keeps,
			     clock_mono_ms(), ret_store);
	if (r < 0) {
		if (r != -ENOENT)
			log_warning("cannot go on with what the hub before has left in %s: %s",
				    path, r == -EINVAL ? "it is not whole" :
							 strerror(-r));
		return r;
	}
	(*ret_store)->ops->state(*ret_store, &state);
	log_notice("going on where the hub before ended, with %llu events in memory",
		   (unsigned long long)state.events);
	return 0;
}

void
store_leave(const struct hub_config *c, struct store *s,
	    const struct keys *keys)
{
	char path[STORE_PATH_MAX];
	int r;

	if (!s->ops->is_volatile || !memory_path(c, path, sizeof(path)))
		return;
	r = memory_file_save(path, place_directory_group(&c->bus), s, keys,
			     clock_mono_ms());
	if (r < 0)
		log_warning("cannot leave the events in memory to the next hub in %s: %s; it begins a new epoch",
			    path, strerror(-r));
}

static int
open_memory(const struct hub_config *c, struct store **ret_store)
{
	/* All that is kept is in memory: a window that was given is its
	 * bound, too. */
	const struct store_limits limits = c->has_window ? c->window :
							   c->history;
	int r = take_left(c, &limits, ret_store);

	if (r < 0)
		r = store_memory_new(&limits, c->keeps, c->n_keeps,
				     id_new_epoch(), ret_store);
	if (r < 0)
		log_error("cannot make the store: %s", strerror(-r));
	return r < 0 ? EX_OSERR : 0;
}

int
store_open_status(int error)
{
	switch (error) {
	case -EBUSY:
	case -ENOSPC:
		return EX_TEMPFAIL;
	case -EBADMSG:
	case -EINVAL:
	case -EPROTO:
		return EX_DATAERR;
	case -EACCES:
	case -EPERM:
		return EX_NOPERM;
	default:
		return EX_CANTCREAT;
	}
}

/* Moves what is there out of the way: its files, each under a name with the
 * time. 0 or -errno. */
static int
put_aside(const char *directory)
{
	static const char *const names[] = { STORE_DIR_EVENTS,
					     STORE_DIR_JOURNAL };
	struct store_dir dir = { .lock = -1, .group = (gid_t)-1 };
	char to[STORE_PATH_MAX + 128];
	size_t i;
	int r;

	snprintf(dir.path, sizeof(dir.path), "%s", directory);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		r = store_dir_put_aside(&dir, names[i], false, to, sizeof(to));
		if (r == 0)
			log_warning("put aside %s/%s as %s", directory,
				    names[i], to);
		else if (r != -ENOENT)
			return r;
	}
	return 0;
}

static bool
is_damage(int error)
{
	return error == -EBADMSG || error == -EINVAL || error == -EPROTO;
}

static int
open_disk(const struct hub_config *c, const char *directory,
	  struct store **ret_store, struct disk_fault *f)
{
	struct disk_config disk = {
		.directory = directory,
		.limits = c->history,
		.rules = c->keeps,
		.n_rules = c->n_keeps,
		.sync_ms = c->sync_ms,
		.group = place_directory_group(&c->bus),
	};
	int r = store_disk_open(&disk, ret_store, f);

	if (is_damage(r) && c->may_start_new) {
		log_error("%s", f->why);
		log_warning("beginning anew in %s, as --on-damage start-new says; streams are told of a gap",
			    directory);
		if (put_aside(directory) == 0)
			r = store_disk_open(&disk, ret_store, f);
	}
	return r;
}

static void
say_where(const struct hub_config *c, const char *directory,
	  const struct store *s, const struct disk_fault *f)
{
	struct store_state state;

	if (f->note[0])
		log_warning("%s", f->note);
	s->ops->state(s, &state);
	if (c->sync_ms)
		log_notice("events are kept in %s, %llu of them now; an acknowledged one survives this program at once, and a power cut after %lld ms",
			   directory, (unsigned long long)state.events,
			   (long long)c->sync_ms);
	else
		log_notice("events are kept in %s, %llu of them now",
			   directory, (unsigned long long)state.events);
}

/* What a hub in memory has left before means nothing after this one. */
static void
forget_left(const struct hub_config *c)
{
	char path[STORE_PATH_MAX];

	if (memory_path(c, path, sizeof(path)))
		(void)unlink(path);
}

static bool
has_store(const struct store_dir *dir)
{
	char path[STORE_PATH_MAX + 32];
	struct stat st;

	return store_dir_path(dir, STORE_DIR_EVENTS, path,
			      sizeof(path)) < 0 ||
	       lstat(path, &st) == 0 || errno != ENOENT;
}

/* What the hub before has left at `path` becomes the store of a directory
 * without one. 0 or -errno; then it is still there. */
static int
inherit_left(const struct hub_config *c, const char *path,
	     const struct store_dir *dir)
{
	char spare[STORE_PATH_MAX + 8];
	struct store *left;
	int r;

	/* Whoever reads it removes it. */
	snprintf(spare, sizeof(spare), "%s.old", path);
	(void)unlink(spare);
	(void)!link(path, spare);
	r = take_left(c, &c->history, &left);
	if (r == 0) {
		r = disk_inherit(dir, left, clock_mono_ms());
		store_free(left);
	} else if (r == -ENOENT || r == -EINVAL) {
		(void)unlink(spare);
		return 0;	/* that was said */
	}
	if (r < 0) {
		(void)rename(spare, path);
		return r;
	}
	(void)unlink(spare);
	log_notice("they are kept in %s from now on", dir->path);
	return 0;
}

/* Before the store is opened: in a directory that cannot be used, nothing. 0,
 * or an exit status with the reason logged. */
static int
inherit(const struct hub_config *c, const char *directory)
{
	char path[STORE_PATH_MAX], why[STORE_PATH_MAX + 256];
	struct store_dir dir;
	int r = 0;

	if (!memory_path(c, path, sizeof(path)) || access(path, F_OK) < 0 ||
	    store_dir_open(&dir, directory, place_directory_group(&c->bus), 0,
			   why, sizeof(why)) < 0)
		return 0;
	if (has_store(&dir))
		log_warning("events that the hub before kept in memory are dropped: %s has a store already; streams are told of a gap",
			    directory);
	else
		r = inherit_left(c, path, &dir);
	if (r == -ENOSPC)
		log_error("cannot take over what the hub before has left in %s: disk full on %s; make room there",
			  path, directory);
	else if (r < 0)
		log_error("cannot take over what the hub before has left in %s to %s: %s",
			  path, directory, strerror(-r));
	store_dir_close(&dir);
	return r < 0 ? store_open_status(r) : 0;
}

int
store_open(const struct hub_config *c, struct store **ret_store)
{
	struct disk_fault f = { 0 };
	char directory[STORE_PATH_MAX];
	int r;

	if (!store_open_directory(c, directory, sizeof(directory))) {
		if (c->store)
			log_notice("events are kept in memory, as --store says, and are gone when this hub is killed");
		else
			log_notice("events are kept in memory, and are gone when this hub is killed: a bus at %s has no directory for them; name one with --store",
				   c->bus.path);
		return open_memory(c, ret_store);
	}
	r = inherit(c, directory);
	if (r)
		return r;
	r = open_disk(c, directory, ret_store, &f);
	if (r == 0) {
		say_where(c, directory, *ret_store, &f);
		forget_left(c);
		return 0;
	}
	/* A place that nobody named may be one where this user cannot keep
	 * anything; one that is damaged, in use or full is not passed over. */
	if (!c->store && !is_damage(r) && r != -EBUSY && r != -ENOSPC) {
		log_warning("events are kept in memory, and are gone when this hub is killed: %s",
			    f.why);
		return open_memory(c, ret_store);
	}
	log_error("%s", f.why);
	return store_open_status(r);
}

int
store_open_check(const struct hub_config *c)
{
	char directory[STORE_PATH_MAX], why[STORE_PATH_MAX + 256];
	int r;

	if (!c->store || !store_open_directory(c, directory, sizeof(directory)))
		return 0;
	r = store_dir_check(directory, why, sizeof(why));
	if (r == 0)
		return 0;
	log_error("%s", why);
	return store_open_status(r);
}
