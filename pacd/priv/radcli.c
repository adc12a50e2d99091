/*
 * radcli's configuration, read by libradcli: authserver, acctserver, servers,
 * radius_timeout, radius_retries.  Functions that 1.2.11 and later have, only.
 *
 * Runs in a child of the root part that ends afterwards, since libradcli leaves
 * secrets in memory that it frees, and 1.2.11 writes past the end of its list of
 * servers: what it can't bear is refused before it sees it.  The file of secrets
 * is read here, whole: libradcli cuts its lines and takes a name for another one
 * that begins alike.
 */
#include "pacd/priv/radcli.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <radcli/radcli.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <syslog.h>
#include <unistd.h>

#define KEY "radius.config"
#define LINE_MAX_ 510   /* of radiusclient.conf; libradcli cuts what is longer */
#define SERVERS_MAX 8   /* of one kind; libradcli has no room for more */
#define BLANKS " \t\r\n"

static void __attribute__((format(printf, 3, 4)))
fail(struct radcli *r, unsigned line, const char *fmt, ...)
{
	char text[512];
	va_list args;
	int n = 0;

	if (line)
		n = snprintf(text, sizeof text, "line %u of ", line);
	va_start(args, fmt);
	vsnprintf(text + n, sizeof text - (size_t)n, fmt, args);
	va_end(args);
	conf_errors_add(r->errors, r->conf->file, 0, KEY, "%s", text);
}

/* --- before libradcli sees it --- */

struct scan {
	struct radcli *r;
	const char *file;
	unsigned line, auth, acct; /* servers so far */
};

static unsigned words(char *text, const char *blanks)
{
	char *save = NULL;
	unsigned n = 0;

	for (char *w = strtok_r(text, blanks, &save); w; w = strtok_r(NULL, blanks, &save))
		n++;
	return n;
}

static void scan_servers(struct scan *s, unsigned *sum, char *value)
{
	unsigned n = words(value, ", \t\r");

	*sum += n;
	if (!n)
		fail(s->r, s->line, "%s names no server", s->file);
	else if (*sum > SERVERS_MAX)
		fail(s->r, s->line, "%s: more than %d servers of a kind are too many for radcli; give them as "
		     "radius.servers", s->file, SERVERS_MAX);
}

static void scan_line(struct scan *s, char *line)
{
	char *value;

	if (!*line || *line == '#')
		return;
	if (strlen(line) > LINE_MAX_ || isspace((unsigned char)*line)) {
		fail(s->r, s->line, "%s %s", s->file, isspace((unsigned char)*line)
		     ? "begins with a blank; take it out" : "is too long for radcli; make it shorter");
		return;
	}
	value = line + strcspn(line, " \t");
	if (*value)
		*value++ = '\0';
	if (!strcmp(line, "authserver"))
		scan_servers(s, &s->auth, value);
	else if (!strcmp(line, "acctserver"))
		scan_servers(s, &s->acct, value);
}

static void scan_file(struct radcli *r, const char *file, struct files_text *t)
{
	struct scan s = { .r = r, .file = file };
	char *save = t->data, *line;

	if (memchr(t->data, '\0', t->len)) {
		fail(r, 0, "there is a NUL octet in %s; it must be a text file", file);
		return;
	}
	while ((line = strsep(&save, "\n"))) {
		s.line++;
		scan_line(&s, line);
	}
}

static int check_file(struct radcli *r, const char *file, struct stat *st)
{
	size_t before = r->errors->n;
	struct files_text t = { NULL, 0 };
	int fd = files_open(file, r->conf->file, KEY, st, r->errors), e;

	if (fd < 0)
		return -1;
	files_see_owned(file, st, r->conf->file, KEY, r->errors);
	e = files_read(fd, &t, (size_t)st->st_size);
	close(fd);
	if (e < 0)
		fail(r, 0, "can't read %s: %s", file, strerror(-e));
	else
		scan_file(r, file, &t);
	files_wipe(&t);
	return r->errors->n == before ? 0 : -1;
}

/* --- libradcli --- */

