/*
 * First match decides. A permit line matches when every value of the document lies inside
 * what the line names; what it does not name is not allowed. A deny line matches when
 * each of its words does, and a word when any value of the document lies inside.
 */
#include "policy/rules.h"

#include "policy/duration.h"
#include "policy/x509_words.h"

/* What the invariants allow at most: two names (key id, client), a list of principals,
 * options of two kinds, roles and traits; or 512 attributes, 256 alternative names and as
 * many traits. */
#define VALUES_MAX 1300
#define STEPS	   18 /* of a permit line's judgement, before its ttl */

/* A document's values, and of each fact those that it has, in the document's order. */
struct question {
	enum document document;
	bool whole; /* there was room for all values, and nothing else in the lists */
	uint32_t count;
	struct named_value value[VALUES_MAX];
	enum fact fact[VALUES_MAX];
	uint16_t first[FACT_COUNT]; /* of a fact's values; VALUES_MAX: it has none */
	uint16_t next[VALUES_MAX];  /* of the same fact; VALUES_MAX: it was the last */
	bool judged[FACT_COUNT];    /* a permit line must allow its values */
};

/* The OIDs of attributes, which are values as well. */
struct oids {
	char text[X509_ATTRIBUTES_MAX][X509_OID_TEXT];
};

/* What a permit line did not allow, or the value by which a deny line matched. A value
 * that is no option is a name without a value. */
struct hit {
	enum fact fact;
	unsigned step; /* how far a permit line got */
	struct named_value value;
};

/*@ predicate value_readable{L}(struct named_value v) =
      slice_readable(v.name) && slice_readable(v.value);

    predicate value_given{L}(struct named_value *v) =
      \valid_read(v) && value_readable(*v);

    predicate values_readable{L}(struct question *q) =
      q->count <= VALUES_MAX &&
      (\forall integer i; 0 <= i < q->count ==> value_readable(q->value[i]));

    predicate facts_known{L}(struct question *q) =
      \forall integer i; 0 <= i < q->count ==> q->fact[i] < FACT_COUNT;

    // What follows a value stands behind it, so that each walk ends, and is the next of
    // its fact, so that none misses one.
    predicate links_forward{L}(struct question *q, integer from) =
      \forall integer i; from <= i < q->count ==> i < q->next[i];
    predicate links_to_same{L}(struct question *q, integer from) =
      \forall integer i; from <= i < q->count ==> q->next[i] < q->count ==>
      q->fact[q->next[i]] == q->fact[i];
    predicate links_to_next{L}(struct question *q, integer from) =
      \forall integer i, j; from <= i < j < q->count ==> q->fact[i] == q->fact[j] ==>
      q->next[i] <= j;
    predicate first_of_fact{L}(struct question *q) =
      \forall integer f; 0 <= f < FACT_COUNT ==> q->first[f] < q->count ==>
      q->fact[q->first[f]] == f;
    predicate first_is_least{L}(struct question *q, integer from) =
      \forall integer j; from <= j < q->count ==> q->first[q->fact[j]] <= j;

    predicate question_sound{L}(struct question *q) =
      values_readable(q) && facts_known(q) && links_forward(q, 0) &&
      links_to_same(q, 0) && links_to_next(q, 0) && first_of_fact(q) &&
      first_is_least(q, 0);

    // What a permit line is asked for one after another.
    predicate is_a_step(integer fact) =
      fact == FACT_CLIENT || fact == FACT_SUBJECT || fact == FACT_PRINCIPALS ||
      fact == FACT_KEY_ID || fact == FACT_EXTENSIONS || fact == FACT_ROLES ||
      fact == FACT_TRAITS || fact == FACT_CRITICAL_OPTIONS || fact == FACT_UNITS ||
      fact == FACT_STREET || fact == FACT_POSTAL_CODE || fact == FACT_ATTRIBUTES ||
      fact == FACT_DNS || fact == FACT_WILDCARD_DNS || fact == FACT_IP ||
      fact == FACT_URI || fact == FACT_EMAIL;

    predicate value_allowed{L}(struct rule *rule, struct question *q, integer word,
      integer i) =
      word_allows(rule, q->document, word, q->value[i].name.at, q->value[i].name.length,
	q->value[i].value.at, q->value[i].value.length);

    // The names in Teleport's JSON are judged in its place.
    predicate traits_allowed{L}(struct rule *rule, struct question *q) =
      q->first[FACT_TRAITS] < q->count &&
      (\forall integer i; 0 <= i < q->count && q->fact[i] == FACT_TRAITS ==>
	value_allowed(rule, q, FACT_TRAITS, i));
    predicate judged_by_names{L}(struct rule *rule, struct question *q, integer fact,
      uint8_t *name, integer length) =
      (fact == FACT_EXTENSIONS && teleport_extension(name, length)) ||
      (fact == FACT_POSTAL_CODE && traits_allowed(rule, q));

    predicate lies_inside{L}(struct rule *rule, struct question *q, integer fact,
      uint8_t *name, integer length, uint8_t *value, integer value_length) =
      lies_within(rule, q->document, fact, name, length, value, value_length) ||
      judged_by_names(rule, q, fact, name, length);
    predicate value_inside{L}(struct rule *rule, struct question *q, integer i) =
      lies_inside(rule, q, q->fact[i], q->value[i].name.at, q->value[i].name.length,
	q->value[i].value.at, q->value[i].value.length);

    // One of its values is this one.
    predicate holds{L}(struct question *q, integer fact, uint8_t *name, integer length,
      uint8_t *value, integer value_length) =
      \exists integer i; 0 <= i < q->count && q->fact[i] == fact &&
      q->value[i].name.at == name && q->value[i].name.length == length &&
      q->value[i].value.at == value && q->value[i].value.length == value_length;

    // What was entered stays.
    predicate kept{A,B}(struct question *q) =
      \at(q->count, A) <= \at(q->count, B) &&
      (\at(q->whole, B) ==> \at(q->whole, A)) &&
      (\forall integer i; 0 <= i < \at(q->count, A) ==>
	\at(q->fact[i], B) == \at(q->fact[i], A) &&
	\at(q->value[i].name.at, B) == \at(q->value[i].name.at, A) &&
	\at(q->value[i].name.length, B) == \at(q->value[i].name.length, A) &&
	\at(q->value[i].value.at, B) == \at(q->value[i].value.at, A) &&
	\at(q->value[i].value.length, B) == \at(q->value[i].value.length, A));

    lemma kept_is_held{A,B}: \forall struct question *q, integer fact, uint8_t *name,
      integer length, uint8_t *value, integer value_length; kept{A,B}(q) ==>
      holds{A}(q, fact, name, length, value, value_length) ==>
      holds{B}(q, fact, name, length, value, value_length);

    // Of a packed list, each of the first `count` strings, or all.
    predicate holds_items{L}(struct question *q, integer fact, uint8_t *list,
      integer count) =
      \forall integer n; 0 <= n < count ==> holds(q, fact, packed_item(list, n) + 4,
	packed_length(packed_item(list, n)), \null, 0);
    predicate holds_list{L}(struct question *q, integer fact, uint8_t *list,
      integer length) =
      \exists integer count; 0 <= count && packed_item(list, count) == list + length &&
      holds_items(q, fact, list, count);

    // What the document says of names.
    predicate holds_names{L}(struct question *q, struct facts *f) =
      (f->key_id_length > 0 ==>
	holds(q, FACT_KEY_ID, f->key_id, f->key_id_length, \null, 0)) &&
      holds_list(q, FACT_PRINCIPALS, f->principals, f->principals_length);

    // But for traits in a certificate, no value goes unjudged.
    predicate all_judged{L}(struct question *q) =
      \forall integer i; 0 <= i < q->count && q->fact[i] != FACT_TRAITS ==>
      q->judged[q->fact[i]];

    // Every value of a fact, and of all that are judged.
    predicate fact_inside{L}(struct rule *rule, struct question *q, integer fact) =
      \forall integer i; 0 <= i < q->count && q->fact[i] == fact ==>
      value_inside(rule, q, i);
    predicate values_inside{L}(struct rule *rule, struct question *q) =
      \forall integer fact; is_a_step(fact) && q->judged[fact] ==>
      fact_inside(rule, q, fact);
*/

