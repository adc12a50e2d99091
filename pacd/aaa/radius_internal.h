/*
 * The RADIUS client's own parts: the client, its exchanges, servers, sockets and attempts.
 *
 * An exchange is a caller's job.  It asks servers one after the other; asking one server is an attempt: one packet with
 * one identifier on one socket, sent again unchanged.  An attempt whose exchange was cancelled lives on without it, so
 * that its identifier rests until its time is over.  All of it is touched by main's thread only.
 */
#ifndef PACD_AAA_RADIUS_INTERNAL_H
#define PACD_AAA_RADIUS_INTERNAL_H

#include "common/hash.h"
#include "common/list.h"
#include "common/log.h"
#include "pacd/aaa/radius.h"
#include "pacd/proto/radius_health.h"

#define RADIUS_TRIES 32          /* servers that one exchange can ask */
#define RADIUS_QUEUE_MAX 1024    /* exchanges of one role that wait for room at a server */
#define RADIUS_IDLE_S 60         /* a socket with nothing outstanding is closed after this, but for one */
#define RADIUS_SERVER_NAME 72    /* "[address%scope]:port" */

struct radius_exchange;

/* A secret, shared by a server and the attempts that began with it; wiped when the last one lets go. */
struct radius_key {
	unsigned refs;
	size_t len;
	uint8_t octets[];
};

struct radius_socket { /* owned by its server */
	struct list link; /* server->open, or server->full when all identifiers are taken */
	struct radius_server *server;
	int fd;
	bool busy; /* somebody further up the stack uses it: not to be closed */
	ev_io reader;
	struct radius_attempt *slots[RADIUS_IDS]; /* by identifier */
	uint8_t free_ids[RADIUS_IDS];             /* a ring, the one that has rested longest first */
	unsigned first_free, nfree;
	struct mono idle_since;
};

struct radius_server { /* one address, port and role; lives until the client and all attempts let go */
	struct radius_client *client;
	struct list link; /* client->all_servers */
	unsigned refs;
	uint64_t serial; /* never used twice */
	bool listed, retired; /* listed: it is in the new configuration (while configuring) */
	struct sockaddr_storage address; /* with port */
	char name[RADIUS_SERVER_NAME];
	struct radius_key *key;
	int64_t timeout_ms;
	unsigned retries;
	enum conf_signature signature;
	bool status_server, signed_once;
	struct radius_health health;
	struct radius_health_rules rules;
	unsigned outstanding; /* bound of in_flight */
	struct list open, full, waiting; /* sockets; sockets; exchanges */
	struct radius_attempt *probe;
	ev_timer probe_timer, idle_timer;
	struct mono probe_at;
	struct log_limit bad_packets, socket_errors;
	struct radius_server_view view; /* role, priority, in_flight, sockets and the counters are kept here */
};

struct radius_attempt { /* owned by its socket's slot */
	struct radius_exchange *exchange; /* NULL: a probe, or cancelled */
	struct radius_server *server;     /* counted */
	struct radius_key *key;           /* counted */
	struct radius_socket *socket;     /* NULL once its identifier is free again */
	uint8_t code, id, authenticator[RADIUS_AUTHENTICATOR];
	bool probe, trial;
	bool blamed; /* the server's failure is counted already */
	unsigned sent, waited; /* packets; waits that ran out in full */
	struct mono first, wait_over, end;
	ev_timer timer; /* libev keeps timers in a heap, so one each costs no more than a sorted list of ours would */
	uint8_t *packet;
	size_t len;
};

struct radius_exchange {
	struct list link;  /* client->exchanges */
	struct list place; /* a server's waiting, or the client's moving or finished */
	struct hash_node node;
	uint64_t id;
	struct radius_client *client;
	struct radius_job job;
	struct radius_attempt *attempt;
	bool waiting;
	bool again; /* it may not ask a server a second time once more */
	int error; /* once finished */
	struct mono deadline;
	ev_timer timer; /* while waiting */
	uint64_t tried[RADIUS_TRIES];
	unsigned ntried;
};

struct radius_client {
	struct ev_loop *loop;
	const struct conf_radius *conf; /* borrowed */
	struct radius_server **servers[RADIUS_ROLES]; /* by priority, then as configured */
	size_t nservers[RADIUS_ROLES], turn[RADIUS_ROLES];
	struct radius_health_choice *choices[RADIUS_ROLES]; /* scratch of choosing, one for each server */
	struct list all_servers; /* retired ones too */
	struct list exchanges, moving, finished;
	struct hash by_id;
	uint64_t last_id, last_serial;
	unsigned pending[RADIUS_ROLES], nwaiting[RADIUS_ROLES];
	ev_watcher kick; /* fed, never started: what must not be done where it was found out */
	unsigned depth;  /* callbacks that use the client now; it is freed behind the last one */
	bool dying;
	uint8_t scratch[RADIUS_PACKET_MAX];
};

