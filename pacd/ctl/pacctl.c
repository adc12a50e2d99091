/*
 * The pacctl program; all of it is in pacctl_run.c, so that tests link it too.
 */
#include "pacd/ctl/pacctl.h"

int main(int argc, char **argv)
{
	return pacctl_run(argc, argv, stdout, stderr);
}
