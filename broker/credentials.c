/*
 * The choice of the source, the set in use, and when the next one is fetched;
 * credentials.h has the promises. A fetch is the plan's base, then its roles one by one.
 */
#include "broker/credentials_parts.h"
#include "broker/clocks.h"
#include "broker/crypto.h"
#include "ipc/log.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS		UINT64_C(1000000)
#define AHEAD_S		300 /* a set is renewed so long before its end, and up to ... */
#define AHEAD_JITTER_S	300 /* ... so much sooner, so that not all hosts ask at once */
#define LOOK_NS		(10 * SECOND_NS) /* at files that others may replace */
#define SHUN_NS		(10 * SECOND_NS)
#define SOON_NS		(2 * SECOND_NS) /* worth waiting for */
#define RETRY_LEAST_NS	SECOND_NS
#define RETRY_DOUBLINGS 5
#define POOL		2 /* connections; there is one request at a time */

/* ---- sets ---- */

void credentials_forget(struct aws_credentials *set)
{
	if (set->secret)
		OPENSSL_secure_clear_free(set->secret, strlen(set->secret));
	if (set->token)
		OPENSSL_secure_clear_free(set->token, strlen(set->token));
	*set = (struct aws_credentials){ .secret = NULL };
}

static char *keep(struct slice text)
{
	char *kept = OPENSSL_secure_malloc(text.length + 1);

	if (!kept)
		return NULL;
	memcpy(kept, text.at, text.length);
	kept[text.length] = '\0';
	return kept;
}

bool credentials_set(struct credentials *credentials, struct aws_credentials *out,
    struct slice id, struct slice secret, struct slice token, struct failure *failure)
{
	*out = (struct aws_credentials){ .expires = INT64_MAX,
		.source = credentials->source };
	if (id.length > ACCESS_KEY_ID_MAX || !text_visible(id))
		return failure_say(failure, "the access key id is none");
	if (!text_visible(secret))
		return failure_say(failure, "the secret access key is none");
	if (token.length > SESSION_TOKEN_MAX || !text_visible(token))
		return failure_say(failure,
		    "the session token is none, or has more than %d bytes",
		    SESSION_TOKEN_MAX);
	memcpy(out->access_key_id, id.at, id.length);
	out->secret = keep(secret);
	out->token = token.length > 0 ? keep(token) : NULL;
	if (out->secret && (out->token || token.length == 0)) {
		out->number = ++credentials->numbers;
		return true;
	}
	credentials_forget(out);
	return failure_say(failure, "the memory for secrets is full");
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strlen(a) == strlen(b) && CRYPTO_memcmp(a, b, strlen(a)) == 0
		      : !a && !b;
}

static bool same_set(const struct aws_credentials *a, const struct aws_credentials *b)
{
	return a->secret && strcmp(a->access_key_id, b->access_key_id) == 0 &&
	       same_text(a->secret, b->secret) && same_text(a->token, b->token);
}

/* ---- sources that need no network ---- */

static const char *variable(const struct credentials *credentials, const char *name)
{
	return aws_environment_get(credentials->environment, name);
}

static struct slice variable_slice(const struct credentials *c, const char *name)
{
	const char *value = variable(c, name);

	return slice_of(value ? value : "");
}

static enum found environment_set(
    struct credentials *credentials, struct aws_credentials *out, struct failure *failure)
{
	const struct slice id = variable_slice(credentials, "AWS_ACCESS_KEY_ID"),
			   secret = variable_slice(credentials, "AWS_SECRET_ACCESS_KEY"),
			   token = variable_slice(credentials, "AWS_SESSION_TOKEN");
	const char *end = variable(credentials, "AWS_CREDENTIAL_EXPIRATION");

	if (id.length == 0 && secret.length == 0) {
		failure_say(failure, "AWS_ACCESS_KEY_ID is not set");
		return ABSENT;
	}
	if (id.length == 0 || secret.length == 0) {
		failure_say(failure, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must "
				     "both be set, or neither");
		return BAD;
	}
	if (!credentials_set(credentials, out, id, secret, token, failure))
		return BAD;
	if (!end || credentials_time(end, &out->expires))
		return FOUND;
	credentials_forget(out);
	failure_say(failure,
	    "AWS_CREDENTIAL_EXPIRATION must be a time as 2015-08-30T12:36:00Z, not '%s'",
	    end);
	return BAD;
}

