/*
 * Lines of the record. All that a worker says passes put_character(), so that a line is
 * JSON and shows nothing but characters whatever the bytes were.
 */
#include "policy/record.h"

#include "policy/ssh_certificate.h"
#include "policy/x509_words.h"

#include <stdio.h>
#include <string.h>

#define KEY_MAX 2304 /* an SSH blob; RSA of 16384 bits has about 2,100 bytes */

/* What surrounds the facts' values, and their names, takes less. */
#define FACTS_FRAME    1024
#define LONGEST_ESCAPE 6

static void put(struct record_line *line, const char *bytes, size_t length)
{
	/* One byte stays free for a NUL, which makes lines easy to print. */
	if (line->failed || length >= line->room - line->length) {
		line->failed = true;
		return;
	}
	memcpy(line->out + line->length, bytes, length);
	line->length += length;
}

static void put_text(struct record_line *line, const char *text)
{
	put(line, text, strlen(text));
}

/* One character of a JSON string; a byte that begins none becomes U+FFFD. The bytes used.
 */
static size_t put_character(struct record_line *line, const uint8_t *bytes, size_t length)
{
	uint32_t code_point = 0;
	size_t used = text_character(bytes, length, &code_point);
	char escaped[12] = "\xef\xbf\xbd";

	if (used > 0 && !text_is_control(code_point)) {
		if (code_point == '"' || code_point == '\\')
			put_text(line, "\\");
		put(line, (const char *)bytes, used);
		return used;
	}
	if (used > 0)
		snprintf(
		    escaped, sizeof(escaped), "\\u%04x", (unsigned)code_point & 0xffff);
	put_text(line, escaped);
	return used > 0 ? used : 1;
}

/* How many bytes at the start a JSON string has as they are: most often all. */
static size_t plain_length(const uint8_t *bytes, size_t length)
{
	size_t at = 0;

	while (at < length && bytes[at] >= 0x20 && bytes[at] < 0x7f && bytes[at] != '"' &&
	       bytes[at] != '\\')
		at++;
	return at;
}

static void put_string(struct record_line *line, struct slice text)
{
	size_t at = 0, plain;

	put_text(line, "\"");
	while (at < text.length && !line->failed) {
		plain = plain_length(text.at + at, text.length - at);
		put(line, (const char *)text.at + at, plain);
		at += plain;
		if (at < text.length)
			at += put_character(line, text.at + at, text.length - at);
	}
	put_text(line, "\"");
}

/* The comma before all but the first in an object or a list. No string ends so. */
static void put_comma(struct record_line *line)
{
	if (line->length > 0 && !strchr("{[", line->out[line->length - 1]))
		put_text(line, ",");
}

static void put_name(struct record_line *line, const char *name)
{
	put_comma(line);
	put_text(line, "\"");
	put_text(line, name);
	put_text(line, "\":");
}

void record_bytes(
    struct record_line *line, const char *name, const void *bytes, size_t length)
{
	put_name(line, name);
	put_string(line, (struct slice){ bytes, length });
}

void record_text(struct record_line *line, const char *name, const char *text)
{
	record_bytes(line, name, text, strlen(text));
}

void record_number(struct record_line *line, const char *name, uint64_t value)
{
	char text[24];

	put_name(line, name);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	put_text(line, text);
}

void record_hex(
    struct record_line *line, const char *name, const uint8_t *bytes, size_t length)
{
	char pair[3];
	size_t i;

	put_name(line, name);
	put_text(line, "\"");
	for (i = 0; i < length && !line->failed; i++) {
		snprintf(pair, sizeof(pair), "%02x", bytes[i]);
		put(line, pair, 2);
	}
	put_text(line, "\"");
}

void record_begin(struct record_line *line, char *out, size_t room, uint64_t sequence,
    uint64_t microseconds, const char *prev, const char *event)
{
	char time[RECORD_TIME_TEXT];

	*line = (struct record_line){ .out = out, .room = room };
	record_time(microseconds, time);
	put_text(line, "{");
	record_number(line, "seq", sequence);
	record_text(line, "time", time);
	record_text(line, "prev", prev);
	record_text(line, "event", event);
}

size_t record_end(struct record_line *line)
{
	put_text(line, "}");
	if (line->failed)
		return 0;
	line->out[line->length] = '\0';
	return line->length;
}