/*@ requires \valid_read(pattern) && pattern_sound(pattern) && slice_readable(value);
    assigns \nothing;
    ensures \result ==> alike(pattern, value.at, value.length);
*/
static bool matches(const struct pattern *pattern, struct slice value)
{
	return pattern_match(pattern, value.at, value.length);
}

/*@ assigns \nothing;
    ensures \result <==> bit < 32 && ((bits >> bit) & 1) != 0;
*/
static bool has_bit(uint32_t bits, unsigned bit)
{
	return bit < 32 && (bits >> bit & 1u) != 0;
}

/* A bare name permits the option without a value, and with `any` one with any value. */
/*@ requires \valid_read(operand) && operand_sound(operand) && value_given(value);
    assigns \nothing;
    ensures \result ==> option_alike(operand, value->name.at, value->name.length,
      value->value.at, value->value.length, any ? 1 : 0);
*/
static bool option_matches(
    const struct operand *operand, const struct named_value *value, bool any)
{
	if (!matches(&operand->pattern, value->name))
		return false;
	if (operand->has_content && !operand->has_range)
		return value->value.length > 0 &&
		       matches(&operand->content, value->value);
	return any || value->value.length == 0 || operand->pattern.shape == PATTERN_ALL;
}

/*@ requires \valid_read(operand) && operand_sound(operand) && slice_readable(address);
    assigns \nothing;
    ensures \result ==> address_within(operand, address.at, address.length);
*/
static bool address_matches(const struct operand *operand, struct slice address)
{
	struct network network;

	if (!operand->has_range)
		return operand->pattern.shape == PATTERN_ALL;
	if (address.length != 4 && address.length != 16)
		return false;
	network.bytes = (uint8_t)address.length;
	network.prefix = (uint8_t)(8 * address.length);
	bytes_copy(network.address, address.at, address.length);
	//@ assert bytes_equal(&network.address[0], address.at, address.length);
	//@ assert network_sound(&operand->range) && operand->has_range;
	if (!network_contains(&operand->range, &network))
		return false;
	//@ assert operand->range.bytes == address.length;
	//@ assert operand->range.prefix <= 8 * address.length;
	/*@ assert bytes_equal(&operand->range.address[0], address.at,
	      operand->range.prefix / 8); */
	return true;
}

/*@ requires slice_readable(name);
    assigns \nothing;
    ensures localhost(name.at, name.length) ==> \result;
*/
static bool is_localhost(struct slice name)
{
	static const char local[] = "localhost";
	size_t i = 0;
	uint8_t byte;

	if (name.length != sizeof local - 1)
		return false;
	/*@ loop invariant i <= name.length;
	    loop assigns i, byte;
	    loop variant name.length - i; */
	for (; i < name.length; i++) {
		byte = name.at[i];
		if ((byte >= 'A' && byte <= 'Z' ? byte + 32 : byte) != local[i])
			return false;
	}
	return true;
}

/* A common name that a client may take for a host's: of those with a dot, an `@` tells
 * what is a person's; of those without, only localhost is nobody's. */
/*@ requires slice_readable(name);
    assigns \nothing;
    ensures may_be_host(name.at, name.length) ==> \result;
*/
static bool may_be_host(struct slice name)
{
	return is_localhost(name) ||
	       (bytes_find(name.at, name.length, '.') < name.length &&
		   bytes_find(name.at, name.length, '@') == name.length);
}

/* People's certificates serve TLS servers too, so a `subject` with neither a dot nor the
 * whole name in it, such as `*`, gives nobody the name of a host. */
