/*
 * Text of RADIUS attributes (RFC 2865 section 5, "text"): up to a NUL, and fit to
 * be shown to people.
 *
 * Must not know attributes.
 */
#include "pacd/proto/radius_grant_internal.h"

#include <string.h>

void radius_text_keep(char text[RADIUS_TEXT], const uint8_t *value, size_t len)
{
	if (text[0])
		return;
	len = strnlen((const char *)value, len);
	memcpy(text, value, len);
	text[len] = '\0';
}

struct utf8 {
	size_t len; /* 1..RADIUS_CHAR_MAX */
	bool printable;
};

static bool continued(const uint8_t *p, size_t n)
{
	while (n--)
		if ((p[n] & 0xC0) != 0x80)
			return false;
	return true;
}

/* The character that p begins with; one octet that is none where it is not UTF-8 (RFC 3629 section 4). */
static struct utf8 utf8_next(const uint8_t *p, size_t left)
{
	static const uint32_t least[RADIUS_CHAR_MAX + 1] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0xC2 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 1;
	uint32_t c;

	if (len == 1 || len > left || !continued(p + 1, len - 1))
		return (struct utf8){ 1, p[0] >= 0x20 && p[0] < 0x7F };
	c = p[0] & (0x7Fu >> len);
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (p[i] & 0x3F);
	if (c < least[len] || (c >= 0xD800 && c < 0xE000) || c > 0x10FFFF)
		return (struct utf8){ 1, false };
	return (struct utf8){ len, c >= 0xA0 };
}

void radius_text_clean(char *text, size_t max, const uint8_t *raw, size_t len)
{
	struct utf8 c;
	size_t n = 0;

	for (size_t i = 0; i < len; i += c.len) {
		c = utf8_next(raw + i, len - i);
		if (n + (c.printable ? c.len : 1) > max)
			break;
		if (c.printable)
			memcpy(text + n, raw + i, c.len);
		else
			text[n] = '?';
		n += c.printable ? c.len : 1;
	}
	text[n] = '\0';
}
