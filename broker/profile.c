/* One pass over the lines answers each question; profile.h has the grammar. */
#include "broker/profile.h"

#include <string.h>

struct line {
	enum { LINE_NOTHING, LINE_SECTION, LINE_PROPERTY, LINE_INNER, LINE_BAD } kind;
	bool known; /* a section of a kind that we know */
	bool plain; /* [default] in a config file */
	enum profile_section section;
	struct slice name; /* of the section or property */
	struct slice value;
};

struct walk {
	const struct profile_file *file;
	size_t at;
	bool in_section;  /* a section that is understood has begun */
	bool in_property; /* a property has */
	bool nests;	  /* and its value is empty */
};

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

static bool is_comment(uint8_t byte)
{
	return byte == '#' || byte == ';';
}

static bool is_identifier(struct slice text)
{
	static const char others[] = "_-/.%@:+\\";
	size_t i;

	for (i = 0; i < text.length; i++) {
		const uint8_t byte = text.at[i];

		if (!(byte >= 'A' && byte <= 'Z') && !(byte >= 'a' && byte <= 'z') &&
		    !(byte >= '0' && byte <= '9') &&
		    !memchr(others, byte, sizeof others - 1))
			return false;
	}
	return text.length > 0;
}

static struct slice trim(struct slice text)
{
	while (text.length > 0 && is_blank(text.at[0])) {
		text.at++;
		text.length--;
	}
	while (text.length > 0 && is_blank(text.at[text.length - 1]))
		text.length--;
	return text;
}

/* On a property's line a comment needs a blank before it. */
static struct slice without_comment(struct slice text)
{
	size_t i;

	for (i = 0; i < text.length; i++)
		if (is_comment(text.at[i]) && (i == 0 || is_blank(text.at[i - 1])))
			text.length = i;
	return text;
}

static bool take_word(struct slice *text, const char *word)
{
	const size_t length = strlen(word);

	if (text->length <= length || memcmp(text->at, word, length) != 0 ||
	    !is_blank(text->at[length]))
		return false;
	text->at += length;
	text->length -= length;
	*text = trim(*text);
	return true;
}

/* What stands between the brackets. */
static void read_section(struct line *line, struct slice inside, bool config)
{
	line->section = PROFILE_PROFILE;
	line->name = trim(inside);
	if (config) {
		line->plain = slice_is(line->name, "default");
		if (take_word(&line->name, "sso-session"))
			line->section = PROFILE_SSO_SESSION;
		else if (take_word(&line->name, "services"))
			line->section = PROFILE_SERVICES;
		else if (!take_word(&line->name, "profile") && !line->plain)
			return;
	}
	line->known = is_identifier(line->name);
}

static struct line section_line(struct slice text, bool config)
{
	const uint8_t *close = memchr(text.at, ']', text.length);
	struct line line = { .kind = LINE_SECTION };
	struct slice rest;

	if (!close)
		return (struct line){ .kind = LINE_BAD };
	rest = (struct slice){ close + 1, (size_t)(text.at + text.length - close) - 1 };
	rest = trim(rest);
	if (rest.length > 0 && !is_comment(rest.at[0]))
		return (struct line){ .kind = LINE_BAD };
	read_section(
	    &line, (struct slice){ text.at + 1, (size_t)(close - text.at) - 1 }, config);
	return line;
}

static struct line property_line(struct slice text, bool inner)
{
	const uint8_t *equals = memchr(text.at, '=', text.length);
	struct line line = { .kind = inner ? LINE_INNER : LINE_PROPERTY };

	if (!equals)
		return (struct line){ .kind = LINE_BAD };
	line.name = trim((struct slice){ text.at, (size_t)(equals - text.at) });
	line.value =
	    (struct slice){ equals + 1, (size_t)(text.at + text.length - equals) - 1 };
	line.value = trim(inner ? line.value : without_comment(line.value));
	return is_identifier(line.name) ? line : (struct line){ .kind = LINE_BAD };
}