/*@ requires \valid_read(question) && \valid_read(rule) && slice_readable(name);
    requires \valid_read(pattern) && pattern_sound(pattern);
    assigns \nothing;
    ensures \result && !rule->deny ==>
      subject_alike(question->document, pattern, name.at, name.length);
*/
static bool subject_matches(const struct question *question, const struct rule *rule,
    const struct pattern *pattern, struct slice name)
{
	return matches(pattern, name) &&
	       (rule->deny || question->document != DOCUMENT_X509_USER ||
		   !may_be_host(name) || pattern->shape == PATTERN_LITERAL ||
		   bytes_find(pattern->text, pattern->length, '.') < pattern->length);
}

/*@ requires \valid_read(question) && \valid_read(rule) && value_given(value);
    requires \valid_read(operand) && operand_sound(operand);
    assigns \nothing;
    ensures \result && !rule->deny ==>
      operand_allows(question->document, fact, operand, value->name.at,
   value->name.length, value->value.at, value->value.length);
*/
static bool operand_matches(const struct question *question, const struct rule *rule,
    enum fact fact, const struct operand *operand, const struct named_value *value)
{
	if (fact == FACT_IP)
		return address_matches(operand, value->name);
	if (fact == FACT_SUBJECT)
		return subject_matches(question, rule, &operand->pattern, value->name);
	if (fact == FACT_DNS || fact == FACT_WILDCARD_DNS)
		return pattern_match_wildcard(
		    &operand->pattern, value->name.at, value->name.length);
	return option_matches(operand, value, rule->deny || fact == FACT_ATTRIBUTES);
}

/*@ requires \valid_read(question) && \valid_read(rule) && rule_sound(rule);
    requires fact < WORDS && value_given(value);
    assigns \nothing;
    ensures \result && !rule->deny ==>
      word_allows(rule, question->document, fact, value->name.at, value->name.length,
	value->value.at, value->value.length);
*/
static bool lies_among(const struct question *question, const struct rule *rule,
    enum fact fact, const struct named_value *value)
{
	const struct word *word = &rule->words[fact];
	uint32_t i;

	/*@ loop invariant i <= word->count;
	    loop assigns i;
	    loop variant word->count - i; */
	for (i = 0; i < word->count; i++)
		if (operand_matches(question, rule, fact, &word->operands[i], value))
			return true;
	return false;
}

/* What a line requires it also allows; whether it is there is judged by itself. */
/*@ requires \valid_read(rule) && rule_sound(rule) && value_given(value);
    assigns \nothing;
    ensures \result ==> requirement_allows(rule, fact, value->name.at, value->name.length,
      value->value.at, value->value.length);
*/
static bool is_required(
    const struct rule *rule, enum fact fact, const struct named_value *value)
{
	const struct word *require = &rule->words[FACT_REQUIRE];
	uint32_t i;

	/*@ loop invariant i <= require->count;
	    loop assigns i;
	    loop variant require->count - i; */
	for (i = 0; i < require->count; i++)
		if (require->operands[i].options == fact &&
		    option_matches(&require->operands[i], value, true))
			return true;
	return false;
}

/* The names in teleport-roles and teleport-traits are judged by `roles` and `traits`. So
 * may the one postal code be, which is where Teleport has traits in a certificate; it can
 * also be permitted as it stands. */
/*@ requires \valid_read(question) && question_sound(question);
    requires \valid_read(rule) && rule_sound(rule) && value_given(value);
    assigns \nothing;
    ensures \result && !rule->deny ==>
      judged_by_names(rule, question, fact, value->name.at, value->name.length);
*/
static bool is_judged_by_names(const struct question *question, const struct rule *rule,
    enum fact fact, const struct named_value *value)
{
	uint16_t i = question->first[FACT_TRAITS];

	if (fact == FACT_EXTENSIONS)
		return teleport_fact(value->name) != FACT_NONE;
	if (fact != FACT_POSTAL_CODE || i >= question->count)
		return false;
	/*@ loop invariant 0 <= i;
	    loop invariant i < question->count ==> question->fact[i] == FACT_TRAITS;
	    loop invariant !rule->deny ==> \forall integer k; 0 <= k < i &&
	      k < question->count && question->fact[k] == FACT_TRAITS ==>
		value_allowed(rule, question, FACT_TRAITS, k);
	    loop assigns i;
	    loop variant 65535 - i; */
	for (; i < question->count; i = question->next[i])
		if (!lies_among(question, rule, FACT_TRAITS, &question->value[i]))
			return false;
	return true;
}

/* Without values `wildcard-dns` leaves it to `dns`, or on a deny line is hit by any. */
/*@ requires \valid_read(question) && \valid_read(rule) && rule_sound(rule);
    requires value_given(value);
    assigns \nothing;
    ensures \result && !rule->deny ==>
      lies_within(rule, question->document, FACT_WILDCARD_DNS, value->name.at,
	value->name.length, value->value.at, value->value.length);
*/
static bool wildcard_lies_inside(const struct question *question, const struct rule *rule,
    const struct named_value *value)
{
	if (!has_bit(rule->named, FACT_WILDCARD_DNS))
		return false;
	if (rule->words[FACT_WILDCARD_DNS].count > 0)
		return lies_among(question, rule, FACT_WILDCARD_DNS, value);
	return rule->deny || lies_among(question, rule, FACT_DNS, value);
}

/*@ requires \valid_read(question) && question_sound(question);
    requires \valid_read(rule) && rule_sound(rule);
    requires fact < WORDS && value_given(value);
    assigns \nothing;
    ensures \result && !rule->deny ==>
      lies_inside(rule, question, fact, value->name.at, value->name.length,
   value->value.at, value->value.length);
*/
static bool lies_inside(const struct question *question, const struct rule *rule,
    enum fact fact, const struct named_value *value)
{
	if (fact == FACT_WILDCARD_DNS)
		return wildcard_lies_inside(question, rule, value);
	if (lies_among(question, rule, fact, value))
		return true;
	return !rule->deny && (is_judged_by_names(question, rule, fact, value) ||
				  is_required(rule, fact, value));
}

/*@ requires \valid_read(require) && word_sound(require) && slice_readable(address);
    assigns \nothing;
*/
static bool address_lies_inside(const struct word *require, struct slice address)
{
	struct network network;
	uint32_t i;

	if (network_read(address.at, address.length, &network))
		return false;
	/*@ loop invariant i <= require->count;
	    loop assigns i;
	    loop variant require->count - i; */
	for (i = 0; i < require->count; i++)
		if (require->operands[i].has_range &&
		    network_contains(&require->operands[i].range, &network))
			return true;
	return false;
}

