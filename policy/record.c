/*
 * Lines of the record. All that a worker says passes put_character(), so that a line is
 * JSON and shows nothing but characters whatever the bytes were.
 */
#include "policy/record.h"

#include "policy/ssh_certificate.h"
#include "policy/x509_words.h"

#define KEY_MAX 2304 /* an SSH blob; RSA of 16384 bits has about 2,100 bytes */

/* What surrounds the facts' values, and their names, takes less. */
#define FACTS_FRAME    1024
#define LONGEST_ESCAPE 6

/*@ requires line_ready(line) && slice_readable(bytes);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, bytes.length);
*/
static void put(struct record_line *line, struct slice bytes)
{
	char *const to = line->out;
	const size_t from = line->length;
	size_t i;

	/* One byte stays free for a NUL, which makes lines easy to print. */
	if (line->failed || bytes.length >= line->room - from) {
		line->failed = true;
		return;
	}
	/*@ loop invariant i <= bytes.length;
	    loop assigns i, to[0 .. line->room - 1];
	    loop variant bytes.length - i; */
	for (i = 0; i < bytes.length; i++)
		to[from + i] = (char)bytes.at[i];
	line->length = from + bytes.length;
}

/*@ requires line_ready(line);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_text(struct record_line *line, const char *text)
{
	put(line, slice_of(text));
}

/* One character of a JSON string; a byte that begins none becomes U+FFFD. The bytes used.
 */
/*@ requires line_ready(line) && slice_readable(text) && text.length > 0;
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line);
    ensures line_took{Pre,Post}(line, character_takes(text.at, text.length));
    ensures \result == character_step(text.at, text.length);
*/
static size_t put_character(struct record_line *line, struct slice text)
{
	static const uint8_t replacement[3] = { 0xef, 0xbf, 0xbd };
	static const uint8_t backslash[4] = "\\u00";
	static const uint8_t hex[16] = "0123456789abcdef";
	uint32_t code_point = 0;
	size_t used = text_character(text.at, text.length, &code_point);

	if (used == 0) {
		put(line, (struct slice){ replacement, sizeof(replacement) });
		return 1;
	}
	if (text_is_control(code_point)) {
		put(line, (struct slice){ backslash, sizeof(backslash) });
		put(line, (struct slice){ hex + code_point / 16, 1 });
		put(line, (struct slice){ hex + code_point % 16, 1 });
		return used;
	}
	if (code_point == '"' || code_point == '\\')
		put(line, (struct slice){ backslash, 1 });
	put(line, (struct slice){ text.at, used });
	return used;
}

/* How many bytes at the start a JSON string has as they are: most often all. */
/*@ requires slice_readable(text);
    assigns \nothing;
    ensures 0 <= \result <= text.length;
    ensures escaped(text.at, text.length) ==
      \result + escaped(text.at + \result, text.length - \result);
*/
static size_t plain_length(struct slice text)
{
	size_t at = 0;

	/*@ loop invariant at <= text.length;
	    loop invariant escaped(text.at, text.length) ==
	      at + escaped(text.at + at, text.length - at);
	    loop assigns at;
	    loop variant text.length - at; */
	while (at < text.length && text.at[at] >= 0x20 && text.at[at] < 0x7f &&
	       text.at[at] != '"' && text.at[at] != '\\') {
		//@ assert utf8_character(text.at + at, 1);
		//@ assert character_takes(text.at + at, text.length - at) == 1;
		/*@ assert escaped(text.at + at, text.length - at) ==
		      1 + escaped(text.at + (at + 1), text.length - (at + 1)); */
		at++;
	}
	return at;
}

/* A run of plain bytes, or one character. How many bytes that is. */
/*@ requires line_ready(line) && slice_readable(text) && text.length > 0;
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && 0 < \result <= text.length;
    ensures line_took{Pre,Post}(line, escaped(text.at, text.length) -
      escaped(text.at + \result, text.length - \result));
*/
static size_t put_run(struct record_line *line, struct slice text)
{
	const size_t plain = plain_length(text);

	if (plain == 0)
		return put_character(line, text);
	put(line, (struct slice){ text.at, plain });
	return plain;
}

