/* Reading of /proc/PID/status, from texts that Linux writes and texts that it doesn't. */
#include "confine/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SEALED                                                                           \
	"Name:\tprivyseal-worke\nUmask:\t0077\nState:\tS "                               \
	"(sleeping)\nTgid:\t71\nPid:\t71\n"                                              \
	"PPid:\t70\nTracerPid:\t0\nUid:\t64123\t64123\t64123\t64123\n"                   \
	"Gid:\t64124\t64124\t64124\t64124\nFDSize:\t64\nGroups:\t \nNStgid:\t71\t1\n"    \
	"NSpid:\t71\t1\nVmPeak:\t    8000 kB\nThreads:\t1\nSigQ:\t0/96\n"                \
	"CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:"                  \
	"\t0000000000000000\n"                                                           \
	"CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n"         \
	"Seccomp:\t2\nSeccomp_filters:\t2\nCpus_allowed:\t3\n"

enum { USER = 64123, GROUP = 64124 };

static int read_text(const char *text, struct process_status *out)
{
	int fd = memfd_create("status", MFD_CLOEXEC), result;

	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	result = confine_status_read(fd, out);
	close(fd);
	return result;
}

/* The sealed worker's text with one line exchanged; the caller frees it. */
static char *with(const char *line, const char *instead)
{
	const char *at = strstr(SEALED, line), *rest = strchr(at, '\n');
	char *text = NULL;

	assert_true(
	    asprintf(&text, "%.*s%s%s", (int)(at - SEALED), SEALED, instead, rest) > 0);
	return text;
}

static unsigned line_named(const char *name)
{
	const struct process_status none = { 0 };
	unsigned line;

	for (line = 0; line < STATUS_LINES; line++)
		if (strcmp(status_promise(&none, line, ROLE_WORKER, USER, GROUP).line,
			name) == 0)
			return line;
	fail_msg("no line %s", name);
	return 0;
}

#define line_of(status, name) (&(status)->lines[line_named(name)])

static void reads_what_linux_writes_of_a_sealed_worker(void **state)
{
	struct process_status status;
	struct confine_error error;
	int i;

	(void)state;
	assert_int_equal(read_text(SEALED, &status), 0);
	for (i = 0; i < 4; i++) {
		assert_int_equal(line_of(&status, "Uid")->values[i], USER);
		assert_int_equal(line_of(&status, "Gid")->values[i], GROUP);
	}
	assert_int_equal(line_of(&status, "Groups")->count, 0);
	assert_int_equal(line_of(&status, "NSpid")->count, 2);
	assert_true(confine_status_check(&status, ROLE_WORKER, USER, GROUP, &error));
}

static void reads_large_sets_and_many_groups(void **state)
{
	struct process_status status;
	char *text = with("CapBnd:", "CapBnd:\tffffffffffffffff"), *more;

	(void)state;
	assert_int_equal(read_text(text, &status), 0);
	assert_true(line_of(&status, "CapBnd")->values[0] == UINT64_MAX);
	free(text);
	more = with("Groups:", "Groups:\t1 2 3 4 5 64000 ");
	assert_int_equal(read_text(more, &status), 0);
	assert_int_equal(line_of(&status, "Groups")->count, 6);
	free(more);
}

static void reads_the_status_of_this_process(void **state)
{
	struct process_status status;
	FILE *file = fopen("/proc/self/status", "re");

	(void)state;
	assert_non_null(file);
	assert_int_equal(confine_status_read(fileno(file), &status), 0);
	fclose(file);
	assert_int_equal(line_of(&status, "Uid")->values[0], getuid());
	assert_int_equal(line_of(&status, "Gid")->values[3], getegid());
	assert_true(line_of(&status, "Threads")->values[0] >= 1);
	assert_true(line_of(&status, "NSpid")->count >= 1);
}

static void refuses_text_that_linux_does_not_write(void **state)
{
	static const struct {
		const char *line, *instead;
	} wrong[] = {
		{ "Uid:", "Uid:\t64123\t64123\t64123" },
		{ "Uid:", "Uid:\t64123\t64123\t64123\t64123\t64123" },
		{ "Uid:", "Uid:\t64123\t64123\t64123\tx" },
		{ "Threads:", "Threads:\t-1" },
		{ "Threads:", "Threads:\t" },
		{ "Seccomp:", "Secomp:\t2" },
		{ "CapEff:", "CapEff:\t0 0" },
		{ "NSpid:", "NSpid:\t71\t1 z" },
		{ "TracerPid:", "Tracer:\t0" },
	};
	struct process_status status;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char *text = with(wrong[i].line, wrong[i].instead);

		assert_int_equal(read_text(text, &status), -1);
		free(text);
	}
	assert_int_equal(read_text("", &status), -1);
	assert_int_equal(read_text("Name:\tx\n", &status), -1);
	assert_int_equal(confine_status_read(-1, &status), -1);
}

