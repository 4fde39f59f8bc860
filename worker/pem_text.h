/* PEM (RFC 7468): one block, its label between the dashes, lines of 64 characters when
 * written and of any length when read. */
#ifndef WORKER_PEM_TEXT_H
#define WORKER_PEM_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of text, its NUL included, that a block of that many bytes has at most. */
#define PEM_ROOM(n) (((n) + 2) / 3 * 4 + ((n) + 2) / 48 + 128)

/* The text of one block, with nothing but blanks before and after it. False when it is
 * none, has another label, or more than `room` bytes. */
bool pem_read(const char *text, size_t length, const char *label, uint8_t *out,
    size_t room, size_t *out_length);

/* Writes text that ends in a newline and a NUL to PEM_ROOM(length) bytes; returns its
 * length. */
size_t pem_write(const char *label, const uint8_t *bytes, size_t length, char *out);

#endif
