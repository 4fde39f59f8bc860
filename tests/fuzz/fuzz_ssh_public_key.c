/* worker/ssh_public_key.c: a line is one whole key, written again as the same blob, or an
 * error with a sentence. */
#include "tests/fuzz/fuzz.h"

#include "policy/ssh_certificate.h"
#include "worker/base64.h"
#include "worker/ssh_public_key.h"

#include <string.h>

static const char *const words[] = { "ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-nistp256 ",
	"sk-ssh-ed25519@openssh.com ", "AAAA", "AAAAC3NzaC1lZDI1NTE5AAAAI", "=",
	"==", " ", "\t", "#", "command=\"x\" ", "\n", "\r", NULL };

static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	static const size_t lengths[KEY_KIND_COUNT] = { 256, 65, 97, 133, 32 };
	static const uint8_t exponent[3] = { 1, 0, 1 };
	uint8_t key[256], blob[512];
	enum key_kind kind = (enum key_kind)(number % KEY_KIND_COUNT);
	struct facts facts = { .subject_kind = kind,
		.subject_key = key,
		.subject_key_length = lengths[kind],
		.subject_exponent = exponent,
		.subject_exponent_length = kind == KEY_RSA ? 3 : 0 };
	char text[1200];
	size_t length, i;

	if (number >= 3 * KEY_KIND_COUNT)
		return 0;
	for (i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(0x81u | (number + 3 * i));
	if (kind != KEY_RSA && kind != KEY_ED25519)
		key[0] = 4;
	length = ssh_key_write(&facts, blob, sizeof(blob));
	length = (size_t)snprintf(text, 64, "%s ", ssh_key_type_name(kind)) +
		 (base64_write(blob, length, text + strlen(ssh_key_type_name(kind)) + 1),
		     BASE64_LENGTH(length));
	if (number >= KEY_KIND_COUNT)
		length +=
		    (size_t)snprintf(text + length, 16, "%s", number % 2 ? " a@b" : "\n");
	if (length > room)
		return 0;
	memcpy(out, text, length);
	return length;
}

const struct fuzz_target fuzz_target = { words, NULL, seed };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char error[SSH_PUBLIC_KEY_ERROR_MAX] = "";
	uint8_t again[SSH_PUBLIC_KEY_BLOB_MAX];
	struct ssh_public_key key;
	struct facts facts = { 0 };

	if (!ssh_public_key_read((const char *)bytes, length, &key, &facts, error)) {
		fuzz_require(error[0] != '\0' && memchr(error, '\0', sizeof(error)));
		return 0;
	}
	fuzz_accepted++;
	fuzz_require(key.length > 0 && key.length <= sizeof(key.blob));
	fuzz_require(ssh_key_write(&facts, again, sizeof(again)) == key.length);
	fuzz_require(memcmp(again, key.blob, key.length) == 0);
	ssh_public_key_on_curve(&facts);
	return 0;
}
