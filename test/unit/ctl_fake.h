/*
 * A daemon that is not there: a struct ctl_provider over plain numbers, for the
 * tests of the control socket and of pacctl, and for their fuzzer.
 */
#ifndef PACD_TEST_CTL_FAKE_H
#define PACD_TEST_CTL_FAKE_H

#include "pacd/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ctl_fake {
	uint64_t sessions;     /* ids 1..sessions; number N is of user "userN" and peer 192.0.2.(N mod 250) */
	unsigned connections;
	size_t pools;
	bool draining, no_memory, ending;
	int reload_rc;
	uint64_t reload_client; /* 0: none waits */
	struct ctl *finish;     /* reload answers at once, from within */
	enum log_level level;
	uint64_t disconnected;  /* the last id */
	char name[300];         /* of the last disconnect user */
	size_t name_len;
	size_t servers;         /* of RADIUS */
	int test_rc;
	uint64_t test_client;   /* 0: none waits */
	char user[300], password[300]; /* of the last test radius */
	size_t user_len, password_len;
	size_t lines;           /* 0 to 2: "m01" has a call, "ts.2" is out of service */
	int act_rc;
	unsigned acts;          /* how many came to the lines */
	enum line_act act;      /* the last one, and of which line */
	char line[300];
};

static inline void ctl_fake_session(uint64_t id, char user[32], struct ctl_session *s)
{
	*s = (struct ctl_session){
		.id = id, .connection = id + 1000, .call_id = (uint16_t)id, .peer_call_id = 7, .serial = 9,
		.peer = { 0xc0000200 + (uint32_t)(id % 250), 1723 }, .local_addr = 0xc6336401,
		.state = "established", .phase = "running", .ifname = "ppp0",
		.inner_local = 0x0a000001, .inner_remote = 0x0a000001 + (uint32_t)id, .auth = "mschapv2",
		.mppe_bits = 128, .started_at = 1700000000, .up_s = 3723, .pppd = 4242, .pool = "main",
		.data_path = "user", .has_idle = true, .idle_s = 3, .idle_timeout_s = 600,
		.traffic = { .rx_packets = 100, .rx_octets = 1536, .tx_packets = 200, .tx_octets = 5u << 20,
			     .rx_lost = 1, .rx_duplicate = 2, .rx_old = 3, .rx_reordered = 4, .rx_dropped = 5,
			     .tx_dropped = 6, .rtt_us = 12345 },
	};
	memcpy(user, "user", 4);
	s->user = user;
	s->user_len = 4;
	if (id == 3) { /* has all that RADIUS can give */
		s->authentic = "radius";
		s->server = "192.0.2.9:1812";
		s->session_id = "0000000100000003";
		s->account = "bob@isp\x1b";
		s->account_len = 8;
		s->filter = "gold \"x\"";
		s->rate_limit = "1M/10M";
		s->rate_up = 1000000;
		s->rate_down = 10500000;
		s->classes = 2;
		s->class_hex = "676f6c64,01";
		s->interim_s = 600;
		s->routes = "192.0.2.0/24,198.51.100.0/24 via 10.0.0.9";
		s->interface_id = 0x00000000000000a1;
		s->ipv6_prefix = "2001:db8:1::/64";
		s->delegated_prefix = "2001:db8:2::/56";
	}
	if (id == 4) { /* is still being checked: no line was chosen for it */
		s->line = s->group = s->calling = "";
		s->direction = "out";
		s->called = "0409";
	}
	if (id == 2) { /* a call that came in on a line */
		s->line = "m01";
		s->group = "pool";
		s->direction = "in";
		s->calling = "0401234567";
		s->called = "";
		s->speed = 33600;
		s->traffic.queue_octets = 300;
		s->traffic.queue_peak = 4096;
		s->traffic.queue_us = 72000;
	}
	do
		user[s->user_len++] = (char)('0' + id % 10); /* digits backwards will do */
	while ((id /= 10) && s->user_len < 31);
}

static inline void ctl_fake_each_session(void *ctx, ctl_session_fn fn, void *arg)
{
	struct ctl_fake *f = ctx;

	for (uint64_t id = 1; id <= f->sessions; id++) {
		struct ctl_session s;
		char user[32];

		ctl_fake_session(id, user, &s);
		fn(arg, &s);
	}
}

static inline int ctl_fake_one_session(void *ctx, uint64_t id, ctl_session_fn fn, void *arg)
{
	struct ctl_fake *f = ctx;
	struct ctl_session s;
	char user[32];

	if (!id || id > f->sessions)
		return -ENOENT;
	ctl_fake_session(id, user, &s);
	fn(arg, &s);
	return 0;
}

