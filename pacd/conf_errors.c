/*
 * The list of what is wrong with a configuration.
 *
 * Owns its texts.  It is bounded, so that a file that is wrong in every line
 * costs no more than a file that is wrong in some.  It knows nothing of libconfig.
 */
#include "pacd/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void conf_errors_init(struct conf_errors *e)
{
	memset(e, 0, sizeof *e);
}

void conf_errors_clear(struct conf_errors *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->list[i]);
	free(e->list);
	conf_errors_init(e);
}

static void place_print(FILE *out, const char *file, unsigned line, const char *key)
{
	fputs(file, out);
	if (line)
		fprintf(out, ":%u", line);
	fputs(": ", out);
	if (key)
		fprintf(out, "%s: ", key);
}

static int text_append(struct conf_errors *e, char *text)
{
	char **list = realloc(e->list, (e->n + 1) * sizeof *list);

	if (!list)
		return -1;
	e->list = list;
	e->list[e->n++] = text;
	return 0;
}

void conf_errors_addv(struct conf_errors *e, const char *file, unsigned line, const char *key, const char *fmt,
		      va_list args)
{
	char *text = NULL;
	size_t size;
	FILE *out = e->n < CONF_ERRORS_MAX ? open_memstream(&text, &size) : NULL;

	if (out) {
		place_print(out, file, line, key);
		vfprintf(out, fmt, args);
		if (fclose(out) == 0 && text_append(e, text) == 0)
			return;
		free(text);
	}
	e->dropped++; /* it still counts, even where there is no room for its text */
}

void conf_errors_add(struct conf_errors *e, const char *file, unsigned line, const char *key, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	conf_errors_addv(e, file, line, key, fmt, args);
	va_end(args);
}

char *conf_errors_join(const struct conf_errors *e)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; i < e->n; i++)
		fprintf(out, "%s\n", e->list[i]);
	if (e->dropped)
		fprintf(out, "and %zu more\n", e->dropped);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
