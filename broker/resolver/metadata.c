/* Asking the instance metadata service; metadata.h says for whom. */
#include "broker/resolver/metadata.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE 2000 /* milliseconds, for each step */
#define PORT	 80

/* What rules and routes refuse with. All else, such as a want of descriptors, is our own
 * trouble or silence, as a connect() that runs out of time (EINPROGRESS). */
static enum metadata_end judge(int error)
{
	return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
		       error == EACCES || error == EPERM
		   ? METADATA_REFUSES
		   : METADATA_SILENT;
}

static int connect_to(const char *address)
{
	const struct timeval patience = { .tv_sec = PATIENCE / 1000 };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	const int is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
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
	return -1;
}

/* Asks as an SDK would, for a token of one second that nobody uses. */
static enum metadata_end ask(const char *address)
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
		return METADATA_SILENT;
	return memcmp(answer, "HTTP/", 5) == 0 ? METADATA_ANSWERS : METADATA_SILENT;
}

enum metadata_end metadata_ask(const char *address, uid_t uid, gid_t gid)
{
	if (uid != 0 && (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
			    setresuid(uid, uid, uid) != 0))
		return METADATA_SILENT;
	return ask(address);
}
