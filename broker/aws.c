/*
 * The life of a call: it waits until it is due and there are credentials, an address, its
 * turn under the limit and a free transfer; it is signed and sent; what comes back either
 * ends it or makes it wait again. Calls wait in the order in which they were made.
 */
#include "broker/aws.h"
#include "broker/aws_retry.h"
#include "broker/clocks.h"
#include "broker/crypto.h"
#include "broker/kms.h"
#include "broker/sigv4.h"
#include "broker/wiped_memory.h"
#include "ipc/log.h"
#include "ipc/ops.h"
#include "policy/rate.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_DIGITS	16
#define MS		UINT64_C(1000000)
#define SETTLE_FIRST_MS 500
#define SETTLE_MOST_MS	4000

struct call {
	struct call *next;
	struct aws *aws;
	aws_done *done;
	void *context;
	struct aws_request request;
	struct aws_retry retry;
	uint64_t due_ns, sent_ns;
	uint64_t credentials; /* the number of those that signed the last attempt */
	unsigned attempts, settled;
	bool renewed, corrected; /* credentials, clock: once each */
	bool counted;		 /* has had its turn under the limit */
	bool lost;
	char body[];
};

struct aws {
	struct http *http;
	struct credentials *credentials;
	const struct audit_log *log;
	void (*unreachable)(void *context, enum aws_service service);
	void *context;
	struct aws_endpoint endpoint[AWS_SERVICE_COUNT];
	struct sigv4_signer signer[AWS_SERVICE_COUNT];
	char resolve[AWS_SERVICE_COUNT][AWS_HOST_MAX + 8 + OP_ADDRESSES_MAX + 1];
	struct aws_retry_quota quota;
	struct rate rate; /* amount 0: no limit */
	struct bucket bucket;
	uint64_t bucket_ns; /* when there will be a token again */
	int64_t skew, offset;
	bool skew_known;
	unsigned calls;
	struct call *first; /* those that wait */
};

struct aws *aws_new(const struct aws_settings *settings, struct failure *failure)
{
	struct aws *aws = calloc(1, sizeof *aws);
	bool good = aws != NULL;
	int service;

	for (service = 0; good && service < AWS_SERVICE_COUNT; service++) {
		aws->endpoint[service] = settings->endpoint[service];
		good = sigv4_start(&aws->signer[service], settings->region,
		    aws_service_name((enum aws_service)service));
	}
	if (!good) {
		free(aws);
		failure_say(failure, "out of memory");
		return NULL;
	}
	aws->http = settings->http;
	aws->credentials = settings->credentials;
	aws->log = settings->log;
	aws->unreachable = settings->unreachable;
	aws->context = settings->context;
	aws->quota.left = AWS_RETRY_TOKENS;
	return aws;
}

static void call_free(struct call *call)
{
	call->aws->calls--;
	wiped_free(call);
}

void aws_free(struct aws *aws)
{
	struct call *call;
	int service;

	if (!aws)
		return;
	while ((call = aws->first)) {
		aws->first = call->next;
		call_free(call);
	}
	for (service = 0; service < AWS_SERVICE_COUNT; service++)
		sigv4_stop(&aws->signer[service]);
	free(aws);
}

void aws_addresses(struct aws *aws, enum aws_service service, const char *addresses)
{
	const struct aws_endpoint endpoint = aws->endpoint[service];

	snprintf(aws->resolve[service], sizeof aws->resolve[service], "%s:%u:%s",
	    endpoint.host, endpoint.port, addresses);
}

/* Where to send it, that is; a proxy finds out by itself. */
static bool is_known(const struct aws *aws, const struct call *call)
{
	return aws->resolve[call->request.service][0] != '\0' || http_proxied(aws->http);
}

void aws_limit(struct aws *aws, unsigned per_second)
{
	aws->rate = (struct rate){ per_second, 1, per_second };
}

bool aws_skew(const struct aws *aws, int64_t *seconds)
{
	*seconds = aws->skew;
	return aws->skew_known;
}

