/*
 * Telnet with the Com Port Control Option, client side (RFC 854, 855, 856, 858,
 * 1143, 2217).
 *
 * Owns nothing but the struct it is given.  Must not know sockets, modems or
 * lines: what an octet of modem state means for a call is for others to say.
 */
#include "pacd/proto/rfc2217.h"

#include <string.h>

enum { SE = 240, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254, IAC = 255 };
enum { COMMAND_FIRST = 236 }; /* EOF, SUSP, ABORT and EOR came with RFC 1184 and 885 */
enum { OPT_BINARY = 0, OPT_SGA = 3, OPT_COM_PORT = 44 };
enum { BIT_BINARY = 1, BIT_SGA = 2, BIT_COM_PORT = 4 };
enum { IN_DATA, IN_IAC, IN_VERB, IN_SUB, IN_SUB_IAC };

/* Codes of ours; those of the other side are higher by SERVER. */
enum {
	SIGNATURE, SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, SET_CONTROL, NOTIFY_LINESTATE,
	NOTIFY_MODEMSTATE, FLOWCONTROL_SUSPEND, FLOWCONTROL_RESUME, SET_LINESTATE_MASK, SET_MODEMSTATE_MASK,
	PURGE_DATA, SERVER = 100
};
enum { CONTROL_DTR_ON = 8, CONTROL_DTR_OFF = 9, STOPSIZE_1 = 1, PURGE_BOTH = 3 };

/* --- to the other side --- */

static size_t sub_put(uint8_t *out, uint8_t code, const void *value, size_t len)
{
	size_t n = 0;

	out[n++] = IAC;
	out[n++] = SB;
	out[n++] = OPT_COM_PORT;
	out[n++] = code;
	n += rfc2217_encode(out + n, value, len);
	out[n++] = IAC;
	out[n++] = SE;
	return n;
}

static size_t sub_put_u8(uint8_t *out, uint8_t code, uint8_t value)
{
	return sub_put(out, code, &value, 1);
}

size_t rfc2217_encode(uint8_t *out, const uint8_t *data, size_t len)
{
	const uint8_t *end = data + len;
	size_t n = 0;

	while (data < end) {
		const uint8_t *iac = memchr(data, IAC, (size_t)(end - data));
		size_t run = (size_t)((iac ? iac + 1 : end) - data);

		memcpy(out + n, data, run);
		n += run;
		data += run;
		if (iac)
			out[n++] = IAC;
	}
	return n;
}

size_t rfc2217_put_baud(uint8_t *out, uint32_t baud)
{
	uint8_t value[4] = { (uint8_t)(baud >> 24), (uint8_t)(baud >> 16), (uint8_t)(baud >> 8), (uint8_t)baud };

	return sub_put(out, SET_BAUDRATE, value, sizeof value);
}

size_t rfc2217_put_8n1(uint8_t *out)
{
	size_t n = sub_put_u8(out, SET_DATASIZE, 8);

	n += sub_put_u8(out + n, SET_PARITY, RFC2217_PARITY_NONE);
	return n + sub_put_u8(out + n, SET_STOPSIZE, STOPSIZE_1);
}

size_t rfc2217_put_flow(uint8_t *out, enum rfc2217_flow flow)
{
	return sub_put_u8(out, SET_CONTROL, (uint8_t)flow);
}

size_t rfc2217_put_dtr(uint8_t *out, bool on)
{
	return sub_put_u8(out, SET_CONTROL, on ? CONTROL_DTR_ON : CONTROL_DTR_OFF);
}

size_t rfc2217_put_masks(uint8_t *out, uint8_t modemstate, uint8_t linestate)
{
	size_t n = sub_put_u8(out, SET_LINESTATE_MASK, linestate);

	return n + sub_put_u8(out + n, SET_MODEMSTATE_MASK, modemstate);
}

size_t rfc2217_put_purge(uint8_t *out)
{
	return sub_put_u8(out, PURGE_DATA, PURGE_BOTH);
}

/* --- options --- */

void rfc2217_init(struct rfc2217 *t)
{
	memset(t, 0, sizeof *t);
}

