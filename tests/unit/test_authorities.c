/* worker/authorities.c: the records as the broker gives them. */
#include "worker_rig.h"

#include <openssl/pem.h>

/* base64 of the authorized_keys line of an Ed25519 key */
#define KEY_A                                                                            \
	"c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUdwNWdHZmJWUVJpUFRYVFJu"       \
	"Qk05Yk45Rnd0R2RiUWRyRm1jV2pvQ1dPeWQK"

static struct authorities authorities;
static char error[AUTHORITY_ERROR_MAX];

static bool take(enum ca ca, const char *active, const char *trusted)
{
	char json[20000];

	snprintf(json, sizeof(json),
	    "{ \"spec\" : {\"type\":\"%s\",\"cluster_name\":\"c\","
	    "\"active_keys\":{%s},\"additional_trusted_keys\":{%s}}}",
	    ca_name(ca), active, trusted);
	return authorities_take(&authorities, ca, json, strlen(json), error);
}

static int stop(void **state)
{
	(void)state;
	authorities_free(&authorities);
	return 0;
}

static void knows_no_issuer_without_an_ssh_key(void **state)
{
	struct issuer issuer;

	(void)state;
	assert_false(authorities_issuer(&authorities, CA_USER, PURPOSE_SSH, &issuer));
	assert_true(authorities_take(&authorities, CA_USER, "", 0, error));
	assert_false(authorities_issuer(&authorities, CA_USER, PURPOSE_SSH, &issuer));
	assert_true(take(CA_USER, "", ""));
	assert_false(authorities_issuer(&authorities, CA_USER, PURPOSE_SSH, &issuer));
}

static void signs_with_an_active_key_and_knows_all_of_them(void **state)
{
	struct issuer issuer;

	(void)state;
	assert_true(take(CA_USER, "\"ssh\":[{\"public_key\":\"" KEY_A "\"}]",
	    "\"ssh\":[{\"public_key\":\"" KEY_A "\"}]"));
	assert_true(take(CA_HOST, "", "\"ssh\":[{\"public_key\":\"" KEY_A "\"}]"));
	assert_true(authorities_issuer(&authorities, CA_USER, PURPOSE_SSH, &issuer));
	assert_int_equal(issuer.key_kind, KEY_ED25519);
	assert_int_equal(issuer.public_key_length, 51);
	assert_int_equal(issuer.ca_keys_length, 3 * (4 + 51));
	assert_false(authorities_issuer(
	    &authorities, CA_HOST, PURPOSE_SSH, &issuer)); /* trusted alone */
}

static void keeps_what_it_knew_when_a_record_is_not_readable(void **state)
{
	struct issuer issuer;

	(void)state;
	assert_true(take(CA_USER, "\"ssh\":[{\"public_key\":\"" KEY_A "\"}]", ""));
	assert_false(take(CA_USER, "\"ssh\":[{\"public_key\":\"AAAA\"}]", ""));
	assert_false(authorities_take(&authorities, CA_USER, "{", 1, error));
	assert_false(authorities_take(
	    &authorities, CA_HOST, "{\"spec\":{\"type\":\"user\"}}", 25, error));
	assert_string_equal(error, "the record of CA host is not readable");
	assert_true(authorities_issuer(&authorities, CA_USER, PURPOSE_SSH, &issuer));
}

/* ---- TLS keys ---- */

static struct rig tls_rig;

static int start_tls(void **state)
{
	unsigned i;

	(void)state;
	tls_rig.ca_lifetime = 86400;
	for (i = 0; i < RIG_KEYS; i++)
		tls_rig.tls_key[i] = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	return 0;
}

static int stop_tls(void **state)
{
	unsigned i;

	for (i = 0; i < RIG_KEYS; i++)
		EVP_PKEY_free(tls_rig.tls_key[i]);
	return stop(state);
}

/* A `tls` list with the one key of that number. */
static const char *tls_list(unsigned number, char out[8192])
{
	uint8_t certificate[2048], crl[2048];
	char pem[PEM_ROOM(2048)], text[4000] = "", crl_text[4000] = "";
	size_t length, crl_length;

	tls_rig.current = number;
	rig_tls(&tls_rig, CA_HOST, certificate, &length, crl, &crl_length);
	base64_write(
	    (uint8_t *)pem, pem_write("CERTIFICATE", certificate, length, pem), text);
	base64_write(crl, crl_length, crl_text);
	snprintf(out, 8192, "\"tls\":[{\"cert\":\"%s\",\"crl\":\"%s\"}]", text, crl_text);
	return out;
}

