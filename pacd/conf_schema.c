/*
 * Walks over settings by table: reading, printing, freeing, and how an error
 * names the setting that it is about.
 *
 * It knows what tables look like, not what stands in them.
 */
#include "pacd/conf_schema.h"

#include <stdlib.h>
#include <string.h>

#define PATH_MAX_ 192

/* --- messages --- */

/* "pools[0].ranges[2]". Too deep or too long ones are cut. */
static size_t path_append(char path[PATH_MAX_], const config_setting_t *s)
{
	const config_setting_t *parent = config_setting_parent(s);
	size_t used;
	int n;

	if (!parent)
		return 0;
	used = path_append(path, parent);
	if (config_setting_name(s))
		n = snprintf(path + used, PATH_MAX_ - used, "%s%.64s", used ? "." : "", config_setting_name(s));
	else
		n = snprintf(path + used, PATH_MAX_ - used, "[%d]", config_setting_index(s));
	used += n > 0 ? (size_t)n : 0;
	return used < PATH_MAX_ ? used : PATH_MAX_ - 1;
}

static void __attribute__((format(printf, 4, 0)))
setting_add(struct conf_errors *list, const char *file, const config_setting_t *s, const char *fmt, va_list args)
{
	char path[PATH_MAX_] = "";
	/* An index costs a walk over its list: not for what will not be kept. */
	bool kept = list->n < CONF_ERRORS_MAX;

	if (s && kept)
		path_append(path, s);
	conf_errors_addv(list, file, s ? config_setting_source_line(s) : 0, *path ? path : NULL, fmt, args);
}

void conf_fail(struct conf_ctx *ctx, const config_setting_t *s, const char *fmt, ...)
{
	va_list args;

	ctx->failed++;
	va_start(args, fmt);
	setting_add(ctx->errors, ctx->file, s, fmt, args);
	va_end(args);
}

void conf_warn(struct conf_ctx *ctx, const config_setting_t *s, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	setting_add(ctx->warnings, ctx->file, s, fmt, args);
	va_end(args);
}

void conf_fail_in(struct conf_ctx *ctx, const config_setting_t *group, const char *name, const char *fmt, ...)
{
	char path[PATH_MAX_] = "", key[PATH_MAX_ + 32];
	unsigned line = config_setting_is_root(group) ? 0 : config_setting_source_line(group);
	va_list args;

	ctx->failed++;
	path_append(path, group);
	snprintf(key, sizeof key, "%s%s%s", path, *path ? "." : "", name);
	va_start(args, fmt);
	conf_errors_addv(ctx->errors, ctx->file, line, key, fmt, args);
	va_end(args);
}

void conf_fail_memory(struct conf_ctx *ctx)
{
	conf_errors_add(ctx->errors, ctx->file, 0, NULL, "out of memory");
	ctx->failed++;
}

char *conf_quote(char quoted[CONF_QUOTE], const char *text)
{
	return log_quote(quoted, CONF_QUOTE, text, strlen(text));
}

/* --- walks --- */

static const struct conf_key *key_find(const struct conf_key *keys, const char *name)
{
	for (; keys->name; keys++)
		if (!strcmp(keys->name, name))
			return keys;
	return NULL;
}

static void unknown(struct conf_ctx *ctx, const struct conf_key *keys, const config_setting_t *s)
{
	char hint[256];

	conf_suggest(hint, sizeof hint, ctx, keys, config_setting_name(s));
	conf_fail(ctx, s, "unknown setting; %s", hint);
}

void conf_walk(struct conf_ctx *ctx, const struct conf_key *keys, const config_setting_t *group, void *base)
{
	uint64_t seen = 0;

	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const struct conf_key *key = key_find(keys, config_setting_name(s));

		if (!key) {
			unknown(ctx, keys, s);
			continue;
		}
		seen |= UINT64_C(1) << (key - keys);
		key->type->read(ctx, key, s, base);
	}
	for (const struct conf_key *key = keys; key->name; key++)
		if (key->required && !(seen >> (key - keys) & 1))
			conf_fail_in(ctx, group, key->name, "is missing; it must be given (see %s)", ctx->manual);
}