static enum found environment_look(
    struct credentials *credentials, struct failure *failure)
{
	struct aws_credentials set = { .secret = NULL };
	const enum found found = environment_set(credentials, &set, failure);

	credentials_forget(&set);
	credentials->plan = (struct plan){ .base = BASE_ENVIRONMENT };
	return found;
}

/* Both files, for as long as something is looked up in them. */
struct texts {
	char *text[2];
	size_t length[2];
	struct profile_files files;
};

static void texts_forget(struct texts *texts)
{
	unsigned i;

	for (i = 0; i < 2; i++)
		if (texts->text[i])
			aws_file_forget(texts->text[i], texts->length[i]);
	*texts = (struct texts){ .text = { NULL } };
}

static bool texts_read(
    struct texts *texts, struct credentials *credentials, struct failure *failure)
{
	struct aws_file *const files[2] = { &credentials->credentials_file,
		&credentials->config_file };
	struct profile_file *parts[2] = { &texts->files.credentials,
		&texts->files.config };
	unsigned i, bad_line;

	*texts = (struct texts){ .text = { NULL } };
	for (i = 0; i < 2; i++) {
		if (aws_file_read(files[i], &texts->text[i], &texts->length[i],
			failure) == AWS_FILE_BAD) {
			texts->text[i] = NULL;
			texts_forget(texts);
			return false;
		}
		*parts[i] = (struct profile_file){ texts->text[i] ? texts->text[i] : "",
			texts->length[i], i == 1 };
		bad_line = profile_bad_line(parts[i]);
		if (bad_line > 0) {
			texts_forget(texts);
			return failure_say(failure,
			    "%s:%u: expected a [section], NAME = VALUE or a # comment",
			    files[i]->path, bad_line);
		}
	}
	return true;
}

static const char *profile_name(const struct credentials *credentials)
{
	const char *chosen = variable(credentials, "AWS_PROFILE");

	return chosen ? chosen : "default";
}

/* Does the plan come from the config file? Whatever is more than keys is said to. */
static bool is_of_config(const struct plan *plan, const struct profile_files *files)
{
	struct profile_keys keys;
	struct failure unused;

	return plan->base != BASE_PROFILE || plan->roles_count > 0 ||
	       plan_keys(files, plan->profile, &keys, &unused) != FOUND || keys.in_config;
}

static enum found look_at_files(
    struct credentials *credentials, bool config, struct failure *failure)
{
	struct texts texts;
	enum found found;

	if (!texts_read(&texts, credentials, failure))
		return BAD;
	found = plan_make(&credentials->plan, &texts.files, profile_name(credentials),
	    variable(credentials, "AWS_PROFILE") != NULL, failure);
	if (found == FOUND && is_of_config(&credentials->plan, &texts.files) != config) {
		failure_say(failure, "profile '%s' has no keys of its own in it",
		    profile_name(credentials));
		found = ABSENT;
	}
	if (found == ABSENT && !texts.text[config])
		failure_say(failure, "%s is not there",
		    config ? credentials->config_file.path
			   : credentials->credentials_file.path);
	texts_forget(&texts);
	return found;
}

static enum found shared_look(struct credentials *credentials, struct failure *failure)
{
	return look_at_files(credentials, false, failure);
}

static enum found config_look(struct credentials *credentials, struct failure *failure)
{
	return look_at_files(credentials, true, failure);
}

static enum found served_look(
    struct credentials *credentials, enum plan_base base, struct failure *failure)
{
	credentials->plan = (struct plan){ .base = base };
	return base == BASE_CONTAINER ? container_look(credentials, failure)
				      : metadata_look(credentials, failure);
}