unsigned aws_under_way(const struct aws *aws)
{
	return aws->calls;
}

/* ---- ends ---- */

/* `call` is in no list and no transfer any more. */
static void end(struct call *call, struct aws_answer *answer)
{
	answer->attempts = call->attempts;
	answer->lost = answer->lost || call->lost;
	call->done(call->context, answer);
	call_free(call);
}

/* `more` is for root alone. */
static void end_why(
    struct call *call, struct aws_answer *answer, const char *why, const char *more)
{
	const size_t room = sizeof answer->why;

	snprintf(answer->why, room, "%s: %s",
	    call->aws->endpoint[call->request.service].host, why);
	answer->open = strlen(answer->why);
	snprintf(answer->why + answer->open, room - answer->open, "%s%s",
	    more[0] != '\0' ? ": " : "", more);
	end(call, answer);
}

/* Does it wait for the credentials in use? Others are there already, or not needed. */
static bool needs_credentials(const struct call *call)
{
	return !call->request.with && !call->request.anonymous;
}

/* What it was waiting for when its time was up. */
static void end_late(struct call *call)
{
	struct aws_answer answer = {
		.out_of_time = true, .retryable = true, .body = "", .request_id = ""
	};
	const struct aws *aws = call->aws;
	const char *why = "no answer in time", *more = "";

	if (call->attempts == 0 && !is_known(aws, call)) {
		why = "its address is not known";
	} else if (needs_credentials(call) && !credentials_now(aws->credentials)) {
		why = "no AWS credentials that can be used";
		more = credentials_why(aws->credentials);
	}
	end_why(call, &answer, why, more);
}

static void end_unsendable(struct call *call)
{
	struct aws_answer answer = { .retryable = true, .body = "", .request_id = "" };

	end_why(call, &answer,
	    "the request can't be sent: out of memory, or no credentials that fit into "
	    "it",
	    "");
}

/* In the order in which they were made; a call that is made again is the older one. */
static void wait_until(struct call *call, uint64_t due_ns)
{
	struct call **at = &call->aws->first;

	call->due_ns = due_ns;
	if (call->attempts == 0)
		while (*at)
			at = &(*at)->next;
	call->next = *at;
	*at = call;
}

/* ---- answers ---- */

static void learn_clock(struct call *call, const char *date)
{
	struct aws *aws = call->aws;
	const time_t theirs = curl_getdate(date, NULL);
	const int64_t passed = (int64_t)((clock_boot_ns() - call->sent_ns) / SECOND_NS);

	if (theirs < 0)
		return;
	/* Of the moment between request and answer. */
	aws->skew = (int64_t)theirs - (clock_wall_seconds() - passed / 2);
	aws->skew_known = true;
}

/* The SDKs' way: only a large difference from what was said is worth a guess. Of two
 * clocks that agree again, too. */
static bool correct_clock(struct call *call)
{
	struct aws *aws = call->aws;
	const int64_t wrong = aws->skew - aws->offset;

	if (call->corrected || !aws->skew_known ||
	    (wrong >= -AWS_SKEW_MAX && wrong <= AWS_SKEW_MAX))
		return false;
	call->corrected = true;
	aws->offset = aws->skew;
	return true;
}

/* Teleport's schedule for what AWS has made, but does not know everywhere yet. */
static uint64_t settling_ns(struct call *call)
{
	uint64_t delay = SETTLE_FIRST_MS;

	if (call->settled > 0)
		delay += (uint64_t)SETTLE_FIRST_MS
			 << (call->settled < 4 ? call->settled - 1 : 3);
	call->settled++;
	return (delay < SETTLE_MOST_MS ? delay : SETTLE_MOST_MS) * MS;
}

static bool retry_after(
    struct call *call, enum aws_fault fault, const char *hint, uint64_t *delay_ns)
{
	struct aws *aws = call->aws;
	uint64_t delay_ms;
	uint32_t chance;
	bool again;

