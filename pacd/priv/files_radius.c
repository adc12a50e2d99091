/*
 * What RADIUS needs that only root can read or that must be looked up: secrets
 * in files, radcli's configuration, addresses of names; and a look at the folder
 * of the spool.
 *
 * A child does it and ends: the resolver may hang, libradcli may fall, and neither
 * wipes its memory.  After the files it is root no more, so what name servers send
 * is parsed without rights.  Owns the texts that the child writes.
 */
#include "pacd/priv/radcli.h"

#include "pacd/priv/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 10 /* for all of it; calls wait meanwhile */
#define SECRET_FILE_MAX 65536
#define KEY_TEXT 96

/* --- secrets --- */

bool files_secret_private(const char *file, const struct stat *st, const char *named_by, const char *key,
			  struct conf_errors *errors)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		conf_errors_add(errors, named_by, 0, key, "%s holds a secret and must belong to root: chown root %s",
				file, file);
	else if (st->st_mode & (S_IRWXO | S_IWGRP))
		conf_errors_add(errors, named_by, 0, key, "%s holds a secret, but its mode %04o lets others at it: "
				"chmod 600 %s", file, st->st_mode & 07777, file);
	else
		return true;
	return false;
}

int files_read_secret(const char *file, const char *named_by, const char *key, struct files_text *t,
		      struct conf_errors *errors)
{
	struct stat st;
	int fd = files_open(file, named_by, key, &st, errors), r = -1;

	*t = (struct files_text){ NULL, 0 };
	if (fd < 0)
		return -1;
	if (!files_secret_private(file, &st, named_by, key, errors)) {
		close(fd);
		return -1;
	}
	if (st.st_size > SECRET_FILE_MAX)
		conf_errors_add(errors, named_by, 0, key, "%s is longer than %d octets", file, SECRET_FILE_MAX);
	else if ((r = files_read(fd, t, (size_t)st.st_size)) < 0)
		conf_errors_add(errors, named_by, 0, key, "can't read %s: %s", file, strerror(-r));
	else if (memchr(t->data, '\0', t->len))
		conf_errors_add(errors, named_by, 0, key, "there is a NUL octet in %s; it must be a text file", file),
			r = -1;
	close(fd);
	if (r < 0)
		files_wipe(t);
	return r < 0 ? -1 : 0;
}

/* Without the end of its line; NULL for a good one. */
static const char *secret_complaint(struct files_text *t)
{
	if (t->len && t->data[t->len - 1] == '\n')
		t->data[--t->len] = '\0';
	if (t->len && t->data[t->len - 1] == '\r')
		t->data[--t->len] = '\0';
	if (!t->len)
		return "is empty";
	if (strchr(t->data, '\n'))
		return "has more than one line; the secret must be all of it";
	if (t->len > RADIUS_SECRET_MAX)
		return "holds a secret of more than 253 octets; make it shorter";
	return NULL;
}

/* --- the child --- */

/* Dies with its memory: nothing is freed. */
struct gather {
	const struct conf *conf;
	const struct passwd *user;
	struct conf_radius_found found;
	struct radcli radcli;
	struct conf_errors errors;
};

static void out_of_memory(struct gather *g)
{
	conf_errors_add(&g->errors, g->conf->file, 0, "radius", "out of memory");
}

static bool secret_known(const struct gather *g, const char *file)
{
	for (size_t i = 0; i < g->found.nsecrets; i++)
		if (!strcmp(g->found.secrets[i].file, file))
			return true;
	return false;
}

static void gather_secret(struct gather *g, const char *key, char *file)
{
	struct conf_found_secret *list;
	const char *complaint;
	struct files_text t;

	if (!file || secret_known(g, file) || files_read_secret(file, g->conf->file, key, &t, &g->errors) < 0)
		return;
	complaint = secret_complaint(&t);
	if (complaint) {
		conf_errors_add(&g->errors, g->conf->file, 0, key, "%s %s", file, complaint);
		return;
	}
	list = realloc(g->found.secrets, (g->found.nsecrets + 1) * sizeof *list);
	if (!list) {
		out_of_memory(g);
		return;
	}
	list[g->found.nsecrets++] = (struct conf_found_secret){ file, t.data };
	g->found.secrets = list;
}

