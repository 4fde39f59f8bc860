/*
 * What a sealed process does on the network: a networked broker speaks HTTPS by
 * broker/http.c, to its ports alone, and reads what it may read. The program plays both
 * sides: started with --play=NAME it is the sealed process. Needs root.
 */
#include "broker/clocks.h"
#include "broker/crypto.h"
#include "broker/http.h"
#include "confine/confine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "tests/unit/https_server.h"

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { CONTROL_END = 3, ROOTS = 4, READABLE = 5, REQUESTS = 40, PATIENCE = 30000 };

static char self[4096];

/* ---- the sealed broker ---- */

struct asked {
	long status;
	bool refused;
	char body[256], why[256];
};

static void done(void *context, const struct http_answer *answer)
{
	struct asked *asked = context;

	asked->status = answer->status;
	asked->refused = answer->refused;
	snprintf(asked->body, sizeof asked->body, "%s", answer->body);
	snprintf(asked->why, sizeof asked->why, "%s", answer->why);
}

static void run(struct http *http)
{
	const uint64_t end = clock_boot_ns() + 20 * SECOND_NS;
	struct pollfd polled[HTTP_DESCRIPTORS_MAX];
	unsigned count;
	int wait;

	while (http_under_way(http) > 0 && clock_boot_ns() < end) {
		count = http_fill(http, polled);
		wait = http_wait_ms(http);
		poll(polled, count, wait < 0 || wait > 1000 ? 1000 : wait);
		http_turn(http, polled, count);
	}
}

static struct asked ask(struct http *http, unsigned port, const char *host,
    const char *address, const char *path)
{
	static struct asked asked;
	char url[128], resolve[128];
	const struct http_request request = { .method = "POST",
		.url = url,
		.resolve = resolve,
		.body = "body",
		.length = 4,
		.timeout_ms = 10000,
		.connect_timeout_ms = 5000 };

	memset(&asked, 0, sizeof asked);
	snprintf(url, sizeof url, "https://%s:%u%s", host, port, path);
	snprintf(resolve, sizeof resolve, "%s:%u:%s", host, port, address);
	if (!http_send(http, &request, done, &asked))
		_exit(90);
	run(http);
	return asked;
}

static struct http *pool(const char *pem, size_t length)
{
	struct failure failure = { "" };
	X509_STORE *store = pem ? http_roots(pem, length) : NULL;
	const struct http_settings settings = { .connections = 4, .roots = store };
	struct http *http = http_new(&settings, &failure);

	if (!http)
		_exit(91);
	return http;
}

static void seal_or_exit(uint16_t first, uint16_t second)
{
	const struct seal seal = { .role = ROLE_NETWORKED,
		.state_directory = -1,
		.control = CONTROL_END,
		.ports = { first, second },
		.readable = { READABLE } };
	struct confine_error error;

	if (confine_seal(&seal, &error) == 0)
		return;
	dprintf(STDERR_FILENO, "%s\n", error.text);
	_exit(99);
}

