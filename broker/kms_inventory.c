/*
 * The survey finds the cluster's keys, DescribeKey tells what each is, the rules of
 * kms_inventory.h say what it is to us; then those that root chose are deleted, one after
 * another, until the first failure.
 */
#include "broker/kms_inventory.h"
#include "broker/broker.h"
#include "broker/clocks.h"
#include "broker/kms_keystore.h"
#include "broker/kms_survey.h"
#include "ipc/log.h"

#include <stdlib.h>
#include <string.h>

#define CALL_SECONDS 30

enum key_use {
	USE_UNTOLD, /* it was not described */
	USE_UNSEEN, /* it may not be */
	USE_CA,
	USE_UNUSED,
	USE_MAKING,
	USE_YOUNG,
	USE_DISABLED,
	USE_DELETED,
	USE_OTHER_INSTANCE,
	USE_NOT_OURS
};

static const char *const uses[] = { [USE_UNTOLD] = "",
	[USE_UNSEEN] = "unknown",
	[USE_CA] = "in use",
	[USE_UNUSED] = "unused",
	[USE_MAKING] = "being made",
	[USE_YOUNG] = "new",
	[USE_DISABLED] = "disabled",
	[USE_DELETED] = "pending deletion",
	[USE_OTHER_INSTANCE] = "other instance",
	[USE_NOT_OURS] = "not of this state's making" };

struct listed {
	char arn[KMS_ARN_MAX + 1];
	char ca[OP_NAME_MAX + 1], purpose[16];
	char nonce[NONCE_TEXT + 1];
	bool tagged; /* as a key of our making is */
	bool other;  /* by its tag it is another instance's */
	bool chosen;
	struct kms_key is;
	enum key_use use;
	const char *outcome; /* of its deletion; NULL: it was not asked for */
};

struct kms_inventory {
	struct broker *broker;
	inventory_done *done;
	uid_t uid;
	pid_t pid;
	char *chosen;
	uint64_t deadline_ns;
	unsigned count, more, at;
	bool seen[KEYS_KNOWN];	       /* by their places in the state */
	uint64_t sequence;	       /* of the record of the deletion under way */
	char other[INSTANCE_TEXT + 1]; /* another instance that was seen */
	struct failure failure;
	struct listed key[INVENTORY_MAX];
};

static struct kms *kms_of(const struct kms_inventory *inventory)
{
	return inventory->broker->kms.kms;
}

void kms_inventory_free(struct kms_inventory *inventory)
{
	if (inventory)
		free(inventory->chosen);
	free(inventory);
}

/* ---- the keys that state.json names ---- */

/* Is it one? Then it has been seen. */
static bool is_a_cas(struct kms_inventory *inventory, const char *arn)
{
	const struct state_key *key;
	const char *known;
	bool found = false;
	unsigned place;

	for (place = 0; (key = state_key_from(&inventory->broker->state, &place));
	     place++) {
		known = kms_key_arn(key->identifier);
		if (known && strcmp(known, arn) == 0)
			found = inventory->seen[place] = true;
	}
	return found;
}

/* The ones that were not; NULL: no memory. */
static cJSON *missing_keys(const struct kms_inventory *inventory)
{
	cJSON *list = cJSON_CreateArray();
	const struct state_key *key;
	const char *arn;
	unsigned place;

	for (place = 0; (key = state_key_from(&inventory->broker->state, &place));
	     place++) {
		arn = kms_key_arn(key->identifier);
		if (arn && !inventory->seen[place])
			cJSON_AddItemToArray(list, cJSON_CreateString(arn));
	}
	return list;
}

/* ---- the end ---- */

static cJSON *key_report(const struct listed *key)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddStringToObject(item, "key", key->arn);
	cJSON_AddStringToObject(item, "ca", key->ca);
	cJSON_AddStringToObject(item, "purpose", key->purpose);
	cJSON_AddStringToObject(item, "spec", key->is.spec);
	cJSON_AddStringToObject(item, "state", key->is.state);
	cJSON_AddNumberToObject(item, "created", (double)key->is.created);
	cJSON_AddStringToObject(item, "use", uses[key->use]);
	if (key->outcome)
		cJSON_AddStringToObject(item, "outcome", key->outcome);
	return item;
}

