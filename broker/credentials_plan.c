/* The way from a profile through its source profiles; credentials_plan.h. */
#include "broker/credentials_plan.h"

#include <string.h>

#define DURATION_LEAST 900 /* seconds, of AWS STS AssumeRole */
#define DURATION_MOST  43200
#define SESSION_NAME   "privyseal"
#define SESSION_CHARACTERS                                                               \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_=,.@-"

#define TEXT(slice) (int)(slice).length, (const char *)(slice).at

/* A walk from profile to source profile. */
struct walk {
	const struct profile_files *files;
	struct failure *failure;
	struct plan *plan;
	char names[PLAN_ROLES_MAX + 1][PROFILE_NAME_MAX + 1]; /* those it came by */
	unsigned count;
};

static bool get(const struct profile_files *files, const char *profile,
    const char *property, struct slice *out)
{
	return profile_get(
		   &files->credentials, PROFILE_PROFILE, profile, property, NULL, out) ||
	       profile_get(&files->config, PROFILE_PROFILE, profile, property, NULL, out);
}

static bool is_there(const struct profile_files *files, const char *profile)
{
	return profile_exists(&files->credentials, PROFILE_PROFILE, profile) ||
	       profile_exists(&files->config, PROFILE_PROFILE, profile);
}

/* False, with a failure, when it is too long or has a NUL in it. */
static bool copy(const struct walk *walk, const char *property, struct slice value,
    char *out, size_t most)
{
	if (value.length <= most && !memchr(value.at, '\0', value.length)) {
		memcpy(out, value.at, value.length);
		out[value.length] = '\0';
		return true;
	}
	return failure_say(walk->failure, "profile '%s': %s is longer than %zu bytes",
	    walk->names[walk->count - 1], property, most);
}

/* The keys of one file: both or none. */
static enum found keys_of(const struct profile_file *file, const char *profile,
    struct profile_keys *out, struct failure *failure)
{
	const bool id = profile_get(file, PROFILE_PROFILE, profile, "aws_access_key_id",
		       NULL, &out->id),
		   secret = profile_get(file, PROFILE_PROFILE, profile,
		       "aws_secret_access_key", NULL, &out->secret);

	if (!id && !secret)
		return ABSENT;
	if (!profile_get(
		file, PROFILE_PROFILE, profile, "aws_session_token", NULL, &out->token))
		out->token.length = 0;
	if (id && secret && out->id.length > 0 && out->secret.length > 0)
		return FOUND;
	failure_say(failure,
	    "profile '%s' must have both aws_access_key_id and aws_secret_access_key",
	    profile);
	return BAD;
}

enum found plan_keys(const struct profile_files *files, const char *profile,
    struct profile_keys *out, struct failure *failure)
{
	enum found found;

	*out = (struct profile_keys){ .in_config = false };
	found = keys_of(&files->credentials, profile, out, failure);
	if (found != ABSENT)
		return found;
	out->in_config = true;
	return keys_of(&files->config, profile, out, failure);
}

bool role_session_fits(const char *name)
{
	const size_t length = strlen(name);

	return length >= 2 && length <= ROLE_SESSION_MAX &&
	       strspn(name, SESSION_CHARACTERS) == length;
}

static bool read_duration(struct walk *walk, const char *name, unsigned *out)
{
	struct slice text;
	uint64_t value = 0;

	*out = 0;
	if (!get(walk->files, name, "duration_seconds", &text))
		return true;
	if (text.length == 0 ||
	    text_number((const char *)text.at, text.length, DURATION_MOST, &value) !=
		text.length ||
	    value < DURATION_LEAST)
		return failure_say(walk->failure,
		    "profile '%s': duration_seconds must be a number from %d to %d, not "
		    "'%.*s'",
		    name, DURATION_LEAST, DURATION_MOST, TEXT(text));
	*out = (unsigned)value;
	return true;
}

static bool read_role(
    struct walk *walk, const char *name, struct slice arn, struct role *role)
{
	struct slice text = slice_of("");

