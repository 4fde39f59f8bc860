/*
 * The real resolver, sealed and started by a sealed supervisor, in a network of its own
 * with a name server of ours. The program plays all parts. Needs root.
 */
int resolver_main(int argc, char **argv);
#define main resolver_main
#include "broker/resolver/main.c"
#undef main

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { PATIENCE = 20000, CONTROL_END = 3, MANY = 12 };

static char self[4096];

/* ---- a name server: what it answers, the name says ---- */

static size_t put_answer(uint8_t *out, const uint8_t address[4])
{
	static const uint8_t head[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4 };

	memcpy(out, head, sizeof head);
	memcpy(out + sizeof head, address, 4);
	return sizeof head + 4;
}

/* `many...` has too many for a datagram, `absent...` none, the others one. */
static size_t name_server_answer(uint8_t *message, size_t length, bool datagram)
{
	const uint8_t *name = message + 13;
	const bool four = message[length - 3] == 1, many = name[0] == 'm';
	unsigned i, count = !four || name[0] == 'a' ? 0 : many ? MANY : 1;

	message[2] = (uint8_t)(0x85 | (datagram && many ? 2 : 0)); /* TC */
	message[3] = name[0] == 'a' ? 3 : 0;			   /* NXDOMAIN */
	if (datagram && many)
		count = 0;
	message[7] = (uint8_t)count;
	for (i = 0; i < count; i++)
		length += put_answer(
		    message + length, (const uint8_t[]){ 127, 1, 0, (uint8_t)(i + 1) });
	return length;
}

static void name_server_stream(int fd)
{
	uint8_t message[2 + 4096];
	size_t length;

	while (read(fd, message, 2) == 2) {
		length = 256u * message[0] + message[1];
		if (read(fd, message + 2, length) != (ssize_t)length)
			break;
		length = name_server_answer(message + 2, length, false);
		message[0] = (uint8_t)(length >> 8);
		message[1] = (uint8_t)length;
		if (write(fd, message, 2 + length) < 0)
			break;
	}
	close(fd);
}

static void name_server_run(int datagrams, int streams)
{
	struct pollfd fds[] = { { datagrams, POLLIN, 0 }, { streams, POLLIN, 0 } };
	struct sockaddr_storage from;
	uint8_t message[4096];
	socklen_t room;
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		poll(fds, 2, -1);
		if (fds[1].revents)
			name_server_stream(accept(streams, NULL, NULL));
		if (!fds[0].revents)
			continue;
		room = sizeof from;
		n = recvfrom(datagrams, message, 512, 0, (struct sockaddr *)&from, &room);
		if (n > 0)
			sendto(datagrams, message,
			    name_server_answer(message, (size_t)n, true), 0,
			    (struct sockaddr *)&from, room);
	}
}

/* On the port of `::`, so that both families reach it. */
static pid_t name_server_start(void)
{
	const struct sockaddr_in6 address = { .sin6_family = AF_INET6,
		.sin6_port = htons(DNS_PORT) };
	const int datagrams = socket(AF_INET6, SOCK_DGRAM, 0),
		  streams = socket(AF_INET6, SOCK_STREAM, 0);
	pid_t pid;

	assert_int_equal(
	    bind(datagrams, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(
	    bind(streams, (const struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(streams, 8), 0);
	pid = fork();
	if (pid == 0)
		name_server_run(datagrams, streams);
	close(datagrams);
	close(streams);
	return pid;
}

/* ---- a network and an /etc of our own ---- */

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void stage(void)
{
	struct ifreq loopback = { .ifr_name = "lo" };
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET | CLONE_NEWNS), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	loopback.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &loopback), 0);
	close(fd);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("none", "/etc", "tmpfs", 0, "mode=0755"), 0);
	put_file("/etc/hosts", "127.0.0.1 localhost\n::1 six.example\n");
	put_file("/etc/resolv.conf", "nameserver 127.0.0.1\n");
	/* the first would come from a library that may be there or not */
	put_file("/etc/nsswitch.conf", "hosts: resolve files dns\n");
}

/* ---- the supervisor, which is sealed and starts it ---- */

static int play_supervisor(void)
{
	const struct seal seal = { .role = ROLE_SUPERVISOR,
		.state_directory = -1,
		.control = -1,
		.resolvers = true };
	char *words[] = { self, (char[]){ "--uid" }, (char[]){ "64123" },
		(char[]){ "--gid" }, (char[]){ "64124" }, NULL };
	struct spawn how = { ROLE_RESOLVER, self, words,
		{ -1, -1, STDERR_FILENO, CONTROL_END }, 4 };
	struct confine_error error = { "" };
	struct spawned out;
	siginfo_t info;

	if (confine_seal(&seal, &error) != 0 || confine_spawn(&how, &out, &error) != 0) {
		dprintf(STDERR_FILENO, "%s\n", error.text);
		return 99;
	}
	close(CONTROL_END);
	if (waitid(P_PIDFD, (id_t)out.pidfd, &info, WEXITED) != 0)
		return 98;
	return info.si_code == CLD_EXITED ? info.si_status : 100 + info.si_status;
}

struct rig {
	pid_t supervisor, name_server;
	int fd; /* to the resolver */
	struct gate gate;
	uint32_t id;
	char addresses[OP_ADDRESSES_MAX + 1], reason[OP_TEXT_MAX + 1];
};

static void rig_start(struct rig *rig)
{
	int ends[2];

	*rig = (struct rig){ .name_server = name_server_start() };
	assert_int_equal(channel_pair(ends), 0);
	rig->supervisor = fork();
	if (rig->supervisor == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(ends[1], CONTROL_END) != CONTROL_END)
			_exit(97);
		execl(self, self, "--play-supervisor", NULL);
		_exit(96);
	}
	close(ends[1]);
	rig->fd = ends[0];
}

