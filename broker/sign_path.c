/* The sign path, from the top of the story down; sign_path.h tells it in one line. */
#include "broker/ca_keys.h"
#include "broker/broker.h"
#include "broker/clocks.h"
#include "ipc/log.h"
#include "policy/documents.h"

#include <stdio.h>
#include <string.h>

#define RECORD_LOST                                                                      \
	"the record can't be written, so nothing is signed: see the log, make room for " \
	"it, and restart privyseald"

/* ---- answers ---- */

/* To who asked, if it is still there. */
static void answer(
    const struct signing *signing, const uint8_t *frame, struct frame_writer *w)
{
	if (signing->channel)
		channel_answer(signing->channel, frame, frame_end(w));
}

static void answer_refused(const struct signing *signing)
{
	const struct decision *decision = &signing->decision;
	struct frame_writer w;
	uint8_t frame[REPLY_MAX];

	frame_begin(&w, frame, sizeof frame, OP_REFUSED, signing->id);
	frame_put_u8(&w, decision->fact);
	frame_put_u8(&w, decision->verdict);
	frame_put_u32(&w, decision->line);
	if (decision->value_length == 0 && decision->why)
		frame_put_text(&w, decision->why);
	else
		frame_put(&w, decision->value, decision->value_length);
	answer(signing, frame, &w);
}

static void answer_signed(
    const struct signing *signing, const uint8_t *signature, size_t length)
{
	struct frame_writer w;
	uint8_t frame[REPLY_MAX];

	frame_begin(&w, frame, sizeof frame, OP_SIGNED, signing->id);
	frame_put(&w, signing->bytes + signing->facts.serial_at,
	    document_serial_length(signing->document));
	frame_put(&w, signature, length);
	answer(signing, frame, &w);
}

static void unavailable(const struct signing *signing, enum unavailable reason,
    uint64_t retry_after_ns, const char *message)
{
	struct frame_writer w;
	uint8_t frame[REPLY_MAX];

	signing->broker->metrics.unavailable[reason]++;
	frame_begin(&w, frame, sizeof frame, OP_UNAVAILABLE, signing->id);
	frame_put_u8(&w, reason);
	frame_put_u64(&w, (retry_after_ns + 999999) / 1000000);
	frame_put_text(&w, message);
	answer(signing, frame, &w);
}

/* A step of the clock may turn a good document into one that is out of time, or that
 * would last too long, and that is nobody's fault. It gives none an end that is before
 * its start, or after the CA's own. */
static bool clock_may_be_why(const struct signing *signing)
{
	const struct broker *broker = signing->broker;
	const struct facts *facts = &signing->facts,
			   *ca = &broker->authorities[signing->ca].certificate;
	const bool tls = signing->purpose == PURPOSE_TLS;
	const uint64_t start =
			   tls ? (uint64_t)facts->x509_not_before : facts->valid_after,
		       end = tls ? (uint64_t)facts->x509_not_after : facts->valid_before,
		       last = tls ? (uint64_t)ca->x509_not_after : (uint64_t)INT64_MAX;

	if (signing->decision.fact == FACT_VALIDITY)
		return start < end && end <= last;
	return signing->decision.fact == FACT_TTL &&
	       audit_log_clock_behind(&broker->log) > 0;
}

/* A refusal that signing->decision explains. An honest worker has judged by the same
 * policy, so each is an alarm; where the clock may be why, it is one that nothing is
 * closed for. */
static void refuse(struct signing *signing)
{
	struct broker *broker = signing->broker;
	uint64_t now = clock_boot_ns();

	broker->metrics.refused[signing->decision.fact]++;
	refusals_add(broker, signing, now);
	answer_refused(signing);
	if (clock_may_be_why(signing))
		signing->channel->service->counts[SERVICE_UNTIMELY]++;
	else
		channel_refused(broker, signing->channel, now);
}