static void knows_who_signs_x509_and_its_chain(void **state)
{
	char active[8192], trusted[8192];
	struct issuer issuer;
	struct chain *chain;
	X509 *certificate;
	BIO *bio;

	(void)state;
	assert_null(authorities_hold_chain(&authorities, CA_HOST));
	assert_false(authorities_issuer(&authorities, CA_HOST, PURPOSE_TLS, &issuer));
	assert_true(take(CA_HOST, tls_list(1, active), tls_list(0, trusted)));
	assert_false(authorities_issuer(&authorities, CA_HOST, PURPOSE_SSH, &issuer));
	assert_true(authorities_issuer(&authorities, CA_HOST, PURPOSE_TLS, &issuer));
	assert_int_equal(issuer.key_kind, KEY_P256);
	assert_int_equal(issuer.key_id_length, 20);
	assert_int_equal(issuer.key_id[0], 4); /* of the second key */
	assert_true(issuer.not_after <= worker_now() + 86400);
	assert_true(issuer.not_after > worker_now() + 86000);
	assert_int_equal(issuer.public_key_length, 104); /* ecdsa-sha2-nistp256 */
	assert_int_equal(issuer.ca_keys_length, 2 * (4 + 104));
	/* Whoever holds it has it when the record has come anew, and when another has. */
	chain = authorities_hold_chain(&authorities, CA_HOST);
	assert_true(take(CA_HOST, active, trusted));
	assert_ptr_equal(authorities.of[CA_HOST].chain, chain);
	assert_int_equal(chain->holders, 2);
	assert_true(take(CA_HOST, trusted, active));
	assert_ptr_not_equal(authorities.of[CA_HOST].chain, chain);
	bio = BIO_new_mem_buf(chain->text, -1);
	certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_int_equal(X509_verify(certificate, tls_rig.tls_key[1]), 1);
	X509_free(certificate);
	BIO_free(bio);
	chain_release(chain);
}

static void shows_pins_and_crls_of_active_keys_before_trusted_ones(void **state)
{
	char active[8192], trusted[8192];
	struct json_out pins = { 0 }, crls = { 0 };
	cJSON *tree;
	X509_CRL *crl;
	BIO *bio;
	unsigned i;

	(void)state;
	assert_false(authorities_write_crl(&authorities, CA_HOST, &crls));
	assert_true(take(CA_HOST, tls_list(1, active), tls_list(0, trusted)));
	authorities_write_pins(&authorities, &pins);
	json_put_raw(&pins, "", 1);
	tree = cJSON_Parse(pins.bytes);
	assert_int_equal(cJSON_GetArraySize(tree), 2);
	assert_string_not_equal(tree->child->valuestring, tree->child->next->valuestring);
	cJSON_Delete(tree);
	assert_true(authorities_write_crl(&authorities, CA_HOST, &crls));
	json_put_raw(&crls, "", 1);
	tree = cJSON_Parse(crls.bytes);
	bio = BIO_new_mem_buf(rig_text(tree, "crl"), -1);
	for (i = 2; i > 0; i--) {
		crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
		assert_int_equal(X509_CRL_verify(crl, tls_rig.tls_key[i - 1]), 1);
		X509_CRL_free(crl);
	}
	BIO_free(bio);
	cJSON_Delete(tree);
	json_out_free(&pins);
	json_out_free(&crls);
}

static void refuses_a_tls_key_whose_certificate_is_none(void **state)
{
	static const char *const bad[] = { "\"tls\":[{}]", "\"tls\":[{\"cert\":\"\"}]",
		"\"tls\":[{\"cert\":\"AAAA\"}]", "\"tls\":[{\"cert\":5}]" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(take(CA_HOST, bad[i], ""));
		assert_string_equal(error, "CA host: its TLS key is not readable");
		assert_false(take(CA_HOST, "", bad[i]));
	}
}

static void writes_records_on_one_line(void **state)
{
	static const char record[] = "{\n\"spec\":\n{\"type\":\"user\"}}";
	struct json_out out = { 0 };

	(void)state;
	assert_true(
	    authorities_take(&authorities, CA_USER, record, strlen(record), error));
	authorities_write(&authorities, CA_COUNT, &out);
	json_put_raw(&out, "", 1);
	assert_string_equal(out.bytes, "[{\"spec\":{\"type\":\"user\"}}]");
	json_out_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(knows_no_issuer_without_an_ssh_key, stop),
		cmocka_unit_test_teardown(
		    signs_with_an_active_key_and_knows_all_of_them, stop),
		cmocka_unit_test_teardown(
		    keeps_what_it_knew_when_a_record_is_not_readable, stop),
		cmocka_unit_test_teardown(writes_records_on_one_line, stop),
		cmocka_unit_test_setup_teardown(
		    knows_who_signs_x509_and_its_chain, start_tls, stop_tls),
		cmocka_unit_test_setup_teardown(
		    shows_pins_and_crls_of_active_keys_before_trusted_ones, start_tls,
		    stop_tls),
		cmocka_unit_test_setup_teardown(
		    refuses_a_tls_key_whose_certificate_is_none, start_tls, stop_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
