/* The rotation state of an authority, in the words that `status` shows. */
#ifndef CLI_ROTATION_H
#define CLI_ROTATION_H

#include <stddef.h>

/* As the record has them; NULL where it has none. */
struct rotation_record {
	const char *state;
	const char *phase;
	const char *mode;
	const char *started; /* RFC 3339 in UTC; the year 1 is none */
	const char *last_rotated;
	const char *grace_period; /* as 30h0m0s */
};

void rotation_text(const struct rotation_record *record, char *out, size_t room);

#endif
