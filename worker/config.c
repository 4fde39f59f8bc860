/*
 * Reads the configuration from libyaml's events against tables of keys. A key that is not
 * in its table is an error; the tables name what Teleport knows, so that an existing
 * teleport.yaml is accepted as it is.
 */
#include "worker/config.h"

#include "ipc/log.h"
#include "policy/duration.h"
#include "policy/facts.h"
#include "worker/wire.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <yaml.h>

#define PATH_MAX_KEYS 8
#define NESTING_MAX   32
#define KEYS_MAX      64 /* of one table: a bit each */

struct reader {
	yaml_parser_t parser;
	const uint8_t *text;
	yaml_event_t event;
	bool has_event;
	struct config *config;
	struct config_error *error;
	const char *path[PATH_MAX_KEYS];
	unsigned path_length;
	yaml_mark_t suite_at, keystore_at; /* for what is wrong only together */
};

enum kind {
	SKIPPED, /* Teleport's; any value */
	SCALAR,	 /* taken by `take` */
	SECTION, /* a mapping with keys of its own */
	TAGS,	 /* a mapping of names that the user chooses */
	REFUSED	 /* Teleport's, but not possible here; `why` says so */
};

struct key {
	const char *name;
	enum kind kind;
	bool (*take)(struct reader *r, const char *text, size_t length);
	const struct key *section;
	const char *why;
};

