/* Root's work on a state directory; state_directory.h has the contract. */
#include "cli/state_directory.h"
#include "broker/acts.h"
#include "broker/broker.h"
#include "broker/ca_keys.h"
#include "cli/admin_ask.h"
#include "ipc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDENTIFIER "software:"

static bool say(const struct state_directory *directory, const struct failure *failure)
{
	log_error("%s: %s", directory->name, failure->text);
	return false;
}

/* Who is not root's alone could hold files of another's making. */
static bool open_parts(struct state_directory *out, struct failure *failure)
{
	if (geteuid() != 0)
		return failure_say(failure, "this is root's alone to do");
	if (!directory_open(
		&out->root, AT_FDCWD, out->name, "the state directory", failure))
		return false;
	if (out->root.owner != 0)
		return failure_say(failure, "it must be root's");
	return directory_open(&out->audit, out->root.fd, "audit", "audit", failure) &&
	       directory_open(&out->keys, out->root.fd, "keys", "keys", failure);
}

static void begin(struct state_directory *out, const char *name)
{
	*out = (struct state_directory){ .name = name };
	out->root.fd = out->audit.fd = out->keys.fd = -1;
}

static bool read_state(struct state_directory *out, struct failure *failure)
{
	switch (state_read(&out->state, &out->root, failure)) {
	case FILE_READ:
		return true;
	case FILE_ABSENT:
		return failure_say(failure, STATE_FILE " is not there");
	case FILE_BAD:
		break;
	}
	return false;
}

bool state_directory_open(struct state_directory *out, const char *name)
{
	struct failure failure = { "" };

	begin(out, name);
	return (open_parts(out, &failure) && crypto_start(&out->crypto, &failure) &&
		   read_state(out, &failure)) ||
	       say(out, &failure);
}

void state_directory_close(struct state_directory *directory)
{
	if (!directory->name) /* never opened */
		return;
	directory_close(&directory->root);
	directory_close(&directory->audit);
	directory_close(&directory->keys);
	crypto_stop(&directory->crypto);
}

/* ---- a new one ---- */

static void see_entry(void *context, const char *name)
{
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	    strcmp(name, "lock") != 0)
		*(bool *)context = true;
}

static bool make_part(const struct state_directory *out, const char *name)
{
	return mkdirat(out->root.fd, name, 0700) == 0 && fsync(out->root.fd) == 0;
}

