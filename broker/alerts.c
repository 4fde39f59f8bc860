/* The table of alerts, and where they come from; alerts.h has the promises. */
#include "broker/alerts.h"
#include "broker/broker.h"
#include "broker/ca_keys.h"
#include "broker/clocks.h"
#include "broker/json_members.h"
#include "ipc/log.h"

#include <stdio.h>
#include <string.h>

enum severity { SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITIES };

static const char *const severities[SEVERITIES] = { "low", "medium", "high" };

static const struct kind {
	const char *id;
	enum severity severity;
	const char *audience;
	unsigned stays; /* seconds; 0: until it is cleared */
} kinds[ALERT_KINDS] = {
	[ALERT_RECORD_LOST] = { "record-lost", SEVERITY_HIGH, "everyone", 0 },
	[ALERT_CLOCK_BEHIND] = { "clock-behind-record", SEVERITY_HIGH, "everyone", 0 },
	[ALERT_KEYSTORE_UNAVAILABLE] = { "keystore-unavailable", SEVERITY_HIGH,
	    "everyone", 0 },
	[ALERT_WRONG_SIGNATURE] = { "wrong-signature", SEVERITY_HIGH, "admins", 0 },
	[ALERT_BREAKER_TRIPPED] = { "breaker-tripped", SEVERITY_HIGH, "admins",
	    ALERT_STAYS },
	[ALERT_REFUSED_AT_BROKER] = { "refused-at-broker", SEVERITY_HIGH, "admins",
	    ALERT_STAYS },
	[ALERT_REFUSED_OUT_OF_TIME] = { "refused-out-of-time", SEVERITY_MEDIUM, "admins",
	    ALERT_STAYS },
	[ALERT_CONTRACT_BROKEN] = { "contract-broken", SEVERITY_HIGH, "admins",
	    ALERT_STAYS },
	[ALERT_WORKERS_DYING] = { "workers-dying", SEVERITY_MEDIUM, "admins",
	    ALERT_LOSSES_WITHIN },
	[ALERT_CA_EXPIRES] = { "ca-expires", SEVERITY_MEDIUM, "admins", 0 },
	[ALERT_CA_EXPIRED] = { "ca-expired", SEVERITY_HIGH, "everyone", 0 },
	[ALERT_CA_KEY_UNUSABLE] = { "ca-key-unusable", SEVERITY_HIGH, "everyone", 0 },
	[ALERT_CA_KEY_TYPES] = { "ca-key-types", SEVERITY_MEDIUM, "admins", 0 },
	[ALERT_OTHER_INSTANCE] = { "other-instance", SEVERITY_MEDIUM, "admins", 0 },
	[ALERT_CLOCK_DIFFERS] = { "clock-differs-from-aws", SEVERITY_HIGH, "everyone",
	    0 },
	[ALERT_OTHER_ACCOUNT] = { "credentials-of-other-account", SEVERITY_HIGH, "admins",
	    0 },
	[ALERT_NOT_RENEWED] = { "credentials-not-renewed", SEVERITY_MEDIUM, "admins", 0 },
	[ALERT_STATE_UNWRITTEN] = { "state-unwritten", SEVERITY_MEDIUM, "admins", 0 },
};

/* ---- the table ---- */

static void write_id(const struct raised *raised, char out[2 * OP_NAME_MAX])
{
	snprintf(out, (size_t)2 * OP_NAME_MAX, "%s%s%s", kinds[raised->alert].id,
	    raised->about[0] ? "/" : "", raised->about);
}

static struct raised *find(struct alerts *alerts, enum alert alert, const char *about)
{
	unsigned i;

	for (i = 0; i < alerts->count; i++)
		if (alerts->raised[i].alert == alert &&
		    strcmp(alerts->raised[i].about, about) == 0)
			return &alerts->raised[i];
	return NULL;
}