static bool refuse_invariant(struct signing *signing, enum fact fact, const char *why)
{
	signing->decision =
	    (struct decision){ .verdict = VERDICT_INVARIANT, .fact = fact, .why = why };
	refuse(signing);
	return false;
}

/* ---- the steps: each true, or it has answered ---- */

static bool fits_table(struct signing *signing)
{
	if (document_fits(signing->document, signing->ca, signing->purpose))
		return true;
	return refuse_invariant(signing, FACT_CA, "this CA does not sign such documents");
}

/* The facts must determine the bytes, else another reader could see another document. */
static bool read_and_compare(struct signing *signing)
{
	uint8_t *again = signing->broker->scratch;
	const char *fault = document_read(
	    signing->document, signing->bytes, signing->length, &signing->facts);

	if (fault)
		return refuse_invariant(signing, FACT_FORM, fault);
	if (document_write(signing->document, &signing->facts, again, SCRATCH_SIZE) !=
		signing->length ||
	    memcmp(again, signing->bytes, signing->length) != 0)
		return refuse_invariant(
		    signing, FACT_FORM, "the document has a second encoding");
	return true;
}

static bool subject_key_is_sound(struct signing *signing)
{
	const struct facts *facts = &signing->facts;

	/* RSA and Ed25519 keys are judged by the policy's invariants alone. */
	if (facts->subject_kind == KEY_RSA || facts->subject_kind == KEY_ED25519 ||
	    crypto_on_curve(&signing->broker->crypto, facts->subject_kind,
		facts->subject_key, facts->subject_key_length))
		return true;
	return refuse_invariant(
	    signing, FACT_SUBJECT_KEY, "the subject's key is not on its curve");
}

/* The broker picks the key: the worker only has to name the same in its document. */
static bool find_key(struct signing *signing, const struct key **key)
{
	*key = ca_key(signing->broker, signing->ca, signing->purpose);
	if (!*key) {
		unavailable(signing, UNAVAILABLE_KEYSTORE, 0, "this CA has no key yet");
		return false;
	}
	if (ca_key_was(signing->broker, signing->ca, signing->purpose, &signing->facts)) {
		unavailable(signing, UNAVAILABLE_STALE, 0, "the CA's key has changed");
		return false;
	}
	return true;
}

static struct issuer issuer_of(const struct signing *signing, const struct key *key)
{
	const struct broker *broker = signing->broker;
	const struct facts *certificate = &broker->authorities[signing->ca].certificate;
	struct issuer issuer = { .ca = signing->ca,
		.purpose = signing->purpose,
		.key_kind = key->kind,
		.public_key = key->blob,
		.public_key_length = key->blob_length,
		.not_after = INT64_MAX,
		.ca_keys = broker->all_keys,
		.ca_keys_length = broker->all_keys_length };

	if (signing->purpose == PURPOSE_TLS) {
		issuer.name = certificate->x509_subject;
		issuer.name_length = certificate->x509_subject_length;
		issuer.key_id = certificate->x509_subject_key_id;
		issuer.key_id_length = certificate->x509_subject_key_id_length;
		issuer.not_after = certificate->x509_not_after;
	}
	return issuer;
}

static bool is_permitted(struct signing *signing, const struct key *key)
{
	const struct issuer issuer = issuer_of(signing, key);
	const struct request request = { .document = signing->document,
		.client = signing->channel->client,
		.now = clock_wall_seconds() };

	policy_check(signing->channel->generation->rules->policy, &issuer, &request,
	    &signing->facts, &signing->decision);
	if (signing->decision.verdict == VERDICT_PERMIT)
		return true;
	refuse(signing);
	return false;
}

