/* The four steps of Signature Version 4, from the top of the story down; sigv4.h. */
#include "broker/sigv4.h"
#include "broker/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define LENGTH	  SHA256_LENGTH
#define HEX_TEXT  (SHA256_TEXT + 1)
#define DAY	  8 /* digits of a date without its time */

struct text {
	char *at;
	size_t room; /* a NUL included */
	size_t used;
	bool failed;
};

static void put_byte(struct text *to, char byte)
{
	to->failed = to->failed || to->used + 1 >= to->room;
	if (to->failed)
		return;
	to->at[to->used++] = byte;
	to->at[to->used] = '\0';
}

static void put(struct text *to, const char *string)
{
	while (*string != '\0')
		put_byte(to, *string++);
}

static char lower(char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static bool hash(const void *bytes, size_t length, char out[HEX_TEXT])
{
	uint8_t digest[LENGTH];

	if (!SHA256(bytes, length, digest))
		return false;
	crypto_hex(out, digest, sizeof digest);
	return true;
}

static bool hmac(
    const void *key, size_t key_length, const char *text, uint8_t out[LENGTH])
{
	return HMAC(EVP_sha256(), key, (int)key_length, (const uint8_t *)text,
		   strlen(text), out, NULL) != NULL;
}

/* ---- canonical headers ---- */

/* By name, and those of one name in the order in which they are sent. */
static void sort(const struct sigv4_header **headers, size_t count)
{
	const struct sigv4_header *moved;
	size_t i, at;

	for (i = 1; i < count; i++) {
		moved = headers[i];
		for (at = i; at > 0 && strcasecmp(headers[at - 1]->name, moved->name) > 0;
		     at--)
			headers[at] = headers[at - 1];
		headers[at] = moved;
	}
}

/* Without blanks at either end, and with one space for each run of them inside. */
static void put_value(struct text *to, const char *value)
{
	bool begun = false, gap = false;

	for (; *value != '\0'; value++) {
		if (is_blank(*value)) {
			gap = begun;
			continue;
		}
		if (gap)
			put_byte(to, ' ');
		put_byte(to, *value);
		begun = true;
		gap = false;
	}
}

static void put_name(struct text *to, const char *name)
{
	while (*name != '\0')
		put_byte(to, lower(*name++));
}

static void put_headers(struct text *canonical, struct text *names,
    const struct sigv4_header *const *headers, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (i > 0 && strcasecmp(headers[i - 1]->name, headers[i]->name) == 0) {
			put_byte(canonical, ',');
		} else {
			if (i > 0) {
				put_byte(canonical, '\n');
				put_byte(names, ';');
			}
			put_name(names, headers[i]->name);
			put_name(canonical, headers[i]->name);
			put_byte(canonical, ':');
		}
		put_value(canonical, headers[i]->value);
	}
	put_byte(canonical, '\n');
}

static const char *find(
    const struct sigv4_header *headers, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcasecmp(headers[i].name, name) == 0)
			return headers[i].value;
	return NULL;
}

/* The hash of the canonical request, and the list of the headers that are signed. */
static bool hash_request(const struct sigv4_header *headers, size_t count,
    const void *body, size_t length, struct text *names, char out[HEX_TEXT])
{
	const struct sigv4_header *sorted[SIGV4_HEADERS_MAX];
	char bytes[SIGV4_CANONICAL_MAX], body_hash[HEX_TEXT] = "";
	struct text canonical = { bytes, sizeof bytes, 0, false };
	bool good;
	size_t i;

	for (i = 0; i < count; i++)
		sorted[i] = &headers[i];
	sort(sorted, count);
	put(&canonical, "POST\n/\n\n");
	put_headers(&canonical, names, sorted, count);
	put_byte(&canonical, '\n');
	put(&canonical, names->at);
	put_byte(&canonical, '\n');
	good = hash(body, length, body_hash);
	put(&canonical, body_hash);
	good = good && !canonical.failed && hash(bytes, canonical.used, out);
	OPENSSL_cleanse(bytes, sizeof bytes); /* it has the session token */
	return good;
}

