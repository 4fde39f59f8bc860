/* What no line of the policy can switch off of an X.509 certificate. */
#include "x509_trial.h"

#define NOW TRIAL_NOW

static int begin(void **state)
{
	*state = trial_new(DOCUMENT_X509_USER);
	return 0;
}

static int end(void **state)
{
	free(*state);
	return 0;
}

static void honest_certificates_hold(void **state)
{
	struct trial *user = *state, *host = trial_new(DOCUMENT_X509_HOST);

	assert_holds(user);
	SUBJECT(user, "O=access", "O=editor", "OU=usage:kube", "L=ops", "L=-teleport-x",
	    "STREET=leaf.example.com", "postalCode={\"logins\":[\"ops\"]}", "1.7=a",
	    "1.7=b", "2.3=c", "SERIAL=7", "CN=J\xc3\xbcrgen Q. M\xc3\xbcller");
	NAMES(user, "email:alice.b+c@Example.com", "uri:https://example.com/%7ea?b#c");
	assert_holds(user);
	assert_holds(host);
	NAMES(host, "dns:web.example.com", "dns:*.web.example.com", "dns:w",
	    "dns:xn--bcher-kva.example", "dns:1.2.3.x4", "ip:10.0.0.1", "ip:2001:db8::1");
	assert_holds(host);
	free(host);
}

static void each_kind_of_key_signs_with_its_own_algorithm(void **state)
{
	struct trial *trial = *state;
	unsigned kind, algorithm;

	use_key(&trial->sample, KEY_P256);
	for (kind = 0; kind < KEY_KIND_COUNT; kind++) {
		enum x509_signature own;

		if (kind == KEY_P256)
			continue;
		trial_signed_by(trial, (enum key_kind)kind);
		own = trial->sample.facts.x509_signature;
		for (algorithm = 0; algorithm < X509_SIGNATURE_COUNT; algorithm++) {
			trial->sample.facts.x509_signature =
			    (enum x509_signature)algorithm;
			if (algorithm == (unsigned)own)
				assert_holds(trial);
			else
				assert_refused(trial, FACT_SIGNATURE_ALGORITHM,
				    key_kind_name((enum key_kind)kind));
		}
	}
	trial->issuer.key_kind = KEY_KIND_COUNT;
	assert_refused(trial, FACT_SIGNATURE_ALGORITHM, NULL);
}

static void refuses_a_ca_whose_public_key_is_of_another_kind(void **state)
{
	struct trial *trial = *state;

	trial->issuer.key_kind = KEY_RSA;
	trial->sample.facts.x509_signature = X509_RSA_SHA256;
	assert_refused(trial, FACT_SIGNATURE_ALGORITHM, "RSA");
	trial_signed_by(trial, KEY_P256);
	trial->issuer.public_key_length = 0;
	assert_refused(trial, FACT_SIGNATURE_ALGORITHM, "ECDSA P-256");
}

static void refuses_documents_of_other_authorities(void **state)
{
	struct trial *trial = *state;

	trial->issuer.ca = CA_HOST;
	assert_refused(trial, FACT_CA, "host");
	trial->issuer.ca = CA_USER;
	trial->issuer.purpose = PURPOSE_SSH;
	assert_refused(trial, FACT_CA, "user");
	trial->issuer.ca = CA_SPIFFE;
	trial->issuer.purpose = PURPOSE_TLS;
	trial->request.document = DOCUMENT_X509_SVID;
	assert_refused(trial, FACT_FORM, "x509-svid");
}

static void the_issuer_is_the_cas_own_subject(void **state)
{
	struct trial *trial = *state;
	uint8_t other[1024];

	memcpy(other, trial->issuer.name, trial->issuer.name_length);
	other[trial->issuer.name_length - 1] ^= 1;
	trial->issuer.name = other;
	assert_refused(trial, FACT_ISSUER, "example.com");
	trial->issuer.name = trial->sample.issuer;
	trial->issuer.name_length--;
	assert_refused(trial, FACT_ISSUER, "example.com");
	trial->issuer.name_length = trial->sample.facts.x509_issuer_length = 0;
	assert_refused(trial, FACT_ISSUER, "");
}

