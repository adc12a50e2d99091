/*
 * The start-up check: whether the first call would fail for want of something on
 * this machine, said now, with what to do about it.
 *
 * Runs pppd itself, so it answers for the pppd, the plugin and the options that
 * a call will use.  Owns nothing.  It looks at nothing that the files' own check
 * (files.c) has seen already.
 */
#include "pacd/priv/check.h"

#include "common/log.h"
#include "common/mono.h"
#include "pacd/priv/child.h"
#include "pacd/priv/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ppp-comp.h>
#include <linux/ppp-ioctl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUN_SECONDS 5
#define OUTPUT_MAX 1024
#define VERSION_FIRST 20409 /* 2.4.9: the first without CVE-2020-8597, and the plugin's oldest interface */
#define VERSION_KNOWN 20599 /* 2.5.x */
#define PLUGIN_WORDS "pacd.so for pppd" /* said by the plugin under PACD_PLUGIN_CHECK */

/* --- running a program --- */

static _Noreturn void run_child(char *const *argv, int out)
{
	static char path[] = CHILD_PATH, check[] = "PACD_PLUGIN_CHECK=1";
	char *env[] = { path, check, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	child_signals();
	if (null < 0 || child_descriptors((const int[]){ null, out, out }, 3) < 0)
		_exit(127);
	execve(argv[0], argv, env);
	dprintf(STDERR_FILENO, "%s", strerror(errno));
	_exit(127);
}

static int left_ms(struct mono until)
{
	int64_t us = mono_diff_us(until, mono_now());

	return us > 0 ? (int)(us / 1000) : 0;
}

static bool readable(int fd, struct mono until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, left_ms(until)) > 0;
}

/* Reads to the end of file or of the time; keeps what fits, as one line. */
static void read_output(int fd, char *text, size_t size, struct mono until)
{
	size_t len = 0;
	char octets[256];

	while (readable(fd, until)) {
		ssize_t n = read(fd, octets, sizeof octets);

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n && len + 1 < size; i++)
			text[len++] = octets[i] >= ' ' && octets[i] <= '~' ? octets[i] : ' ';
	}
	while (len && text[len - 1] == ' ')
		len--;
	text[len] = '\0';
}