static void finish(struct kms_inventory *inventory)
{
	struct broker *broker = inventory->broker;
	cJSON *root = cJSON_CreateObject(), *list;
	unsigned i;

	cJSON_AddStringToObject(root, "cluster", kms_cluster_tag(kms_of(inventory)));
	cJSON_AddStringToObject(root, "instance", broker->state.instance);
	cJSON_AddStringToObject(root, "other_instance", kms_of(inventory)->other);
	cJSON_AddStringToObject(root, "failure", inventory->failure.text);
	cJSON_AddNumberToObject(root, "more", inventory->more);
	cJSON_AddItemToObject(root, "missing", missing_keys(inventory));
	list = cJSON_AddArrayToObject(root, "keys");
	for (i = 0; i < inventory->count; i++)
		if (inventory->key[i].use != USE_UNTOLD)
			cJSON_AddItemToArray(list, key_report(&inventory->key[i]));
	if (inventory->failure.text[0] != '\0')
		log_warning("the cluster's keys: %s", inventory->failure.text);
	broker->inventory = NULL;
	inventory->done(broker, root);
	cJSON_Delete(root);
	kms_inventory_free(inventory);
}

static void fail(struct kms_inventory *inventory, const char *why)
{
	failure_say(&inventory->failure, "%s", why);
	finish(inventory);
}

/* The rest is told all the same; but nothing is deleted. */
static void lack(struct kms_inventory *inventory, const char *action, const char *arn)
{
	char why[AWS_ACTION_MAX + 128];

	kms_not_permitted(why, sizeof why, action);
	if (inventory->failure.text[0] == '\0')
		failure_say(&inventory->failure, "key %s: %s", arn, why);
}

static bool is_late(const struct kms_inventory *inventory)
{
	return clock_boot_ns() >= inventory->deadline_ns;
}

static bool ask(struct kms_inventory *inventory, const char *target, const char *body,
    bool once, aws_done *done)
{
	const struct aws_request how = { .deadline_ns = clock_boot_in(CALL_SECONDS),
		.once = once };

	return kms_ask(
	    kms_of(inventory)->settings.aws, how, target, body, done, inventory);
}

/* ---- deletion ---- */

static void delete_next(struct kms_inventory *inventory);

static struct record_line *begin_record(
    struct kms_inventory *inventory, const char *event)
{
	struct record_line *line = audit_log_begin(&inventory->broker->log, event);
	const struct listed *key = &inventory->key[inventory->at];

	record_text(line, "ca", key->ca);
	record_text(line, "purpose", key->purpose);
	record_text(line, "key", key->arn);
	return line;
}

static void record_outcome(
    struct kms_inventory *inventory, const char *outcome, const char *request_id)
{
	struct record_line *line = begin_record(inventory, "outcome");

	inventory->key[inventory->at].outcome = outcome;
	record_number(line, "of", inventory->sequence);
	record_text(line, "outcome", outcome);
	if (request_id[0] != '\0')
		record_text(line, "kms_request_id", request_id);
	/* On disk before root is told; of a failing disk he has been. */
	if (audit_log_end(&inventory->broker->log) != 0)
		(void)audit_log_commit(&inventory->broker->log);
}

static void on_deleted(void *context, const struct aws_answer *answer)
{
	struct kms_inventory *inventory = context;
	struct listed *key = &inventory->key[inventory->at];

	record_outcome(inventory,
	    answer->good   ? "scheduled"
	    : answer->lost ? "unknown"
			   : "failed",
	    answer->request_id);
	if (!answer->good) {
		fail(inventory, answer->why);
		return;
	}
	key->use = USE_DELETED;
	inventory->at++;
	delete_next(inventory);
}

/* On the record first: who wanted it, and which key. */
static bool record_deletion(struct kms_inventory *inventory)
{
	struct audit_log *log = &inventory->broker->log;
	const struct listed *key = &inventory->key[inventory->at];
	struct record_line *line = begin_record(inventory, "key-delete");

	record_number(line, "uid", inventory->uid);
	record_number(line, "pid", (uint64_t)inventory->pid);
	record_text(line, "nonce", key->nonce);
	record_number(line, "days", KMS_DELETION_DAYS);
	inventory->sequence = audit_log_end(log);
	return inventory->sequence != 0 && audit_log_commit(log);
}

static void delete_key(struct kms_inventory *inventory)
{
	char body[KMS_ARN_MAX + 96];

	kms_delete_body(
	    body, sizeof body, inventory->key[inventory->at].arn, KMS_DELETION_DAYS);
	if (!record_deletion(inventory))
		fail(inventory, "the record can't be written, so nothing is deleted");
	else if (!ask(inventory, KMS_TARGET("ScheduleKeyDeletion"), body, true,
		     on_deleted)) {
		record_outcome(inventory, "failed", "");
		fail(inventory, "too many calls of AWS are under way");
	}
}