static int rig_stop(struct rig *rig)
{
	int status = -1;

	close(rig->fd);
	assert_int_equal(waitpid(rig->supervisor, &status, 0), rig->supervisor);
	kill(rig->name_server, SIGKILL);
	waitpid(rig->name_server, NULL, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Fails the test when there is no answer. */
static const char *addresses_of(struct rig *rig, const char *host)
{
	struct pollfd p = { .fd = rig->fd, .events = POLLIN };
	static uint8_t bytes[FRAME_MAX + 1];
	struct frame_writer w;
	struct frame frame;
	size_t length = 0;

	frame_begin(&w, bytes, sizeof bytes, OP_RESOLVE, ++rig->id);
	frame_put_text(&w, host);
	assert_int_equal(channel_send(rig->fd, bytes, frame_end(&w)), 0);
	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	if (channel_receive(rig->fd, bytes, &length) != CHANNEL_FRAME)
		fail_msg("the resolver ended: status %d", rig_stop(rig));
	assert_int_equal(
	    frame_read(bytes, length, PARTY_RESOLVER, 0, &rig->gate, &frame), FRAME_GOOD);
	assert_int_equal(frame.id, rig->id);
	snprintf(rig->addresses, sizeof rig->addresses, "%.*s",
	    (int)frame_length(&frame, 0), (const char *)frame_bytes(&frame, 0));
	snprintf(rig->reason, sizeof rig->reason, "%.*s", (int)frame_length(&frame, 1),
	    (const char *)frame_bytes(&frame, 1));
	return rig->addresses;
}

static void finds_what_hosts_and_name_servers_say(void **state)
{
	struct rig rig;
	unsigned i, commas = 0;
	const char *many;

	(void)state;
	rig_start(&rig);
	assert_string_equal(addresses_of(&rig, "localhost"), "127.0.0.1");
	assert_string_equal(addresses_of(&rig, "six.example"), "[::1]");
	assert_string_equal(addresses_of(&rig, "one.example"), "127.1.0.1");
	/* by TCP, since the datagram was cut */
	many = addresses_of(&rig, "many.example");
	for (i = 0; many[i] != '\0'; i++)
		commas += many[i] == ',';
	assert_int_equal(commas, MANY - 1);
	assert_string_equal(addresses_of(&rig, "absent.example"), "");
	assert_string_equal(rig.reason, gai_strerror(EAI_NONAME));
	assert_int_equal(rig_stop(&rig), 0);
}

/* As an administrator or a DHCP client does it: a new file under the old name. */
static void sees_files_that_were_replaced(void **state)
{
	struct rig rig;

	(void)state;
	rig_start(&rig);
	assert_string_equal(addresses_of(&rig, "localhost"), "127.0.0.1");
	assert_string_equal(addresses_of(&rig, "one.example"), "127.1.0.1");
	put_file("/etc/new", "127.9.9.9 one.example\n127.0.0.1 localhost\n");
	assert_int_equal(rename("/etc/new", "/etc/hosts"), 0);
	assert_string_equal(addresses_of(&rig, "one.example"), "127.9.9.9");
	/* a name server that is reached by IPv6 */
	put_file("/etc/new", "nameserver ::1\n");
	assert_int_equal(rename("/etc/new", "/etc/resolv.conf"), 0);
	assert_string_equal(addresses_of(&rig, "two.example"), "127.1.0.1");
	assert_non_null(strstr(addresses_of(&rig, "many.example"), "127.1.0.12"));
	/* one question after another */
	put_file("/etc/new", "nameserver 127.0.0.1\noptions single-request\n");
	assert_int_equal(rename("/etc/new", "/etc/resolv.conf"), 0);
	assert_string_equal(addresses_of(&rig, "three.example"), "127.1.0.1");
	assert_int_equal(rig_stop(&rig), 0);
	put_file("/etc/hosts", "127.0.0.1 localhost\n::1 six.example\n");
	put_file("/etc/resolv.conf", "nameserver 127.0.0.1\n");
}

static void ends_at_what_is_no_question(void **state)
{
	uint8_t bytes[64];
	struct frame_writer w;
	struct rig rig;
	struct pollfd p;
	size_t length;

	(void)state;
	rig_start(&rig);
	frame_begin(&w, bytes, sizeof bytes, OP_DROP_WORKER, 1);
	frame_put_u32(&w, 1);
	assert_int_equal(channel_send(rig.fd, bytes, frame_end(&w)), 0);
	p = (struct pollfd){ .fd = rig.fd, .events = POLLIN };
	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_int_equal(channel_receive(rig.fd, bytes, &length), CHANNEL_CLOSED);
	assert_int_equal(rig_stop(&rig), EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_hosts_and_name_servers_say),
		cmocka_unit_test(sees_files_that_were_replaced),
		cmocka_unit_test(ends_at_what_is_no_question),
	};

	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		snprintf(self, sizeof self, "%s", argv[0]);
	if (argc > 1 && strcmp(argv[1], "--play-supervisor") == 0)
		return play_supervisor();
	if (argc > 1)
		return resolver_main(argc, argv);
#ifdef SANITIZED
	(void)tests;
	puts("not run: a sealed process can't do what AddressSanitizer does");
	return 0;
#endif
	if (geteuid() != 0) {
		fputs("test_resolver: needs root (namespaces, users)\n", stderr);
		return 1;
	}
	stage();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