/* Each range of a comma-separated list inside one of the line's ranges. */
/*@ requires \valid_read(require) && word_sound(require) && slice_readable(list);
    assigns \nothing;
*/
static bool addresses_lie_inside(const struct word *require, struct slice list)
{
	struct slice address = list;

	/*@ loop invariant slice_readable(list);
	    loop assigns list, address;
	    loop variant list.length; */
	for (;;) {
		address.at = list.at;
		address.length = bytes_find(list.at, list.length, ',');
		if (!address_lies_inside(require, address))
			return false;
		if (address.length == list.length)
			return true;
		list.at += address.length + 1;
		list.length -= address.length + 1;
	}
}

/*@ requires \valid_read(require) && word_sound(require);
    requires \valid_read(operand) && operand_sound(operand);
    requires \valid_read(question) && question_sound(question);
    assigns \nothing;
*/
static bool requirement_is_met(const struct word *require, const struct operand *operand,
    const struct question *question)
{
	uint16_t i;

	/*@ loop invariant 0 <= i;
	    loop assigns i;
	    loop variant 65535 - i; */
	for (i = question->first[operand->options]; i < question->count;
	     i = question->next[i])
		if (option_matches(operand, &question->value[i], true) &&
		    (!operand->has_range ||
			addresses_lie_inside(require, question->value[i].value)))
			return true;
	return false;
}

/* A permit line's first requirement that is not met, a deny line's first that is. */
/*@ requires \valid_read(rule) && rule_sound(rule) && \valid(hit);
    requires \valid_read(question) && question_sound(question);
    requires value_readable(hit->value);
    assigns hit->value;
    ensures value_readable(hit->value);
*/
static bool find_requirement(
    const struct rule *rule, const struct question *question, struct hit *hit)
{
	const struct word *require = &rule->words[FACT_REQUIRE];
	const struct operand *operand;
	uint32_t i;

	/*@ loop invariant i <= require->count;
	    loop assigns i, operand;
	    loop variant require->count - i; */
	for (i = 0; i < require->count; i++) {
		operand = &require->operands[i];
		if (requirement_is_met(require, operand, question) != rule->deny)
			continue;
		hit->value.name =
		    (struct slice){ operand->pattern.text, operand->pattern.length };
		hit->value.value = (struct slice){ operand->content.text,
			operand->has_content ? operand->content.length : 0 };
		return true;
	}
	return false;
}

/* Seconds from now to the document's end; 0 when that has passed. */
/*@ requires \valid_read(request) && \valid_read(facts);
    assigns \nothing;
    ensures DOCUMENT_X509_USER <= request->document <= DOCUMENT_X509_SVID ==>
      ends_within(facts->x509_not_after, request->now, \result);
    ensures !(DOCUMENT_X509_USER <= request->document <= DOCUMENT_X509_SVID) ==>
      ends_within(facts->valid_before, request->now, \result);
*/
static uint64_t seconds_left(const struct request *request, const struct facts *facts)
{
	uint64_t now = request->now > 0 ? (uint64_t)request->now : 0;
	int64_t not_after = facts->x509_not_after;
	uint64_t end = facts->valid_before;

	if (document_is_x509(request->document))
		end = not_after > 0 ? (uint64_t)not_after : 0;
	return end > now ? end - now : 0;
}

/*@ requires \valid_read(rule) && \valid_read(request) && \valid_read(facts);
    assigns \nothing;
    ensures !\result ==> promised_ttl(rule, request, facts);
*/
static bool outlives(
    const struct rule *rule, const struct request *request, const struct facts *facts)
{
	return !request->ignore_ttl && seconds_left(request, facts) > rule->ttl;
}

/* The first of the document's values of a fact that the line's word does not allow, or by
 * which a deny line's is hit. */
/*@ requires \valid_read(rule) && rule_sound(rule) && \valid(hit);
    requires \valid_read(question) && question_sound(question);
    requires word < WORDS && fact < FACT_COUNT && value_readable(hit->value);
    assigns hit->value;
    ensures value_readable(hit->value);
    ensures !\result && !rule->deny && word == fact ==>
      fact_inside(rule, question, fact);
*/
static bool find_among(const struct rule *rule, enum fact word, enum fact fact,
    const struct question *question, struct hit *hit)
{
	uint16_t i;

	/*@ loop invariant 0 <= i;
	    loop invariant i < question->count ==> question->fact[i] == fact;
	    loop invariant !rule->deny && word == fact ==> \forall integer k;
	      0 <= k < i && k < question->count && question->fact[k] == fact ==>
	      value_inside(rule, question, k);
	    loop assigns i;
	    loop variant 65535 - i; */
	for (i = question->first[fact]; i < question->count; i = question->next[i])
		if (lies_inside(question, rule, word, &question->value[i]) ==
		    rule->deny) {
			hit->value = question->value[i];
			return true;
		}
	return false;
}

/*@ requires \valid_read(rule) && rule_sound(rule) && \valid(hit);
    requires \valid_read(question) && question_sound(question);
    requires fact < WORDS && value_readable(hit->value);
    assigns hit->fact, hit->value;
    ensures value_readable(hit->value);
    ensures !\result && !rule->deny && fact != FACT_REQUIRE ==>
      fact_inside(rule, question, fact);
*/
static bool find_value(const struct rule *rule, enum fact fact,
    const struct question *question, struct hit *hit)
{
	hit->fact = fact;
	if (fact == FACT_REQUIRE)
		return find_requirement(rule, question, hit);
	if (fact == FACT_CLIENT && !rule->deny) {
		/* The one word whose absence allows any value. */
		if (!has_bit(rule->named, FACT_CLIENT))
			return false;
		if (question->first[FACT_CLIENT] >= question->count)
			return true;
	}
	if (find_among(rule, fact, fact, question, hit))
		return true;
	/* What is denied as a name is also denied under a wildcard. */
	return rule->deny && fact == FACT_DNS &&
	       find_among(rule, FACT_DNS, FACT_WILDCARD_DNS, question, hit);
}