static void the_authority_key_identifier_is_the_cas(void **state)
{
	struct trial *trial = *state;
	struct facts *facts = &trial->sample.facts;

	facts->x509_authority_key_id = (const uint8_t *)"\x01\x02";
	facts->x509_authority_key_id_length = 2;
	assert_refused(trial, FACT_ISSUER, "0102");
	facts->x509_authority_key_id_length = 0;
	assert_refused(trial, FACT_ISSUER, "");
	trial->issuer.key_id_length = 0;
	assert_refused(trial, FACT_ISSUER, "");
}

static void refuses_a_serial_that_the_worker_chose(void **state)
{
	struct trial *trial = *state;
	static const uint8_t one[16] = { [15] = 1 };

	use_serial(&trial->sample, one, sizeof(one));
	assert_refused(trial, FACT_SERIAL, "00000000000000000000000000000001");
	use_serial(&trial->sample, "\x7f", 1);
	assert_refused(trial, FACT_SERIAL, "7f");
	use_serial(&trial->sample, "\0", 1);
	assert_refused(trial, FACT_SERIAL, "00");
}

static void refuses_certificates_of_authorities(void **state)
{
	struct trial *trial = *state;

	trial->sample.facts.x509_is_ca = true;
	assert_refused(trial, FACT_FORM, "CA");
	trial->sample.facts.x509_is_ca = false;
	trial->sample.facts.x509_path_limited = true;
	assert_refused(trial, FACT_FORM, "CA");
}

static void has_no_subject_key_identifier_and_no_crl_place(void **state)
{
	struct trial *trial = *state;
	struct facts *facts = &trial->sample.facts;

	facts->x509_subject_key_id = (const uint8_t *)"\xab";
	facts->x509_subject_key_id_length = 1;
	assert_refused(trial, FACT_FORM, "ab");
	facts->x509_subject_key_id_length = 0;
	facts->x509_crl_url = (const uint8_t *)"http://crl";
	facts->x509_crl_url_length = 10;
	assert_refused(trial, FACT_FORM, "http://crl");
}

static void the_usage_is_exactly_the_documents(void **state)
{
	struct trial *trial = *state;
	struct facts *facts = &trial->sample.facts;
	unsigned usage;

	for (usage = 0; usage < 256; usage++) {
		facts->x509_key_usage = usage;
		if (usage == 0xa0)
			assert_holds(trial);
		else
			assert_refused(trial, FACT_KEY_USAGE, NULL);
	}
	facts->x509_key_usage = X509_DIGITAL_SIGNATURE | X509_KEY_CERT_SIGN;
	assert_refused(trial, FACT_KEY_USAGE, "keyCertSign digitalSignature");
	facts->x509_key_usage = 0xa0;
	for (usage = 0; usage < 3; usage++) {
		facts->x509_extended_key_usage = usage;
		assert_refused(trial, FACT_KEY_USAGE,
		    usage == 0	 ? ""
		    : usage == 1 ? "serverAuth"
				 : "clientAuth");
	}
}

static void the_start_lies_close_to_now(void **state)
{
	struct trial *trial = *state;
	int64_t *start = &trial->sample.facts.x509_not_before;

	*start = NOW - 300;
	assert_holds(trial);
	*start = NOW - 301;
	assert_refused(trial, FACT_VALIDITY, "1759999699");
	*start = NOW + 60;
	assert_holds(trial);
	*start = NOW + 61;
	assert_refused(trial, FACT_VALIDITY, "1760000061");
	*start = -1;
	assert_refused(trial, FACT_VALIDITY, "before 1970");
	*start = INT64_MIN;
	assert_refused(trial, FACT_VALIDITY, "before 1970");
	*start = INT64_MAX;
	assert_refused(trial, FACT_VALIDITY, NULL);
}

