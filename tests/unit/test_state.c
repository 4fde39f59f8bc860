/* state.json: what is written is read again; everything else is refused with its place.
 */
#include "broker_fixture.h"

static struct failure failure;

static int begin(void **state)
{
	fixture_begin(state);
	assert_true(broker_write_head(f->broker));
	return 0;
}

static size_t text_of(char *out, size_t room)
{
	size_t length = 0;

	assert_int_equal(file_read(&f->broker->state_directory, STATE_FILE,
			     (uint8_t *)out, room - 1, &length, &failure),
	    FILE_READ);
	out[length] = '\0';
	return length;
}

static void reads_what_it_wrote(void **state)
{
	static struct state again;

	(void)state;
	assert_int_equal(
	    state_read(&again, &f->broker->state_directory, &failure), FILE_READ);
	assert_memory_equal(&again, &f->broker->state, sizeof again);
}

static void absent_file_is_not_a_bad_one(void **state)
{
	static struct state again;
	char path[128];

	(void)state;
	fixture_path(f, STATE_FILE, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(
	    state_read(&again, &f->broker->state_directory, &failure), FILE_ABSENT);
}

static void refuses_every_cut_file(void **state)
{
	static struct state again;
	char text[16384];
	size_t length = text_of(text, sizeof text), i;

	(void)state;
	/* The last two bytes are the closing brace and the newline. */
	for (i = 0; i < length - 1; i++) {
		char cut[16384];

		memcpy(cut, text, i);
		cut[i] = '\0';
		assert_false(state_parse(&again, cut, i, &failure));
	}
}

static void refuses_every_flipped_bit(void **state)
{
	static struct state again;
	char text[16384];
	size_t length = text_of(text, sizeof text), i;

	(void)state;
	assert_true(state_parse(&again, text, length, &failure));
	for (i = 0; i < length * 8; i++) {
		text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
		assert_false(state_parse(&again, text, length, &failure));
		text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
	}
}

static void knows_that_it_was_restored(void **state)
{
	static struct state again;

	(void)state;
	f->broker->state.restored = true;
	assert_true(
	    state_write(&f->broker->state, &f->broker->state_directory, &failure));
	assert_int_equal(
	    state_read(&again, &f->broker->state_directory, &failure), FILE_READ);
	assert_true(again.restored);
	f->broker->state.restored = false;
}

static struct state *written_again(void)
{
	static struct state again;

	assert_true(
	    state_write(&f->broker->state, &f->broker->state_directory, &failure));
	if (state_read(&again, &f->broker->state_directory, &failure) != FILE_READ)
		fail_msg("%s", failure.text);
	return &again;
}

static void intend(void)
{
	struct state *mine = &f->broker->state;

	mine->intent = (struct state_intent){ .nonce = "00112233445566778899aabbccddeeff",
		.ca = CA_HOST,
		.purpose = PURPOSE_TLS,
		.kind = KEY_P256,
		.since = 1700000000 };
	mine->creations_since = 1699999999;
	mine->creations = 7;
	state_nonce_add(mine, "ffeeddccbbaa99887766554433221100");
	state_nonce_add(mine, mine->intent.nonce);
}

static void knows_which_key_is_being_made_and_how_many_were(void **state)
{
	(void)state;
	intend();
	assert_memory_equal(written_again(), &f->broker->state, sizeof(struct state));
	assert_true(
	    state_nonce_known(written_again(), "ffeeddccbbaa99887766554433221100"));
	assert_false(
	    state_nonce_known(written_again(), "ffeeddccbbaa99887766554433221101"));
}

static void the_oldest_nonce_gives_way(void **state)
{
	char nonce[NONCE_TEXT + 1];
	unsigned i;

	(void)state;
	for (i = 0; i <= STATE_NONCES_MAX; i++) {
		snprintf(nonce, sizeof nonce, "%032x", i);
		state_nonce_add(&f->broker->state, nonce);
	}
	assert_int_equal(written_again()->nonces, STATE_NONCES_MAX);
	assert_false(
	    state_nonce_known(written_again(), "00000000000000000000000000000000"));
	assert_true(
	    state_nonce_known(written_again(), "00000000000000000000000000000001"));
	assert_true(state_nonce_known(written_again(), nonce));
}

/* The file with `from` replaced by `to`, as by a hand that takes the checksum out. */
static bool with(const char *from, const char *to)
{
	static struct state again;
	char text[16384], changed[16384];
	char *at;

	text_of(text, sizeof text);
	at = strstr(text, ",\n\t\"checksum\"");
	assert_non_null(at);
	memcpy(at, "\n}\n", sizeof "\n}\n");
	at = strstr(text, from);
	assert_non_null(at);
	*at = '\0';
	snprintf(changed, sizeof changed, "%s%s%s", text, to, at + strlen(from));
	return state_parse(&again, changed, strlen(changed), &failure);
}

static void refuses_what_it_does_not_know(void **state)
{
	(void)state;
	assert_true(with("\"version\"", "\"version\""));
	assert_false(with("\"version\":\t1", "\"version\":\t2"));
	assert_non_null(strstr(failure.text, "install that one again"));
	assert_false(with("\"version\":\t1,", ""));
	assert_false(with("\"version\":\t1", "\"version\":\t1, \"more\": 1"));
	assert_non_null(strstr(failure.text, "more"));
	assert_false(with("\"version\":\t1", "\"version\":\t1, \"version\": 1"));
	assert_false(with("\"cluster\":\t\"example.com\"", "\"cluster\":\t5"));
	/* What a terminal would obey. */
	assert_false(with("\"cluster\":\t\"example.com\"",
	    "\"cluster\":\t\"example.com\\u001b]0;a\\u0007\""));
	assert_false(with("\"suite\":\t\"balanced-v1\"", "\"suite\":\t\"best\""));
	assert_false(with("\"type\":\t\"host\"", "\"type\":\t\"user\""));
	assert_false(with("\"type\":\t\"host\"", "\"type\":\t\"hosts\""));
	assert_false(with("\"public_key\":\t\"", "\"public_key\":\t\"!"));
	assert_false(with("\"cert\":\t\"", "\"cert\":\t\"!"));
	assert_false(with("\"cert\":\t\"", "\"cert\":\t5, \"more\":\t\""));
	assert_false(with("\"cert\":\t\"", "\"cert\":\t\"\", \"certs\":\t\""));
	assert_false(with("\"crl\":\t\"", "\"crl\":\t\" "));
	assert_false(with("\"ssh\":\t[{", "\"ssh\":\t[{\"cert\":\t\"AAAA\","));
	assert_non_null(strstr(failure.text, "cert: not a known member"));
	assert_false(with("\"cert\":\t\"", "\"crl\":\t\""));
	assert_false(with("\"sequence\":\t", "\"sequence\":\t-"));
	assert_false(with("\"sequence\":\t", "\"sequence\":\t0.5"));
	assert_false(with("}\n", "} x\n"));
	assert_non_null(strstr(failure.text, STATE_FILE ":"));
}

static void refuses_a_damaged_intent(void **state)
{
	(void)state;
	intend();
	(void)written_again();
	assert_true(with("\"version\"", "\"version\""));
	assert_false(with("\"type\":\t\"host\",\n\t\t\"purpose\"",
	    "\"type\":\t\"hosts\",\n\t\t\"purpose\""));
	assert_non_null(strstr(failure.text, "intent"));
	assert_false(with("\"purpose\":\t\"tls\"", "\"purpose\":\t\"tsl\""));
	assert_false(with("\"kind\":\t\"", "\"kind\":\t\"x"));
	assert_false(with("\"nonce\":\t\"0", "\"nonce\":\t\""));
	assert_false(with("\"nonce\":\t\"0", "\"nonce\":\t\"g"));
	assert_false(with("\"time\":\t17", "\"time\":\t-17"));
	assert_false(with("\"time\":\t17", "\"more\":\t1, \"time\":\t17"));
	assert_false(with("\"since\":\t1699999999,", ""));
	assert_false(with("\"count\":\t7", "\"count\":\t-7"));
	assert_false(with("\"count\":\t7", "\"count\":\t\"7\""));
	assert_false(with("\"nonces\":\t[", "\"nonces\":\t[5, "));
	assert_false(with("\"nonces\":\t[\"f", "\"nonces\":\t[\"F"));
	assert_false(with("\"nonces\":\t[\"f", "\"nonces\":\t[\"ff"));
	assert_non_null(strstr(failure.text, "nonces"));
}

static void refuses_one_key_in_two_places(void **state)
{
	struct state *s = &f->broker->state;
	char text[16384];
	static struct state again;
	size_t length;

	(void)state;
	s->keys[CA_HOST][PURPOSE_SSH][KEY_SET_ACTIVE] =
	    s->keys[CA_USER][PURPOSE_SSH][KEY_SET_ACTIVE];
	assert_true(state_write(s, &f->broker->state_directory, &failure));
	length = text_of(text, sizeof text);
	assert_false(state_parse(&again, text, length, &failure));
	assert_non_null(strstr(failure.text, "two places"));
}

static void refuses_file_that_others_can_read(void **state)
{
	static struct state again;
	char path[128];

	(void)state;
	fixture_path(f, STATE_FILE, path);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(
	    state_read(&again, &f->broker->state_directory, &failure), FILE_BAD);
	assert_non_null(strstr(failure.text, "0640"));
	assert_int_equal(chmod(path, 0600), 0);
	if (getuid() == 0) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(
		    state_read(&again, &f->broker->state_directory, &failure), FILE_BAD);
		assert_non_null(strstr(failure.text, "65534"));
	}
}