/* Why nothing is deleted at all; NULL: nothing speaks against it. */
static const char *objection(struct kms_inventory *inventory)
{
	cJSON *missing = missing_keys(inventory);
	const bool all = missing && cJSON_GetArraySize(missing) == 0;
	int64_t seconds;

	cJSON_Delete(missing);
	if (!all)
		return "a CA's key was not among the account's keys, so nothing is "
		       "deleted";
	if (kms_of(inventory)->other[0] != '\0')
		return "another privyseal has keys for this cluster in this account, so "
		       "nothing is deleted";
	if (inventory->broker->making.running)
		return "keys are being made, so nothing is deleted now";
	if (kms_clocks_differ(kms_of(inventory), &seconds))
		return "AWS's clock and this host's differ, so nothing is deleted";
	if (is_late(inventory))
		return "it took too long: the rest is not deleted; ask again";
	return NULL;
}

static void delete_next(struct kms_inventory *inventory)
{
	const char *why;
	struct listed *key;

	if (inventory->failure.text[0] != '\0')
		inventory->at = inventory->count;
	for (; inventory->at < inventory->count; inventory->at++) {
		key = &inventory->key[inventory->at];
		if (!key->chosen || key->use != USE_UNUSED ||
		    is_a_cas(inventory, key->arn))
			continue;
		why = objection(inventory);
		if (why)
			fail(inventory, why);
		else
			delete_key(inventory);
		return;
	}
	finish(inventory);
}

/* ---- what each key is ---- */

static enum key_use judge(struct kms_inventory *inventory, const struct listed *key)
{
	const struct state *state = &inventory->broker->state;
	struct failure failure;

	if (is_a_cas(inventory, key->arn))
		return USE_CA;
	if (strcmp(key->is.state, "PendingDeletion") == 0)
		return USE_DELETED;
	if (key->other)
		return USE_OTHER_INSTANCE;
	if (!key->tagged || !state_nonce_known(state, key->nonce) ||
	    strcmp(key->is.origin, "AWS_KMS") != 0 || key->is.multi_region ||
	    strcmp(key->is.usage, "SIGN_VERIFY") != 0 ||
	    !kms_is_ours(kms_of(inventory), key->arn, &failure))
		return USE_NOT_OURS;
	if (strcmp(key->nonce, state->intent.nonce) == 0)
		return USE_MAKING;
	if (strcmp(key->is.state, "Enabled") != 0)
		return USE_DISABLED;
	return key->is.created <= clock_wall_seconds() - INVENTORY_AGE ? USE_UNUSED
								       : USE_YOUNG;
}

static void describe_next(struct kms_inventory *inventory);

static void on_described(void *context, const struct aws_answer *answer)
{
	struct kms_inventory *inventory = context;
	struct listed *key = &inventory->key[inventory->at];
	struct failure failure;

	/* One that is gone meanwhile is none. */
	if (aws_error_denies(&answer->error)) {
		lack(inventory, answer->error.action, key->arn);
		key->use = is_a_cas(inventory, key->arn) ? USE_CA : USE_UNSEEN;
	} else if (!answer->good &&
		   strcmp(answer->error.code, "NotFoundException") != 0) {
		fail(inventory, answer->why);
		return;
	}
	if (answer->good) {
		if (!kms_key_read(answer->body, answer->length, &key->is, &failure) ||
		    strcmp(key->is.arn, key->arn) != 0) {
			fail(inventory,
			    "AWS KMS describes another key than was asked for");
			return;
		}
		key->use = judge(inventory, key);
	}
	inventory->at++;
	describe_next(inventory);
}

static void describe_next(struct kms_inventory *inventory)
{
	char body[KMS_ARN_MAX + 64];

	if (inventory->at == inventory->count) {
		inventory->at = 0;
		delete_next(inventory);
		return;
	}
	kms_key_body(body, sizeof body, inventory->key[inventory->at].arn);
	if (is_late(inventory))
		fail(inventory, "it took too long; ask again");
	else if (!ask(inventory, KMS_TARGET("DescribeKey"), body, false, on_described))
		fail(inventory, "too many calls of AWS are under way");
}

/* ---- looking ---- */

