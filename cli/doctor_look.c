/* What the kernel says of our processes, what it offers, and what it refuses a twin. */
#include "cli/doctor.h"
#include "cli/cli.h"
#include "confine/steps.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

cJSON *doctor_examination(void)
{
	cJSON *seen = cJSON_CreateObject();

	cJSON_AddArrayToObject(seen, "broken");
	return seen;
}

void doctor_broken(cJSON *seen, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	cJSON_AddItemToArray(
	    cJSON_GetObjectItemCaseSensitive(seen, "broken"), cJSON_CreateString(text));
}

static cJSON *add_object(cJSON *array)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddItemToArray(array, object);
	return object;
}

static bool role_named(const char *name, enum role *out)
{
	static const enum role roles[] = { ROLE_SUPERVISOR, ROLE_BROKER, ROLE_NETWORKED,
		ROLE_WORKER, ROLE_RESOLVER };
	size_t i;

	for (i = 0; name && i < sizeof roles / sizeof roles[0]; i++) {
		if (strcmp(name, role_name(roles[i])) == 0) {
			*out = roles[i];
			return true;
		}
	}
	return false;
}

static void add_finding(cJSON *seen, cJSON *process, const struct finding *finding)
{
	cJSON *object = add_object(cJSON_GetObjectItemCaseSensitive(process, "findings"));

	cJSON_AddStringToObject(object, "what", finding->what);
	cJSON_AddStringToObject(object, "promised", finding->promised);
	cJSON_AddStringToObject(object, "found", finding->found);
	cJSON_AddBoolToObject(object, "kept", finding->kept);
	if (!finding->kept)
		doctor_broken(seen, "%s (pid %d): %s: promised %s, the kernel says %s",
		    cJSON_GetStringValue(
			cJSON_GetObjectItemCaseSensitive(process, "role")),
		    cJSON_GetObjectItemCaseSensitive(process, "pid")->valueint,
		    finding->what, finding->promised, finding->found);
}

/* A filter of its own, beside those that the process inherits. */
static void judge_filters(struct finding *finding, unsigned promised)
{
	if (strcmp(finding->what, "Seccomp_filters") != 0)
		return;
	snprintf(finding->promised, sizeof finding->promised, "%u or more", promised);
	finding->kept = strtoul(finding->found, NULL, 10) >= promised;
}

static void look_at_process(cJSON *seen, enum role role, int pid, const char *socket,
    uid_t uid, gid_t gid, unsigned filters)
{
	struct finding findings[FINDINGS_MAX];
	cJSON *process = add_object(cJSON_GetObjectItemCaseSensitive(seen, "processes"));
	int i, count = doctor_examine(pid, role, uid, gid, findings);

	cJSON_AddStringToObject(process, "role", role_name(role));
	cJSON_AddNumberToObject(process, "pid", pid);
	if (socket)
		cJSON_AddStringToObject(process, "socket", socket);
	cJSON_AddArrayToObject(process, "findings");
	if (count < 0)
		doctor_broken(
		    seen, "%s (pid %d): there is no such process", role_name(role), pid);
	for (i = 0; i < count; i++) {
		judge_filters(&findings[i], filters);
		add_finding(seen, process, &findings[i]);
	}
}

static const char *text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static int number_of(const cJSON *object, const char *name)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(number) ? number->valueint : 0;
}

/* The value of a flag in the words of a command line, each ended by NUL. */
static const char *flag_value(const char *words, size_t length, const char *flag)
{
	const char *end = words + length, *word;

	for (word = words; word < end; word += strlen(word) + 1)
		if (strcmp(word, flag) == 0 && word + strlen(word) + 1 < end)
			return word + strlen(word) + 1;
	return NULL;
}

/* Whom workers must be, and how many filters they must have: what privyseald told the
 * broker at its start. */
static void workers_promise(int broker, uid_t *uid, gid_t *gid, unsigned *filters)
{
	char path[32], words[8192] = "";
	const char *user, *group, *count;
	ssize_t n;
	int fd;

	unprivileged_user(uid, gid);
	snprintf(path, sizeof path, "/proc/%d/cmdline", broker);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, words, sizeof words - 1);
	user = n > 0 ? flag_value(words, (size_t)n, "--worker-uid") : NULL;
	group = n > 0 ? flag_value(words, (size_t)n, "--worker-gid") : NULL;
	count = n > 0 ? flag_value(words, (size_t)n, "--worker-filters") : NULL;
	*filters = count ? (unsigned)strtoul(count, NULL, 10) : 2;
	if (user && group) {
		*uid = (uid_t)strtoul(user, NULL, 10);
		*gid = (gid_t)strtoul(group, NULL, 10);
	}
	if (fd >= 0)
		close(fd);
}

static void look_at_record(cJSON *seen, const cJSON *report)
{
	const cJSON *record = cJSON_GetObjectItemCaseSensitive(report, "record");

	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(record, "writable")))
		doctor_broken(seen, "the record can't be written, so nothing is signed: "
				    "see the log, make "
				    "room for it, and restart privyseald");
}

