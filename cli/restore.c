/* privyseal restore: a backup becomes a state directory that was none. All of it is tried
 * before a byte is written; the next start records where the chain was taken up. */
#include "cli/backup.h"
#include "cli/words.h"
#include "ipc/log.h"

#include <stdio.h>

enum flag { FLAG_STATE, FLAGS };

static const struct words_flag flags[FLAGS] = {
	[FLAG_STATE] = { "--state-dir", ACT_ANY },
};

static const struct words_form form = { "restore", NULL, flags, FLAGS };

static bool fill(const struct state_directory *from, struct state_directory *to)
{
	struct failure failure = { "" };
	unsigned segments = 0;

	to->state = from->state;
	to->state.restored = true;
	if (!state_directory_lock(to) || !backup_keys(from, to) ||
	    (backup_has_record(from) && !backup_record(from, to, &segments)))
		return false;
	if (!state_write(&to->state, &to->root, &failure)) {
		log_error("%s: %s", to->name, failure.text);
		return false;
	}
	printf("%s: cluster %s, as it was at record %llu, with %u segment%s of the "
	       "record; start privyseald, which records that it was restored\n",
	    to->name, to->state.cluster, (unsigned long long)to->state.head_sequence,
	    segments, segments == 1 ? "" : "s");
	return true;
}

enum exit_status command_restore(const struct arguments *arguments)
{
	static struct state_directory from, to;
	const char *source = NULL, *name;
	struct words words = { .others = &source, .room = 1 };
	char message[MESSAGE_MAX];
	bool done;

	if (!words_read(
		&form, arguments->words, arguments->words_count, &words, message) ||
	    (!source && !words_wrong(&form, message, "restore", "needs a DIRECTORY"))) {
		log_error("%s", message);
		return EXIT_USAGE;
	}
	name = words.value[FLAG_STATE] ? words.value[FLAG_STATE] : STATE_DIRECTORY;
	done = state_directory_open(&from, source) && backup_is_sound(&from) &&
	       state_directory_make(&to, name) && fill(&from, &to);
	state_directory_close(&to);
	state_directory_close(&from);
	return done ? EXIT_DONE : EXIT_REFUSED;
}