static enum found look_for_container(
    struct credentials *credentials, struct failure *failure)
{
	return served_look(credentials, BASE_CONTAINER, failure);
}

static enum found look_for_metadata(
    struct credentials *credentials, struct failure *failure)
{
	return served_look(credentials, BASE_METADATA, failure);
}

static bool is_of_files(const struct credentials *credentials)
{
	return credentials->source && strncmp(credentials->source, "shared", 6) == 0;
}

/* What the files say now, if they have changed. Directories and ports stay those that
 * the seal left. */
static bool plan_again(struct credentials *credentials, struct failure *failure)
{
	const struct plan *was = &credentials->plan;
	struct texts texts;
	struct plan plan;
	enum found found;

	if (!is_of_files(credentials) ||
	    (!aws_file_changed(&credentials->credentials_file) &&
		!aws_file_changed(&credentials->config_file)))
		return true;
	if (!texts_read(&texts, credentials, failure))
		return false;
	found = plan_make(&plan, &texts.files, profile_name(credentials), true, failure);
	texts_forget(&texts);
	if (found != FOUND)
		return false;
	if (plan.base != was->base || strcmp(plan.token_path, was->token_path) != 0 ||
	    (plan.roles_count > 0) != (was->roles_count > 0))
		return failure_say(failure,
		    "profile '%s' has credentials of another kind now; restart "
		    "privyseald",
		    profile_name(credentials));
	credentials->plan = plan;
	return true;
}

static bool profile_set(
    struct credentials *credentials, struct aws_credentials *out, struct failure *failure)
{
	struct profile_keys keys;
	struct texts texts;
	bool good;

	if (!texts_read(&texts, credentials, failure))
		return false;
	good =
	    plan_keys(&texts.files, credentials->plan.profile, &keys, failure) == FOUND &&
	    credentials_set(credentials, out, keys.id, keys.secret, keys.token, failure);
	texts_forget(&texts);
	return good;
}

/* ---- the next fetch ---- */

/* At least `least`, at most twice that. */
static uint64_t jittered(uint64_t least)
{
	uint32_t chance;

	crypto_random((uint8_t *)&chance, sizeof chance);
	return least + (uint64_t)((double)least * ((double)chance / UINT32_MAX));
}

/* Those of a machine's own role, which AWS itself would extend: used beyond their end
 * while the service that gives them out is down. */
static bool may_be_stale(const struct credentials *credentials)
{
	const struct plan *plan = &credentials->plan;

	return plan->roles_count == 0 &&
	       (plan->base == BASE_CONTAINER || plan->base == BASE_METADATA);
}

static bool is_local(const struct credentials *credentials)
{
	const struct plan *plan = &credentials->plan;

	return plan->roles_count == 0 &&
	       (plan->base == BASE_ENVIRONMENT || plan->base == BASE_PROFILE);
}

static int64_t seconds_left(const struct credentials *credentials)
{
	const int64_t expires = credentials->now.expires;

	return expires == INT64_MAX ? INT64_MAX : expires - clock_wall_seconds();
}

/* Ahead of the end by five to ten minutes; of a short life, half. */
static uint64_t renewal_ns(const struct credentials *credentials, bool same)
{
	const uint64_t now = clock_boot_ns();
	const int64_t left = seconds_left(credentials);
	uint64_t left_ns, ahead_ns = AHEAD_S * SECOND_NS;

	if (is_local(credentials))
		return is_of_files(credentials) ? now + LOOK_NS : UINT64_MAX;
	if (left == INT64_MAX)
		return UINT64_MAX;
	if (left <= 0)
		return now + jittered(AHEAD_S * SECOND_NS);
	left_ns = (uint64_t)left * SECOND_NS;
	ahead_ns += jittered(AHEAD_JITTER_S * SECOND_NS) - AHEAD_JITTER_S * SECOND_NS;
	if (ahead_ns > left_ns / 2)
		ahead_ns = left_ns / 2;
	/* The next ones are not there yet: soon, but not at once. */
	if (same && left_ns < 2 * AHEAD_S * SECOND_NS)
		ahead_ns =
		    left_ns > 120 * SECOND_NS ? left_ns - 60 * SECOND_NS : left_ns / 2;
	return now + (left_ns - ahead_ns);
}