static void gather_secrets(struct gather *g)
{
	const struct conf_radius *r = &g->conf->radius;
	char key[KEY_TEXT];

	for (size_t i = 0; i < r->nservers; i++) {
		snprintf(key, sizeof key, "radius.servers[%zu].secret_file", i);
		gather_secret(g, key, r->servers[i].secret_file);
	}
	for (size_t i = 0; i < r->das.nclients; i++) {
		snprintf(key, sizeof key, "radius.das.clients[%zu].secret_file", i);
		gather_secret(g, key, r->das.clients[i].secret_file);
	}
}

/* For good: this process only looks up names from here on. */
static int drop_root(const struct passwd *pw)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(1, &pw->pw_gid) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return -1;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it went with the user */
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static bool name_known(const struct gather *g, const char *name)
{
	for (size_t i = 0; i < g->found.nnames; i++)
		if (!strcasecmp(g->found.names[i].name, name))
			return true;
	return false;
}

/* The first of those that a server may have, in the order that the resolver prefers. */
static struct conf_found_name choose(const struct addrinfo *list, char *name)
{
	struct conf_found_name n = { .name = name };

	for (; list; list = list->ai_next) {
		struct sockaddr_storage address;
		char host[NI_MAXHOST];

		if (getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0 ||
		    conf_host_parse(host, &address) != 1)
			continue;
		n.addresses++;
		if (n.host)
			continue;
		n.host = strdup(host);
		n.address = address;
	}
	return n;
}

static void gather_name(struct gather *g, const char *key, char *name, const struct sockaddr_storage *known)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *list = NULL;
	struct conf_found_name *names, n;
	const char *why;
	int e;

	if (known->ss_family || name_known(g, name))
		return;
	e = getaddrinfo(name, NULL, &hints, &list);
	why = e == 0 ? "none that a host can be reached at" : e == EAI_SYSTEM ? strerror(errno) : gai_strerror(e);
	n = choose(e == 0 ? list : NULL, name);
	if (!n.host) {
		conf_errors_add(&g->errors, g->conf->file, 0, key, "no address for the name %s: %s; give the address "
				"itself, or repair the name", name, why);
		return;
	}
	names = realloc(g->found.names, (g->found.nnames + 1) * sizeof *names);
	if (!names) {
		out_of_memory(g);
		return;
	}
	names[g->found.nnames++] = n;
	g->found.names = names;
}

static void gather_names(struct gather *g)
{
	const struct conf_radius *r = &g->conf->radius;
	struct sockaddr_storage address;
	char key[KEY_TEXT];

	for (size_t i = 0; i < r->nservers; i++) {
		snprintf(key, sizeof key, "radius.servers[%zu].host", i);
		gather_name(g, key, r->servers[i].host, &r->servers[i].address);
	}
	for (size_t i = 0; i < r->das.nclients; i++) {
		snprintf(key, sizeof key, "radius.das.clients[%zu].host", i);
		gather_name(g, key, r->das.clients[i].host, &r->das.clients[i].address);
	}
	for (size_t i = 0; i < g->found.nservers; i++)
		if (conf_host_parse(g->found.servers[i].host, &address) == 0)
			gather_name(g, "radius.config", g->found.servers[i].host, &address);
}

static void gather_all(struct gather *g)
{
	bool radcli = g->conf->radius.config && radcli_read(&g->radcli, g->conf, &g->found, &g->errors) == 0;

	gather_secrets(g);
	if (drop_root(g->user) < 0) {
		conf_errors_add(&g->errors, g->conf->file, 0, "radius", "can't become %s to look up names: %s",
				g->conf->user, strerror(errno));
		return;
	}
	gather_names(g);
	if (radcli)
		radcli_match(&g->radcli, &g->found);
}

static int write_errors(const struct conf_errors *errors, int fd)
{
	char *text = conf_errors_join(errors);
	size_t len = text ? strlen(text) : 0;

	return text && write(fd, text, len) == (ssize_t)len ? 0 : -1;
}

static _Noreturn void child(const struct conf *c, const struct passwd *user, int text_fd, int errors_fd)
{
	struct gather g = { .conf = c, .user = user };
	FILE *out = fdopen(text_fd, "w");

	child_signals();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	gather_all(&g);
	if (g.errors.n)
		_exit(write_errors(&g.errors, errors_fd) < 0);
	_exit(!out || conf_radius_text(out, &g.found) < 0);
}

/* --- the parent --- */