void doctor_look_at_processes(cJSON *seen, const cJSON *report)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(report, "processes"),
		    *process;
	uid_t uid;
	gid_t gid;

	look_at_record(seen, report);
	enum role role;
	unsigned filters;
	int broker = 0;

	cJSON_AddArrayToObject(seen, "processes");
	cJSON_ArrayForEach(process, list)
	{
		if (role_named(text_of(process, "role"), &role) && has_role("BN", role))
			broker = number_of(process, "pid");
	}
	workers_promise(broker, &uid, &gid, &filters);
	cJSON_ArrayForEach(process, list)
	{
		if (role_named(text_of(process, "role"), &role))
			look_at_process(seen, role, number_of(process, "pid"),
			    text_of(process, "socket"), has_role("WR", role) ? uid : 0,
			    has_role("WR", role) ? gid : 0,
			    role == ROLE_WORKER	    ? filters
			    : role == ROLE_RESOLVER ? filters - 1 /* before the
								     supervisor's */
						    : 1);
	}
	if (cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(seen, "processes")) == 0)
		doctor_broken(seen, "the broker's report names no process");
}

void doctor_look_at_credentials(cJSON *seen, cJSON *report)
{
	cJSON *credentials =
	    cJSON_DetachItemFromObjectCaseSensitive(report, "credentials");
	const char *why = text_of(credentials, "why");

	if (!credentials)
		return;
	cJSON_AddItemToObject(seen, "credentials", credentials);
	if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(credentials, "usable")))
		doctor_broken(seen, "the AWS credentials can't be used (%s): %s",
		    text_of(credentials, "state"), why ? why : "");
}

void doctor_look_at_features(cJSON *seen)
{
	uint32_t present = doctor_features();
	cJSON *features = cJSON_AddArrayToObject(seen, "features"), *object;
	int i;

	for (i = 0; i < FEATURE_COUNT; i++) {
		object = add_object(features);
		cJSON_AddStringToObject(
		    object, "name", doctor_feature_name((enum feature)i));
		cJSON_AddBoolToObject(object, "required", FEATURE_REQUIRED(i));
		cJSON_AddBoolToObject(object, "present", (present >> i & 1) != 0);
		if (FEATURE_REQUIRED(i) && (present >> i & 1) == 0)
			doctor_broken(seen, "this kernel lacks %s, which is required",
			    doctor_feature_name((enum feature)i));
	}
}

static const char *program_name(enum role role)
{
	switch (role) {
	case ROLE_SUPERVISOR:
		return "privyseald";
	case ROLE_BROKER:
	case ROLE_NETWORKED:
		return "privyseal-broker";
	case ROLE_RESOLVER:
		return "privyseal-resolver";
	case ROLE_WORKER:
		return "privyseal-worker";
	case ROLE_CLI:
	case ROLE_COUNT:
		break;
	}
	return "privyseal";
}

/* Beside this program, where the others are installed, and in the sbin next to our bin.
 */
static bool find_program(enum role role, char out[PATH_MAX])
{
	static const char *const places[] = { "", PRIVYSEAL_LIBEXECDIR, "/../sbin" };
	char own[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", own, sizeof own);
	size_t i;
	int length;

	while (n > 0 && own[n - 1] != '/')
		n--;
	for (i = 0; i < sizeof places / sizeof places[0] && n > 0; i++) {
		length = snprintf(out, PATH_MAX, "%.*s%s/%s", i == 1 ? 0 : (int)(n - 1),
		    own, places[i], program_name(role));
		if (length > 0 && length < PATH_MAX && access(out, X_OK) == 0)
			return true;
	}
	return false;
}

static void run_twin(
    cJSON *seen, const struct twin *twin, enum role role, uid_t uid, gid_t gid)
{
	cJSON *object = add_object(cJSON_GetObjectItemCaseSensitive(seen, "twins"));
	const char *expected =
	    twin->expected == 0 ? "killed" : strerrorname_np(twin->expected);
	char program[PATH_MAX], name[64], said[TWIN_SAID_MAX] = "";
	bool kept = false;

	snprintf(name, sizeof name, "%s-%s", role_name(role), twin->act);
	if (find_program(role, program))
		kept = confine_twin_run(twin, role, program, uid, gid, said);
	else
		snprintf(said, sizeof said, "%s is not installed", program_name(role));
	cJSON_AddStringToObject(object, "name", name);
	cJSON_AddStringToObject(object, "expected", expected);
	cJSON_AddStringToObject(object, "happened", said);
	cJSON_AddBoolToObject(object, "kept", kept);
	if (!kept)
		doctor_broken(seen, "%s: expected %s, but %s", name, expected, said);
}

void doctor_run_twins(cJSON *seen)
{
	uid_t uid;
	gid_t gid;
	unsigned i, role;

	unprivileged_user(&uid, &gid);
	cJSON_AddArrayToObject(seen, "twins");
	for (role = 0; role < ROLE_COUNT; role++)
		for (i = 0; i < confine_twins_count; i++)
			if (has_role(confine_twins[i].roles, (enum role)role))
				run_twin(
				    seen, &confine_twins[i], (enum role)role, uid, gid);
}