	switch (fault) {
	case AWS_FAULT_CREDENTIALS:
		*delay_ns = 0;
		again = needs_credentials(call) &&
			credentials_rejected(
			    aws->credentials, call->credentials, call->sent_ns) &&
			!call->renewed;
		call->renewed = true;
		return again;
	case AWS_FAULT_CLOCK:
		*delay_ns = 0;
		return correct_clock(call);
	case AWS_FAULT_UNSETTLED:
		*delay_ns = call->request.settle ? settling_ns(call) : 0;
		return call->request.settle;
	case AWS_FAULT_THROTTLED:
	case AWS_FAULT_TRANSIENT:
		crypto_random((uint8_t *)&chance, sizeof chance);
		if (!aws_retry_again(&call->retry, &aws->quota, fault,
			*hint != '\0' ? strtoll(hint, NULL, 10) : -1, chance, &delay_ms))
			return false;
		*delay_ns = delay_ms * MS;
		return true;
	case AWS_FAULT_FINAL:
	case AWS_FAULT_DRY_RUN:
	case AWS_FAULT_COUNT:
		break;
	}
	return false;
}

/* Of what must not be done twice AWS's own trouble is no denial either. */
static bool may_be_done(
    const struct call *call, enum aws_fault fault, const struct http_answer *http)
{
	return http->status == 0 ? http->sent
				 : call->request.once && fault == AWS_FAULT_TRANSIENT;
}

/* What was answered, but for AWS's own words. */
static void say_error(
    const struct call *call, struct aws_error *error, char *out, size_t room)
{
	const char *operation =
	    call->request.target ? strrchr(call->request.target, '.') : NULL;
	size_t n = 0;

	if (operation && aws_error_denies(error)) {
		if (error->action[0] == '\0')
			snprintf(
			    error->action, sizeof error->action, "kms:%s", operation + 1);
		kms_not_permitted(out, room, error->action);
		n = strlen(out);
		n += (size_t)snprintf(out + n, room - n, "; ");
	}
	snprintf(out + n, room - n, "%s%sHTTP %ld", error->code,
	    error->code[0] != '\0' ? ", " : "", error->status);
}

static void fail(struct call *call, const struct http_answer *http)
{
	struct aws_answer answer = { .body = http->body,
		.length = http->length,
		.request_id = http->kept[HTTP_REQUEST_ID] };
	struct aws_error *error = &answer.error;
	uint64_t delay_ns, now = clock_boot_ns();
	char text[AWS_ERROR_CODE_MAX + AWS_ACTION_MAX + 256];

	if (http->status != 0)
		aws_error_read(error, http->status, http->kept[HTTP_ERROR_TYPE],
		    http->body, http->length);
	else
		error->fault = AWS_FAULT_TRANSIENT;
	call->lost = call->lost || may_be_done(call, error->fault, http);
	if (http->status == 0 && !http->sent && call->aws->unreachable)
		call->aws->unreachable(call->aws->context, call->request.service);
	if (!(call->request.once && call->lost) &&
	    retry_after(call, error->fault, http->kept[HTTP_RETRY_AFTER], &delay_ns) &&
	    now + delay_ns < call->request.deadline_ns) {
		wait_until(call, now + delay_ns);
		return;
	}
	answer.retryable = error->fault != AWS_FAULT_FINAL;
	answer.out_of_time = now >= call->request.deadline_ns;
	if (http->status == 0)
		snprintf(text, sizeof text, "%s", http->why);
	else
		say_error(call, error, text, sizeof text);
	end_why(call, &answer, text, error->message);
}

static void on_answer(void *context, const struct http_answer *http)
{
	struct call *call = context;
	struct aws_answer answer = { .good = true };

	if (http->kept[HTTP_DATE][0] != '\0')
		learn_clock(call, http->kept[HTTP_DATE]);
	if (http->status != 200) {
		fail(call, http);
		return;
	}
	aws_retry_done(&call->retry, &call->aws->quota);
	answer.body = http->body;
	answer.length = http->length;
	answer.request_id = http->kept[HTTP_REQUEST_ID];
	end(call, &answer);
}

