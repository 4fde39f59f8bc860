/* The check of a line, and the writer; json.h has the contracts. */
#include "worker/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	const unsigned char *bytes;
	size_t length;
	size_t at;
	enum json_fault fault;
	bool nul_escape;
	bool fraction;
};

static bool fail(struct scan *s, enum json_fault fault)
{
	if (s->fault == JSON_GOOD)
		s->fault = fault;
	return false;
}

/* The byte at the cursor, or 0 at the end: 0 is nowhere permitted in JSON. */
static unsigned char peek(const struct scan *s)
{
	return s->at < s->length ? s->bytes[s->at] : 0;
}

static void skip_blanks(struct scan *s)
{
	unsigned char c;

	while ((c = peek(s)) == ' ' || c == '\t' || c == '\r' || c == '\n')
		s->at++;
}

/* One UTF-8 sequence of two to four bytes (RFC 3629: shortest form, no surrogates). */
static bool skip_utf8(struct scan *s)
{
	const unsigned char *p = s->bytes + s->at;
	size_t left = s->length - s->at;
	unsigned char least = 0x80, most = 0xbf;
	size_t i, more;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		more = 1;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		more = 2;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		more = 3;
	else
		return fail(s, JSON_UTF8);
	if (p[0] == 0xe0)
		least = 0xa0;
	else if (p[0] == 0xed)
		most = 0x9f;
	else if (p[0] == 0xf0)
		least = 0x90;
	else if (p[0] == 0xf4)
		most = 0x8f;
	if (left <= more || p[1] < least || p[1] > most)
		return fail(s, JSON_UTF8);
	for (i = 2; i <= more; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return fail(s, JSON_UTF8);
	s->at += more + 1;
	return true;
}

static bool four_hex(struct scan *s, unsigned *out)
{
	unsigned value = 0, digit, i;
	unsigned char c;

	for (i = 0; i < 4; i++, s->at++) {
		c = peek(s);
		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10u;
		else if (c >= 'A' && c <= 'F')
			digit = c - 'A' + 10u;
		else
			return fail(s, JSON_SYNTAX);
		value = value * 16 + digit;
	}
	*out = value;
	return true;
}

/* After a backslash. */
static bool skip_escape(struct scan *s)
{
	unsigned unit, low;
	unsigned char c = peek(s);

	if (c != 0 && strchr("\"\\/bfnrt", c)) {
		s->at++;
		return true;
	}
	if (c != 'u')
		return fail(s, JSON_SYNTAX);
	s->at++;
	if (!four_hex(s, &unit))
		return false;
	if (unit == 0)
		s->nul_escape = true;
	if (unit >= 0xdc00 && unit <= 0xdfff)
		return fail(s, JSON_UTF8);
	if (unit < 0xd800 || unit > 0xdbff)
		return true;
	if (s->length - s->at < 6 || s->bytes[s->at] != '\\' ||
	    s->bytes[s->at + 1] != 'u')
		return fail(s, JSON_UTF8);
	s->at += 2;
	if (!four_hex(s, &low))
		return false;
	return (low >= 0xdc00 && low <= 0xdfff) || fail(s, JSON_UTF8);
}

static bool skip_string(struct scan *s)
{
	unsigned char c;

	s->at++;
	while (s->at < s->length) {
		c = s->bytes[s->at];
		if (c == '"') {
			s->at++;
			return true;
		}
		if (c < 0x20)
			return fail(s, JSON_CONTROL);
		if (c == '\\') {
			s->at++;
			if (!skip_escape(s))
				return false;
		} else if (c >= 0x80) {
			if (!skip_utf8(s))
				return false;
		} else {
			s->at++;
		}
	}
	return fail(s, JSON_SYNTAX);
}

static bool skip_digits(struct scan *s)
{
	size_t start = s->at;

	while (peek(s) >= '0' && peek(s) <= '9')
		s->at++;
	return s->at > start || fail(s, JSON_SYNTAX);
}

static bool skip_number(struct scan *s)
{
	if (peek(s) == '-')
		s->at++;
	if (peek(s) == '0')
		s->at++;
	else if (!skip_digits(s))
		return false;
	if (peek(s) == '.') {
		s->fraction = true;
		s->at++;
		if (!skip_digits(s))
			return false;
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		s->fraction = true;
		s->at++;
		if (peek(s) == '+' || peek(s) == '-')
			s->at++;
		if (!skip_digits(s))
			return false;
	}
	return true;
}

static bool skip_word(struct scan *s, const char *word)
{
	size_t length = strlen(word);

	if (s->length - s->at < length || memcmp(s->bytes + s->at, word, length) != 0)
		return fail(s, JSON_SYNTAX);
	s->at += length;
	return true;
}

static bool skip_scalar(struct scan *s)
{
	switch (peek(s)) {
	case '"':
		return skip_string(s);
	case 't':
		return skip_word(s, "true");
	case 'f':
		return skip_word(s, "false");
	case 'n':
		return skip_word(s, "null");
	default:
		return skip_number(s);
	}
}

/* A member's name and its colon; tells whether it is the outermost object's `id`. */
static bool skip_name(struct scan *s, bool *is_id)
{
	size_t start = s->at;

	if (peek(s) != '"')
		return fail(s, JSON_SYNTAX);
	if (!skip_string(s))
		return false;
	*is_id = s->at - start == 4 && memcmp(s->bytes + start, "\"id\"", 4) == 0;
	skip_blanks(s);
	if (peek(s) != ':')
		return fail(s, JSON_SYNTAX);
	s->at++;
	skip_blanks(s);
	return true;
}

/* The brackets that are open, by what closes them. */
struct brackets {
	char close[JSON_DEPTH_MAX];
	unsigned depth;
};

static char innermost(const struct brackets *open)
{
	return open->depth > 0 ? open->close[open->depth - 1] : '\0';
}

static bool open_bracket(struct scan *s, struct brackets *open)
{
	if (open->depth == JSON_DEPTH_MAX)
		return fail(s, JSON_DEPTH);
	open->close[open->depth++] = peek(s) == '{' ? '}' : ']';
	s->at++;
	skip_blanks(s);
	return true;
}

/* All that closes here. */
static void close_brackets(struct scan *s, struct brackets *open)
{
	while (open->depth > 0 && peek(s) == (unsigned char)innermost(open)) {
		open->depth--;
		s->at++;
		skip_blanks(s);
	}
}

static bool skip_comma(struct scan *s)
{
	if (peek(s) != ',')
		return fail(s, JSON_SYNTAX);
	s->at++;
	skip_blanks(s);
	return true;
}

/* A scalar; where it is the outermost object's id, `out` learns where it stands. */
static bool take_scalar(struct scan *s, bool is_id, struct json_outline *out)
{
	size_t start = s->at;

	if (!skip_scalar(s))
		return false;
	if (is_id) {
		out->id_at = start;
		out->id_length = s->at - start;
	}
	skip_blanks(s);
	return true;
}

/* Each turn of the loop takes one value, or opens one, up to where the next one begins.
 */
static bool skip_value(struct scan *s, struct json_outline *out)
{
	struct brackets open = { .depth = 0 };
	bool is_id = false, opened;

	for (;;) {
		opened = peek(s) == '{' || peek(s) == '[';
		if (opened ? !open_bracket(s, &open)
			   : !take_scalar(s, is_id && open.depth == 1, out))
			return false;
		is_id = false;
		if (!opened || peek(s) == (unsigned char)innermost(&open)) {
			close_brackets(s, &open);
			if (open.depth == 0)
				return true;
			if (!skip_comma(s))
				return false;
		}
		if (innermost(&open) == '}' && !skip_name(s, &is_id))
			return false;
	}
}

enum json_fault json_check(
    const char *bytes, size_t length, struct json_outline *out, size_t *at)
{
	struct scan s = { .bytes = (const unsigned char *)bytes, .length = length };

	*out = (struct json_outline){ 0 };
	skip_blanks(&s);
	out->first = (char)peek(&s);
	if (skip_value(&s, out) && s.at < s.length)
		fail(&s, JSON_TRAILING);
	out->nul_escape = s.nul_escape;
	out->fraction = s.fraction;
	*at = s.at;
	return s.fault;
}

const char *json_fault_text(enum json_fault fault)
{
	switch (fault) {
	case JSON_GOOD:
		return "good";
	case JSON_SYNTAX:
		return "not JSON";
	case JSON_DEPTH:
		return "nested deeper than 16";
	case JSON_UTF8:
		return "not UTF-8";
	case JSON_CONTROL:
		return "a control character that is not escaped";
	case JSON_TRAILING:
		return "something follows the object";
	}
	return "unknown fault";
}

cJSON *json_parse(const char *bytes, size_t length)
{
	return cJSON_ParseWithLength(bytes, length);
}

/* ---- duplicates ---- */

static void sift_down(const cJSON **members, size_t root, size_t count)
{
	const cJSON *swap;
	size_t child;

	while ((child = 2 * root + 1) < count) {
		if (child + 1 < count &&
		    strcmp(members[child]->string, members[child + 1]->string) < 0)
			child++;
		if (strcmp(members[root]->string, members[child]->string) >= 0)
			return;
		swap = members[root];
		members[root] = members[child];
		members[child] = swap;
		root = child;
	}
}

/* A heapsort, since the C library's qsort() asks the system how much memory there is, a
 * call that a sealed worker does not have. */
void json_sort_members(const cJSON **members, size_t count)
{
	const cJSON *swap;
	size_t i;

	for (i = count / 2; i > 0; i--)
		sift_down(members, i - 1, count);
	for (i = count; i > 1; i--) {
		swap = members[0];
		members[0] = members[i - 1];
		members[i - 1] = swap;
		sift_down(members, 0, i - 1);
	}
}

static const char *duplicate_member(const cJSON *object, bool *short_of_memory)
{
	const cJSON **members, *member;
	const char *found = NULL;
	size_t count = 0, i = 0;

	for (member = object->child; member; member = member->next)
		count++;
	if (count < 2)
		return NULL;
	members = calloc(count, sizeof(*members));
	if (!members) {
		*short_of_memory = true;
		return NULL;
	}
	for (member = object->child; member; member = member->next)
		members[i++] = member;
	json_sort_members(members, count);
	for (i = 1; i < count && !found; i++)
		if (strcmp(members[i - 1]->string, members[i]->string) == 0)
			found = members[i]->string;
	free(members);
	return found;
}

/* Recursion is bounded: json_check() let at most JSON_DEPTH_MAX levels pass. */
const char *json_duplicate(const cJSON *value, bool *short_of_memory)
{
	const cJSON *child;
	const char *found = NULL;

	if (cJSON_IsObject(value))
		found = duplicate_member(value, short_of_memory);
	for (child = value->child; child && !found; child = child->next)
		found = json_duplicate(child, short_of_memory);
	return found;
}

/* ---- writing ---- */

static bool reserve(struct json_out *out, size_t more)
{
	size_t room = out->room > 0 ? out->room : 512;
	char *grown;

	if (out->failed)
		return false;
	if (more <= out->room - out->length)
		return true;
	while (room - out->length < more && room < JSON_OUT_MAX)
		room *= 2;
	grown = room - out->length < more ? NULL : realloc(out->bytes, room);
	if (!grown) {
		out->failed = true;
		return false;
	}
	out->bytes = grown;
	out->room = room;
	return true;
}

void json_put_raw(struct json_out *out, const char *bytes, size_t length)
{
	if (length == 0 || !reserve(out, length))
		return;
	memcpy(out->bytes + out->length, bytes, length);
	out->length += length;
}

static void separate(struct json_out *out)
{
	if (out->comma)
		json_put_raw(out, ",", 1);
	out->comma = true;
}

void json_open(struct json_out *out, char bracket)
{
	separate(out);
	json_put_raw(out, &bracket, 1);
	out->comma = false;
}

void json_close(struct json_out *out, char bracket)
{
	json_put_raw(out, &bracket, 1);
	out->comma = true;
}

void json_name(struct json_out *out, const char *name)
{
	json_text(out, name);
	json_put_raw(out, ":", 1);
	out->comma = false;
}

static void put_escaped(struct json_out *out, unsigned char c)
{
	char text[8];

	if (c == '"' || c == '\\')
		snprintf(text, sizeof(text), "\\%c", c);
	else if (c == '\n')
		snprintf(text, sizeof(text), "\\n");
	else if (c < 0x20 || c == 0x7f)
		snprintf(text, sizeof(text), "\\u%04x", c);
	else
		snprintf(text, sizeof(text), "%c", c);
	json_put_raw(out, text, strlen(text));
}

void json_string(struct json_out *out, const void *bytes, size_t length)
{
	struct scan s = { .bytes = bytes, .length = length };
	size_t start, plain;

	separate(out);
	json_put_raw(out, "\"", 1);
	while (s.at < length) {
		for (plain = s.at; plain < length; plain++)
			if (s.bytes[plain] < 0x20 || s.bytes[plain] > 0x7e ||
			    s.bytes[plain] == '"' || s.bytes[plain] == '\\')
				break;
		json_put_raw(out, (const char *)s.bytes + s.at, plain - s.at);
		s.at = start = plain;
		if (s.at == length)
			break;
		if (s.bytes[s.at] < 0x80)
			put_escaped(out, s.bytes[s.at++]);
		else if (skip_utf8(&s))
			json_put_raw(out, (const char *)s.bytes + start, s.at - start);
		else {
			json_put_raw(out, "\xef\xbf\xbd", 3);
			s.at++;
		}
	}
	json_put_raw(out, "\"", 1);
}

void json_text(struct json_out *out, const char *text)
{
	json_string(out, text, strlen(text));
}

void json_number(struct json_out *out, int64_t number)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)number);

	separate(out);
	json_put_raw(out, text, (size_t)n);
}

void json_bool(struct json_out *out, bool value)
{
	json_value(out, value ? "true" : "false", value ? 4 : 5);
}

void json_value(struct json_out *out, const char *json, size_t length)
{
	separate(out);
	json_put_raw(out, json, length);
}

void json_out_free(struct json_out *out)
{
	free(out->bytes);
	*out = (struct json_out){ 0 };
}
