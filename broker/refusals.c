/* Counting equal refusals; refusals.h says why. */
#include "broker/broker.h"
#include "broker/clocks.h"
#include "ipc/log.h"

#include <stdio.h>
#include <string.h>

static const char *rule_text(
    const struct broker *broker, const struct decision *decision, char *out, size_t room)
{
	switch (decision->verdict) {
	case VERDICT_PERMIT:
	case VERDICT_RULE:
		snprintf(
		    out, room, "%s:%u", broker->settings.policy_name, decision->line);
		return out;
	case VERDICT_DEFAULT:
		return "default";
	case VERDICT_INVARIANT:
		return "invariant";
	}
	return "unknown";
}

static void write_line(struct broker *broker, const struct refusal *refusal)
{
	const struct decision *decision = &refusal->decision;
	struct record_line *line = audit_log_begin(&broker->log, "refuse");
	char place[OP_TEXT_MAX];
	const char *rule = rule_text(broker, decision, place, sizeof place);

	record_bytes(line, "id", refusal->request_id, refusal->request_id_length);
	record_text(line, "client", refusal->client);
	record_text(line, "ca", ca_name(refusal->ca));
	record_text(line, "document", document_name(refusal->document));
	record_hex(line, "digest", refusal->digest, sizeof refusal->digest);
	record_text(line, "rule", rule);
	record_text(line, "decision", "refuse");
	record_text(line, "fact", fact_name(decision->fact));
	record_bytes(
	    line, "value", (const uint8_t *)decision->value, decision->value_length);
	record_number(line, "count", refusal->count);
	audit_log_end(&broker->log);
	log_warning("%s: refused %s of the %s CA %llu times: %s '%.*s' (%s)%s%s",
	    refusal->client, document_name(refusal->document), ca_name(refusal->ca),
	    (unsigned long long)refusal->count, fact_name(decision->fact),
	    (int)decision->value_length, decision->value, rule, decision->why ? ": " : "",
	    decision->why ? decision->why : "");
}

static bool same_socket(const struct refusal *refusal, const struct signing *signing)
{
	return strcmp(refusal->client, signing->channel->socket) == 0;
}

static bool same_kind(const struct refusal *refusal, const struct signing *signing)
{
	const struct decision *decision = &signing->decision;

	return refusal->ca == signing->ca && refusal->document == signing->document &&
	       refusal->decision.fact == decision->fact &&
	       refusal->decision.verdict == decision->verdict &&
	       refusal->decision.line == decision->line && same_socket(refusal, signing);
}

void refusals_add(struct broker *broker, const struct signing *signing, uint64_t now_ns)
{
	struct refusals *refusals = &broker->refusals;
	struct refusal *refusal;
	unsigned i, kinds = 0;

	for (i = 0; i < refusals->used; i++) {
		kinds += same_socket(&refusals->kind[i], signing);
		if (same_kind(&refusals->kind[i], signing)) {
			refusals->kind[i].count++;
			refusals->coalesced++;
			return;
		}
	}
	if (kinds == REFUSALS_KINDS || refusals->used == REFUSALS_MAX) {
		refusals->coalesced++;
		if (refusals->unlisted++ == 0)
			refusals->unlisted_since = now_ns;
		return;
	}
	refusal = &refusals->kind[refusals->used++];
	*refusal = (struct refusal){ .ca = signing->ca,
		.document = signing->document,
		.decision = signing->decision,
		.request_id_length = signing->request_id_length,
		.count = 1,
		.since = now_ns };
	snprintf(refusal->client, sizeof refusal->client, "%s", signing->channel->socket);
	memcpy(refusal->request_id, signing->request_id, signing->request_id_length);
	crypto_sha256(&broker->crypto, signing->bytes, signing->length, refusal->digest);
}

static bool is_due(uint64_t since, uint64_t now_ns)
{
	return now_ns == UINT64_MAX || now_ns >= since + SECOND_NS;
}

void refusals_flush(struct broker *broker, uint64_t now_ns)
{
	struct refusals *refusals = &broker->refusals;
	unsigned i = 0;

	while (i < refusals->used) {
		if (!is_due(refusals->kind[i].since, now_ns)) {
			i++;
			continue;
		}
		write_line(broker, &refusals->kind[i]);
		refusals->kind[i] = refusals->kind[--refusals->used];
	}
	if (refusals->unlisted > 0 && is_due(refusals->unlisted_since, now_ns)) {
		record_number(
		    audit_log_begin(&broker->log, "refuse"), "count", refusals->unlisted);
		audit_log_end(&broker->log);
		refusals->unlisted = 0;
	}
}
