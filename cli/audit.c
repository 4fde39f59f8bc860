/* privyseal audit: opens the files, seals itself, reads them. */
#include "cli/audit.h"
#include "cli/json_print.h"
#include "cli/state_directory.h"
#include "ipc/log.h"

#include <string.h>

static void add_text(cJSON *result, const char *name, const char *text)
{
	cJSON_AddStringToObject(result, name, text);
}

static void add_number(cJSON *result, const char *name, uint64_t number)
{
	cJSON_AddNumberToObject(result, name, (double)number);
}

static void print_json(const struct audit_chain *chain, unsigned files)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddBoolToObject(result, "whole", !chain->broken);
	add_number(result, "files", files);
	add_number(result, "records", chain->records);
	add_number(result, "torn_lines", chain->torn_lines);
	if (chain->broken) {
		add_text(result, "file", chain->fault.place.file);
		add_number(result, "line", chain->fault.place.line);
		add_number(result, "sequence", chain->fault.sequence);
		add_text(result, "fault", chain->fault.text);
	} else {
		add_number(result, "first_sequence", chain->first.sequence);
		add_text(result, "first_time", chain->first.time);
		add_number(result, "last_sequence", chain->last.sequence);
		add_text(result, "last_time", chain->last.time);
		add_text(result, "last_hash", chain->last.hash);
		add_number(
		    result, "pruned_up_to", chain->cut.restores ? 0 : chain->lacking);
		add_number(result, "restored_at", chain->restored.sequence);
	}
	json_print(result, stdout);
	cJSON_Delete(result);
}

/* Why the record does not begin with record 1, or continues another host's. */
static void print_cut(const struct audit_chain *chain)
{
	const struct audit_link *cut = &chain->cut, *restored = &chain->restored;

	if (cut->sequence > 0 && !cut->restores)
		printf("begins with %llu: what came before was pruned on %s, as record "
		       "%llu says\n",
		    (unsigned long long)chain->lacking + 1, cut->time,
		    (unsigned long long)cut->sequence);
	if (restored->sequence > 0)
		printf("restored from a backup that reached record %llu, on %s, as "
		       "record %llu says%s\n",
		    (unsigned long long)restored->cut, restored->time,
		    (unsigned long long)restored->sequence,
		    cut->restores ? "; what came before is where the backup was taken"
				  : "");
}

static void print_text(const struct audit_chain *chain, unsigned files)
{
	char name[4 * AUDIT_NAME_MAX], text[4 * sizeof chain->fault.text];
	const struct audit_fault *fault = &chain->fault;

	if (!chain->broken) {
		printf(
		    "%u file%s, %llu records, %s to %s, the last is %llu with hash %s\n",
		    files, files == 1 ? "" : "s", (unsigned long long)chain->records,
		    chain->first.time, chain->last.time,
		    (unsigned long long)chain->last.sequence, chain->last.hash);
		print_cut(chain);
		return;
	}
	log_escape(name, sizeof name, fault->place.file, strlen(fault->place.file));
	log_escape(text, sizeof text, fault->text, strlen(fault->text));
	printf("%s:%llu: record %llu %s\n", name, (unsigned long long)fault->place.line,
	    (unsigned long long)fault->sequence, text);
}

static enum exit_status verify(
    struct audit_files *files, const struct audit_request *request)
{
	static struct audit_chain chain;
	bool whole;

	if (!audit_chain_start(&chain) || !seal_command())
		return EXIT_REFUSED;
	whole = audit_verify(files, &chain);
	if (request->json)
		print_json(&chain, files->count);
	else
		print_text(&chain, files->count);
	audit_chain_free(&chain);
	return whole ? EXIT_DONE : EXIT_REFUSED;
}

static enum exit_status show(
    const struct audit_files *files, const struct audit_request *request)
{
	uint64_t bad;

	if (!seal_command())
		return EXIT_REFUSED;
	bad = audit_show(files, request, stdout);
	if (bad == 0)
		return EXIT_DONE;
	log_error("%llu line%s no record; `privyseal audit verify` tells what happened",
	    (unsigned long long)bad, bad == 1 ? " is" : "s are");
	return EXIT_REFUSED;
}

enum exit_status command_audit(const struct arguments *arguments)
{
	static struct audit_request request;
	static char buffer[65536];
	enum exit_status status = EXIT_REFUSED;
	struct audit_files files;
	char message[MESSAGE_MAX];
	bool opened;

	if (!audit_request_read(arguments->words, arguments->words_count, time(NULL),
		&request, message)) {
		log_error("%s", message);
		return EXIT_USAGE;
	}
	request.json = arguments->json;
	if (request.act == AUDIT_COMPRESS)
		return audit_compress(&request, arguments->runtime_directory);
	if (request.act == AUDIT_PRUNE)
		return audit_prune(&request, arguments->runtime_directory);
	/* A buffer of its own: stdio would ask for the file's status to choose one. */
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	if (request.names_count > 0)
		opened = audit_files_named(&files, request.names, request.names_count);
	else
		opened = audit_files_in_state(&files,
		    request.state_directory ? request.state_directory : STATE_DIRECTORY);
	if (opened)
		status = request.act == AUDIT_SHOW ? show(&files, &request)
						   : verify(&files, &request);
	audit_files_close(&files);
	return status;
}
