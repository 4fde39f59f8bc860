/*
 * policy_load(): from the text of policy.conf to rules and pins. GRAMMAR has the form.
 * The file is root's, so reading need not be quick, but no line may be taken in another
 * sense than it is read aloud: nothing is guessed and nothing has a second spelling.
 */
#include "policy/duration.h"
#include "policy/lexer.h"
#include "policy/rules.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TAG_NAME_MAX  128 /* AWS's limits for tags */
#define TAG_VALUE_MAX 256

static const char a_word[] =
    "ttl, principals, extensions, critical-options, require, dns, ip, uri, "
    "email, wildcard-dns, subject, roles, units, street, postal-code, "
    "traits, attributes, key-id, issuer, audience, claims, client or rate";
static const char a_statement[] =
    "permit, deny, cluster, account, region, keystore, suite, tag, "
    "ceiling or socket";
#define LISTED(constant, word, ...) word ", "
static const char a_ca[] = "a CA: " AUTHORITIES(LISTED) "or *";
static const char a_document[] = "a document: " DOCUMENTS(LISTED) "or *";

struct loader {
	struct lexer lexer;
	const struct token *token; /* the lexer's */
	struct policy *policy;
	struct rule *rule; /* the next of each */
	struct operand *operand;
	char *text;
	unsigned seen; /* bit 1 << row of statements[] */
};

/*
 * The readers return NULL, or what they expected in place of the present word. Where the
 * next word is not well formed, the line ends before it; that error goes before theirs.
 */
typedef const char *reader(struct loader *);

static const char *next(struct loader *loader)
{
	lexer_word(&loader->lexer);
	return NULL;
}

static bool token_is(const struct loader *loader, const char *word)
{
	return !loader->token->end && !loader->token->quoted &&
	       strcmp(loader->token->text, word) == 0;
}

/* Copies the present word into the storage. policy_storage() has counted it. */
static char *keep(struct loader *loader)
{
	char *text = loader->text;

	memcpy(text, loader->token->text, loader->token->length + 1);
	loader->text += loader->token->length + 1;
	return text;
}

/* Which word of a rule is this? FACT_NONE: none of them. */
static enum fact word_named(const struct loader *loader)
{
	unsigned fact;

	for (fact = FACT_NONE + 1; fact < WORDS; fact++)
		if (token_is(loader, fact_name((enum fact)fact)))
			return (enum fact)fact;
	return FACT_NONE;
}

static const char *read_pattern(
    char *text, size_t length, enum pattern_fold fold, struct pattern *out)
{
	return pattern_read((uint8_t *)text, length, fold, out);
}

/* name or name=pattern */
static const char *read_option(char *text, size_t length, struct operand *out)
{
	char *equals = memchr(text, '=', length);
	size_t name = equals ? (size_t)(equals - text) : length;
	const char *fault;

	if (name == 0)
		return "an option's name";
	if (name + 1 == length && equals)
		return "a pattern after the =";
	fault = read_pattern(text, name, PATTERN_EXACT, &out->pattern);
	if (fault || !equals)
		return fault;
	out->has_content = true;
	return read_pattern(equals + 1, length - name - 1, PATTERN_EXACT, &out->content);
}

static const char *read_attribute(char *text, size_t length, struct operand *out)
{
	const char *fault = read_option(text, length, out);
	size_t name = out->pattern.length;

	if (fault || out->pattern.shape == PATTERN_ALL)
		return fault;
	if (strspn(text, "0123456789.*") < name || text[0] == '.' ||
	    text[name - 1] == '.' || memmem(text, name, "..", 2))
		return "an OID such as 1.3.9999.1.7";
	return NULL;
}

/* The options that sshd enforces, and an extension of the same name would not be. */
static bool is_critical(struct slice name)
{
	return slice_is(name, "force-command") || slice_is(name, "source-address") ||
	       slice_is(name, "verify-required");
}

static const char *read_requirement(char *text, size_t length, struct operand *out)
{
	const char *fault = read_option(text, length, out);
	const struct slice name = { (const uint8_t *)text, out->pattern.length };

	out->options = is_critical(name) ? FACT_CRITICAL_OPTIONS
		       : name.length > 0 && strspn(text, "0123456789.") >= name.length
			   ? FACT_ATTRIBUTES
			   : FACT_EXTENSIONS;
	out->has_range = out->has_content && slice_is(name, "source-address");
	if (fault || !out->has_range)
		return fault;
	return network_read(out->content.text, out->content.length, &out->range);
}

