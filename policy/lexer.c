/* Lines and words of lexer.h. */
#include "policy/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 64 /* bytes of a word that a message quotes */

static bool fail(struct lexer *lexer, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct lexer *lexer, size_t at, const char *format, ...)
{
	va_list arguments;

	if (lexer->error->text[0] != '\0') /* the first one is the cause */
		return false;
	lexer->error->line = lexer->number;
	lexer->error->column = (unsigned)at + 1;
	va_start(arguments, format);
	vsnprintf(lexer->error->text, sizeof(lexer->error->text), format, arguments);
	va_end(arguments);
	return false;
}

/* As messages show a word; a long one is cut. */
#define WORD_FORMAT "`%.*s%s`"
#define WORD(text, length)                                                               \
	(length) > SHOWN_MAX ? SHOWN_MAX : (int)(length), (text),                        \
	    (length) > SHOWN_MAX ? "..." : ""

void lexer_expected(struct lexer *lexer, const char *what)
{
	const struct token *token = &lexer->token;

	if (token->end)
		fail(lexer, token->column - 1, "the line ends here, expected %s", what);
	else
		fail(lexer, token->column - 1, WORD_FORMAT ": expected %s",
		    WORD(token->text, token->length), what);
}

void lexer_begin(
    struct lexer *lexer, const uint8_t *text, size_t length, struct policy_error *error)
{
	memset(lexer, 0, sizeof(*lexer));
	memset(error, 0, sizeof(*error));
	lexer->text = text;
	lexer->left = length;
	lexer->error = error;
}

/* UTF-8 without control characters other than tabs, so that what an auditor sees is what
 * is read. */
static bool line_is_text(struct lexer *lexer)
{
	uint32_t code_point;
	size_t at = 0, count;

	while (at < lexer->line_length) {
		count = text_character(
		    lexer->line + at, lexer->line_length - at, &code_point);
		if (count == 0)
			return fail(
			    lexer, at, "byte 0x%02x is not UTF-8", lexer->line[at]);
		if (text_is_control(code_point) && code_point != '\t')
			return fail(
			    lexer, at, "control character 0x%02x: remove it", code_point);
		at += count;
	}
	return true;
}

static bool next_line(struct lexer *lexer)
{
	const uint8_t *end = memchr(lexer->text, '\n', lexer->left);
	size_t length = end ? (size_t)(end - lexer->text) : lexer->left;

	lexer->number++;
	lexer->line = lexer->text;
	lexer->line_length = length;
	lexer->at = 0;
	lexer->text += end ? length + 1 : length;
	lexer->left -= end ? length + 1 : length;
	if (end && length > 0 && lexer->line[length - 1] == '\r')
		lexer->line_length--;
	if (lexer->number > POLICY_LINES_MAX)
		return fail(lexer, 0, "a policy has at most %d lines", POLICY_LINES_MAX);
	if (lexer->line_length > POLICY_LINE_MAX)
		return fail(lexer, POLICY_LINE_MAX, "a line has at most %d bytes",
		    POLICY_LINE_MAX);
	return line_is_text(lexer);
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

static bool take_plain(struct lexer *lexer)
{
	struct token *token = &lexer->token;

	for (; lexer->at < lexer->line_length; lexer->at++) {
		uint8_t byte = lexer->line[lexer->at];

		if (is_blank(byte))
			break;
		if (strchr("\"\\#", byte))
			return fail(lexer, lexer->at,
			    "`%c` inside a word: put the whole word in double quotes%s",
			    byte,
			    byte == '#' ? ", or a blank before a comment"
					: ", with \\ before it");
		token->text[token->length++] = (char)byte;
	}
	return true;
}

static bool take_quoted(struct lexer *lexer)
{
	struct token *token = &lexer->token;
	size_t start = lexer->at++;

	token->quoted = true;
	for (; lexer->at < lexer->line_length; lexer->at++) {
		const uint8_t *at = lexer->line + lexer->at;

		if (*at == '"') {
			lexer->at++;
			return lexer->at == lexer->line_length || is_blank(at[1]) ||
			       fail(lexer, lexer->at,
				   "expected a blank after the closing quote");
		}
		if (*at == '\\') {
			lexer->at++;
			if (lexer->at == lexer->line_length || !strchr("\"\\", *++at))
				return fail(lexer, lexer->at - 1,
				    "in quotes \\ stands before \\ or \" only");
		}
		token->text[token->length++] = (char)*at;
	}
	return fail(lexer, start,
	    WORD_FORMAT ": the quote that begins here has no end on this line",
	    WORD((const char *)lexer->line + start, lexer->line_length - start));
}

void lexer_word(struct lexer *lexer)
{
	struct token *token = &lexer->token;

	while (lexer->at < lexer->line_length && is_blank(lexer->line[lexer->at]))
		lexer->at++;
	token->length = 0;
	token->quoted = false;
	token->column = (unsigned)lexer->at + 1;
	token->end = lexer->at == lexer->line_length || lexer->line[lexer->at] == '#';
	if (!token->end &&
	    !(lexer->line[lexer->at] == '"' ? take_quoted(lexer) : take_plain(lexer))) {
		token->length = 0;
		token->end = true;
	}
	token->text[token->length] = '\0';
}

bool lexer_line(struct lexer *lexer)
{
	if (lexer->left == 0 || !next_line(lexer))
		return false;
	lexer_word(lexer);
	return true;
}
