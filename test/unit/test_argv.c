/*
 * priv/argv: whole argument vectors for typical configurations (golden), and what
 * each setting does to them (SEC-05, PPP-01).
 */
#include "test/unit/unit.h"

#include "pacd/priv/priv.h"

#include <errno.h>

#define PEER 0xc6336407 /* 198.51.100.7 */

#define HEAD                                                                                        \
	"/usr/sbin/pppd 115200 local nocrtscts nolock nodetach nopersist nodefaultroute logfd 2 "   \
	"asyncmap 0 receive-all auth refuse-pap refuse-chap refuse-mschap refuse-mschap-v2 "        \
	"refuse-eap nobsdcomp nodeflate nopredictor1 novj novjccomp "

static struct conf_pool pools[1];
static struct conf c;
static struct priv_argv argv;

static void setup(void)
{
	static char pppd[] = "/usr/sbin/pppd", plugin[] = "/usr/lib/pacd/pacd.so", name[] = "main";

	memset(&c, 0, sizeof c);
	memset(pools, 0, sizeof pools);
	pools[0].name = name;
	pools[0].local = 0x0a000001;
	c.pools = pools;
	c.npools = 1;
	c.ppp = (struct conf_ppp){ .pppd = pppd, .plugin = plugin, .check = true, .mtu = 1400,
				   .auth = CONF_AUTH_MSCHAPV2, .mppe = CONF_MPPE_REQUIRE,
				   .lcp_echo_interval = 30, .lcp_echo_failure = 4, .ipparam = true };
}

static const char *built(void)
{
	static char text[4096];

	ck_assert_int_eq(priv_argv_build(&argv, &c, PEER), 0);
	ck_assert_ptr_null(argv.args[argv.n]);
	text[0] = '\0';
	for (size_t i = 0; i < argv.n; i++) {
		if (i)
			strcat(text, " ");
		strcat(text, argv.args[i]);
	}
	return text;
}

static size_t count(const char *word)
{
	size_t n = 0;

	for (size_t i = 0; i < argv.n; i++)
		n += strcmp(argv.args[i], word) == 0;
	return n;
}

START_TEST(defaults)
{
	ck_assert_str_eq(built(), HEAD "require-mschap-v2 require-mppe-128 nomppe-40 nomppe-stateful mtu 1400 mru 1400 "
				       "lcp-echo-interval 30 lcp-echo-failure 4 noipv6 10.0.0.1: "
				       "remotenumber 198.51.100.7 ipparam 198.51.100.7 plugin /usr/lib/pacd/pacd.so");
}
END_TEST

START_TEST(everything_else)
{
	static char options[] = "/etc/pacd/options with space";

	c.ppp.auth = CONF_AUTH_PAP | CONF_AUTH_CHAP | CONF_AUTH_MSCHAP | CONF_AUTH_MSCHAPV2;
	c.ppp.mppe = CONF_MPPE_ALLOW;
	c.ppp.mppe_stateful = true;
	c.ppp.mtu = 1460;
	c.ppp.lcp_echo_interval = c.ppp.lcp_echo_failure = 0;
	c.ppp.ipv6 = true;
	c.ppp.ipparam = false;
	c.ppp.options = options;
	c.ppp.local = 0xc0a80101;
	ck_assert_str_eq(built(), HEAD "require-pap require-chap require-mschap require-mschap-v2 nomppe mppe-stateful "
				       "mtu 1460 mru 1460 lcp-echo-interval 0 lcp-echo-failure 0 +ipv6 192.168.1.1: "
				       "remotenumber 198.51.100.7 file /etc/pacd/options with space "
				       "plugin /usr/lib/pacd/pacd.so");
	/* A path is one word, whatever is in it. */
	ck_assert_uint_eq(count(options), 1);
}
END_TEST

START_TEST(no_encryption)
{
	c.ppp.auth = CONF_AUTH_CHAP;
	c.ppp.mppe = CONF_MPPE_DENY;
	ck_assert_str_eq(built(), HEAD "require-chap nomppe mtu 1400 mru 1400 lcp-echo-interval 30 lcp-echo-failure 4 "
				       "noipv6 10.0.0.1: remotenumber 198.51.100.7 ipparam 198.51.100.7 "
				       "plugin /usr/lib/pacd/pacd.so");
}
END_TEST

/* Of all 15 sets each names just its own methods. */
START_TEST(methods)
{
	static const char *const words[] = { "require-pap", "require-chap", "require-mschap", "require-mschap-v2" };

	c.ppp.auth = (unsigned)_i;
	built();
	for (unsigned bit = 0; bit < 4; bit++)
		ck_assert_uint_eq(count(words[bit]), (unsigned)_i >> bit & 1);
	ck_assert_uint_eq(count("auth"), 1);
	ck_assert_uint_eq(count("noauth"), 0);
	ck_assert_uint_eq(count("remotename"), 0);
}
END_TEST

/* The plugin must be loaded when all options are known. */
START_TEST(plugin_is_last)
{
	static char options[] = "/etc/pacd/options";

	c.ppp.options = options;
	built();
	ck_assert_str_eq(argv.args[argv.n - 2], "plugin");
	ck_assert_str_eq(argv.args[argv.n - 4], "file");
	ck_assert_uint_eq(count("plugin"), 1);
}
END_TEST

START_TEST(local_address)
{
	pools[0].local = 0;
	ck_assert_int_eq(priv_argv_build(&argv, &c, PEER), -EINVAL);
	c.ppp.local = 1;
	ck_assert_ptr_nonnull(strstr(built(), " 0.0.0.1: "));
	c.ppp.local = 0;
	c.npools = 0;
	ck_assert_int_eq(priv_argv_build(&argv, &c, PEER), -EINVAL);
}
END_TEST

/* The same vector can be used again: nothing of the last caller stays. */
START_TEST(used_again)
{
	char first[4096];

	strcpy(first, built());
	ck_assert_int_eq(priv_argv_build(&argv, &c, 0xffffffff), 0);
	ck_assert_uint_eq(count("255.255.255.255"), 2);
	ck_assert_uint_eq(count("198.51.100.7"), 0);
	ck_assert_str_eq(built(), first);
}
END_TEST

static Suite *suite(void)
{
	const TTest *const tests[] = { defaults, everything_else, no_encryption, plugin_is_last,
					      local_address, used_again, NULL };
	Suite *s = suite_create("argv");
	TCase *tc = tcase_create("argv");

	tcase_add_checked_fixture(tc, setup, NULL);
	for (const TTest *const *t = tests; *t; t++)
		tcase_add_test(tc, *t);
	tcase_add_loop_test(tc, methods, 1, 16);
	suite_add_tcase(s, tc);
	return s;
}

UNIT_MAIN(suite)
