/* worker/ssh_public_key.c and worker/base64.c: which lines are a public key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "worker/base64.h"
#include "worker/ssh_public_key.h"

#define ED25519                                                                          \
	"ssh-ed25519 "                                                                   \
	"AAAAC3NzaC1lZDI1NTE5AAAAIGp5gGfbVQRiPTXTRnBM9bN9FwtGdbQdrFmcWjoCWOyd"
/* clang-format off */
#define P256	"AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLLeMgifF5y12RbJKH3bWREepoD6sYSVURGUab9ihoSpiWJO0kzNL9BBvO4sR7BpFRL99Swq0Xx4f6AEFTPzLl4="
#define OFF_P256 "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBLLeMgifF5y12RbJKH3bWREepoD6sYSVURGUab9ihoSpiWJO0kzNL9BBvO4sR7BpFRL99Swq0Xx4f6AEFTPzLl8="
#define P521	"AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBACmUwX8N3l3sh8b8P6XugoXX9EpXzGv50MK2kiwnOMZHIU9nHityjjfiygLVdeqofPOIvIw/4GsvU/gQRx4qruPTgF83NuWXHOgDISna6jSAf2AUEMpXjwRzIjLiFP/Vql2gqoFur1OuqKPyGihEs4SMyOx/BhsgIFmnjZATnMUrxpy8A=="
#define RSA1024 "AAAAB3NzaC1yc2EAAAADAQABAAAAgQDFKHsJSx8hHWcpz97V3jtMg3RC9B3Ovg06yz9gVdLJgCUXgXYz05tm6LMQiwS8AdgrmvXZt0Lf0pPsTtBk13bIWL7b+tol9HRcPIvo/COFGSCu4n91jjTyGnoay6sDbXmgMBLmPgnWDkcHUAzOlSsbXlkxe0wVJ1m39xeRtNYp+Q=="
/* clang-format on */

static struct ssh_public_key key;
static struct facts facts;
static char error[SSH_PUBLIC_KEY_ERROR_MAX];

static bool reads(const char *line)
{
	error[0] = '\0';
	return ssh_public_key_read(line, strlen(line), &key, &facts, error);
}

static void reads_a_line_with_and_without_comment(void **state)
{
	static const char *const good[] = { ED25519, ED25519 " me@there", ED25519 "\n",
		ED25519 "\r\n", "  " ED25519 "\ta b c", ("ecdsa-sha2-nistp256 " P256) };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!reads(good[i]))
			fail_msg("%s: %s", good[i], error);
}

static void says_what_is_wrong_with_a_line(void **state)
{
	static const struct {
		const char *line;
		const char *said;
	} bad[] = {
		{ "", "no key type" },
		{ "ssh-ed25519", "not the base64" },
		{ "ssh-ed25519 !!!!", "not the base64" },
		{ "ssh-ed25519 AAAA", "not one whole ssh-ed25519 key" },
		{ "ssh-rsa "
		  "AAAAC3NzaC1lZDI1NTE5AAAAIGp5gGfbVQRiPTXTRnBM9bN9FwtGdbQdrFmcWjoCWOyd",
		    "not one whole ssh-rsa key" },
		{ "command=\"ls\" " ED25519, "options before the key" },
		{ "restrict " ED25519, "options before the key" },
		{ "ssh-dss AAAA", "ssh-dss keys are too weak" },
		{ "sk-ssh-ed25519@openssh.com AAAA", "security tokens" },
		{ "ssh-ed25519-cert-v01@openssh.com AAAA", "is a certificate" },
		{ "-----BEGIN PUBLIC KEY-----", "PEM" },
		{ ED25519 "\n" ED25519, "newline" },
		{ ED25519 " \x1b[2J", "control character" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (reads(bad[i].line) || !strstr(error, bad[i].said))
			fail_msg("%s: %s", bad[i].line, error);
}

static void asks_whether_a_point_is_on_its_curve(void **state)
{
	(void)state;
	assert_true(reads("ecdsa-sha2-nistp256 " P256));
	assert_true(ssh_public_key_on_curve(&facts));
	assert_true(reads("ecdsa-sha2-nistp521 " P521));
	assert_true(ssh_public_key_on_curve(&facts));
	assert_true(reads("ecdsa-sha2-nistp256 " OFF_P256));
	assert_false(ssh_public_key_on_curve(&facts));
	assert_true(reads(ED25519));
	assert_true(ssh_public_key_on_curve(&facts));
}

static void leaves_weak_keys_to_the_policy(void **state)
{
	(void)state;
	assert_true(reads("ssh-rsa " RSA1024));
	assert_int_equal(facts.subject_key_length, 128);
}

static void base64_has_one_form_of_each_text(void **state)
{
	static const char *const bad[] = { "A", "AA", "AAA",
		"A===", "AB==", "AAB=", "AA=A", "AA==AAAA", "AAA ", "AAAA\n", "=AAA",
		"-_AA" };
	uint8_t bytes[64], out[64];
	char text[128];
	size_t i, length;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(
		    base64_read(bad[i], strlen(bad[i]), out, sizeof(out), &length));
	for (i = 0; i < sizeof(bytes); i++) {
		memset(bytes, (int)(i * 37), i);
		base64_write(bytes, i, text);
		assert_true(
		    base64_read(text, BASE64_LENGTH(i), out, sizeof(out), &length));
		assert_int_equal(length, i);
		assert_memory_equal(out, bytes, i);
		if (i > 0)
			assert_false(
			    base64_read(text, BASE64_LENGTH(i), out, i - 1, &length));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_line_with_and_without_comment),
		cmocka_unit_test(says_what_is_wrong_with_a_line),
		cmocka_unit_test(asks_whether_a_point_is_on_its_curve),
		cmocka_unit_test(leaves_weak_keys_to_the_policy),
		cmocka_unit_test(base64_has_one_form_of_each_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
