/* What the record says of an X.509 certificate. */
#include "x509_trial.h"

#include <cjson/cJSON.h>

#include "policy/record.h"

static char text[RECORD_LINE_MAX];

static cJSON *facts_of(const struct trial *trial)
{
	struct record_line line;
	cJSON *json;
	size_t length;

	record_begin(&line, text, sizeof(text), 1, 0, "", "sign");
	record_facts(&line, DOCUMENT_X509_USER, &trial->sample.facts);
	length = record_end(&line);
	assert_true(length > 0);
	json = cJSON_ParseWithOpts(text, NULL, 1);
	if (!json)
		fail_msg("not JSON: %s", text);
	return json;
}

static void says_all_that_a_certificate_says(void **state)
{
	struct trial *trial = trial_new(DOCUMENT_X509_USER);
	const char *said;

	(void)state;
	SUBJECT(trial, "O=access", "2.3=x", "CN=J\xc3\xbcrgen \"J\"", "O=editor", "2.3=y",
	    "OU=usage:kube", "L=ops", "STREET=leaf", "postalCode={}", "SERIAL=7");
	NAMES(trial, "dns:*.b.c", "ip:10.0.0.1", "email:a@b", "uri:x:y", "ip:fd00::1",
	    "dns:a");
	cJSON_Delete(facts_of(trial));
	said = strstr(text, ",\"subject\":");
	assert_non_null(said);
	assert_string_equal(said,
	    ",\"subject\":{\"common_name\":\"J\xc3\xbcrgen \\\"J\\\"\","
	    "\"organization\":[\"access\",\"editor\"],"
	    "\"organizational_unit\":[\"usage:kube\"],\"locality\":[\"ops\"],"
	    "\"street\":[\"leaf\"],\"postal_code\":[\"{}\"]},"
	    "\"attributes\":{\"1.3.9999.2.3\":[\"x\",\"y\"],\"2.5.4.5\":[\"7\"]},"
	    "\"dns\":[\"*.b.c\",\"a\"],\"ip\":[\"10.0.0.1\",\"fd00::1\"],"
	    "\"uri\":[\"x:y\"],\"email\":[\"a@b\"],"
	    "\"not_before\":1759999940,\"not_after\":1760003600}}");
	assert_non_null(strstr(text, "\"public_key\":\"ssh-ed25519 AAAA"));
	SUBJECT(trial, "CN=a");
	trial->sample.facts.x509_alt_names_length = 0;
	cJSON_Delete(facts_of(trial));
	assert_non_null(strstr(text,
	    "\"subject\":{\"common_name\":\"a\"},\"attributes\":{},\"dns\":[],\"ip\":[],"
	    "\"uri\":[],\"email\":[],"));
	free(trial);
}

/* Wherever the line ends, facts that were said to fit are there to the last. */
static void what_is_said_to_fit_fits(void **state)
{
	static const char *const parts[] = { "O=\"\"\"\"", "1.1=a", "L=x", "2.127=\"",
		"postalCode=\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"" };
	struct trial *trial = trial_new(DOCUMENT_X509_USER);
	const char *texts[502];
	char alternating[500][16];
	unsigned part, count, refused = 0;

	(void)state;
	for (part = 0; part <= sizeof(parts) / sizeof(parts[0]); part++)
		for (count = 1; count < 500; count += 7) {
			unsigned i;

			for (i = 0; i < count; i++) {
				/* each with an OID of its own says most */
				snprintf(alternating[i], sizeof(alternating[i]),
				    "%u.%u=\"", 100 + i / 28, 100 + i % 28);
				texts[i] = part < 5 ? parts[part] : alternating[i];
			}
			texts[count] = NULL;
			trial_subject(trial, texts);
			if (record_fits(DOCUMENT_X509_USER, &trial->sample.facts))
				cJSON_Delete(facts_of(trial));
			else
				refused++;
		}
	assert_true(refused > 0);
	free(trial);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_all_that_a_certificate_says),
		cmocka_unit_test(what_is_said_to_fit_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
