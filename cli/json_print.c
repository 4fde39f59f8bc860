/* json_print.h has the contract. */
#include "cli/json_print.h"

#include <stdint.h>
#include <string.h>

/* The character at *p, which it moves on; what is no UTF-8 is U+FFFD, a byte at a time.
 */
static uint32_t next_character(const unsigned char **p)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = *p;
	unsigned length, i;
	uint32_t c;

	length = s[0] < 0x80   ? 1
		 : s[0] < 0xc0 ? 0
		 : s[0] < 0xe0 ? 2
		 : s[0] < 0xf0 ? 3
			       : 4;
	c = length < 2 ? s[0] : s[0] & (0xffu >> (length + 1));
	for (i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			break;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (length == 0 || i < length || s[0] > 0xf4 || c < least[length] ||
	    c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
		*p += 1;
		return 0xfffd;
	}
	*p += length;
	return c;
}

void json_print(const cJSON *value, FILE *out)
{
	char *text = cJSON_Print(value);
	const unsigned char *p = (const unsigned char *)text;
	uint32_t c;

	while (p && *p) {
		c = next_character(&p);
		if (c >= 0x10000)
			fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
			    0xdc00 + ((c - 0x10000) & 0x3ff));
		else if (c > 0x7e)
			fprintf(out, "\\u%04x", c);
		else
			fputc((int)c, out);
	}
	fputc('\n', out);
	cJSON_free(text);
}
