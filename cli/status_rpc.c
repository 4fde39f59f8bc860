/* privyseal status: asks the worker, as anybody may who may use the socket. */
#include "cli/cli.h"
#include "cli/json_print.h"
#include "cli/rotation.h"
#include "cli/status_table.h"
#include "ipc/log.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX  1048576
#define ANSWER_TIME 10000 /* milliseconds for each piece */

static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n";

/* One line; its length without the newline, or -1. */
static ssize_t read_line(int fd, char *line, size_t room)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t length = 0;
	char *newline;
	ssize_t n;

	while (length < room) {
		if (poll(&p, 1, ANSWER_TIME) <= 0) {
			log_error(
			    "privyseald has not answered in %d s", ANSWER_TIME / 1000);
			return -1;
		}
		n = read(fd, line + length, room - length);
		if (n <= 0) {
			log_error(
			    "privyseald has closed the connection; its log says why");
			return -1;
		}
		newline = memchr(line + length, '\n', (size_t)n);
		if (newline)
			return newline - line;
		length += (size_t)n;
	}
	log_error("the answer is longer than %zu bytes", room);
	return -1;
}

/* Prints the error of the answer, when it has one. */
static const cJSON *result_of(const cJSON *answer)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(answer, "error");
	const char *message =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "message"));
	const cJSON *result = cJSON_GetObjectItemCaseSensitive(answer, "result");

	if (cJSON_IsObject(result))
		return result;
	log_error("privyseald answers: %s", message ? message : "what is no result");
	return NULL;
}

enum exit_status command_status(const struct arguments *arguments)
{
	static char line[ANSWER_MAX], buffer[65536];
	enum exit_status status = EXIT_REFUSED;
	const cJSON *result;
	cJSON *answer;
	ssize_t length;
	int fd = connect_socket(arguments->runtime_directory, "auth.sock", SOCK_STREAM);

	/* A buffer of its own: stdio would ask for the file's status to choose one. */
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	if (fd < 0 || !seal_command())
		return EXIT_REFUSED;
	if (write(fd, request, strlen(request)) != (ssize_t)strlen(request)) {
		log_error("privyseald has closed the connection: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	length = read_line(fd, line, sizeof line);
	if (length < 0)
		return EXIT_REFUSED;
	answer = cJSON_ParseWithLength(line, (size_t)length);
	result = result_of(answer);
	if (result && arguments->json)
		json_print(result, stdout);
	else if (result)
		status_print(result, stdout);
	if (result && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(result, "ready")))
		status = EXIT_DONE;
	else if (result)
		log_error(
		    "privyseald is not ready, or can't write its record: see its log");
	cJSON_Delete(answer);
	return fflush(stdout) == 0 ? status : EXIT_REFUSED;
}