/* The status of waitpid(), or -1 for one that took too long and is dead now. */
static int wait_for(pid_t pid)
{
	struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int status = 0;
	bool ended = p.fd >= 0 && poll(&p, 1, SECONDS * 1000) == 1;

	if (!ended)
		kill(pid, SIGKILL);
	if (p.fd >= 0)
		close(p.fd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return ended ? status : -1;
}

/* What a memfd holds, from its start. 0 or -errno. */
static int read_back(int fd, struct files_text *t)
{
	struct stat st;

	*t = (struct files_text){ NULL, 0 };
	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return files_read(fd, t, (size_t)st.st_size);
}

/* Lines of "FILE: KEY: ...": the file is the same here. */
static void take_errors(const struct conf *c, int fd, struct conf_errors *errors)
{
	struct files_text t;
	char *save, *line;
	size_t skip = strlen(c->file) + 2;

	if (read_back(fd, &t) == 0) {
		save = t.data;
		while ((line = strsep(&save, "\n")))
			if (strlen(line) > skip)
				conf_errors_add(errors, c->file, 0, NULL, "%s", line + skip);
	}
	files_wipe(&t);
}

static void take_text(struct priv_files *f, int fd, struct conf_errors *errors)
{
	struct files_text t;
	int r = read_back(fd, &t);

	if (r == 0 && conf_radius_complete(f->conf, t.data, t.len, errors) == 0) {
		f->radius_fd = priv_files_seal(t.data, t.len);
		r = f->radius_fd < 0 ? f->radius_fd : 0;
	}
	if (r < 0)
		conf_errors_add(errors, f->conf->file, 0, "radius", "can't keep secrets and addresses in memory: %s",
				strerror(-r));
	if (f->radius_fd < 0)
		f->radius_fd = -1;
	files_wipe(&t);
}

static void take(struct priv_files *f, int status, int text_fd, int errors_fd, struct conf_errors *errors)
{
	size_t before = errors->n;

	take_errors(f->conf, errors_fd, errors);
	if (errors->n > before)
		return;
	if (status == -1)
		conf_errors_add(errors, f->conf->file, 0, "radius", "names and files took more than %d s; give "
				"addresses in place of names, or repair the name service", SECONDS);
	else if (status != 0)
		conf_errors_add(errors, f->conf->file, 0, "radius", "who reads its files and names failed (status %d)",
				status);
	else
		take_text(f, text_fd, errors);
}

static void gather(struct priv_files *f, const struct passwd *user, struct conf_errors *errors)
{
	int text = memfd_create("pacd", MFD_CLOEXEC), said = memfd_create("pacd", MFD_CLOEXEC);
	pid_t pid = text < 0 || said < 0 ? -1 : fork();

	if (pid == 0)
		child(f->conf, user, text, said);
	if (pid < 0)
		conf_errors_add(errors, f->conf->file, 0, "radius", "can't start who reads its files and names: %s",
				strerror(errno));
	else
		take(f, wait_for(pid), text, said, errors);
	if (text >= 0)
		close(text);
	if (said >= 0)
		close(said);
}

/* Anything that the file itself does not say. */
static bool lacks(const struct conf_radius *r)
{
	bool yes = r->config != NULL;

	for (size_t i = 0; i < r->nservers; i++)
		yes |= r->servers[i].secret_file || !r->servers[i].address.ss_family;
	for (size_t i = 0; i < r->das.nclients; i++)
		yes |= r->das.clients[i].secret_file || !r->das.clients[i].address.ss_family;
	return yes;
}

/* The spool's folder is there, or one mkdir() away. */
static void see_spool(const struct conf *c, struct conf_errors *errors)
{
	static const char key[] = "radius.acct.spool";
	char path[PATH_MAX];
	const char *folder;
	struct stat st;

	snprintf(path, sizeof path, "%s", c->radius.acct.spool);
	folder = dirname(path);
	if (stat(folder, &st) < 0 || !S_ISDIR(st.st_mode))
		conf_errors_add(errors, c->file, 0, key, "there is no folder %s", folder);
	else if (!priv_owned(&st))
		conf_errors_add(errors, c->file, 0, key, "others than root may put files in the place of ours in the "
				"folder %s: chown root and chmod go-w it, or name another one", folder);
	else if (lstat(c->radius.acct.spool, &st) == 0 && !S_ISDIR(st.st_mode))
		conf_errors_add(errors, c->file, 0, key, "%s is not a folder; name another one", c->radius.acct.spool);
}

void files_load_radius(struct priv_files *f, struct conf_errors *errors)
{
	const struct passwd *user = getpwnam(f->conf->user);

	if (conf_radius_used(f->conf) && f->conf->radius.acct.enabled)
		see_spool(f->conf, errors);
	if (!lacks(&f->conf->radius))
		return;
	if (user) /* else that is what is wrong */
		gather(f, user, errors);
}
