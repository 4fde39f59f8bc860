/* Root's way to the broker, over the admin socket: its report, and any other question. */
#ifndef CLI_ADMIN_ASK_H
#define CLI_ADMIN_ASK_H

#include "ipc/frame.h"

#include <cjson/cJSON.h>

/* What the broker says of itself (OP_ADMIN_STATUS), or of AWS credentials
 * (OP_ADMIN_CREDENTIALS); NULL when it can't be asked, after a line. */
cJSON *admin_ask(const char *runtime_directory, enum op question);

/* One question, a whole frame, and its answer, which lies in `bytes`. False: after a
 * line. */
bool admin_exchange(const char *runtime_directory, const uint8_t *question, size_t length,
    enum op expected, uint8_t bytes[FRAME_MAX + 1], struct frame *answer);

/* The same, with so many milliseconds for the answer. */
bool admin_exchange_within(int milliseconds, const char *runtime_directory,
    const uint8_t *question, size_t length, enum op expected,
    uint8_t bytes[FRAME_MAX + 1], struct frame *answer);

#endif
