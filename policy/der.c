/* der.h's takers and putters. */
#include "policy/der.h"

#include "policy/bytes.h"

/*@ requires \valid_read(from) && \valid(head) && \valid(length);
    requires \separated(from, head, length) && der_readable(from->at, from->length);
    assigns *head, *length;
    ensures \result ==> 2 <= *head <= 4 && *head + *length <= from->length;
    ensures \result ==> from->length >= 2;
    ensures \result ==> *head == der_head(from->at) && *length == der_size(from->at);
*/
static bool measure(const struct slice *from, size_t *head, size_t *length)
{
	const uint8_t *at = from->at;
	size_t size, begin;

	if (from->length < 2)
		return false;
	size = at[1];
	if (size < 0x80) {
		begin = 2; /* most often */
	} else if (size == 0x81) {
		if (from->length < 3 || at[2] < 0x80)
			return false;
		size = at[2];
		begin = 3;
	} else if (size == 0x82) {
		if (from->length < 4 || at[2] == 0)
			return false;
		size = 256u * at[2] + at[3];
		begin = 4;
	} else {
		return false;
	}
	if (size > from->length - begin)
		return false;
	*head = begin;
	*length = size;
	return true;
}

bool der_take(struct slice *from, uint8_t tag, struct slice *out)
{
	size_t head, length;

	if (!measure(from, &head, &length) || from->at[0] != tag)
		return false;
	out->at = from->at + head;
	out->length = length;
	from->at += head + length;
	from->length -= head + length;
	return true;
}

bool der_take_whole(struct slice whole, uint8_t tag, struct slice *out)
{
	return der_take(&whole, tag, out) && whole.length == 0;
}

bool der_next_is(const struct slice *from, uint8_t tag)
{
	return from->length > 0 && from->at[0] == tag;
}

bool der_equal(const struct slice *slice, const uint8_t *bytes, size_t length)
{
	size_t i = 0;

	/*@ loop invariant 0 <= i <= length;
	    loop invariant bytes_equal(slice->at, bytes, i);
	    loop assigns i;
	    loop variant length - i; */
	while (i < length && i < slice->length && slice->at[i] == bytes[i])
		i++;
	return slice->length == length && i == length;
}

/* X.690 8.3.2: the first nine bits are not all alike; and the sign is plus. */
/*@ requires \valid_read(value) && der_readable(value->at, value->length);
    assigns \nothing;
    ensures \result ==> value->length > 0 && value->at[0] < 0x80;
*/
static bool is_minimal_unsigned(const struct slice *value)
{
	if (value->length == 0 || value->at[0] >= 0x80)
		return false;
	return value->at[0] > 0 || value->length == 1 || value->at[1] >= 0x80;
}

bool der_is_positive(const struct slice *content)
{
	return is_minimal_unsigned(content) &&
	       (content->length > 1 || content->at[0] > 0);
}

bool der_take_positive(struct slice *from, size_t most, struct slice *out)
{
	return der_take(from, DER_INTEGER, out) && out->length <= most &&
	       der_is_positive(out);
}

bool der_take_number(struct slice *from, uint32_t *out)
{
	struct slice value;
	uint32_t number = 0;
	size_t i;

	if (!der_take(from, DER_INTEGER, &value) || value.length > 4 ||
	    !is_minimal_unsigned(&value))
		return false;
	/*@ loop invariant 0 <= i <= value.length;
	    loop invariant i == 0 ==> number == 0;
	    loop invariant i == 1 ==> number < 0x80;
	    loop invariant i == 2 ==> number < 0x8000;
	    loop invariant i == 3 ==> number < 0x800000;
	    loop invariant i == 4 ==> number <= DER_NUMBER_MAX;
	    loop assigns i, number;
	    loop variant value.length - i; */
	for (i = 0; i < value.length; i++)
		number = 256u * number + value.at[i];
	*out = number;
	return true;
}

bool der_take_bits(struct slice *from, struct slice *out)
{
	if (!der_take(from, DER_BIT_STRING, out) || out->length == 0 || out->at[0] != 0)
		return false;
	out->at++;
	out->length--;
	return true;
}

bool der_take_true(struct slice *from)
{
	struct slice value;

	return der_take(from, DER_BOOLEAN, &value) && value.length == 1 &&
	       value.at[0] == 0xff;
}

#define FIRST_YEAR  1950
#define LAST_YEAR   9999
#define UTC_YEARS   2050 /* from here on GeneralizedTime */
#define DAY_SECONDS 86400