static bool fail_at(struct reader *r, const yaml_mark_t *mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail_at(struct reader *r, const yaml_mark_t *mark, const char *format, ...)
{
	char *out = r->error->text;
	size_t n = 0, room = sizeof(r->error->text);
	va_list arguments;
	unsigned i;

	r->error->line = (unsigned)mark->line + 1;
	r->error->column = (unsigned)mark->column + 1;
	out[0] = '\0';
	for (i = 0; i < r->path_length && n < room; i++)
		n += (size_t)snprintf(out + n, room - n, "%s%s", r->path[i],
		    i + 1 < r->path_length ? "." : ": ");
	if (n < room) {
		va_start(arguments, format);
		vsnprintf(out + n, room - n, format, arguments);
		va_end(arguments);
	}
	return false;
}

#define FAIL(r, ...) fail_at((r), &(r)->event.start_mark, __VA_ARGS__)

static yaml_mark_t mark_of(const uint8_t *text, size_t offset)
{
	yaml_mark_t mark = { 0 };
	size_t i;

	for (i = 0; i < offset; i++) {
		mark.column += (text[i] & 0xc0) != 0x80; /* characters, as elsewhere */
		if (text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		}
	}
	return mark;
}

static bool next(struct reader *r)
{
	yaml_mark_t mark;

	if (r->has_event)
		yaml_event_delete(&r->event);
	r->has_event = yaml_parser_parse(&r->parser, &r->event) == 1;
	if (r->has_event)
		return true;
	/* The reader's own faults (not UTF-8, control characters) have an offset alone,
	 * and are ahead of the key that is being read. */
	if (r->parser.error == YAML_READER_ERROR) {
		mark = mark_of(r->text, r->parser.problem_offset);
		r->path_length = 0;
		return fail_at(r, &mark, "%s", r->parser.problem);
	}
	return fail_at(r, &r->parser.problem_mark, "%s",
	    r->parser.problem ? r->parser.problem : "not YAML");
}

static bool plain_null(const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;

	if (event->type != YAML_SCALAR_EVENT ||
	    event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	return text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

/* What stands where it concerns us says what it means: no alias, no anchor, no tag. */
static bool simple(struct reader *r)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (r->event.type == YAML_ALIAS_EVENT)
		return FAIL(r, "an alias is not accepted here; write the value out");
	if (r->event.type == YAML_SCALAR_EVENT) {
		anchor = r->event.data.scalar.anchor;
		tag = r->event.data.scalar.tag;
	} else if (r->event.type == YAML_MAPPING_START_EVENT) {
		anchor = r->event.data.mapping_start.anchor;
		tag = r->event.data.mapping_start.tag;
	}
	if (anchor)
		return FAIL(
		    r, "an anchor (&%.40s) is not accepted here", (const char *)anchor);
	if (tag)
		return FAIL(r, "a tag (%.40s) is not accepted here", (const char *)tag);
	return true;
}

/* The event at hand and all that it opens. */
static bool skip(struct reader *r)
{
	unsigned depth = 0;

	for (;;) {
		switch (r->event.type) {
		case YAML_MAPPING_START_EVENT:
		case YAML_SEQUENCE_START_EVENT:
			if (++depth > NESTING_MAX)
				return FAIL(r, "nested deeper than %d", NESTING_MAX);
			break;
		case YAML_MAPPING_END_EVENT:
		case YAML_SEQUENCE_END_EVENT:
			depth--;
			break;
		case YAML_NO_EVENT:
		case YAML_STREAM_START_EVENT:
		case YAML_STREAM_END_EVENT:
		case YAML_DOCUMENT_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
		case YAML_ALIAS_EVENT:
		case YAML_SCALAR_EVENT:
			break;
		}
		if (depth == 0)
			return true;
		if (!next(r))
			return false;
	}
}

/* ---- values ---- */

/* Text without blanks and control characters, of at most room - 1 bytes. */
static bool take_word(
    struct reader *r, const char *text, size_t length, char *out, size_t room)
{
	size_t i;

	if (length >= room)
		return FAIL(r, "longer than %zu bytes", room - 1);
	for (i = 0; i < length; i++)
		if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f)
			return FAIL(
			    r, "blanks and characters outside ASCII are not accepted");
	memcpy(out, text, length);
	out[length] = '\0';
	return true;
}

static bool take_number(
    struct reader *r, const char *text, size_t length, unsigned most, unsigned *out)
{
	unsigned value = 0;
	size_t i;

	for (i = 0; i < length && i < 9 && text[i] >= '0' && text[i] <= '9'; i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	/* 010 is ten, or YAML 1.1's eight */
	if (length == 0 || i < length || text[0] == '0' || value > most)
		return FAIL(
		    r, "\"%.40s\" is not a whole number from 1 to %u", text, most);
	*out = value;
	return true;
}

static bool take_duration(
    struct reader *r, const char *text, size_t length, uint64_t most, uint64_t *out)
{
	char limit[24];

	if (duration_read(text, length, out) && *out <= most)
		return true;
	duration_write(most, limit);
	return FAIL(r, "\"%.40s\" is not a duration such as 90s or 12h, from 1s to %s",
	    text, limit);
}

static bool take_cluster_name(struct reader *r, const char *text, size_t length)
{
	return take_word(
	    r, text, length, r->config->cluster_name, sizeof(r->config->cluster_name));
}

static bool take_suite(struct reader *r, const char *text, size_t length)
{
	r->suite_at = r->event.start_mark;
	if (length == 0 || suite_named(text, length, &r->config->suite))
		return true;
	return FAIL(r,
	    "\"%.40s\" is no suite; give balanced-v1, fips-v1, hsm-v1 or legacy", text);
}

static bool take_session_ttl(struct reader *r, const char *text, size_t length)
{
	return take_duration(
	    r, text, length, DURATION_MAX, &r->config->default_session_ttl);
}

/* An account stays text, also where YAML would see a number with leading zeros. */
static bool take_account(struct reader *r, const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++)
		continue;
	if (length != 12 || i < length)
		return FAIL(r, "\"%.40s\" is not the 12 digits of an account", text);
	memcpy(r->config->account, text, 13);
	return true;
}

static bool take_region(struct reader *r, const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (!((text[i] >= 'a' && text[i] <= 'z') ||
			(text[i] >= '0' && text[i] <= '9') || text[i] == '-'))
			break;
	if (length == 0 || i < length)
		return FAIL(r, "\"%.40s\" is not a region such as us-west-2", text);
	return take_word(r, text, length, r->config->region, sizeof(r->config->region));
}

static bool take_deadline(struct reader *r, const char *text, size_t length)
{
	return take_duration(r, text, length, 300, &r->config->deadline);
}

static bool take_in_flight(struct reader *r, const char *text, size_t length)
{
	return take_number(r, text, length, CONFIG_IN_FLIGHT_MAX, &r->config->in_flight);
}

static bool take_kms_rate(struct reader *r, const char *text, size_t length)
{
	return take_number(r, text, length, 1000000, &r->config->kms_rate);
}

static bool take_kms_connections(struct reader *r, const char *text, size_t length)
{
	return take_number(r, text, length, 64, &r->config->kms_connections);
}

static bool take_workers(struct reader *r, const char *text, size_t length)
{
	return take_number(r, text, length, 16, &r->config->workers);
}

static bool take_log_level(struct reader *r, const char *text, size_t length)
{
	(void)length; /* a level's name has no NUL in it */
	r->config->log_level = log_level_named(text);
	return r->config->log_level >= 0 ||
	       FAIL(r,
		   "\"%.40s\" is no level; give error, warning, notice, info or debug",
		   text);
}

/* The broker, which the seal leaves these ports, looks up no names. */
static bool is_proxy(const char *text)
{
	const char *port = strrchr(text, ':');
	unsigned char address[16];
	char host[64];
	int length;
	bool six;

	if (strncmp(text, "http://", 7) != 0 || port < text + 7 ||
	    (strcmp(port, ":3128") != 0 && strcmp(port, ":8080") != 0))
		return false;
	text += 7;
	six = text[0] == '[' && port[-1] == ']';
	length = (int)(port - text) - 2 * six;
	return snprintf(host, sizeof(host), "%.*s", length > 0 ? length : 0, text + six) <
		   (int)sizeof(host) &&
	       inet_pton(six ? AF_INET6 : AF_INET, host, address) == 1;
}

/* What is wrong is not repeated: a URL may have a password in it. */
static bool take_proxy(struct reader *r, const char *text, size_t length)
{
	if (length > 0 && !is_proxy(text))
		return FAIL(r, "must be http://ADDRESS:PORT with the port 3128 or 8080, "
			       "and without a user");
	return take_word(r, text, length, r->config->proxy, sizeof(r->config->proxy));
}

/* ---- tables ---- */

#define SKIP(key)                                                                        \
	{                                                                                \
		key, SKIPPED, NULL, NULL, NULL                                           \
	}
#define TAKE(key, function)                                                              \
	{                                                                                \
		key, SCALAR, function, NULL, NULL                                        \
	}
#define INSIDE(key, keys)                                                                \
	{                                                                                \
		key, SECTION, NULL, keys, NULL                                           \
	}
#define REFUSE(key, sentence)                                                            \
	{                                                                                \
		key, REFUSED, NULL, NULL, sentence                                       \
	}
#define END                                                                              \
	{                                                                                \
		NULL, SKIPPED, NULL, NULL, NULL                                          \
	}

/* clang-format off */
static const struct key aws_kms_keys[] = {
	TAKE("account", take_account),
	TAKE("region", take_region),
	{ "tags", TAGS, NULL, NULL, NULL },
	REFUSE("multi_region", "not yet supported; remove it and use keys of one region"),
	END
};

static const struct key ca_key_params_keys[] = {
	INSIDE("aws_kms", aws_kms_keys),
	REFUSE("gcp_kms", "not supported; use aws_kms, or no ca_key_params for software keys"),
	REFUSE("pkcs11", "not supported; use aws_kms, or no ca_key_params for software keys"),
	END
};

static const struct key authentication_keys[] = {
	TAKE("signature_algorithm_suite", take_suite),
	TAKE("default_session_ttl", take_session_ttl),
	SKIP("type"), SKIP("second_factor"), SKIP("second_factors"), SKIP("connector_name"),
	SKIP("u2f"), SKIP("webauthn"), SKIP("require_session_mfa"), SKIP("locking_mode"),
	SKIP("local_auth"), SKIP("passwordless"), SKIP("headless"), SKIP("device_trust"),
	SKIP("piv_slot"), SKIP("hardware_key"), SKIP("stable_unix_user_config"),
	END
};

static const struct key auth_service_keys[] = {
	TAKE("cluster_name", take_cluster_name),
	INSIDE("ca_key_params", ca_key_params_keys),
	INSIDE("authentication", authentication_keys),
	SKIP("enabled"), SKIP("listen_addr"), SKIP("public_addr"), SKIP("proxy_protocol"),
	SKIP("tokens"), SKIP("session_recording"), SKIP("proxy_checks_host_keys"),
	SKIP("license_file"), SKIP("authorities"), SKIP("reverse_tunnels"),
	SKIP("trusted_clusters"), SKIP("oidc_connectors"), SKIP("client_idle_timeout"),
	SKIP("client_idle_timeout_message"), SKIP("disconnect_expired_cert"),
	SKIP("session_control_timeout"), SKIP("kubeconfig_file"),
	SKIP("keep_alive_interval"), SKIP("keep_alive_count_max"),
	SKIP("message_of_the_day"), SKIP("web_idle_timeout"), SKIP("proxy_listener_mode"),
	SKIP("routing_strategy"), SKIP("tunnel_strategy"), SKIP("proxy_ping_interval"),
	SKIP("case_insensitive_routing"), SKIP("ssh_dial_timeout"), SKIP("load_all_cas"),
	SKIP("hosted_plugins"), SKIP("access_monitoring"),
	END
};

static const struct key privyseal_keys[] = {
	TAKE("deadline", take_deadline),
	TAKE("in_flight", take_in_flight),
	TAKE("kms_rate", take_kms_rate),
	TAKE("kms_connections", take_kms_connections),
	TAKE("workers", take_workers),
	TAKE("log_level", take_log_level),
	TAKE("proxy", take_proxy),
	END
};

static const struct key top_keys[] = {
	INSIDE("auth_service", auth_service_keys),
	INSIDE("privyseal", privyseal_keys),
	SKIP("version"), SKIP("teleport"), SKIP("ssh_service"), SKIP("proxy_service"),
	SKIP("kubernetes_service"), SKIP("app_service"), SKIP("db_service"),
	SKIP("metrics_service"), SKIP("windows_desktop_service"), SKIP("discovery_service"),
	SKIP("tracing_service"), SKIP("plugin_service"), SKIP("okta_service"),
	SKIP("jamf_service"), SKIP("debug_service"), SKIP("access_graph"), SKIP("opsgenie"),
	SKIP("relay_service"),
	END
};
/* clang-format on */

/* ---- structure ---- */

/* A mapping's next key: 1 with the event being that key, 0 at its end, -1 on error. */
static int next_key(struct reader *r)
{
	if (!next(r))
		return -1;
	if (r->event.type == YAML_MAPPING_END_EVENT)
		return 0;
	if (!simple(r))
		return -1;
	if (r->event.type != YAML_SCALAR_EVENT) {
		FAIL(r, "a key must be a word");
		return -1;
	}
	if (memchr(r->event.data.scalar.value, '\0', r->event.data.scalar.length)) {
		FAIL(r, "a key with a NUL in it");
		return -1;
	}
	return 1;
}

static bool tag_repeated(const struct config *config, const char *name)
{
	const uint8_t *list = config->tags, *key, *value;
	size_t left = config->tags_length, key_length, value_length;

	while (facts_next(&list, &left, &key, &key_length) &&
	       facts_next(&list, &left, &value, &value_length))
		if (key_length == strlen(name) && memcmp(key, name, key_length) == 0)
			return true;
	return false;
}

static bool read_tag(struct reader *r)
{
	struct wire packed = { .out = r->config->tags,
		.room = sizeof(r->config->tags),
		.length = r->config->tags_length };
	const char *name = (const char *)r->event.data.scalar.value;
	size_t length = r->event.data.scalar.length;

	if (length == 0 || length > 128 || strncmp(name, "aws:", 4) == 0)
		return FAIL(
		    r, "\"%.40s\" can't be a tag: 1 to 128 bytes, not aws:...", name);
	if (tag_repeated(r->config, name))
		return FAIL(r, "the tag \"%.40s\" stands twice", name);
	if (++r->config->tags_count > CONFIG_TAGS_MAX)
		return FAIL(r, "more than %d tags", CONFIG_TAGS_MAX);
	wire_string(&packed, name, length);
	if (!next(r) || !simple(r))
		return false;
	if (r->event.type != YAML_SCALAR_EVENT || r->event.data.scalar.length > 256)
		return FAIL(r, "a tag's value must be text of at most 256 bytes");
	wire_string(&packed, r->event.data.scalar.value, r->event.data.scalar.length);
	if (packed.failed)
		return FAIL(r, "all tags together are longer than %d bytes",
		    CONFIG_PACKED_TAGS_MAX);
	r->config->tags_length = packed.length;
	return true;
}

static bool read_tags(struct reader *r)
{
	int found;

	if (plain_null(&r->event))
		return true;
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return FAIL(r, "must be a mapping of tag names to values");
	while ((found = next_key(r)) > 0)
		if (!read_tag(r))
			return false;
	return found == 0;
}

static bool read_scalar(struct reader *r, const struct key *key)
{
	const char *text;
	size_t length;

	if (r->event.type != YAML_SCALAR_EVENT)
		return FAIL(r, "must be one value");
	if (plain_null(&r->event))
		return true;
	text = (const char *)r->event.data.scalar.value;
	length = r->event.data.scalar.length;
	if (memchr(text, '\0', length))
		return FAIL(r, "a NUL is not accepted");
	return key->take(r, text, length);
}

static bool read_section(struct reader *r, const struct key *keys);

static void keep_place(struct reader *r, const char *key)
{
	struct config *config = r->config;

	if (config->places_count < CONFIG_PLACES_MAX)
		config->places[config->places_count++] =
		    (struct config_place){ .key = key,
			    .line = (unsigned)r->event.start_mark.line + 1,
			    .column = (unsigned)r->event.start_mark.column + 1 };
}

static bool read_value(struct reader *r, const struct key *key)
{
	bool good = false;

	r->path[r->path_length++] = key->name;
	if (key->kind == REFUSED)
		return FAIL(r, "%s", key->why);
	if (key->section == aws_kms_keys)
		r->keystore_at = r->event.start_mark;
	if (!next(r) || (key->kind != SKIPPED && !simple(r)))
		return false;
	if (key->kind != SKIPPED)
		keep_place(r, key->section == aws_kms_keys ? "keystore" : key->name);
	switch (key->kind) {
	case SKIPPED:
		good = skip(r);
		break;
	case SCALAR:
		good = read_scalar(r, key);
		break;
	case SECTION:
		good = read_section(r, key->section);
		break;
	case TAGS:
		good = read_tags(r);
		break;
	case REFUSED:
		break;
	}
	if (good && key->section == aws_kms_keys)
		r->config->keystore = KEYSTORE_AWS_KMS;
	r->path_length -= good ? 1 : 0;
	return good;
}

static bool read_section(struct reader *r, const struct key *keys)
{
	uint64_t seen = 0;
	const char *name;
	unsigned i;
	int found;

	if (plain_null(&r->event))
		return true;
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return FAIL(r, "must be a mapping of keys to values");
	while ((found = next_key(r)) > 0) {
		name = (const char *)r->event.data.scalar.value;
		for (i = 0; keys[i].name && strcmp(keys[i].name, name) != 0; i++)
			continue;
		if (!keys[i].name)
			return FAIL(r, "unknown key \"%.60s\"", name);
		if ((seen & UINT64_C(1) << i) != 0)
			return FAIL(r, "the key \"%s\" stands twice", name);
		seen |= UINT64_C(1) << i;
		if (!read_value(r, &keys[i]))
			return false;
	}
	return found == 0;
}

static bool read_document(struct reader *r)
{
	if (!next(r)) /* the stream's start */
		return false;
	if (!next(r))
		return false;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return true;
	if (!next(r) || !simple(r) || !read_section(r, top_keys))
		return false;
	if (!next(r)) /* the document's end */
		return false;
	if (!next(r))
		return false;
	if (r->event.type != YAML_STREAM_END_EVENT)
		return FAIL(r, "a second document; the file must hold one");
	return true;
}

/* What is right in itself and wrong together. */
static bool fits_together(struct reader *r)
{
	static const char *const path[] = { "auth_service", "ca_key_params", "aws_kms" };
	unsigned i;

	if (r->config->keystore != KEYSTORE_AWS_KMS)
		return true;
	for (i = 0; i < 3; i++)
		r->path[i] = path[i];
	r->path_length = 3;
	if (r->config->account[0] == '\0')
		return fail_at(
		    r, &r->keystore_at, "needs account, the 12 digits of the account");
	if (r->config->region[0] == '\0')
		return fail_at(r, &r->keystore_at, "needs region, such as us-west-2");
	if (r->config->suite != SUITE_BALANCED_V1)
		return true;
	r->path_length = 0;
	return fail_at(r, &r->suite_at,
	    "auth_service.authentication.signature_algorithm_suite: "
	    "balanced-v1 can't be used with aws_kms; give hsm-v1, fips-v1 or legacy");
}

static void set_defaults(struct config *config)
{
	*config = (struct config){
		.keystore = KEYSTORE_SOFTWARE,
		.suite = SUITE_UNSPECIFIED,
		.default_session_ttl = CONFIG_SESSION_TTL,
		.deadline = CONFIG_DEADLINE,
		.in_flight = CONFIG_IN_FLIGHT,
		.kms_rate = CONFIG_KMS_RATE,
		.kms_connections = CONFIG_KMS_CONNECTIONS,
		.workers = 1,
		.log_level = -1,
	};
}

bool config_read(
    const uint8_t *text, size_t length, struct config *out, struct config_error *error)
{
	struct reader r = { .text = text, .config = out, .error = error };
	bool good;

	*error = (struct config_error){ 0 };
	set_defaults(out);
	if (length > CONFIG_TEXT_MAX) {
		snprintf(error->text, sizeof(error->text), "longer than %d bytes",
		    CONFIG_TEXT_MAX);
		return false;
	}
	if (!yaml_parser_initialize(&r.parser)) {
		snprintf(error->text, sizeof(error->text), "no memory to read it");
		return false;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, text, length);
	good = read_document(&r) && fits_together(&r);
	if (r.has_event)
		yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return good;
}

const struct config_place *config_place_of(
    const struct config *config, const char *refusal)
{
	const char *name = refusal;
	size_t length = strcspn(refusal, " :"), i;

	for (i = 0; i < length; i++)
		if (refusal[i] == '.')
			name = refusal + i + 1;
	length -= (size_t)(name - refusal);
	for (i = 0; i < config->places_count; i++)
		if (strlen(config->places[i].key) == length &&
		    strncmp(config->places[i].key, name, length) == 0)
			return &config->places[i];
	return NULL;
}
