/*
 * Options and start order; everything else is in libraries that the tests link, too.
 *
 * The process that is started stays root and serves main, which is this same
 * program executed again under another name and user (see priv/).
 */
#include "config.h"
#include "pacd/pacd.h"
#include "pacd/priv/priv.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void usage(FILE *to)
{
	fputs("usage: pacd [-f] [-t] [-c FILE]\n"
	      "  -c, --config FILE   configuration (" PACD_CONF_PATH ")\n"
	      "  -f, --foreground    stay in the foreground, as systemd wants it\n"
	      "  -t, --test          check the configuration and this machine, and end\n"
	      "  -h, --help          this\n"
	      "  -V, --version       the version\n"
	      "See pacd(8), pacd.conf(5), pacctl(8).\n", to);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "foreground", no_argument, NULL, 'f' },
		{ "test", no_argument, NULL, 't' },         { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },      { NULL, 0, NULL, 0 },
	};
	struct priv_options run = { .conf_file = PACD_CONF_PATH };
	bool test = false;
	int c;

	if (argc > 0 && !strcmp(argv[0], PRIV_MAIN_ROLE))
		return pacd_run(argc > 1 ? argv[1] : PACD_CONF_PATH);
	while ((c = getopt_long(argc, argv, "c:fthV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			run.conf_file = optarg;
			break;
		case 'f':
			run.foreground = true;
			break;
		case 't':
			test = true;
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		case 'V':
			puts("pacd " PACKAGE_VERSION);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "pacd: what is \"%s\"? pacd takes options only\n", argv[optind]);
		usage(stderr);
		return 2;
	}
	return test ? priv_check(run.conf_file) : priv_run(&run);
}