/* ---- sending ---- */

static unsigned list_fields(const struct call *call, const struct aws_credentials *with,
    const char *date, struct sigv4_header *out)
{
	const struct aws_request *request = &call->request;
	unsigned n = 0;

	out[n++] = (struct sigv4_header){ "Content-Type",
		request->target ? "application/x-amz-json-1.1"
				: "application/x-www-form-urlencoded; charset=utf-8" };
	out[n++] = (struct sigv4_header){ "X-Amz-Date", date };
	if (request->target)
		out[n++] = (struct sigv4_header){ "X-Amz-Target", request->target };
	if (with && with->token)
		out[n++] = (struct sigv4_header){ "X-Amz-Security-Token", with->token };
	out[n++] = (struct sigv4_header){ "Host",
		call->aws->endpoint[request->service].authority };
	return n;
}

static bool sign(struct call *call, const struct aws_credentials *with,
    const struct sigv4_header *fields, unsigned count,
    char authorization[SIGV4_AUTHORIZATION_MAX])
{
	return sigv4_sign(&call->aws->signer[call->request.service], with->access_key_id,
	    with->secret, with->number, fields, count, call->body, call->request.length,
	    authorization);
}

static uint64_t attempt_ms(const struct call *call, uint64_t now)
{
	const uint64_t left = (call->request.deadline_ns - now) / MS + 1;
	const uint64_t most =
	    call->request.attempt_ms > 0 ? call->request.attempt_ms : AWS_ATTEMPT_MS;

	return left < most ? left : most;
}

/* False: memory is out, or a value is one that no header can have. There is a free
 * transfer. */
static bool transmit(struct call *call, const struct aws_credentials *with, uint64_t now)
{
	struct aws *aws = call->aws;
	const struct aws_endpoint *endpoint = &aws->endpoint[call->request.service];
	struct sigv4_header to_sign[8];
	struct http_field fields[8];
	char date[SIGV4_DATE_TEXT], authorization[SIGV4_AUTHORIZATION_MAX], agent[128];
	const struct http_request request = { .method = "POST",
		.url = endpoint->url,
		/* Of an IPv6 address libcurl knows no such entry, and needs none. */
		.resolve = strchr(endpoint->host, ':')
			       ? NULL
			       : aws->resolve[call->request.service],
		.fields = fields,
		.body = call->body,
		.length = call->request.length,
		.timeout_ms = attempt_ms(call, now),
		.connect_timeout_ms = AWS_CONNECT_MS,
		.fresh = call->request.once };
	struct http_request what = request;
	unsigned count, i;

	if (!sigv4_date(clock_wall_seconds() + aws->offset, date))
		return false;
	count = list_fields(call, with, date, to_sign);
	if (with && !sign(call, with, to_sign, count, authorization))
		return false;
	/* The last to be signed is Host, which is sent anyway. */
	for (i = 0; i + 1 < count; i++)
		fields[i] = (struct http_field){ to_sign[i].name, to_sign[i].value };
	snprintf(agent, sizeof agent, "privyseal/%s seq/%llu head/%.*s",
	    PRIVYSEAL_VERSION, (unsigned long long)aws->log->sequence, HEAD_DIGITS,
	    aws->log->hash);
	fields[i++] = (struct http_field){ "User-Agent", agent };
	fields[i++] = (struct http_field){ "Accept", "application/json" };
	if (with)
		fields[i++] = (struct http_field){ "Authorization", authorization };
	what.fields_count = i;
	return http_send(aws->http, &what, on_answer, call);
}

static bool has_turn(struct call *call, uint64_t now)
{
	struct aws *aws = call->aws;
	uint64_t wait;

	if (!call->request.limited || call->counted || aws->rate.amount == 0)
		return true;
	if (now < aws->bucket_ns)
		return false;
	if (rate_take(&aws->bucket, &aws->rate, now, &wait)) {
		call->counted = true;
		return true;
	}
	aws->bucket_ns = now + wait;
	return false;
}