/* The rule's rate, then the CA's ceilings. What was taken is not given back. */
static bool within_rates(struct signing *signing)
{
	struct authority *authority = &signing->broker->authorities[signing->ca];
	struct generation *generation = signing->channel->generation;
	struct rate per_second, per_day;
	uint64_t now = clock_boot_ns(), wait = 0;
	const char *which = NULL;

	policy_ceiling(generation->rules->policy, signing->ca, &per_second, &per_day);
	if (!generation_take(generation, &signing->decision, now, &wait))
		which = "the rule's rate is used up";
	else if (!rate_take(&authority->per_second, &per_second, now, &wait))
		which = "the CA's ceiling per second is reached";
	else if (!rate_take(&authority->per_day, &per_day, now, &wait))
		which = "the CA's ceiling per day is reached";
	if (!which)
		return true;
	/* On the record as a refusal is, but no offence. */
	signing->decision.fact = FACT_RATE;
	signing->decision.why = which;
	refusals_add(signing->broker, signing, now);
	unavailable(signing, UNAVAILABLE_RATE, wait, which);
	return false;
}

/* The serial is the broker's, so that no worker can prepare two documents of one digest.
 * The facts follow the bytes. */
static void stamp(struct signing *signing)
{
	const size_t length = document_serial_length(signing->document);
	uint8_t *serial = signing->bytes + signing->facts.serial_at;
	unsigned i;

	do
		crypto_random(serial, length);
	while (!document_serial_fit(signing->document, serial));
	signing->facts.serial = 0;
	for (i = 0; i < length && length <= sizeof signing->facts.serial; i++)
		signing->facts.serial = signing->facts.serial << 8 | serial[i];
}

/* As each is written elsewhere: hex in X.509; decimal in SSH, and as text, since half of
 * all serials are larger than what JSON's readers keep. */
static void record_serial(struct record_line *line, const struct signing *signing)
{
	char decimal[24];

	if (signing->purpose != PURPOSE_SSH) {
		record_hex(line, "serial", signing->bytes + signing->facts.serial_at,
		    document_serial_length(signing->document));
		return;
	}
	snprintf(
	    decimal, sizeof decimal, "%llu", (unsigned long long)signing->facts.serial);
	record_text(line, "serial", decimal);
}

static uint64_t record_permit(const struct signing *signing)
{
	struct broker *broker = signing->broker;
	struct record_line *line = audit_log_begin(&broker->log, "sign");
	const char *current = broker->log.policy;
	char rule[OP_TEXT_MAX];
	uint64_t sequence;

	snprintf(rule, sizeof rule, "%s:%u", broker->settings.policy_name,
	    signing->decision.line);
	broker->log.policy = signing->channel->generation->rules->sha256;
	record_bytes(line, "id", signing->request_id, signing->request_id_length);
	record_text(line, "client", signing->channel->socket);
	record_text(line, "ca", ca_name(signing->ca));
	record_text(line, "document", document_name(signing->document));
	record_hex(
	    line, "digest", signing->approval.digest, sizeof signing->approval.digest);
	record_text(line, "rule", rule);
	record_text(line, "decision", "permit");
	record_serial(line, signing);
	record_facts(line, signing->document, &signing->facts);
	sequence = audit_log_end(&broker->log);
	broker->log.policy = current;
	return sequence;
}

/* From here on the bytes must not change; the approval is bound to them. */
static bool approve(struct signing *signing, const struct key *key)
{
	stamp(signing);
	if (!approval_make(&signing->approval, &signing->broker->crypto,
		&signing->decision, key, signing->bytes, signing->length)) {
		unavailable(
		    signing, UNAVAILABLE_KEYSTORE, 0, "the document can't be approved");
		return false;
	}
	signing->approval.sequence = record_permit(signing);
	if (signing->approval.sequence != 0) {
		signing->broker->metrics.permitted[signing->ca][signing->document]++;
		return true;
	}
	unavailable(signing, UNAVAILABLE_RECORD, 0, RECORD_LOST);
	return false;
}

static bool judge(struct signing *signing)
{
	const struct key *key;

	return fits_table(signing) && read_and_compare(signing) &&
	       subject_key_is_sound(signing) && find_key(signing, &key) &&
	       is_permitted(signing, key) && within_rates(signing) &&
	       approve(signing, key);
}