/* ---- the key ---- */

static bool derive(struct sigv4_signer *signer, const char *secret, const char *day)
{
	static const char prefix[] = "AWS4";
	const size_t length = strlen(secret);
	uint8_t *key = signer->derived;
	char *first;
	bool good;

	first = OPENSSL_secure_malloc(sizeof prefix + length);
	if (!first)
		return false;
	memcpy(first, prefix, sizeof prefix - 1);
	memcpy(first + sizeof prefix - 1, secret, length);
	good = hmac(first, sizeof prefix - 1 + length, day, key) &&
	       hmac(key, LENGTH, signer->region, key) &&
	       hmac(key, LENGTH, signer->service, key) &&
	       hmac(key, LENGTH, "aws4_request", key);
	OPENSSL_secure_clear_free(first, sizeof prefix + length);
	return good;
}

static bool key_of_day(
    struct sigv4_signer *signer, const char *secret, uint64_t number, const char *day)
{
	if (signer->derived && signer->number == number && strcmp(signer->day, day) == 0)
		return true;
	sigv4_stop(signer);
	signer->derived = OPENSSL_secure_malloc(LENGTH);
	if (!signer->derived || !derive(signer, secret, day)) {
		sigv4_stop(signer);
		return false;
	}
	signer->number = number;
	memcpy(signer->day, day, sizeof signer->day);
	return true;
}

bool sigv4_start(struct sigv4_signer *signer, const char *region, const char *service)
{
	*signer = (struct sigv4_signer){ .derived = NULL };
	if (strlen(region) > SIGV4_NAME_MAX || strlen(service) > SIGV4_NAME_MAX)
		return false;
	strcpy(signer->region, region);
	strcpy(signer->service, service);
	return true;
}

void sigv4_stop(struct sigv4_signer *signer)
{
	OPENSSL_secure_clear_free(signer->derived, LENGTH);
	signer->derived = NULL;
}

bool sigv4_date(int64_t time, char out[SIGV4_DATE_TEXT])
{
	time_t seconds = (time_t)time;
	struct tm parts;

	return gmtime_r(&seconds, &parts) && parts.tm_year >= -1900 &&
	       parts.tm_year <= 9999 - 1900 &&
	       strftime(out, SIGV4_DATE_TEXT, "%Y%m%dT%H%M%SZ", &parts) ==
		   SIGV4_DATE_TEXT - 1;
}

bool sigv4_sign(struct sigv4_signer *signer, const char *access_key_id,
    const char *secret, uint64_t number, const struct sigv4_header *headers, size_t count,
    const void *body, size_t length, char out[SIGV4_AUTHORIZATION_MAX])
{
	char scope[2 * SIGV4_NAME_MAX + 32], request[HEX_TEXT], day[DAY + 1] = "";
	char to_sign[sizeof scope + 128], names_text[512] = "";
	struct text names = { names_text, sizeof names_text, 0, false };
	uint8_t signature[LENGTH];
	const char *date;
	int n;

	if (count > SIGV4_HEADERS_MAX || !find(headers, count, "host"))
		return false;
	date = find(headers, count, "x-amz-date");
	if (!date || strlen(date) != SIGV4_DATE_TEXT - 1)
		return false;
	memcpy(day, date, DAY);
	if (!hash_request(headers, count, body, length, &names, request) ||
	    names.failed || !key_of_day(signer, secret, number, day))
		return false;
	snprintf(scope, sizeof scope, "%s/%s/%s/aws4_request", day, signer->region,
	    signer->service);
	snprintf(to_sign, sizeof to_sign, ALGORITHM "\n%s\n%s\n%s", date, scope, request);
	if (!hmac(signer->derived, LENGTH, to_sign, signature))
		return false;
	crypto_hex(request, signature, sizeof signature);
	n = snprintf(out, SIGV4_AUTHORIZATION_MAX,
	    ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s", access_key_id,
	    scope, names_text, request);
	return n > 0 && n < SIGV4_AUTHORIZATION_MAX;
}