size_t rfc2217_start(struct rfc2217 *t, uint8_t out[RFC2217_START_MAX])
{
	static const uint8_t opening[] = {
		IAC, WILL, OPT_BINARY, IAC, DO, OPT_BINARY, IAC, WILL, OPT_SGA, IAC, DO, OPT_SGA,
		IAC, WILL, OPT_COM_PORT,
	};

	t->us_asked = BIT_BINARY | BIT_SGA | BIT_COM_PORT;
	t->him_asked = BIT_BINARY | BIT_SGA;
	memcpy(out, opening, sizeof opening);
	return sizeof opening;
}

/* 0: an option that is not ours. */
static uint8_t option_bit(uint8_t option)
{
	switch (option) {
	case OPT_BINARY: return BIT_BINARY;
	case OPT_SGA: return BIT_SGA;
	case OPT_COM_PORT: return BIT_COM_PORT;
	default: return 0;
	}
}

static void reply(struct rfc2217 *t, const uint8_t *octets, size_t len)
{
	if (t->reply_len + len > RFC2217_REPLY_MAX)
		return;
	memcpy(t->reply + t->reply_len, octets, len);
	t->reply_len += len;
}

static void reply_verb(struct rfc2217 *t, uint8_t verb, uint8_t option)
{
	reply(t, (const uint8_t[]){ IAC, verb, option }, 3);
}

/* WILL or DO: to be on now. `yes` and `no` are our words for it. */
static void option_on(struct rfc2217 *t, uint8_t option, uint8_t *on, uint8_t *asked, uint8_t yes, uint8_t no)
{
	uint8_t bit = option_bit(option);

	if (!bit || (bit == BIT_COM_PORT && t->refused)) {
		reply_verb(t, no, option);
		return;
	}
	if (!(*on & bit) && !(*asked & bit))
		reply_verb(t, yes, option);
	*on |= bit;
	*asked &= (uint8_t)~bit;
}

/* WONT or DONT.  A refusal is not answered, a change is. */
static void option_off(struct rfc2217 *t, uint8_t option, uint8_t *on, uint8_t *asked, uint8_t no)
{
	uint8_t bit = option_bit(option);

	if (*on & bit)
		reply_verb(t, no, option);
	*on &= (uint8_t)~bit;
	*asked &= (uint8_t)~bit;
}

static enum rfc2217_event_type com_port_agreed(struct rfc2217 *t)
{
	if (t->answered)
		return RFC2217_NONE;
	t->answered = true;
	return RFC2217_READY;
}

/* Its WONT says nothing: we never asked for it.  DONT does, and so does WONT of what it offered itself. */
static enum rfc2217_event_type com_port_refused(struct rfc2217 *t, bool meant)
{
	if (!meant || t->refused)
		return RFC2217_NONE;
	t->answered = true;
	t->refused = true;
	return RFC2217_REFUSED;
}

static enum rfc2217_event_type verb_take(struct rfc2217 *t, uint8_t option)
{
	bool com_port = option == OPT_COM_PORT, was = com_port && t->him & BIT_COM_PORT;

	switch (t->verb) {
	case WILL:
		option_on(t, option, &t->him, &t->him_asked, DO, DONT);
		return com_port ? com_port_agreed(t) : RFC2217_NONE;
	case DO:
		option_on(t, option, &t->us, &t->us_asked, WILL, WONT);
		return com_port ? com_port_agreed(t) : RFC2217_NONE;
	case WONT:
		option_off(t, option, &t->him, &t->him_asked, DONT);
		return com_port_refused(t, was && !(t->us & BIT_COM_PORT));
	default:
		option_off(t, option, &t->us, &t->us_asked, WONT);
		return com_port_refused(t, com_port);
	}
}

/* --- suboptions --- */

/* "pacd", to whom asks by an empty text. */
static void signature_take(struct rfc2217 *t, size_t len)
{
	uint8_t out[16];

	if (!len)
		reply(t, out, sub_put(out, SIGNATURE, "pacd", 4));
}

static enum rfc2217_event_type sub_fault(struct rfc2217 *t)
{
	t->faults++;
	return RFC2217_NONE;
}

