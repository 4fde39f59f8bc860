/* Reads subjects' public keys; ssh_public_key.h has the contract. */
#include "worker/ssh_public_key.h"

#include "policy/ssh_certificate.h"
#include "worker/base64.h"

#include <stdio.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/obj_mac.h>

struct word {
	const char *text;
	size_t length;
};

static bool is(const struct word *word, const char *text)
{
	return word->length == strlen(text) &&
	       memcmp(word->text, text, word->length) == 0;
}

static bool ends_in(const struct word *word, const char *end)
{
	size_t length = strlen(end);

	return word->length >= length &&
	       memcmp(word->text + word->length - length, end, length) == 0;
}

static struct word next_word(const char **text, size_t *left)
{
	struct word word;

	while (*left > 0 && (**text == ' ' || **text == '\t')) {
		*text += 1;
		*left -= 1;
	}
	word = (struct word){ .text = *text };
	while (*left > 0 && **text != ' ' && **text != '\t') {
		*text += 1;
		*left -= 1;
		word.length++;
	}
	return word;
}

static bool known_type(const struct word *word, enum key_kind *kind)
{
	unsigned k;

	for (k = 0; k < KEY_KIND_COUNT; k++) {
		if (!is(word, ssh_key_type_name((enum key_kind)k)))
			continue;
		*kind = (enum key_kind)k;
		return true;
	}
	return false;
}

static bool starts_with(const struct word *word, const char *start)
{
	size_t length = strlen(start);

	return word->length >= length && memcmp(word->text, start, length) == 0;
}

/* Why the first word is no type that certificates are made for. */
static void explain_type(const struct word *type, const struct word *second,
    char error[SSH_PUBLIC_KEY_ERROR_MAX])
{
	enum key_kind kind;
	int shown = type->length < 64 ? (int)type->length : 64;

	if (known_type(second, &kind))
		snprintf(error, SSH_PUBLIC_KEY_ERROR_MAX,
		    "options before the key are not accepted; give `%s BASE64`",
		    ssh_key_type_name(kind));
	else if (ends_in(type, "-cert-v01@openssh.com"))
		snprintf(error, SSH_PUBLIC_KEY_ERROR_MAX,
		    "%.*s is a certificate; give the plain public key", shown,
		    type->text);
	else if (is(type, "ssh-dss"))
		snprintf(error, SSH_PUBLIC_KEY_ERROR_MAX,
		    "ssh-dss keys are too weak; use Ed25519, ECDSA, or RSA of 2048 bits "
		    "or more");
	else if (starts_with(type, "sk-"))
		snprintf(error, SSH_PUBLIC_KEY_ERROR_MAX,
		    "%.*s: keys in security tokens are not supported; use Ed25519, ECDSA "
		    "or RSA",
		    shown, type->text);
	else if (starts_with(type, "-----BEGIN"))
		snprintf(error, SSH_PUBLIC_KEY_ERROR_MAX,
		    "PEM is not accepted; give an authorized_keys line, `TYPE BASE64`");
	else
		snprintf(error, SSH_PUBLIC_KEY_ERROR_MAX,
		    "\"%.*s\" is no key type; give ssh-ed25519, ecdsa-sha2-nistp256, "
		    "ecdsa-sha2-nistp384, ecdsa-sha2-nistp521 or ssh-rsa, then BASE64",
		    shown, type->text);
}

/* A file's last newline may have come along; any other control character may not. */
static bool one_line(const char *line, size_t *length)
{
	size_t i;

	if (*length > 0 && line[*length - 1] == '\n')
		*length -= 1;
	if (*length > 0 && line[*length - 1] == '\r')
		*length -= 1;
	for (i = 0; i < *length; i++)
		if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			return false;
	return true;
}

bool ssh_public_key_read(const char *line, size_t length, struct ssh_public_key *key,
    struct facts *facts, char error[SSH_PUBLIC_KEY_ERROR_MAX])
{
	struct word type, second;
	enum key_kind kind;

	if (!one_line(line, &length)) {
		snprintf(error, SSH_PUBLIC_KEY_ERROR_MAX,
		    "holds a newline or control character; give one key on one line");
		return false;
	}
	type = next_word(&line, &length);
	second = next_word(&line, &length);
	if (!known_type(&type, &kind)) {
		explain_type(&type, &second, error);
		return false;
	}
	if (second.length == 0 || !base64_read(second.text, second.length, key->blob,
				      sizeof(key->blob), &key->length)) {
		snprintf(error, SSH_PUBLIC_KEY_ERROR_MAX,
		    "what follows %s is not the base64 of a key",
		    ssh_key_type_name(kind));
		return false;
	}
	if (!ssh_key_read(key->blob, key->length, facts) || facts->subject_kind != kind) {
		snprintf(error, SSH_PUBLIC_KEY_ERROR_MAX,
		    "the base64 is not one whole %s key", ssh_key_type_name(kind));
		return false;
	}
	return true;
}

static int curve_of(enum key_kind kind)
{
	switch (kind) {
	case KEY_P256:
		return NID_X9_62_prime256v1;
	case KEY_P384:
		return NID_secp384r1;
	case KEY_P521:
		return NID_secp521r1;
	case KEY_RSA:
	case KEY_ED25519:
	case KEY_KIND_COUNT:
		break;
	}
	return NID_undef;
}

bool ssh_public_key_on_curve(const struct facts *facts)
{
	int curve = curve_of(facts->subject_kind);
	EC_GROUP *group;
	EC_POINT *point;
	bool on_curve;

	if (curve == NID_undef)
		return true;
	group = EC_GROUP_new_by_curve_name(curve);
	point = group ? EC_POINT_new(group) : NULL;
	/* The decoder itself refuses what is not on the curve. */
	on_curve = point &&
		   EC_POINT_oct2point(group, point, facts->subject_key,
		       facts->subject_key_length, NULL) == 1 &&
		   !EC_POINT_is_at_infinity(group, point);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return on_curve;
}