static bool sync_parent(const struct state_directory *out)
{
	int parent = openat(out->root.fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = parent >= 0 && fsync(parent) == 0;

	if (parent >= 0)
		close(parent);
	return good;
}

static bool make_parts(struct state_directory *out, struct failure *failure)
{
	bool full = false;

	if (mkdir(out->name, 0700) != 0 && errno != EEXIST)
		return failure_say(failure, "%s", strerror(errno));
	if (!directory_open(&out->root, AT_FDCWD, out->name, "the directory", failure) ||
	    !directory_list(&out->root, see_entry, &full, failure))
		return false;
	if (full)
		return failure_say(failure, "is not empty; nothing is overwritten");
	if (!make_part(out, "audit") || !make_part(out, "keys") || !sync_parent(out))
		return failure_say(failure, "%s", strerror(errno));
	directory_close(&out->root);
	return open_parts(out, failure);
}

bool state_directory_make(struct state_directory *out, const char *name)
{
	struct failure failure = { "" };

	begin(out, name);
	return (make_parts(out, &failure) && crypto_start(&out->crypto, &failure)) ||
	       say(out, &failure);
}

/* ---- whose it is ---- */

static bool take_lock(struct state_directory *directory)
{
	int fd;

	if (directory->locked)
		return true;
	fd = openat(
	    directory->root.fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	directory->locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
	if (!directory->locked && fd >= 0)
		close(fd);
	return directory->locked;
}

bool state_directory_lock(struct state_directory *directory)
{
	if (take_lock(directory))
		return true;
	log_error("%s: a privyseald uses it; stop it first", directory->name);
	return false;
}

/* ---- acts ---- */

static bool ask_broker(const struct act_request *act, const char *runtime_directory,
    uint32_t *segment, struct failure *failure)
{
	static uint8_t bytes[FRAME_MAX + 1];
	struct frame_writer writer;
	uint8_t question[256];
	struct frame answer;

	frame_begin(&writer, question, sizeof question, OP_ADMIN_ACT, 1);
	frame_put_u8(&writer, (unsigned)act->kind);
	frame_put_text(&writer, act->instance);
	frame_put_u64(&writer, act->last);
	frame_put_text(&writer, act->hash);
	if (!admin_exchange(runtime_directory, question, frame_end(&writer),
		OP_ADMIN_ACTED, bytes, &answer))
		return failure_say(failure,
		    "a privyseald uses it, and has to record this first; "
		    "--runtime-dir says where it is");
	*segment = (uint32_t)frame_number(&answer, 2);
	return frame_number(&answer, 0) == 1 ||
	       failure_say(failure, "not recorded, and so not done: %.*s",
		   (int)frame_length(&answer, 3), (const char *)frame_bytes(&answer, 3));
}

static int open_segment(const struct state_directory *directory, uint32_t number)
{
	char name[32];

	snprintf(name, sizeof name, "audit-%06u.jsonl", number);
	return openat(
	    directory->audit.fd, name, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
}

/* As the broker does at its start. */
static bool append(struct state_directory *directory, const struct act_request *act,
    struct audit_log *log, struct failure *failure)
{
	struct state *state = &directory->state;
	bool torn;

	if (!audit_log_find(log, &directory->audit, failure) ||
	    !audit_log_tail(log, &directory->audit, failure) ||
	    !audit_log_reaches(log, state->head_sequence, state->head_hash, failure))
		return false;
	if (log->segment == 0 || log->torn > 0)
		return failure_say(failure,
		    "its record is not closed; start privyseald once, and stop it");
	if (!audit_log_segment(
		log, open_segment(directory, log->segment), log->segment, &torn, failure))
		return false;
	return act_record(act, log, state, &directory->root, failure);
}

static bool record_here(struct state_directory *directory, const struct act_request *act,
    uint32_t *segment, struct failure *failure)
{
	struct audit_log log;
	bool recorded = audit_log_new(&log, &directory->crypto, failure) &&
			append(directory, act, &log, failure);

	*segment = log.segment;
	audit_log_free(&log);
	return recorded;
}

bool state_directory_act(struct state_directory *directory, const char *runtime_directory,
    enum admin_act kind, uint64_t last, const char *hash, uint32_t *segment)
{
	struct act_request act = {
		.kind = kind, .last = last, .uid = getuid(), .pid = getpid()
	};
	struct failure failure = { "" };

	memcpy(act.instance, directory->state.instance, sizeof act.instance);
	snprintf(act.hash, sizeof act.hash, "%s", hash);
	if (!(take_lock(directory)
		    ? record_here(directory, &act, segment, &failure)
		    : ask_broker(&act, runtime_directory, segment, &failure)))
		return say(directory, &failure);
	return read_state(directory, &failure) || say(directory, &failure);
}

/* ---- files ---- */

bool append_only_is(int fd)
{
	int flags = 0;

	return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_APPEND_FL) != 0;
}

void append_only_set(int fd, bool wanted)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
	    ((flags & FS_APPEND_FL) != 0) != wanted) {
		flags ^= FS_APPEND_FL;
		/* Where it can't be lifted, unlink() says so. */
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
}

/* ---- keys ---- */

bool key_file_name(const struct state_key *key, char out[KEY_FILE_NAME])
{
	const char *name = key->identifier + sizeof IDENTIFIER - 1;

	return strncmp(key->identifier, IDENTIFIER, sizeof IDENTIFIER - 1) == 0 &&
	       strspn(name, "0123456789abcdef") == strlen(name) &&
	       snprintf(out, KEY_FILE_NAME, "%s.pem", name) < KEY_FILE_NAME;
}

/* The keys that only verify, too, since a rotation may go back to them. */
static bool fit(struct broker *broker, struct failure *failure)
{
	struct keystore *keystore = &broker->keystore;
	const struct state_key *known;
	char name[KEY_FILE_NAME];
	unsigned place;
	struct key key;

	for (place = 0; (known = state_key_from(&broker->state, &place)); place++) {
		if (!key_file_name(known, name))
			continue;
		if (!keystore->methods->load(keystore, known->identifier,
			(struct slice){ known->blob, known->blob_length }, &key, failure))
			return false;
		key_free(&key);
	}
	return true;
}

static bool load_absent(struct keystore *keystore, const char *identifier,
    struct slice blob, struct key *out, struct failure *failure)
{
	*out = (struct key){ .keystore = keystore, .public = key_public(blob) };
	snprintf(out->identifier, sizeof out->identifier, "%s", identifier);
	if (out->public && key_prepare(out, keystore->crypto, failure))
		return true;
	key_free(out);
	return failure_say(failure, "%s: its public key can't be read", identifier);
}

/* Of keys in AWS KMS the public parts, as the state has them. */
static const struct keystore_methods keystore_absent = {
	.kind = KEYSTORE_AWS_KMS,
	.prefix = "awskms:",
	.remote = true,
	.load = load_absent,
};

bool state_directory_keys_fit(const struct state_directory *directory)
{
	struct broker *broker = calloc(1, sizeof *broker);
	struct failure failure = { "" };
	bool good;

	if (!broker) {
		log_error("out of memory");
		return false;
	}
	broker->crypto = directory->crypto;
	broker->state = directory->state;
	broker->keystore = (struct keystore){ .methods = &keystore_software,
		.crypto = &directory->crypto,
		.keys = directory->keys };
	broker->kms = broker->keystore;
	broker->kms.methods = &keystore_absent;
	good = ca_keys_load(broker, &failure) && fit(broker, &failure);
	ca_keys_free(broker);
	free(broker);
	return good || say(directory, &failure);
}
