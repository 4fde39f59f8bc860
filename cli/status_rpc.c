/* privyseal status: asks the worker, as anybody may who may use the socket; and for root
 * the broker, whose numbers and alerts no worker can change. */
#include "cli/admin_ask.h"
#include "cli/cli.h"
#include "cli/json_print.h"
#include "cli/status_prometheus.h"
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

/* The result, to be freed; NULL after a line that says what was answered instead. */
static cJSON *ask(int fd, const char *method)
{
	static char line[ANSWER_MAX];
	char request[64];
	int asked = snprintf(request, sizeof request,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"}\n", method);
	const char *message;
	cJSON *answer, *result;
	ssize_t length;

	if (write(fd, request, (size_t)asked) != asked) {
		log_error("privyseald has closed the connection: %s", strerror(errno));
		return NULL;
	}
	length = read_line(fd, line, sizeof line);
	if (length < 0)
		return NULL;
	answer = cJSON_ParseWithLength(line, (size_t)length);
	result = cJSON_DetachItemFromObjectCaseSensitive(answer, "result");
	message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
	    cJSON_GetObjectItemCaseSensitive(answer, "error"), "message"));
	if (!result)
		log_error(
		    "privyseald answers: %s", message ? message : "what is no result");
	cJSON_Delete(answer);
	return result;
}

/* What the worker says of these itself is taken away. */
static void set(cJSON *result, const char *name, cJSON *value)
{
	while (cJSON_HasObjectItem(result, name))
		cJSON_DeleteItemFromObject(result, name);
	if (value)
		cJSON_AddItemToObject(result, name, value);
}

static void add_broker_report(cJSON *result, cJSON *report, int fd)
{
	static const char *const names[] = { "counters", "sockets", "record",
		"credentials" };
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		set(result, names[i],
		    cJSON_DetachItemFromObjectCaseSensitive(report, names[i]));
	set(result, "alerts",
	    report ? cJSON_DetachItemFromObjectCaseSensitive(report, "alerts")
		   : ask(fd, "alerts"));
}

static enum exit_status show(int fd, cJSON *report, bool json)
{
	enum exit_status status = EXIT_REFUSED;
	cJSON *result = ask(fd, "status");

	if (!cJSON_IsObject(result)) {
		cJSON_Delete(result);
		return EXIT_REFUSED;
	}
	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(result, "ready")))
		status = EXIT_DONE;
	else
		log_error(
		    "privyseald is not ready, or can't write its record: see its log");
	add_broker_report(result, report, fd);
	if (json)
		json_print(result, stdout);
	else
		status_print(result, stdout);
	cJSON_Delete(result);
	return status;
}

static enum exit_status show_metrics(const char *runtime_directory)
{
	cJSON *report;

	if (geteuid() != 0) {
		log_error(
		    "the numbers are the broker's, which answers root alone: run it as "
		    "root");
		return EXIT_REFUSED;
	}
	report = admin_ask(runtime_directory, OP_ADMIN_STATUS);
	if (!report || !seal_command())
		return EXIT_REFUSED;
	metrics_print(report, stdout);
	cJSON_Delete(report);
	return EXIT_DONE;
}

enum exit_status command_status(const struct arguments *arguments)
{
	static char buffer[65536];
	enum exit_status status = EXIT_REFUSED;
	cJSON *report = NULL;
	int fd;

	/* A buffer of its own: stdio would ask for the file's status to choose one. */
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	if (arguments->prometheus) {
		status = show_metrics(arguments->runtime_directory);
	} else {
		fd = connect_socket(
		    arguments->runtime_directory, arguments->client, SOCK_STREAM);
		if (fd >= 0 && geteuid() == 0)
			report = admin_ask(arguments->runtime_directory, OP_ADMIN_STATUS);
		if (fd >= 0 && seal_command())
			status = show(fd, report, arguments->json);
		cJSON_Delete(report);
	}
	return status;
}
