/*
 * priv/client: this test in the root part's place. Answers reach their handlers
 * with their descriptors, a full socket keeps the order, nonsense is the end, and
 * being short of descriptors is not (SEC-04, SEC-07).
 */
#include "test/unit/unit_priv.h"

#include "common/seqmsg.h"
#include "pacd/priv/client.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

static struct ev_loop *loop;
static struct priv_client *client;
static int fd = -1; /* the root part's end */
static struct {
	unsigned confs, opened, started, exited, stops, gone;
	struct priv_conf conf;
	struct priv_opened last_opened;
	struct priv_started last_started;
	struct priv_exited last_exited;
	int fds[3];
	struct priv_conf_fds files;
} seen;

static void on_conf(void *ctx, const struct priv_conf *m, const struct priv_conf_fds *fds)
{
	ck_assert_ptr_eq(ctx, &seen);
	seen.confs++;
	seen.conf = *m;
	seen.files = *fds;
}

static void on_opened(void *ctx, const struct priv_opened *m, int socket)
{
	(void)ctx;
	seen.opened++;
	seen.last_opened = *m;
	seen.fds[0] = socket;
}

static void on_started(void *ctx, const struct priv_started *m, int pty, int plugin, int log)
{
	(void)ctx;
	seen.started++;
	seen.last_started = *m;
	memcpy(seen.fds, (int[]){ pty, plugin, log }, sizeof seen.fds);
}

static void on_exited(void *ctx, const struct priv_exited *m)
{
	(void)ctx;
	seen.exited++;
	seen.last_exited = *m;
}

static void on_stop(void *ctx)
{
	(void)ctx;
	seen.stops++;
	priv_client_signal_pppd(client, 1, PRIV_SIGNAL_TERM); /* a handler may ask */
}

static void on_gone(void *ctx)
{
	(void)ctx;
	seen.gone++;
	ck_assert_int_eq(priv_client_reload(client), -EPIPE);
	priv_client_free(client);
	client = NULL;
}

static const struct priv_handlers handlers = { on_conf, on_opened, on_started, on_exited, on_stop, on_gone };

static void setup(void)
{
	int fds[2];

	memset(&seen, 0, sizeof seen);
	ck_assert_int_eq(seqmsg_pair(fds), 0);
	loop = ev_loop_new(EVFLAG_AUTO);
	fd = fds[0];
	fcntl(fd, F_SETFL, O_NONBLOCK);
	client = priv_client_new(loop, fds[1], &handlers, &seen);
	ck_assert_ptr_nonnull(client);
}

static void teardown(void)
{
	priv_client_free(client);
	ev_loop_destroy(loop);
	close(fd);
}

