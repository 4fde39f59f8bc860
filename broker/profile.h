/*
 * The grammar of AWS's shared files (~/.aws/credentials, ~/.aws/config), as the SDKs read
 * it: sections, properties, continuation lines, nested properties, comments. Sections of
 * one name are merged, the last of two equal properties counts, and a section that is
 * not understood is passed over.
 *
 * Values are slices of the text. No allocation; each look-up reads the text once.
 */
#ifndef BROKER_PROFILE_H
#define BROKER_PROFILE_H

#include "policy/text.h"

struct profile_file {
	const char *text;
	size_t length;
	bool config; /* sections are `[profile NAME]` there, but for `[default]` */
};

enum profile_section { PROFILE_PROFILE, PROFILE_SSO_SESSION, PROFILE_SERVICES };

bool profile_exists(
    const struct profile_file *file, enum profile_section section, const char *name);

/* The property's value without blanks around it; with `inner` the property of that name
 * below it (`kms =` and an indented `endpoint_url = ...`). False when there is none. */
bool profile_get(const struct profile_file *file, enum profile_section section,
    const char *name, const char *property, const char *inner, struct slice *out);

/* The first line, from 1, that is no part of the grammar; 0 when there is none. */
unsigned profile_bad_line(const struct profile_file *file);

#endif
