/* Making of CA keys and of what they show; ca_making.h has the promises. */
#include "broker/ca_making.h"
#include "broker/broker.h"
#include "broker/ca_keys.h"
#include "broker/clocks.h"
#include "ipc/log.h"

#include <string.h>

/* Which kind of key each suite gives a CA for a purpose (Teleport's suites). A CA and
 * purpose without a row has no key yet. */
/* clang-format off */
static const struct authority_row {
	enum ca ca;
	enum purpose purpose;
	enum key_kind kind[SUITE_COUNT]; /* unspecified, legacy, balanced-v1, fips-v1, hsm-v1 */
} rows[] = {
	{ CA_USER,    PURPOSE_SSH, { KEY_RSA, KEY_RSA, KEY_ED25519, KEY_P256, KEY_P256 } },
	{ CA_USER,    PURPOSE_TLS, { KEY_RSA, KEY_RSA, KEY_P256,    KEY_P256, KEY_P256 } },
	{ CA_HOST,    PURPOSE_SSH, { KEY_RSA, KEY_RSA, KEY_ED25519, KEY_P256, KEY_P256 } },
	{ CA_HOST,    PURPOSE_TLS, { KEY_RSA, KEY_RSA, KEY_P256,    KEY_P256, KEY_P256 } },
	{ CA_OPENSSH, PURPOSE_SSH, { KEY_RSA, KEY_RSA, KEY_ED25519, KEY_P256, KEY_P256 } },
};
/* clang-format on */

#define ROWS			(sizeof rows / sizeof rows[0])
#define HOUR			3600
#define REMOTE_CREATIONS_HOURLY 40

static const struct authority_row *row_now(const struct broker *broker)
{
	return &rows[broker->making.row];
}

static struct state_keys *keys_of(struct broker *broker, const struct authority_row *row)
{
	return &broker->state.keys[row->ca][row->purpose][KEY_SET_ACTIVE];
}

static struct key *key_of(struct broker *broker, const struct authority_row *row)
{
	return &broker->authorities[row->ca].key[row->purpose];
}

/* Where new keys are made. */
static struct keystore *maker(struct broker *broker)
{
	return broker->kms.kms ? &broker->kms : &broker->keystore;
}

static void drive(struct broker *broker);

static void finish(struct broker *broker, const struct failure *failure)
{
	broker->making.running = false;
	if (broker->making.changed)
		remote_probe_soon(broker);
	broker->making.done(broker, failure);
}

static void fail(struct broker *broker, const char *what, const char *why)
{
	struct failure failure = { "" };

	failure_say(
	    &failure, "the %s CA's %s: %s", ca_name(row_now(broker)->ca), what, why);
	finish(broker, &failure);
}

/* What the state now says is durable before the next step. */
static void keep(struct broker *broker)
{
	struct failure failure = { "" };

	broker->making.changed = true;
	if (!state_keys_differ(&broker->state, &failure) ||
	    !state_write(&broker->state, &broker->state_directory, &failure))
		finish(broker, &failure);
	else
		drive(broker);
}

/* ---- the record ---- */

static struct record_line *begin_record(struct broker *broker, const char *event)
{
	const struct authority_row *row = row_now(broker);
	struct record_line *line = audit_log_begin(&broker->log, event);

	record_text(line, "ca", ca_name(row->ca));
	record_text(line, "purpose", purpose_name(row->purpose));
	return line;
}

/* The sequence of the line, which is durable; 0 when it is not. */
static uint64_t end_record(struct broker *broker)
{
	const uint64_t sequence = audit_log_end(&broker->log);

	return sequence != 0 && audit_log_commit(&broker->log) ? sequence : 0;
}

static void record_outcome(
    struct broker *broker, const struct keystore_answer *answer, const char *outcome)
{
	struct record_line *line = begin_record(broker, "outcome");

	record_number(line, "of", broker->making.approval.sequence);
	record_text(line, "outcome", outcome);
	keystore_record(answer, line);
	(void)audit_log_end(&broker->log); /* a failing disk has been told of */
}

/* ---- keys ---- */