static void remove_raised(struct alerts *alerts, struct raised *raised)
{
	char id[2 * OP_NAME_MAX];

	write_id(raised, id);
	log_notice("alert %s is over", id);
	*raised = alerts->raised[--alerts->count];
}

/* Room for one more. What stands until it is cleared is bounded, so that there is always
 * one of the others. */
static struct raised *new_place(struct alerts *alerts)
{
	struct raised *first = NULL;
	unsigned i;

	for (i = 0; i < alerts->count; i++)
		if (alerts->raised[i].until_ns != 0 &&
		    (!first || alerts->raised[i].until_ns < first->until_ns))
			first = &alerts->raised[i];
	if (alerts->count == ALERTS_MAX)
		remove_raised(alerts, first ? first : &alerts->raised[0]);
	return &alerts->raised[alerts->count++];
}

void alert_raise(struct alerts *alerts, enum alert alert, const char *about,
    uint64_t now_ns, const char *message)
{
	struct raised *raised = find(alerts, alert, about);
	const bool known = raised != NULL;
	char id[2 * OP_NAME_MAX];

	if (!known)
		raised = new_place(alerts);
	raised->alert = alert;
	raised->until_ns =
	    kinds[alert].stays ? now_ns + kinds[alert].stays * SECOND_NS : 0;
	snprintf(raised->about, sizeof raised->about, "%s", about);
	snprintf(raised->message, sizeof raised->message, "%s", message);
	write_id(raised, id);
	if (!known)
		log_error("alert %s (%s) is raised: %s", id,
		    severities[kinds[alert].severity], raised->message);
}

void alert_clear(struct alerts *alerts, enum alert alert, const char *about)
{
	struct raised *raised = find(alerts, alert, about);

	if (raised)
		remove_raised(alerts, raised);
}

/* ---- where they come from ---- */

static void set(struct broker *broker, uint64_t now_ns, enum alert alert,
    const char *about, bool holds, const char *message)
{
	if (holds)
		alert_raise(&broker->alerts, alert, about, now_ns, message);
	else
		alert_clear(&broker->alerts, alert, about);
}

/* What holds or does not. */
static void look_at_state(struct broker *broker, uint64_t now_ns)
{
	const uint64_t behind = audit_log_clock_behind(&broker->log);
	char text[ALERT_MESSAGE_MAX];
	unsigned store;

	set(broker, now_ns, ALERT_RECORD_LOST, "", broker->log.failed,
	    "the record can't be written, so nothing is signed: make room or repair the "
	    "disk, then restart privyseald");
	snprintf(text, sizeof text,
	    "the clock is %llu s behind the record's last time, so nothing is signed: "
	    "set the clock",
	    (unsigned long long)(behind / 1000000));
	set(broker, now_ns, ALERT_CLOCK_BEHIND, "", behind > CLOCK_BEHIND_MAX, text);
	for (store = 0; store < KEYSTORE_COUNT; store++)
		set(broker, now_ns, ALERT_KEYSTORE_UNAVAILABLE,
		    keystore_name((enum keystore_kind)store), broker->metrics.down[store],
		    "the last use of a CA key in this keystore failed: the log says how");
	set(broker, now_ns, ALERT_STATE_UNWRITTEN, "", broker->state_unwritten,
	    "the state can't be written: the log says why; a restart may find it behind "
	    "the record");
}

static void look_at_certificate(struct broker *broker, enum ca ca, uint64_t now_ns)
{
	const struct facts *certificate = &broker->authorities[ca].certificate;
	const int64_t left = certificate->x509_not_after - clock_wall_seconds();
	const bool is = certificate->x509_is_ca;
	char text[ALERT_MESSAGE_MAX];

	snprintf(text, sizeof text,
	    "the CA's certificate ends in %lld days, and with it all that it signs: "
	    "rotate this CA",
	    (long long)(left / 86400));
	set(broker, now_ns, ALERT_CA_EXPIRES, ca_name(ca),
	    is && left > 0 && left <= (int64_t)ALERT_CA_ENDS_WITHIN * 86400, text);
	set(broker, now_ns, ALERT_CA_EXPIRED, ca_name(ca), is && left <= 0,
	    "the CA's certificate has ended, so none is signed with its key: rotate this "
	    "CA");
}