static void tell(struct priv_msg m, size_t nfds)
{
	uint8_t data[PRIV_MSG_MAX];
	size_t len = priv_encode(data, sizeof data, &m);
	int fds[3];

	for (size_t i = 0; i < nfds; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(seqmsg_send(fd, data, len, fds, nfds), 0);
	for (size_t i = 0; i < nfds; i++)
		close(fds[i]);
}

/* The next request that the client sent. */
static struct priv_msg asked(void)
{
	struct seqmsg raw;
	struct priv_msg m;

	while (seqmsg_recv(fd, &raw) == -EAGAIN)
		ev_run(loop, EVRUN_NOWAIT);
	ck_assert_int_eq(priv_decode(&m, raw.data, raw.len), 0);
	ck_assert_uint_eq(raw.nfds, 0);
	return m;
}

static void turn(void)
{
	ev_run(loop, EVRUN_NOWAIT);
}

/* Which of them there are. */
static bool has_files(bool conf, bool users, bool radius, bool errors)
{
	const struct priv_conf_fds *f = &seen.files;

	return (f->conf >= 0) == conf && (f->users >= 0) == users && (f->radius >= 0) == radius &&
	       (f->errors >= 0) == errors && (conf || f->conf == -1) && (users || f->users == -1) &&
	       (radius || f->radius == -1) && (errors || f->errors == -1);
}

/* A descriptor that can be told from others: of a file of that size. */
static int sized(off_t size)
{
	int file = memfd_create("test", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(file, size), 0);
	return file;
}

static off_t size_of(int file)
{
	struct stat st;

	ck_assert_int_eq(fstat(file, &st), 0);
	return st.st_size;
}

/* What a CoA-Request changed, with so many octets in each of some variables. */
static struct priv_change_hook change(uint64_t token, size_t octets)
{
	struct priv_change_hook m = { .generation = 3, .token = token, .unit = 8, .local = 9, .remote = 10,
				      .peer_addr = 11 };
	char text[SCRIPT_VAR_MAX];

	memset(text, 'x', sizeof text);
	script_vars_add(&m.vars, SCRIPT_VAR_CLASS, text, octets);
	script_vars_add(&m.vars, SCRIPT_VAR_RATE_LIMIT, text, octets);
	return m;
}

START_TEST(requests)
{
	struct priv_msg m;

	ck_assert_int_eq(priv_client_open(client, 1, PRIV_SOCKET_GRE, 2), 0);
	ck_assert_int_eq(priv_client_start_pppd(client, 3, 4, 5), 0);
	ck_assert_int_eq(priv_client_signal_pppd(client, 6, PRIV_SIGNAL_KILL), 0);
	ck_assert_int_eq(priv_client_conf_taken(client, 7, true), 0);
	ck_assert_int_eq(priv_client_reload(client), 0);
	ck_assert_int_eq(priv_client_ready(client), 0);
	ck_assert_int_eq(priv_client_down_hook(client, 8, 9, 10, 11), 0);
	ck_assert_int_eq(priv_client_close_line(client, 12), 0);
	ck_assert_int_eq(priv_client_close_line(client, 0), -EINVAL); /* no lock has that handle */
	m = asked();
	ck_assert(m.type == PRIV_OPEN && m.open.generation == 1);
	ck_assert(m.open.socket == PRIV_SOCKET_GRE && m.open.index == 2);
	m = asked();
	ck_assert(m.type == PRIV_START_PPPD && m.start_pppd.generation == 3 && m.start_pppd.token == 4 &&
		  m.start_pppd.peer_addr == 5);
	m = asked();
	ck_assert(m.type == PRIV_SIGNAL_PPPD && m.signal_pppd.token == 6 && m.signal_pppd.signal == PRIV_SIGNAL_KILL);
	m = asked();
	ck_assert(m.type == PRIV_CONF_TAKEN && m.conf_taken.generation == 7 && m.conf_taken.taken == 1);
	ck_assert_int_eq(asked().type, PRIV_RELOAD);
	ck_assert_int_eq(asked().type, PRIV_READY);
	m = asked();
	ck_assert(m.type == PRIV_DOWN_HOOK && m.down_hook.unit == 8 && m.down_hook.local == 9 &&
		  m.down_hook.remote == 10 && m.down_hook.peer_addr == 11);
	m = asked();
	ck_assert(m.type == PRIV_CLOSE_LINE && m.close_line.handle == 12);
}
END_TEST

START_TEST(answers)
{
	tell((struct priv_msg){ .type = PRIV_CONF, .conf = { 1, 1, 1, 1, 1 } }, 3);
	turn();
	ck_assert_uint_eq(seen.confs, 1);
	ck_assert(seen.conf.generation == 1 && seen.conf.ok && seen.conf.has_users && seen.conf.has_radius &&
		  seen.conf.detach);
	ck_assert(has_files(true, true, true, false));
	tell((struct priv_msg){ .type = PRIV_CONF, .conf = { 2, 1, 0, 0, 0 } }, 1);
	turn();
	ck_assert(has_files(true, false, false, false));
	tell((struct priv_msg){ .type = PRIV_CONF, .conf = { 3, 0, 0, 0, 0 } }, 1);
	turn();
	ck_assert(has_files(false, false, false, true));
	ck_assert(fcntl(seen.files.errors, F_GETFD) & FD_CLOEXEC);
	tell((struct priv_msg){ .type = PRIV_OPENED, .opened = { PRIV_SOCKET_LISTEN, 1, 0, 0, 0 } }, 1);
	turn();
	ck_assert(seen.opened == 1 && seen.fds[0] >= 0 && seen.last_opened.index == 1);
	tell((struct priv_msg){ .type = PRIV_OPENED, .opened = { PRIV_SOCKET_LISTEN, 1, EADDRINUSE, 0, 0 } }, 0);
	turn();
	ck_assert(seen.opened == 2 && seen.fds[0] == -1 && seen.last_opened.error == EADDRINUSE);
	tell((struct priv_msg){ .type = PRIV_OPENED, .opened = { PRIV_SOCKET_LINE, 1, 0, 5, 6 } }, 1);
	turn();
	ck_assert(seen.opened == 3 && seen.fds[0] >= 0 && seen.last_opened.handle == 5 &&
		  seen.last_opened.generation == 6);
	tell((struct priv_msg){ .type = PRIV_STARTED, .started = { 9, 0, 100 } }, 3);
	turn();
	ck_assert(seen.started == 1 && seen.fds[0] >= 0 && seen.fds[1] >= 0 && seen.fds[2] >= 0);
	tell((struct priv_msg){ .type = PRIV_STARTED, .started = { 9, ESTALE, 0 } }, 0);
	tell((struct priv_msg){ .type = PRIV_EXITED, .exited = { 9, 0x1000 } }, 0);
	tell((struct priv_msg){ .type = PRIV_STOP }, 0);
	turn();
	ck_assert(seen.started == 2 && seen.fds[0] == -1 && seen.fds[1] == -1 && seen.fds[2] == -1);
	ck_assert(seen.exited == 1 && seen.last_exited.status == 0x1000);
	ck_assert_uint_eq(seen.stops, 1);
	ck_assert_int_eq(asked().type, PRIV_SIGNAL_PPPD);
	ck_assert_uint_eq(seen.gone, 0);
}
END_TEST

/* Each under its own name, whatever else there is. _i: bits, users and radius. */
START_TEST(files)
{
	bool users = _i & 1, radius = _i & 2;
	struct priv_msg m = { .type = PRIV_CONF, .conf = { 1, 1, users, radius, 0 } };
	uint8_t data[PRIV_MSG_MAX];
	size_t len = priv_encode(data, sizeof data, &m), n = 0;
	int fds[3];

	fds[n++] = sized(100);
	if (users)
		fds[n++] = sized(200);
	if (radius)
		fds[n++] = sized(300);
	ck_assert_int_eq(seqmsg_send(fd, data, len, fds, n), 0);
	turn();
	ck_assert_uint_eq(seen.confs, 1);
	ck_assert(has_files(true, users, radius, false));
	ck_assert_int_eq(size_of(seen.files.conf), 100);
	ck_assert(!users || size_of(seen.files.users) == 200);
	ck_assert(!radius || size_of(seen.files.radius) == 300);
}
END_TEST

START_TEST(change_hook)
{
	struct priv_change_hook want = change(7, 30);
	struct priv_msg m;

	ck_assert_int_eq(priv_client_change_hook(client, &want), 0);
	m = asked();
	ck_assert_int_eq(m.type, PRIV_CHANGE_HOOK);
	ck_assert(m.change_hook.generation == 3 && m.change_hook.token == 7 && m.change_hook.unit == 8 &&
		  m.change_hook.local == 9 && m.change_hook.remote == 10 && m.change_hook.peer_addr == 11);
	ck_assert_mem_eq(&m.change_hook.vars, &want.vars, sizeof want.vars);
	/* The root part would take these for an attack, so they stay here, whether something waits or not. */
	want.unit = 0x80000000;
	ck_assert_int_eq(priv_client_change_hook(client, &want), -EINVAL);
	want = change(7, 30);
	want.vars.list[0].value[3] = '\n';
	ck_assert_int_eq(priv_client_change_hook(client, &want), -EINVAL);
	for (int i = 0; i < 5000; i++) /* more than the socket takes */
		ck_assert_int_eq(priv_client_reload(client), 0);
	ck_assert_int_eq(priv_client_change_hook(client, &want), -EINVAL);
}
END_TEST

/* Until one is too many; what was taken, from `first` on. */
static uint64_t ask_changes(uint64_t first)
{
	struct priv_change_hook m;
	uint64_t n = first;
	int r;

	while (m = change(n, n % 2 ? SCRIPT_VAR_MAX : 1), (r = priv_client_change_hook(client, &m)) == 0) {
		ck_assert_int_eq(priv_client_signal_pppd(client, n, PRIV_SIGNAL_TERM), 0);
		ck_assert_uint_lt(++n, first + 100000);
	}
	ck_assert_int_eq(r, -ENOBUFS);
	ck_assert_uint_gt(n, first + 1024);
	ck_assert_int_eq(priv_client_signal_pppd(client, n, PRIV_SIGNAL_TERM), 0); /* there is room for these */
	return n;
}

/* Long ones wait among short ones in their turn, and are bounded by themselves. Twice: nothing is left over. */
START_TEST(long_requests_wait)
{
	uint64_t heard = 0;
	struct priv_msg got;

	for (int round = 0; round < 2; round++) {
		uint64_t n = ask_changes(heard);

		for (; heard < n; heard++) {
			got = asked();
			ck_assert(got.type == PRIV_CHANGE_HOOK && got.change_hook.token == heard);
			ck_assert_uint_eq(got.change_hook.vars.list[1].len, heard % 2 ? SCRIPT_VAR_MAX : 1);
			got = asked();
			ck_assert(got.type == PRIV_SIGNAL_PPPD && got.signal_pppd.token == heard);
		}
		ck_assert(asked().signal_pppd.token == n);
	}
}
END_TEST

/* Nothing leaks: the sanitizer looks. */
START_TEST(freed_with_long_requests)
{
	struct priv_change_hook m = change(1, SCRIPT_VAR_MAX);

	for (int i = 0; i < 2000; i++)
		priv_client_change_hook(client, &m);
	ck_assert_int_eq(priv_client_change_hook(client, &m), -ENOBUFS);
}
END_TEST

/* More than a socket takes at once: nothing is lost and nothing overtakes. */
START_TEST(full_socket_keeps_the_order)
{
	const uint64_t n = 5000;

	for (uint64_t i = 0; i < n; i++)
		ck_assert_int_eq(priv_client_signal_pppd(client, i, PRIV_SIGNAL_TERM), 0);
	for (uint64_t i = 0; i < n / 2; i++)
		ck_assert(asked().signal_pppd.token == i);
	for (uint64_t i = 0; i < n; i++) /* the ring goes round */
		ck_assert_int_eq(priv_client_signal_pppd(client, n + i, PRIV_SIGNAL_TERM), 0);
	for (uint64_t i = n / 2; i < 2 * n; i++)
		ck_assert(asked().signal_pppd.token == i);
}
END_TEST

START_TEST(queue_is_bounded)
{
	unsigned n = 0;
	int r;

	while ((r = priv_client_reload(client)) == 0)
		ck_assert_uint_le(++n, 1u << 19);
	ck_assert_int_eq(r, -ENOBUFS);
	ck_assert_uint_ge(n, 4 * 65535);
}
END_TEST

START_TEST(end_of_file)
{
	tell((struct priv_msg){ .type = PRIV_EXITED, .exited = { 9, 0 } }, 0);
	shutdown(fd, SHUT_RDWR);
	while (!seen.gone)
		ev_run(loop, EVRUN_ONCE);
	ck_assert_uint_eq(seen.exited, 1); /* what was said before is heard */
	turn();
	ck_assert_uint_eq(seen.gone, 1);
}
END_TEST

START_TEST(sending_to_the_dead)
{
	close(fd);
	fd = -1;
	ck_assert_int_lt(priv_client_reload(client), 0);
	while (!seen.gone)
		ev_run(loop, EVRUN_ONCE);
	ck_assert_uint_eq(seen.gone, 1);
}
END_TEST

START_TEST(nonsense_is_the_end)
{
	static const struct {
		uint8_t data[20];
		size_t len, nfds;
	} nonsense[] = {
		{ { 0 }, 1, 0 },
		{ { PRIV_STOP, 0 }, 2, 0 },
		{ { PRIV_STOP }, 1, 1 },                   /* nothing comes with it */
		{ { PRIV_RELOAD }, 1, 0 },                 /* the wrong way */
		{ { PRIV_OPENED, 0, 0, 0, 0, 0, 0, 0 }, 16, 0 }, /* no error and no socket */
		{ { PRIV_OPENED, 0, 0, 0, 0, 0, 0, 1 }, 16, 1 },
		{ { PRIV_OPENED, 9, 0, 0, 0, 0, 0, 1 }, 16, 0 },
	};
	int null = open("/dev/null", O_RDONLY), next;

	ck_assert_int_eq(seqmsg_send(fd, nonsense[_i].data, nonsense[_i].len, &null, nonsense[_i].nfds), 0);
	turn();
	ck_assert_uint_eq(seen.gone, 1);
	ck_assert_uint_eq(seen.opened + seen.stops, 0);
	/* The descriptor did not stay: the client's own socket, freed, was the lowest one. */
	next = open("/dev/null", O_RDONLY);
	ck_assert_int_lt(next, null);
	ck_assert_int_eq(open("/dev/null", O_RDONLY), null + 1);
}
END_TEST

static unsigned open_fds(void)
{
	unsigned n = 0;

	for (int i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

/* Leaves room for so many more descriptors; what the limit was before. */
static rlim_t leave_room(unsigned n)
{
	struct rlimit l;
	rlim_t before;
	int end = 0;

	for (unsigned unused = 0; unused < n || fcntl(end, F_GETFD) >= 0; end++)
		unused += fcntl(end, F_GETFD) < 0;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &l), 0);
	before = l.rlim_cur;
	l.rlim_cur = (rlim_t)end;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &l), 0);
	return before;
}

