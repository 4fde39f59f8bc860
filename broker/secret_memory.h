/*
 * Where private keys lie while they are loaded, and AWS credentials: OpenSSL's secure
 * heap, one locked arena of fixed size between guard pages, whose pages are taken out of
 * the kernel's own map where it can do that (memfd_secret(2)). OpenSSL puts the private
 * numbers of RSA and EC keys and the seeds of Ed25519 keys there by itself; what it
 * derives from RSA primes while signing stays on the heap that is wiped when freed.
 */
#ifndef BROKER_SECRET_MEMORY_H
#define BROKER_SECRET_MEMORY_H

#include "broker/failure.h"

#include <stdbool.h>

/* Bytes, a power of 2: some hundred keys, and two of AWS's files or the environment, of
 * 64 KiB each, while they are read; far below RLIMIT_MEMLOCK (8 MiB). */
#define SECRET_MEMORY_SIZE (512 * 1024)

/* Before the seal and before the first key. A second start changes nothing. False, with
 * `failure`, when there is no memory that can be locked. */
bool secret_memory_start(struct failure *failure);

/* "memfd_secret", or "locked" where the kernel has no such memory. */
const char *secret_memory_kind(void);

#endif
