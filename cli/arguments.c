/* The command line, and the table of commands. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#define CLIENT_HELP                                                                      \
	"  --client NAME        auth: the socket, of those that the policy has\n"

const struct command commands[] = {
	{ "pipe", command_pipe,
	    "joins standard input and output to the running privyseald",
	    "JSON-RPC 2.0, one object a line, goes from standard input to "
	    "RUNTIME/auth.sock, and\n"
	    "the answers to standard output. Ends with status 0 when the input has ended "
	    "and all\n"
	    "is answered, 1 when the worker at the other end dies.\n"
	    "\n" CLIENT_HELP,
	    false, false },
	{ "status", command_status,
	    "the cluster, its CA pins, and its authorities with their keys",
	    "Asks over RUNTIME/auth.sock. Ends with status 0 only when privyseald is "
	    "ready.\n"
	    "For root it has the broker's numbers too, asked over RUNTIME/admin.sock.\n"
	    "\n" CLIENT_HELP
	    "  --format prometheus  for root: these numbers alone, as Prometheus reads "
	    "them\n",
	    false, false },
	{ "credentials", command_credentials,
	    "the AWS credentials that the broker uses: where from, whose, until when",
	    "For root; asks over RUNTIME/admin.sock. What was looked for before is named "
	    "with\n"
	    "the reason why it was not taken. No secret is shown. Ends with status 0 "
	    "when "
	    "there\n"
	    "are some that can be used, or none are needed.\n",
	    false, false },
	{ "keys", command_keys,
	    "the cluster's keys in AWS KMS, and the deletion of unused ones",
	    "  keys list\n"
	    "      Each key with this cluster's tag, and what it is: in use, unused, "
	    "pending\n"
	    "      deletion, new, disabled, being made, another instance's, or not of "
	    "this\n"
	    "      state's making. Status 1 when a CA's key is not among them.\n"
	    "  keys delete-unused [--yes]\n"
	    "      Shows the unused keys; with --yes has AWS delete them in 7 days, one "
	    "by one\n"
	    "      until the first failure, each on the record before. Nothing is "
	    "deleted "
	    "when a\n"
	    "      CA's key is missing, or another privyseal has keys for the cluster.\n"
	    "\n"
	    "For root; the broker does it, asked over RUNTIME/admin.sock.\n",
	    false, true },
	{ "doctor", command_doctor,
	    "what each process promises, beside what the kernel says",
	    "For root. Ends with status 1 when a promise is broken.\n"
	    "\n"
	    "  --probe              tries each forbidden act in a sealed process of its "
	    "own; needs\n"
	    "                       no running privyseald\n",
	    true, false },
	{ "audit", command_audit, "the record: whether it is whole, and what it says",
	    "  audit verify [--state-dir DIR | FILE...]\n"
	    "      Each line is a record and names the hash of the one before, and the "
	    "last is\n"
	    "      the one that the state knows, or later. Else prints FILE:LINE, the "
	    "record's\n"
	    "      number and what is wrong, and ends with status 1. Of FILEs alone "
	    "nobody "
	    "can\n"
	    "      tell whether lines before the first or after the last are missing.\n"
	    "  audit show [--state-dir DIR | FILE...] [--event E] [--ca CA] [--document "
	    "D]\n"
	    "      [--client C] [--id ID] [--serial N] [--since TIME] [--until TIME] "
	    "[--last N]\n"
	    "      TIME: 2026-01-02T03:04:05Z, seconds since 1970, or how long ago (2h). "
	    "With\n"
	    "      --format json the lines are printed as they stand.\n"
	    "\n"
	    "  audit compress [--state-dir DIR]\n"
	    "      Closed segments become gzip files, each compared before the plain one "
	    "goes.\n"
	    "  audit prune --before TIME [--yes] [--state-dir DIR]\n"
	    "      Removes the oldest segments that end before TIME, after the record "
	    "says so;\n"
	    "      without --yes only shows which.\n"
	    "\n"
	    "verify and show need no running privyseald.\n"
	    "  --state-dir DIR      /var/lib/privyseal: where the record and the state "
	    "are\n",
	    false, true },
	{ "backup", command_backup,
	    "copies the state and the private keys into a directory",
	    "  backup [--state-dir DIR] [--with-record] DIRECTORY\n"
	    "      For root, beside a running privyseald or without. DIRECTORY is made, "
	    "or\n"
	    "      empty; it holds PRIVATE KEYS afterwards. The record tells of it "
	    "first.\n"
	    "\n"
	    "  --state-dir DIR      /var/lib/privyseal: what is copied\n"
	    "  --with-record        the record too; else only how far it reaches\n",
	    false, true },
	{ "restore", command_restore, "makes a state directory of a backup",
	    "  restore [--state-dir DIR] DIRECTORY\n"
	    "      For root. All of the backup is tried first: each key, the state, the "
	    "record.\n"
	    "      A state directory with something in it is left alone.\n"
	    "\n"
	    "  --state-dir DIR      /var/lib/privyseal: what is made\n",
	    false, true },
	{ "iam-policy", command_iam_policy,
	    "what the broker must be permitted at AWS, as an IAM policy",
	    "  iam-policy --cluster NAME [--tag NAME=VALUE]...\n"
	    "      A statement for each thing that it does: FindKeys, CreateKeys, "
	    "ReadTags,\n"
	    "      ReadStates, ReadPublicKeys, SignDigests, DeleteKeys. All but FindKeys "
	    "is\n"
	    "      limited to keys with these tags, and signing to digests.\n"
	    "\n"
	    "  --cluster NAME       as in the policy file: keys have the tag "
	    "TeleportCluster=NAME\n"
	    "  --tag NAME=VALUE     a tag that keys have by a `tag` line of the policy "
	    "file or by\n"
	    "                       the config; --tag TeleportCluster=VALUE where it is "
	    "not NAME\n"
	    "\n"
	    "Needs no running privyseald.\n",
	    false, true },
	{ "policy", command_policy,
	    "the policy file: what is wrong with it, what it says, what it would do",
	    "  policy check [FILE]\n"
	    "      Errors as FILE:LINE:COLUMN and status 1; else warnings and status 0.\n"
	    "  policy explain [FILE]\n"
	    "      Who may get what: pins, ceilings, a row for each rule; made for diff, "
	    "so\n"
	    "      the lines' numbers are in the JSON alone.\n"
	    "  policy test --ca CA --document TYPE [--client NAME] [--at TIME]\n"
	    "      [--issuer FILE] [--policy FILE] FILE\n"
	    "      Would the document in FILE be signed? Prints `permit FILE:LINE`, or\n"
	    "      `refuse RULE FACT VALUE` with status 1. FILE holds a certificate, or "
	    "what\n"
	    "      of it is to be signed: OpenSSH's as a line or as bytes, X.509's as "
	    "PEM or\n"
	    "      DER.\n"
	    "\n"
	    "  --client NAME        the socket that it comes in by; else the only one\n"
	    "  --at TIME            2026-01-02T03:04:05Z, or seconds since 1970; else "
	    "now\n"
	    "  --issuer FILE        the CA's SSH public key or X.509 certificate, for a\n"
	    "                       document made elsewhere: its serial is not judged, "
	    "and an\n"
	    "                       X.509 one as if it were spelt as ours (types of "
	    "strings,\n"
	    "                       order of extensions); else whom the document names "
	    "as its\n"
	    "                       signer counts as the CA, and these very bytes are "
	    "judged\n"
	    "  --policy FILE        else /etc/privyseal/policy.conf, as for the others\n"
	    "\n"
	    "Needs no running privyseald.\n",
	    false, true },
};
const unsigned commands_count = sizeof commands / sizeof commands[0];

bool flag_named(const char *word, const char *name, const char **value)
{
	size_t length = strlen(name);

	if (strncmp(word, name, length) != 0 ||
	    (word[length] != '\0' && word[length] != '='))
		return false;
	*value = word[length] == '=' ? word + length + 1 : NULL;
	return true;
}

static bool wrong(char message[MESSAGE_MAX], const char *word, const char *why)
{
	snprintf(message, MESSAGE_MAX, "%s: %s; see privyseal --help", word, why);
	return false;
}

static bool read_toggle(const char *word, struct arguments *out, bool *known)
{
	static const char *const names[] = { "--help", "--version", "--probe" };
	bool *const members[] = { &out->help, &out->version, &out->probe };
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(word, names[i]) == 0)
			return *known = *members[i] = true;
	return *known = false;
}

static bool keep_word(const char *word, struct arguments *out, char message[MESSAGE_MAX])
{
	if (out->words_count == WORDS_MAX)
		return wrong(message, word, "too many words");
	out->words[out->words_count++] = word;
	return true;
}

static const char *const valued[] = { "--format", "--runtime-dir", "--client" };
enum { FORMAT, RUNTIME_DIRECTORY, CLIENT, VALUED };

static bool take_value(
    unsigned flag, const char *value, struct arguments *out, char message[MESSAGE_MAX])
{
	if (flag == RUNTIME_DIRECTORY) {
		out->runtime_directory = value;
		return true;
	}
	if (flag == CLIENT) {
		out->client = value;
		return !strchr(value, '/') ||
		       wrong(message, value, "is no socket's name");
	}
	out->json = strcmp(value, "json") == 0;
	out->prometheus = strcmp(value, "prometheus") == 0;
	return out->json || out->prometheus || strcmp(value, "text") == 0 ||
	       wrong(message, value, "--format is text or json");
}

/* Commands that read their own words have a --client of their own. `next` is the word
 * after; *used tells whether it was this flag's value. */