static void on_created(void *context, const struct failure *failure)
{
	struct broker *broker = context;
	const struct authority_row *row = row_now(broker);
	const struct key *key = key_of(broker, row);
	struct state_keys *keys = keys_of(broker, row);

	broker->making.waiting = false;
	metrics_key_created(&broker->metrics, maker(broker)->methods->kind, row->purpose,
	    row->kind[broker->making.suite], failure == NULL);
	if (failure) {
		fail(broker, "key", failure->text);
		return;
	}
	keys->key[0] = (struct state_key){ .blob_length = key->blob_length };
	memcpy(keys->key[0].identifier, key->identifier, sizeof key->identifier);
	memcpy(keys->key[0].blob, key->blob, key->blob_length);
	keys->count = 1;
	broker->state.intent = (struct state_intent){ .nonce = "" };
	broker->state.suite = broker->making.suite;
	log_notice("made the %s CA's %s key: %s", ca_name(row->ca),
	    purpose_name(row->purpose), key_kind_name(key->kind));
	keep(broker);
}

/* So many keys in an hour and no more: a service that is restarted again and again must
 * not make some each time. */
static bool may_create(struct state *state, int64_t now, struct failure *failure)
{
	if (now < state->creations_since || now >= state->creations_since + HOUR) {
		state->creations_since = now;
		state->creations = 0;
	}
	if (state->creations < REMOTE_CREATIONS_HOURLY) {
		state->creations++;
		return true;
	}
	return failure_say(failure,
	    "%d keys were asked for within an hour; none is before the hour is over",
	    REMOTE_CREATIONS_HOURLY);
}

/* What a remote keystore is to make is marked with a nonce, which the state knows first:
 * so a key can be found again whose making a crash has cut off. */
static bool intend(
    struct broker *broker, struct key_wanted *wanted, struct failure *failure)
{
	struct state_intent *intent = &broker->state.intent;
	uint8_t random[NONCE_TEXT / 2];

	wanted->resumed = intent->nonce[0] != '\0' && intent->ca == wanted->ca &&
			  intent->purpose == wanted->purpose;
	if (!wanted->resumed) {
		*intent = (struct state_intent){ .ca = wanted->ca,
			.purpose = wanted->purpose,
			.kind = wanted->kind,
			.since = clock_wall_seconds() };
		crypto_random(random, sizeof random);
		crypto_hex(intent->nonce, random, sizeof random);
		state_nonce_add(&broker->state, intent->nonce);
	}
	wanted->kind = intent->kind;
	wanted->nonce = intent->nonce;
	wanted->since = intent->since;
	return may_create(&broker->state, clock_wall_seconds(), failure) &&
	       state_write(&broker->state, &broker->state_directory, failure);
}

static bool record_creation(struct broker *broker, const struct key_wanted *wanted)
{
	const char *kind = key_kind_name(wanted->kind);
	const char *keystore = maker(broker)->methods->prefix;
	struct record_line *line = begin_record(broker, "key-create");

	record_text(line, "kind", kind);
	record_bytes(line, "keystore", (const uint8_t *)keystore, strcspn(keystore, ":"));
	if (wanted->nonce)
		record_text(line, "nonce", wanted->nonce);
	return end_record(broker) != 0;
}

static void create_key(struct broker *broker)
{
	const struct authority_row *row = row_now(broker);
	struct keystore *keystore = maker(broker);
	struct key_wanted wanted = { .ca = row->ca,
		.purpose = row->purpose,
		.kind = row->kind[broker->making.suite] };
	struct failure failure = { "" };

	if (keystore->methods->remote && !intend(broker, &wanted, &failure)) {
		fail(broker, "key", failure.text);
		return;
	}
	if (!record_creation(broker, &wanted)) {
		fail(broker, "key", "the record can't be written, so it is not made");
		return;
	}
	broker->making.waiting = true;
	keystore->methods->create(
	    keystore, &wanted, key_of(broker, row), on_created, broker);
}

/* ---- what a TLS key shows ---- */

static void on_signed(void *context, const struct keystore_answer *answer)
{
	struct broker *broker = context;
	struct ca_making *making = &broker->making;
	struct state_key *key = &keys_of(broker, row_now(broker))->key[0];
	uint8_t *whole = key->document[making->document].bytes;
	const char *name = ca_document_name(making->document), *fault = NULL;
	size_t length;

	making->waiting = false;
	if (answer->result != KEYSTORE_SIGNED) {
		record_outcome(broker, answer, answer->lost ? "unknown" : "failed");
		fail(broker, name,
		    answer->why ? answer->why : "the key can't be used now");
		return;
	}
	length = ca_document_join(&making->signer, making->bytes, making->approval.length,
	    answer->signature, answer->length, whole, CA_DOCUMENT_MAX);
	fault = ca_signed_fault(making->document, &making->signer, whole, length);
	if (fault) {
		record_outcome(broker, answer, "wrong-signature");
		fail(broker, name, fault);
		return;
	}
	key->document[making->document].length = length;
	record_outcome(broker, answer, "signed");
	keep(broker);
}