static const char *read_address(char *text, size_t length, struct operand *out)
{
	if (strcmp(text, "*") == 0)
		return read_pattern(text, length, PATTERN_EXACT, &out->pattern);
	out->has_range = true;
	return network_read((const uint8_t *)text, length, &out->range);
}

static const char *read_wildcard(char *text, size_t length, struct operand *out)
{
	if (text[0] != '*')
		return "a wildcard such as *.example.com, or nothing: then `dns` says "
		       "which";
	return read_pattern(text, length, PATTERN_DNS, &out->pattern);
}

/* What the words of a rule take; where there is no reader, patterns of values. `ttl` and
 * `rate` are read by themselves. */
static const struct {
	const char *(*read)(char *, size_t, struct operand *);
	enum pattern_fold fold;
	bool or_none;
} words[WORDS] = {
	[FACT_EXTENSIONS] = { .read = read_option },
	[FACT_CRITICAL_OPTIONS] = { .read = read_option },
	[FACT_CLAIMS] = { .read = read_option },
	[FACT_ATTRIBUTES] = { .read = read_attribute },
	[FACT_REQUIRE] = { .read = read_requirement },
	[FACT_IP] = { .read = read_address },
	[FACT_DNS] = { .fold = PATTERN_DNS },
	[FACT_WILDCARD_DNS] = { .read = read_wildcard, .or_none = true },
	[FACT_EMAIL] = { .fold = PATTERN_EMAIL },
	[FACT_URI] = { .fold = PATTERN_URI },
};

static const char *read_operand(
    struct loader *loader, enum fact fact, struct operand *out)
{
	size_t length = loader->token->length;
	char *text = keep(loader);

	memset(out, 0, sizeof(*out));
	out->text = text;
	if (words[fact].read)
		return words[fact].read(text, length, out);
	return read_pattern(text, length, words[fact].fold, &out->pattern);
}

/*
 * The values of a word go on to the next word of the grammar. Beside a lone `*` another
 * value says nothing; what stands there is most likely a misspelt word.
 */
static const char *read_operands(struct loader *loader, enum fact fact, struct word *word)
{
	const char *fault;
	bool everything = false, star;

	word->operands = loader->operand;
	for (; !loader->token->end && word_named(loader) == FACT_NONE; next(loader)) {
		if (token_is(loader, "burst"))
			return "rate N/s before burst (a value of that name is written "
			       "in quotes)";
		star = strcmp(loader->token->text, "*") == 0;
		if (everything || (word->count > 0 && star && !loader->token->quoted))
			return "one of the words ttl, principals, ... since `*` stands "
			       "alone (a value that is also a word is written in quotes)";
		fault = read_operand(loader, fact, loader->operand);
		if (fault)
			return fault;
		everything = star;
		loader->operand++;
		word->count++;
	}
	if (word->count == 0 && !words[fact].or_none)
		return "a value (in quotes if it is also a word of the grammar)";
	return NULL;
}

static const char *read_ttl(struct loader *loader, uint64_t *ttl)
{
	if (!duration_read(loader->token->text, loader->token->length, ttl))
		return "a duration such as 90s, 15m, 8h or 30d, at most ten years";
	return next(loader);
}

static const char *read_rate(struct loader *loader, struct rate *rate)
{
	const struct token *token = loader->token;
	uint64_t burst;

	if (!rate_read(token->text, token->length, rate))
		return "a rate such as 100/s, 20/m, 5/h or 1000/d";
	next(loader);
	if (!token_is(loader, "burst"))
		return NULL;
	next(loader);
	if (text_number(token->text, token->length, RATE_MAX, &burst) != token->length ||
	    burst == 0)
		return "a number from 1 to 1000000000 after burst";
	rate->burst = (uint32_t)burst;
	return next(loader);
}