#define CHECK(condition)                                                                 \
	do {                                                                             \
		if (!(condition)) {                                                      \
			dprintf(STDERR_FILENO, "line %d: %s\n", __LINE__, #condition);   \
			_exit(1);                                                        \
		}                                                                        \
	} while (0)

/* The server's port, one that nobody listens on, and one that the seal does not name. */
static void play_https(const uint16_t ports[3])
{
	static char pem[8192];
	const ssize_t length = read(ROOTS, pem, sizeof pem);
	struct http *http = pool(pem, (size_t)length), *trusts_nobody = pool(NULL, 0);
	struct failure failure = { "" };
	struct crypto crypto = { 0 };
	struct asked asked;
	int i;

	CHECK(crypto_start(&crypto, &failure));
	seal_or_exit(ports[0], ports[1]);
	for (i = 0; i < REQUESTS; i++) {
		asked = ask(http, ports[0], "localhost", "127.0.0.1", "/count");
		CHECK(asked.status == 200);
		CHECK(atoi(asked.body) == i + 1); /* one connection for all */
	}
	for (i = 0; i < REQUESTS; i++) {
		asked = ask(http, ports[0], "localhost", "127.0.0.1",
		    i % 2 ? "/count" : "/close");
		CHECK(asked.status == (i % 2 ? 200 : 0));
	}
	asked = ask(trusts_nobody, ports[0], "localhost", "127.0.0.1", "/count");
	CHECK(asked.status == 0 && strstr(asked.why, "certificate"));
	asked = ask(http, ports[1], "localhost", "127.0.0.1", "/count");
	CHECK(asked.status == 0 && asked.refused);
	asked = ask(http, ports[1], "ipv6", "[::1]", "/count");
	CHECK(asked.status == 0 && asked.refused);
	asked = ask(http, ports[0], "127.0.0.1", "127.0.0.1", "/count");
	CHECK(asked.status == 0 && strstr(asked.why, "127.0.0.1"));
	/* last, since where Landlock knows no ports it is no failure */
	asked = ask(http, ports[2], "localhost", "127.0.0.1", "/count");
	CHECK(asked.status == 0 || asked.status == 200);
	http_free(trusts_nobody);
	http_free(http);
	_exit(asked.status == 0 ? 0 : 77);
}

static void play_read(const uint16_t ports[3])
{
	char byte;
	int fd;

	(void)ports;
	seal_or_exit(443, 0);
	fd = openat(READABLE, "file", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, &byte, 1) == 1 && byte == 'x');
	/* as at the next rotation: replaced by name */
	CHECK(write(1, "1", 1) == 1 && read(CONTROL_END, &byte, 1) == 1);
	fd = openat(READABLE, "file", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && read(fd, &byte, 1) == 1 && byte == 'y');
	CHECK(openat(READABLE, "file", O_WRONLY | O_CLOEXEC) < 0 && errno == EACCES);
	CHECK(openat(READABLE, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 &&
	      errno == EACCES);
	CHECK(renameat(READABLE, "file", READABLE, "new") < 0 && errno == EACCES);
	CHECK(openat(READABLE, "..", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
	CHECK(openat(READABLE, "../../../etc/passwd", O_RDONLY | O_CLOEXEC) < 0 &&
	      errno == EACCES);
	_exit(0);
}

static const struct {
	const char *name;
	void (*play)(const uint16_t ports[3]);
} parts[] = { { "https", play_https }, { "read", play_read } };

static int play(const char *name, char **arguments)
{
	uint16_t ports[3];
	size_t i;

	for (i = 0; i < 3; i++)
		ports[i] = (uint16_t)atoi(arguments[i]);
	if (confine_early() == 0)
		for (i = 0; i < sizeof parts / sizeof *parts; i++)
			if (strcmp(parts[i].name, name) == 0)
				parts[i].play(ports);
	return 96;
}

/* ---- the stage ---- */

struct child {
	struct spawned process;
	int said, hold;
};

static struct child begin(
    const char *part, const uint16_t ports[3], int roots, int readable)
{
	char name[32], numbers[3][8];
	char *const arguments[] = { self, name, numbers[0], numbers[1], numbers[2],
		NULL };
	struct spawn spawn = { .role = ROLE_NETWORKED,
		.path = self,
		.arguments = arguments,
		.descriptors = { -1, -1, STDERR_FILENO, -1, roots, readable },
		.count = 6 };
	struct confine_error error;
	struct child child;
	int said[2], hold[2], i;

	snprintf(name, sizeof name, "--play=%s", part);
	for (i = 0; i < 3; i++)
		snprintf(numbers[i], sizeof numbers[i], "%u", ports[i]);
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	spawn.descriptors[1] = said[1];
	spawn.descriptors[3] = hold[0];
	if (confine_spawn(&spawn, &child.process, &error) != 0)
		fail_msg("%s", error.text);
	close(said[1]);
	close(hold[0]);
	child.said = said[0];
	child.hold = hold[1];
	return child;
}

static int end(struct child *child)
{
	struct pollfd ended = { .fd = child->process.pidfd, .events = POLLIN };
	int status = -1;

	assert_int_equal(poll(&ended, 1, PATIENCE), 1);
	assert_int_equal(waitpid(child->process.pid, &status, 0), child->process.pid);
	close(child->hold);
	close(child->said);
	close(child->process.pidfd);
	close(child->process.status);
	return status;
}

/* A port of 127.0.0.1; while `fd` is open and does not listen, connections are refused.
 */
static uint16_t closed_port(int *fd)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof address;

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&address, &length), 0);
	return ntohs(address.sin_port);
}

static bool landlock_knows_ports(void)
{
	return syscall(444 /* landlock_create_ruleset */, NULL, 0, 1 /* version */) >= 4;
}

static void networked_broker_speaks_https_to_its_ports_alone(void **state)
{
	struct https_server server, forbidden;
	uint16_t ports[3];
	struct child child;
	int roots, fd, status;

	(void)state;
	assert_true(https_server_start(&server, "DNS:localhost", TLS1_3_VERSION));
	assert_true(https_server_start(&forbidden, "DNS:localhost", TLS1_3_VERSION));
	roots = memfd_create("roots", MFD_CLOEXEC);
	dprintf(roots, "%s%s", server.certificate, forbidden.certificate);
	lseek(roots, 0, SEEK_SET);
	ports[0] = (uint16_t)server.port;
	ports[1] = closed_port(&fd);
	ports[2] = (uint16_t)forbidden.port;
	child = begin("https", ports, roots, -1);
	status = end(&child);
	https_server_stop(&server);
	https_server_stop(&forbidden);
	close(roots);
	close(fd);
	if (WIFSIGNALED(status))
		fail_msg("killed by %s", strsignal(WTERMSIG(status)));
	assert_int_equal(WEXITSTATUS(status), landlock_knows_ports() ? 0 : 77);
}

static void put(int directory, const char *name, const char *byte)
{
	int fd = openat(directory, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, byte, 1), 1);
	close(fd);
}

static void networked_broker_reads_beneath_its_directories_alone(void **state)
{
	char directory[] = "/var/tmp/privyseal-test-XXXXXX", byte;
	const uint16_t ports[3] = { 0 };
	struct child child;
	int fd, status;

	(void)state;
	assert_non_null(mkdtemp(directory));
	fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	put(fd, "file", "x");
	child = begin("read", ports, -1, fd);
	assert_int_equal(read(child.said, &byte, 1), 1);
	put(fd, "next", "y");
	assert_int_equal(renameat(fd, "next", fd, "file"), 0);
	assert_int_equal(write(child.hold, "g", 1), 1);
	status = end(&child);
	unlinkat(fd, "file", 0);
	unlinkat(fd, "new", 0);
	close(fd);
	rmdir(directory);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networked_broker_speaks_https_to_its_ports_alone),
		cmocka_unit_test(networked_broker_reads_beneath_its_directories_alone),
	};

	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		snprintf(self, sizeof self, "%s", argv[0]);
	if (argc > 4 && strncmp(argv[1], "--play=", 7) == 0)
		return play(argv[1] + 7, argv + 2);
#ifdef SANITIZED
	(void)tests;
	puts("not run: a sealed process can't do what AddressSanitizer does");
	return 0;
#endif
	if (geteuid() != 0) {
		fputs("test_confine_network: needs root (namespaces, users)\n", stderr);
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