static void look_at_keys(struct broker *broker, enum ca ca, uint64_t now_ns)
{
	const struct key *key = broker->authorities[ca].key;
	char text[ALERT_MESSAGE_MAX] = "";
	int purpose;

	for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
		if (key[purpose].unusable[0] != '\0')
			snprintf(text, sizeof text,
			    "its %s key signs nothing: %s; enable it or cancel its "
			    "deletion in AWS, or rotate this CA",
			    purpose_name((enum purpose)purpose), key[purpose].unusable);
	set(broker, now_ns, ALERT_CA_KEY_UNUSABLE, ca_name(ca), text[0] != '\0', text);
}

/* Of the keystore aws_kms as a whole. */
static void look_at_kms(struct broker *broker, uint64_t now_ns)
{
	const struct kms *kms = broker->kms.kms;
	const char *other = kms_other_instance(kms);
	const struct credentials *credentials = broker->remote.credentials;
	char text[ALERT_MESSAGE_MAX], cas[96] = "";
	int64_t seconds = 0;
	bool differ;
	int ca;

	for (ca = 0; ca < CA_COUNT; ca++)
		if (ca_keys_local(broker, (enum ca)ca))
			snprintf(cas + strlen(cas), sizeof cas - strlen(cas), " %s",
			    ca_name((enum ca)ca));
	snprintf(text, sizeof text,
	    "the policy says `keystore aws_kms`, but these CAs have software keys until "
	    "they are rotated:%s",
	    cas);
	set(broker, now_ns, ALERT_CA_KEY_TYPES, "", cas[0] != '\0', text);
	snprintf(text, sizeof text,
	    "another privyseal (instance %s) has keys for this cluster in this account: "
	    "no key is made or deleted while there are two",
	    other);
	set(broker, now_ns, ALERT_OTHER_INSTANCE, "", other[0] != '\0', text);
	set(broker, now_ns, ALERT_OTHER_ACCOUNT, "",
	    credentials && credentials_foreign(credentials),
	    "the newest AWS credentials are of another account than those before, and "
	    "are not used: see `privyseal credentials`");
	set(broker, now_ns, ALERT_NOT_RENEWED, "",
	    credentials && credentials_failing(credentials),
	    "the AWS credentials are not renewed, and end or have ended: see `privyseal "
	    "credentials`");
	differ = kms_clocks_differ(kms, &seconds);
	snprintf(text, sizeof text,
	    "AWS's clock and this host's differ by %lld s, so nothing is signed: set the "
	    "clock",
	    (long long)seconds);
	set(broker, now_ns, ALERT_CLOCK_DIFFERS, "", differ, text);
}

static bool keep_dying(struct service *service, uint64_t now_ns)
{
	uint64_t lost = service->counts[SERVICE_LOST] - service->seen[SERVICE_LOST];
	const bool any = lost > 0;

	for (lost = lost < LOSSES_MAX ? lost : LOSSES_MAX; lost > 0; lost--) {
		service->loss[service->next_loss] = now_ns;
		service->next_loss = (service->next_loss + 1) % LOSSES_MAX;
	}
	/* The next place has the oldest. */
	return any && service->loss[service->next_loss] != 0 &&
	       now_ns - service->loss[service->next_loss] <=
		   ALERT_LOSSES_WITHIN * SECOND_NS;
}

