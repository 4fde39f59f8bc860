/*
 * Credentials that AWS STS gives for other ones: a role is assumed with a set, or with a
 * token of an identity provider. And whose a set is.
 */
#include "broker/credentials_parts.h"
#include "broker/aws.h"
#include "broker/clocks.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define DEADLINE_NS  (15 * SECOND_NS)
#define ATTEMPT_MS   5000
#define SESSION_NAME "privyseal"
#define TOKEN_FILE   "AWS_WEB_IDENTITY_TOKEN_FILE"
#define ROLE_ARN     "AWS_ROLE_ARN"
#define SESSION	     "AWS_ROLE_SESSION_NAME"
#define UNRESERVED   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

enum found identity_look(struct credentials *credentials, struct failure *failure)
{
	const struct aws_environment *environment = credentials->environment;
	const char *path = aws_environment_get(environment, TOKEN_FILE),
		   *arn = aws_environment_get(environment, ROLE_ARN),
		   *session = aws_environment_get(environment, SESSION);
	struct plan *plan = &credentials->plan;

	if (!path) {
		failure_say(failure, TOKEN_FILE " is not set");
		return ABSENT;
	}
	session = session ? session : SESSION_NAME;
	*plan = (struct plan){ .base = BASE_WEB_IDENTITY };
	if (!arn || strlen(arn) > ROLE_ARN_MAX)
		failure_say(failure, TOKEN_FILE " is set, so " ROLE_ARN
						" must name the role to be assumed");
	else if (!role_session_fits(session))
		failure_say(failure,
		    SESSION " may have 2 to 64 letters, digits and _=,.@-, not '%s'",
		    session);
	else if (aws_file_open(&credentials->token_file, AWS_FILE_TOKEN, path,
		     credentials->given[GIVEN_IDENTITY], failure)) {
		strcpy(plan->token_path, path);
		strcpy(plan->identity.arn, arn);
		strcpy(plan->identity.session, session);
		return FOUND;
	}
	return BAD;
}

/* ---- the form ---- */

struct form {
	char *text; /* in secret memory, since a token may be in it */
	size_t length, room;
};

static bool form_start(struct form *form, size_t room)
{
	*form = (struct form){ OPENSSL_secure_zalloc(room), 0, room };
	return form->text != NULL;
}

static void form_end(struct form *form)
{
	OPENSSL_secure_clear_free(form->text, form->room);
}

/* There is room, since each value's length was told before. */
static void form_put(struct form *form, const char *name, const char *value)
{
	char *out = form->text + form->length;

	out += sprintf(out, "%s%s=", form->length > 0 ? "&" : "", name);
	for (; *value != '\0'; value++) {
		if (strchr(UNRESERVED, *value))
			*out++ = *value;
		else
			out += sprintf(out, "%%%02X", (unsigned char)*value);
	}
	form->length = (size_t)(out - form->text);
}

static bool form_of_role(
    struct form *form, const char *action, const struct role *role, const char *token)
{
	char seconds[16];

	/* 256: the names, and the numbers. */
	if (!form_start(form, 256 + 3 * (sizeof *role + (token ? strlen(token) : 0))))
		return false;
	form_put(form, "Action", action);
	form_put(form, "Version", "2011-06-15");
	form_put(form, "RoleArn", role->arn);
	form_put(form, "RoleSessionName", role->session);
	snprintf(seconds, sizeof seconds, "%u", role->duration);
	if (role->duration > 0)
		form_put(form, "DurationSeconds", seconds);
	if (token)
		form_put(form, "WebIdentityToken", token);
	else if (role->external_id[0] != '\0')
		form_put(form, "ExternalId", role->external_id);
	return true;
}

/* ---- the call ---- */

/* The one that is assumed next. */
static const struct role *next_role(const struct credentials *credentials)
{
	return &credentials->plan.roles[credentials->roles_left - 1];
}

/* {"AssumeRoleResponse":{"AssumeRoleResult":{"Credentials":{..}}}}, or the same for web
 * identities. */
