/*
 * priv/root and priv/sockets: what main may have opened, each once; the control
 * socket's folder, owner and mode (SEC-08).
 */
#include "test/unit/unit_root.h"

#include <sys/un.h>

START_TEST(listens)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int client = socket(AF_INET, SOCK_STREAM, 0);

	take_first();
	ck_assert_int_eq(opened(1, PRIV_SOCKET_LISTEN, 0), 0);
	ck_assert(fcntl(raw.fds[0], F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_ge(accept(raw.fds[0], NULL, NULL), 0);
	ck_assert_int_eq(raw.nfds, 1);
	close(client);
}
END_TEST

START_TEST(taken_port_is_an_error)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int other = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(other, (struct sockaddr *)&sin, sizeof sin), 0);
	ck_assert_int_eq(listen(other, 1), 0);
	take_first();
	ck_assert_int_eq(opened(1, PRIV_SOCKET_LISTEN, 0), EADDRINUSE);
	close(other);
}
END_TEST

/* Asked for again, in whichever way it went the first time, or under a new snapshot. */
START_TEST(sockets_come_once)
{
	static const enum priv_socket kinds[] = { PRIV_SOCKET_LISTEN, PRIV_SOCKET_GRE, PRIV_SOCKET_GUARD,
						  PRIV_SOCKET_CONTROL, PRIV_SOCKET_SPOOL };
	enum priv_socket socket = kinds[_i / 2];

	take_first_and_serve();
	ck_assert_int_eq(opened(9, socket, 0), ESTALE);
	opened(1, socket, 0);
	if (_i % 2) {
		ask((struct priv_msg){ .type = PRIV_RELOAD });
		expect(PRIV_CONF);
		taken(2, 1);
	}
	ask((struct priv_msg){ .type = PRIV_OPEN, .open = { 1 + _i % 2, (uint8_t)socket, 0 } });
	expect_end(1);
}
END_TEST

/* Without the right to it, the error says so; with it, the socket is a raw GRE one. */
START_TEST(raw_sockets)
{
	static const enum priv_socket kinds[] = { PRIV_SOCKET_GRE, PRIV_SOCKET_GUARD };

	take_first();
	for (int i = 0; i < 2; i++) {
		int error = opened(1, kinds[i], 0), protocol = 0, on = 0;
		socklen_t len = sizeof protocol;

		if (error) {
			ck_assert_int_eq(error, EPERM);
			continue;
		}
		ck_assert_int_eq(getsockopt(raw.fds[0], SOL_SOCKET, SO_PROTOCOL, &protocol, &len), 0);
		ck_assert_int_eq(protocol, IPPROTO_GRE);
		ck_assert_int_eq(getsockopt(raw.fds[0], IPPROTO_IP, IP_PKTINFO, &on, &len), 0);
		ck_assert_int_eq(on, kinds[i] == PRIV_SOCKET_GRE);
		len = 0;
		ck_assert_int_eq(getsockopt(raw.fds[0], SOL_SOCKET, SO_GET_FILTER, NULL, &len), 0);
		ck_assert_uint_eq(len, kinds[i] == PRIV_SOCKET_GRE ? 13 : 1);
	}
}
END_TEST

/* A socket at the control socket's place; its descriptor. */
static int bind_control(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int other = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(mkdir(in_dir("run"), 0755), 0);
	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", in_dir("run/control"));
	ck_assert_int_eq(bind(other, (struct sockaddr *)&sun, sizeof sun), 0);
	return other;
}

