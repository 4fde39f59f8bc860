/* Is what a worker has read in its config what this broker may work with? */
#ifndef BROKER_CONFIG_JUDGE_H
#define BROKER_CONFIG_JUDGE_H

#include "broker/broker.h"

/* Does the config that a worker read agree with the policy's pins, the state, and what
 * the generation's first worker read? Then which suite CA keys to come are of. */
bool config_judge(struct broker *broker, const struct channel *channel,
    const struct frame *frame, enum suite *suite, struct failure *failure);

#endif
