/* Making and spending of approvals; approval.h has the promise. */
#include "broker/approval.h"
#include "broker/audit_log.h"

#include <string.h>

bool approval_make(struct approval *approval, const struct crypto *crypto,
    const struct decision *decision, const struct key *key, const uint8_t *bytes,
    size_t length)
{
	*approval = (struct approval){ .key = key, .bytes = bytes, .length = length };
	if (decision->verdict != VERDICT_PERMIT || !key || !bytes)
		return false;
	crypto_sha256(crypto, bytes, length, approval->digest);
	approval->permitted = true;
	return true;
}

bool approval_spend(struct approval *approval, const struct crypto *crypto,
    const struct audit_log *log, const struct key *key)
{
	uint8_t digest[SHA256_LENGTH];

	if (!approval->permitted || approval->spent || approval->key != key)
		return false;
	approval->spent = true;
	if (approval->sequence == 0 || !audit_log_durable(log, approval->sequence))
		return false;
	crypto_sha256(crypto, approval->bytes, approval->length, digest);
	return memcmp(digest, approval->digest, sizeof digest) == 0;
}
