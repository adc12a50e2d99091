/*
 * The test PNS's options, listener, stdin and loop; see pns.h.
 *
 *   pns [-l ADDR[:PORT]] [-n HOST] [-o PPPD_OPTIONS] [-p PPPD] [-a LOCAL:REMOTE] [-s NAME=VALUE]...
 *
 * It ends at the end of stdin, and with SIGTERM.
 */
#include "test/pns/pns.h"

#include "common/log.h"
#include "pacd/priv/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct pns pns = { .host = "pns", .options = "/dev/null", .pppd = "/usr/sbin/pppd" };

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "pns: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- listener --- */

static void on_accept(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct sockaddr_in from, to;
	socklen_t from_len = sizeof from, to_len = sizeof to;
	int fd = accept4(io->fd, (struct sockaddr *)&from, &from_len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)loop;
	(void)revents;
	if (fd < 0)
		return;
	getsockname(fd, (struct sockaddr *)&to, &to_len);
	pns_conn_accept(fd, (struct endpoint){ ntohl(from.sin_addr.s_addr), ntohs(from.sin_port) },
			(struct endpoint){ ntohl(to.sin_addr.s_addr), ntohs(to.sin_port) });
}

static void listen_at(const char *text)
{
	static struct ev_io io;
	struct endpoint ep;
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int on = 1, fd;

	errno = EINVAL;
	if (endpoint_parse(text, PNS_PORT, &ep) < 0)
		die(text);
	sin.sin_port = htons(ep.port);
	sin.sin_addr.s_addr = htonl(ep.addr);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof sin) < 0 || listen(fd, 128) < 0)
		die(text);
	ev_io_init(&io, on_accept, fd, EV_READ);
	ev_io_start(pns.loop, &io);
}

/* --- data path --- */

static void on_line_closed(void *ctx, uint64_t id)
{
	(void)ctx;
	(void)id; /* pppd's exit tells it, too */
}

static void open_path(void)
{
	struct sock_filter prog[PRIV_BPF_MAX];
	struct sock_fprog filter = { (unsigned short)priv_bpf_build(prog, 0, 1), prog };
	int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_GRE), on = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0)
		die("GRE");
	pns.path = datapath_raw_new(pns.loop, &fd, 1, on_line_closed, NULL);
	if (!pns.path)
		die("data path");
}

/* --- stdin --- */

static void on_stdin(struct ev_loop *loop, struct ev_io *io, int revents)
{
	static char line[2048];
	static size_t len;
	ssize_t n = read(io->fd, line + len, sizeof line - 1 - len);
	char *end;

	(void)revents;
	if (n <= 0) {
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	len += (size_t)n;
	line[len] = '\0';
	while ((end = strchr(line, '\n')) != NULL) {
		size_t rest = len - (size_t)(end + 1 - line);

		*end = '\0';
		pns_command(line);
		memmove(line, end + 1, rest + 1);
		len = rest;
	}
}

static void on_term(struct ev_loop *loop, struct ev_signal *s, int revents)
{
	(void)s;
	(void)revents;
	ev_break(loop, EVBREAK_ALL);
}

/* --- options --- */

static void set_addresses(char *text)
{
	char *colon = strchr(text, ':');

	errno = EINVAL;
	if (!colon)
		die(text);
	*colon = '\0';
	if (addr_parse(text, &pns.ppp_local) < 0 || addr_parse(colon + 1, &pns.ppp_remote) < 0)
		die(text);
}

static const char *options(int argc, char **argv)
{
	const char *listen_text = NULL;
	int c;

	while ((c = getopt(argc, argv, "l:n:o:p:a:s:")) != -1) {
		switch (c) {
		case 'l': listen_text = optarg; break;
		case 'n': pns.host = optarg; break;
		case 'o': pns.options = optarg; break;
		case 'p': pns.pppd = optarg; break;
		case 'a': set_addresses(optarg); break;
		case 's':
			errno = EINVAL;
			if (!pns_command_set(&pns.set, optarg))
				die(optarg);
			break;
		default:
			exit(2);
		}
	}
	return listen_text;
}

int main(int argc, char **argv)
{
	const char *listen_text;
	struct ev_io input;
	struct ev_signal term;

	pns_command_defaults(&pns.set);
	list_init(&pns.conns);
	listen_text = options(argc, argv);
	log_open("pns", LOG_TO_STDERR, LOG_LEVEL_INFO);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	pns.loop = ev_default_loop(0);
	open_path();
	if (listen_text)
		listen_at(listen_text);
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	ev_io_init(&input, on_stdin, STDIN_FILENO, EV_READ);
	ev_io_start(pns.loop, &input);
	ev_signal_init(&term, on_term, SIGTERM);
	ev_signal_start(pns.loop, &term);
	pns_event("serving address=%s", listen_text ? listen_text : "none");
	ev_run(pns.loop, 0);
	list_each(at, &pns.conns)
		pns_conn_close(list_entry(at, struct pns_conn, node), false, "exit");
	pns.path->ops->free(pns.path);
	return 0;
}