static void give_room(rlim_t before)
{
	struct rlimit l;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &l), 0);
	l.rlim_cur = before;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &l), 0);
}

/* Told with descriptors while the client's side has room for `room` of them only; none of them stays open. */
static void tell_short(struct priv_msg m, size_t nfds, unsigned room)
{
	unsigned before_fds = open_fds();
	rlim_t before;

	tell(m, nfds);
	before = leave_room(room);
	turn();
	give_room(before);
	ck_assert_uint_eq(open_fds(), before_fds);
}

/* _i: how many of the three descriptors fit. */
START_TEST(short_of_descriptors_for_a_pppd)
{
	struct priv_msg m;

	tell_short((struct priv_msg){ .type = PRIV_STARTED, .started = { 9, 0, 100 } }, 3, (unsigned)_i);
	ck_assert_uint_eq(seen.started, 1);
	ck_assert(seen.last_started.token == 9 && seen.last_started.error == EMFILE && seen.last_started.pid == 0);
	ck_assert(seen.fds[0] == -1 && seen.fds[1] == -1 && seen.fds[2] == -1);
	m = asked();
	ck_assert(m.type == PRIV_SIGNAL_PPPD && m.signal_pppd.token == 9 && m.signal_pppd.signal == PRIV_SIGNAL_KILL);
	/* The next one is as good as ever. */
	tell((struct priv_msg){ .type = PRIV_STARTED, .started = { 10, 0, 101 } }, 3);
	turn();
	ck_assert(seen.started == 2 && seen.last_started.error == 0 && seen.fds[2] >= 0);
	ck_assert_uint_eq(seen.gone, 0);
}
END_TEST