static void the_end_lies_behind_the_start_and_within_the_cas(void **state)
{
	struct trial *trial = *state;
	int64_t *end_of = &trial->sample.facts.x509_not_after;

	*end_of = NOW + 86400;
	assert_holds(trial);
	*end_of = NOW + 86401;
	assert_refused(trial, FACT_VALIDITY, "1760086401");
	*end_of = trial->sample.facts.x509_not_before;
	assert_refused(trial, FACT_VALIDITY, NULL);
	*end_of = INT64_MIN;
	assert_refused(trial, FACT_VALIDITY, "before 1970");
	*end_of = -1;
	assert_refused(trial, FACT_VALIDITY, "before 1970");
	trial->request.ignore_ttl = true;
	assert_holds(trial);
}

static void refuses_a_ca_key_as_subject(void **state)
{
	struct trial *trial = *state;
	uint8_t list[1028];
	size_t length;
	static struct sample other;

	use_key(&trial->sample, KEY_P256);
	assert_refused(trial, FACT_SUBJECT_KEY, "ECDSA P-256");
	use_key(&other, KEY_RSA);
	length = ssh_key_write(&other.facts, list + 4, sizeof(list) - 4);
	list[0] = list[1] = 0;
	list[2] = (uint8_t)(length / 256);
	list[3] = (uint8_t)(length % 256);
	use_key(&trial->sample, KEY_RSA);
	assert_holds(trial);
	trial->issuer.ca_keys = list;
	trial->issuer.ca_keys_length = length + 4;
	assert_refused(trial, FACT_SUBJECT_KEY, "RSA");
}

static void refuses_weak_subject_keys(void **state)
{
	struct trial *trial = *state;
	static const uint8_t zero[32];

	use_key(&trial->sample, KEY_RSA);
	trial->sample.facts.subject_key_length = 128;
	assert_refused(trial, FACT_SUBJECT_KEY, NULL);
	use_key(&trial->sample, KEY_ED25519);
	trial->sample.facts.subject_key = zero;
	assert_refused(trial, FACT_SUBJECT_KEY, "Ed25519");
}

static void there_is_one_common_name(void **state)
{
	struct trial *trial = *state;
	char name[300] = "CN=";

	SUBJECT(trial, "O=access");
	assert_refused(trial, FACT_SUBJECT, "0");
	SUBJECT(trial, "CN=a", "O=x", "CN=b");
	assert_refused(trial, FACT_SUBJECT, "2");
	memset(name + 3, 'a', 255);
	SUBJECT(trial, name);
	assert_holds(trial);
	name[258] = 'a';
	SUBJECT(trial, name);
	assert_refused(trial, FACT_SUBJECT, NULL);
	trial->sample.facts.x509_subject_length = 0;
	NAMES(trial, "dns:a");
	assert_refused(trial, FACT_SUBJECT, "0");
}

static void the_subject_is_not_the_ca(void **state)
{
	struct trial *trial = *state;

	trial->sample.facts.x509_subject = trial->issuer.name;
	trial->sample.facts.x509_subject_length = trial->issuer.name_length;
	assert_refused(trial, FACT_SUBJECT, "example.com");
}

static void logins_are_plain_as_principals(void **state)
{
	static const char *const bad[] = { "a*", "a?", "!a", "a,b", "a b", "\xc3\xa4" };
	struct trial *trial = *state;
	char text[300] = "L=";
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "L=%s", bad[i]);
		SUBJECT(trial, "CN=a", "L=good", text);
		assert_refused(trial, FACT_PRINCIPALS, bad[i]);
	}
	memset(text + 2, 'a', 256);
	text[258] = '\0';
	SUBJECT(trial, "CN=a", text);
	assert_refused(trial, FACT_PRINCIPALS, NULL);
	text[257] = '\0';
	SUBJECT(trial, "CN=a", text);
	assert_holds(trial);
}