static const cJSON *find_keys(const cJSON *json)
{
	const cJSON *response = json ? json->child : NULL;
	const cJSON *result;

	for (result = response ? response->child : NULL; result; result = result->next)
		if (cJSON_HasObjectItem(result, "Credentials"))
			return cJSON_GetObjectItemCaseSensitive(result, "Credentials");
	return NULL;
}

static bool read_answer(struct credentials *credentials, const struct aws_answer *answer,
    const struct role *role, struct aws_credentials *set)
{
	struct failure failure = { "" };
	cJSON *json;
	bool good;

	if (!answer->good) {
		credentials_failed(credentials, "the role %s can't be assumed%s: %s",
		    role->arn,
		    aws_error_denies(&answer->error)
			? " (its trust policy must permit it, and a user's own)"
			: "",
		    answer->why);
		return false;
	}
	json = cJSON_ParseWithLength(answer->body, answer->length);
	good =
	    credentials_read(credentials, find_keys(json), "SessionToken", set, &failure);
	if (good)
		strcpy(credentials->role_arn, role->arn);
	else
		credentials_failed(credentials,
		    "the answer of AWS STS for the role %s: %s", role->arn,
		    json ? failure.text : "it is no JSON");
	cJSON_Delete(json);
	return good;
}

static void on_role(void *context, const struct aws_answer *answer)
{
	struct credentials *credentials = context;
	struct aws_credentials set = { .secret = NULL };

	if (!read_answer(credentials, answer, next_role(credentials), &set))
		return;
	credentials->roles_left--;
	credentials_fetched(credentials, &set);
}

static void on_identity(void *context, const struct aws_answer *answer)
{
	struct credentials *credentials = context;
	struct aws_credentials set = { .secret = NULL };

	if (read_answer(credentials, answer, &credentials->plan.identity, &set))
		credentials_fetched(credentials, &set);
}

static void on_whose(void *context, const struct aws_answer *answer)
{
	struct credentials *credentials = context;
	struct sts_identity identity;
	struct failure failure = { "" };

	if (answer->good &&
	    sts_identity_read(answer->body, answer->length, &identity, &failure))
		credentials_known(credentials, &identity);
	else
		credentials_failed(credentials,
		    "whose the new credentials of the %s are can't be told: %s",
		    credentials->source, answer->good ? failure.text : answer->why);
}

/* With a set; NULL: unsigned. */
static void call(struct credentials *credentials, const char *body, size_t length,
    const struct aws_credentials *with, aws_done *done)
{
	const struct aws_request request = { .service = AWS_STS,
		.body = body,
		.length = length,
		.deadline_ns = clock_boot_ns() + DEADLINE_NS,
		.attempt_ms = ATTEMPT_MS,
		.with = with,
		.anonymous = !with };

	if (!credentials->aws || !aws_call(credentials->aws, &request, done, credentials))
		credentials_failed(
		    credentials, "AWS STS can't be asked: too many calls are under way");
}

void role_fetch(struct credentials *credentials)
{
	struct form form;

	if (!form_of_role(&form, "AssumeRole", next_role(credentials), NULL)) {
		credentials_failed(credentials, "the memory for secrets is full");
		return;
	}
	call(credentials, form.text, form.length, &credentials->base, on_role);
	form_end(&form);
}

void identity_fetch(struct credentials *credentials)
{
	size_t length = 0, end;
	char *token = credentials_token(credentials, &length);
	struct form form;

	if (!token)
		return;
	for (end = length; end > 0 && strchr(" \t\r\n", token[end - 1]); end--)
		token[end - 1] = '\0';
	if (form_of_role(
		&form, "AssumeRoleWithWebIdentity", &credentials->plan.identity, token)) {
		call(credentials, form.text, form.length, NULL, on_identity);
		form_end(&form);
	} else {
		credentials_failed(credentials, "the memory for secrets is full");
	}
	aws_file_forget(token, length);
}

void whose_fetch(struct credentials *credentials)
{
	call(credentials, STS_IDENTITY_BODY, sizeof STS_IDENTITY_BODY - 1,
	    &credentials->next, on_whose);
}