static uint64_t retry_ns(const struct credentials *credentials)
{
	const unsigned doublings = credentials->failures < RETRY_DOUBLINGS
				       ? credentials->failures - 1
				       : RETRY_DOUBLINGS - 1;

	if (credentials->now.secret && may_be_stale(credentials) &&
	    credentials->shunned_ns == 0 && seconds_left(credentials) <= 0)
		return clock_boot_ns() + jittered(AHEAD_S * SECOND_NS);
	return clock_boot_ns() + jittered(RETRY_LEAST_NS << doublings);
}

/* ---- how a fetch ends ---- */

static void use(struct credentials *credentials, struct aws_credentials *set)
{
	credentials_forget(&credentials->now);
	credentials->now = *set;
	*set = (struct aws_credentials){ .secret = NULL };
	credentials->shunned_ns = credentials->confirmed_ns = 0;
	log_info("AWS credentials of the %s are in use: %s", credentials->source,
	    credentials->now.access_key_id);
}

/* Refusals of what was sent before count no more. Soon after there is no next time. */
static void confirm(struct credentials *credentials)
{
	const uint64_t now = clock_boot_ns(), last = credentials->confirmed_ns;

	if (credentials->shunned_ns == 0 || (last != 0 && now < last + SHUN_NS))
		return;
	credentials->shunned_ns = 0;
	credentials->confirmed_ns = now;
}

static void settle(struct credentials *credentials, bool same)
{
	credentials->fetching = credentials->foreign = false;
	credentials->failures = 0;
	credentials->stale = seconds_left(credentials) <= 0;
	credentials->due_ns = renewal_ns(credentials, same);
	if (credentials->shunned_ns == 0)
		credentials->why[0] = '\0';
}

void credentials_fetched(struct credentials *credentials, struct aws_credentials *set)
{
	const bool same =
	    credentials->roles_left == 0 && same_set(&credentials->now, set);

	if (credentials->roles_left > 0) {
		credentials_forget(&credentials->base);
		credentials->base = *set;
		role_fetch(credentials);
		return;
	}
	credentials_forget(&credentials->base);
	if (set->expires <= clock_wall_seconds() && !may_be_stale(credentials)) {
		credentials_forget(set);
		credentials_failed(credentials, "the credentials of the %s have expired",
		    credentials->source);
		return;
	}
	if (same) {
		credentials->now.expires = set->expires;
		credentials_forget(set);
		confirm(credentials);
	} else if (credentials->account[0] != '\0') {
		credentials->next = *set;
		whose_fetch(credentials);
		return;
	} else {
		use(credentials, set);
	}
	settle(credentials, same);
}

void credentials_known(
    struct credentials *credentials, const struct sts_identity *identity)
{
	credentials->foreign = strcmp(identity->account, credentials->account) != 0;
	if (credentials->foreign) {
		credentials_failed(credentials,
		    "the new credentials of the %s are of account %s, not of %s, and are "
		    "not used",
		    credentials->source, identity->account, credentials->account);
		return;
	}
	credentials_identity(credentials, identity->account, identity->arn);
	use(credentials, &credentials->next);
	settle(credentials, false);
}

void credentials_failed(struct credentials *credentials, const char *format, ...)
{
	char why[FAILURE_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, sizeof why, format, arguments);
	va_end(arguments);
	credentials_forget(&credentials->base);
	credentials_forget(&credentials->next);
	credentials->fetching = false;
	credentials->failures++;
	credentials->stale = may_be_stale(credentials);
	credentials->due_ns = retry_ns(credentials);
	if (credentials->failures == 1 || strcmp(why, credentials->why) != 0)
		log_warning("AWS credentials: %s", why);
	strcpy(credentials->why, why);
	strcpy(credentials->failure, why);
	credentials->failed++;
	credentials->failed_at = clock_wall_seconds();
}

/* ---- a fetch ---- */