static void refuses_link_in_the_files_place(void **state)
{
	static struct state again;
	char path[128], other[128];

	(void)state;
	fixture_path(f, STATE_FILE, path);
	fixture_path(f, "other", other);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink("other", path), 0);
	assert_int_equal(
	    state_read(&again, &f->broker->state_directory, &failure), FILE_BAD);
}

static void refuses_crl_without_its_certificate(void **state)
{
	struct state *s = &f->broker->state;
	static struct state again;

	(void)state;
	s->keys[CA_USER][PURPOSE_TLS][KEY_SET_ACTIVE].key[0].document[CA_CRL].length = 0;
	assert_true(state_write(s, &f->broker->state_directory, &failure));
	assert_int_equal(
	    state_read(&again, &f->broker->state_directory, &failure), FILE_READ);
	s->keys[CA_HOST][PURPOSE_TLS][KEY_SET_ACTIVE]
	    .key[0]
	    .document[CA_CERTIFICATE]
	    .length = 0;
	assert_true(state_write(s, &f->broker->state_directory, &failure));
	assert_int_equal(
	    state_read(&again, &f->broker->state_directory, &failure), FILE_BAD);
	assert_non_null(strstr(failure.text, "without its cert"));
}

/* What a crash between making and renaming leaves must not be in the way, nor pile up. */
static void left_over_file_is_moved_aside(void **state)
{
	char path[128];
	int i, fd;

	(void)state;
	for (i = 0; i < 3; i++) {
		fixture_path(f, STATE_FILE ".new", path);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
		assert_true(fd >= 0);
		close(fd);
		assert_true(state_write(
		    &f->broker->state, &f->broker->state_directory, &failure));
		assert_int_equal(access(path, F_OK), -1);
	}
	reads_what_it_wrote(NULL);
}