static void each_list_has_at_most_256(void **state)
{
	static const struct {
		const char *text;
		enum fact fact;
	} rows[] = { { "O=a", FACT_ROLES }, { "OU=a", FACT_UNITS },
		{ "L=a", FACT_PRINCIPALS }, { "STREET=a", FACT_STREET },
		{ "postalCode=a", FACT_POSTAL_CODE }, { "1.2=a", FACT_ATTRIBUTES } };
	struct trial *trial = *state;
	const char *texts[260] = { "CN=a" };
	size_t row, i;

	for (row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		for (i = 1; i <= 256; i++)
			texts[i] = rows[row].text;
		texts[257] = NULL;
		trial_subject(trial, texts);
		assert_holds(trial);
		texts[257] = rows[row].text;
		texts[258] = NULL;
		trial_subject(trial, texts);
		assert_refused(trial, rows[row].fact, "");
	}
	for (i = 0; i < 257; i++)
		texts[i] = "dns:a";
	texts[257] = NULL;
	SUBJECT(trial, "CN=a");
	trial_names(trial, texts);
	assert_refused(trial, FACT_DNS, "");
	texts[256] = NULL;
	trial_names(trial, texts);
	assert_holds(trial);
}

static void attributes_of_one_oid_follow_each_other(void **state)
{
	struct trial *trial = *state;

	SUBJECT(trial, "1.7=a", "O=x", "1.7=b", "CN=a", "1.8=c");
	assert_holds(trial);
	SUBJECT(trial, "CN=a", "1.7=a", "1.8=b", "1.7=c");
	assert_refused(trial, FACT_ATTRIBUTES, "c");
	SUBJECT(trial, "CN=a", "SERIAL=1", "1.8=b", "SERIAL=2");
	assert_refused(trial, FACT_ATTRIBUTES, "2");
	SUBJECT(trial, "CN=a", "0.0=x", "SERIAL=1", "0.1=b", "127.127=c", "1.0=d");
	assert_holds(trial);
}

static void refuses_lists_that_are_not_packed(void **state)
{
	struct trial *trial = *state;
	struct facts *facts = &trial->sample.facts;

	facts->x509_subject_length--;
	assert_refused(trial, FACT_FORM, "");
	SUBJECT(trial, "CN=alice", "O=role");
	trial->subject[facts->x509_subject_length - 5] = DER_INTEGER; /* its length */
	assert_refused(trial, FACT_FORM, "");
	SUBJECT(trial, "CN=alice", "O=role");
	trial->subject[facts->x509_subject_length - 1] = 7;
	assert_refused(trial, FACT_ROLES, "rol\a");
	SUBJECT(trial, "CN=alice");
	NAMES(trial, "dns:a");
	facts->x509_alt_names_length--;
	assert_refused(trial, FACT_FORM, "");
	facts->x509_alt_names = (const uint8_t *)"\xa0\x01x"; /* otherName */
	facts->x509_alt_names_length = 3;
	assert_refused(trial, FACT_FORM, "");
}

#define REFUSED(names) names, sizeof(names) / sizeof(names[0])

/* Each of them, alone and behind a good name of its kind. */
static void assert_names_refused(struct trial *trial, enum fact fact, const char *good,
    const char *const *names, size_t count)
{
	const int kind = (int)strcspn(good, ":");
	char text[300];
	size_t i;

	for (i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%.*s:%s", kind, good, names[i]);
		NAMES(trial, text);
		assert_refused(trial, fact, names[i]);
		NAMES(trial, good, text);
		assert_refused(trial, fact, names[i]);
	}
}

#define LABEL63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffxyz"

