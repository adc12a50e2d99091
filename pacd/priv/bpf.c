/*
 * Classic BPF programs for raw GRE sockets (RFC 2637 section 4.1).
 *
 * Pure: fills an array.  Every raw socket sees every GRE packet of the machine,
 * so the kernel's filter is what makes a worker's share its own.  Only what
 * decides whose packet it is gets looked at here; all else is for the decoder,
 * which counts what it drops.
 */
#include "pacd/priv/priv.h"

#include <linux/filter.h>
#include <string.h>

#define GRE_KEY_AND_VERSION 0x2007 /* the K bit and the version field */
#define GRE_KEY_VERSION_1 0x2001
#define GRE_PPTP 0x880B
#define IP_FRAGMENT 0x3fff /* more fragments, or an offset */
#define WHOLE 0x40000      /* octets to keep: more than any packet has */

/*
 * What a raw IPv4 socket sees starts with the IP header, options included: X is its length.  The kernel puts fragments
 * together first; one that comes through alone has no GRE header worth reading.  A load past the end drops.
 */
static const struct sock_filter keep[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IP_FRAGMENT, 10, 0),
	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, GRE_KEY_AND_VERSION),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GRE_KEY_VERSION_1, 0, 6),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GRE_PPTP, 0, 4),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, 6),
	BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 1),           /* MODULUS */
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),     /* REMAINDER */
	BPF_STMT(BPF_RET | BPF_K, WHOLE),
	BPF_STMT(BPF_RET | BPF_K, 0),
};
enum { MODULUS = 9, REMAINDER = 10 };

_Static_assert(sizeof keep / sizeof keep[0] <= PRIV_BPF_MAX, "the program fits");

size_t priv_bpf_build(struct sock_filter *prog, unsigned worker, unsigned workers)
{
	memcpy(prog, keep, sizeof keep);
	prog[MODULUS].k = workers;
	prog[REMAINDER].k = worker;
	return sizeof keep / sizeof keep[0];
}

size_t priv_bpf_drop(struct sock_filter *prog)
{
	static const struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);

	prog[0] = drop;
	return 1;
}
