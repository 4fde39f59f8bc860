/* privyseal backup: the private keys go out, so it is root's, on the record first, and
 * tried before it is called a backup. */
#include "cli/backup.h"
#include "cli/words.h"
#include "ipc/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum flag { FLAG_STATE, FLAG_RECORD, FLAGS };

static const struct words_flag flags[FLAGS] = {
	[FLAG_STATE] = { "--state-dir", ACT_ANY },
	[FLAG_RECORD] = { "--with-record", ACT_ANY | ALONE },
};

static const struct words_form form = { "backup", NULL, flags, FLAGS };

static bool fill(struct state_directory *from, struct state_directory *to,
    bool with_record, unsigned *segments)
{
	struct failure failure = { "" };

	if (!backup_keys(from, to) || (with_record && !backup_record(from, to, segments)))
		return false;
	/* Last: without it nothing is a backup. */
	if (state_write(&from->state, &to->root, &failure))
		return true;
	log_error("%s: %s", to->name, failure.text);
	return false;
}

static bool back_up(struct state_directory *from, const char *target, bool with_record,
    const char *runtime_directory)
{
	static struct state_directory to, again;
	unsigned segments = 0;
	uint32_t segment;
	bool made, good;

	/* The target first, so that what can't be done is not recorded as done. */
	made = state_directory_make(&to, target);
	good =
	    made &&
	    state_directory_act(from, runtime_directory, ADMIN_BACKUP, 0, "", &segment) &&
	    fill(from, &to, with_record, &segments);
	state_directory_close(&to);
	good = good && state_directory_open(&again, target) && backup_is_sound(&again);
	if (good)
		printf("%s: the state up to record %llu, %u segment%s of the record, and "
		       "the PRIVATE KEYS of the CAs: whoever reads it is the CA\n",
		    target, (unsigned long long)from->state.head_sequence, segments,
		    segments == 1 ? "" : "s");
	else if (made) /* else it is not ours: an earlier backup, perhaps */
		log_error("%s is no backup; remove it", target);
	return good;
}

enum exit_status command_backup(const struct arguments *arguments)
{
	static struct state_directory from;
	const char *target = NULL;
	struct words words = { .others = &target, .room = 1 };
	char message[MESSAGE_MAX];
	bool done;

	if (!words_read(
		&form, arguments->words, arguments->words_count, &words, message) ||
	    (!target && !words_wrong(&form, message, "backup", "needs a DIRECTORY"))) {
		log_error("%s", message);
		return EXIT_USAGE;
	}
	done = state_directory_open(&from,
		   words.value[FLAG_STATE] ? words.value[FLAG_STATE] : STATE_DIRECTORY) &&
	       back_up(&from, target, words.value[FLAG_RECORD] != NULL,
		   arguments->runtime_directory);
	state_directory_close(&from);
	return done ? EXIT_DONE : EXIT_REFUSED;
}