/*@ requires line_ready(line) && slice_readable(text);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line);
    ensures line_took{Pre,Post}(line, escaped(text.at, text.length));
*/
static void put_string(struct record_line *line, struct slice text)
{
	size_t at = 0;

	put_text(line, "\"");
	/*@ loop invariant line_ready(line) && at <= text.length;
	    loop invariant line_took{Pre,Here}(line, escaped(text.at, text.length) -
	      escaped(text.at + at, text.length - at));
	    loop assigns at, line->failed, line->length, line->out[0 .. line->room - 1];
	    loop variant text.length - at; */
	while (at < text.length && !line->failed) {
		struct slice left = { text.at + at, text.length - at };
		size_t used = put_run(line, left);

		//@ assert left.at + used == text.at + (at + used);
		at += used;
	}
	put_text(line, "\"");
}

/* The comma before all but the first in an object or a list. No string ends so. */
/*@ requires line_ready(line);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_comma(struct record_line *line)
{
	const char last = line->length > 0 ? line->out[line->length - 1] : '{';

	if (last != '{' && last != '[')
		put_text(line, ",");
}

/*@ requires line_ready(line);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_name(struct record_line *line, const char *name)
{
	put_comma(line);
	put_text(line, "\"");
	put_text(line, name);
	put_text(line, "\":");
}

void record_bytes(
    struct record_line *line, const char *name, const uint8_t *bytes, size_t length)
{
	put_name(line, name);
	put_string(line, (struct slice){ bytes, length });
}

void record_text(struct record_line *line, const char *name, const char *text)
{
	put_name(line, name);
	put_string(line, slice_of(text));
}

void record_number(struct record_line *line, const char *name, uint64_t value)
{
	uint8_t digits[NUMBER_DIGITS];
	size_t at = text_digits(value, digits);

	put_name(line, name);
	put(line, (struct slice){ digits + at, NUMBER_DIGITS - at });
}

void record_hex(
    struct record_line *line, const char *name, const uint8_t *bytes, size_t length)
{
	static const uint8_t hex[16] = "0123456789abcdef";
	size_t i;

	put_name(line, name);
	put_text(line, "\"");
	/*@ loop invariant i <= length && line_ready(line);
	    loop invariant line_took{Pre,Here}(line, 2 * i);
	    loop assigns i, line->failed, line->length, line->out[0 .. line->room - 1];
	    loop variant length - i; */
	for (i = 0; i < length && !line->failed; i++) {
		uint8_t pair[2] = { hex[bytes[i] / 16], hex[bytes[i] % 16] };

		put(line, (struct slice){ pair, 2 });
	}
	put_text(line, "\"");
}

void record_begin(struct record_line *line, char *out, size_t room, uint64_t sequence,
    uint64_t microseconds, const char *prev, const char *event)
{
	char time[RECORD_TIME_TEXT];

	line->out = out;
	line->room = room;
	line->length = 0;
	line->failed = false;
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
/*@ requires line_ready(line) && slice_readable(bytes) && bytes.length <= KEY_MAX;
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_base64(struct record_line *line, struct slice bytes)
{
	static const uint8_t digits[64] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789+/";
	size_t at;

	/*@ loop invariant line_ready(line) && at <= KEY_MAX + 2;
	    loop invariant line_took{Pre,Here}(line, 0);
	    loop assigns at, line->failed, line->length, line->out[0 .. line->room - 1];
	    loop variant KEY_MAX + 2 - at; */
	for (at = 0; at < bytes.length && !line->failed; at += 3) {
		size_t left = bytes.length - at;
		uint32_t group = 65536u * bytes.at[at] +
				 256u * (left > 1 ? bytes.at[at + 1] : 0u) +
				 (left > 2 ? bytes.at[at + 2] : 0u);
		uint8_t text[4] = { digits[group / 262144], digits[group / 4096 % 64],
			left > 1 ? digits[group / 64 % 64] : '=',
			left > 2 ? digits[group % 64] : '=' };

		put(line, (struct slice){ text, sizeof(text) });
	}
}

