/*
 * The whole record verified for a command that may not seal itself, since it has files to
 * remove or write afterwards: a child of it does the reading, sealed, and hands back
 * where each file ends.
 */
#include "cli/audit.h"
#include "ipc/log.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct end {
	uint64_t last;
	char hash[RECORD_HASH_TEXT + 1], time[RECORD_TIME_TEXT];
};

static bool write_all(int fd, const void *bytes, size_t length)
{
	return write(fd, bytes, length) == (ssize_t)length;
}

static _Noreturn void verify(struct audit_files *files, int out)
{
	static struct audit_chain chain;
	struct end end;
	unsigned i;

	if (!audit_chain_start(&chain) || !seal_command())
		_exit(EXIT_REFUSED);
	if (!audit_verify(files, &chain)) {
		log_error("%s:%llu: record %llu %s", chain.fault.place.file,
		    (unsigned long long)chain.fault.place.line,
		    (unsigned long long)chain.fault.sequence, chain.fault.text);
		_exit(EXIT_REFUSED);
	}
	for (i = 0; i < files->count; i++) {
		end = (struct end){ .last = files->file[i].last };
		memcpy(end.hash, files->file[i].last_hash, sizeof end.hash);
		memcpy(end.time, files->file[i].last_time, sizeof end.time);
		if (!write_all(out, &end, sizeof end))
			_exit(EXIT_REFUSED);
	}
	_exit(EXIT_DONE);
}

/* The child has read what it read: its words are measured like anybody's. */
static bool read_ends(struct audit_files *files, int in)
{
	struct end end;
	unsigned i;

	for (i = 0; i < files->count; i++) {
		if (read(in, &end, sizeof end) != (ssize_t)sizeof end)
			return false;
		end.hash[sizeof end.hash - 1] = end.time[sizeof end.time - 1] = '\0';
		files->file[i].last = end.last;
		memcpy(files->file[i].last_hash, end.hash, sizeof end.hash);
		memcpy(files->file[i].last_time, end.time, sizeof end.time);
	}
	return true;
}

bool audit_survey(struct audit_files *files)
{
	int ends[2], status = 1;
	bool whole;
	pid_t child;

	if (pipe(ends) != 0) {
		log_error("pipe: %s", strerror(errno));
		return false;
	}
	child = fork();
	if (child == 0) {
		close(ends[0]);
		verify(files, ends[1]);
	}
	close(ends[1]);
	whole = child > 0 && read_ends(files, ends[0]);
	close(ends[0]);
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		whole = false;
	if (!whole)
		log_error("the record %s: nothing is done",
		    WIFEXITED(status) ? "is not whole" : "can't be read");
	return whole;
}