START_TEST(short_of_descriptors_for_a_socket)
{
	tell_short((struct priv_msg){ .type = PRIV_OPENED, .opened = { PRIV_SOCKET_LISTEN, 1, 0, 0, 0 } }, 1, 0);
	ck_assert(seen.opened == 1 && seen.fds[0] == -1 && seen.last_opened.index == 1);
	ck_assert_int_eq(seen.last_opened.error, EMFILE);
	ck_assert_uint_eq(seen.gone, 0);
}
END_TEST

/* Nobody has that device, so its lock goes. */
START_TEST(short_of_descriptors_for_a_line)
{
	struct priv_msg m;

	tell_short((struct priv_msg){ .type = PRIV_OPENED, .opened = { PRIV_SOCKET_LINE, 3, 0, 7, 2 } }, 1, 0);
	ck_assert(seen.opened == 1 && seen.fds[0] == -1 && seen.last_opened.index == 3);
	ck_assert(seen.last_opened.error == EMFILE && seen.last_opened.handle == 0 &&
		  seen.last_opened.generation == 2);
	m = asked();
	ck_assert(m.type == PRIV_CLOSE_LINE && m.close_line.handle == 7);
	ck_assert_uint_eq(seen.gone, 0);
}
END_TEST

/* The root part waits for an answer to the snapshot, and gets it. */
START_TEST(short_of_descriptors_for_a_reload)
{
	struct priv_msg m;

	for (unsigned room = 0; room < 3; room++) {
		tell_short((struct priv_msg){ .type = PRIV_CONF, .conf = { 5 + room, 1, 1, 1, 1 } }, 3, room);
		ck_assert_uint_eq(seen.confs, room + 1);
		ck_assert(seen.conf.generation == 5 + room && !seen.conf.ok && !seen.conf.has_users &&
			  !seen.conf.has_radius);
		ck_assert(has_files(false, false, false, false));
		m = asked();
		ck_assert(m.type == PRIV_CONF_TAKEN && m.conf_taken.generation == 5 + room && m.conf_taken.taken == 0);
	}
	/* What was refused anyway needs none. */
	tell_short((struct priv_msg){ .type = PRIV_CONF, .conf = { 9, 0, 0, 0, 1 } }, 1, 0);
	ck_assert(seen.confs == 4 && has_files(false, false, false, false));
	priv_client_reload(client);
	ck_assert_int_eq(asked().type, PRIV_RELOAD);
	ck_assert_uint_eq(seen.gone, 0);
}
END_TEST

