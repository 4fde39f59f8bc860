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
	enum {
		SWITCH,
		PROBE,
		METADATA,
		POLICY,
		CONFIG,
		SOCKET,
		LEVEL,
		UID,
		GID,
		FILTERS
	};
	const char *level = "info";
	const char **const texts[] = { [PROBE] = &out->probe,
		[METADATA] = &out->metadata,
		[POLICY] = &out->policy_name,
		[CONFIG] = &out->config_name,
		[SOCKET] = &out->socket,
		[LEVEL] = &level };
	uint32_t *const numbers[] = {
		[UID] = &out->uid, [GID] = &out->gid, [FILTERS] = &out->filters
	};
	const struct option options[] = {
		{ "probe", required_argument, NULL, PROBE },
		{ "metadata", required_argument, NULL, METADATA },
		{ "policy-name", required_argument, NULL, POLICY },
		{ "config-name", required_argument, NULL, CONFIG },
		{ "socket", required_argument, NULL, SOCKET },
		{ "log-level", required_argument, NULL, LEVEL },
		{ "uid", required_argument, NULL, UID },
		{ "gid", required_argument, NULL, GID },
		{ "filters", required_argument, NULL, FILTERS },
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
		    (option >= UID && !read_number(optarg, numbers[option])))
			return false;
		if (option > SWITCH && option < UID)
			*texts[option] = optarg;
	}
	least = log_level_named(level);
	out->log_level = least < 0 ? LOG_LEVEL_INFO : (enum log_level)least;
	return least >= 0 && optind == argc;
}
