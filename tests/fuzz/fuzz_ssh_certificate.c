/* policy/ssh_certificate.c: what is accepted is written again as the same bytes, and of
 * its serial only the serial is seen. */
#include "tests/fuzz/fuzz.h"

#include "policy/documents.h"
#include "policy/record.h"
#include "tests/unit/ssh_samples.h"

static const char *const words[] = { "ssh-ed25519-cert-v01@openssh.com",
	"ssh-rsa-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com",
	"nistp384", "nistp521", "ssh-ed25519", "ecdsa-sha2-nistp256", "permit-pty",
	"force-command", "source-address", "verify-required", "\xff\xff\xff\xff", NULL };

/* Each letter is a field: s a string, l a list of strings, 4 and 8 numbers. */
static void nodes(const uint8_t *bytes, size_t length, struct fuzz_nodes *out)
{
	const char *fields = length > 8 && memcmp(bytes + 4, "ssh-ed25519", 4 + 3) == 0
				 ? "sss84sl88llsl"
				 : "ssss84sl88llsl";
	size_t at = 0, end;
	unsigned list;

	for (; *fields != '\0' && at < length; fields++) {
		if (*fields == '4' || *fields == '8') {
			at += *fields == '4' ? 4 : 8;
			continue;
		}
		list = out->count;
		end = fuzz_string_node(bytes, length, at, out, FUZZ_NODES_MAX);
		if (end == 0)
			return;
		if (*fields == 'l')
			fuzz_string_nodes(bytes, at + 4, end, out, list);
		at = end;
	}
}

static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	enum key_kind kind = (enum key_kind)(number % KEY_KIND_COUNT);
	struct sample *sample;
	size_t length;

	if (number >= 4 * KEY_KIND_COUNT)
		return 0;
	sample = sample_new(
	    number / KEY_KIND_COUNT % 2 ? DOCUMENT_SSH_HOST : DOCUMENT_SSH_USER);
	sample_key(&sample->facts, sample->key, sample->exponent, kind, (uint8_t)number);
	sample_signed_by(sample, (enum key_kind)(number / 2 % KEY_KIND_COUNT));
	sample_principals(sample, "alice", number % 3 ? "bob" : NULL);
	if (number % 2) {
		add_option(&sample->critical_options, "force-command", "/bin/true");
		add_option(&sample->critical_options, "verify-required", NULL);
		add_option(&sample->extensions, "permit-X11-forwarding", NULL);
		add_option(&sample->extensions, "permit-pty", NULL);
		add_option(&sample->extensions, "teleport-roles", "{\"roles\":[\"a\"]}");
	}
	sample_pack(sample);
	length = ssh_certificate_write(&sample->facts, out, room);
	free(sample);
	return length;
}

const struct fuzz_target fuzz_target = { words, nodes, seed };

static void stamp(const uint8_t *bytes, size_t length, const struct facts *facts)
{
	static uint8_t stamped[FACTS_DOCUMENT_MAX], written[FACTS_DOCUMENT_MAX];
	struct facts again;

	memcpy(stamped, bytes, length);
	memset(stamped + facts->serial_at, 0xa5, 8);
	fuzz_require(!document_read(DOCUMENT_SSH_USER, stamped, length, &again));
	fuzz_require(again.serial == UINT64_C(0xa5a5a5a5a5a5a5a5));
	again.serial = facts->serial;
	fuzz_require(ssh_certificate_write(&again, written, sizeof(written)) == length);
	fuzz_require(memcmp(written, bytes, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static uint8_t again[FACTS_DOCUMENT_MAX];
	char text[RECORD_LINE_MAX];
	struct record_line line = { .out = text, .room = sizeof(text) };
	struct facts facts;

	if (document_read(DOCUMENT_SSH_USER, bytes, length, &facts))
		return 0;
	fuzz_accepted++;
	fuzz_require(
	    document_write(DOCUMENT_SSH_USER, &facts, again, sizeof(again)) == length);
	fuzz_require(memcmp(again, bytes, length) == 0);
	stamp(bytes, length, &facts);
	if (record_fits(DOCUMENT_SSH_USER, &facts)) {
		record_facts(&line, DOCUMENT_SSH_USER, &facts);
		fuzz_require(!line.failed);
	}
	return 0;
}
