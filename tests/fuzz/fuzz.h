/*
 * What the fuzz targets share. A target is one source file: LLVMFuzzerTestOneInput(),
 * which aborts when a promise does not hold, and `fuzz_target`, which says how inputs of
 * its kind are made. It is built twice: with driver.c, by any compiler, and, where clang
 * is at hand, as a libFuzzer program. Both change inputs with fuzz_mutate().
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_INPUT_MAX 16384 /* bytes */
#define FUZZ_NODES_MAX 512

/* How the length of a part of an input is written before it. */
enum fuzz_head {
	FUZZ_HEAD_DER,	/* tag, length (X.690) */
	FUZZ_HEAD_U32,	/* big-endian */
	FUZZ_HEAD_FRAME /* an ipc/frame.h header, the length in its last four bytes */
};

/* A part with a length of its own. Where it changes, the lengths of all that it lies in
 * are put right, so that most inputs get past the first check. */
struct fuzz_node {
	size_t at;	/* of its head */
	size_t content; /* where that ends */
	size_t length;	/* of the content */
	enum fuzz_head head;
	unsigned parent; /* an earlier node; its own number: none */
};

struct fuzz_nodes {
	struct fuzz_node of[FUZZ_NODES_MAX];
	unsigned count;
};

struct fuzz_target {
	const char *const *words; /* what such inputs are made of; ends in NULL */
	/* NULL for plain text */
	void (*nodes)(const uint8_t *bytes, size_t length, struct fuzz_nodes *out);
	/* Input `number` of those to begin with; 0 bytes: there are no more. */
	size_t (*seed)(unsigned number, uint8_t *out, size_t room);
};

extern const struct fuzz_target fuzz_target;
extern unsigned long fuzz_accepted; /* counted by the target */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define fuzz_require(condition)                                                          \
	do {                                                                             \
		if (!(condition)) {                                                      \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__,       \
			    #condition);                                                 \
			abort();                                                         \
		}                                                                        \
	} while (0)

/* Changes the input in place; `other` is one to take parts from. The new length. */
size_t fuzz_mutate(uint8_t *bytes, size_t length, size_t room, const uint8_t *other,
    size_t other_length, uint32_t *state);
uint32_t fuzz_random(uint32_t *state);

/* Adds a node; its number. FUZZ_NODES_MAX is no parent. */
unsigned fuzz_node_add(struct fuzz_nodes *nodes, enum fuzz_head head, size_t at,
    size_t content, size_t length, unsigned parent);
/* Every element of DER, also those inside OCTET STRINGs. */
void fuzz_der_nodes(const uint8_t *bytes, size_t length, struct fuzz_nodes *out);
/* A u32 length at `at` and its bytes; where they end, or 0 when they do not. */
size_t fuzz_string_node(const uint8_t *bytes, size_t length, size_t at,
    struct fuzz_nodes *out, unsigned parent);
/* Strings one after the other from `at` to `end`. */
void fuzz_string_nodes(
    const uint8_t *bytes, size_t at, size_t end, struct fuzz_nodes *out, unsigned parent);

/* One of a table of texts, as a target's seed. */
size_t fuzz_seed_text(
    const char *const *texts, unsigned count, unsigned number, uint8_t *out, size_t room);

#endif