/* --- radius.c --- */

/* Around every callback of the loop that ends in a caller's done(), which may free the client. */
void radius_client_enter(struct radius_client *r);
void radius_client_leave(struct radius_client *r);
/* Soon, not from inside of what runs now: servers are chosen for what moves or waits, what is finished is told. */
void radius_client_kick(struct radius_client *r);
/* It fires at that time, or a little before: libev's clock is behind ours; its callback looks and sets it again. */
void radius_client_timer(struct radius_client *r, ev_timer *w, struct mono at);
/* No answer from where it was, or no use in waiting there: soon to the next server. */
void radius_exchange_move(struct radius_exchange *x);
/* There is a server that it did not ask, which is not dead. */
bool radius_exchange_elsewhere(const struct radius_exchange *x);
/* It may ask the server where it is once more, the first time that this is called. */
void radius_exchange_again(struct radius_exchange *x);
/* The answer: the exchange ends with done(). */
void radius_exchange_answered(struct radius_exchange *x, const struct radius_answer *a);

/* --- radius_server.c --- */

/* NULL without memory, or where conf has no such role or address. */
struct radius_server *radius_server_new(struct radius_client *r, const struct conf_radius_server *c,
					enum radius_role role);
bool radius_server_is(const struct radius_server *s, const struct conf_radius_server *c, enum radius_role role);
/* Secret, times and rules of a configuration; -ENOMEM: the old secret stays. */
int radius_server_configure(struct radius_server *s, const struct conf_radius_server *c);
/* No longer configured: no probes, nothing waits there; attempts go on. */
void radius_server_retire(struct radius_server *s);
/* Ends all that goes on there, without a word to anybody. */
void radius_server_drop(struct radius_server *s);
struct radius_server *radius_server_get(struct radius_server *s);
void radius_server_put(struct radius_server *s);
/* One more request may go there. */
bool radius_server_room(const struct radius_server *s);
/* There is an identifier, or may be one socket more. */
bool radius_server_has_id(const struct radius_server *s);
void radius_server_answered(struct radius_server *s);
/* `since`: the request's first packet; `why`: a word for the log. */
void radius_server_failed(struct radius_server *s, struct mono since, bool trial, const char *why);
/* Sockets without anything outstanding at least `idle_us` are closed; `keep`: not the last socket. */
void radius_server_close_idle(struct radius_server *s, int64_t idle_us, bool keep);
bool radius_server_signature_required(const struct radius_server *s);
void radius_server_view_fill(const struct radius_server *s, struct radius_server_view *v);

struct radius_key *radius_key_new(const char *secret);
struct radius_key *radius_key_get(struct radius_key *k);
void radius_key_put(struct radius_key *k);

/* --- radius_socket.c --- */

/* A free identifier of a socket of that server, taken for the attempt: 0 or -errno. Sets a->socket and a->id. */
int radius_socket_take(struct radius_server *s, struct radius_attempt *a);
void radius_socket_release(struct radius_attempt *a);
void radius_socket_close(struct radius_socket *k);
/* Errors of a socket that say that nobody is there. */
bool radius_socket_unreachable(int error);
/*
 * The kernel says that nobody is there.  What is outstanding goes on to another server, or where there is none stays
 * and is sent again in time.  The socket may be closed afterwards, and each of its attempts gone.
 */
void radius_socket_refused(struct radius_socket *k, int error);

/* --- radius_attempt.c --- */

/*
 * 0: it goes on by itself: an answer or radius_exchange_move(); else nothing has begun: -EINVAL: encode() refused,
 * -ENOMEM, or another errno of a socket.  `end`: the latest that the server may answer.
 */
int radius_attempt_start(struct radius_server *s, struct radius_exchange *x, struct mono end);
/* A Status-Server, in s->probe while it is under way. */
void radius_attempt_probe(struct radius_server *s);
/* The exchange is forgotten, the identifier rests until the attempt's time is over. */
void radius_attempt_abandon(struct radius_attempt *a);
/* What one error of a socket means to its server. */
struct radius_refusal {
	bool failed; /* a failure that did not count yet */
	bool trial;  /* the trial was moved on */
};

/* The kernel says that nobody is there: it moves on, or stays; adds to *r. */
void radius_attempt_refused(struct radius_attempt *a, struct radius_refusal *r);
/* Its socket is of no use any more: it ends, the exchange begins anew. */
void radius_attempt_stranded(struct radius_attempt *a);
/* Gone, its exchange untouched. */
void radius_attempt_end(struct radius_attempt *a);
void radius_attempt_reply(struct radius_socket *k, const uint8_t *data, size_t len);

#endif