/* All that a permit line says but for its ttl. The steps are counted so that a refusal
 * can name the line that came nearest. The names of traits are not among them: with a
 * certificate's postal code they were judged. */
/*@ requires \valid_read(rule) && rule_sound(rule) && \valid(hit);
    requires \valid_read(question) && question_sound(question);
    assigns hit->fact, hit->value, hit->step;
    ensures value_readable(hit->value);
    ensures \result && !rule->deny ==> values_inside(rule, question);
*/
static bool values_lie_inside(
    const struct rule *rule, const struct question *question, struct hit *hit)
{
	static const struct named_value none = { { NULL, 0 }, { NULL, 0 } };
	static const enum fact steps[STEPS] = { FACT_CLIENT, FACT_SUBJECT,
		FACT_PRINCIPALS, FACT_KEY_ID, FACT_EXTENSIONS, FACT_ROLES, FACT_TRAITS,
		FACT_CRITICAL_OPTIONS, FACT_UNITS, FACT_STREET, FACT_POSTAL_CODE,
		FACT_ATTRIBUTES, FACT_DNS, FACT_WILDCARD_DNS, FACT_IP, FACT_URI,
		FACT_EMAIL, FACT_REQUIRE };
	unsigned step;

	//@ assert \forall integer s; 0 <= s < STEPS ==> steps[s] < WORDS;
	hit->value = none;
	/*@ loop invariant step <= STEPS;
	    loop invariant value_readable(hit->value);
	    loop invariant !rule->deny ==> \forall integer s; 0 <= s < step &&
	      steps[s] != FACT_REQUIRE && question->judged[steps[s]] ==>
		fact_inside(rule, question, steps[s]);
	    loop assigns step, hit->fact, hit->value, hit->step;
	    loop variant STEPS - step; */
	for (step = 0; step < STEPS; step++) {
		hit->step = step;
		if (question->judged[steps[step]] &&
		    find_value(rule, steps[step], question, hit))
			return false;
	}
	return true;
}

/* What holds of every value holds of those that a list has. */
/*@ ghost
    /@ requires values_inside(rule, question) && all_judged(question);
       requires fact == FACT_KEY_ID || fact == FACT_PRINCIPALS;
       assigns \nothing;
       ensures \forall integer i; 0 <= i < question->count && question->fact[i] == fact
   ==> lies_within(rule, question->document, fact, question->value[i].name.at,
	   question->value[i].name.length, question->value[i].value.at,
	   question->value[i].value.length);
    @/
    static void each_within(const struct rule *rule, const struct question *question,
	enum fact fact)
    {
	/@ assert \forall integer i; 0 <= i < question->count &&
	     question->fact[i] == fact ==> question->judged[fact]; @/
	/@ assert \forall integer i; 0 <= i < question->count &&
	     question->fact[i] == fact ==> fact_inside(rule, question, fact); @/
	/@ assert \forall integer i; 0 <= i < question->count &&
	     question->fact[i] == fact ==> value_inside(rule, question, i); @/
    }

    /@ requires \forall integer i; 0 <= i < question->count &&
	 question->fact[i] == fact ==>
	 lies_within(rule, question->document, fact, question->value[i].name.at,
	   question->value[i].name.length, question->value[i].value.at,
	   question->value[i].value.length);
       assigns \nothing;
       ensures holds_list(question, fact, list, length) ==>
	 items_within(rule, question->document, fact, list, length);
    @/
    static void list_within(const struct rule *rule, const struct question *question,
	enum fact fact, const uint8_t *list, size_t length)
    {
	/@ assert \forall uint8_t *at, integer l; holds(question, fact, at, l, \null, 0)
   ==> name_within(rule, question->document, fact, at, l); @/
	/@ assert \forall integer count; holds_items(question, fact, list, count) ==>
	     \forall integer n; 0 <= n < count ==> name_within(rule, question->document,
	     fact, packed_item(list, n) + 4, packed_length(packed_item(list, n))); @/
    }
*/

/*@ requires \valid_read(rule) && rule_sound(rule) && \valid(hit);
    requires \valid_read(question) && question_sound(question);
    requires \valid_read(request) && \valid_read(facts);
    requires all_judged(question) && question->document == request->document;
    requires holds_names(question, facts) && !rule->deny;
    assigns hit->fact, hit->value, hit->step;
    ensures value_readable(hit->value);
    ensures \result ==> promised_ttl(rule, request, facts);
    ensures \result ==> promised_values(rule, request, facts);
*/
static bool permits(const struct rule *rule, const struct question *question,
    const struct request *request, const struct facts *facts, struct hit *hit)
{
	if (!values_lie_inside(rule, question, hit))
		return false;
	//@ ghost each_within(rule, question, FACT_KEY_ID);
	//@ ghost each_within(rule, question, FACT_PRINCIPALS);
	/*@ ghost list_within(rule, question, FACT_PRINCIPALS, facts->principals,
	      facts->principals_length); */
	hit->step = STEPS;
	hit->fact = FACT_TTL;
	return !outlives(rule, request, facts);
}

/* A bare deny line matches every document of its CA and kind. The first word that matched
 * is what the refusal names. */
/*@ requires \valid_read(rule) && rule_sound(rule) && \valid(hit);
    requires \valid_read(question) && question_sound(question);
    assigns *hit;
    ensures value_readable(hit->value);
*/
static bool denies(
    const struct rule *rule, const struct question *question, struct hit *hit)
{
	struct hit found = { 0 };
	unsigned fact;

	*hit = (struct hit){ .fact = FACT_CA };
	/*@ loop invariant fact <= WORDS;
	    loop invariant value_readable(hit->value) && value_readable(found.value);
	    loop assigns fact, found, *hit;
	    loop variant WORDS - fact; */
	for (fact = 0; fact < WORDS; fact++) {
		if (!has_bit(rule->named, fact))
			continue;
		if (!find_value(rule, (enum fact)fact, question, &found))
			return false;
		if (hit->fact == FACT_CA)
			*hit = found;
	}
	return true;
}