static void local_fetch(struct credentials *credentials)
{
	struct aws_credentials set = { .secret = NULL };
	struct failure failure = { "" };
	bool good;

	if (credentials->plan.base == BASE_ENVIRONMENT)
		good = environment_set(credentials, &set, &failure) == FOUND;
	else
		good = profile_set(credentials, &set, &failure);
	if (good)
		credentials_fetched(credentials, &set);
	else
		credentials_failed(credentials, "%s", failure.text);
}

static void fetch(struct credentials *credentials)
{
	struct failure failure = { "" };

	credentials->fetching = true;
	credentials->begun_ns = clock_boot_ns();
	if (!plan_again(credentials, &failure)) {
		credentials_failed(credentials, "%s", failure.text);
		return;
	}
	credentials->roles_left = credentials->plan.roles_count;
	credentials->metadata.again = false;
	switch (credentials->plan.base) {
	case BASE_ENVIRONMENT:
	case BASE_PROFILE:
		local_fetch(credentials);
		break;
	case BASE_WEB_IDENTITY:
		identity_fetch(credentials);
		break;
	case BASE_CONTAINER:
		container_fetch(credentials);
		break;
	case BASE_METADATA:
		metadata_fetch(credentials);
		break;
	}
}

/* ---- the choice ---- */

static const struct {
	const char *name;
	enum found (*look)(struct credentials *credentials, struct failure *failure);
} chain[SOURCES_COUNT] = {
	{ "environment", environment_look },
	{ "shared credentials file", shared_look },
	{ "shared config file", config_look },
	{ "web identity token file", identity_look },
	{ "container endpoint", look_for_container },
	{ "instance metadata service", look_for_metadata },
};

/* False, with `failure`: one is configured wrongly. */
static bool choose(struct credentials *credentials, struct failure *failure)
{
	struct failure why = { "" };
	enum found found = ABSENT;
	unsigned i, n;

	for (i = 0; i < SOURCES_COUNT && found == ABSENT; i++) {
		found = chain[i].look(credentials, &why);
		if (found == FOUND) {
			credentials->source = chain[i].name;
			return true;
		}
		n = credentials->tried_count++;
		credentials->tried[n].source = chain[i].name;
		strcpy(credentials->tried[n].why, why.text);
		if (found == ABSENT)
			log_info(
			    "no AWS credentials of the %s: %s", chain[i].name, why.text);
	}
	if (found == BAD)
		return failure_say(
		    failure, "AWS credentials, %s: %s", chain[i - 1].name, why.text);
	strcpy(credentials->why, "no source of AWS credentials is configured; the log "
				 "says what was looked for");
	return true;
}

static bool open_shared(struct credentials *credentials, struct aws_file *file,
    enum aws_file_kind kind, const char *chosen, int given, const char *home,
    const char *usual, struct failure *failure)
{
	const char *path = variable(credentials, chosen);
	char built[AWS_FILE_PATH_MAX + 1];

	if (path && strncmp(path, "~/", 2) != 0)
		return aws_file_open(file, kind, path, given, failure);
	if (!home)
		return true;
	if (snprintf(built, sizeof built, "%s/%s", home, path ? path + 2 : usual) >=
	    (int)sizeof built)
		return failure_say(failure, "%s is too long", chosen);
	return aws_file_open(file, kind, built, -1, failure);
}

/* Of a profile's token in /run: opened before the seal when the variable names its
 * directory too. */
static int opened_for(const struct credentials *credentials, const char *path)
{
	const char *named = variable(credentials, "AWS_WEB_IDENTITY_TOKEN_FILE");
	const char *slash = strrchr(path, '/');
	const size_t length = slash ? (size_t)(slash - path) + 1 : 0;

	return named && length > 0 && strncmp(named, path, length) == 0 &&
		       !strchr(named + length, '/')
		   ? credentials->given[GIVEN_IDENTITY]
		   : -1;
}