/* What has happened since the last look, at one socket. */
static void look_at_socket(
    struct alerts *alerts, struct service *service, uint64_t now_ns)
{
	static const struct {
		enum alert alert;
		const char *message;
	} happened[SERVICE_LOST] = {
		[SERVICE_VIOLATIONS] = { ALERT_CONTRACT_BROKEN,
		    "a worker said what no honest one says, and was replaced: see "
		    "`privyseal audit show --event violation`" },
		[SERVICE_OFFENCES] = { ALERT_REFUSED_AT_BROKER,
		    "the broker refused what an honest worker does not ask for: see "
		    "`privyseal audit show --event refuse`" },
		[SERVICE_UNTIMELY] = { ALERT_REFUSED_OUT_OF_TIME,
		    "the broker refused a document that does not begin now: the clock "
		    "was set, or an honest worker does not ask for it: see `privyseal "
		    "audit show --event refuse`" },
		[SERVICE_TRIPPED] = { ALERT_BREAKER_TRIPPED,
		    "so many requests were refused that the socket signed nothing for a "
		    "minute: its worker may be in another's hands" },
	};
	unsigned i;

	for (i = 0; i < SERVICE_LOST; i++)
		if (service->counts[i] > service->seen[i])
			alert_raise(alerts, happened[i].alert, service->name, now_ns,
			    happened[i].message);
	if (keep_dying(service, now_ns))
		alert_raise(alerts, ALERT_WORKERS_DYING, service->name, now_ns,
		    "its workers keep ending: the log says how");
	memcpy(service->seen, service->counts, sizeof service->seen);
}

void alerts_look(struct broker *broker, uint64_t now_ns)
{
	struct alerts *alerts = &broker->alerts;
	unsigned i;

	look_at_state(broker, now_ns);
	if (broker->kms.kms)
		look_at_kms(broker, now_ns);
	for (i = 0; i < SERVICES_MAX; i++)
		if (broker->services[i].name[0] != '\0')
			look_at_socket(alerts, &broker->services[i], now_ns);
	for (i = 0; i < CA_COUNT; i++) {
		look_at_certificate(broker, (enum ca)i, now_ns);
		look_at_keys(broker, (enum ca)i, now_ns);
		if (broker->metrics.wrong[i] > alerts->wrong[i])
			alert_raise(alerts, ALERT_WRONG_SIGNATURE, ca_name((enum ca)i),
			    now_ns,
			    "the keystore gave a wrong signature, which was kept back: "
			    "suspect memory or the key file, and rotate this CA");
	}
	for (i = alerts->count; i > 0; i--)
		if (alerts->raised[i - 1].until_ns != 0 &&
		    now_ns >= alerts->raised[i - 1].until_ns)
			remove_raised(alerts, &alerts->raised[i - 1]);
	memcpy(alerts->wrong, broker->metrics.wrong, sizeof alerts->wrong);
	alerts->looked_ns = now_ns;
}

/* ---- telling ---- */

static cJSON *as_array(const struct alerts *alerts)
{
	cJSON *list = cJSON_CreateArray(), *item;
	char id[2 * OP_NAME_MAX];
	unsigned i;

	for (i = 0; i < alerts->count; i++) {
		const struct kind *kind = &kinds[alerts->raised[i].alert];

		write_id(&alerts->raised[i], id);
		item = json_add_object(list);
		cJSON_AddStringToObject(item, "id", id);
		cJSON_AddStringToObject(item, "severity", severities[kind->severity]);
		cJSON_AddStringToObject(item, "audience", kind->audience);
		cJSON_AddStringToObject(item, "message", alerts->raised[i].message);
	}
	return list;
}

void alerts_report(const struct alerts *alerts, cJSON *object)
{
	cJSON *by = cJSON_AddObjectToObject(object, "alerts_by");
	unsigned count[SEVERITIES] = { 0 }, i;

	for (i = 0; i < alerts->count; i++)
		count[kinds[alerts->raised[i].alert].severity]++;
	for (i = 0; i < SEVERITIES; i++)
		cJSON_AddNumberToObject(by, severities[i], count[i]);
	cJSON_AddItemToObject(object, "alerts", as_array(alerts));
}

char *alerts_text(const struct alerts *alerts)
{
	cJSON *list = as_array(alerts);
	char *text = cJSON_PrintUnformatted(list);

	cJSON_Delete(list);
	return text;
}
