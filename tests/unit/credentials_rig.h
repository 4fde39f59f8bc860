/*
 * What tests of credentials share: an environment of variables, a directory of files,
 * and a clock that can be turned on.
 */
#ifndef TESTS_CREDENTIALS_RIG_H
#define TESTS_CREDENTIALS_RIG_H

#include "broker/clocks.h"
#include "broker/credentials.h"
#include "broker/secret_memory.h"
#include "broker/wiped_memory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
	char directory[64];
	struct aws_environment environment;
	struct credentials *credentials;
	struct failure failure;
	int64_t turned_on; /* seconds, of both clocks */
	int given;	   /* the directory of a file in /run */
} rig;

uint64_t clock_boot_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return ((uint64_t)t.tv_sec + (uint64_t)rig.turned_on) * SECOND_NS +
	       (uint64_t)t.tv_nsec;
}

int64_t clock_wall_seconds(void)
{
	return time(NULL) + rig.turned_on;
}

uint64_t clock_wall_us(void)
{
	return (uint64_t)clock_wall_seconds() * 1000000;
}

static const char *rig_path(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", rig.directory, name);
	return path;
}

/* In the home directory; by rename, as tools replace files. */
static inline void rig_write(const char *name, const char *text, mode_t mode)
{
	char fresh[256];
	int fd;

	snprintf(fresh, sizeof fresh, "%s/fresh", rig.directory);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	assert_int_equal(rename(fresh, rig_path(name)), 0);
}

static inline int rig_start(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof rig);
	rig.given = -1;
	strcpy(rig.directory, "/tmp/privyseal-credentials.XXXXXX");
	return mkdtemp(rig.directory) && mkdir(rig_path(".aws"), 0700) == 0 ? 0 : -1;
}

static inline void rig_stop_credentials(void)
{
	credentials_free(rig.credentials);
	rig.credentials = NULL;
	if (rig.environment.bytes)
		aws_environment_free(&rig.environment);
}

static inline int rig_end(void **state)
{
	static const char *const files[] = { ".aws/credentials", ".aws/config",
		".aws/link", "token", "fresh", ".aws" };
	size_t i;

	(void)state;
	rig_stop_credentials();
	for (i = 0; i < sizeof files / sizeof files[0]; i++)
		if (remove(rig_path(files[i])) != 0)
			continue;
	return rmdir(rig.directory);
}

/* Each of `variables` is NAME=VALUE; NULL ends them. */
static inline bool rig_look(const char *const *variables)
{
	const struct credentials_settings settings = { &rig.environment, rig.directory,
		NULL, { rig.given, -1, rig.given, rig.given } };
	int ends[2];

	rig_stop_credentials();
	assert_int_equal(pipe(ends), 0);
	for (; *variables; variables++)
		assert_true(write(ends[1], *variables, strlen(*variables) + 1) > 0);
	close(ends[1]);
	assert_true(aws_environment_take(&rig.environment, ends[0], &rig.failure));
	strcpy(rig.failure.text, "");
	rig.credentials = credentials_new(&settings, &rig.failure);
	return rig.credentials != NULL;
}

#define LOOK(...)   rig_look((const char *const[]){ __VA_ARGS__, NULL })
#define NO_METADATA "AWS_EC2_METADATA_DISABLED=true"

static inline void assert_said(const char *said, const char *part)
{
	if (!strstr(said, part))
		fail_msg("'%s' is not in '%s'", part, said);
}

static inline void assert_refused(const char *part)
{
	assert_null(rig.credentials);
	assert_said(rig.failure.text, part);
}

static inline void assert_uses(const char *id, const char *secret, const char *token)
{
	const struct aws_credentials *now = credentials_now(rig.credentials);

	if (!now)
		fail_msg("no credentials: %s", credentials_why(rig.credentials));
	assert_string_equal(now->access_key_id, id);
	assert_string_equal(now->secret, secret);
	assert_int_equal(token != NULL, now->token != NULL);
	if (token)
		assert_string_equal(now->token, token);
}

#endif
