/* The arena for private keys; secret_memory.h has what it is for. */
#include "broker/secret_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SMALLEST 32 /* bytes of one block */

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

static const char *kind = "locked";

static void *map(void *where, int fd)
{
	return mmap(where, SECRET_MEMORY_SIZE, PROT_READ | PROT_WRITE,
	    MAP_SHARED | (where ? MAP_FIXED : 0), fd, 0);
}

/* A descriptor of memory that can also be mapped, or -1. Tried elsewhere first, since a
 * mapping over the arena that fails would leave a hole there. */
static int hidden_memory(void)
{
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	void *tried;

	if (fd < 0)
		return -1;
	if (ftruncate(fd, SECRET_MEMORY_SIZE) == 0) {
		tried = map(NULL, fd);
		if (tried != MAP_FAILED && munmap(tried, SECRET_MEMORY_SIZE) == 0)
			return fd;
	}
	close(fd);
	return -1;
}

bool secret_memory_start(struct failure *failure)
{
	bool replaced = true;
	void *arena;
	int fd;

	if (CRYPTO_secure_malloc_initialized())
		return true;
	if (CRYPTO_secure_malloc_init(SECRET_MEMORY_SIZE, SMALLEST) != 1)
		return failure_say(failure,
		    "the memory for private keys can't be locked; raise RLIMIT_MEMLOCK "
		    "(ulimit -l) "
		    "above %d KiB",
		    SECRET_MEMORY_SIZE / 1024);
	arena = OPENSSL_secure_malloc(SECRET_MEMORY_SIZE);
	if (!arena)
		return failure_say(failure, "OpenSSL has no arena for private keys");
	fd = hidden_memory();
	if (fd >= 0) {
		/* Other pages at the same addresses: just now OpenSSL counts the whole
		 * arena as ours, so nothing of its own lies there. */
		replaced = map(arena, fd) == arena;
		close(fd);
		kind = "memfd_secret";
	}
	if (!replaced)
		return failure_say(failure, "memfd_secret: %s", strerror(errno));
	OPENSSL_secure_free(arena);
	return true;
}

const char *secret_memory_kind(void)
{
	return kind;
}