/* A profile names a source that the chain has not looked for yet. */
static bool follow_profile(struct credentials *credentials, struct failure *failure)
{
	struct failure why = { "" };
	bool good = true;

	if (credentials->plan.base == BASE_CONTAINER)
		good = container_look(credentials, &why) == FOUND;
	else if (credentials->plan.base == BASE_METADATA)
		good = metadata_look(credentials, &why) == FOUND;
	else if (credentials->plan.base == BASE_WEB_IDENTITY)
		good = aws_file_open(&credentials->token_file, AWS_FILE_TOKEN,
		    credentials->plan.token_path,
		    opened_for(credentials, credentials->plan.token_path), &why);
	return good || failure_say(failure, "AWS credentials, profile '%s': %s",
			   profile_name(credentials), why.text);
}

/* What the chosen one needs from before the seal. */
static bool make_ready(
    struct credentials *credentials, X509_STORE *roots, struct failure *failure)
{
	const struct http_settings pool = { POOL, NULL, roots };
	const enum plan_base base = credentials->plan.base;

	if (!credentials->source)
		return true;
	if (is_of_files(credentials) && !follow_profile(credentials, failure))
		return false;
	if (base == BASE_CONTAINER || base == BASE_METADATA) {
		credentials->http = http_new(&pool, failure);
		return credentials->http != NULL;
	}
	if (is_local(credentials))
		fetch(credentials);
	return !is_local(credentials) || credentials->now.secret ||
	       failure_say(failure, "AWS credentials: %s", credentials->why);
}

struct credentials *credentials_new(
    const struct credentials_settings *settings, struct failure *failure)
{
	struct credentials *credentials = calloc(1, sizeof *credentials);

	if (!credentials) {
		failure_say(failure, "out of memory");
		return NULL;
	}
	credentials->environment = settings->environment;
	memcpy(credentials->given, settings->given, sizeof credentials->given);
	credentials->credentials_file.directory = credentials->config_file.directory =
	    credentials->token_file.directory = -1;
	if (open_shared(credentials, &credentials->credentials_file, AWS_FILE_SECRET,
		"AWS_SHARED_CREDENTIALS_FILE", settings->given[GIVEN_CREDENTIALS],
		settings->home, ".aws/credentials", failure) &&
	    open_shared(credentials, &credentials->config_file, AWS_FILE_CONFIG,
		"AWS_CONFIG_FILE", settings->given[GIVEN_CONFIG], settings->home,
		".aws/config", failure) &&
	    choose(credentials, failure) &&
	    make_ready(credentials, settings->roots, failure))
		return credentials;
	credentials_free(credentials);
	return NULL;
}

void credentials_free(struct credentials *credentials)
{
	if (!credentials)
		return;
	http_free(credentials->http);
	credentials_forget(&credentials->now);
	credentials_forget(&credentials->base);
	credentials_forget(&credentials->next);
	if (credentials->metadata.token)
		OPENSSL_secure_clear_free(
		    credentials->metadata.token, strlen(credentials->metadata.token));
	aws_file_close(&credentials->credentials_file);
	aws_file_close(&credentials->config_file);
	aws_file_close(&credentials->token_file);
	free(credentials);
}

/* One that somebody has set to elsewhere is his own. */
static bool is_guarded(const char *address)
{
	return strcmp(address, "169.254.169.254") == 0 ||
	       strcmp(address, "fd00:ec2::254") == 0;
}

void credentials_needs(
    const struct credentials *credentials, struct credentials_needs *out)
{
	const struct plan *plan = &credentials->plan;
	const int directories[] = { credentials->credentials_file.directory,
		credentials->config_file.directory, credentials->token_file.directory };
	size_t i;

	*out = (struct credentials_needs){ .port = 0 };
	if (!credentials->source)
		return;
	for (i = 0; i < sizeof directories / sizeof directories[0]; i++)
		if (directories[i] >= 0)
			out->directories[out->directories_count++] = directories[i];
	if (credentials->http)
		out->port = credentials->url.port;
	if (credentials->http && !credentials->url.address && !credentials->url.loopback)
		out->host = credentials->url.host;
	out->sts = plan->roles_count > 0 || plan->base == BASE_WEB_IDENTITY;
	if (plan->base == BASE_METADATA && is_guarded(credentials->url.host))
		out->guarded = credentials->url.host;
}

