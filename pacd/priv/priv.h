/*
 * The root part: the process that stays root.  See DESIGN: it reads files,
 * opens sockets, starts and reaps pppd, and nothing else.
 */
#ifndef PACD_PRIV_PRIV_H
#define PACD_PRIV_PRIV_H

#include "pacd/conf.h"

#include <sys/stat.h>
#include <sys/types.h>

struct priv_options {
	const char *conf_file; /* absolute, or relative to the start directory */
	bool foreground;
};

/*
 * Starts main as an unprivileged child (this same program, executed again with
 * MAIN_ROLE as argv[0]) and serves it until it ends.  Returns the exit code of the whole daemon.
 */
int priv_run(const struct priv_options *options);

#define PRIV_MAIN_ROLE "pacd-main"

/*
 * Nobody may look into this process from now on, and it leaves no core file: it holds users' secrets.  The limit goes
 * to all children; the rest has to be said again after each execve().
 */
void priv_keep_memory(void);

/* `pacd -t`: reads, parses and checks all that can be checked; prints what is wrong on stderr. 0 or 1. */
int priv_check(const char *conf_file);

/* --- files.c, files_radius.c: what only root can see --- */

/* Which file it was; all 0: there was none. */
struct priv_stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

#define PRIV_PROGRAMS 4 /* pppd, the plugin, ppp.options, and pppd's own options file */

struct priv_files {
	int conf_fd, users_fd; /* sealed memfds; -1: none */
	int radius_fd;         /* likewise: what conf_radius_complete() takes; -1: nothing to say */
	struct conf *conf;
	struct conf_users *users; /* NULL: no users file is named */
	struct priv_stamp programs[PRIV_PROGRAMS];
};

/*
 * Reads and parses the files and checks what they name: pppd, plugin, options file, users file and its mode, `user`,
 * the control socket's folder and owners, the files of RADIUS secrets, radcli's configuration, the spool's folder, and
 * the change script.  Names of RADIUS servers and clients are looked up.  0, or -1 with errors added and nothing kept.
 */
int priv_files_load(struct priv_files *f, const char *conf_file, struct conf_errors *errors);
void priv_files_clear(struct priv_files *f);
/*
 * Whether pppd would start alike from both: the same files and the same words, and the older one was not exempt from
 * the check.
 */
bool priv_files_same_programs(const struct priv_files *old, const struct priv_files *f);
/*
 * A file or folder that only root (or who runs this, in a test) may change.  In a folder with the sticky bit others
 * may make files, but not touch ours.
 */
bool priv_owned(const struct stat *st);
/* A copy in memory that nobody can change any more, positioned at its start. The descriptor, or -errno. */
int priv_files_seal(const char *data, size_t len);

/* --- check.c: start-up checks of the machine --- */

struct priv_scope {
	unsigned live;  /* calls that are up already; UINT_MAX: nobody knows */
	pid_t main_pid; /* main, when it runs: its limit of descriptors is raised as well; 0: it will inherit ours */
	bool programs;  /* start pppd, to see its version and whether it takes the plugin */
};

/*
 * Whether this machine can serve `max_channels` calls; with ppp.check also pppd, the plugin, /dev/ppp and MPPE.  Raises
 * the limit of descriptors.  Errors go to `errors`, warnings are logged.
 */
void priv_check_machine(const struct conf *c, const struct priv_scope *scope, struct conf_errors *errors);
/* What `pppd --version` printed, as 100 * major, minor, patch (2.4.9: 20409); 0 when there is no version in it. */
unsigned priv_check_version(const char *text);

/* --- argv.c: pure --- */

#define PRIV_ARGS 96

struct priv_argv {
	char *args[PRIV_ARGS]; /* NULL-terminated; point into text or into the snapshot */
	size_t n;
	char text[1024];
	size_t used;
};

/*
 * pppd's argument vector for a call from peer_addr, from the configuration and typed fields only; the plugin is last.
 * 0; -E2BIG; -EINVAL when neither ppp.local nor a pool gives a local address.
 */
int priv_argv_build(struct priv_argv *a, const struct conf *c, uint32_t peer_addr);

/* --- bpf.c: pure --- */

struct sock_filter;
#define PRIV_BPF_MAX 16

/*
 * Each writes at most PRIV_BPF_MAX instructions for a raw IPv4 socket and returns how many.
 * Keeps GRE version 1, protocol 0x880B, key present, and call ids with id mod workers == worker (RFC 2637 section 4.1).
 */
size_t priv_bpf_build(struct sock_filter *prog, unsigned worker, unsigned workers);
/* Drops all. */
size_t priv_bpf_drop(struct sock_filter *prog);

#endif
