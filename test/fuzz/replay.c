/*
 * Feeds files, or every file of directories, to a fuzz target: the corpus as a
 * regression test, with no fuzzer needed.
 */
#include "test/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1 << 20)

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = f ? malloc(INPUT_MAX) : NULL;
	size_t n;

	if (!data) {
		perror(path);
		return -1;
	}
	n = fread(data, 1, INPUT_MAX, f);
	fclose(f);
	/* An exact allocation, so that a sanitizer sees one octet too many. */
	data = realloc(data, n ? n : 1);
	LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 1;
}

static int replay_dir(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d))) {
		char file[4096];

		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", path, e->d_name);
		if (replay_file(file) < 0) {
			n = -1;
			break;
		}
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

/* replay_NAME without arguments takes $FUZZ_CORPUS/NAME, as `make check` runs it. */
static int replay_own_corpus(const char *program)
{
	const char *root = getenv("FUZZ_CORPUS"), *name = strstr(program, "replay_");
	char path[4096];

	if (!root || !name)
		return -1;
	snprintf(path, sizeof path, "%s/%s", root, name + strlen("replay_"));
	return replay_dir(path);
}

int main(int argc, char **argv)
{
	int total = argc > 1 ? 0 : replay_own_corpus(argv[0]);

	for (int i = 1; i < argc; i++) {
		struct stat st;
		int n = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? replay_dir(argv[i]) : replay_file(argv[i]);

		if (n < 0)
			return EXIT_FAILURE;
		total += n;
	}
	printf("replayed %d inputs\n", total);
	return total > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
