/* words.h has the contract. */
#include "cli/words.h"

#include <stdio.h>
#include <string.h>

bool words_wrong(const struct words_form *form, char message[MESSAGE_MAX],
    const char *word, const char *why)
{
	snprintf(message, MESSAGE_MAX, "%s: %s; see privyseal %s --help", word, why,
	    form->command);
	return false;
}

static bool one_of(const struct words_form *form, char message[MESSAGE_MAX],
    const char *word, const char *why, const char *const *names, unsigned *which)
{
	char text[MESSAGE_MAX * 3 / 4];
	size_t length = (size_t)snprintf(text, sizeof text, "%s", why);

	for (*which = 0; names[*which]; (*which)++) {
		if (word && strcmp(word, names[*which]) == 0)
			return true;
		snprintf(text + length, sizeof text - length, " %s", names[*which]);
		length += strlen(text + length);
	}
	return words_wrong(form, message, word ? word : form->command, text);
}

static bool read_act(const struct words_form *form, const char *word, struct words *out,
    char message[MESSAGE_MAX])
{
	return one_of(form, message, word, word ? "is not one of" : "needs one of",
	    form->acts, &out->act);
}

bool words_ca(const struct words_form *form, char message[MESSAGE_MAX], const char *word,
    enum ca *out)
{
	const char *names[CA_COUNT + 1] = { NULL };
	unsigned which;

	for (which = 0; which < CA_COUNT; which++)
		names[which] = ca_name((enum ca)which);
	if (!one_of(form, message, word, "is no CA; they are", names, &which))
		return false;
	*out = (enum ca)which;
	return true;
}

bool words_document(const struct words_form *form, char message[MESSAGE_MAX],
    const char *word, enum document *out)
{
	const char *names[DOCUMENT_COUNT + 1] = { NULL };
	unsigned which;

	for (which = 0; which < DOCUMENT_COUNT; which++)
		names[which] = document_name((enum document)which);
	if (!one_of(
		form, message, word, "is no kind of document; they are", names, &which))
		return false;
	*out = (enum document)which;
	return true;
}

/* `next` is the word after; *used tells whether it was this flag's value. */
static bool read_flag(const struct words_form *form, const char *word, const char *next,
    bool *used, struct words *out, char message[MESSAGE_MAX])
{
	const char *value = NULL;
	char why[64];
	unsigned flag;

	for (flag = 0; flag < form->flags_count; flag++)
		if (flag_named(word, form->flags[flag].name, &value))
			break;
	if (flag == form->flags_count)
		return words_wrong(form, message, word, "no such flag");
	if ((form->flags[flag].acts & ACT(out->act)) == 0) {
		snprintf(why, sizeof why, "is no flag of %s %s", form->command,
		    form->acts[out->act]);
		return words_wrong(form, message, word, why);
	}
	if (form->flags[flag].acts & ALONE) {
		out->value[flag] = word;
		return !value || words_wrong(form, message, word, "takes no value");
	}
	*used = !value;
	out->value[flag] = value ? value : next;
	return (out->value[flag] && *out->value[flag]) ||
	       words_wrong(form, message, word, "needs a value");
}

bool words_read(const struct words_form *form, const char *const *said, unsigned count,
    struct words *out, char message[MESSAGE_MAX])
{
	bool used;
	unsigned i;

	*out = (struct words){ .others = out->others, .room = out->room };
	if (form->acts && !read_act(form, count > 0 ? said[0] : NULL, out, message))
		return false;
	for (i = form->acts ? 1 : 0; i < count; i += used ? 2 : 1) {
		used = false;
		if (said[i][0] == '-') {
			if (!read_flag(form, said[i], i + 1 < count ? said[i + 1] : NULL,
				&used, out, message))
				return false;
		} else if (out->count == out->room)
			return words_wrong(form, message, said[i],
			    out->room == 1 ? "one FILE is enough" : "too many words");
		else
			out->others[out->count++] = said[i];
	}
	return true;
}
