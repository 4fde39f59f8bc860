/* Readers of teleport.h. */
#include "policy/teleport.h"

#include <string.h>

enum fact teleport_fact(struct slice extension)
{
	if (slice_is(extension, "teleport-roles"))
		return FACT_ROLES;
	return slice_is(extension, "teleport-traits") ? FACT_TRAITS : FACT_NONE;
}

/* Takes these bytes off the front, if they stand there. */
static bool take(struct slice *from, const char *text)
{
	size_t length = strlen(text);

	if (from->length < length || memcmp(from->at, text, length) != 0)
		return false;
	from->at += length;
	from->length -= length;
	return true;
}

/* Takes one of these bytes; none of them is zero. */
static bool take_one(struct slice *from, const char *bytes)
{
	if (from->length == 0 || from->at[0] == '\0' || !strchr(bytes, from->at[0]))
		return false;
	from->at++;
	from->length--;
	return true;
}

/* Behind a backslash: the rest of one escape (RFC 8259 section 7). */
static bool take_escape(struct slice *from)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (!take(from, "u"))
		return take_one(from, "\"\\/bfnrt");
	return take_one(from, hex) && take_one(from, hex) && take_one(from, hex) &&
	       take_one(from, hex);
}

/* How many bytes stand before the first that is a quote, a backslash or a control. */
static size_t plain_length(struct slice text)
{
	size_t at = 0;

	while (at < text.length && text.at[at] >= 0x20 && text.at[at] != '"' &&
	       text.at[at] != '\\')
		at++;
	return at;
}

/* A JSON string. */
static bool take_string(struct slice *from, struct slice *text)
{
	size_t plain;

	if (!take(from, "\""))
		return false;
	*text = *from;
	do {
		plain = plain_length(*from);
		from->at += plain;
		from->length -= plain;
		if (take(from, "\"")) {
			text->length -= from->length + 1;
			return true;
		}
	} while (take(from, "\\") && take_escape(from));
	return false;
}

/* The values of a trait, which no word of the policy judges; Go writes null for a list
 * that was never made. */
static bool skip_values(struct slice *from)
{
	struct slice value;

	if (take(from, ":null") || take(from, ":[]"))
		return true;
	if (!take(from, ":["))
		return false;
	do {
		if (!take_string(from, &value))
			return false;
	} while (take(from, ","));
	return take(from, "]");
}

static bool take_name(enum fact fact, struct slice *from, struct slice *name)
{
	return take_string(from, name) && name->length > 0 &&
	       !memchr(name->at, '\\', name->length) && text_printable(*name) &&
	       (fact == FACT_ROLES || skip_values(from));
}

bool teleport_read(enum fact fact, struct slice value, struct teleport_names *out)
{
	const char *end = fact == FACT_ROLES ? "]}" : "}";

	out->count = 0;
	if (!take(&value, fact == FACT_ROLES ? "{\"version\":\"v1\",\"roles\":[" : "{"))
		return false;
	if (take(&value, end))
		return value.length == 0;
	do {
		if (out->count == TELEPORT_NAMES_MAX ||
		    !take_name(fact, &value, &out->at[out->count++]))
			return false;
	} while (take(&value, ","));
	return take(&value, end) && value.length == 0;
}
