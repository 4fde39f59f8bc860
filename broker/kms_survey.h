/*
 * A walk over every key of the account and region with its tags: pages of ListKeys, then
 * ListResourceTags of each key. IAM shows us only the cluster's own; keys that are gone
 * meanwhile are passed over.
 */
#ifndef BROKER_KMS_SURVEY_H
#define BROKER_KMS_SURVEY_H

#include "broker/aws.h"
#include "broker/kms.h"

/* Called for each key, with NULL for tags that we may not read, then `done` once:
 * `failure` is NULL when every key was seen. */
typedef void kms_seen(void *context, const char *arn, const struct kms_tags *tags);
typedef void kms_surveyed(void *context, const struct failure *failure);

/* `deadline_ns` of the boot clock is for all of it. False: it could not begin. */
bool kms_survey(struct aws *aws, uint64_t deadline_ns, kms_seen *seen, kms_surveyed *done,
    void *context);

#endif