/* The status of waitpid(). What does not end in time is killed. */
static int wait_for(pid_t pid, struct mono until)
{
	int fd = pidfd_open(pid, 0), status = 0;

	if (fd < 0 || !readable(fd, until))
		kill(pid, SIGKILL);
	if (fd >= 0)
		close(fd);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* The status of waitpid(), or -errno. */
static int run(char *const *argv, char *text, size_t size)
{
	struct mono until = mono_add_s(mono_now(), RUN_SECONDS);
	int fds[2], status;
	pid_t pid;

	text[0] = '\0';
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	status = -errno;
	if (pid == 0)
		run_child(argv, fds[1]);
	close(fds[1]);
	if (pid > 0) {
		read_output(fds[0], text, size, until);
		status = wait_for(pid, until);
	}
	close(fds[0]);
	return status;
}

/* --- pppd and the plugin --- */

unsigned priv_check_version(const char *text)
{
	static const char words[] = "pppd version ";
	const char *at = strstr(text, words);
	unsigned major, minor, patch = 0;

	if (!at || sscanf(at + strlen(words), "%3u.%2u.%2u", &major, &minor, &patch) < 2)
		return 0;
	return major * 10000 + minor * 100 + patch;
}

static void check_version(const struct conf *c, struct conf_errors *errors)
{
	char dash[] = "--version", text[OUTPUT_MAX], quoted[LOG_QUOTED(80)];
	char *argv[] = { c->ppp.pppd, dash, NULL };
	int status = run(argv, text, sizeof text);
	unsigned version = priv_check_version(text);

	if (!version)
		conf_errors_add(errors, c->file, 0, "ppp.pppd", "%s --version names no version of pppd (status %d, "
				"%s): is it pppd? (ppp.check = false leaves this check out)", c->ppp.pppd, status,
				log_quote(quoted, sizeof quoted, text, strnlen(text, 80)));
	else if (version < VERSION_FIRST)
		conf_errors_add(errors, c->file, 0, "ppp.pppd", "pppd %u.%u.%u can be taken over by anyone who calls "
				"(CVE-2020-8597): 2.4.9 or later is needed", version / 10000, version / 100 % 100,
				version % 100);
	else if (version > VERSION_KNOWN)
		log_warn("check", "pppd=%u.%u.%u known=no", version / 10000, version / 100 % 100, version % 100);
}

/* With the words of a real call: an option that this pppd does not know is found here too. */
static void check_plugin(const struct conf *c, struct conf_errors *errors)
{
	char text[OUTPUT_MAX];
	struct priv_argv a;
	int r = priv_argv_build(&a, c, 0x7f000001);
	int status = r < 0 ? r : run(a.args, text, sizeof text);

	if (r < 0)
		conf_errors_add(errors, c->file, 0, "ppp", "no arguments for pppd can be made: %s", strerror(-r));
	else if (status < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0 || !strstr(text, PLUGIN_WORDS))
		conf_errors_add(errors, c->file, 0, "ppp.plugin", "%s does not start with %s%s%s: %s", c->ppp.pppd,
				c->ppp.plugin, c->ppp.options ? " and the options of " : "",
				c->ppp.options ? c->ppp.options : "", text[0] ? text : "it says nothing");
}

/* --- the kernel --- */

static const char *why_no_device(int error)
{
	switch (error) {
	case ENOENT: return "it is not there: modprobe ppp_generic (in a container the host has to give it to you)";
	case ENODEV:
	case ENXIO: return "the kernel has no PPP: modprobe ppp_generic, or install a kernel that has it";
	case EPERM:
	case EACCES: return "no permission: it takes CAP_NET_ADMIN, and the device must be allowed (DeviceAllow in the "
			    "unit; in a container the host decides)";
	default: return strerror(error);
	}
}

/* Asks the kernel for MPPE as pppd does, which also loads the module. 0 or -errno. */
static int try_mppe(int ppp)
{
	unsigned char option[CILEN_MPPE + 16] = { CI_MPPE, CILEN_MPPE, 0x01, 0, 0, 0x40 }; /* stateless, 128 bit */
	struct ppp_option_data data = { .ptr = option, .length = sizeof option, .transmit = 1 };
	int unit = -1;

	if (ioctl(ppp, PPPIOCNEWUNIT, &unit) < 0)
		return -errno;
	return ioctl(ppp, PPPIOCSCOMPRESS, &data) < 0 ? -errno : 0;
}

static void check_mppe(const struct conf *c, int ppp, struct conf_errors *errors)
{
	int r;

	if (c->ppp.mppe == CONF_MPPE_DENY || access("/sys/module/ppp_mppe", F_OK) == 0)
		return;
	r = try_mppe(ppp);
	if (r == 0)
		return;
	if (c->ppp.mppe == CONF_MPPE_REQUIRE)
		conf_errors_add(errors, c->file, 0, "ppp.mppe", "the kernel has no MPPE (%s): modprobe ppp_mppe, or "
				"set ppp.mppe to \"deny\"", strerror(-r));
	else
		log_warn("check", "mppe=missing hint=\"modprobe ppp_mppe\"");
}

static void check_kernel(const struct conf *c, struct conf_errors *errors)
{
	int fd = open("/dev/ppp", O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		conf_errors_add(errors, c->file, 0, NULL, "can't open /dev/ppp: %s", why_no_device(errno));
		return;
	}
	check_mppe(c, fd, errors);
	close(fd);
}

static void warn_of_settings(void)
{
	if (check_number("/proc/sys/net/ipv4/ip_forward") == 0)
		log_warn("check", "ip_forward=0 hint=\"clients reach only this machine: sysctl net.ipv4.ip_forward\"");
}

static bool holds_secrets(const struct conf_radius *r)
{
	for (size_t i = 0; i < r->nservers; i++)
		if (r->servers[i].secret && !r->servers[i].secret_file && !r->config)
			return true;
	for (size_t i = 0; i < r->das.nclients; i++)
		if (r->das.clients[i].secret && !r->das.clients[i].secret_file)
			return true;
	return false;
}

static void warn_of_secrets(const struct conf *c)
{
	struct stat st;

	if (holds_secrets(&c->radius) && stat(c->file, &st) == 0 && (st.st_mode & S_IRWXO))
		log_warn("check", "secrets=readable file=%s mode=%04o hint=\"chmod 600 it, or use secret_file\"",
			 c->file, st.st_mode & 07777);
}

void priv_check_machine(const struct conf *c, const struct priv_scope *scope, struct conf_errors *errors)
{
	if (geteuid() != 0) {
		log_warn("check", "machine=unchecked hint=\"only root can check pppd, the kernel and its limits\"");
		return;
	}
	check_capacity(c, scope->live, errors);
	check_files(c, scope->main_pid, errors);
	warn_of_secrets(c);
	if (!c->ppp.check)
		return;
	if (scope->programs) {
		check_version(c, errors);
		check_plugin(c, errors);
	}
	check_kernel(c, errors);
	warn_of_settings();
}
