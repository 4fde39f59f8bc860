/* Root's way to the broker: its report, over the admin socket. */
#ifndef CLI_ADMIN_ASK_H
#define CLI_ADMIN_ASK_H

#include <cjson/cJSON.h>

/* What the broker says of itself; NULL when it can't be asked, after a line. */
cJSON *admin_ask(const char *runtime_directory);

#endif