/* A clock that was set back would give a validity that was over a second life, and the
 * record an order that nobody believes. */
static bool clock_is_right(const struct signing *signing)
{
	struct broker *broker = signing->broker;
	const uint64_t behind = audit_log_clock_behind(&broker->log);
	char text[160];

	if (behind <= CLOCK_BEHIND_MAX) {
		broker->clock_told = false;
		return true;
	}
	snprintf(text, sizeof text,
	    "this host's clock is %llu s behind the record's last time; nothing is "
	    "signed until the clock is right",
	    (unsigned long long)(behind / 1000000));
	if (!broker->clock_told)
		log_error("%s", text);
	broker->clock_told = true;
	unavailable(signing, UNAVAILABLE_KEYSTORE, 0, text);
	return false;
}

static bool can_serve(const struct signing *signing)
{
	const struct breaker *breaker = &signing->channel->service->breaker;
	uint64_t now;

	if (!audit_log_open(&signing->broker->log)) {
		unavailable(signing, UNAVAILABLE_RECORD, 0, RECORD_LOST);
		return false;
	}
	now = breaker->until != 0 ? clock_boot_ns() : 0;
	if (now < breaker->until) {
		unavailable(signing, UNAVAILABLE_BREAKER, breaker->until - now,
		    "too many refusals");
		return false;
	}
	return clock_is_right(signing);
}

void sign_request(
    struct broker *broker, struct channel *channel, const struct frame *frame)
{
	struct signing *signing = signings_next(&broker->signings);
	uint64_t ca = frame_number(frame, 0), purpose = frame_number(frame, 1),
		 document = frame_number(frame, 2);

	if (ca >= CA_COUNT || purpose >= PURPOSE_COUNT || document >= DOCUMENT_COUNT) {
		channel_violation(
		    broker, channel, "a CA, purpose or document that does not exist");
		return;
	}
	signing->channel = channel;
	signing->broker = broker;
	signing->received_ns = clock_boot_ns();
	signing->id = frame->id;
	signing->request_id = frame_bytes(frame, 3);
	signing->request_id_length = frame_length(frame, 3);
	signing->ca = (enum ca)ca;
	signing->purpose = (enum purpose)purpose;
	signing->document = (enum document)document;
	/* The frame was read into the place, so its document can be stamped there. */
	signing->bytes = signing->frame + frame->at[4];
	signing->length = frame_length(frame, 4);
	if (can_serve(signing) && judge(signing))
		signings_join_batch(&broker->signings, signing);
}

/* ---- the use of the key ---- */

static void record_outcome(const struct signing *signing,
    const struct keystore_answer *answer, const char *outcome)
{
	struct record_line *line = audit_log_begin(&signing->broker->log, "outcome");

	record_bytes(line, "id", signing->request_id, signing->request_id_length);
	record_number(line, "of", signing->approval.sequence);
	record_text(line, "outcome", outcome);
	if (answer)
		keystore_record(answer, line);
	/* Not fitting is impossible, and a failing disk has been told of. */
	(void)audit_log_end(&signing->broker->log);
}

static void count_use(
    const struct signing *signing, enum use_outcome outcome, uint64_t executed_ns)
{
	const struct use use = { .keystore =
				     signing->approval.key->keystore->methods->kind,
		.purpose = signing->purpose,
		.ca = signing->ca,
		.document = signing->document,
		.outcome = outcome,
		.queued_ns = signing->begun_ns - signing->received_ns,
		.executed_ns = executed_ns };

	metrics_used(&signing->broker->metrics, &use);
}

/* Nothing leaves that the CA's public key does not confirm: a faulty signature can give
 * an RSA key away. */