START_TEST(control_socket)
{
	struct stat st;

	close(bind_control()); /* what a dead one left is taken over */
	take_first();
	ck_assert_int_eq(opened(1, PRIV_SOCKET_CONTROL, 0), 0);
	ck_assert_int_eq(stat(in_dir("run/control"), &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	/* 0640 in the file; who may read must be able to connect, which takes the right to write. */
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	ck_assert_uint_eq(st.st_uid, geteuid());
	kill(server, SIGTERM);
	expect(PRIV_STOP);
	shutdown(fd, SHUT_WR);
	expect_end(0);
	ck_assert(!exists("run/control"));
}
END_TEST

START_TEST(control_socket_that_lives)
{
	int other = bind_control();

	ck_assert_int_eq(listen(other, 1), 0);
	take_first();
	ck_assert_int_eq(opened(1, PRIV_SOCKET_CONTROL, 0), EADDRINUSE);
	ck_assert(exists("run/control"));
	close(other);
}
END_TEST

/* Whoever may turn the name could have a file elsewhere given to control_owner. */
START_TEST(control_folder_of_others)
{
	take_first(); /* what is there before that is seen when the files are read */
	ck_assert_int_eq(mkdir(in_dir("run"), 0755), 0);
	ck_assert_int_eq(chmod(in_dir("run"), _i ? 0775 : 0757), 0);
	ck_assert_int_eq(opened(1, PRIV_SOCKET_CONTROL, 0), EPERM);
	ck_assert(!exists("run/control"));
}
END_TEST

/* With the sticky bit they can't touch our name in it. */
START_TEST(control_folder_that_is_sticky)
{
	ck_assert_int_eq(mkdir(in_dir("run"), 0755), 0);
	ck_assert_int_eq(chmod(in_dir("run"), 01777), 0);
	take_first();
	ck_assert_int_eq(opened(1, PRIV_SOCKET_CONTROL, 0), 0);
}
END_TEST

/* A link in its place is not followed, and what it leads to keeps its owner and mode. */
START_TEST(control_name_is_a_link)
{
	struct stat st;

	ck_assert_int_eq(mkdir(in_dir("run"), 0755), 0);
	write_file("precious", 0600, "x");
	ck_assert_int_eq(symlink(in_dir("precious"), in_dir("run/control")), 0);
	take_first();
	ck_assert_int_eq(opened(1, PRIV_SOCKET_CONTROL, 0), EEXIST);
	ck_assert_int_eq(stat(in_dir("precious"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}
END_TEST

START_TEST(control_name_is_taken)
{
	ck_assert_int_eq(mkdir(in_dir("run"), 0755), 0);
	write_file("run/control", 0600, "precious");
	take_first();
	ck_assert_int_eq(opened(1, PRIV_SOCKET_CONTROL, 0), EEXIST);
	ck_assert(exists("run/control"));
}
END_TEST

/* --- the spool's folder --- */

/* The snapshot that says where it is; 0, or the error that came with it. */
static int spool_opened(const char *name)
{
	char more[160];

	snprintf(more, sizeof more, "radius = { acct = { spool = \"%s/%s\"; }; };", dir, name);
	write_conf(more);
	take_first_and_serve();
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	taken(2, 1);
	return opened(2, PRIV_SOCKET_SPOOL, 0);
}

static void expect_mains(const char *name)
{
	const struct passwd *pw = getpwnam("nobody");
	struct stat st, there;

	ck_assert_uint_eq(raw.nfds, 1);
	ck_assert_int_eq(fstat(raw.fds[0], &st), 0);
	ck_assert_int_eq(lstat(in_dir(name), &there), 0);
	ck_assert_uint_eq(st.st_ino, there.st_ino);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_uint_eq(st.st_uid, pw->pw_uid);
	ck_assert_uint_eq(st.st_gid, pw->pw_gid);
	/* to make and to find files in */
	ck_assert_int_ge(openat(raw.fds[0], "record", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0);
	ck_assert_int_eq(faccessat(raw.fds[0], "record", F_OK, 0), 0);
}

static bool is_main(void)
{
	return geteuid() == getpwnam("nobody")->pw_uid;
}

/* Only root can give it to main's user. */
static bool can_give(int error)
{
	if (geteuid() == 0 || is_main())
		return true;
	ck_assert_int_eq(error, EPERM);
	return false;
}

START_TEST(spool_is_made)
{
	int error = spool_opened("spool/");

	if (!can_give(error))
		return;
	ck_assert_int_eq(error, 0);
	expect_mains("spool");
}
END_TEST

/* Found as systemd makes it; and as it was left, with records in it, but open to readers. */
START_TEST(spool_is_taken_over)
{
	int error;

	ck_assert_int_eq(mkdir(in_dir("spool"), 0700), 0);
	if (_i && geteuid() == 0) {
		write_file("spool/old", 0600, "x");
		ck_assert_int_eq(chmod(in_dir("spool"), 0755), 0);
		ck_assert_int_eq(chown(in_dir("spool"), getpwnam("nobody")->pw_uid, getpwnam("nobody")->pw_gid), 0);
	}
	error = spool_opened("spool");
	if (!can_give(error))
		return;
	ck_assert_int_eq(error, 0);
	expect_mains("spool");
}
END_TEST

/* Root's that is in use, or that others may look into; main's that others may write to; somebody else's. */
START_TEST(spool_is_refused)
{
	static const mode_t modes[] = { 0700, 0755, 0750, 0770, 0702, 0700 };
	struct stat before, after;
	bool mains = _i == 3 || _i == 4;

	if (is_main())
		return; /* then all of it is main's */
	ck_assert_int_eq(mkdir(in_dir("spool"), 0700), 0);
	ck_assert_int_eq(chmod(in_dir("spool"), modes[_i]), 0);
	if (_i == 0)
		write_file("spool/precious", 0600, "x");
	if (_i >= 3 && geteuid() == 0)
		ck_assert_int_eq(chown(in_dir("spool"), mains ? getpwnam("nobody")->pw_uid : 1, 0), 0);
	ck_assert_int_eq(stat(in_dir("spool"), &before), 0);
	ck_assert_int_eq(spool_opened("spool"), EPERM);
	ck_assert_uint_eq(raw.nfds, 0);
	ck_assert_int_eq(stat(in_dir("spool"), &after), 0);
	ck_assert(before.st_uid == after.st_uid && before.st_mode == after.st_mode);
}
END_TEST

/* What comes in its place between the check of the files and the opening. */
static int spool_opened_late(void (*meanwhile)(void))
{
	char more[160];

	ck_assert_int_eq(mkdir(in_dir("a"), 0755), 0);
	snprintf(more, sizeof more, "radius = { acct = { spool = \"%s/a/spool\"; }; };", dir);
	write_conf(more);
	take_first_and_serve();
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	taken(2, 1);
	meanwhile();
	return opened(2, PRIV_SOCKET_SPOOL, 0);
}

static void put_link(void)
{
	ck_assert_int_eq(mkdir(in_dir("elsewhere"), 0700), 0);
	ck_assert_int_eq(symlink(in_dir("elsewhere"), in_dir("a/spool")), 0);
}

static void put_file(void)
{
	write_file("a/spool", 0600, "x");
}

static void open_folder(void)
{
	ck_assert_int_eq(chmod(in_dir("a"), 0777), 0);
}

static void drop_folder(void)
{
	ck_assert_int_eq(rmdir(in_dir("a")), 0);
}

START_TEST(spool_is_something_else)
{
	static void (*const meanwhile[])(void) = { put_link, put_file, open_folder, drop_folder };
	static const int errors[][2] = { { ELOOP, ENOTDIR }, { ENOTDIR, ENOTDIR }, { EPERM, EPERM },
					{ ENOENT, ENOENT } };
	int error = spool_opened_late(meanwhile[_i]);
	struct stat st;

	ck_assert_msg(error == errors[_i][0] || error == errors[_i][1], "%d", error);
	if (_i == 0 && stat(in_dir("elsewhere"), &st) == 0)
		ck_assert_uint_eq(st.st_uid, geteuid());
	ck_assert(_i != 2 || !exists("a/spool"));
}
END_TEST

/* --- lines --- */

static int pty; /* the modem's end */

static const char *pty_name(void)
{
	return strrchr(ptsname(pty), '/') + 1;
}

/*
 * The second snapshot: index 0 a serial device, 1 and 2 terminal-server lines where a connection rings, 3 one that only
 * connects, 4 a local pppd.
 */
static void take_lines(const char *device)
{
	char more[640];

	ck_assert(exists("locks") || mkdir(in_dir("locks"), 0755) == 0);
	snprintf(more, sizeof more, "lines = ( { name = \"m\"; type = \"tty\"; device = \"%s\"; },\n"
		 "{ name = \"r%%\"; type = \"tcp\"; listen = \"127.0.0.1:%u\"; count = 2; },\n"
		 "{ name = \"o\"; type = \"tcp\"; address = \"127.0.0.1:9\"; },\n"
		 "{ name = \"p\"; type = \"ppp\"; group = \"vpn\"; } );", device, port < 40000 ? port + 1 : port - 2);
	write_conf(more);
	take_first_and_serve();
	ask((struct priv_msg){ .type = PRIV_RELOAD });
	expect(PRIV_CONF);
	ck_assert(m.conf.ok);
	taken(2, 1);
}

static void take_pty(void)
{
	pty = posix_openpt(O_RDWR | O_NOCTTY);
	ck_assert(pty >= 0 && grantpt(pty) == 0 && unlockpt(pty) == 0);
	take_lines(ptsname(pty));
}

static const char *lock_name(void)
{
	static char name[64];

	snprintf(name, sizeof name, "locks/LCK..%s", pty_name());
	return name;
}

/* Locked as others expect it; busy until it was closed, under whichever snapshot; then as good as new. */
START_TEST(line_device)
{
	char text[16] = "", want[16];
	uint32_t handle;
	int lock;

	take_pty();
	ck_assert_int_eq(opened(2, PRIV_SOCKET_LINE, 0), 0);
	handle = m.opened.handle;
	ck_assert(handle && m.opened.generation == 2);
	ck_assert(isatty(raw.fds[0]) && fcntl(raw.fds[0], F_GETFL) & O_NONBLOCK && fcntl(raw.fds[0], F_GETFD));
	lock = open(in_dir(lock_name()), O_RDONLY);
	ck_assert_int_eq(read(lock, text, sizeof text), 11);
	close(lock);
	snprintf(want, sizeof want, "%10d\n", server);
	ck_assert_str_eq(text, want);
	ask((struct priv_msg){ .type = PRIV_CLOSE_LINE, .close_line = { handle + 1 } }); /* nobody's */
	ck_assert_int_eq(opened(2, PRIV_SOCKET_LINE, 0), EBUSY);
	ck_assert(!m.opened.handle && m.opened.generation == 2 && !raw.nfds);
	ck_assert(exists(lock_name()));
	ask((struct priv_msg){ .type = PRIV_CLOSE_LINE, .close_line = { handle } });
	ck_assert_int_eq(opened(2, PRIV_SOCKET_LINE, 0), 0);
	ck_assert(m.opened.handle && m.opened.handle != handle);
}
END_TEST

/* All lock files go, whichever way it ends. */
START_TEST(line_locks_go)
{
	take_pty();
	ck_assert_int_eq(opened(2, PRIV_SOCKET_LINE, 0), 0);
	ck_assert(exists(lock_name()));
	if (_i) {
		ask((struct priv_msg){ .type = PRIV_STOP }); /* no request */
		expect_end(1);
	} else {
		kill(server, SIGTERM);
		expect(PRIV_STOP);
		shutdown(fd, SHUT_WR);
		expect_end(0);
	}
	ck_assert(!exists(lock_name()));
}
END_TEST

/* Neither a device that is not there nor a stale snapshot is the end of anything. */
START_TEST(line_that_is_missing)
{
	take_lines("/dev/pacd-no-such-device");
	ck_assert_int_eq(opened(2, PRIV_SOCKET_LINE, 0), ENOENT);
	ck_assert(!m.opened.handle && m.opened.generation == 2);
	ck_assert_int_eq(opened(2, PRIV_SOCKET_LINE, 0), ENOENT);
	ck_assert_int_eq(opened(1, PRIV_SOCKET_LINE, 0), ESTALE);
	ck_assert_uint_eq(m.opened.generation, 1);
}
END_TEST

/* The next one of `count` has the next port; closed, it can be had again. */
START_TEST(line_that_listens)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof sin;

	take_lines("/dev/pacd-no-such-device");
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(opened(2, PRIV_SOCKET_LINE, 2), 0);
		ck_assert(!m.opened.handle && m.opened.generation == 2);
		ck_assert_int_eq(getsockname(raw.fds[0], (struct sockaddr *)&sin, &len), 0);
		ck_assert_uint_eq(ntohs(sin.sin_port), (port < 40000 ? port + 1 : port - 2) + 1);
		if (i == 0)
			seqmsg_clear(&raw);
	}
	ck_assert_int_eq(dup2(raw.fds[0], 200), 200); /* it stays open */
	ck_assert_int_eq(opened(2, PRIV_SOCKET_LINE, 2), EADDRINUSE);
	close(200);
}
END_TEST

/* Nothing is there for root to open: a main that asks all the same is not ours. */
START_TEST(line_without_a_socket)
{
	take_lines("/dev/pacd-no-such-device");
	ask((struct priv_msg){ .type = PRIV_OPEN, .open = { 2, PRIV_SOCKET_LINE, (uint16_t)(3 + _i) } });
	expect_end(1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("root_sockets");

	root_case(s, "sockets", (const TTest *const[]){ listens, taken_port_is_an_error, raw_sockets, NULL });
	root_case(s, "control", (const TTest *const[]){ control_socket, control_socket_that_lives,
							control_folder_that_is_sticky, control_name_is_a_link,
							control_name_is_taken, NULL });
	root_loop(s, "once", sockets_come_once, 10);
	root_loop(s, "folder", control_folder_of_others, 2);
	root_case(s, "spool", (const TTest *const[]){ spool_is_made, NULL });
	root_loop(s, "spool taken", spool_is_taken_over, 2);
	root_loop(s, "spool refused", spool_is_refused, 6);
	root_loop(s, "spool else", spool_is_something_else, 4);
	root_case(s, "lines", (const TTest *const[]){ line_device, line_that_is_missing, line_that_listens, NULL });
	root_loop(s, "line locks", line_locks_go, 2);
	root_loop(s, "no line", line_without_a_socket, 3);
	return s;
}

UNIT_MAIN(suite)