/*@ requires FIRST_YEAR <= year <= LAST_YEAR + 1;
    assigns \nothing;
    ensures \result <==> (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
*/
static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* The days from the first of January 1950 to that of `year`. */
/*@ requires FIRST_YEAR <= year <= LAST_YEAR + 1;
    assigns \nothing;
    ensures \result == 365 * (year - FIRST_YEAR) + (year - 1) / 4 - (year - 1) / 100 +
      (year - 1) / 400 - 472;
*/
static int64_t days_before_year(int64_t year)
{
	const int64_t leaps_before_1950 = 472, last = year - 1;

	return 365 * (year - FIRST_YEAR) + last / 4 - last / 100 + last / 400 -
	       leaps_before_1950;
}

/* The days from the first of January to that of `month`, which counts from 1 to 13. */
/*@ requires 1 <= month <= 13;
    assigns \nothing;
    ensures 0 <= \result <= 366;
    ensures month <= 12 ==> \result <= 335;
*/
static int64_t days_before_month(int64_t month, bool leap)
{
	static const int16_t days[13] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273,
		304, 334, 365 };

	return days[month - 1] + (leap && month > 2 ? 1 : 0);
}

/*@ requires \valid_read(at + (0 .. 1)) && \valid(out);
    assigns *out;
    ensures \result ==> 0 <= *out <= 99;
*/
static bool two_digits(const uint8_t *at, int64_t *out)
{
	if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
		return false;
	*out = 10 * (at[0] - '0') + (at[1] - '0');
	return true;
}

/* MMDDHHMMSSZ of a year; no leap seconds, which no clock of ours has. */
/*@ requires FIRST_YEAR <= year <= LAST_YEAR;
    requires \valid_read(at + (0 .. 10)) && \valid(out);
    assigns *out;
*/
static bool seconds_of(int64_t year, const uint8_t *at, int64_t *out)
{
	int64_t month, day, hour, minute, second;
	bool leap = is_leap(year);

	if (!two_digits(at, &month) || !two_digits(at + 2, &day) ||
	    !two_digits(at + 4, &hour) || !two_digits(at + 6, &minute) ||
	    !two_digits(at + 8, &second) || at[10] != 'Z')
		return false;
	if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
		return false;
	if (day < 1 ||
	    day > days_before_month(month + 1, leap) - days_before_month(month, leap))
		return false;
	day += days_before_year(year) + days_before_month(month, leap) - 1;
	*out = DER_TIME_MIN + DAY_SECONDS * day + 3600 * hour + 60 * minute + second;
	return true;
}

bool der_take_time(struct slice *from, int64_t *out)
{
	const bool utc = der_next_is(from, DER_UTC_TIME);
	const size_t length = utc ? sizeof("YYMMDDHHMMSSZ") : sizeof("YYYYMMDDHHMMSSZ");
	int64_t century = 0, year;
	struct slice text;

	if (!der_take(from, utc ? DER_UTC_TIME : DER_GENERALIZED_TIME, &text) ||
	    text.length != length - 1 || (!utc && !two_digits(text.at, &century)) ||
	    !two_digits(text.at + text.length - 13, &year))
		return false;
	if (utc)
		century = year < 50 ? 20 : 19;
	year += 100 * century;
	if (!utc && year < UTC_YEARS)
		return false;
	return seconds_of(year, text.at + text.length - 11, out);
}

struct der_sink der_sink(uint8_t *bytes, size_t room)
{
	return (struct der_sink){ bytes, room < DER_MAX ? room : DER_MAX, 0, false };
}

void der_put_bytes(struct der_sink *to, const uint8_t *bytes, size_t length)
{
	if (to->failed || length > to->room - to->used) {
		to->failed = true;
		return;
	}
	bytes_move(to->bytes + to->used, bytes, length);
	to->used += length;
}

/* Tag and length; returns how many bytes they are. */
/*@ requires length < DER_MAX && \valid(head + (0 .. 3));
    assigns head[0 .. 3];
    ensures 2 <= \result <= 4;
*/
static size_t write_head(uint8_t *head, uint8_t tag, size_t length)
{
	head[0] = tag;
	if (length < 0x80) {
		head[1] = (uint8_t)length;
		return 2;
	}
	if (length < 0x100) {
		head[1] = 0x81;
		head[2] = (uint8_t)length;
		return 3;
	}
	head[1] = 0x82;
	head[2] = (uint8_t)(length / 256);
	head[3] = (uint8_t)(length % 256);
	return 4;
}

void der_put(struct der_sink *to, uint8_t tag, const uint8_t *bytes, size_t length)
{
	uint8_t head[4];

	if (length >= DER_MAX) {
		to->failed = true;
		return;
	}
	der_put_bytes(to, head, write_head(head, tag, length));
	der_put_bytes(to, bytes, length);
}

size_t der_open(const struct der_sink *to)
{
	return to->used;
}

