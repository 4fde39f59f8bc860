/* The command line of privyseald. */
#include "broker/supervisor/supervisor.h"

#include <getopt.h>

const char flags_help[] =
    "privyseald: signs certificates for an auth service; keys never leave the broker.\n\n"
    "  privyseald [flags]           serves RUNTIME/auth.sock until SIGTERM\n"
    "  privyseald --stdio [flags]   serves standard input and output until their end\n"
    "  privyseald --check [flags]   reads config and policy as a start would, and "
    "ends\n\n"
    "  --config FILE        /etc/privyseal/privyseal.yaml\n"
    "  --policy FILE        /etc/privyseal/policy.conf\n"
    "  --state-dir DIR      /var/lib/privyseal: keys and record, root's alone\n"
    "  --runtime-dir DIR    /run/privyseal: auth.sock and admin.sock\n"
    "  --user NAME          privyseal: the user that workers become\n"
    "  --log-level LEVEL    error, warning, notice, info (the default) or debug\n"
    "  --help, --version\n\n"
    "SIGHUP reloads config and policy, both or neither. Exit status: 0 stopped when\n"
    "asked, 1 it could not start or go on, 2 wrong usage.\n";

bool flags_read(int argc, char **argv, struct flags *out)
{
	char **const values[] = { &out->config, &out->policy, &out->state_directory,
		&out->runtime_directory, &out->user, &out->log_level };
	/* clang-format off */
	const struct option options[] = {
		{ "config", required_argument, NULL, 0 },
		{ "policy", required_argument, NULL, 1 },
		{ "state-dir", required_argument, NULL, 2 },
		{ "runtime-dir", required_argument, NULL, 3 },
		{ "user", required_argument, NULL, 4 },
		{ "log-level", required_argument, NULL, 5 },
		{ "stdio", no_argument, &out->terminal, true },
		{ "check", no_argument, &out->check, true },
		{ "help", no_argument, &out->help, true },
		{ "version", no_argument, &out->version, true },
		{ 0 }
	};
	/* clang-format on */
	const char *word;
	int option, at;

	*out = (struct flags){ "/etc/privyseal/privyseal.yaml",
		"/etc/privyseal/policy.conf", "/var/lib/privyseal", "/run/privyseal",
		"privyseal", "info", 0, 0, 0, 0 };
	opterr = 0; /* getopt's own messages would be no lines of the log */
	while (word = argv[optind > 0 ? optind : 1],
	    (option = getopt_long(argc, argv, "+:", options, &at)) != -1) {
		if (option == ':')
			return FAIL("%s needs a value", word);
		if (option == '?')
			return FAIL("%s: no such flag; see privyseald --help", word);
		if (!options[at].flag) {
			if (optarg[0] == '\0')
				return FAIL("--%s needs a value", options[at].name);
			*values[option] = optarg;
		}
	}
	if (optind < argc)
		return FAIL("%s: stray word; see privyseald --help", argv[optind]);
	if (log_level_named(out->log_level) < 0)
		return FAIL("--log-level %s: it is error, warning, notice, info or debug",
		    out->log_level);
	return !(out->check && out->terminal) ||
	       FAIL("--check and --stdio exclude each other");
}
