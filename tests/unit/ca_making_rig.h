/* A broker of broker_fixture.h whose CAs are made: how that ended, and what a new process
 * finds of it. Goes behind the header of the keystore. */
#ifndef TESTS_UNIT_CA_MAKING_RIG_H
#define TESTS_UNIT_CA_MAKING_RIG_H

#include "broker_fixture.h"

static struct failure failure; /* that of kms_rig.h, where it is there */
static unsigned ended;
static bool made;

static inline void on_made(struct broker *broker, const struct failure *why)
{
	(void)broker;
	ended++;
	made = why == NULL;
	if (why)
		failure = *why;
}

/* Forgets all but what is on disk, as a new process does; it has that keystore then. */
static inline void restart_with(void (*keystore)(void))
{
	struct broker *b = f->broker;

	ca_keys_free(b);
	memset(&b->making, 0, sizeof b->making);
	memset(b->authorities, 0, sizeof b->authorities);
	if (state_read(&b->state, &b->state_directory, &failure) != FILE_READ)
		fail_msg("%s", failure.text);
	keystore();
	if (!ca_keys_load(b, &failure))
		fail_msg("%s", failure.text);
	ended = 0;
	made = false;
}

/* A state without a CA, on disk, as before the first config. */
static inline void forget_cas(void)
{
	memset(f->broker->state.keys, 0, sizeof f->broker->state.keys);
	assert_true(
	    state_write(&f->broker->state, &f->broker->state_directory, &failure));
}

#endif
