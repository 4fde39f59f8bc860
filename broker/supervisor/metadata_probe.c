/* Whether the guard of the instance metadata service holds, by trying: root gets an
 * answer there, the workers' user is refused. Once, at start, before the supervisor is
 * sealed. */
#include "broker/supervisor/supervisor.h"

#include <arpa/inet.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define PATIENCE 2000 /* milliseconds, for each step */
#define MOST	 10   /* seconds, for all of it */
#define PORT	 80

/* What a probe ends with. */
enum { ANSWERED, REFUSED, SILENT };

static int judge(int error)
{
	return error == ETIMEDOUT || error == ECONNRESET ? SILENT : REFUSED;
}

static int connect_to(const char *address)
{
	const struct timeval patience = { .tv_sec = PATIENCE / 1000 };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	const bool is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
	int fd;

	if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	fd = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
	    connect(fd, is_four ? (void *)&four : (void *)&six,
		is_four ? sizeof four : sizeof six) == 0)
		return fd;
	/* A connect() that runs out of time says EINPROGRESS. */
	if (errno == EINPROGRESS)
		errno = ETIMEDOUT;
	return -1;
}

/* Asks as an SDK would, for a token of one second that nobody uses. */
static int ask(const char *address)
{
	struct pollfd p = { .fd = connect_to(address), .events = POLLIN };
	char question[256], answer[8];
	int length;

	if (p.fd < 0)
		return judge(errno);
	length = snprintf(question, sizeof question,
	    "PUT /latest/api/token HTTP/1.1\r\nHost: metadata\r\n"
	    "X-aws-ec2-metadata-token-ttl-seconds: 1\r\nContent-Length: 0\r\n"
	    "Connection: close\r\n\r\n");
	if (write(p.fd, question, (size_t)length) != length ||
	    poll(&p, 1, PATIENCE) != 1 || read(p.fd, answer, sizeof answer) < 5)
		return SILENT;
	return memcmp(answer, "HTTP/", 5) == 0 ? ANSWERED : SILENT;
}

static _Noreturn void probe(const char *address, uid_t uid, gid_t gid)
{
	alarm(MOST);
	if (uid != 0 && (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
			    setresuid(uid, uid, uid) != 0))
		_exit(SILENT);
	_exit(ask(address));
}

static int try_as(const char *address, uid_t uid, gid_t gid)
{
	const pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		probe(address, uid, gid);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status)
		   ? WEXITSTATUS(status)
		   : SILENT;
}

bool metadata_is_guarded(const char *address, uid_t uid, gid_t gid)
{
	const int root = try_as(address, 0, 0);
	const int other = root == ANSWERED ? try_as(address, uid, gid) : SILENT;

	if (root != ANSWERED)
		return FAIL("root %s at %s, where the AWS credentials are to come from: "
			    "%s",
		    root == REFUSED ? "is refused" : "gets no answer", address,
		    root == REFUSED
			? "a firewall's rule keeps it away (privyseal-imds check), or "
			  "this is no EC2 instance"
			: "this is no EC2 instance, or a firewall drops what is sent "
			  "there, or in a container the hop limit is 1");
	if (other == ANSWERED)
		return FAIL("every user gets AWS credentials from %s, those of the CA "
			    "too: run `privyseal-imds install`, which keeps it for root",
		    address);
	return other == REFUSED ||
	       FAIL("uid %u gets no answer from %s and is not refused either, which "
		    "proves nothing: run `privyseal-imds install`, which refuses",
		   uid, address);
}
