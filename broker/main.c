/*
 * privyseal-broker: the one process that can use CA keys. Started by privyseald with all
 * that it needs on descriptors (broker.h); flags say the rest. main() makes the context,
 * seals the process, and runs the loop.
 */
#include "broker/ca_keys.h"
#include "broker/broker.h"
#include "broker/clocks.h"
#include "broker/control.h"
#include "broker/signing_threads.h"
#include "broker/strays.h"
#include "confine/confine.h"
#include "ipc/log.h"
#include "ipc/told.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_flags(int count, char **arguments, struct told *told)
{
	const bool good = told_read(count, arguments, told);

	log_start("privyseald", "broker", told->log_level, told->journal);
	return good && (told->probe || (told->policy_name && told->uid > 0 &&
					   told->gid > 0 && told->filters > 0));
}

/* All that needs more than the seal leaves: the policy, the directories, OpenSSL. */
static bool prepare(struct broker *broker, struct failure *failure)
{
	unsigned i;

	broker->pid = getpid();
	broker->supervisor = getppid();
	broker->started_ns = clock_boot_ns();
	broker->started_at = (double)clock_wall_us() / 1e6;
	broker->control_gate.phase = PHASE_BOOT;
	broker->log.fd = -1;
	broker->state_directory.fd = broker->audit_directory.fd = -1;
	for (i = 0; i < ADMINS_MAX; i++)
		broker->admins[i].fd = -1;
	if (!signings_start(&broker->signings))
		return failure_say(failure, "out of memory");
	if (!crypto_start(&broker->crypto, failure) ||
	    !audit_log_new(&broker->log, &broker->crypto, failure))
		return false;
	broker->generation = generation_load(DESCRIPTOR_POLICY,
	    broker->settings.policy_name, 1, NULL, &broker->crypto, failure);
	if (!broker->generation)
		return false;
	close(DESCRIPTOR_POLICY);
	if (!remote_prepare(broker, failure))
		return false;
	if (broker->settings.check)
		return true;
	return directory_open(&broker->state_directory, DESCRIPTOR_STATE, ".",
		   "state directory", failure) &&
	       directory_open(&broker->audit_directory, DESCRIPTOR_STATE, "audit",
		   "audit", failure) &&
	       directory_open(
		   &broker->keystore.keys, DESCRIPTOR_STATE, "keys", "keys", failure) &&
	       audit_log_find(&broker->log, &broker->audit_directory, failure);
}

/* `network` is the seal's part that a networked broker needs; NULL: no network at all. */
static bool seal(bool check, const struct seal *network, struct failure *failure)
{
	struct seal seal = network ? *network : (struct seal){ .role = ROLE_BROKER };
	struct confine_error error;

	seal.state_directory = check ? -1 : DESCRIPTOR_STATE;
	seal.control = DESCRIPTOR_CONTROL;
	return confine_seal(&seal, &error) == 0 ||
	       failure_say(failure, "the broker can't be sealed: %s", error.text);
}

/* A state is there before anything else is, so without one nothing else may be. */
static bool begin_state(
    struct broker *broker, const char *cluster, struct failure *failure)
{
	bool keys;

	if (!strays_any(broker, &keys, failure))
		return false;
	if (broker->log.segment > 0 || keys)
		return failure_say(failure,
		    STATE_FILE " is not there, but %s; restore it from the backup, or "
			       "move STATE/audit and STATE/keys aside to begin anew",
		    keys ? "keys are" : "a record is");
	state_new(&broker->state, cluster);
	return state_write(&broker->state, &broker->state_directory, failure);
}

static bool load_state(struct broker *broker, struct failure *failure)
{
	const char *cluster = policy_pins(broker->generation->rules->policy)->cluster;

	switch (state_read(&broker->state, &broker->state_directory, failure)) {
	case FILE_READ:
		break;
	case FILE_ABSENT:
		if (!begin_state(broker, cluster, failure))
			return false;
		break;
	case FILE_BAD:
		return false;
	}
	return strcmp(broker->state.cluster, cluster) == 0 ||
	       failure_say(failure,
		   "%s: cluster is '%s', but the CAs in this state directory are of "
		   "'%s'",
		   broker->settings.policy_name, cluster, broker->state.cluster);
}

static bool start(struct broker *broker, struct failure *failure)
{
	broker->log.policy = broker->generation->rules->sha256;
	if (!workers_take_sockets(broker, broker->generation, failure))
		return false;
	broker->keystore.methods = &keystore_software;
	broker->keystore.crypto = &broker->crypto;
	broker->keystore.log = &broker->log;
	if (broker->settings.check) {
		state_new(&broker->state,
		    policy_pins(broker->generation->rules->policy)->cluster);
		return true;
	}
	if (!load_state(broker, failure) ||
	    (broker->remote.on && !remote_keystore(broker, failure)))
		return false;
	if (broker->state.restored && broker->log.segment == 0)
		audit_log_resume(
		    &broker->log, broker->state.head_sequence, broker->state.head_hash);
	return audit_log_tail(&broker->log, &broker->audit_directory, failure) &&
	       audit_log_reaches(&broker->log, broker->state.head_sequence,
		   broker->state.head_hash, failure) &&
	       ca_keys_load(broker, failure);
}

static _Noreturn void probe(const char *name, bool networked)
{
	const struct seal network = { .role = ROLE_NETWORKED, .ports = { 443 } };
	struct failure failure = { "" };
	struct crypto crypto = { 0 };

	if (!crypto_start(&crypto, &failure) ||
	    !seal(true, networked ? &network : NULL, &failure)) {
		log_error("%s", failure.text);
		exit(126);
	}
	confine_twin_act(name);
}

int main(int count, char **arguments)
{
	static struct broker broker;
	static struct signing_threads threads;
	struct failure failure = { "" };
	struct seal network = { .role = ROLE_NETWORKED };
	int status;

	if (log_help("privyseal-broker", count, arguments))
		return 0;
	if (confine_early() != 0)
		return 1;
	if (!read_flags(count, arguments, &broker.settings)) {
		log_error("privyseald starts this program; it is of no use by itself");
		return 2;
	}
	if (broker.settings.probe)
		probe(broker.settings.probe, broker.settings.networked);
	if (!prepare(&broker, &failure) || !remote_seal(&broker, &network, &failure) ||
	    !signing_threads_prepare(&threads, &failure) ||
	    !seal(broker.settings.check, broker.remote.on ? &network : NULL, &failure) ||
	    !start(&broker, &failure) || !signing_threads_start(&threads, &failure)) {
		log_error("%s", failure.text);
		control_failed(&broker);
		return 1;
	}
	broker.keystore.threads = &threads;
	remote_start(&broker); /* first: announced, the supervisor seals itself */
	control_announce(&broker);
	status = broker_run(&broker);
	signing_threads_stop(&threads);
	ca_keys_free(&broker); /* wiped; all else the kernel frees anyway */
	return status;
}
