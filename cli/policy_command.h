/*
 * privyseal policy: the policy file, read without a running privyseald. The files are
 * opened first, as who was called (policy_input.c); then the process seals itself, and
 * what it reads it believes no more than any input.
 */
#ifndef CLI_POLICY_COMMAND_H
#define CLI_POLICY_COMMAND_H

#include "cli/cli.h"
#include "policy/policy.h"

#include <stdio.h>
#include <time.h>

#define POLICY_FILE	 "/etc/privyseal/policy.conf"
#define POLICY_INPUT_MAX ((size_t)FACTS_DOCUMENT_MAX * 2) /* a document or a key */

enum policy_act { POLICY_CHECK, POLICY_EXPLAIN, POLICY_TEST };

struct policy_request {
	enum policy_act act;
	bool json;
	const char *policy; /* files ... */
	const char *document_file;
	const char *issuer_file; /* ... NULL: the one that the document names */
	enum ca ca;
	enum document document;
	const char *client; /* NULL: not said */
	int64_t now;	    /* seconds since 1970 */
};

/* The words after `privyseal policy`; false: wrong usage, and `message` says which word.
 * `now` is in seconds. `out` points into the words. */
bool policy_request_read(const char *const *words, unsigned count, time_t now,
    struct policy_request *out, char message[MESSAGE_MAX]);

/* A file that is opened before sealing and read after it; at most `room` bytes. */
struct policy_input {
	const char *name;
	int fd;
	size_t room;
	size_t length;
	uint8_t *bytes;
};

/* These three say what is wrong. Close also what could not be opened. */
bool policy_input_open(struct policy_input *input, const char *name, size_t room);
bool policy_input_read(struct policy_input *input);
void policy_input_close(struct policy_input *input);

/* The policy of this text; NULL: `error` says why not. free() *storage. */
struct policy *policy_of_input(
    const struct policy_input *input, void **storage, struct policy_error *error);

/* Bytes as log_escape() writes them, however many. */
void policy_print_escaped(const void *bytes, size_t length, FILE *out);

/* FILE:LINE:COLUMN: what is wrong with the file. */
void policy_print_error(const char *name, const struct policy_error *error, FILE *out);

/* Prints the warnings, or `error` where there is no policy, and what was counted. */
void policy_show_check(const struct policy *policy, const char *name,
    const struct policy_error *error, bool json, FILE *out);

/* Who may get what: pins and ceilings, then a row for each rule. */
void policy_show_rules(const struct policy *policy, bool json, FILE *out);

/* What would be signed, cut out of the file (policy_forms.c). True when the file had a
 * whole certificate; what is none is left as it is, for its reader to refuse. */
bool policy_document_read(
    const struct policy_input *input, enum document document, struct slice *bytes);
/* NULL when these bytes begin as such a document does; else what was expected. */
const char *policy_document_wanted(enum document document, struct slice bytes);

/* The CA that signs such documents: an authorized_keys line of its SSH key, or its
 * certificate. Only what the file says is set. False: `message` says what was expected.
 */
bool policy_issuer_read(const struct policy_input *input, enum document document,
    struct issuer *out, char message[MESSAGE_MAX]);

/* What another's program may have spelt otherwise than ours (policy_spelling.c). */
enum policy_spelling {
	POLICY_SPELT_STRINGS = 1, /* the types of the strings in names */
	POLICY_SPELT_USAGES = 2,  /* the order of the extended key usages */
	POLICY_SPELT_ORDER = 4,	  /* the order of the extensions */
};

/* What of an X.509 certificate is to be signed, and a name's packed list, are spelt as
 * ours; what can't be stays. They return the bits of what was spelt otherwise. */
unsigned policy_respell(uint8_t *bytes, size_t length);
unsigned policy_respell_name(uint8_t *list, size_t length);

/*
 * What would become of this document. `issuer` stands in for the CA, and a document made
 * elsewhere is judged in our spelling; NULL: whom the document itself names does, and
 * exactly these bytes are judged. False: `message` says what is wrong with the issuer's
 * file; else `out` is written whole, and `message` says what was spelt otherwise, or is
 * empty.
 */
bool policy_try(const struct policy *policy, const struct policy_request *request,
    const struct policy_input *document, const struct policy_input *issuer,
    struct decision *out, char message[MESSAGE_MAX]);
void policy_show_decision(
    const struct decision *decision, const char *name, bool json, FILE *out);

#endif
