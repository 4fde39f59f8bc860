/*
 * Which keys AWS KMS has for the cluster, what each is to us, and the deletion of those
 * that nobody uses: only when root asks, never by itself (a cluster once lost all its
 * keys to a program that tidied up).
 *
 * A key is unused, and may be deleted, when all of this is so: it has all our tags and
 * the policy's, with this installation's instance; its nonce is one that state.json
 * knows, and not of a key that is being made; state.json names it nowhere; it is enabled
 * and five minutes old. Nothing at all is deleted when a CA's key was not seen, when
 * another instance has keys for the cluster, while keys are made, or when clocks differ.
 */
#ifndef BROKER_KMS_INVENTORY_H
#define BROKER_KMS_INVENTORY_H

#include "broker/keystore_aws_kms.h"

#include <cjson/cJSON.h>
#include <sys/types.h>

#define INVENTORY_MAX	  128 /* keys that are told of in one answer */
#define INVENTORY_SECONDS 150 /* for all of it */
#define INVENTORY_AGE	  300 /* seconds; a younger key may not be in the state yet */

struct broker;
struct kms_inventory;

struct inventory_request {
	const char *chosen; /* ARNs to be deleted, each with a newline; "": only look */
	uid_t uid;
	pid_t pid;
};

/* Called once, with a report that is freed afterwards:
 * {cluster, instance, other_instance, more, failure, missing: [ARN...],
 *  keys: [{key, ca, purpose, spec, state, created, use, outcome}]} */
typedef void inventory_done(struct broker *broker, const cJSON *report);

/* False, with `failure`: it did not begin; one runs already, or there is no AWS KMS. */
bool kms_inventory_start(struct broker *broker, const struct inventory_request *request,
    inventory_done *done, struct failure *failure);
void kms_inventory_free(struct kms_inventory *inventory);

#endif