/*@ requires \valid_read(issuer) && \valid_read(request) && \valid_read(facts);
    requires \valid_read(hit) && value_readable(hit->value);
    requires \valid(out) && verdict != VERDICT_PERMIT;
    assigns *out;
    ensures out->verdict == verdict;
*/
static void refuse(const struct issuer *issuer, const struct request *request,
    const struct facts *facts, enum verdict verdict, const struct hit *hit,
    struct decision *out)
{
	char text[X509_ADDRESS_TEXT] = "";
	struct slice name = hit->value.name;

	if (hit->fact == FACT_TTL) {
		duration_write(seconds_left(request, facts), text);
		name = slice_of(text);
	} else if (hit->fact == FACT_IP) {
		x509_address_text(name, text);
		name = slice_of(text);
	} else if (hit->fact == FACT_CA) {
		name = slice_of(ca_name(issuer->ca));
	}
	decision_refuse(out, verdict, hit->fact, name, NULL);
	if (hit->fact == FACT_CA) {
		decision_append(out, slice_of(" "));
		decision_append(out, slice_of(document_name(request->document)));
	}
	if (hit->value.value.length > 0) {
		decision_append(out, slice_of("="));
		decision_append(out, hit->value.value);
	}
}

/* ---- the document's values ---- */

/*@ predicate question_filled{L}(struct question *q) =
      values_readable(q) && facts_known(q);
*/

/*@ requires \valid(question) && question_filled(question) && fact < FACT_COUNT;
    requires slice_readable(name) && slice_readable(value);
    assigns question->whole, question->count, question->value[0 .. VALUES_MAX - 1],
      question->fact[0 .. VALUES_MAX - 1];
    ensures values_readable(question);
    ensures facts_known(question);
    ensures kept{Pre,Post}(question);
    ensures question->whole ==>
      holds(question, fact, name.at, name.length, value.at, value.length);
*/
static void add(
    struct question *question, enum fact fact, struct slice name, struct slice value)
{
	const uint32_t at = question->count;

	if (at == VALUES_MAX) {
		question->whole = false;
		return;
	}
	question->fact[at] = fact;
	question->value[at].name.at = name.at;
	question->value[at].name.length = name.length;
	question->value[at].value.at = value.at;
	question->value[at].value.length = value.length;
	question->count = at + 1;
}

/*@ requires \valid(question) && question_filled(question) && fact < FACT_COUNT;
    requires slice_readable(name);
    assigns question->whole, question->count, question->value[0 .. VALUES_MAX - 1],
      question->fact[0 .. VALUES_MAX - 1];
    ensures question_filled(question) && kept{Pre,Post}(question);
    ensures question->whole && name.length > 0 ==>
      holds(question, fact, name.at, name.length, \null, 0);
*/
static void add_name(struct question *question, enum fact fact, struct slice name)
{
	if (name.length > 0)
		add(question, fact, name, (struct slice){ NULL, 0 });
}

/* The names in Teleport's JSON. That of an SSH certificate the invariants have read. */
/*@ requires \valid(question) && question_filled(question) && fact < FACT_COUNT;
    requires slice_readable(json);
    assigns question->whole, question->count, question->value[0 .. VALUES_MAX - 1],
      question->fact[0 .. VALUES_MAX - 1];
    ensures question_filled(question) && kept{Pre,Post}(question);
*/
static void add_names(struct question *question, enum fact fact, struct slice json)
{
	struct teleport_names names;
	uint32_t i;

	if (!teleport_read(fact, json, &names))
		return;
	/*@ loop invariant i <= names.count && question_filled(question);
	    loop invariant kept{Pre,Here}(question);
	    loop assigns i, question->whole, question->count,
	      question->value[0 .. VALUES_MAX - 1], question->fact[0 .. VALUES_MAX - 1];
	    loop variant names.count - i; */
	for (i = 0; i < names.count; i++)
		add_name(question, fact, names.at[i]);
}

/*@ requires \valid(question) && question_filled(question);
    requires facts_slice(list.at, list.length);
    assigns question->whole, question->count, question->value[0 .. VALUES_MAX - 1],
      question->fact[0 .. VALUES_MAX - 1];
    ensures question_filled(question) && kept{Pre,Post}(question);
    ensures question->whole ==>
      holds_list(question, FACT_PRINCIPALS, list.at, list.length);
*/
static void add_principals(struct question *question, struct slice list)
{
	struct slice item;
	//@ ghost const uint8_t *all = list.at;
	//@ ghost size_t length = list.length, count = 0;

	/*@ loop invariant facts_slice(list.at, list.length);
	    loop invariant question_filled(question) && kept{Pre,Here}(question);
	    loop invariant count <= length && list.at == packed_item(all, count);
	    loop invariant list.at + list.length == all + length;
	    loop invariant list.length + count <= length;
	    loop invariant question->whole ==>
	      holds_items(question, FACT_PRINCIPALS, all, count);
	    loop assigns list, item, count, question->whole, question->count,
	      question->value[0 .. VALUES_MAX - 1], question->fact[0 .. VALUES_MAX - 1];
	    loop variant list.length; */
	while (facts_next_item(&list, &item)) {
		//@ assert packed_item(all, count + 1) == list.at;
		add(question, FACT_PRINCIPALS, item, (struct slice){ NULL, 0 });
		/*@ assert question->whole ==>
		      holds_items(question, FACT_PRINCIPALS, all, count); */
		//@ ghost count++;
	}
	if (list.length > 0) /* no string: nothing permits it */
		question->whole = false;
	//@ assert question->whole ==> packed_item(all, count) == all + length;
}