	if (get(walk->files, name, "mfa_serial", &text))
		return failure_say(walk->failure,
		    "profile '%s' has mfa_serial, and nobody is here to type a code; "
		    "let the role be assumed without, or give the instance a role",
		    name);
	if (!copy(walk, "role_arn", arn, role->arn, ROLE_ARN_MAX) ||
	    !read_duration(walk, name, &role->duration))
		return false;
	text = slice_of("");
	if (get(walk->files, name, "external_id", &text) &&
	    !copy(walk, "external_id", text, role->external_id, EXTERNAL_ID_MAX))
		return false;
	text = slice_of(SESSION_NAME);
	get(walk->files, name, "role_session_name", &text);
	if (!copy(walk, "role_session_name", text, role->session, ROLE_SESSION_MAX))
		return false;
	return role_session_fits(role->session) ||
	       failure_say(walk->failure,
		   "profile '%s': role_session_name may have 2 to %d letters, digits and "
		   "_=,.@-, not '%s'",
		   name, ROLE_SESSION_MAX, role->session);
}

/* The profiles of a loop in their order, closed by the first of them. */
static bool say_loop(struct walk *walk, const char *again)
{
	char way[FAILURE_TEXT_MAX] = "";
	size_t length = 0;
	unsigned i = 0;

	while (strcmp(walk->names[i], again) != 0)
		i++;
	for (; i < walk->count && length < sizeof way - PROFILE_NAME_MAX - 8; i++) {
		strcpy(way + length, walk->names[i]);
		strcat(way, " -> ");
		length = strlen(way);
	}
	strcat(way, again);
	return failure_say(
	    walk->failure, "source_profile leads back to where it came from: %s", way);
}

static bool enter(struct walk *walk, struct slice next)
{
	unsigned i;

	for (i = 0; i < walk->count; i++)
		if (slice_is(next, walk->names[i]))
			return say_loop(walk, walk->names[i]);
	if (walk->count > PLAN_ROLES_MAX)
		return failure_say(walk->failure,
		    "profile '%s' needs more than %d roles, one after the other",
		    walk->names[0], PLAN_ROLES_MAX);
	if (!copy(
		walk, "source_profile", next, walk->names[walk->count], PROFILE_NAME_MAX))
		return false;
	return is_there(walk->files, walk->names[walk->count++]) ||
	       failure_say(walk->failure,
		   "profile '%s' has source_profile '%.*s', which is in neither file",
		   walk->names[walk->count - 2], TEXT(next));
}

static enum found use_keys(struct walk *walk, const char *name)
{
	struct profile_keys keys;
	const enum found found = plan_keys(walk->files, name, &keys, walk->failure);

	if (found == FOUND) {
		walk->plan->base = BASE_PROFILE;
		strcpy(walk->plan->profile, name);
	}
	return found;
}

static bool use_credential_source(
    struct walk *walk, const char *name, struct slice source)
{
	static const struct {
		const char *name;
		enum plan_base base;
	} known[] = { { "Environment", BASE_ENVIRONMENT },
		{ "Ec2InstanceMetadata", BASE_METADATA },
		{ "EcsContainer", BASE_CONTAINER } };
	size_t i;

	for (i = 0; i < sizeof known / sizeof known[0]; i++)
		if (slice_is(source, known[i].name)) {
			walk->plan->base = known[i].base;
			return true;
		}
	return failure_say(walk->failure,
	    "profile '%s': credential_source must be Environment, Ec2InstanceMetadata "
	    "or EcsContainer, not '%.*s'",
	    name, TEXT(source));
}

enum step { ONWARD, ARRIVED, WRONG };

static enum step verdict(bool good)
{
	return good ? ARRIVED : WRONG;
}

