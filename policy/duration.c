/* Durations as text; duration.h has the form. */
#include "policy/duration.h"

#include "policy/text.h"

#include <stdio.h>

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
	size_t i = 0;

	while (i + 1 < UNITS && (seconds == 0 || seconds % units[i].seconds != 0))
		i++;
	snprintf(out, 24, "%llu%c", (unsigned long long)(seconds / units[i].seconds),
	    units[i].letter);
}