/*@ requires \valid(question) && question_filled(question) && fact < FACT_COUNT;
    requires facts_slice(list.at, list.length);
    assigns question->whole, question->count, question->value[0 .. VALUES_MAX - 1],
      question->fact[0 .. VALUES_MAX - 1];
    ensures question_filled(question) && kept{Pre,Post}(question);
*/
static void add_options(struct question *question, enum fact fact, struct slice list)
{
	struct named_value option;
	enum fact names;

	/*@ loop invariant facts_slice(list.at, list.length);
	    loop invariant question_filled(question) && kept{Pre,Here}(question);
	    loop assigns list, option, names, question->whole, question->count,
	      question->value[0 .. VALUES_MAX - 1], question->fact[0 .. VALUES_MAX - 1];
	    loop variant list.length; */
	while (facts_next_option(&list, &option)) {
		add(question, fact, option.name, option.value);
		names = fact == FACT_EXTENSIONS ? teleport_fact(option.name) : FACT_NONE;
		if (names != FACT_NONE)
			add_names(question, names, option.value);
	}
	if (list.length > 0) /* no string: nothing permits it */
		question->whole = false;
}

/*@ requires \valid(question) && question_filled(question);
    requires facts_slice(list.at, list.length) && \valid(oids);
    requires \separated(question, oids);
    assigns *oids, question->whole, question->count, question->value[0 .. VALUES_MAX - 1],
      question->fact[0 .. VALUES_MAX - 1];
    ensures question_filled(question) && kept{Pre,Post}(question);
*/
static void add_attributes(
    struct question *question, struct slice list, struct oids *oids)
{
	struct slice none = { NULL, 0 }, postal_code = none, oid;
	unsigned count = 0;
	bool one = false, more = false; /* postal codes */
	struct x509_attribute attribute;
	enum fact fact;

	/*@ loop invariant facts_slice(list.at, list.length);
	    loop invariant question_filled(question) && slice_readable(postal_code);
	    loop invariant kept{Pre,Here}(question);
	    loop invariant count <= X509_ATTRIBUTES_MAX;
	    loop assigns list, attribute, fact, oid, count, postal_code, one, more,
	      *oids,
	      question->whole, question->count, question->value[0 .. VALUES_MAX - 1],
	      question->fact[0 .. VALUES_MAX - 1];
	    loop variant list.length; */
	while (x509_next_attribute(&list, &attribute)) {
		fact = x509_attribute_fact(&attribute);
		if (fact == FACT_ATTRIBUTES && count < X509_ATTRIBUTES_MAX) {
			oid.length = x509_attribute_oid(&attribute, oids->text[count]);
			oid.at = text_bytes(oids->text[count++], oid.length);
			add(question, fact, oid, attribute.value);
			//@ assert kept{Pre,Here}(question);
			continue;
		}
		add(question, fact, attribute.value, none);
		//@ assert kept{Pre,Here}(question);
		if (fact == FACT_POSTAL_CODE) {
			more = one;
			one = true;
			postal_code = attribute.value;
		}
	}
	if (one && !more)
		add_names(question, FACT_TRAITS, postal_code);
}

/*@ requires \valid(question) && question_filled(question);
    requires facts_slice(list.at, list.length);
    assigns question->whole, question->count, question->value[0 .. VALUES_MAX - 1],
      question->fact[0 .. VALUES_MAX - 1];
    ensures question_filled(question) && kept{Pre,Post}(question);
*/
static void add_alt_names(struct question *question, struct slice list)
{
	struct x509_alt_name name;

	/*@ loop invariant facts_slice(list.at, list.length);
	    loop invariant question_filled(question) && kept{Pre,Here}(question);
	    loop assigns list, name, question->whole, question->count,
	      question->value[0 .. VALUES_MAX - 1], question->fact[0 .. VALUES_MAX - 1];
	    loop variant list.length; */
	while (x509_next_alt_name(&list, &name))
		add_name(question, x509_alt_name_fact(&name), name.value);
}

/* From the last to the first, so that each fact's values keep the document's order. */
/*@ requires \valid(question) && question_filled(question);
    assigns question->first[0 .. FACT_COUNT - 1], question->next[0 .. VALUES_MAX - 1],
      question->judged[0 .. FACT_COUNT - 1];
    ensures question_sound(question) && all_judged(question);
*/
static void link_values(struct question *question)
{
	uint32_t i = question->count;
	uint16_t after;
	unsigned fact;

	/*@ loop invariant fact <= FACT_COUNT;
	    loop invariant \forall integer f; 0 <= f < fact ==>
	      question->first[f] == VALUES_MAX;
	    loop assigns fact, question->first[0 .. FACT_COUNT - 1],
	      question->judged[0 .. FACT_COUNT - 1];
	    loop variant FACT_COUNT - fact; */
	for (fact = 0; fact < FACT_COUNT; fact++) {
		question->first[fact] = VALUES_MAX;
		question->judged[fact] = false;
	}
	/*@ loop invariant i <= question->count;
	    loop invariant links_forward(question, i) && links_to_same(question, i);
	    loop invariant links_to_next(question, i) && first_of_fact(question);
	    loop invariant first_is_least(question, i);
	    loop invariant \forall integer k; i <= k < question->count ==>
	      question->judged[question->fact[k]];
	    loop invariant \forall integer f; 0 <= f < FACT_COUNT ==>
	      i <= question->first[f];
	    loop assigns i, after, fact, question->judged[0 .. FACT_COUNT - 1],
	      question->first[0 .. FACT_COUNT - 1],
	      question->next[0 .. VALUES_MAX - 1];
	    loop variant i; */
	while (i > 0) {
		fact = question->fact[--i];
		//@ assert fact < FACT_COUNT && i < question->count <= VALUES_MAX;
		after = question->first[fact];
		question->next[i] = after;
		question->first[fact] = (uint16_t)i;
		question->judged[fact] = true;
		//@ assert question->next[i] == after && question->first[fact] == i;
		/*@ assert \forall integer k; i < k < question->count ==>
		      question->next[k] == \at(question->next[k], LoopCurrent); */
		/*@ assert \forall integer f; 0 <= f < FACT_COUNT && f != fact ==>
		      question->first[f] == \at(question->first[f], LoopCurrent); */
	}
}