/* Base64 of RFC 4648 section 4. */
static void put_base64(struct record_line *line, const uint8_t *bytes, size_t length)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789+/";
	size_t at;

	for (at = 0; at < length && !line->failed; at += 3) {
		size_t left = length - at;
		uint32_t group = 65536u * bytes[at] +
				 256u * (left > 1 ? bytes[at + 1] : 0u) +
				 (left > 2 ? bytes[at + 2] : 0u);
		char text[4] = { digits[group / 262144], digits[group / 4096 % 64],
			left > 1 ? digits[group / 64 % 64] : '=',
			left > 2 ? digits[group % 64] : '=' };

		put(line, text, sizeof(text));
	}
}

/* As an authorized_keys line has it. */
static void put_public_key(struct record_line *line, const struct facts *facts)
{
	uint8_t blob[KEY_MAX];
	size_t length = ssh_key_write(facts, blob, sizeof(blob));

	put_name(line, "public_key");
	put_text(line, "\"");
	if (length > 0) {
		put_text(line, ssh_key_type_name(facts->subject_kind));
		put_text(line, " ");
		put_base64(line, blob, length);
	}
	put_text(line, "\"");
}

/* A list of strings, or an object of options. */
static void put_list(
    struct record_line *line, const char *name, struct slice list, bool options)
{
	struct named_value item = { 0 };

	put_name(line, name);
	put_text(line, options ? "{" : "[");
	while (!line->failed && (options ? facts_next_option(&list, &item)
					 : facts_next_item(&list, &item.name))) {
		put_comma(line);
		put_string(line, item.name);
		if (options) {
			put_text(line, ":");
			put_string(line, item.value);
		}
	}
	put_text(line, options ? "}" : "]");
}

static void put_ssh_facts(struct record_line *line, const struct facts *facts)
{
	put_public_key(line, facts);
	put_name(line, "key_id");
	put_string(line, FACTS_SLICE(facts, key_id));
	put_list(line, "principals", FACTS_SLICE(facts, principals), false);
	record_number(line, "valid_after", facts->valid_after);
	record_number(line, "valid_before", facts->valid_before);
	put_list(line, "critical_options", FACTS_SLICE(facts, critical_options), true);
	put_list(line, "extensions", FACTS_SLICE(facts, extensions), true);
}

/* The values of one kind of attribute or name; nothing when there is none. */
static void put_attributes(struct record_line *line, const char *name,
    enum x509_attribute_kind kind, struct slice list)
{
	struct x509_attribute attribute;
	bool opened = false;

	while (x509_next_attribute(&list, &attribute) && !line->failed) {
		if (attribute.kind != kind)
			continue;
		if (!opened) {
			put_name(line, name);
			put_text(line, "[");
		}
		opened = true;
		put_comma(line);
		put_string(line, attribute.value);
	}
	put_text(line, opened ? "]" : "");
}

static void put_subject(struct record_line *line, struct slice list)
{
	/* The names of the RPC's params. */
	static const struct {
		enum x509_attribute_kind kind;
		const char *name;
	} rows[] = {
		{ X509_ORGANIZATION, "organization" },
		{ X509_UNIT, "organizational_unit" },
		{ X509_LOCALITY, "locality" },
		{ X509_STREET, "street" },
		{ X509_POSTAL_CODE, "postal_code" },
	};
	struct slice rest = list;
	struct x509_attribute attribute;
	size_t i;

	put_name(line, "subject");
	put_text(line, "{");
	while (x509_next_attribute(&rest, &attribute))
		if (attribute.kind == X509_COMMON_NAME) {
			put_name(line, "common_name");
			put_string(line, attribute.value);
		}
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put_attributes(line, rows[i].name, rows[i].kind, list);
	put_text(line, "}");
}