static void names_the_first_line_that_differs(void **state)
{
	static const struct {
		const char *line, *instead, *said;
	} wrong[] = {
		{ "Uid:", "Uid:\t64123\t64123\t64123\t0",
		    "Uid of the worker is 0, where 64123 was promised" },
		{ "Uid:", "Uid:\t64123\t64123\t64123\t4295031419",
		    "Uid of the worker is 4295031419, where 64123 was promised" },
		{ "Gid:", "Gid:\t0\t64124\t64124\t64124",
		    "Gid of the worker is 0, where 64124 was promised" },
		{ "Groups:", "Groups:\t0 ",
		    "Groups of the worker is 1, where 0 was promised" },
		{ "CapInh:", "CapInh:\t1",
		    "CapInh of the worker is 0x1, where 0 was promised" },
		{ "CapPrm:", "CapPrm:\t200000",
		    "CapPrm of the worker is 0x200000, where 0 was promised" },
		{ "CapEff:", "CapEff:\t1ff",
		    "CapEff of the worker is 0x1ff, where 0 was promised" },
		{ "CapBnd:", "CapBnd:\t1",
		    "CapBnd of the worker is 0x1, where 0 was promised" },
		{ "CapAmb:", "CapAmb:\t1",
		    "CapAmb of the worker is 0x1, where 0 was promised" },
		{ "NoNewPrivs:", "NoNewPrivs:\t0",
		    "NoNewPrivs of the worker is 0, where 1 was promised" },
		{ "Seccomp:", "Seccomp:\t0",
		    "Seccomp of the worker is 0, where 2 was promised" },
		{ "Threads:", "Threads:\t2",
		    "Threads of the worker is 2, where 1 was promised" },
		{ "TracerPid:", "TracerPid:\t9",
		    "TracerPid of the worker is 9, where 0 was promised" },
		{ "NSpid:", "NSpid:\t71",
		    "NSpid of the worker is 1, where 2 was promised" },
	};
	struct process_status status;
	struct confine_error error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char *text = with(wrong[i].line, wrong[i].instead);

		assert_int_equal(read_text(text, &status), 0);
		assert_false(
		    confine_status_check(&status, ROLE_WORKER, USER, GROUP, &error));
		assert_string_equal(error.text, wrong[i].said);
		free(text);
	}
}

static void set(struct process_status *status, const char *name, uint64_t value)
{
	status->lines[line_named(name)] =
	    (struct status_line){ (unsigned)value, { value, value, value, value } };
}

static struct process_status sealed(void)
{
	struct process_status status = { 0 };

	set(&status, "NoNewPrivs", 1);
	set(&status, "Seccomp", 2);
	set(&status, "Seccomp_filters", 2);
	set(&status, "Threads", 1);
	set(&status, "NSpid", 1);
	return status;
}

static void broker_is_root_without_any_capability(void **state)
{
	struct process_status status = sealed();
	struct confine_error error;

	(void)state;
	set(&status, "Threads", 3); /* two of them sign */
	assert_true(confine_status_check(&status, ROLE_BROKER, USER, GROUP, &error));
	set(&status, "CapEff", 1);
	assert_false(confine_status_check(&status, ROLE_BROKER, USER, GROUP, &error));
	assert_string_equal(
	    error.text, "CapEff of the broker is 0x1, where 0 was promised");
}

static void supervisor_has_no_capability_but_those_that_starting_workers_takes(
    void **state)
{
	/* KILL, SETGID, SETUID, SETPCAP, LINUX_IMMUTABLE, SYS_ADMIN */
	const uint64_t most =
	    1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 9 | 1u << 21;
	struct process_status status = sealed();
	struct confine_error error;

	(void)state;
	set(&status, "CapPrm", most);
	set(&status, "CapEff", most);
	set(&status, "CapBnd", most);
	assert_true(confine_status_check(&status, ROLE_SUPERVISOR, 0, 0, &error));
	set(&status, "CapBnd", most | 1u << 16);
	assert_false(confine_status_check(&status, ROLE_SUPERVISOR, 0, 0, &error));
	assert_string_equal(error.text,
	    "CapBnd of the supervisor is 0x2103e0, where 0x2003e0 was promised");
	set(&status, "CapBnd", most);
	set(&status, "Groups", 1);
	assert_false(confine_status_check(&status, ROLE_SUPERVISOR, 0, 0, &error));
}

static void command_line_keeps_the_bounding_set_that_it_was_given(void **state)
{
	struct process_status status = sealed();
	struct confine_error error;

	(void)state;
	set(&status, "Uid", USER);
	set(&status, "Gid", GROUP);
	set(&status, "CapBnd", UINT64_MAX);
	assert_true(confine_status_check(&status, ROLE_CLI, USER, GROUP, &error));
	set(&status, "CapEff", 1);
	assert_false(confine_status_check(&status, ROLE_CLI, USER, GROUP, &error));
}

static void every_call_is_known_on_each_architecture_or_listed_as_lacking(void **state)
{
	(void)state;
	assert_null(filters_mistaken(SCMP_ARCH_X86_64));
	assert_null(filters_mistaken(SCMP_ARCH_AARCH64));
	/* 32-bit ARM has no arch_prctl, and nobody has listed that. */
	assert_non_null(filters_mistaken(SCMP_ARCH_ARM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_call_is_known_on_each_architecture_or_listed_as_lacking),
		cmocka_unit_test(reads_what_linux_writes_of_a_sealed_worker),
		cmocka_unit_test(reads_large_sets_and_many_groups),
		cmocka_unit_test(reads_the_status_of_this_process),
		cmocka_unit_test(refuses_text_that_linux_does_not_write),
		cmocka_unit_test(names_the_first_line_that_differs),
		cmocka_unit_test(broker_is_root_without_any_capability),
		cmocka_unit_test(
		    supervisor_has_no_capability_but_those_that_starting_workers_takes),
		cmocka_unit_test(command_line_keeps_the_bounding_set_that_it_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
