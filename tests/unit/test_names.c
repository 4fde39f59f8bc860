#include "ssh_samples.h"

struct fit {
	enum document document;
	enum ca ca;
	enum purpose purpose;
};

/* clang-format off */
static const struct fit fits[] = {
	{ DOCUMENT_SSH_USER,       CA_USER,      PURPOSE_SSH },
	{ DOCUMENT_SSH_USER,       CA_OPENSSH,   PURPOSE_SSH },
	{ DOCUMENT_SSH_HOST,       CA_HOST,      PURPOSE_SSH },
	{ DOCUMENT_X509_USER,      CA_USER,      PURPOSE_TLS },
	{ DOCUMENT_X509_HOST,      CA_HOST,      PURPOSE_TLS },
	{ DOCUMENT_X509_DB_SERVER, CA_DB,        PURPOSE_TLS },
	{ DOCUMENT_X509_DB_CLIENT, CA_DB_CLIENT, PURPOSE_TLS },
	{ DOCUMENT_X509_SVID,      CA_SPIFFE,    PURPOSE_TLS },
	{ DOCUMENT_JWT,            CA_JWT,       PURPOSE_JWT },
	{ DOCUMENT_OIDC_TOKEN,     CA_OIDC_IDP,  PURPOSE_JWT },
	{ DOCUMENT_JWT_SVID,       CA_SPIFFE,    PURPOSE_JWT },
	{ DOCUMENT_SAML_ASSERTION, CA_SAML_IDP,  PURPOSE_TLS },
};
/* clang-format on */

static bool expected_fit(unsigned document, unsigned ca, unsigned purpose)
{
	size_t i;

	for (i = 0; i < sizeof(fits) / sizeof(fits[0]); i++)
		if (fits[i].document == document && fits[i].ca == ca &&
		    fits[i].purpose == purpose)
			return true;
	return false;
}

static void a_document_fits_exactly_its_ca_and_purpose(void **state)
{
	unsigned document, ca, purpose;

	(void)state;
	for (document = 0; document <= DOCUMENT_COUNT; document++)
		for (ca = 0; ca <= CA_COUNT; ca++)
			for (purpose = 0; purpose <= PURPOSE_COUNT; purpose++)
				assert_int_equal(document_fits((enum document)document,
						     (enum ca)ca, (enum purpose)purpose),
				    expected_fit(document, ca, purpose));
}

static void a_ca_has_exactly_its_key_sets(void **state)
{
	/* ssh, tls, jwt, in the order of enum ca */
	static const char *const sets[CA_COUNT] = { "st-", "st-", "-t-", "-t-", "s--",
		"--j", "-t-", "--j", "-tj" };
	unsigned ca, purpose;

	(void)state;
	for (ca = 0; ca < CA_COUNT; ca++)
		for (purpose = 0; purpose < PURPOSE_COUNT; purpose++)
			assert_int_equal(
			    ca_has_purpose((enum ca)ca, (enum purpose)purpose),
			    sets[ca][purpose] != '-');
	assert_false(ca_has_purpose(CA_COUNT, PURPOSE_SSH));
	assert_false(ca_has_purpose(CA_USER, PURPOSE_COUNT));
}

static void names_lead_back_to_what_they_name(void **state)
{
	enum ca ca = CA_COUNT;
	enum document document = DOCUMENT_COUNT;
	enum suite suite = SUITE_COUNT;
	unsigned i;

	(void)state;
	for (i = 0; i < CA_COUNT; i++) {
		assert_true(
		    ca_named(ca_name((enum ca)i), strlen(ca_name((enum ca)i)), &ca));
		assert_int_equal(ca, i);
	}
	for (i = 0; i < DOCUMENT_COUNT; i++) {
		const char *name = document_name((enum document)i);

		assert_true(document_named(name, strlen(name), &document));
		assert_int_equal(document, i);
	}
	for (i = SUITE_LEGACY; i < SUITE_COUNT; i++) {
		const char *name = suite_name((enum suite)i);

		assert_true(suite_named(name, strlen(name), &suite));
		assert_int_equal(suite, i);
	}
}

static void every_fact_has_a_name_of_its_own(void **state)
{
	unsigned i, j;

	(void)state;
	for (i = 0; i < FACT_COUNT; i++) {
		assert_string_not_equal(fact_name((enum fact)i), "unknown");
		for (j = 0; j < i; j++)
			assert_string_not_equal(
			    fact_name((enum fact)i), fact_name((enum fact)j));
	}
	assert_string_equal(fact_name(FACT_SUBJECT_KEY), "subject-key");
	assert_string_equal(key_kind_name(KEY_P521), "ECDSA P-521");
	assert_string_equal(purpose_name(PURPOSE_JWT), "jwt");
	assert_string_equal(keystore_name(KEYSTORE_AWS_KMS), "aws_kms");
}

static void other_words_are_no_names(void **state)
{
	enum document document;
	enum suite suite;
	enum ca ca;

	(void)state;
	assert_false(ca_named("User", 4, &ca));
	assert_false(ca_named("use", 3, &ca));
	assert_false(ca_named("user\0", 5, &ca));
	assert_false(ca_named("", 0, &ca));
	assert_false(document_named("ssh_user", 8, &document));
	assert_false(suite_named("unspecified", 11, &suite));
	assert_string_equal(ca_name(CA_COUNT), "unknown");
	assert_string_equal(document_name(DOCUMENT_COUNT), "unknown");
	assert_string_equal(suite_name(SUITE_COUNT), "unknown");
	assert_string_equal(fact_name(FACT_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_fits_exactly_its_ca_and_purpose),
		cmocka_unit_test(a_ca_has_exactly_its_key_sets),
		cmocka_unit_test(names_lead_back_to_what_they_name),
		cmocka_unit_test(every_fact_has_a_name_of_its_own),
		cmocka_unit_test(other_words_are_no_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