static const char *read_word(struct loader *loader, struct rule *rule)
{
	enum fact fact = word_named(loader);

	if (fact == FACT_NONE)
		return a_word;
	if (rule->named & 1u << fact)
		return "each word at most once on a line";
	if (rule->deny && (fact == FACT_TTL || fact == FACT_RATE))
		return "no ttl and no rate on a deny line";
	rule->named |= 1u << fact;
	next(loader);
	if (fact == FACT_TTL)
		return read_ttl(loader, &rule->ttl);
	if (fact == FACT_RATE)
		return read_rate(loader, &rule->rate);
	return read_operands(loader, fact, &rule->words[fact]);
}

/* A CA, or CA_COUNT for all of them. */
static const char *read_ca(struct loader *loader, unsigned *out)
{
	const struct token *token = loader->token;
	enum ca ca = CA_COUNT;

	if (!token_is(loader, "*") &&
	    (token->quoted || !ca_named(token->text, token->length, &ca)))
		return a_ca;
	*out = ca;
	return next(loader);
}

static const char *read_documents(struct loader *loader, unsigned ca, uint16_t *out)
{
	const struct token *token = loader->token;
	enum document document = DOCUMENT_SSH_USER;

	*out = UINT16_MAX;
	if (!token_is(loader, "*")) {
		if (token->quoted ||
		    !document_named(token->text, token->length, &document))
			return a_document;
		if (ca != CA_COUNT && !ca_signs((enum ca)ca, document))
			return "a document that this CA signs";
		*out = (uint16_t)(1u << document);
	}
	return next(loader);
}

static const char *read_rule(struct loader *loader, bool deny)
{
	struct rule *rule = loader->rule;
	unsigned ca = CA_COUNT;
	const char *fault;

	memset(rule, 0, sizeof(*rule));
	rule->deny = deny;
	rule->line = loader->lexer.number;
	fault = read_ca(loader, &ca);
	if (!fault)
		fault = read_documents(loader, ca, &rule->documents);
	rule->authorities = (uint16_t)(ca == CA_COUNT ? UINT16_MAX : 1u << ca);
	while (!fault && !loader->token->end)
		fault = read_word(loader, rule);
	if (!fault && !deny && (rule->named & 1u << FACT_TTL) == 0)
		fault = "ttl, which each permit line needs";
	loader->rule++;
	loader->policy->rules_count++;
	return fault;
}

static const char *read_permit(struct loader *loader)
{
	return read_rule(loader, false);
}

static const char *read_deny(struct loader *loader)
{
	return read_rule(loader, true);
}

#define DIGITS	"0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* A word that is kept as it is, of at least `least` and at most `most` of these bytes. */
static const char *read_text(struct loader *loader, const char *bytes, size_t least,
    size_t most, const char *what, const char **out)
{
	const struct token *token = loader->token;

	if (token->end || token->length < least || token->length > most ||
	    (bytes && strspn(token->text, bytes) != token->length))
		return what;
	*out = keep(loader);
	return next(loader);
}

static const char *read_cluster(struct loader *loader)
{
	return read_text(loader, LETTERS DIGITS "-_@:./+", 1, 255,
	    "the cluster's name, of letters, digits and - _ @ : . / +",
	    &loader->policy->pins.cluster);
}

static const char *read_account(struct loader *loader)
{
	return read_text(loader, DIGITS, 12, 12, "an AWS account's number of 12 digits",
	    &loader->policy->pins.account);
}

static const char *read_region(struct loader *loader)
{
	return read_text(loader, LETTERS DIGITS "-", 1, 32,
	    "an AWS region such as us-west-2", &loader->policy->pins.region);
}

static const char *read_keystore(struct loader *loader)
{
	if (token_is(loader, keystore_name(KEYSTORE_AWS_KMS)))
		loader->policy->pins.keystore = KEYSTORE_AWS_KMS;
	else if (!token_is(loader, keystore_name(KEYSTORE_SOFTWARE)))
		return "software or aws_kms";
	return next(loader);
}

static const char *read_suite(struct loader *loader)
{
	const struct token *token = loader->token;

	if (!suite_named(token->text, token->length, &loader->policy->pins.suite))
		return "legacy, balanced-v1, fips-v1 or hsm-v1";
	return next(loader);
}