/* As an authorized_keys line has it. */
/*@ requires line_ready(line) && \valid_read(facts) && facts_readable(facts);
    requires \separated(line, facts);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_public_key(struct record_line *line, const struct facts *facts)
{
	uint8_t blob[KEY_MAX];
	size_t length = ssh_key_write(facts, blob, sizeof(blob));

	put_name(line, "public_key");
	put_text(line, "\"");
	if (length > 0) {
		put_text(line, ssh_key_type_name(facts->subject_kind));
		put_text(line, " ");
		put_base64(line, (struct slice){ blob, length });
	}
	put_text(line, "\"");
}

/*@ requires line_ready(line) && facts_slice(list.at, list.length);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_strings(struct record_line *line, const char *name, struct slice list)
{
	struct slice item;

	put_name(line, name);
	put_text(line, "[");
	/*@ loop invariant line_ready(line);
	    loop invariant facts_slice(list.at, list.length);
	    loop invariant line_took{Pre,Here}(line, 0);
	    loop assigns list, item, line->failed, line->length,
	      line->out[0 .. line->room - 1];
	    loop variant list.length; */
	while (facts_next_item(&list, &item)) {
		put_comma(line);
		put_string(line, item);
	}
	put_text(line, "]");
}

/*@ requires line_ready(line) && facts_slice(list.at, list.length);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_options(struct record_line *line, const char *name, struct slice list)
{
	struct named_value option;

	put_name(line, name);
	put_text(line, "{");
	/*@ loop invariant line_ready(line);
	    loop invariant facts_slice(list.at, list.length);
	    loop invariant line_took{Pre,Here}(line, 0);
	    loop assigns list, option, line->failed, line->length,
	      line->out[0 .. line->room - 1];
	    loop variant list.length; */
	while (facts_next_option(&list, &option)) {
		put_comma(line);
		put_string(line, option.name);
		put_text(line, ":");
		put_string(line, option.value);
	}
	put_text(line, "}");
}

/*@ requires line_ready(line) && \valid_read(facts) && facts_readable(facts);
    requires \separated(line, facts);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_ssh_facts(struct record_line *line, const struct facts *facts)
{
	put_public_key(line, facts);
	put_name(line, "key_id");
	put_string(line, FACTS_SLICE(facts, key_id));
	put_strings(line, "principals", FACTS_SLICE(facts, principals));
	record_number(line, "valid_after", facts->valid_after);
	record_number(line, "valid_before", facts->valid_before);
	put_options(line, "critical_options", FACTS_SLICE(facts, critical_options));
	put_options(line, "extensions", FACTS_SLICE(facts, extensions));
}

/* The values of one kind of attribute or name; nothing when there is none. */
/*@ requires line_ready(line) && facts_slice(list.at, list.length);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_attributes(struct record_line *line, const char *name,
    enum x509_attribute_kind kind, struct slice list)
{
	struct x509_attribute attribute;
	bool opened = false;

	/*@ loop invariant line_ready(line) && facts_slice(list.at, list.length);
	    loop invariant line_took{Pre,Here}(line, 0);
	    loop assigns list, attribute, opened, line->failed, line->length,
	      line->out[0 .. line->room - 1];
	    loop variant list.length; */
	while (!line->failed && x509_next_attribute(&list, &attribute)) {
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

/*@ requires line_ready(line) && facts_slice(list.at, list.length);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_common_name(struct record_line *line, struct slice list)
{
	struct x509_attribute attribute;

	/*@ loop invariant line_ready(line) && facts_slice(list.at, list.length);
	    loop invariant line_took{Pre,Here}(line, 0);
	    loop assigns list, attribute, line->failed, line->length,
	      line->out[0 .. line->room - 1];
	    loop variant list.length; */
	while (x509_next_attribute(&list, &attribute))
		if (attribute.kind == X509_COMMON_NAME) {
			put_name(line, "common_name");
			put_string(line, attribute.value);
		}
}