/* What it says goes to syslog only: the last of it is caught on the way through stderr. */
static void last_words(int fd, char *text, size_t size)
{
	char said[2048], *start, *end;
	ssize_t n = pread(fd, said, sizeof said - 1, 0);

	snprintf(text, size, "its reason is in syslog");
	if (n <= 0)
		return;
	said[n] = '\0';
	end = said + n;
	while (end > said && isspace((unsigned char)end[-1]))
		*--end = '\0';
	start = strrchr(said, '\n');
	start = start ? start + 1 : said;
	for (char *p = start; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	if (*start)
		snprintf(text, size, "%.200s", start);
}

static rc_handle *read_config(struct radcli *r, const char *file)
{
	int said = memfd_create("radcli", MFD_CLOEXEC), old = dup(STDERR_FILENO);
	char words_[256];
	rc_handle *rh;

	if (said >= 0)
		dup2(said, STDERR_FILENO);
	openlog("pacd", LOG_PERROR, LOG_DAEMON);
	rc_setdebug(0); /* it would log secrets */
	rh = rc_read_config(file);
	closelog();
	if (old >= 0)
		dup2(old, STDERR_FILENO);
	if (!rh) {
		last_words(said, words_, sizeof words_);
		fail(r, 0, "libradcli can't read %s: %s", file, words_);
	} else if (rc_get_socket_type(rh) != RC_SOCKET_UDP) {
		fail(r, 0, "%s: serv-type must be udp; pacd has no other", file);
		rh = NULL;
	}
	if (said >= 0)
		close(said);
	if (old >= 0)
		close(old);
	return rh;
}

/* One server of an option; 0, or -1 with an error added. */
static int add_server(struct radcli *r, struct conf_radius_found *found, const SERVER *list, int i, bool auth)
{
	struct conf_radius_server *s = &found->servers[found->nservers];
	struct sockaddr_storage address;

	conf_radius_server_init(s);
	s->port = auth ? list->port[i] : 0;
	s->acct_port = auth ? 0 : list->port[i];
	s->priority = (unsigned)i + 1;
	if (!list->port[i] || conf_host_parse(list->name[i], &address) < 0) {
		fail(r, 0, "%s: \"%.64s\" is no server: %s", r->conf->radius.config, list->name[i],
		     list->port[i] ? "give a name or an address" : "give a port from 1 to 65535");
		return -1;
	}
	s->host = strdup(list->name[i]);
	s->secret = list->secret[i] ? strdup(list->secret[i]) : NULL;
	found->nservers++;
	if (s->host && (s->secret || !list->secret[i]))
		return 0;
	fail(r, 0, "out of memory");
	return -1;
}

static int add_servers(struct radcli *r, rc_handle *rh, struct conf_radius_found *found)
{
	const SERVER *lists[2] = { rc_conf_srv(rh, "authserver"), rc_conf_srv(rh, "acctserver") };
	int rc = 0;

	found->servers = calloc(2 * SERVERS_MAX, sizeof *found->servers);
	if (!found->servers) {
		fail(r, 0, "out of memory");
		return -1;
	}
	for (int kind = 0; kind < 2; kind++)
		for (int i = 0; lists[kind] && i < lists[kind]->max && i < SERVERS_MAX; i++)
			if (add_server(r, found, lists[kind], i, kind == 0) < 0)
				rc = -1;
	return rc;
}

static int add_times(struct radcli *r, rc_handle *rh, struct conf_radius_found *found)
{
	int timeout = rc_conf_int(rh, "radius_timeout"), retries = rc_conf_int(rh, "radius_retries");

	if (timeout < 1 || timeout > 30 || retries < 1 || retries > 10) {
		fail(r, 0, "%s: radius_timeout must be 1 to 30 and radius_retries 1 to 10", r->conf->radius.config);
		return -1;
	}
	for (size_t i = 0; i < found->nservers; i++) {
		found->servers[i].timeout_ms = timeout * 1000;
		found->servers[i].retries = (unsigned)retries;
	}
	return 0;
}

/* --- the file of secrets --- */

static int add_secret(struct radcli *r, unsigned line, char *host, const char *secret)
{
	struct radcli_secret *list = realloc(r->secrets, (r->nsecrets + 1) * sizeof *list);
	char *other = strchr(host, '/');

	if (!list) {
		fail(r, 0, "out of memory");
		return -1;
	}
	r->secrets = list;
	if (other)
		*other++ = '\0';
	list += r->nsecrets++;
	*list = (struct radcli_secret){ strdup(host), other ? strdup(other) : NULL, strdup(secret), line };
	return 0;
}

static void read_secrets(struct radcli *r)
{
	struct files_text t = { NULL, 0 };
	char *save, *line;

	if (files_read_secret(r->servers, r->conf->file, KEY, &t, r->errors) < 0)
		return;
	save = t.data;
	for (unsigned n = 1; (line = strsep(&save, "\n")); n++) {
		char *rest = NULL, *host = *line == '#' ? NULL : strtok_r(line, BLANKS, &rest);
		char *secret = host ? strtok_r(NULL, BLANKS, &rest) : NULL;

		if (host && !secret)
			fail(r, n, "%s has no secret", r->servers);
		else if (host && strlen(secret) > RADIUS_SECRET_MAX)
			fail(r, n, "%s: the secret is longer than %d octets", r->servers, RADIUS_SECRET_MAX);
		else if (host && add_secret(r, n, host, secret) < 0)
			break;
	}
	files_wipe(&t);
}

static bool named(const struct radcli_secret *s, const char *host)
{
	return (s->host && !strcasecmp(s->host, host)) || (s->other && !strcasecmp(s->other, host));
}

static void match_names(struct radcli *r, struct conf_radius_found *found)
{
	for (size_t i = 0; i < found->nservers; i++) {
		struct conf_radius_server *s = &found->servers[i];

		for (size_t j = 0; !s->secret && j < r->nsecrets; j++)
			if (named(&r->secrets[j], s->host) && r->secrets[j].secret)
				s->secret = strdup(r->secrets[j].secret);
	}
}

static bool lacks_secret(const struct conf_radius_found *found)
{
	for (size_t i = 0; i < found->nservers; i++)
		if (!found->servers[i].secret)
			return true;
	return false;
}

static bool has_secret(const struct conf_radius_found *found)
{
	for (size_t i = 0; i < found->nservers; i++)
		if (found->servers[i].secret)
			return true;
	return false;
}

int radcli_read(struct radcli *r, const struct conf *conf, struct conf_radius_found *found, struct conf_errors *errors)
{
	const char *file = conf->radius.config;
	size_t before = errors->n;
	const char *servers;
	struct stat st;
	rc_handle *rh;

	*r = (struct radcli){ .conf = conf, .errors = errors };
	if (check_file(r, file, &st) < 0)
		return -1;
	rh = read_config(r, file);
	if (!rh || add_servers(r, rh, found) < 0 || add_times(r, rh, found) < 0)
		return -1;
	if (has_secret(found))
		files_secret_private(file, &st, conf->file, KEY, errors);
	servers = rc_conf_str(rh, "servers");
	if (lacks_secret(found) && servers) {
		r->servers = strdup(servers);
		read_secrets(r);
		match_names(r, found);
	}
	return errors->n == before ? 0 : -1;
}

/* --- by address --- */

static bool leads_to(const char *host, const struct sockaddr_storage *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *list = NULL;
	bool yes = false;

	if (!host || getaddrinfo(host, NULL, &hints, &list) != 0)
		return false;
	for (const struct addrinfo *a = list; a && !yes; a = a->ai_next) {
		struct sockaddr_storage ss = { 0 };

		memcpy(&ss, a->ai_addr, a->ai_addrlen);
		yes = conf_host_same(&ss, address);
	}
	freeaddrinfo(list);
	return yes;
}

static struct sockaddr_storage address_of(const struct conf_radius_server *s, const struct conf_radius_found *found)
{
	struct sockaddr_storage address;

	if (conf_host_parse(s->host, &address) == 1)
		return address;
	for (size_t i = 0; i < found->nnames; i++)
		if (!strcasecmp(found->names[i].name, s->host))
			return found->names[i].address;
	return address;
}

static void match_address(const struct radcli *r, struct conf_radius_server *s, const struct sockaddr_storage *address)
{
	for (size_t i = 0; address->ss_family && !s->secret && i < r->nsecrets; i++)
		if (r->secrets[i].secret &&
		    (leads_to(r->secrets[i].host, address) || leads_to(r->secrets[i].other, address)))
			s->secret = strdup(r->secrets[i].secret);
}

void radcli_match(struct radcli *r, struct conf_radius_found *found)
{
	for (size_t i = 0; i < found->nservers; i++) {
		struct conf_radius_server *s = &found->servers[i];
		struct sockaddr_storage address = address_of(s, found);

		match_address(r, s, &address);
		if (!s->secret)
			fail(r, 0, "%s: there is no secret for %s%s%s", r->conf->radius.config, s->host,
			     r->servers ? " in " : "; give it there, or name a servers file",
			     r->servers ? r->servers : "");
	}
}
