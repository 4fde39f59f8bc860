/*
 * privyseal-worker: seals itself, has the broker see that, and only then reads the first
 * byte of input: its config and policy, then requests. Started by privyseald alone, with
 * these descriptors: 0 and 1 the client of --stdio, 2 log lines, 3 the broker, 4 config,
 * 5 policy, 6 the listening socket, 7 what outlasts a worker on --stdio.
 */
#include "confine/confine.h"
#include "ipc/log.h"
#include "policy/policy.h"
#include "worker/serve.h"

#include <errno.h>
#include <getopt.h>
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

struct flags {
	uid_t uid;
	gid_t gid;
	const char *socket;
	const char *config_name;
	const char *policy_name;
	const char *probe;
	enum log_level log_level;
	bool terminal;
	bool check;
};

/* ---- flags ---- */

static bool read_id(const char *text, unsigned *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' ||
	    value >= UINT32_MAX)
		return false;
	*out = (unsigned)value;
	return true;
}

static int usage(const char *what)
{
	log_error("%s; privyseal-worker is started by privyseald", what);
	return EXIT_USAGE;
}

enum option_name {
	OPTION_UID = 1000,
	OPTION_GID,
	OPTION_SOCKET,
	OPTION_CONFIG_NAME,
	OPTION_POLICY_NAME,
	OPTION_LOG_LEVEL,
	OPTION_TERMINAL,
	OPTION_CHECK,
	OPTION_PROBE
};

static const struct option options[] = {
	{ "uid", required_argument, NULL, OPTION_UID },
	{ "gid", required_argument, NULL, OPTION_GID },
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "config-name", required_argument, NULL, OPTION_CONFIG_NAME },
	{ "policy-name", required_argument, NULL, OPTION_POLICY_NAME },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "terminal", no_argument, NULL, OPTION_TERMINAL },
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ "probe", required_argument, NULL, OPTION_PROBE },
	{ NULL, 0, NULL, 0 },
};

static bool take_flag(struct flags *flags, int name)
{
	int level;

	switch (name) {
	case OPTION_UID:
		return read_id(optarg, &flags->uid);
	case OPTION_GID:
		return read_id(optarg, &flags->gid);
	case OPTION_SOCKET:
		flags->socket = optarg;
		return true;
	case OPTION_CONFIG_NAME:
		flags->config_name = optarg;
		return true;
	case OPTION_POLICY_NAME:
		flags->policy_name = optarg;
		return true;
	case OPTION_LOG_LEVEL:
		level = log_level_named(optarg);
		flags->log_level = level < 0 ? LOG_LEVEL_INFO : (enum log_level)level;
		return level >= 0;
	case OPTION_TERMINAL:
		flags->terminal = true;
		return true;
	case OPTION_CHECK:
		flags->check = true;
		return true;
	case OPTION_PROBE:
		flags->probe = optarg;
		return true;
	default:
		return false;
	}
}

static int read_flags(int argc, char **argv, struct flags *flags)
{
	int name;

	*flags = (struct flags){ .uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.socket = "auth",
		.config_name = "privyseal.yaml",
		.policy_name = "policy.conf",
		.log_level = LOG_LEVEL_INFO };
	opterr = 0;
	while ((name = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (!take_flag(flags, name))
			return usage("a flag is unknown or has a bad value");
	if (optind < argc)
		return usage("there is an argument that is no flag");
	if (flags->uid == (uid_t)-1 || flags->gid == (gid_t)-1)
		return usage("--uid and --gid are required");
	return 0;
}

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

static bool seal(const struct flags *flags)
{
	struct confine_error error = { 0 };
	const struct seal how = {
		.role = ROLE_WORKER,
		.uid = flags->uid,
		.gid = flags->gid,
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

static bool load_config(struct worker *worker, const struct flags *flags)
{
	struct config_error error;
	size_t length;
	uint8_t *text =
	    read_all(DESCRIPTOR_CONFIG, flags->config_name, CONFIG_TEXT_MAX, &length);
	bool good;

	close(DESCRIPTOR_CONFIG);
	if (!text)
		return false;
	good = config_read(text, length, &worker->config, &error);
	free(text);
	if (good && worker->config.log_level >= 0)
		log_level_set((enum log_level)worker->config.log_level);
	if (!good && error.line == 0)
		log_error("%s: %s", flags->config_name, error.text);
	else if (!good)
		log_error("%s:%u:%u: %s", flags->config_name, error.line, error.column,
		    error.text);
	return good;
}

static bool load_policy(struct worker *worker, const struct flags *flags)
{
	struct policy_error error = { 0 };
	size_t length, room;
	uint8_t *text =
	    read_all(DESCRIPTOR_POLICY, flags->policy_name, POLICY_TEXT_MAX, &length);
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
	if (error.line == 0)
		log_error("%s: %s", flags->policy_name, error.text);
	else
		log_error("%s:%u:%u: %s", flags->policy_name, error.line, error.column,
		    error.text);
	return false;
}

/* Config to the broker; an exit status, or -1 to go on. */
static int agree(struct worker *worker, const struct flags *flags)
{
	char reason[OP_TEXT_MAX + 1];

	if (broker_hand_over_config(
		&worker->broker, &worker->config, worker->cluster, reason) != BROKER_DONE)
		return EXIT_FAILURE;
	if (worker->cluster[0] != '\0')
		return -1;
	log_error("%s: %s", flags->config_name, reason);
	return EXIT_BAD_INPUT;
}

static int run(
    struct worker *worker, const struct flags *flags, struct continuity *continuity)
{
	int status;

	if (broker_say_sealed(&worker->broker) != BROKER_DONE)
		return EXIT_FAILURE;
	if (!load_config(worker, flags) || !load_policy(worker, flags))
		return EXIT_BAD_INPUT;
	status = agree(worker, flags);
	if (status >= 0 || flags->check)
		return status >= 0 ? status : EXIT_SUCCESS;
	worker->builder.policy_name = flags->policy_name;
	worker->builder.client = flags->terminal ? "" : flags->socket;
	worker->builder.authorities = &worker->authorities;
	worker->builder.default_session_ttl = worker->config.default_session_ttl;
	return serve(worker, flags->terminal ? -1 : DESCRIPTOR_LISTENER, continuity);
}

int main(int argc, char **argv)
{
	static struct worker worker; /* large; the one context of this process */
	struct continuity *continuity = NULL;
	struct flags flags;
	int status;

	if (log_help("privyseal-worker", argc, argv))
		return EXIT_SUCCESS;
	log_start_worker(LOG_LEVEL_INFO);
	if (confine_early() != 0) {
		log_error("the first step of sealing failed: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	status = read_flags(argc, argv, &flags);
	if (status != 0)
		return status;
	log_level_set(flags.log_level);
	if (!warm_up()) {
		log_error("OpenSSL can't be started");
		return EXIT_FAILURE;
	}
	if (flags.terminal && !flags.check && !flags.probe) {
		continuity = continuity_map(DESCRIPTOR_CONTINUITY);
		if (!continuity) {
			log_error(
			    "the continuity memory can't be mapped: %s", strerror(errno));
			return EXIT_FAILURE;
		}
	}
	if (!seal(&flags))
		return EXIT_FAILURE;
	if (flags.probe)
		confine_twin_act(flags.probe);
	worker.terminal = flags.terminal;
	worker.broker.fd = DESCRIPTOR_BROKER;
	return run(&worker, &flags, continuity);
}