/* What carries them keeps none, not even those that fitted, and says so. */
START_TEST(short_of_descriptors_on_the_socket)
{
	struct seqmsg raw;
	unsigned before_fds;
	rlim_t before;
	int pair[2];

	ck_assert_int_eq(seqmsg_pair(pair), 0);
	before_fds = open_fds();
	for (unsigned room = 0; room <= 3; room++) {
		ck_assert_int_eq(seqmsg_send(pair[0], "m", 1, (int[]){ 0, 1, 2 }, 3), 0);
		before = leave_room(room);
		ck_assert_int_eq(seqmsg_recv(pair[1], &raw), 0);
		give_room(before);
		ck_assert(raw.len == 1 && raw.data[0] == 'm');
		ck_assert_int_eq(raw.cut, room < 3);
		ck_assert_uint_eq(raw.nfds, room < 3 ? 0 : 3);
		ck_assert_uint_eq(open_fds(), before_fds + raw.nfds);
		seqmsg_clear(&raw);
	}
	close(pair[0]);
	close(pair[1]);
}
END_TEST

/* With what has no descriptors it is nonsense as ever. */
START_TEST(short_of_descriptors_for_nonsense)
{
	tell((struct priv_msg){ .type = PRIV_STOP }, 1);
	leave_room(0);
	turn();
	ck_assert(seen.gone == 1 && seen.stops == 0);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { requests, change_hook, answers, long_requests_wait, freed_with_long_requests,
				       full_socket_keeps_the_order, queue_is_bounded, end_of_file,
				       sending_to_the_dead, short_of_descriptors_for_a_socket,
				       short_of_descriptors_for_a_line,
				       short_of_descriptors_for_a_reload, short_of_descriptors_on_the_socket,
				       short_of_descriptors_for_nonsense, NULL };
	Suite *s = suite_create("priv_client");
	TCase *tc = tcase_create("client");

	tcase_add_checked_fixture(tc, setup, teardown);
	for (const TTest *const *t = tests; *t; t++)
		tcase_add_test(tc, *t);
	tcase_add_loop_test(tc, files, 0, 4);
	tcase_add_loop_test(tc, nonsense_is_the_end, 0, 7);
	tcase_add_loop_test(tc, short_of_descriptors_for_a_pppd, 0, 3);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
