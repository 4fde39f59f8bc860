/*
 * Alerts: what an administrator must know although nobody asks, as root sees it; a worker
 * only passes them on. They follow from what the broker counts and is, so that no other
 * part of it needs to think of them. Raised and cleared each is a line in the log; they
 * begin anew with the broker, while the record keeps what they were about.
 *
 * An id is stable: the kind's word, and behind a slash the socket, CA or keystore that it
 * is about. Severity and audience are Teleport's: what stops people's work is for
 * everyone, what only an administrator can judge is for admins.
 */
#ifndef BROKER_ALERTS_H
#define BROKER_ALERTS_H

#include "broker/metrics.h"
#include "broker/workers.h"

#define ALERTS_MAX	     64
#define ALERT_MESSAGE_MAX    192
#define ALERT_STAYS	     86400 /* seconds, of what passes but should be seen: a day */
#define ALERT_LOSSES	     LOSSES_MAX /* so many workers of a socket lost ... */
#define ALERT_LOSSES_WITHIN  600	/* ... within so many seconds: they keep dying */
#define ALERT_CA_ENDS_WITHIN 90		/* days */

struct broker;

enum alert {
	ALERT_RECORD_LOST,
	ALERT_CLOCK_BEHIND,
	ALERT_KEYSTORE_UNAVAILABLE,
	ALERT_WRONG_SIGNATURE,
	ALERT_BREAKER_TRIPPED,
	ALERT_REFUSED_AT_BROKER,
	ALERT_REFUSED_OUT_OF_TIME,
	ALERT_CONTRACT_BROKEN,
	ALERT_WORKERS_DYING,
	ALERT_STATE_UNWRITTEN,
	ALERT_CA_EXPIRES,
	ALERT_CA_EXPIRED,
	ALERT_CA_KEY_UNUSABLE,
	ALERT_CA_KEY_TYPES,
	ALERT_OTHER_INSTANCE,
	ALERT_CLOCK_DIFFERS,
	ALERT_OTHER_ACCOUNT,
	ALERT_NOT_RENEWED,
	ALERT_KINDS
};

struct raised {
	enum alert alert;
	char about[OP_NAME_MAX + 1]; /* empty: nothing in particular */
	char message[ALERT_MESSAGE_MAX];
	uint64_t until_ns; /* boot clock; 0: until it is cleared */
};

struct alerts {
	unsigned count;
	struct raised raised[ALERTS_MAX];
	uint64_t wrong[CA_COUNT]; /* signatures, as they were at the last look */
	uint64_t looked_ns;
};

/* Raises it, or says it anew and prolongs it. In a full table it takes the place of the
 * one that would be over first. */
void alert_raise(struct alerts *alerts, enum alert alert, const char *about,
    uint64_t now_ns, const char *message);
void alert_clear(struct alerts *alerts, enum alert alert, const char *about);

/* Raises and clears what has changed since the last look. */
void alerts_look(struct broker *broker, uint64_t now_ns);

/* `alerts`: [{id, severity, audience, message}], and their number by severity. */
void alerts_report(const struct alerts *alerts, cJSON *object);
/* The array alone, as text; cJSON_free() it. NULL: no memory. */
char *alerts_text(const struct alerts *alerts);

#endif
