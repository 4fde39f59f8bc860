/*
 * Runs one fuzz target without libFuzzer, for any compiler: the same inputs for the same
 * --seed, as many as fit into --seconds. Inputs that were accepted, or that reached code
 * that none before them did (where the code is built with -fsanitize-coverage=trace-pc),
 * are changed further. Ends with 1 when nothing but the first inputs was accepted.
 *
 * - TARGET [--seconds N | --inputs N] [--seed N] [--keep FOLDER]: inputs made here; those
 *   that were kept are written to the folder
 * - TARGET --corpus FOLDER: writes those to begin with, for libFuzzer
 * - TARGET FILE...: these inputs, such as TARGET.broken, the one that a run ended with
 */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POOL_MAX	512
#define SEEDS_MAX	256
#define PATIENCE	20  /* seconds for a hundred inputs */
#define PATIENCE_WHOLE	600 /* for --inputs */
#define INPUTS_PER_LOOK 100

unsigned long fuzz_accepted;

struct input {
	uint8_t *bytes;
	size_t length;
};

static struct input pool[POOL_MAX];
static size_t pooled;
static struct input present; /* kept for who dies of it */
static char broken_path[4096];

/* ---- new code ---- */

extern const char __executable_start[];
void __sanitizer_cov_trace_pc(void);

static uint8_t seen[1 << 16];
static size_t last_place;
static bool new_code;

void __sanitizer_cov_trace_pc(void)
{
	size_t place =
	    (size_t)((const char *)__builtin_return_address(0) - __executable_start) *
		2654435761u >>
	    12;
	uint8_t *edge = &seen[(place ^ last_place >> 1) % sizeof(seen)];

	last_place = place;
	if (*edge == 0) {
		*edge = 1;
		new_code = true;
	}
}

/* ---- what a run dies of ---- */

static void keep_broken(void)
{
	int fd = present.bytes
		     ? open(broken_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)
		     : -1;

	if (fd < 0 || write(fd, present.bytes, present.length) != (ssize_t)present.length)
		return;
	close(fd);
	dprintf(STDERR_FILENO, "the input is in %s\n", broken_path);
}