static inline void ctl_fake_each_connection(void *ctx, ctl_connection_fn fn, void *arg)
{
	struct ctl_fake *f = ctx;

	for (unsigned i = 1; i <= f->connections; i++) {
		const struct ctl_connection c = {
			.id = i, .peer = { 0xc0000200 + i, 50000 }, .local = { 0xc6336401, 1723 },
			.state = "established", .host = "pc\x1b[2J", .host_len = 6, .vendor = "Microsoft Windows NT",
			.vendor_len = 20, .calls = 1, .age_s = 90061, .idle_s = 61, .originator = false,
			.messages_in = 10, .messages_out = 11,
		};

		fn(arg, &c);
	}
}

static inline bool ctl_fake_pool(void *ctx, size_t i, struct pool_view *v)
{
	struct ctl_fake *f = ctx;

	*v = (struct pool_view){ .name = i ? "lan two" : "main", .size = 254, .used = i, .reserved = 1, .refused = 2 };
	return i < f->pools;
}

static inline bool ctl_fake_line(void *ctx, size_t i, struct line_view *v)
{
	struct ctl_fake *f = ctx;

	*v = (struct line_view){
		.name = i ? "ts.2" : "m01", .group = i ? "ts" : "pool", .type = i ? "tcp" : "tty",
		.place = i ? "192.0.2.8:2002" : "/dev/ttyS1", .state = i ? "failed" : "online",
		.control = i ? "" : "modem-lines", .session = i ? 0 : 2, .channel = 1 + (uint32_t)i,
		.speed = i ? 0 : 33600, .calling = i ? "" : "0401234567", .called = i ? NULL : "0301",
		.since_s = i ? 90061 : 61, .rings = 9, .answered = 8, .dialled = 7, .connected = 6, .busy = 1,
		.no_carrier = 2, .no_dialtone = 3, .no_answer = 4, .time_outs = 5, .faults = i,
		.errors = { .framing = 11, .hardware_overrun = 12, .buffer_overrun = 13, .parity = 14 },
		.last_error = i ? "connect: timed out\x1b" : "", .last_error_at = i ? 1700000000 : 0,
	};
	return i < f->lines;
}

static inline int ctl_fake_line_act(void *ctx, const char *name, enum line_act act)
{
	struct ctl_fake *f = ctx;

	f->acts++;
	f->act = act;
	memset(f->line, 0, sizeof f->line);
	strncpy(f->line, name, sizeof f->line - 1);
	if (f->act_rc < 0)
		return f->act_rc;
	return f->lines && !strcmp(name, "m01") ? 0 : -ENOENT;
}

static inline void ctl_fake_status(void *ctx, struct ctl_status *s)
{
	struct ctl_fake *f = ctx;

	s->version = "1.0";
	s->conf_file = "/etc/pacd/pacd.conf";
	s->pid = 99;
	s->up_s = 59;
	s->generation = 3;
	s->max_channels = 1000;
	s->channels = (unsigned)f->sessions;
	s->connections = f->connections;
	s->draining = f->draining;
	s->log_level = f->level;
	s->users = 5;
	s->lines = 30;
	s->lines_busy = 7;
	s->lines_failed = 1;
}

static inline void ctl_fake_totals(void *ctx, struct datapath_totals *t)
{
	(void)ctx;
	t->rx_packets = 77;
	t->drops[GRE_DROP_CALL] = 8;
}

static inline char *ctl_fake_config(void *ctx)
{
	struct ctl_fake *f = ctx;

	return f->no_memory ? NULL : strdup("max_channels = 1000;\nuser = \"pacd\";\n");
}

static inline int ctl_fake_disconnect_session(void *ctx, uint64_t id)
{
	struct ctl_fake *f = ctx;

	f->disconnected = id;
	return id && id <= f->sessions ? 0 : -ENOENT;
}

static inline size_t ctl_fake_disconnect_user(void *ctx, const void *name, size_t len)
{
	struct ctl_fake *f = ctx;

	f->name_len = len < sizeof f->name ? len : sizeof f->name;
	memcpy(f->name, name, f->name_len);
	return len >= 4 && !memcmp(name, "user", 4) ? 1 : 0;
}

static inline size_t ctl_fake_disconnect_peer(void *ctx, uint32_t addr)
{
	(void)ctx;
	return addr == 0xc0000201 ? 2 : 0;
}