/* Empty when it is missing, or longer than any of ours. */
static void take_tag(
    const struct kms_tags *tags, const char *name, char *out, size_t room)
{
	const char *value = kms_tag_value(tags, name);

	snprintf(out, room, "%s", value && strlen(value) < room ? value : "");
}

/* All of the policy's tags, and the ones that bind a key to this installation. */
static bool has_our_tags(const struct kms *kms, const struct kms_tags *tags)
{
	const struct policy_pins *pins = kms->settings.pins;
	const char *value = kms_tag_value(tags, KMS_TAG_INSTANCE);
	unsigned i;

	if (!value || strcmp(value, kms->settings.instance) != 0)
		return false;
	for (i = 0; i < pins->tags; i++) {
		value = kms_tag_value(tags, pins->tag_name[i]);
		if (!value || strcmp(value, pins->tag_value[i]) != 0)
			return false;
	}
	return true;
}

/* One of the lines, whole. */
static bool is_chosen(const char *lines, const char *arn)
{
	const size_t length = strlen(arn);
	const char *at;

	for (at = lines; (at = strstr(at, arn)) != NULL; at++)
		if ((at == lines || at[-1] == '\n') && at[length] == '\n')
			return true;
	return false;
}

static struct listed *add_listed(struct kms_inventory *inventory, const char *arn)
{
	struct listed *key = &inventory->key[inventory->count];

	if (inventory->count == INVENTORY_MAX) {
		inventory->more++;
		return NULL;
	}
	inventory->count++;
	snprintf(key->arn, sizeof key->arn, "%s", arn);
	return key;
}

static void on_seen(void *context, const char *arn, const struct kms_tags *tags)
{
	struct kms_inventory *inventory = context;
	struct kms *kms = kms_of(inventory);
	const char *cluster = kms_tag_value(tags, KMS_TAG_CLUSTER);
	const char *instance = kms_tag_value(tags, KMS_TAG_INSTANCE);
	const bool other = instance && strcmp(instance, kms->settings.instance) != 0;
	struct listed *key;

	/* Others' tags are not for us to read; a CA's are. */
	if (!tags && is_a_cas(inventory, arn)) {
		lack(inventory, kms_functions[KMS_READ_TAGS].actions[0], arn);
		add_listed(inventory, arn);
		return;
	}
	if (!cluster || strcmp(cluster, kms_cluster_tag(kms)) != 0)
		return;
	(void)is_a_cas(inventory, arn); /* marks it as seen */
	if (other)
		snprintf(inventory->other, sizeof inventory->other, "%s", instance);
	key = add_listed(inventory, arn);
	if (!key)
		return;
	take_tag(tags, KMS_TAG_CA, key->ca, sizeof key->ca);
	take_tag(tags, KMS_TAG_PURPOSE, key->purpose, sizeof key->purpose);
	take_tag(tags, KMS_TAG_INTENT, key->nonce, sizeof key->nonce);
	key->other = other;
	key->tagged = has_our_tags(kms, tags);
	key->chosen = is_chosen(inventory->chosen, arn);
}

static void on_surveyed(void *context, const struct failure *failure)
{
	struct kms_inventory *inventory = context;
	struct kms *kms = kms_of(inventory);

	if (failure) {
		fail(inventory, failure->text);
		return;
	}
	memcpy(kms->other, inventory->other, sizeof inventory->other);
	describe_next(inventory);
}

bool kms_inventory_start(struct broker *broker, const struct inventory_request *request,
    inventory_done *done, struct failure *failure)
{
	struct kms_inventory *inventory;

	if (!broker->kms.kms)
		return failure_say(failure,
		    "the policy's keystore is not aws_kms, so there are no keys in AWS");
	if (broker->inventory)
		return failure_say(failure, "somebody else is looking at the keys; wait");
	inventory = calloc(1, sizeof *inventory);
	if (!inventory || !(inventory->chosen = strdup(request->chosen))) {
		free(inventory);
		return failure_say(failure, "out of memory");
	}
	inventory->broker = broker;
	inventory->done = done;
	inventory->uid = request->uid;
	inventory->pid = request->pid;
	inventory->deadline_ns = clock_boot_in(INVENTORY_SECONDS);
	broker->inventory = inventory;
	if (kms_survey(broker->kms.kms->settings.aws, inventory->deadline_ns, on_seen,
		on_surveyed, inventory))
		return true;
	broker->inventory = NULL;
	kms_inventory_free(inventory);
	return failure_say(failure, "too many calls of AWS are under way");
}