/* By OID; those of one follow each other (invariants_x509.c). */
static void put_further_attributes(struct record_line *line, struct slice list)
{
	char oid[X509_OID_TEXT], last[X509_OID_TEXT] = "";
	struct x509_attribute attribute;

	put_name(line, "attributes");
	put_text(line, "{");
	while (x509_next_attribute(&list, &attribute) && !line->failed) {
		if (x509_attribute_fact(&attribute) != FACT_ATTRIBUTES)
			continue;
		x509_attribute_oid(&attribute, oid);
		if (strcmp(oid, last) != 0) {
			put_text(line, last[0] != '\0' ? "]" : "");
			put_name(line, oid);
			put_text(line, "[");
			memcpy(last, oid, sizeof(oid));
		}
		put_comma(line);
		put_string(line, attribute.value);
	}
	put_text(line, last[0] != '\0' ? "]}" : "}");
}

static void put_alt_names(struct record_line *line, const char *word,
    enum x509_alt_name_kind kind, struct slice list)
{
	char address[X509_ADDRESS_TEXT];
	struct x509_alt_name name;

	put_name(line, word);
	put_text(line, "[");
	while (x509_next_alt_name(&list, &name) && !line->failed) {
		if (name.kind != kind)
			continue;
		if (kind == X509_ALT_IP) {
			x509_address_text(name.value, address);
			name.value = slice_of(address);
		}
		put_comma(line);
		put_string(line, name.value);
	}
	put_text(line, "]");
}

static void put_x509_facts(struct record_line *line, const struct facts *facts)
{
	struct slice subject = FACTS_SLICE(facts, x509_subject);
	struct slice names = FACTS_SLICE(facts, x509_alt_names);

	put_public_key(line, facts);
	put_subject(line, subject);
	put_further_attributes(line, subject);
	put_alt_names(line, "dns", X509_ALT_DNS, names);
	put_alt_names(line, "ip", X509_ALT_IP, names);
	put_alt_names(line, "uri", X509_ALT_URI, names);
	put_alt_names(line, "email", X509_ALT_EMAIL, names);
	record_number(line, "not_before", (uint64_t)facts->x509_not_before);
	record_number(line, "not_after", (uint64_t)facts->x509_not_after);
}

void record_facts(
    struct record_line *line, enum document document, const struct facts *facts)
{
	put_name(line, "facts");
	put_text(line, "{");
	/* Documents without a reader here have no facts. */
	if (document_is_ssh(document))
		put_ssh_facts(line, facts);
	if (document_is_x509(document))
		put_x509_facts(line, facts);
	put_text(line, "}");
}

bool record_fits(enum document document, const struct facts *facts)
{
	const size_t bytes = facts->subject_key_length + facts->subject_exponent_length +
			     facts->key_id_length + facts->principals_length +
			     facts->critical_options_length + facts->extensions_length +
			     facts->x509_subject_length + facts->x509_alt_names_length;
	char scratch[RECORD_FACTS_MAX];
	struct record_line line = { .out = scratch, .room = sizeof(scratch) };

	if (bytes <= (RECORD_FACTS_MAX - FACTS_FRAME) / LONGEST_ESCAPE)
		return true;
	record_facts(&line, document, facts);
	return !line.failed;
}

/* Days since 1970-01-01 to a date of the Gregorian calendar; years are counted from the
 * 1st of March, so that the leap day is the last. */
static void civil(uint64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	uint64_t shifted = days + 719468; /* since 0000-03-01 */
	uint64_t era = shifted / 146097, of_era = shifted % 146097;
	uint64_t years =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * years + years / 4 - years / 100);
	uint64_t march = (5 * of_year + 2) / 153;

	*day = (unsigned)(of_year - (153 * march + 2) / 5 + 1);
	*month = (unsigned)(march < 10 ? march + 3 : march - 9);
	*year = (unsigned)(years + era * 400 + (*month <= 2 ? 1 : 0));
}

#define LAST_MICROSECOND UINT64_C(253402300799999999) /* of the year 9999 */

void record_time(uint64_t microseconds, char out[RECORD_TIME_TEXT])
{
	unsigned year, month, day, second;
	char text[80];

	if (microseconds > LAST_MICROSECOND)
		microseconds = LAST_MICROSECOND;
	civil(microseconds / 86400000000, &year, &month, &day);
	second = (unsigned)(microseconds / 1000000 % 86400);
	snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", year, month,
	    day, second / 3600, second / 60 % 60, second % 60,
	    (unsigned)(microseconds % 1000000));
	memcpy(out, text, RECORD_TIME_TEXT - 1);
	out[RECORD_TIME_TEXT - 1] = '\0';
}
