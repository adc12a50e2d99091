/*
 * Whether the kernel's limits leave room for max_channels calls.
 *
 * Reads sysctls and limits, and raises the limit of descriptors: ours, which main
 * inherits, and that of a main which runs.  A shortfall is an error that names the
 * sysctl and a value that would do: found at the start it costs a minute, at the
 * 3,000th call an evening.
 */
#include "pacd/priv/check.h"

#include "pacd/priv/pppd.h"
#include "pacd/proto/radius_health.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define PIDS_PER_CALL 1      /* pppd; its scripts come and go */
#define PIDS_SPARE 256       /* scripts, main, and what the machine still starts */
#define FILES_PER_PPPD 3     /* of main: pty, plugin's socket, log */
#define FILES_PER_WORKER 4   /* of main: raw socket, epoll, event */
#define FILES_PER_LINE 5     /* of main: device or connection, listening socket, what the data path has, and a pair */
#define FILES_SPARE 256      /* of main: netlink, pacctl, what the listeners keep free, and what comes and goes */

long long check_number(const char *file)
{
	FILE *f = fopen(file, "re");
	long long n = -1;

	if (!f)
		return -1;
	if (fscanf(f, "%lld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

static void check_ptys(const struct conf *c, unsigned live, struct conf_errors *errors)
{
	long long max = check_number("/proc/sys/kernel/pty/max"), used = check_number("/proc/sys/kernel/pty/nr");
	long long others = used > live ? used - live : 0;

	if (max < 0 || used < 0 || max - others >= c->max_channels)
		return;
	conf_errors_add(errors, c->file, 0, "max_channels",
			"%u calls need as many ptys, but sysctl kernel.pty.max is %lld and %lld are taken: set "
			"kernel.pty.max to %lld or more, or lower max_channels",
			c->max_channels, max, others, others + c->max_channels);
}

/* Tasks of the machine, the second number after the slash in /proc/loadavg; threads count as pids do. */
static long long tasks(void)
{
	FILE *f = fopen("/proc/loadavg", "re");
	long long n = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%*s %*s %*s %*d/%lld", &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

static void check_pids(const struct conf *c, unsigned live, struct conf_errors *errors)
{
	static const char *const sysctls[][2] = {
		{ "kernel.pid_max", "/proc/sys/kernel/pid_max" },
		{ "kernel.threads-max", "/proc/sys/kernel/threads-max" },
	};
	long long now = tasks(), others = now > live ? now - live : 0;
	long long need = others + (long long)c->max_channels * PIDS_PER_CALL + PIDS_SPARE;

	for (size_t i = 0; i < sizeof sysctls / sizeof sysctls[0]; i++) {
		long long max = check_number(sysctls[i][1]);

		if (max >= 0 && max < need)
			conf_errors_add(errors, c->file, 0, "max_channels",
					"%u calls need a process each, but sysctl %s is %lld: set it to %lld or more, "
					"or lower max_channels", c->max_channels, sysctls[i][0], max, need);
	}
}

/* The cgroup's own limit of tasks (version 2), which systemd sets to a share of pid_max unless told otherwise. */
static void check_cgroup(const struct conf *c, unsigned live, struct conf_errors *errors)
{
	char group[PATH_MAX] = "", file[PATH_MAX + 64];
	FILE *f = fopen("/proc/self/cgroup", "re");
	long long max, now, need;

	if (!f)
		return;
	if (fscanf(f, "0::%4095s", group) != 1)
		group[0] = '\0';
	fclose(f);
	if (!group[0])
		return;
	snprintf(file, sizeof file, "/sys/fs/cgroup%s/pids.max", group);
	max = check_number(file);
	snprintf(file, sizeof file, "/sys/fs/cgroup%s/pids.current", group);
	now = check_number(file);
	need = (now > live ? now - live : 0) + (long long)c->max_channels * PIDS_PER_CALL + PIDS_SPARE;
	if (max >= 0 && max < need)
		conf_errors_add(errors, c->file, 0, "max_channels",
				"%u calls need a process each, but the service may have %lld tasks: set TasksMax to "
				"%lld or more (or infinity) in its unit, or lower max_channels",
				c->max_channels, max, need);
}

/* For logins and for accounting. */
static unsigned long radius_files(const struct conf_radius *r)
{
	unsigned long servers = 0;

	for (size_t i = 0; i < r->nservers; i++)
		servers += (r->servers[i].port ? 1 : 0) + (r->servers[i].acct_port ? 1 : 0);
	return servers * radius_health_sockets(r->outstanding) + r->das.nlisten;
}

unsigned long check_files_needed(const struct conf *c)
{
	return FILES_PER_PPPD * pppd_max(c) + c->limits.connections + c->nlisten + radius_files(&c->radius) +
	       (unsigned long)FILES_PER_WORKER * c->workers + (unsigned long)FILES_PER_LINE * conf_lines_count(c) +
	       FILES_SPARE;
}

/* pid 0: ours. Of main we may not be allowed to ask: it began with all that ours could be raised to. */
static int get_files(pid_t pid, struct rlimit *l)
{
	if (prlimit(pid, RLIMIT_NOFILE, NULL, l) == 0)
		return 0;
	if (errno != EPERM || getrlimit(RLIMIT_NOFILE, l) < 0)
		return -errno;
	l->rlim_cur = l->rlim_max;
	return 0;
}

/* 0 when the limit is, or is now, at least that high; or -errno with the limit that stays. */
static int raise_files(pid_t pid, rlim_t need, struct rlimit *l)
{
	struct rlimit higher;
	int r = get_files(pid, l);

	if (r < 0 || l->rlim_cur >= need)
		return r;
	higher = (struct rlimit){ need, l->rlim_max < need ? need : l->rlim_max }; /* root may, up to fs.nr_open */
	return prlimit(pid, RLIMIT_NOFILE, &higher, NULL) < 0 ? -errno : 0;
}

void check_files(const struct conf *c, pid_t main_pid, struct conf_errors *errors)
{
	unsigned long need = check_files_needed(c);
	struct rlimit l = { 0, 0 };
	int r = main_pid ? raise_files(main_pid, need, &l) : 0;

	r = r < 0 ? r : raise_files(0, need, &l);
	if (r == 0)
		return;
	conf_errors_add(errors, c->file, 0, "max_channels",
			"%u calls and %u control connections can need %lu descriptors, but the limit is %llu and can't "
			"be raised: %s (RLIMIT_NOFILE; the unit's LimitNOFILE; sysctl fs.nr_open is %lld): raise it%s, "
			"or lower max_channels or limits.connections", c->max_channels, c->limits.connections, need,
			(unsigned long long)l.rlim_max, strerror(-r), check_number("/proc/sys/fs/nr_open"),
			main_pid ? " and restart pacd" : "");
}

void check_capacity(const struct conf *c, unsigned live, struct conf_errors *errors)
{
	check_ptys(c, live, errors);
	check_pids(c, live, errors);
	check_cgroup(c, live, errors);
}
