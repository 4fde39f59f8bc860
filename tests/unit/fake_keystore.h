/*
 * A keystore that answers when the test says so, in any order, or not at all: software
 * keys behind a queue. What it is asked waits; fake_answer() lets one go.
 */
#ifndef TESTS_UNIT_FAKE_KEYSTORE_H
#define TESTS_UNIT_FAKE_KEYSTORE_H

#include "broker_fixture.h"

#define FAKE_WAITING_MAX 1024

enum fake_answer { FAKE_RIGHT, FAKE_WRONG, FAKE_FAILED };

struct fake_request {
	const struct key *key;
	struct approval *approval;
	keystore_done *done;
	struct key_wanted wanted;
	struct key *out;
	keystore_created *created; /* NULL: it is about a signature */
	void *context;
};

static struct {
	struct keystore *keystore;
	unsigned waiting;
	struct fake_request request[FAKE_WAITING_MAX];
} fake;

static inline struct fake_request *fake_take(struct keystore *keystore)
{
	assert_true(fake.waiting < FAKE_WAITING_MAX);
	fake.keystore = keystore;
	return &fake.request[fake.waiting++];
}

static inline void fake_create(struct keystore *keystore, const struct key_wanted *wanted,
    struct key *out, keystore_created *done, void *context)
{
	*fake_take(keystore) = (struct fake_request){
		.wanted = *wanted, .out = out, .created = done, .context = context
	};
}

static inline bool fake_load(struct keystore *keystore, const char *identifier,
    struct slice blob, struct key *out, struct failure *failure)
{
	return keystore_software.load(keystore, identifier, blob, out, failure);
}

static inline void fake_sign(struct keystore *keystore, const struct key *key,
    struct approval *approval, keystore_done *done, void *context)
{
	*fake_take(keystore) = (struct fake_request){
		.key = key, .approval = approval, .done = done, .context = context
	};
}

static const struct keystore_methods fake_methods = { .kind = KEYSTORE_SOFTWARE,
	.prefix = "software:",
	.create = fake_create,
	.load = fake_load,
	.sign = fake_sign };

static inline void fake_start(struct broker *broker)
{
	memset(&fake, 0, sizeof fake);
	broker->keystore.methods = &fake_methods;
}

/* Passes a signature on that has one bit wrong. */
static inline void fake_spoil(void *context, const struct keystore_answer *answer)
{
	const struct fake_request *request = context;
	struct keystore_answer spoiled = *answer;
	uint8_t wrong[KEY_SIGNATURE_MAX];

	assert_int_equal(answer->result, KEYSTORE_SIGNED);
	memcpy(wrong, answer->signature, answer->length);
	wrong[answer->length - 1] ^= 1;
	spoiled.signature = wrong;
	request->done(request->context, &spoiled);
}

/* Answers what waits at this place; those behind it move up. */
static inline void fake_answer(unsigned place, enum fake_answer answer)
{
	struct fake_request request = fake.request[place];
	const struct failure failure = { "the keystore is away" };

	assert_true(place < fake.waiting);
	fake.waiting--;
	memmove(&fake.request[place], &fake.request[place + 1],
	    (fake.waiting - place) * sizeof request);
	if (request.created && answer == FAKE_RIGHT)
		keystore_software.create(fake.keystore, &request.wanted, request.out,
		    request.created, request.context);
	else if (request.created)
		request.created(request.context, &failure);
	else if (answer == FAKE_FAILED)
		request.done(request.context,
		    &(struct keystore_answer){ .result = KEYSTORE_FAILED });
	else if (answer == FAKE_WRONG)
		keystore_software.sign(
		    fake.keystore, request.key, request.approval, fake_spoil, &request);
	else
		keystore_software.sign(fake.keystore, request.key, request.approval,
		    request.done, request.context);
}

#endif
