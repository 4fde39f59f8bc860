/*
 * privyseal-worker: seals itself, has the broker see that, and only then reads the first
 * byte of input: its config and policy, then requests. Started by privyseald alone, with
 * these descriptors: 0 and 1 the client of --stdio, 2 log lines, 3 the broker, 4 config,
 * 5 policy, 6 the listening socket, 7 what outlasts a worker on --stdio.
 */
#include "confine/confine.h"
#include "ipc/told.h"
#include "policy/policy.h"
#include "worker/serve.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#define EXIT_USAGE     2
#define EXIT_BAD_INPUT 78 /* config or policy; EX_CONFIG of sysexits.h */

enum descriptor {
	DESCRIPTOR_BROKER = 3,
	DESCRIPTOR_CONFIG,
	DESCRIPTOR_POLICY,
	DESCRIPTOR_LISTENER,
	DESCRIPTOR_CONTINUITY
};

/* ---- sealing ---- */

/* Whatever the libraries look up once must be looked up while they still can. */
static bool warm_up(void)
{
	EC_GROUP *group;
	EVP_MD *digest;

	tzset();
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return false;
	group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	digest = EVP_MD_fetch(NULL, "SHA256", NULL); /* and with it the provider */
	EC_GROUP_free(group);
	EVP_MD_free(digest);
	return group && digest;
}

static bool seal(const struct told *told)
{
	struct confine_error error = { 0 };
	const struct seal how = {
		.role = ROLE_WORKER,
		.uid = told->uid,
		.gid = told->gid,
		.state_directory = -1,
		.control = -1,
	};

	if (confine_seal(&how, &error) == 0)
		return true;
	log_error("can't be sealed: %s", error.text);
	return false;
}

/* ---- input ---- */

/* All of a memory file, at most `most` bytes; NULL (logged) when it is longer or can't be
 * read. The caller frees it. */
static uint8_t *read_all(int fd, const char *name, size_t most, size_t *length)
{
	size_t room = 65536, n = 0;
	uint8_t *bytes = NULL, *grown;
	ssize_t got = 1;

	while (got > 0) {
		if (!bytes || n == room) {
			room = bytes ? room * 2 : room;
			grown = realloc(bytes, room);
			if (!grown)
				break;
			bytes = grown;
		}
		got = read(fd, bytes + n, room - n);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			n += (size_t)got;
		if (n > most)
			break;
	}
	*length = n;
	if (got == 0)
		return bytes;
	if (n > most)
		log_error("%s is longer than %zu bytes", name, most);
	else
		log_error("%s can't be read: %s", name, strerror(errno));
	free(bytes);
	return NULL;
}

static bool load_config(struct worker *worker, const struct told *told)
{
	struct config_error error;
	size_t length;
	uint8_t *text =
	    read_all(DESCRIPTOR_CONFIG, told->config_name, CONFIG_TEXT_MAX, &length);
	bool good;

	close(DESCRIPTOR_CONFIG);
	if (!text)
		return false;
	good = config_read(text, length, &worker->config, &error);
	free(text);
	if (good && worker->config.log_level >= 0)
		log_level_set((enum log_level)worker->config.log_level);
	if (!good && error.line == 0)
		log_error("%s: %s", told->config_name, error.text);
	else if (!good)
		log_error("%s:%u:%u: %s", told->config_name, error.line, error.column,
		    error.text);
	return good;
}

static bool load_policy(struct worker *worker, const struct told *told)
{
	struct policy_error error = { 0 };
	size_t length, room;
	uint8_t *text =
	    read_all(DESCRIPTOR_POLICY, told->policy_name, POLICY_TEXT_MAX, &length);
	void *storage = NULL;

	close(DESCRIPTOR_POLICY);
	if (!text)
		return false;
	room = policy_storage(text, length);
	if (room > 0)
		storage = malloc(room);
	if (storage)
		worker->builder.policy = policy_load(text, length, storage, room, &error);
	else
		snprintf(error.text, sizeof(error.text), "%s",
		    room > 0 ? "no memory to read it" : "too long");
	free(text);
	if (worker->builder.policy)
		return true;
	free(storage);
	log_error("%s:%u:%u: %s", told->policy_name, error.line > 0 ? error.line : 1,
	    error.line > 0 ? error.column : 1, error.text);
	return false;
}

/* Config to the broker; an exit status, or -1 to go on. */
static int agree(struct worker *worker, const struct told *told)
{
	char reason[OP_TEXT_MAX + 1];
	const struct config_place *place;

	if (broker_hand_over_config(
		&worker->broker, &worker->config, worker->cluster, reason) != BROKER_DONE)
		return EXIT_FAILURE;
	if (worker->cluster[0] != '\0')
		return -1;
	place = config_place_of(&worker->config, reason);
	if (place)
		log_error("%s:%u:%u: %s", told->config_name, place->line, place->column,
		    reason);
	else
		log_error("%s: %s", told->config_name, reason);
	return EXIT_BAD_INPUT;
}

static int run(
    struct worker *worker, const struct told *told, struct continuity *continuity)
{
	int status;

	if (broker_say_sealed(&worker->broker) != BROKER_DONE)
		return EXIT_FAILURE;
	if (!load_config(worker, told) || !load_policy(worker, told))
		return EXIT_BAD_INPUT;
	status = agree(worker, told);
	if (status >= 0 || told->check)
		return status >= 0 ? status : EXIT_SUCCESS;
	worker->builder.policy_name = told->policy_name;
	worker->builder.client = told->terminal ? "" : told->socket;
	worker->builder.authorities = &worker->authorities;
	worker->builder.default_session_ttl = worker->config.default_session_ttl;
	return serve(worker, told->terminal ? -1 : DESCRIPTOR_LISTENER, continuity);
}

int main(int argc, char **argv)
{
	static struct worker worker; /* large; the one context of this process */
	struct continuity *continuity = NULL;
	struct told told;

	if (log_help("privyseal-worker", argc, argv))
		return EXIT_SUCCESS;
	log_start_worker(LOG_LEVEL_INFO);
	if (confine_early() != 0) {
		log_error("the first step of sealing failed: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	if (!told_read(argc, argv, &told) ||
	    (!told.probe && (!told.socket || !told.config_name || !told.policy_name))) {
		log_error("privyseald starts this program; it is of no use by itself");
		return EXIT_USAGE;
	}
	log_level_set(told.log_level);
	if (!warm_up()) {
		log_error("OpenSSL can't be started");
		return EXIT_FAILURE;
	}
	if (told.terminal && !told.check && !told.probe) {
		continuity = continuity_map(DESCRIPTOR_CONTINUITY);
		if (!continuity) {
			log_error(
			    "the continuity memory can't be mapped: %s", strerror(errno));
			return EXIT_FAILURE;
		}
	}
	if (!seal(&told))
		return EXIT_FAILURE;
	if (told.probe)
		confine_twin_act(told.probe);
	worker.terminal = told.terminal;
	worker.broker.fd = DESCRIPTOR_BROKER;
	return run(&worker, &told, continuity);
}