static inline int ctl_fake_drain(void *ctx, bool on)
{
	struct ctl_fake *f = ctx;
	bool before = f->draining;

	if (f->ending)
		return -ESHUTDOWN;
	f->draining = on;
	return before == on ? -EALREADY : 0;
}

static inline int ctl_fake_reload(void *ctx, uint64_t client)
{
	struct ctl_fake *f = ctx;

	if (f->reload_rc < 0)
		return f->reload_rc;
	f->reload_client = client;
	if (f->finish)
		ctl_finish_reload(f->finish, client, 4, NULL);
	return 0;
}

static inline void ctl_fake_log_level(void *ctx, enum log_level level)
{
	struct ctl_fake *f = ctx;

	f->level = level;
}

static inline bool ctl_fake_radius(void *ctx, size_t i, struct radius_server_view *v)
{
	struct ctl_fake *f = ctx;

	*v = (struct radius_server_view){
		.name = i ? "[2001:db8::1]:1813" : "192.0.2.9:1812", .role = i ? RADIUS_ACCT : RADIUS_AUTH,
		.state = i ? RADIUS_DEAD : RADIUS_UP, .priority = 1 + (unsigned)i, .in_flight = 3, .sockets = 1,
		.requests = 100, .retransmissions = 7, .accepts = 60, .rejects = 20, .challenges = 2,
		.responses = i ? 5 : 0, .timeouts = 4, .probes = i, .signature_required = !i,
		.p50_us = i ? 0 : 1500, .p90_us = i ? 0 : 20000, .p99_us = i ? 0 : 1234567, .dead_for_s = i ? 42 : 0,
	};
	if (!i) {
		v->dropped[RADIUS_BAD_AUTHENTICATOR] = 3;
		v->dropped[RADIUS_BAD_SOURCE] = 1;
	}
	return i < f->servers;
}

static inline void ctl_fake_accounting(void *ctx, struct acct_view *acct, struct das_view *das)
{
	(void)ctx;
	acct->enabled = true;
	acct->waiting = 12;
	acct->octets = 2048;
	acct->sent = 100;
	acct->acknowledged = 88;
	acct->retried = 5;
	acct->dropped_interims = 2;
	acct->dropped_stops = 1;
	acct->dropped_others = 3;
	acct->recovered = 4;
	acct->disk_errors = 9;
	acct->oldest_s = 61;
	das->disconnect_requests = 1;
	das->coa_naks = 6;
	das->repeated = 7;
	das->dropped_client = 8;
	das->dropped_replay = 9;
	das->dropped[RADIUS_BAD_AUTHENTICATOR] = 10;
}

static inline size_t ctl_fake_copy(char to[300], const void *octets, size_t len)
{
	memset(to, 0, 300);
	memcpy(to, octets, len < 299 ? len : 299);
	return len;
}

static inline int ctl_fake_test_radius(void *ctx, uint64_t client, const void *user, size_t user_len,
				       const void *password, size_t password_len)
{
	static const uint8_t attributes[] = { 8, 6, 10, 0, 0, 1, 18, 4, 'h', 'i' };
	struct ctl_fake *f = ctx;
	const struct radius_packet packet = { .code = RADIUS_ACCESS_ACCEPT, .attributes = attributes,
					      .len = sizeof attributes };
	const struct ctl_test t = { .verdict = CTL_VERDICT_ACCEPT, .server = "192.0.2.9:1812", .us = 2500,
				    .message = "hi", .packet = &packet };

	if (f->test_rc < 0)
		return f->test_rc;
	f->test_client = client;
	f->user_len = ctl_fake_copy(f->user, user, user_len);
	f->password_len = ctl_fake_copy(f->password, password, password_len);
	if (f->finish)
		ctl_finish_test(f->finish, client, &t);
	return 0;
}

static const struct ctl_provider ctl_fake_provider = {
	.status = ctl_fake_status,
	.each_session = ctl_fake_each_session,
	.one_session = ctl_fake_one_session,
	.each_connection = ctl_fake_each_connection,
	.pool = ctl_fake_pool,
	.totals = ctl_fake_totals,
	.config = ctl_fake_config,
	.disconnect_session = ctl_fake_disconnect_session,
	.disconnect_user = ctl_fake_disconnect_user,
	.disconnect_peer = ctl_fake_disconnect_peer,
	.drain = ctl_fake_drain,
	.reload = ctl_fake_reload,
	.log_level = ctl_fake_log_level,
	.radius = ctl_fake_radius,
	.accounting = ctl_fake_accounting,
	.test_radius = ctl_fake_test_radius,
	.line = ctl_fake_line,
	.line_act = ctl_fake_line_act,
};

#endif