/* The only permit that no policy line gives: for bytes of our own making, read back. */
static bool approve(struct broker *broker, size_t length)
{
	struct ca_making *making = &broker->making;
	const struct decision own = { .verdict = VERDICT_PERMIT };
	const char *name = ca_document_name(making->document);
	struct record_line *line;

	if (!approval_make(&making->approval, &broker->crypto, &own, making->signer.key,
		making->bytes, length))
		return false;
	line = begin_record(broker, "ca-sign");
	record_text(line, "document", name);
	record_text(line, "key", making->signer.key->identifier);
	record_hex(line, "serial", making->signer.certificate.x509_serial,
	    making->signer.certificate.x509_serial_length);
	record_hex(line, "digest", making->approval.digest, SHA256_LENGTH);
	making->approval.sequence = end_record(broker);
	return making->approval.sequence != 0;
}

static void sign_document(struct broker *broker)
{
	struct ca_making *making = &broker->making;
	const struct authority_row *row = row_now(broker);
	const struct state_key *key = &keys_of(broker, row)->key[0];
	const char *name = ca_document_name(making->document), *fault = NULL;
	size_t length = 0;

	making->signer = (struct ca_signer){ .key = key_of(broker, row),
		.crypto = &broker->crypto,
		.cluster = broker->state.cluster };
	if (making->document != CA_CERTIFICATE)
		fault = ca_signed_fault(CA_CERTIFICATE, &making->signer,
		    key->document[CA_CERTIFICATE].bytes,
		    key->document[CA_CERTIFICATE].length);
	if (!fault)
		length = ca_document_write(making->document, &making->signer,
		    clock_wall_seconds(), making->bytes, sizeof making->bytes);
	if (length > 0)
		fault = ca_document_fault(
		    making->document, &making->signer, making->bytes, length);
	if (length == 0 || fault)
		fail(broker, name, fault ? fault : "it can't be written");
	else if (!approve(broker, length))
		fail(broker, name, "the record can't be written, so it is not signed");
	else {
		making->waiting = true;
		making->signer.key->keystore->methods->sign(making->signer.key->keystore,
		    making->signer.key, &making->approval, on_signed, broker);
	}
}

/* ---- one step after another ---- */

static bool lacks_document(const struct state_key *key, enum ca_document *which)
{
	for (*which = CA_CERTIFICATE; *which < CA_DOCUMENTS; (*which)++)
		if (key->document[*which].length == 0)
			return true;
	return false;
}

static void on_remote_checked(struct broker *broker, const struct failure *failure)
{
	broker->making.waiting = false;
	if (failure)
		finish(broker, failure);
	else
		drive(broker);
}

/* All keys before the first document: a CA's key is what must not get lost. */
static void step(struct broker *broker)
{
	struct ca_making *making = &broker->making;
	struct failure failure = { "" };

	if (!remote_checked(broker)) {
		making->waiting = true;
		remote_check(broker, on_remote_checked);
		return;
	}
	for (making->row = 0; making->row < ROWS; making->row++)
		if (keys_of(broker, row_now(broker))->count == 0) {
			create_key(broker);
			return;
		}
	for (making->row = 0; making->row < ROWS; making->row++)
		if (row_now(broker)->purpose == PURPOSE_TLS &&
		    lacks_document(
			&keys_of(broker, row_now(broker))->key[0], &making->document)) {
			sign_document(broker);
			return;
		}
	if (!making->changed || ca_keys_publish(broker, &failure))
		finish(broker, NULL);
	else
		finish(broker, &failure);
}

static void drive(struct broker *broker)
{
	struct ca_making *making = &broker->making;

	if (making->driving)
		return;
	making->driving = true;
	while (making->running && !making->waiting)
		step(broker);
	making->driving = false;
}

void ca_making_start(struct broker *broker, enum suite suite, ca_made *done)
{
	struct ca_making *making = &broker->making;

	if (making->running)
		return;
	making->running = true;
	making->changed = false;
	making->suite = suite;
	making->done = done;
	drive(broker);
}

bool ca_making_complete(const struct broker *broker)
{
	size_t i;

	for (i = 0; i < ROWS; i++)
		if (!ca_key(broker, rows[i].ca, rows[i].purpose))
			return false;
	return true;
}