void credentials_call_through(struct credentials *credentials, struct aws *aws)
{
	credentials->aws = aws;
}

void credentials_addresses(struct credentials *credentials, const char *addresses)
{
	snprintf(credentials->resolve, sizeof credentials->resolve, "%s:%u:%.511s",
	    credentials->url.host, credentials->url.port, addresses);
}

/* ---- the set in use ---- */

const struct aws_credentials *credentials_now(struct credentials *credentials)
{
	const struct aws_credentials *now = &credentials->now;

	if (!now->secret || clock_boot_ns() < credentials->shunned_ns)
		return NULL;
	if (credentials->shunned_ns != 0) {
		credentials->shunned_ns = 0;
		credentials->why[0] = '\0';
	}
	if (seconds_left(credentials) > 0 || credentials->stale)
		return now;
	if (is_local(credentials))
		snprintf(credentials->why, sizeof credentials->why,
		    "the credentials of the %s have expired; set new ones and restart "
		    "privyseald",
		    credentials->source);
	return NULL;
}

bool credentials_rejected(
    struct credentials *credentials, uint64_t number, uint64_t sent_ns)
{
	const uint64_t now = clock_boot_ns(), soonest = credentials->begun_ns + SECOND_NS;
	const bool first = credentials->shunned_ns == 0;

	if (number != credentials->now.number || sent_ns < credentials->confirmed_ns)
		return true;
	credentials->shunned_ns = now + SHUN_NS;
	snprintf(credentials->why, sizeof credentials->why,
	    "AWS does not take the credentials of the %s any more", credentials->source);
	if (first) /* many calls are told the same at once */
		log_warning("%s", credentials->why);
	if (!is_local(credentials)) {
		credentials->due_ns = now > soonest ? now : soonest;
		return true;
	}
	if (!is_of_files(credentials))
		confirm(credentials);
	else if (!credentials->fetching)
		fetch(credentials);
	return credentials->shunned_ns == 0 || credentials->fetching;
}

bool credentials_coming(const struct credentials *credentials)
{
	return credentials->fetching ||
	       (credentials->source && !is_local(credentials) &&
		   credentials->due_ns < clock_boot_ns() + SOON_NS);
}

const char *credentials_why(const struct credentials *credentials)
{
	return credentials->why[0] != '\0' ? credentials->why
					   : "the AWS credentials are not there yet";
}

bool credentials_foreign(const struct credentials *credentials)
{
	return credentials->foreign;
}

void credentials_identity(
    struct credentials *credentials, const char *account, const char *arn)
{
	snprintf(credentials->account, sizeof credentials->account, "%s", account);
	snprintf(credentials->arn, sizeof credentials->arn, "%s", arn);
}

/* ---- the loop ---- */

unsigned credentials_fill(const struct credentials *credentials, struct pollfd *out)
{
	return credentials->http ? http_fill(credentials->http, out) : 0;
}

int credentials_wait_ms(const struct credentials *credentials)
{
	const uint64_t now = clock_boot_ns();
	int wait = credentials->http ? http_wait_ms(credentials->http) : -1;
	uint64_t ms;

	if (!credentials->source || credentials->fetching ||
	    credentials->due_ns == UINT64_MAX)
		return wait;
	ms = credentials->due_ns > now ? (credentials->due_ns - now + MS - 1) / MS : 0;
	return wait < 0 || ms < (uint64_t)wait ? (ms < INT32_MAX ? (int)ms : INT32_MAX)
					       : wait;
}

void credentials_turn(
    struct credentials *credentials, const struct pollfd *polled, unsigned count)
{
	if (credentials->http)
		http_turn(credentials->http, polled, count);
	if (credentials->source && !credentials->fetching &&
	    clock_boot_ns() >= credentials->due_ns)
		fetch(credentials);
	/* What was just sent has to be started. */
	if (credentials->http)
		http_turn(credentials->http, NULL, 0);
}