static void dns_names_are_lower_case_letters_digits_and_hyphens(void **state)
{
	static const char *const bad[] = { "A.example", "a.Example", "a_b", "-a", "a-",
		"a..b", ".a", "a.", ".", "a.-b", "a.b*", "a.*.b", "x*.b", LABEL63 "z",
		"10.0.0.1", "a.7", "7", "a/b", "a:1", "*" };
	static const char *const wild[] = { "*.", "*.*.a", "*.-a", "*.A", "*.1", "*..a" };
	struct trial *trial = *state;
	char text[300];

	assert_names_refused(trial, FACT_DNS, "dns:good", REFUSED(bad));
	assert_names_refused(trial, FACT_WILDCARD_DNS, "dns:good", REFUSED(wild));
	snprintf(text, sizeof(text), "dns:" LABEL63 "." LABEL63 "." LABEL63 "." LABEL63);
	text[4 + 253] = '\0';
	NAMES(trial, text);
	assert_holds(trial);
	text[4 + 253] = 'f';
	text[4 + 254] = '\0';
	NAMES(trial, text);
	assert_refused(trial, FACT_DNS, NULL);
	snprintf(
	    text, sizeof(text), "dns:*." LABEL63 "." LABEL63 "." LABEL63 "." LABEL63);
	text[4 + 253] = '\0';
	NAMES(trial, text);
	assert_holds(trial);
	text[4 + 253] = 'f';
	text[4 + 254] = '\0';
	NAMES(trial, text);
	assert_refused(trial, FACT_WILDCARD_DNS, NULL);
}

static void refuses_ipv4_mapped_into_ipv6(void **state)
{
	struct trial *trial = *state;

	NAMES(trial, "ip:::ffff:10.0.0.1");
	assert_refused(trial, FACT_IP, "::ffff:10.0.0.1");
	NAMES(trial, "ip:::fffe:10.0.0.1", "ip:0.0.0.0", "ip:::");
	assert_holds(trial);
}

static void uris_have_a_scheme_and_its_characters(void **state)
{
	static const char *const bad[] = { "example.com", "//a/b", ":a", "1a:b",
		"a:", "a_b:c", "a:<b>", "a:%", "a:%4", "a:%4g", "a:\"b\"", "a:b\\c",
		"a:{b}", "spiffe://example.com/a", "SPIFFE://a/b", "sPiffe:a" };
	struct trial *trial = *state;

	assert_names_refused(trial, FACT_URI, "uri:urn:a", REFUSED(bad));
	NAMES(trial, "uri:urn:a:b", "uri:a+b-c.d:%4f", "uri:spiff://x", "uri:spiffee:x",
	    "uri:https://[::1]:80/?a=b&c;d,e!$'()*+@~#f");
	assert_holds(trial);
}

/* What `*.example.com` permits must not be localhost for another reader. */
static void hosts_of_uris_end_at_the_path(void **state)
{
	static const char *const bad[] = { "https://localhost#.example.com/",
		"https://localhost?.example.com/", "https://localhost:80?@a.example.com/",
		"https://root@a.example.com/", "https://a:b.example.com/",
		"https://[::1]a.example.com/", "https://[::1#].example.com/",
		"https://[::1.example.com/", "https://a%2f.example.com/",
		"https://a!.example.com", "x://a:80b" };
	struct trial *trial = *state;

	assert_names_refused(trial, FACT_URI, "uri:urn:a", REFUSED(bad));
	NAMES(trial, "uri:https://a-b.Example.com:8443/x?a@b#c", "uri:file:///a/b",
	    "uri:https://[fe80::1.2.3.4]", "uri:x://a:/", "uri:x:/a@b?c#d//e@f",
	    "uri:x:a?//b@c");
	assert_holds(trial);
}