/* ---- keys ---- */

static void loads_the_keys_that_it_made(void **state)
{
	uint8_t blob[KEY_BLOB_MAX];
	size_t length;
	const struct key *key = ca_key(f->broker, CA_USER, PURPOSE_SSH);

	(void)state;
	length = key->blob_length;
	memcpy(blob, key->blob, length);
	ca_keys_free(f->broker);
	assert_null(ca_key(f->broker, CA_USER, PURPOSE_SSH));
	assert_true(ca_keys_load(f->broker, &failure));
	key = ca_key(f->broker, CA_USER, PURPOSE_SSH);
	assert_non_null(key);
	assert_int_equal(key->blob_length, length);
	assert_memory_equal(key->blob, blob, length);
	assert_non_null(f->broker->authorities[CA_HOST].json);
	assert_null(f->broker->authorities[CA_DB].json);
	assert_null(strstr(f->broker->authorities[CA_HOST].json, "private"));
}

static void refuses_key_file_of_another_key(void **state)
{
	struct state *s = &f->broker->state;
	char *user = s->keys[CA_USER][PURPOSE_SSH][KEY_SET_ACTIVE].key[0].identifier;
	const char *host =
	    s->keys[CA_HOST][PURPOSE_SSH][KEY_SET_ACTIVE].key[0].identifier;

	(void)state;
	ca_keys_free(f->broker);
	memcpy(user, host, KEY_IDENTIFIER_MAX);
	assert_false(ca_keys_load(f->broker, &failure));
	assert_non_null(strstr(failure.text, "one backup"));
}

