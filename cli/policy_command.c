/* privyseal policy: opens the files, seals itself, reads them. */
#include "cli/policy_command.h"
#include "ipc/log.h"

#include <stdlib.h>

struct inputs {
	struct policy_input policy;
	struct policy_input document;
	struct policy_input issuer;
};

static bool open_inputs(const struct policy_request *request, struct inputs *inputs)
{
	*inputs = (struct inputs){ 0 };
	return policy_input_open(&inputs->policy, request->policy, POLICY_TEXT_MAX) &&
	       (!request->document_file ||
		   policy_input_open(
		       &inputs->document, request->document_file, POLICY_INPUT_MAX)) &&
	       (!request->issuer_file || policy_input_open(&inputs->issuer,
					     request->issuer_file, POLICY_INPUT_MAX));
}

static bool read_inputs(const struct policy_request *request, struct inputs *inputs)
{
	return policy_input_read(&inputs->policy) &&
	       (!request->document_file || policy_input_read(&inputs->document)) &&
	       (!request->issuer_file || policy_input_read(&inputs->issuer));
}

static enum exit_status test(const struct policy *policy,
    const struct policy_request *request, const struct inputs *inputs)
{
	char message[MESSAGE_MAX];
	struct decision decision;

	if (!policy_try(policy, request, &inputs->document,
		request->issuer_file ? &inputs->issuer : NULL, &decision, message)) {
		log_error("%s", message);
		return EXIT_REFUSED;
	}
	policy_show_decision(&decision, request->policy, request->json, stdout);
	if (decision.verdict != VERDICT_PERMIT && decision.why && !request->json)
		log_notice("%s", decision.why);
	if (message[0] != '\0')
		log_notice("%s", message);
	return decision.verdict == VERDICT_PERMIT ? EXIT_DONE : EXIT_REFUSED;
}

static enum exit_status act(
    const struct policy_request *request, const struct inputs *inputs)
{
	enum exit_status status = EXIT_DONE;
	struct policy_error error;
	void *storage = NULL;
	struct policy *policy = policy_of_input(&inputs->policy, &storage, &error);

	if (request->act == POLICY_CHECK)
		policy_show_check(policy, request->policy, &error, request->json, stdout);
	else if (!policy)
		policy_print_error(request->policy, &error, stderr);
	else if (request->act == POLICY_EXPLAIN)
		policy_show_rules(policy, request->json, stdout);
	else
		status = test(policy, request, inputs);
	free(storage);
	return policy ? status : EXIT_REFUSED;
}

enum exit_status command_policy(const struct arguments *arguments)
{
	static char buffer[65536];
	enum exit_status status = EXIT_REFUSED;
	struct policy_request request;
	struct inputs inputs;
	char message[MESSAGE_MAX];

	if (!policy_request_read(arguments->words, arguments->words_count, time(NULL),
		&request, message)) {
		log_error("%s", message);
		return EXIT_USAGE;
	}
	request.json = arguments->json;
	/* A buffer of its own: stdio would ask for the file's status to choose one. */
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	if (open_inputs(&request, &inputs) && seal_command() &&
	    read_inputs(&request, &inputs))
		status = act(&request, &inputs);
	policy_input_close(&inputs.policy);
	policy_input_close(&inputs.document);
	policy_input_close(&inputs.issuer);
	return status;
}