/*@ requires \valid(question) && \valid(oids);
    requires \valid_read(request) && \valid_read(facts) && facts_readable(facts);
    requires \separated(question, oids, facts);
    requires \separated(question, request) && \separated(oids, request);
    assigns *question, *oids;
    ensures question_sound(question);
    ensures all_judged(question);
    ensures question->document == request->document;
    ensures question->whole ==> holds_names(question, facts);
*/
static void read_values(struct question *question, const struct request *request,
    const struct facts *facts, struct oids *oids)
{
	const struct slice client = slice_of(request->client);
	const struct slice key_id = FACTS_SLICE(facts, key_id);
	const struct slice principals = FACTS_SLICE(facts, principals);
	const struct slice options = FACTS_SLICE(facts, critical_options);
	const struct slice extensions = FACTS_SLICE(facts, extensions);
	const struct slice subject = FACTS_SLICE(facts, x509_subject);
	const struct slice alt_names = FACTS_SLICE(facts, x509_alt_names);

	question->document = request->document;
	question->whole = true;
	question->count = 0;
	add_name(question, FACT_CLIENT, client);
	add_options(question, FACT_CRITICAL_OPTIONS, options);
	add_options(question, FACT_EXTENSIONS, extensions);
	add_attributes(question, subject, oids);
	add_alt_names(question, alt_names);
	add_name(question, FACT_KEY_ID, key_id);
	add_principals(question, principals);
	/*@ assert question->whole && key_id.length > 0 ==>
	      holds(question, FACT_KEY_ID, key_id.at, key_id.length, \null, 0); */
	link_values(question);
	/*@ assert question->whole && key_id.length > 0 ==>
	      holds(question, FACT_KEY_ID, key_id.at, key_id.length, \null, 0); */
	/*@ assert question->whole ==>
	      holds_list(question, FACT_PRINCIPALS, principals.at, principals.length); */
	//@ assert facts->key_id == key_id.at && facts->key_id_length == key_id.length;
	/*@ assert facts->principals == principals.at &&
	      facts->principals_length == principals.length; */
	//@ assert question->document == request->document;
	//@ assert question->whole ==> holds_names(question, facts);
	question->judged[FACT_CLIENT] = true;
	question->judged[FACT_REQUIRE] = true;
	//@ assert question->whole ==> holds_names(question, facts);
	if (document_is_x509(request->document))
		question->judged[FACT_TRAITS] = false;
}

/*@ requires \valid_read(rule) && \valid_read(issuer) && \valid_read(request);
    requires issuer->ca < CA_COUNT && request->document < DOCUMENT_COUNT;
    assigns \nothing;
    ensures \result ==> promised_scope(rule, issuer, request);
*/
static bool is_about(
    const struct rule *rule, const struct issuer *issuer, const struct request *request)
{
	return (rule->authorities >> issuer->ca & 1) != 0 &&
	       (rule->documents >> request->document & 1) != 0;
}

/*@ requires \valid_read(rule) && \valid(out);
    assigns *out;
    ensures out->verdict == VERDICT_PERMIT && out->ttl == rule->ttl;
*/
static void permit(const struct rule *rule, struct decision *out)
{
	static const struct decision none = { .verdict = VERDICT_PERMIT };

	*out = none;
	out->ttl = rule->ttl;
	out->rate = rule->rate;
}

/* The first rule that decides, of the first `count`; `count` when none does. `hit` says
 * by what it denies, or what the permit line that came nearest does not allow. */
/*@ requires policy_readable(policy) && \valid_read(issuer);
    requires \valid_read(question) && question_sound(question);
    requires \valid_read(request) && \valid_read(facts) && \valid(hit);
    requires issuer->ca < CA_COUNT && request->document < DOCUMENT_COUNT;
    requires all_judged(question) && question->document == request->document;
    requires holds_names(question, facts);
    assigns *hit;
    ensures value_readable(hit->value);
    ensures \result <= policy->rules_count;
    ensures \result < policy->rules_count && !policy->rules[\result].deny ==>
      promised_rule(&policy->rules[\result], issuer, request, facts);
*/
static uint32_t find_rule(const struct policy *policy, const struct issuer *issuer,
    const struct request *request, const struct facts *facts,
    const struct question *question, struct hit *hit)
{
	static const struct hit none = { .fact = FACT_CA };
	struct hit now, nearest = none;
	const struct rule *rule;
	uint32_t at;

	/*@ loop invariant at <= policy->rules_count && value_readable(nearest.value);
	    loop assigns at, rule, now, nearest, *hit;
	    loop variant policy->rules_count - at; */
	for (at = 0; at < policy->rules_count; at++) {
		rule = &policy->rules[at];
		if (!is_about(rule, issuer, request))
			continue;
		now = none;
		if (rule->deny ? denies(rule, question, &now)
			       : permits(rule, question, request, facts, &now)) {
			*hit = now;
			return at;
		}
		if (!rule->deny && (nearest.fact == FACT_CA || now.step > nearest.step))
			nearest = now;
	}
	*hit = nearest;
	return at;
}

void rules_check(const struct policy *policy, const struct issuer *issuer,
    const struct request *request, const struct facts *facts, struct decision *out)
{
	struct question question;
	struct hit hit = { .fact = FACT_FORM };
	struct oids oids;
	uint32_t at;

	read_values(&question, request, facts, &oids);
	//@ assert issuer->ca < CA_COUNT && request->document < DOCUMENT_COUNT;
	//@ assert \valid_read(policy->rules + (0 .. policy->rules_count - 1));
	// What that wrote is ours, and no part of a rule.
	/*@ admit \forall integer k; 0 <= k < policy->rules_count ==>
	      rule_sound(&policy->rules[k]); */
	at = policy->rules_count;
	if (question.whole)
		at = find_rule(policy, issuer, request, facts, &question, &hit);
	if (at == policy->rules_count) {
		refuse(issuer, request, facts, VERDICT_DEFAULT, &hit, out);
		return;
	}
	//@ assert \valid_read(&policy->rules[at]);
	if (policy->rules[at].deny)
		refuse(issuer, request, facts, VERDICT_RULE, &hit, out);
	else
		permit(&policy->rules[at], out);
	out->line = policy->rules[at].line;
	out->rule = at;
}
