/* Records in a right chain, for tests of what `privyseal audit` makes of them. */
#ifndef TESTS_AUDIT_SAMPLE_H
#define TESTS_AUDIT_SAMPLE_H

#include "supervisor_said.h"

#include <openssl/sha.h>

#include "policy/record.h"

#define SAMPLES 12

struct sample {
	char line[SAMPLES + 1][512]; /* [1] is record 1 */
	char hash[SAMPLES + 1][RECORD_HASH_TEXT + 1];
};

static inline void sample_hash(const char *line, char out[RECORD_HASH_TEXT + 1])
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	int i;

	SHA256((const uint8_t *)line, strlen(line), hash);
	for (i = 0; i < SHA256_DIGEST_LENGTH; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* `rest` begins with a comma, or is empty. */
static inline void sample_record(char out[512], unsigned sequence, const char *prev,
    const char *event, const char *rest)
{
	snprintf(out, 512,
	    "{\"seq\":%u,\"time\":\"2026-01-02T03:04:%02u.000006Z\",\"prev\":\"%s\","
	    "\"event\":\"%s\"%s}",
	    sequence, sequence % 60, prev, event, rest);
}

static inline void sample_make(struct sample *sample, const char *instance)
{
	char rest[128];
	unsigned i;

	memset(sample->hash[0], '0', RECORD_HASH_TEXT);
	sample->hash[0][RECORD_HASH_TEXT] = '\0';
	snprintf(rest, sizeof rest, ",\"instance\":\"%s\"", instance);
	for (i = 1; i <= SAMPLES; i++) {
		sample_record(sample->line[i], i, sample->hash[i - 1],
		    i == 1 ? "start" : "sign", i == 1 ? rest : ",\"ca\":\"user\"");
		sample_hash(sample->line[i], sample->hash[i]);
	}
}

#endif
