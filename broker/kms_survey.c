/* One page after another, and on each page one key after another; kms_survey.h. */
#include "broker/kms_survey.h"
#include "broker/kms_keystore.h"

#include <stdlib.h>
#include <string.h>

struct survey {
	struct aws *aws;
	uint64_t deadline_ns;
	kms_seen *seen;
	kms_surveyed *done;
	void *context;
	unsigned at; /* of the page's keys: whose tags are asked for */
	struct kms_tags tags;
	struct kms_list list;
	char arns[KMS_LIST_MAX][KMS_ARN_MAX + 1];
};

static void finish(struct survey *survey, const struct failure *failure)
{
	survey->done(survey->context, failure);
	free(survey);
}

static void fail(struct survey *survey, const char *why)
{
	struct failure failure;

	failure_say(&failure, "the account's keys can't be listed: %s", why);
	finish(survey, &failure);
}

static bool ask(
    struct survey *survey, const char *target, const char *body, aws_done *done)
{
	const struct aws_request how = { .deadline_ns = survey->deadline_ns };

	return kms_ask(survey->aws, how, target, body, done, survey);
}

static void next_page(struct survey *survey);
static void next_key(struct survey *survey);

static void on_tags(void *context, const struct aws_answer *answer)
{
	struct survey *survey = context;
	const bool denied = aws_error_denies(&answer->error);
	struct failure failure;

	if (answer->good &&
	    !kms_tags_read(answer->body, answer->length, &survey->tags, &failure)) {
		fail(survey, failure.text);
		return;
	}
	if (!answer->good && !denied &&
	    strcmp(answer->error.code, "NotFoundException") != 0) {
		fail(survey, answer->why);
		return;
	}
	if (denied || (answer->good && survey->tags.next[0] == '\0'))
		survey->seen(survey->context, survey->arns[survey->at],
		    denied ? NULL : &survey->tags);
	if (!answer->good || survey->tags.next[0] == '\0') {
		survey->at++;
		survey->tags.count = survey->tags.pages = 0;
		survey->tags.next[0] = '\0';
	}
	next_key(survey);
}

static void next_key(struct survey *survey)
{
	char body[KMS_MARKER_MAX + KMS_ARN_MAX + 64];

	if (survey->at == survey->list.count) {
		if (survey->list.next[0] == '\0')
			finish(survey, NULL);
		else
			next_page(survey);
		return;
	}
	if (!kms_tags_body(
		body, sizeof body, survey->arns[survey->at], survey->tags.next) ||
	    !ask(survey, KMS_TARGET("ListResourceTags"), body, on_tags))
		fail(survey, "too many calls are under way");
}

static void on_page(void *context, const struct aws_answer *answer)
{
	struct survey *survey = context;
	struct failure failure;

	if (!answer->good)
		fail(survey, answer->why);
	else if (!kms_list_read(answer->body, answer->length, &survey->list, &failure))
		fail(survey, failure.text);
	else {
		survey->at = 0;
		next_key(survey);
	}
}

static void next_page(struct survey *survey)
{
	char body[KMS_MARKER_MAX + 64];

	if (!kms_list_body(body, sizeof body, survey->list.next) ||
	    !ask(survey, KMS_TARGET("ListKeys"), body, on_page))
		fail(survey, "too many calls are under way");
}

bool kms_survey(struct aws *aws, uint64_t deadline_ns, kms_seen *seen, kms_surveyed *done,
    void *context)
{
	struct survey *survey = calloc(1, sizeof *survey);
	char body[64];

	if (!survey)
		return false;
	survey->aws = aws;
	survey->deadline_ns = deadline_ns;
	survey->seen = seen;
	survey->done = done;
	survey->context = context;
	survey->list.arn = survey->arns;
	if (kms_list_body(body, sizeof body, "") &&
	    ask(survey, KMS_TARGET("ListKeys"), body, on_page))
		return true;
	free(survey);
	return false;
}