static void dying(int number)
{
	keep_broken();
	if (number == SIGALRM)
		dprintf(STDERR_FILENO, "took too long\n");
	signal(number, SIG_DFL);
	raise(number == SIGALRM ? SIGABRT : number);
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch(const char *program)
{
	static const int deaths[] = { SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGALRM };
	size_t i;

	snprintf(broken_path, sizeof(broken_path), "%s.broken", program);
	for (i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++)
		signal(deaths[i], dying);
	atexit(keep_broken); /* a target may not end the process */
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(keep_broken);
}

/* ---- a run ---- */

/* In a buffer of just this size, so that ASan sees the first byte beyond. True when the
 * input is worth changing further. */
static bool run(const uint8_t *bytes, size_t length)
{
	unsigned long before = fuzz_accepted;

	present.bytes = malloc(length > 0 ? length : 1);
	fuzz_require(present.bytes);
	memcpy(present.bytes, bytes, length);
	present.length = length;
	new_code = false;
	last_place = 0;
	LLVMFuzzerTestOneInput(present.bytes, length);
	free(present.bytes);
	present = (struct input){ 0 };
	return new_code || fuzz_accepted > before;
}

static void pool_add(const uint8_t *bytes, size_t length, uint32_t *state)
{
	size_t place = pooled < POOL_MAX ? pooled++ : fuzz_random(state) % POOL_MAX;

	free(pool[place].bytes);
	pool[place].bytes = malloc(length > 0 ? length : 1);
	fuzz_require(pool[place].bytes);
	memcpy(pool[place].bytes, bytes, length);
	pool[place].length = length;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static const struct input *pick(uint32_t *state)
{
	return &pool[fuzz_random(state) % pooled];
}

static void one_input(uint32_t *state)
{
	static uint8_t bytes[FUZZ_INPUT_MAX];
	const struct input *from = pick(state), *other = pick(state);
	size_t length = from->length;
	bool worth;

	memcpy(bytes, from->bytes, length);
	length =
	    fuzz_mutate(bytes, length, sizeof(bytes), other->bytes, other->length, state);
	worth = run(bytes, length);
	/* Many are accepted; some of them are enough. */
	if (new_code || (worth && fuzz_random(state) % 16 == 0))
		pool_add(bytes, length, state);
}

static int fuzz(const char *program, double seconds, unsigned long most, uint32_t seed)
{
	static uint8_t bytes[FUZZ_INPUT_MAX];
	const char *name = strrchr(program, '/') ? strrchr(program, '/') + 1 : program;
	uint32_t state = seed * 2654435761u | 1;
	unsigned long inputs = 0, accepted_first;
	double end;
	unsigned number;
	size_t length;

	for (number = 0; number < SEEDS_MAX &&
			 (length = fuzz_target.seed(number, bytes, sizeof(bytes))) > 0;
	     number++) {
		run(bytes, length);
		pool_add(bytes, length, &state);
	}
	fuzz_require(pooled > 0);
	accepted_first = fuzz_accepted;
	end = now() + seconds;
	for (; inputs < most && (inputs % INPUTS_PER_LOOK != 0 || now() < end);
	     inputs++) {
		if (inputs % INPUTS_PER_LOOK == 0)
			alarm(PATIENCE);
		one_input(&state);
	}
	alarm(0);
	printf("%-22s %9lu inputs, %9lu accepted, %u to begin with, %zu kept, seed %u\n",
	    name, inputs, fuzz_accepted - accepted_first, number, pooled, seed);
	return fuzz_accepted > accepted_first ? 0 : 1;
}

static bool write_input(
    const char *folder, size_t number, const uint8_t *bytes, size_t length)
{
	char path[4200];
	size_t written;
	FILE *out;

	snprintf(path, sizeof(path), "%s/%04zu", folder, number);
	out = fopen(path, "wbe");
	if (!out)
		return false;
	written = fwrite(bytes, 1, length, out);
	return fclose(out) == 0 && written == length;
}

static int write_corpus(const char *folder)
{
	static uint8_t bytes[FUZZ_INPUT_MAX];
	unsigned number;
	size_t length;

	for (number = 0; number < SEEDS_MAX &&
			 (length = fuzz_target.seed(number, bytes, sizeof(bytes))) > 0;
	     number++)
		if (!write_input(folder, number, bytes, length))
			return 1;
	return 0;
}

static int write_kept(const char *folder)
{
	size_t i;

	for (i = 0; i < pooled; i++)
		if (!write_input(folder, i, pool[i].bytes, pool[i].length))
			return 1;
	return 0;
}

static int run_file(const char *path)
{
	static uint8_t bytes[FUZZ_INPUT_MAX];
	FILE *in = fopen(path, "rbe");
	size_t length;

	if (!in) {
		perror(path);
		return 1;
	}
	length = fread(bytes, 1, sizeof(bytes), in);
	fclose(in);
	run(bytes, length);
	return 0;
}

int main(int count, char **words)
{
	const char *keep = NULL;
	double seconds = 1;
	unsigned long most = ULONG_MAX;
	uint32_t seed = 1;
	int i, status = 0;

	for (i = 1; i + 1 < count && words[i][0] == '-'; i += 2) {
		if (strcmp(words[i], "--corpus") == 0)
			return write_corpus(words[i + 1]);
		if (strcmp(words[i], "--seconds") == 0)
			seconds = atof(words[i + 1]);
		else if (strcmp(words[i], "--inputs") == 0)
			most = strtoul(words[i + 1], NULL, 10);
		else if (strcmp(words[i], "--seed") == 0)
			seed = (uint32_t)strtoul(words[i + 1], NULL, 10);
		else if (strcmp(words[i], "--keep") == 0)
			keep = words[i + 1];
		else
			break;
	}
	if (i < count && words[i][0] == '-') {
		fprintf(stderr,
		    "usage: %s [--seconds N | --inputs N] [--seed N] [--keep FOLDER] | "
		    "--corpus "
		    "FOLDER | FILE...\n",
		    words[0]);
		return 2;
	}
	if (most < ULONG_MAX)
		seconds = PATIENCE_WHOLE;
	watch(words[0]);
	if (i == count)
		status = fuzz(words[0], seconds, most, seed);
	if (keep)
		status |= write_kept(keep);
	for (; i < count; i++)
		status |= run_file(words[i]);
	_exit(fflush(stdout) == 0 ? status : 1);
}