static void refuses_missing_and_broken_key_files(void **state)
{
	char *identifier =
	    f->broker->state.keys[CA_USER][PURPOSE_SSH][KEY_SET_ACTIVE].key[0].identifier;
	char name[64], path[128];
	int fd;

	(void)state;
	snprintf(name, sizeof name, "keys/%.32s.pem", identifier + 9);
	fixture_path(f, name, path);
	ca_keys_free(f->broker);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	close(fd);
	assert_false(ca_keys_load(f->broker, &failure));
	assert_non_null(strstr(failure.text, "PEM"));
	assert_int_equal(unlink(path), 0);
	assert_false(ca_keys_load(f->broker, &failure));
	assert_non_null(strstr(failure.text, "restore"));
	snprintf(
	    identifier, KEY_IDENTIFIER_MAX, "software:../../../../etc/shadow0000000");
	assert_false(ca_keys_load(f->broker, &failure));
	assert_non_null(strstr(failure.text, "no key of the software keystore"));
}

static void keys_are_roots_alone(void **state)
{
	char name[64], path[128];
	struct stat status;

	(void)state;
	snprintf(name, sizeof name, "keys/%.32s.pem",
	    f->broker->state.keys[CA_USER][PURPOSE_SSH][KEY_SET_ACTIVE]
		    .key[0]
		    .identifier +
		9);
	fixture_path(f, name, path);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(chmod(path, 0604), 0);
	ca_keys_free(f->broker);
	assert_false(ca_keys_load(f->broker, &failure));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_what_it_wrote),
		TEST(absent_file_is_not_a_bad_one),
		TEST(refuses_every_cut_file),
		TEST(refuses_every_flipped_bit),
		TEST(knows_that_it_was_restored),
		TEST(knows_which_key_is_being_made_and_how_many_were),
		TEST(the_oldest_nonce_gives_way),
		TEST(refuses_what_it_does_not_know),
		TEST(refuses_a_damaged_intent),
		TEST(refuses_one_key_in_two_places),
		TEST(refuses_crl_without_its_certificate),
		TEST(refuses_file_that_others_can_read),
		TEST(refuses_link_in_the_files_place),
		TEST(left_over_file_is_moved_aside),
		TEST(loads_the_keys_that_it_made),
		TEST(refuses_key_file_of_another_key),
		TEST(refuses_missing_and_broken_key_files),
		TEST(keys_are_roots_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