/* The length is known only now, so the content makes way for its head. */
void der_close(struct der_sink *to, size_t opened, uint8_t tag)
{
	size_t length = to->used - opened, head_length;
	uint8_t head[4];

	if (to->failed || length >= DER_MAX) {
		to->failed = true;
		return;
	}
	head_length = write_head(head, tag, length);
	if (head_length > to->room - to->used) {
		to->failed = true;
		return;
	}
	bytes_move(to->bytes + opened + head_length, to->bytes + opened, length);
	bytes_copy(to->bytes + opened, head, head_length);
	to->used += head_length;
}

void der_put_true(struct der_sink *to)
{
	const uint8_t value[1] = { 0xff };

	der_put(to, DER_BOOLEAN, value, sizeof(value));
}

void der_put_magnitude(struct der_sink *to, const uint8_t *bytes, size_t length)
{
	static const uint8_t plus[1] = { 0 };
	size_t opened = der_open(to);

	if (length == 0 || bytes[0] == 0) {
		to->failed = true;
		return;
	}
	if (bytes[0] >= 0x80)
		der_put_bytes(to, plus, sizeof(plus));
	der_put_bytes(to, bytes, length);
	der_close(to, opened, DER_INTEGER);
}

void der_put_number(struct der_sink *to, uint32_t number)
{
	const uint8_t bytes[4] = { (uint8_t)(number / 16777216u),
		(uint8_t)(number / 65536u % 256u), (uint8_t)(number / 256u % 256u),
		(uint8_t)(number % 256u) };
	size_t skip = 0;

	if (number > DER_NUMBER_MAX) {
		to->failed = true;
		return;
	}
	/*@ loop invariant 0 <= skip <= 3;
	    loop assigns skip;
	    loop variant 3 - skip; */
	while (skip < 3 && bytes[skip] == 0 && bytes[skip + 1] < 0x80)
		skip++;
	der_put(to, DER_INTEGER, bytes + skip, sizeof(bytes) - skip);
}

void der_put_bits(struct der_sink *to, const uint8_t *bytes, size_t length)
{
	static const uint8_t unused[1] = { 0 };
	size_t opened = der_open(to);

	der_put_bytes(to, unused, sizeof(unused));
	der_put_bytes(to, bytes, length);
	der_close(to, opened, DER_BIT_STRING);
}

/*@ requires \valid(at + (0 .. 1));
    assigns at[0 .. 1];
*/
static void write_two_digits(uint8_t *at, uint64_t value)
{
	at[0] = (uint8_t)('0' + value / 10 % 10);
	at[1] = (uint8_t)('0' + value % 10);
}

/*@ requires 0 <= days < 2940240;
    assigns \nothing;
    ensures FIRST_YEAR <= \result <= LAST_YEAR;
*/
static int64_t year_of(int64_t days)
{
	int64_t year = FIRST_YEAR + days / 366;

	/*@ loop invariant FIRST_YEAR <= year <= LAST_YEAR;
	    loop assigns year;
	    loop variant LAST_YEAR - year; */
	while (year < LAST_YEAR && days_before_year(year + 1) <= days)
		year++;
	return year;
}

/* The month, from 1, that this day of the year, from 0, lies in. */
/*@ assigns \nothing;
    ensures 1 <= \result <= 12;
*/
static int64_t month_of(int64_t day, bool leap)
{
	int64_t month = 12;

	/*@ loop invariant 1 <= month <= 12;
	    loop assigns month;
	    loop variant month; */
	while (month > 1 && days_before_month(month, leap) > day)
		month--;
	return month;
}

void der_put_time(struct der_sink *to, int64_t time)
{
	int64_t seconds, day, year, month;
	uint8_t text[15];

	if (time < DER_TIME_MIN || time > DER_TIME_MAX) {
		to->failed = true;
		return;
	}
	day = (time - DER_TIME_MIN) / DAY_SECONDS;
	seconds = (time - DER_TIME_MIN) % DAY_SECONDS;
	year = year_of(day);
	day -= days_before_year(year);
	month = month_of(day, is_leap(year));
	day -= days_before_month(month, is_leap(year));
	write_two_digits(text, (uint64_t)(year / 100));
	write_two_digits(text + 2, (uint64_t)(year % 100));
	write_two_digits(text + 4, (uint64_t)month);
	write_two_digits(text + 6, (uint64_t)(day + 1));
	write_two_digits(text + 8, (uint64_t)(seconds / 3600));
	write_two_digits(text + 10, (uint64_t)(seconds / 60 % 60));
	write_two_digits(text + 12, (uint64_t)(seconds % 60));
	text[14] = 'Z';
	if (year < UTC_YEARS)
		der_put(to, DER_UTC_TIME, text + 2, sizeof(text) - 2);
	else
		der_put(to, DER_GENERALIZED_TIME, text, sizeof(text));
}