static bool is_among(const char *text, const char *const *names, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++)
		if (strcmp(names[i], text) == 0)
			return true;
	return false;
}

/* What AWS takes, of whose letters those outside ASCII are not told apart here. */
static const char *read_tag_text(
    struct loader *loader, size_t least, size_t most, const char *what, const char **out)
{
	const char *at;

	for (at = loader->token->text; *at != '\0'; at++)
		if ((uint8_t)*at < 0x80 && !strchr(LETTERS DIGITS " +-=._:/@", *at))
			return "a tag of letters, digits, blanks and + - = . _ : / @";
	return read_text(loader, NULL, least, most, what, out);
}

/* AWS keeps its prefix for itself, and what keys are bound by must be ours to say. */
static bool is_taken(const char *tag)
{
	return strncasecmp(tag, "aws:", 4) == 0 ||
	       strncasecmp(tag, "Privyseal", strlen("Privyseal")) == 0;
}

static const char *read_tag(struct loader *loader)
{
	struct policy_pins *pins = &loader->policy->pins;
	const char *fault;

	if (pins->tags == POLICY_TAGS_MAX)
		return "at most 45 tag lines: AWS takes 50 tags, and keys have five more";
	if (is_taken(loader->token->text))
		return "a tag's name that does not begin with aws: or Privyseal";
	if (is_among(loader->token->text, pins->tag_name, pins->tags))
		return "each tag at most once";
	fault = read_tag_text(loader, 1, TAG_NAME_MAX,
	    "a tag's name of at most 128 bytes, then its value",
	    &pins->tag_name[pins->tags]);
	if (fault)
		return fault;
	return read_tag_text(loader, 0, TAG_VALUE_MAX,
	    "the tag's value of at most 256 bytes", &pins->tag_value[pins->tags++]);
}

static const char *read_socket(struct loader *loader)
{
	static const char a_socket[] =
	    "a socket's name, of letters, digits, - and _, other than admin";
	struct policy_pins *pins = &loader->policy->pins;
	const char *fault;

	if (pins->sockets == POLICY_SOCKETS_MAX)
		return "at most 16 socket lines";
	if (strcmp(loader->token->text, "admin") == 0)
		return a_socket;
	if (is_among(loader->token->text, pins->socket_name, pins->sockets))
		return "each socket at most once";
	fault = read_text(loader, LETTERS DIGITS "-_", 1, 64, a_socket,
	    &pins->socket_name[pins->sockets]);
	if (fault)
		return fault;
	if (!token_is(loader, "group"))
		return "group and the name of the group that may connect";
	next(loader);
	if (loader->token->text[0] == '-')
		return "the name of a group";
	return read_text(loader, LETTERS DIGITS "-_.", 1, 64, "the name of a group",
	    &pins->socket_group[pins->sockets++]);
}

/* One or two rates, one of them per second, one per day. */
static const char *read_ceiling(struct loader *loader)
{
	const struct token *token = loader->token;
	unsigned ca = CA_COUNT, period;
	struct rate *ceilings, rate;
	const char *fault = read_ca(loader, &ca);

	ceilings = loader->policy->ceilings[ca];
	if (ceilings[CEILING_SECOND].amount != 0 || ceilings[CEILING_DAY].amount != 0)
		fault = fault ? fault : "one ceiling line for each CA";
	do {
		if (fault)
			return fault;
		if (!rate_read(token->text, token->length, &rate) ||
		    (rate.period != 1 && rate.period != 86400))
			return "a ceiling per second or per day, such as 200/s or "
			       "1000000/d";
		period = rate.period == 1 ? CEILING_SECOND : CEILING_DAY;
		if (ceilings[period].amount != 0)
			return "one ceiling per second and one per day";
		ceilings[period] = rate;
		next(loader);
	} while (!token->end);
	return NULL;
}

static const struct {
	const char *name;
	reader *read; /* from the word behind the name */
	bool once;    /* in the file */
} statements[] = {
	{ "permit", read_permit, false },
	{ "deny", read_deny, false },
	{ "cluster", read_cluster, true },
	{ "keystore", read_keystore, true },
	{ "account", read_account, true },
	{ "region", read_region, true },
	{ "suite", read_suite, true },
	{ "tag", read_tag, false },
	{ "ceiling", read_ceiling, false },
	{ "socket", read_socket, false },
};

