/* Reading of flags; told.h has them. */
#include "ipc/told.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

static bool read_number(const char *text, uint32_t *out)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	*out = (uint32_t)value;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
	       value < UINT32_MAX;
}

bool told_read(int argc, char **argv, struct told *out)
{
	enum { TEXT = 0x100, NUMBER = 0x200 };
	const char *level = "info";
	const char **const texts[] = { &out->probe, &out->metadata, &out->policy_name,
		&out->config_name, &out->socket, &level };
	uint32_t *const numbers[] = { &out->uid, &out->gid, &out->filters };
	const struct option options[] = {
		{ "probe", required_argument, NULL, TEXT + 0 },
		{ "metadata", required_argument, NULL, TEXT + 1 },
		{ "policy-name", required_argument, NULL, TEXT + 2 },
		{ "config-name", required_argument, NULL, TEXT + 3 },
		{ "socket", required_argument, NULL, TEXT + 4 },
		{ "log-level", required_argument, NULL, TEXT + 5 },
		{ "uid", required_argument, NULL, NUMBER + 0 },
		{ "gid", required_argument, NULL, NUMBER + 1 },
		{ "filters", required_argument, NULL, NUMBER + 2 },
		{ "networked", no_argument, &out->networked, true },
		{ "journal", no_argument, &out->journal, true },
		{ "terminal", no_argument, &out->terminal, true },
		{ "check", no_argument, &out->check, true },
		{ 0 },
	};
	int option, least;

	*out = (struct told){ .log_level = LOG_LEVEL_INFO };
	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == '?' ||
		    (option >= NUMBER && !read_number(optarg, numbers[option - NUMBER])))
			return false;
		if (option >= TEXT && option < NUMBER)
			*texts[option - TEXT] = optarg;
	}
	least = log_level_named(level);
	out->log_level = least < 0 ? LOG_LEVEL_INFO : (enum log_level)least;
	return least >= 0 && optind == argc;
}