/* By the names of the RPC's params. */
/*@ requires line_ready(line) && facts_slice(list.at, list.length);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_subject(struct record_line *line, struct slice list)
{
	put_name(line, "subject");
	put_text(line, "{");
	put_common_name(line, list);
	put_attributes(line, "organization", X509_ORGANIZATION, list);
	put_attributes(line, "organizational_unit", X509_UNIT, list);
	put_attributes(line, "locality", X509_LOCALITY, list);
	put_attributes(line, "street", X509_STREET, list);
	put_attributes(line, "postal_code", X509_POSTAL_CODE, list);
	put_text(line, "}");
}

/* Begins an attribute's list, and ends the one before it. */
/*@ requires line_ready(line) && \valid_read(attribute) && attribute->branch <= 127 &&
      attribute->leaf <= 127;
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_oid(
    struct record_line *line, const struct x509_attribute *attribute, bool first)
{
	char oid[X509_OID_TEXT];

	x509_attribute_oid(attribute, oid);
	put_text(line, first ? "" : "]");
	put_name(line, oid);
	put_text(line, "[");
}

/* By OID; those of one follow each other (invariants_x509.c). */
/*@ requires line_ready(line) && facts_slice(list.at, list.length);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_further_attributes(struct record_line *line, struct slice list)
{
	struct x509_attribute attribute, last = { .kind = X509_COMMON_NAME };
	bool first = true;

	put_name(line, "attributes");
	put_text(line, "{");
	/*@ loop invariant line_ready(line) && facts_slice(list.at, list.length);
	    loop invariant line_took{Pre,Here}(line, 0);
	    loop assigns list, attribute, last, first, line->failed, line->length,
	      line->out[0 .. line->room - 1];
	    loop variant list.length; */
	while (!line->failed && x509_next_attribute(&list, &attribute)) {
		if (x509_attribute_fact(&attribute) != FACT_ATTRIBUTES)
			continue;
		if (attribute.kind != last.kind || attribute.branch != last.branch ||
		    attribute.leaf != last.leaf)
			put_oid(line, &attribute, first);
		first = false;
		last = attribute;
		put_comma(line);
		put_string(line, attribute.value);
	}
	put_text(line, first ? "}" : "]}");
}

/*@ requires line_ready(line) && facts_slice(list.at, list.length);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
static void put_alt_names(struct record_line *line, const char *word,
    enum x509_alt_name_kind kind, struct slice list)
{
	char address[X509_ADDRESS_TEXT];
	struct x509_alt_name name;

	put_name(line, word);
	put_text(line, "[");
	/*@ loop invariant line_ready(line) && facts_slice(list.at, list.length);
	    loop invariant line_took{Pre,Here}(line, 0);
	    loop assigns list, name, address[0 .. X509_ADDRESS_TEXT - 1], line->failed,
	      line->length, line->out[0 .. line->room - 1];
	    loop variant list.length; */
	while (!line->failed && x509_next_alt_name(&list, &name)) {
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

/*@ requires line_ready(line) && \valid_read(facts) && facts_readable(facts);
    requires \separated(line, facts);
    assigns line->failed, line->length, line->out[0 .. line->room - 1];
    ensures line_ready(line) && line_took{Pre,Post}(line, 0);
*/
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
/*@ assigns *year, *month, *day; */
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

/* The number at the digits that end before `end`. */
/*@ requires digits <= 6 && \valid(end - (1 .. digits));
    assigns *(end - (1 .. digits));
*/
static void set_digits(char *end, unsigned digits, unsigned number)
{
	unsigned i;

	/*@ loop invariant 1 <= i <= digits + 1;
	    loop assigns i, number, *(end - (1 .. digits));
	    loop variant digits + 1 - i; */
	for (i = 1; i <= digits; i++, number /= 10)
		*(end - i) = (char)('0' + number % 10);
}

void record_time(uint64_t microseconds, char out[RECORD_TIME_TEXT])
{
	static const char form[RECORD_TIME_TEXT] = "0000-00-00T00:00:00.000000Z";
	unsigned year, month, day, second;
	size_t i;

	if (microseconds > LAST_MICROSECOND)
		microseconds = LAST_MICROSECOND;
	/*@ loop invariant i <= RECORD_TIME_TEXT;
	    loop invariant \forall integer k; 0 <= k < i ==> out[k] == form[k];
	    loop assigns i, out[0 .. RECORD_TIME_TEXT - 1];
	    loop variant RECORD_TIME_TEXT - i; */
	for (i = 0; i < RECORD_TIME_TEXT; i++)
		out[i] = form[i];
	civil(microseconds / 86400000000, &year, &month, &day);
	second = (unsigned)(microseconds / 1000000 % 86400);
	set_digits(out + 4, 4, year);
	set_digits(out + 7, 2, month);
	set_digits(out + 10, 2, day);
	set_digits(out + 13, 2, second / 3600);
	set_digits(out + 16, 2, second / 60 % 60);
	set_digits(out + 19, 2, second % 60);
	set_digits(out + 26, 6, (unsigned)(microseconds % 1000000));
}
