/* PEM; pem_text.h has the contract. */
#include "worker/pem_text.h"

#include "worker/base64.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 48 /* of the block on one line of text */
#define EDGE_MAX   80

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes "-----BEGIN LABEL-----" (or END) off the text, and blanks before it. */
static bool take_edge(
    const char **text, const char *end, const char *word, const char *label)
{
	char edge[EDGE_MAX];
	int length = snprintf(edge, sizeof(edge), "-----%s %s-----", word, label);

	while (*text < end && is_blank(**text))
		*text += 1;
	if (end - *text < length || memcmp(*text, edge, (size_t)length) != 0)
		return false;
	*text += length;
	return true;
}

bool pem_read(const char *text, size_t length, const char *label, uint8_t *out,
    size_t room, size_t *out_length)
{
	const char *end = text + length;
	char *joined = malloc(length + 1);
	size_t n = 0;
	bool good;

	if (!joined)
		return false;
	good = take_edge(&text, end, "BEGIN", label);
	for (; good && text < end && *text != '-'; text++)
		if (!is_blank(*text))
			joined[n++] = *text;
	good = good && take_edge(&text, end, "END", label);
	while (good && text < end && is_blank(*text))
		text++;
	good = good && text == end && base64_read(joined, n, out, room, out_length);
	free(joined);
	return good;
}

size_t pem_write(const char *label, const uint8_t *bytes, size_t length, char *out)
{
	size_t at = (size_t)sprintf(out, "-----BEGIN %s-----\n", label), n;

	for (; length > 0; bytes += n, length -= n) {
		n = length < LINE_BYTES ? length : LINE_BYTES;
		base64_write(bytes, n, out + at);
		at += BASE64_LENGTH(n);
		out[at++] = '\n';
	}
	return at + (size_t)sprintf(out + at, "-----END %s-----\n", label);
}