void conf_walk_clear(const struct conf_key *keys, void *base)
{
	for (; keys->name; keys++)
		if (keys->type->clear)
			keys->type->clear(keys, base);
}

void conf_walk_print(FILE *out, const struct conf_key *keys, const void *base, unsigned depth)
{
	for (; keys->name; keys++) {
		const struct conf_type *type = keys->type;

		if (!type->print || (type->present && !type->present(keys, base)))
			continue;
		if (keys->applies && !keys->applies(keys, base))
			continue;
		fprintf(out, "%*s%s = ", (int)depth * 4, "", keys->name);
		type->print(out, keys, base, depth);
		fputs(";\n", out);
	}
}

/* --- groups, and lists of them --- */

static void group_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	if (config_setting_is_group(s))
		conf_walk(ctx, key->arg, s, base);
	else
		conf_fail(ctx, s, "must be a group; write \"%s = { ... };\"", key->name);
}

static void group_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	fputs("{\n", out);
	conf_walk_print(out, key->arg, base, depth + 1);
	fprintf(out, "%*s}", (int)depth * 4, "");
}

static void group_clear(const struct conf_key *key, void *base)
{
	conf_walk_clear(key->arg, base);
}

const struct conf_type conf_type_group = { .read = group_read, .print = group_print, .clear = group_clear };

static char **list_at(const struct conf_key *key, const void *base)
{
	return (char **)(void *)((char *)base + key->offset);
}

static size_t *count_at(const struct conf_key *key, const void *base)
{
	return (size_t *)(void *)((char *)base + key->count);
}

static void groups_clear(const struct conf_key *key, void *base)
{
	const struct conf_elements *elements = key->arg;
	char **list = list_at(key, base);

	for (size_t i = 0; i < *count_at(key, base); i++)
		conf_walk_clear(elements->keys, *list + i * elements->size);
	free(*list);
	*list = NULL;
	*count_at(key, base) = 0;
}

static void groups_read(struct conf_ctx *ctx, const struct conf_key *key, const config_setting_t *s, void *base)
{
	const struct conf_elements *elements = key->arg;
	char **list = list_at(key, base);
	int n = config_setting_is_aggregate(s) ? config_setting_length(s) : -1;

	if (n < 0 || config_setting_is_group(s) || (n > 0 && config_setting_type(s) == CONFIG_TYPE_ARRAY)) {
		conf_fail(ctx, s, "must be a list of groups; write \"%s = ( { ... }, { ... } );\"", key->name);
		return;
	}
	if (n > key->max) {
		conf_fail(ctx, s, "has %d elements; %lld is the most", n, (long long)key->max);
		return;
	}
	groups_clear(key, base);
	*list = calloc((size_t)n ? (size_t)n : 1, elements->size);
	if (!*list) {
		conf_fail_memory(ctx);
		return;
	}
	*count_at(key, base) = (size_t)n;
	for (int i = 0; i < n; i++) {
		const config_setting_t *element = config_setting_get_elem(s, (unsigned)i);

		if (elements->init)
			elements->init(*list + (size_t)i * elements->size);
		if (config_setting_is_group(element))
			conf_walk(ctx, elements->keys, element, *list + (size_t)i * elements->size);
		else
			conf_fail(ctx, element, "must be a group; write \"{ ... }\"");
	}
}

static void groups_print(FILE *out, const struct conf_key *key, const void *base, unsigned depth)
{
	const struct conf_elements *elements = key->arg;
	const char *list = *list_at(key, base);
	size_t n = *count_at(key, base);

	fputs("(", out);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\n%*s{\n", i ? "," : "", (int)(depth + 1) * 4, "");
		conf_walk_print(out, elements->keys, list + i * elements->size, depth + 2);
		fprintf(out, "%*s}", (int)(depth + 1) * 4, "");
	}
	fprintf(out, "\n%*s)", (int)depth * 4, "");
}

const struct conf_type conf_type_groups = { .read = groups_read, .print = groups_print, .clear = groups_clear };