static bool read_valued(const char *word, const char *next, bool *used,
    struct arguments *out, char message[MESSAGE_MAX])
{
	bool own = out->command && out->command->takes_words;
	const char *value;
	unsigned flag = 0;

	while (flag < VALUED && !flag_named(word, valued[flag], &value))
		flag++;
	if (own && (flag == VALUED || flag == CLIENT))
		return keep_word(word, out, message);
	if (flag == VALUED)
		return wrong(message, word, "no such flag");
	*used = !value;
	if (!value)
		value = next;
	if (!value || value[0] == '\0')
		return wrong(message, word, "needs a value");
	return take_value(flag, value, out, message);
}

static bool read_command(
    const char *word, struct arguments *out, char message[MESSAGE_MAX])
{
	unsigned i;

	if (out->command && out->command->takes_words)
		return keep_word(word, out, message);
	if (out->command)
		return wrong(message, word, "stray word");
	for (i = 0; i < commands_count; i++)
		if (strcmp(word, commands[i].name) == 0)
			out->command = &commands[i];
	return out->command || wrong(message, word, "no such command");
}

bool arguments_read(
    int argc, char *const *argv, struct arguments *out, char message[MESSAGE_MAX])
{
	bool used, known;
	int i;

	*out = (struct arguments){ .runtime_directory = "/run/privyseal" };
	for (i = 1; i < argc; i++) {
		used = false;
		if (argv[i][0] != '-') {
			if (!read_command(argv[i], out, message))
				return false;
		} else if (!read_toggle(argv[i], out, &known) &&
			   !read_valued(argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used,
			       out, message)) {
			return false;
		}
		i += used ? 1 : 0;
	}
	if (out->help || out->version)
		return true;
	if (!out->command)
		return wrong(message, "privyseal", "needs a command");
	if (out->probe && !out->command->takes_probe)
		return wrong(message, "--probe", "is doctor's alone");
	if (out->prometheus && out->command->run != command_status)
		return wrong(message, "prometheus", "is a format of status alone");
	if (out->client && out->command->run != command_status &&
	    out->command->run != command_pipe)
		return wrong(message, "--client", "is no flag of this command, or stands before its name");
	if (!out->client)
		out->client = "auth";
	return true;
}

void help_print(const struct command *command)
{
	unsigned i;

	if (command) {
		printf("privyseal %s: %s.\n\n%s", command->name, command->summary,
		    command->help);
	} else {
		printf(
		    "privyseal: asks a running privyseald, and looks after its policy, "
		    "record and state.\n\n");
		for (i = 0; i < commands_count; i++)
			printf("  privyseal %-11s %s\n", commands[i].name,
			    commands[i].summary);
	}
	printf(
	    "\n  --runtime-dir DIR    /run/privyseal: where the running privyseald is\n"
	    "  --format text|json   text for people, json for programs\n"
	    "  --help, --version\n"
	    "\nExit status: 0 done, 1 refused or failed, 2 wrong usage.\n");
}
