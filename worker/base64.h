/* Base64 (RFC 4648 section 4), strict: padded, no blanks, no slack bits. */
#ifndef WORKER_BASE64_H
#define WORKER_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BASE64_LENGTH(n) (((n) + 2) / 3 * 4)

/* Writes BASE64_LENGTH(length) characters, no NUL. */
void base64_write(const uint8_t *bytes, size_t length, char *out);

/* False: not base64, or more than `room` bytes. */
bool base64_read(
    const char *text, size_t length, uint8_t *out, size_t room, size_t *out_length);

#endif