/* A profile with role_arn: with whose credentials is the role assumed? */
static enum step step_role(struct walk *walk, const char *name, struct slice arn)
{
	struct plan *plan = walk->plan;
	struct slice profile, source, token;
	const bool has_profile = get(walk->files, name, "source_profile", &profile),
		   has_source = get(walk->files, name, "credential_source", &source),
		   has_token = get(walk->files, name, "web_identity_token_file", &token);

	if (has_profile + has_source + has_token != 1)
		return verdict(failure_say(walk->failure,
		    "profile '%s' has role_arn, so it needs one of source_profile, "
		    "credential_source and web_identity_token_file, and one alone",
		    name));
	if (has_token) {
		plan->base = BASE_WEB_IDENTITY;
		return verdict(read_role(walk, name, arn, &plan->identity) &&
			       copy(walk, "web_identity_token_file", token,
				   plan->token_path, AWS_FILE_PATH_MAX));
	}
	if (plan->roles_count == PLAN_ROLES_MAX)
		return verdict(failure_say(walk->failure,
		    "profile '%s' needs more than %d roles, one after the other",
		    walk->names[0], PLAN_ROLES_MAX));
	if (!read_role(walk, name, arn, &plan->roles[plan->roles_count++]))
		return WRONG;
	if (has_source)
		return verdict(use_credential_source(walk, name, source));
	if (!slice_is(profile, name))
		return enter(walk, profile) ? ONWARD : WRONG;
	/* Its own keys assume its own role. */
	if (use_keys(walk, name) == FOUND)
		return ARRIVED;
	return verdict(failure_say(walk->failure,
	    "profile '%s' is its own source_profile, but has no keys", name));
}

/* What would have to run a program or a browser. */
static bool refuse_others(const struct walk *walk, const char *name)
{
	static const char *const sso[] = { "sso_session", "sso_start_url",
		"sso_account_id", "sso_role_name" };
	struct slice value;
	size_t i;

	if (get(walk->files, name, "credential_process", &value))
		return failure_say(walk->failure,
		    "profile '%s' has credential_process, which is not run here: the "
		    "process that holds the keys starts no programs. Let a timer of your "
		    "own write what it prints into the shared credentials file, or use "
		    "an instance role",
		    name);
	for (i = 0; i < sizeof sso / sizeof sso[0]; i++)
		if (get(walk->files, name, sso[i], &value))
			return failure_say(walk->failure,
			    "profile '%s' has %s: a sign-on by browser is for people, "
			    "not for a service. Use an instance role, or role_arn with "
			    "source_profile",
			    name, sso[i]);
	return true;
}

static enum step step(struct walk *walk)
{
	const char *name = walk->names[walk->count - 1];
	struct slice arn;
	enum found found;

	if (get(walk->files, name, "role_arn", &arn))
		return step_role(walk, name, arn);
	found = use_keys(walk, name);
	if (found != ABSENT)
		return verdict(found == FOUND);
	if (!refuse_others(walk, name))
		return WRONG;
	failure_say(walk->failure, "profile '%s' has no credentials in it", name);
	return ONWARD;
}

enum found plan_make(struct plan *plan, const struct profile_files *files,
    const char *profile, bool chosen, struct failure *failure)
{
	struct walk walk = { .files = files, .failure = failure, .plan = plan };
	const struct slice first = slice_of(profile);
	enum step went = ONWARD;
	unsigned before;

	*plan = (struct plan){ .roles_count = 0 };
	if (first.length > PROFILE_NAME_MAX) {
		failure_say(
		    failure, "a profile's name has at most %d bytes", PROFILE_NAME_MAX);
		return BAD;
	}
	strcpy(walk.names[walk.count++], profile);
	if (!is_there(files, profile)) {
		failure_say(failure, "neither shared file has a profile '%s'", profile);
		return chosen ? BAD : ABSENT;
	}
	do {
		before = walk.count;
		went = step(&walk);
	} while (went == ONWARD && walk.count > before);
	if (went == ONWARD) /* nothing more is said there */
		return walk.count > 1 ? BAD : ABSENT;
	return went == ARRIVED ? FOUND : BAD;
}