enum step { SENT, WAITS, FULL, LATE, UNSENDABLE };

static enum step advance(struct call *call, uint64_t now)
{
	struct aws *aws = call->aws;
	const struct aws_credentials *with;

	if (now >= call->request.deadline_ns)
		return LATE;
	if (now < call->due_ns || !is_known(aws, call))
		return WAITS;
	with = needs_credentials(call) ? credentials_now(aws->credentials)
				       : call->request.with;
	if (!with && !call->request.anonymous)
		return credentials_coming(aws->credentials) ? WAITS : LATE;
	if (http_under_way(aws->http) >= HTTP_TRANSFERS_MAX)
		return FULL;
	if (!has_turn(call, now))
		return WAITS;
	call->sent_ns = now;
	call->credentials = with ? with->number : 0;
	if (!transmit(call, with, now))
		return UNSENDABLE;
	call->attempts++;
	return SENT;
}

/* Callbacks may add calls to the list, so it is walked anew after each. */
static void advance_all(struct aws *aws)
{
	const uint64_t now = clock_boot_ns();
	struct call **at = &aws->first, *call;
	bool full = false;

	while ((call = *at)) {
		/* Behind one that nobody can take, another may be late. */
		switch (full && now < call->request.deadline_ns ? WAITS
								: advance(call, now)) {
		case SENT:
			*at = call->next;
			break;
		case LATE:
			*at = call->next;
			end_late(call);
			at = &aws->first;
			break;
		case UNSENDABLE:
			*at = call->next;
			end_unsendable(call);
			at = &aws->first;
			break;
		case FULL:
			full = true;
			at = &call->next;
			break;
		case WAITS:
			at = &call->next;
			break;
		}
	}
}

bool aws_call(
    struct aws *aws, const struct aws_request *request, aws_done *done, void *context)
{
	struct call *call;

	if (aws->calls == AWS_CALLS_MAX)
		return false;
	call = wiped_allocate(sizeof *call + request->length);
	if (!call)
		return false;
	*call = (struct call){
		.aws = aws, .done = done, .context = context, .request = *request
	};
	if (request->length > 0)
		memcpy(call->body, request->body, request->length);
	aws->calls++;
	wait_until(call, 0);
	return true;
}

/* ---- the loop ---- */

unsigned aws_fill(const struct aws *aws, struct pollfd *out)
{
	return http_fill(aws->http, out);
}

/* What holds a call back that is due, other than time; its end will wake the loop. */
static bool is_held_back(const struct aws *aws, const struct call *call)
{
	return !is_known(aws, call) || http_under_way(aws->http) >= HTTP_TRANSFERS_MAX ||
	       (needs_credentials(call) && !credentials_now(aws->credentials) &&
		   credentials_coming(aws->credentials));
}

static uint64_t wakes_at(const struct aws *aws, const struct call *call, uint64_t now)
{
	uint64_t due = call->due_ns;

	if (call->request.limited && !call->counted && due < aws->bucket_ns)
		due = aws->bucket_ns;
	if (due > call->request.deadline_ns || (due <= now && is_held_back(aws, call)))
		due = call->request.deadline_ns;
	return due;
}

int aws_wait_ms(const struct aws *aws)
{
	const uint64_t now = clock_boot_ns();
	uint64_t at, soonest = UINT64_MAX;
	const int wait = http_wait_ms(aws->http);
	const struct call *call;
	int ms;

	for (call = aws->first; call; call = call->next) {
		at = wakes_at(aws, call, now);
		soonest = at < soonest ? at : soonest;
	}
	if (soonest == UINT64_MAX)
		return wait;
	ms = soonest > now ? (int)((soonest - now + MS - 1) / MS) : 0;
	return wait < 0 || ms < wait ? ms : wait;
}

void aws_turn(struct aws *aws, const struct pollfd *polled, unsigned count)
{
	http_turn(aws->http, polled, count);
	advance_all(aws);
	/* What was just sent has to be started, and may have ended already. */
	http_turn(aws->http, NULL, 0);
}
