/* Signing beside the loop; signing_threads.h has the promises. */
#include "broker/signing_threads.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

/* One for all threads, or the C library would count processors for more of them. The
 * address sanitizer has a heap of its own, without such a setting. */
static bool keep_one_heap(void)
{
#ifdef __SANITIZE_ADDRESS__
	return true;
#else
	return mallopt(M_ARENA_MAX, 1) == 1;
#endif
}

bool signing_threads_prepare(struct signing_threads *threads, struct failure *failure)
{
	int ends[2] = { -1, -1 };
	unsigned i;

	threads->last = &threads->first;
	for (i = 0; i < SIGNING_JOBS; i++) {
		threads->job[i].next = threads->free;
		threads->free = &threads->job[i];
	}
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
		return failure_say(failure, "pipe: %s", strerror(errno));
	threads->event = ends[0];
	threads->tell = ends[1];
	return keep_one_heap() ||
	       failure_say(failure, "the C library keeps more than one heap");
}

static struct signing_job *take_first(struct signing_threads *threads)
{
	struct signing_job *job;

	pthread_mutex_lock(&threads->lock);
	while (!threads->first)
		pthread_cond_wait(&threads->work, &threads->lock);
	job = threads->first;
	threads->first = job->next;
	if (!threads->first)
		threads->last = &threads->first;
	threads->busy++;
	pthread_mutex_unlock(&threads->lock);
	return job;
}

/* A context of its own, since two threads must not share one. */
static void sign(struct signing_job *job)
{
	EVP_PKEY_CTX *context = key_sign_context(job->key);
	size_t length = sizeof job->signature;

	job->length = 0;
	if (context && EVP_PKEY_sign(context, job->signature, &length, job->digest,
			   job->digest_length) == 1)
		job->length = length;
	EVP_PKEY_CTX_free(context);
}

static void *run(void *context)
{
	struct signing_threads *threads = context;
	struct signing_job *job;

	for (;;) {
		job = take_first(threads);
		sign(job);
		pthread_mutex_lock(&threads->lock);
		job->next = threads->finished;
		threads->finished = job;
		threads->busy--;
		pthread_cond_signal(&threads->idle);
		pthread_mutex_unlock(&threads->lock);
		if (write(threads->tell, "", 1) != 1)
			continue; /* it is full, and so readable */
	}
	return NULL;
}

bool signing_threads_start(struct signing_threads *threads, struct failure *failure)
{
	pthread_t thread;
	unsigned i;
	int error = 0;

	pthread_mutex_init(&threads->lock, NULL);
	pthread_cond_init(&threads->work, NULL);
	pthread_cond_init(&threads->idle, NULL);
	for (i = 0; i < SIGNING_THREADS && error == 0; i++)
		error = pthread_create(&thread, NULL, run, threads);
	return error == 0 ||
	       failure_say(failure, "no thread to sign: %s", strerror(error));
}

void signing_threads_stop(struct signing_threads *threads)
{
	pthread_mutex_lock(&threads->lock);
	threads->first = NULL;
	threads->last = &threads->first;
	while (threads->busy > 0)
		pthread_cond_wait(&threads->idle, &threads->lock);
	pthread_mutex_unlock(&threads->lock);
}

bool signing_threads_sign(struct signing_threads *threads, const struct key *key,
    const uint8_t *digest, size_t length, keystore_done *done, void *context)
{
	struct signing_job *job = threads ? threads->free : NULL;

	if (!job)
		return false;
	threads->free = job->next;
	job->next = NULL;
	job->key = key;
	memcpy(job->digest, digest, length);
	job->digest_length = length;
	job->done = done;
	job->context = context;
	pthread_mutex_lock(&threads->lock);
	*threads->last = job;
	threads->last = &job->next;
	pthread_cond_signal(&threads->work);
	pthread_mutex_unlock(&threads->lock);
	return true;
}

void signing_threads_turn(struct signing_threads *threads)
{
	struct signing_job *job, *next;
	struct keystore_answer answer;
	char bytes[SIGNING_JOBS];

	if (read(threads->event, bytes, sizeof bytes) <= 0)
		return; /* nothing has finished */
	pthread_mutex_lock(&threads->lock);
	job = threads->finished;
	threads->finished = NULL;
	pthread_mutex_unlock(&threads->lock);
	for (; job; job = next) {
		next = job->next;
		answer = (struct keystore_answer){ .result = KEYSTORE_FAILED };
		if (job->length > 0)
			answer = (struct keystore_answer){ KEYSTORE_SIGNED,
				.signature = job->signature, .length = job->length };
		job->done(job->context, &answer);
		job->next = threads->free;
		threads->free = job;
	}
}