/* Without its end: LF or CRLF. */
static bool next_text(struct walk *walk, struct slice *text)
{
	const uint8_t *at = (const uint8_t *)walk->file->text + walk->at, *end;
	const size_t left = walk->file->length - walk->at;

	if (left == 0)
		return false;
	end = memchr(at, '\n', left);
	*text = (struct slice){ at, end ? (size_t)(end - at) : left };
	walk->at += text->length + (end != NULL);
	if (text->length > 0 && at[text->length - 1] == '\r')
		text->length--;
	return true;
}

static struct line read_line(const struct walk *walk, struct slice text)
{
	if (trim(text).length == 0 || is_comment(text.at[0]))
		return (struct line){ .kind = LINE_NOTHING };
	if (text.at[0] == '[')
		return section_line(text, walk->file->config);
	if (!is_blank(text.at[0]))
		return property_line(text, false);
	/* An indented line goes on with the property above it. */
	if (!walk->in_property)
		return (
		    struct line){ .kind = walk->in_section ? LINE_BAD : LINE_NOTHING };
	return walk->nests ? property_line(trim(text), true)
			   : (struct line){ .kind = LINE_NOTHING };
}

static bool next_line(struct walk *walk, struct line *line)
{
	struct slice text;

	if (!next_text(walk, &text))
		return false;
	*line = read_line(walk, text);
	if (line->kind == LINE_SECTION || (line->kind == LINE_BAD && text.at[0] == '[')) {
		walk->in_section = line->known;
		walk->in_property = false;
	} else if (line->kind == LINE_PROPERTY) {
		walk->in_property = true;
		walk->nests = line->value.length == 0;
	}
	return true;
}

/* `[profile default]` outranks `[default]`, which then counts for nothing. */
static bool has_long_default(const struct profile_file *file)
{
	struct walk walk = { .file = file };
	struct line line;

	while (file->config && next_line(&walk, &line))
		if (line.kind == LINE_SECTION && line.known && !line.plain &&
		    line.section == PROFILE_PROFILE && slice_is(line.name, "default"))
			return true;
	return false;
}

static bool is_section(const struct line *line, enum profile_section section,
    const char *name, bool long_default)
{
	return line->known && line->section == section && slice_is(line->name, name) &&
	       !(line->plain && long_default);
}

bool profile_exists(
    const struct profile_file *file, enum profile_section section, const char *name)
{
	const bool long_default = has_long_default(file);
	struct walk walk = { .file = file };
	struct line line;

	while (next_line(&walk, &line))
		if (line.kind == LINE_SECTION &&
		    is_section(&line, section, name, long_default))
			return true;
	return false;
}

bool profile_get(const struct profile_file *file, enum profile_section section,
    const char *name, const char *property, const char *inner, struct slice *out)
{
	const bool long_default = has_long_default(file);
	bool here = false, below = false, found = false;
	struct walk walk = { .file = file };
	struct line line;

	while (next_line(&walk, &line)) {
		if (line.kind == LINE_SECTION) {
			here = is_section(&line, section, name, long_default);
			below = false;
		} else if (here && line.kind == LINE_PROPERTY) {
			below = slice_is(line.name, property);
			if (below && !inner) {
				*out = line.value;
				found = true;
			}
		} else if (below && inner && line.kind == LINE_INNER &&
			   slice_is(line.name, inner)) {
			*out = line.value;
			found = true;
		} else if (line.kind == LINE_BAD && !walk.in_section) {
			here = below = false;
		}
	}
	return found;
}

unsigned profile_bad_line(const struct profile_file *file)
{
	struct walk walk = { .file = file };
	struct line line;
	unsigned number = 0;

	while (next_line(&walk, &line)) {
		number++;
		if (line.kind == LINE_BAD)
			return number;
	}
	return 0;
}