/* What lies under `https://a/b/` must do so for a reader that follows dots back. */
static void paths_of_uris_have_no_dot_segments(void **state)
{
	static const char *const bad[] = { "https://a/b/../c", "https://a/./c",
		"https://a/b/..", "https://a/b/.", "https://a/..?d", "https://a/.#d",
		"https://a/../../c", "https://a/b/%2e%2e/c", "https://a/b/.%2E/c",
		"https://a/b/%2e.", "https://a/%2E/c", "https://a//../c", "x:/..", "x:..",
		"x:../a", "x:%2e", "https://a:1/b/c/d/../e?f" };
	struct trial *trial = *state;

	assert_names_refused(trial, FACT_URI, "uri:urn:a", REFUSED(bad));
	NAMES(trial, "uri:https://a/.../b", "uri:https://a/.b/..c/d./e../.f.",
	    "uri:https://a/%2e%2e%2e/%2eb/c%2e/%2f", "uri:https://a/b?c/../d",
	    "uri:https://a/b#/./../", "uri:https://a.b/c//", "uri:x:a..b/c.d",
	    "uri:x:%3e%2e./b", "uri:https://a/%2d/%3e/%52");
	assert_holds(trial);
}

static void email_addresses_are_name_at_domain(void **state)
{
	static const char *const bad[] = { "a", "a@", "@b", "a@b@c", "a@b..c", "a@-b",
		"a@b_c", ".a@b", "a.@b", "a..b@c", "\"a\"@b", "a,b@c", "a<b>@c",
		"a@[::1]", "a@10.0.0.1", "a(b)@c" };
	struct trial *trial = *state;
	char text[128];

	assert_names_refused(trial, FACT_EMAIL, "email:a@b", REFUSED(bad));
	snprintf(text, sizeof(text), "email:" LABEL63 "a@B.Example");
	NAMES(trial, text);
	assert_holds(trial);
	snprintf(text, sizeof(text), "email:" LABEL63 "ab@b");
	NAMES(trial, text);
	assert_refused(trial, FACT_EMAIL, NULL);
}

static void what_it_says_fits_one_line_of_the_record(void **state)
{
	struct trial *trial = *state;
	static char role[7001];

	memset(role, '"', sizeof(role) - 1); /* two bytes each on the record */
	memcpy(role, "O=", 2);
	SUBJECT(trial, "CN=a", role);
	assert_refused(trial, FACT_FORM, "");
	role[6000] = '\0';
	SUBJECT(trial, "CN=a", role);
	assert_holds(trial);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TRIAL(test) cmocka_unit_test_setup_teardown(test, begin, end)
		TRIAL(honest_certificates_hold),
		TRIAL(each_kind_of_key_signs_with_its_own_algorithm),
		TRIAL(refuses_a_ca_whose_public_key_is_of_another_kind),
		TRIAL(refuses_documents_of_other_authorities),
		TRIAL(the_issuer_is_the_cas_own_subject),
		TRIAL(the_authority_key_identifier_is_the_cas),
		TRIAL(refuses_a_serial_that_the_worker_chose),
		TRIAL(refuses_certificates_of_authorities),
		TRIAL(has_no_subject_key_identifier_and_no_crl_place),
		TRIAL(the_usage_is_exactly_the_documents),
		TRIAL(the_start_lies_close_to_now),
		TRIAL(the_end_lies_behind_the_start_and_within_the_cas),
		TRIAL(refuses_a_ca_key_as_subject),
		TRIAL(refuses_weak_subject_keys),
		TRIAL(there_is_one_common_name),
		TRIAL(the_subject_is_not_the_ca),
		TRIAL(logins_are_plain_as_principals),
		TRIAL(each_list_has_at_most_256),
		TRIAL(attributes_of_one_oid_follow_each_other),
		TRIAL(refuses_lists_that_are_not_packed),
		TRIAL(dns_names_are_lower_case_letters_digits_and_hyphens),
		TRIAL(refuses_ipv4_mapped_into_ipv6),
		TRIAL(uris_have_a_scheme_and_its_characters),
		TRIAL(hosts_of_uris_end_at_the_path),
		TRIAL(paths_of_uris_have_no_dot_segments),
		TRIAL(email_addresses_are_name_at_domain),
		TRIAL(what_it_says_fits_one_line_of_the_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
