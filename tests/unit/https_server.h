/*
 * An HTTPS server for tests: a child process on a port of 127.0.0.1, with a certificate
 * of its own making for `localhost`. What it answers, the path says:
 *
 *     /echo      the request as it came, its body included
 *     /count     how many requests this connection has had
 *     /fields    headers that are kept, and one that is not
 *     /half      fewer bytes than announced
 *     /long      a megabyte
 *     /head      headers without end
 *     /silence   nothing, ever
 *     /close     nothing, and closes
 *     /redirect  302 to /echo
 */
#ifndef TESTS_HTTPS_SERVER_H
#define TESTS_HTTPS_SERVER_H

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct https_server {
	pid_t pid;
	unsigned port;
	char certificate[8192]; /* PEM */
};

static X509 *https_server_certificate(EVP_PKEY *key, const char *name)
{
	X509 *certificate = X509_new();
	X509_EXTENSION *names =
	    X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, name);

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
	    (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	X509_add_ext(certificate, names, -1);
	X509_EXTENSION_free(names);
	X509_sign(certificate, key, EVP_sha256());
	return certificate;
}

static void https_server_say(SSL *tls, const char *status, const char *fields,
    const char *body, size_t length, size_t announced)
{
	char head[512];
	const int n = snprintf(head, sizeof head,
	    "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, fields, announced);

	SSL_write(tls, head, n);
	if (length > 0)
		SSL_write(tls, body, (int)length);
}

static void https_server_say_endless_head(SSL *tls)
{
	static const char field[] = "X-Other: x\r\n";

	SSL_write(tls, "HTTP/1.1 200 OK\r\n", 17);
	while (SSL_write(tls, field, sizeof field - 1) > 0)
		continue;
}

/* False when the connection is to be closed. */
static bool https_server_answer(
    SSL *tls, const char *request, size_t length, unsigned count)
{
	static char megabyte[1024 * 1024];
	const char *path = strchr(request, ' ') + 1;
	char text[16];

	if (strncmp(path, "/echo", 5) == 0)
		https_server_say(tls, "200 OK", "", request, length, length);
	else if (strncmp(path, "/count", 6) == 0)
		https_server_say(tls, "200 OK", "", text,
		    (size_t)snprintf(text, sizeof text, "%u", count),
		    (size_t)snprintf(text, sizeof text, "%u", count));
	else if (strncmp(path, "/fields", 7) == 0)
		https_server_say(tls, "400 Bad Request",
		    "date:  Sun, 30 Aug 2015 12:36:00 GMT \r\n"
		    "x-amzn-requestid: 1-2-3\r\nX-Other: x\r\n",
		    "{}", 2, 2);
	else if (strncmp(path, "/half", 5) == 0)
		return https_server_say(tls, "200 OK", "", "1234", 4, 10), false;
	else if (strncmp(path, "/long", 5) == 0)
		https_server_say(tls, "200 OK", "",
		    memset(megabyte, 'x', sizeof megabyte), sizeof megabyte,
		    sizeof megabyte);
	else if (strncmp(path, "/head", 5) == 0)
		return https_server_say_endless_head(tls), false;
	else if (strncmp(path, "/silence", 8) == 0)
		pause();
	else if (strncmp(path, "/close", 6) == 0)
		return false;
	else
		https_server_say(tls, "302 Found", "Location: /echo\r\n", "", 0, 0);
	return true;
}

/* A whole request: its head, and as much body as that announces. */
static size_t https_server_read(SSL *tls, char *request, size_t room)
{
	size_t length = 0, whole = SIZE_MAX;
	const char *end, *announced;
	int n;

	while (length < whole) {
		n = SSL_read(tls, request + length, (int)(room - 1 - length));
		if (n <= 0)
			return 0;
		length += (size_t)n;
		request[length] = '\0';
		end = strstr(request, "\r\n\r\n");
		if (!end)
			continue;
		announced = strcasestr(request, "Content-Length:");
		whole = (size_t)(end + 4 - request) +
			(announced && announced < end ? strtoul(announced + 15, NULL, 10)
						      : 0);
	}
	return length;
}

static void https_server_serve(SSL_CTX *context, int fd)
{
	static char request[65536];
	SSL *tls = SSL_new(context);
	unsigned count = 0;
	size_t length;

	SSL_set_fd(tls, fd);
	if (SSL_accept(tls) == 1)
		while ((length = https_server_read(tls, request, sizeof request)) > 0 &&
		       https_server_answer(tls, request, length, ++count))
			continue;
	SSL_free(tls);
	_exit(0);
}

static void https_server_run(
    int listener, X509 *certificate, EVP_PKEY *key, int tls_version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(context, tls_version);
	SSL_CTX_use_certificate(context, certificate);
	SSL_CTX_use_PrivateKey(context, key);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			https_server_serve(context, fd);
		}
		close(fd);
	}
	_exit(1);
}

/* `name` as in subjectAltName: DNS:localhost; `tls_version` the newest that it speaks. */
static inline bool https_server_start(
    struct https_server *server, const char *name, int tls_version)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = https_server_certificate(key, name);
	BIO *pem = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(pem, certificate);
	BIO_read(pem, server->certificate, sizeof server->certificate - 1);
	BIO_free(pem);
	if (bind(listener, (struct sockaddr *)&address, length) != 0 ||
	    listen(listener, 64) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		return false;
	server->port = ntohs(address.sin_port);
	server->pid = fork();
	if (server->pid == 0)
		https_server_run(listener, certificate, key, tls_version);
	close(listener);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return server->pid > 0;
}

static inline void https_server_stop(const struct https_server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}

#endif