static enum use_outcome judge_signature(
    const struct signing *signing, const struct keystore_answer *answer)
{
	const unsigned long long sequence = signing->approval.sequence;
	const struct key *key = signing->approval.key;

	if (answer->result != KEYSTORE_SIGNED) {
		/* The record has each; the log the first of many in a row. */
		if (!signing->broker->metrics.down[key->keystore->methods->kind])
			log_error("record %llu: the keystore %s%s%s", sequence,
			    answer->result == KEYSTORE_UNAPPROVED
				? "was given no valid approval"
				: "can't use the key",
			    answer->why ? ": " : "", answer->why ? answer->why : "");
		return USE_FAILED;
	}
	if (!key_verify(key, &signing->broker->crypto, &signing->approval,
		answer->signature, answer->length)) {
		log_error("record %llu: ALARM: the keystore gave a wrong signature, "
			  "which was kept back; suspect memory or key file, and rotate "
			  "the CA",
		    sequence);
		return USE_WRONG;
	}
	return signing->channel && signing->channel->open ? USE_RELEASED : USE_UNRELEASED;
}

/* The keystore has finished with one. */
static void on_signed(void *context, const struct keystore_answer *answer)
{
	static const char *const names[USE_OUTCOMES] = { [USE_RELEASED] = "signed",
		[USE_UNRELEASED] = "not-released",
		[USE_FAILED] = "failed",
		[USE_WRONG] = "wrong-signature" };
	struct signing *signing = context;
	/* Its own time: the check of the signature is ours. */
	const uint64_t executed_ns = clock_boot_ns() - signing->begun_ns;
	const enum use_outcome outcome = judge_signature(signing, answer);

	count_use(signing, outcome, executed_ns);
	record_outcome(signing, answer,
	    outcome == USE_FAILED && answer->lost ? "unknown" : names[outcome]);
	switch (outcome) {
	case USE_RELEASED:
		answer_signed(signing, answer->signature, answer->length);
		break;
	case USE_FAILED:
		unavailable(signing, UNAVAILABLE_KEYSTORE, 0,
		    answer->open_why ? answer->open_why : "the key can't be used now");
		break;
	case USE_WRONG:
		unavailable(
		    signing, UNAVAILABLE_KEYSTORE, 0, "the key gave a wrong signature");
		break;
	case USE_UNRELEASED:
	case USE_OUTCOMES:
		break;
	}
	signings_release(&signing->broker->signings, signing);
}

static void use_key(struct signing *signing)
{
	struct keystore *keystore = signing->approval.key->keystore;

	signing->begun_ns = clock_boot_ns();
	signing->answer_by = signing->begun_ns + KEYSTORE_SECONDS * SECOND_NS;
	keystore->methods->sign(
	    keystore, signing->approval.key, &signing->approval, on_signed, signing);
}

void sign_batch(struct broker *broker)
{
	struct signings *signings = &broker->signings;
	bool durable;
	unsigned i;

	if (signings->batched == 0)
		return;
	durable = audit_log_commit(&broker->log);
	for (i = 0; i < signings->batched; i++) {
		if (durable)
			use_key(signings->batch[i]);
		else {
			unavailable(
			    signings->batch[i], UNAVAILABLE_RECORD, 0, RECORD_LOST);
			signings_release(signings, signings->batch[i]);
		}
	}
	signings->batched = 0;
}

void sign_tend(struct broker *broker, uint64_t now_ns)
{
	struct signing *signing = broker->signings.place;
	const struct signing *end = signing + broker->signings.touched;

	for (; signing < end; signing++) {
		if (!signing->channel || signing->answer_by == 0 ||
		    now_ns < signing->answer_by)
			continue;
		unavailable(signing, UNAVAILABLE_DEADLINE, 0,
		    "the keystore did not answer in time");
		signing->channel = NULL;
	}
}

void sign_end(struct broker *broker)
{
	const struct signing *signing = broker->signings.place;
	const struct signing *end = signing + broker->signings.touched;

	for (; signing < end; signing++)
		if (signing->answer_by != 0)
			record_outcome(signing, NULL, "unknown");
}