static const char *read_statement(struct loader *loader)
{
	const char *fault;
	size_t i;

	if (loader->token->end)
		return NULL;
	for (i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		if (!token_is(loader, statements[i].name))
			continue;
		if (statements[i].once && (loader->seen & 1u << i) != 0)
			return "this pin at most once in the file";
		loader->seen |= 1u << i;
		next(loader);
		fault = statements[i].read(loader);
		return fault || loader->token->end ? fault : "the end of the line";
	}
	return a_statement;
}

/* What no single line shows; NULL: nothing. */
static const char *missing(const struct policy_pins *pins)
{
	if (pins->cluster[0] == '\0')
		return "no cluster: add a line `cluster NAME`";
	if (pins->keystore == KEYSTORE_AWS_KMS && pins->account[0] == '\0')
		return "keystore aws_kms needs a line `account NUMBER`";
	if (pins->keystore == KEYSTORE_AWS_KMS && pins->region[0] == '\0')
		return "keystore aws_kms needs a line `region NAME`";
	if (pins->keystore == KEYSTORE_AWS_KMS && pins->suite == SUITE_BALANCED_V1)
		return "suite balanced-v1 has keys that keystore aws_kms can't make: pin "
		       "hsm-v1, fips-v1 or legacy";
	return NULL;
}

/* Upper bounds of what the text can become. */
struct room {
	size_t lines;
	size_t words;
};

static struct room room_for(const uint8_t *text, size_t length)
{
	struct room room = { 1, 0 };
	bool blank, was_blank = true;
	size_t i;

	for (i = 0; i < length; i++) {
		blank = text[i] == ' ' || text[i] == '\t' || text[i] == '\n';
		room.lines += text[i] == '\n';
		room.words += was_blank && !blank;
		was_blank = blank;
	}
	return room;
}

size_t policy_storage(const uint8_t *text, size_t length)
{
	struct room room;

	if (length > POLICY_TEXT_MAX)
		return 0;
	room = room_for(text, length);
	return sizeof(struct policy) + room.lines * sizeof(struct rule) +
	       room.words * sizeof(struct operand) + length + room.words;
}

_Static_assert(sizeof(struct policy) % 8 == 0 && sizeof(struct rule) % 8 == 0 &&
		   sizeof(struct operand) % 8 == 0,
    "each array in the storage begins aligned");

static void divide_storage(struct loader *loader, void *storage, struct room room)
{
	struct policy *policy = storage;

	memset(policy, 0, sizeof(*policy));
	policy->pins.cluster = policy->pins.account = policy->pins.region = "";
	loader->policy = policy;
	loader->rule = (struct rule *)(void *)(policy + 1);
	loader->operand = (struct operand *)(void *)(loader->rule + room.lines);
	loader->text = (char *)(loader->operand + room.words);
	policy->rules = loader->rule;
}

static struct policy *whole_file(struct policy_error *error, const char *fault)
{
	snprintf(error->text, sizeof(error->text), "%s", fault);
	return NULL;
}

struct policy *policy_load(const uint8_t *text, size_t length, void *storage, size_t room,
    struct policy_error *error)
{
	size_t needed = policy_storage(text, length);
	struct loader loader = { 0 };
	struct policy_pins *pins;
	const char *fault;

	lexer_begin(&loader.lexer, text, length, error);
	loader.token = &loader.lexer.token;
	if (needed == 0)
		return whole_file(error, "the policy is too long");
	if (needed > room)
		return whole_file(error, "no room for a policy of this length");
	divide_storage(&loader, storage, room_for(text, length));
	while (error->text[0] == '\0' && lexer_line(&loader.lexer)) {
		fault = read_statement(&loader);
		if (fault)
			lexer_expected(&loader.lexer, fault);
	}
	if (error->text[0] != '\0')
		return NULL;
	pins = &loader.policy->pins;
	if (missing(pins))
		return whole_file(error, missing(pins));
	if (pins->sockets == 0) {
		pins->socket_name[0] = "auth";
		pins->socket_group[0] = "privyseal-auth";
		pins->sockets = 1;
	}
	return loader.policy;
}
