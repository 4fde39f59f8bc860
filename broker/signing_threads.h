/*
 * Threads for the signatures that take long: of RSA keys. A thread does the private
 * operation on a digest and nothing else; whether it may, and whether the result is
 * right, the one thread that decides everything knows before and after. Started after the
 * seal, which they so have from their first instruction.
 */
#ifndef BROKER_SIGNING_THREADS_H
#define BROKER_SIGNING_THREADS_H

#include "broker/keystore.h"

#include <pthread.h>

#define SIGNING_THREADS 2
#define SIGNING_JOBS	256 /* as many as a worker may have under way */

struct signing_job {
	struct signing_job *next;
	const struct key *key;
	uint8_t digest[EVP_MAX_MD_SIZE], signature[KEY_SIGNATURE_MAX];
	size_t digest_length, length; /* of the signature; 0: none could be made */
	keystore_done *done;
	void *context;
};

struct signing_threads {
	int event, tell; /* a pipe: readable when a job has finished */
	pthread_mutex_t lock;
	pthread_cond_t work, idle;
	unsigned busy; /* so many threads have a job */
	struct signing_job job[SIGNING_JOBS];
	struct signing_job *free;		      /* the deciding thread's alone */
	struct signing_job *first, **last, *finished; /* under the lock */
};

/* Before the seal: what needs calls that it takes away. */
bool signing_threads_prepare(struct signing_threads *threads, struct failure *failure);
/* After it. */
bool signing_threads_start(struct signing_threads *threads, struct failure *failure);

/* Nothing is signed any more when it returns, and keys may go. */
void signing_threads_stop(struct signing_threads *threads);

/* Signs by and by; false: there are no threads, or they have enough to do. */
bool signing_threads_sign(struct signing_threads *threads, const struct key *key,
    const uint8_t *digest, size_t length, keystore_done *done, void *context);

/* Calls `done` for what has finished. */
void signing_threads_turn(struct signing_threads *threads);

#endif