/* Answers to what we set are not looked at: a server that cannot do it would not do better for being told. */
static enum rfc2217_event_type code_take(struct rfc2217 *t, uint8_t code, const uint8_t *value, size_t len,
					 struct rfc2217_event *ev)
{
	switch (code) {
	case SERVER + SIGNATURE:
		signature_take(t, len);
		return RFC2217_NONE;
	case SERVER + NOTIFY_LINESTATE:
	case SERVER + NOTIFY_MODEMSTATE:
		if (len != 1)
			return sub_fault(t);
		ev->value = *value;
		return code == SERVER + NOTIFY_LINESTATE ? RFC2217_LINESTATE : RFC2217_MODEMSTATE;
	case SERVER + FLOWCONTROL_SUSPEND: return len ? sub_fault(t) : RFC2217_SUSPEND;
	case SERVER + FLOWCONTROL_RESUME: return len ? sub_fault(t) : RFC2217_RESUME;
	default: return code >= SERVER && code <= SERVER + PURGE_DATA ? RFC2217_NONE : sub_fault(t);
	}
}

static enum rfc2217_event_type sub_take(struct rfc2217 *t, struct rfc2217_event *ev)
{
	if (t->sub_long || t->sub_len < 2 || t->sub[0] != OPT_COM_PORT || !t->answered || t->refused)
		return sub_fault(t);
	return code_take(t, t->sub[1], t->sub + 2, t->sub_len - 2, ev);
}

static void sub_append(struct rfc2217 *t, uint8_t octet)
{
	if (t->sub_len < RFC2217_SUB_MAX)
		t->sub[t->sub_len++] = octet;
	else
		t->sub_long = true;
}

/* --- the stream --- */

/* The octet behind IAC, which is not IAC itself. */
static void command_take(struct rfc2217 *t, uint8_t octet)
{
	t->state = IN_DATA;
	if (octet == SB) {
		t->state = IN_SUB;
		t->sub_len = 0;
		t->sub_long = false;
	} else if (octet >= WILL) {
		t->state = IN_VERB;
		t->verb = octet;
	} else if (octet < COMMAND_FIRST || octet == SE) {
		t->faults++;
	}
}

/* An octet within a suboption. */
static enum rfc2217_event_type sub_octet(struct rfc2217 *t, uint8_t octet, struct rfc2217_event *ev)
{
	if (t->state == IN_SUB) {
		if (octet == IAC)
			t->state = IN_SUB_IAC;
		else
			sub_append(t, octet);
	} else if (octet == IAC) {
		sub_append(t, octet);
		t->state = IN_SUB;
	} else if (octet == SE) {
		t->state = IN_DATA;
		return sub_take(t, ev);
	} else {
		/* Its end was lost: the stream goes on with this command. */
		t->faults++;
		command_take(t, octet);
	}
	return RFC2217_NONE;
}

static enum rfc2217_event_type control_octet(struct rfc2217 *t, uint8_t octet, struct rfc2217_event *ev)
{
	switch (t->state) {
	case IN_IAC:
		command_take(t, octet);
		return RFC2217_NONE;
	case IN_VERB:
		t->state = IN_DATA;
		return verb_take(t, octet);
	default:
		return sub_octet(t, octet, ev);
	}
}

/* Data up to a command, doubled IACs undone; returns how many octets went to `out`. */
static size_t data_take(struct rfc2217 *t, const uint8_t **data, const uint8_t *end, uint8_t *out)
{
	const uint8_t *p = *data;
	size_t n = 0;

	while (p < end) {
		const uint8_t *iac;
		size_t run;

		if (t->state == IN_IAC) {
			if (*p != IAC)
				break;
			out[n++] = *p++;
			t->state = IN_DATA;
			continue;
		}
		iac = memchr(p, IAC, (size_t)(end - p));
		run = (size_t)((iac ? iac : end) - p);
		memmove(out + n, p, run);
		n += run;
		p += run;
		if (iac) {
			p++;
			t->state = IN_IAC;
		}
	}
	*data = p;
	return n;
}

enum rfc2217_event_type rfc2217_decode(struct rfc2217 *t, const uint8_t **data, size_t *len, uint8_t *out,
				       struct rfc2217_event *ev)
{
	const uint8_t *p = *data, *end = p + *len;

	*ev = (struct rfc2217_event){ .type = RFC2217_NONE };
	while (p < end && ev->type == RFC2217_NONE) {
		if (t->state == IN_DATA || (t->state == IN_IAC && *p == IAC)) {
			ev->len = data_take(t, &p, end, out);
			if (ev->len)
				ev->type = RFC2217_DATA;
		} else {
			ev->type = control_octet(t, *p++, ev);
		}
	}
	*data = p;
	*len = (size_t)(end - p);
	return ev->type;
}
