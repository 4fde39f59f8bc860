/*
 * Around cJSON: a strict check of a line before cJSON sees it (cJSON takes control
 * characters, NUL escapes, bad UTF-8 and a nesting of 1000), and a small writer for
 * answers.
 */
#ifndef WORKER_JSON_H
#define WORKER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#define JSON_DEPTH_MAX 16

enum json_fault {
	JSON_GOOD,
	JSON_SYNTAX,
	JSON_DEPTH,   /* nested deeper than JSON_DEPTH_MAX */
	JSON_UTF8,    /* not UTF-8, or a surrogate without its other half */
	JSON_CONTROL, /* a control character that is not escaped */
	JSON_TRAILING /* something after the value */
};

struct json_outline {
	char first;	  /* the value's first byte: { [ " ... */
	bool nul_escape;  /* a string holds U+0000, which no C string can */
	bool fraction;	  /* a number has a fraction or an exponent */
	size_t id_at;	  /* the text of the outermost object's member `id` ... */
	size_t id_length; /* ... 0 when it has none that is spelt without escapes */
};

/* RFC 8259, the whole of `length` bytes, one pass, no recursion. `at` is where the fault
 * lies. */
enum json_fault json_check(
    const char *bytes, size_t length, struct json_outline *out, size_t *at);
const char *json_fault_text(enum json_fault fault);

/* Parses what json_check() found good; NULL only when memory is short. */
cJSON *json_parse(const char *bytes, size_t length);

/* The first name that an object anywhere in the value has twice; NULL when there is none.
 * `short_of_memory` is set when it could not be told. */
const char *json_duplicate(const cJSON *value, bool *short_of_memory);

/* Sorts names by their bytes, in place, without memory of its own. */
void json_sort_members(const cJSON **members, size_t count);

/* ---- writing ---- */

#define JSON_OUT_MAX (1024 * 1024)

/* Starts as { 0 }; grows to JSON_OUT_MAX, then remembers that it failed. */
struct json_out {
	char *bytes;
	size_t room;
	size_t length;
	bool failed;
	bool comma; /* a value stands before this place */
};

void json_put_raw(struct json_out *out, const char *bytes, size_t length); /* as it is */
void json_open(struct json_out *out, char bracket);			   /* { or [ */
void json_close(struct json_out *out, char bracket);			   /* } or ] */
void json_name(struct json_out *out, const char *name);
/* Bytes that are not UTF-8 become U+FFFD. */
void json_string(struct json_out *out, const void *bytes, size_t length);
void json_text(struct json_out *out, const char *text);
void json_number(struct json_out *out, int64_t number);
void json_bool(struct json_out *out, bool value);
/* A value that is JSON already. */
void json_value(struct json_out *out, const char *json, size_t length);
void json_out_free(struct json_out *out);

#endif
