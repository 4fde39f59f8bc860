/* Durations as text; duration.h has the form. */
#include "policy/duration.h"

#include "policy/text.h"

static const struct {
	char letter;
	uint32_t seconds;
} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };

#define UNITS (sizeof(units) / sizeof(units[0]))

uint32_t duration_unit(char letter)
{
	size_t i;

	/*@ loop invariant i <= UNITS;
	    loop invariant \forall integer k; 0 <= k < i ==> units[k].letter != letter;
	    loop assigns i;
	    loop variant UNITS - i; */
	for (i = 0; i < UNITS; i++)
		if (units[i].letter == letter)
			return units[i].seconds;
	return 0;
}

bool duration_read(const char *text, size_t length, uint64_t *seconds)
{
	uint64_t sum = 0, number;
	size_t at = 0, digits;
	uint32_t unit;

	/*@ loop invariant at <= length && sum <= DURATION_MAX;
	    loop assigns at, sum, number, digits, unit;
	    loop variant length - at; */
	while (at < length) {
		digits = text_number(text + at, length - at, DURATION_MAX, &number);
		at += digits;
		unit = at < length ? duration_unit(text[at++]) : 0;
		if (digits == 0 || unit == 0)
			return false;
		/* Both are at most DURATION_MAX, so that nothing can wrap. */
		sum += number * unit;
		if (sum > DURATION_MAX)
			return false;
	}
	if (sum == 0)
		return false;
	*seconds = sum;
	return true;
}

/* The largest unit that divides the number gives the shortest text. */
void duration_write(uint64_t seconds, char out[24])
{
	char reversed[20]; /* digits of the largest number */
	size_t i = 0, digits = 0, at = 0;
	uint64_t number;

	/*@ loop invariant i < UNITS;
	    loop assigns i;
	    loop variant UNITS - i; */
	while (i + 1 < UNITS && (seconds == 0 || seconds % units[i].seconds != 0))
		i++;
	number = seconds / units[i].seconds;
	/*@ loop invariant digits < sizeof(reversed);
	    loop assigns digits, number, reversed[0 .. sizeof(reversed) - 1];
	    loop variant sizeof(reversed) - digits; */
	do {
		reversed[digits++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0 && digits < sizeof(reversed));
	/*@ loop invariant at + digits <= sizeof(reversed);
	    loop assigns at, digits, out[0 .. sizeof(reversed) - 1];
	    loop variant digits; */
	while (digits > 0)
		out[at++] = reversed[--digits];
	out[at] = units[i].letter;
	out[at + 1] = '\0';
}
