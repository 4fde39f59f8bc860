/* The chain of records on disk; audit_log.h has the promises. */
#include "broker/audit_log.h"
#include "broker/clocks.h"
#include "ipc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAIL_MAX      ((size_t)4 * RECORD_LINE_MAX)
#define SEGMENTS_MAX  999999
#define SEQUENCE_WORD "{\"seq\":"
#define TIME_WORD     ",\"time\":\""
#define TIME_FORM     "%4u-%2u-%2uT%2u:%2u:%2u.%6uZ"

/* Appended behind what the caller wrote of a line: "policy":"...". */
#define LINE_RESERVE (SHA256_TEXT + 64)

static void segment_name(char out[32], uint32_t number)
{
	snprintf(out, 32, "audit-%06u.jsonl", number);
}

/* audit-NNNNNN.jsonl; 0 for every other name. */
static uint32_t segment_number(const char *name)
{
	char again[32];
	unsigned number;

	if (sscanf(name, "audit-%6u.jsonl", &number) != 1 || number > SEGMENTS_MAX)
		return 0;
	segment_name(again, number);
	return strcmp(again, name) == 0 ? number : 0;
}

bool audit_log_new(
    struct audit_log *log, const struct crypto *crypto, struct failure *failure)
{
	*log = (struct audit_log){ .crypto = crypto, .fd = -1, .policy = "" };
	memset(log->hash, '0', SHA256_TEXT);
	log->buffer = malloc(AUDIT_BUFFER);
	log->text = malloc(RECORD_LINE_MAX);
	return (log->buffer && log->text) || failure_say(failure, "out of memory");
}

static void find_last(void *context, const char *name)
{
	struct audit_log *log = context;
	const uint32_t number = segment_number(name);

	if (number > log->segment)
		log->segment = number;
}

bool audit_log_find(
    struct audit_log *log, const struct directory *audit, struct failure *failure)
{
	return directory_list(audit, find_last, log, failure);
}

/* The sequence number at the start of a line, as record_begin() writes it. */
static bool read_sequence(const char *line, size_t length, uint64_t *out)
{
	const size_t word = sizeof SEQUENCE_WORD - 1;
	uint64_t value = 0;
	size_t i;

	if (length < word || memcmp(line, SEQUENCE_WORD, word) != 0)
		return false;
	for (i = word; i < length && line[i] >= '0' && line[i] <= '9'; i++) {
		if (value > UINT64_MAX / 16)
			return false;
		value = value * 10 + (uint64_t)(line[i] - '0');
	}
	if (i == word || i == length || line[i] != ',' || value == 0)
		return false;
	*out = value;
	return true;
}

/* Microseconds since 1970 of what record_time() wrote; 0 when it is no such time. */
static uint64_t read_time(const char *text)
{
	unsigned year, month, day, hour, minute, second, fraction;
	uint64_t years, days;

	if (sscanf(text, TIME_FORM, &year, &month, &day, &hour, &minute, &second,
		&fraction) != 7 ||
	    year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
		return 0;
	/* Years begin in March here, so that the leap day is the last. */
	years = year - (month <= 2);
	days = years * 365 + years / 4 - years / 100 + years / 400 +
	       (153u * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1 - 719468;
	return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000000 + fraction;
}

/* The highest time of the whole lines in `text`. */
static uint64_t read_latest(const char *text, size_t length)
{
	const char *line = text, *end, *at;
	char time[RECORD_TIME_TEXT];
	uint64_t latest = 0, one;

	for (; (end = memchr(line, '\n', length - (size_t)(line - text))) != NULL;
	     line = end + 1) {
		at = memmem(line, (size_t)(end - line), TIME_WORD, sizeof TIME_WORD - 1);
		/* The word stands right behind the sequence, and never inside a value,
		 * where its quotes would be escaped. */
		if (!at || (size_t)(end - at) < sizeof TIME_WORD - 1 + sizeof time)
			continue;
		memcpy(time, at + sizeof TIME_WORD - 1, sizeof time - 1);
		time[sizeof time - 1] = '\0';
		one = read_time(time);
		if (one > latest)
			latest = one;
	}
	return latest;
}

static void hash_line(const struct audit_log *log, const char *line, size_t length,
    char out[SHA256_TEXT + 1])
{
	uint8_t digest[SHA256_LENGTH];

	crypto_sha256(log->crypto, line, length, digest);
	crypto_hex(out, digest, sizeof digest);
}

/* Where the line that ends before `end` starts. */
static size_t line_start(const char *text, size_t end)
{
	while (end > 0 && text[end - 1] != '\n')
		end--;
	return end;
}

/* Does the object that begins the line end where the line does? What is cut from its end
 * never does. */
static bool is_whole(const char *line, size_t length)
{
	bool quoted = false;
	unsigned depth = 0;
	size_t i;

	for (i = 0; i < length; i++) {
		if (quoted && line[i] == '\\')
			i++;
		else if (line[i] == '"')
			quoted = !quoted;
		else if (!quoted && (line[i] == '{' || line[i] == '['))
			depth++;
		else if (!quoted && (line[i] == '}' || line[i] == ']') &&
			 (depth == 0 || --depth == 0))
			return i + 1 == length;
	}
	return false;
}

/* What a crash leaves of a record begins as records do, or with zeros: a file may have
 * grown before its bytes came. */
static bool is_remains(const char *line, size_t length)
{
	size_t i;

	for (i = 0; i < length && i < sizeof SEQUENCE_WORD - 1; i++)
		if (line[i] != SEQUENCE_WORD[i] && line[i] != '\0')
			return false;
	return length > 0 && !is_whole(line, length);
}

/* `text` is the end of the segment; `whole` when it is all of it. Remains at its end are
 * counted: nothing was signed on the strength of them, but each has taken a number and a
 * place in the chain. */
static bool read_tail(struct audit_log *log, const char *text, size_t length, bool whole,
    const char *name, struct failure *failure)
{
	size_t end = length, start = line_start(text, end);

	log->unclosed = start < end;
	if (log->unclosed) {
		if (start == 0 && !whole)
			return failure_say(failure,
			    "audit/%s: its last line is longer than any "
			    "record; move the file aside and keep it",
			    name);
		log->torn = 1;
		hash_line(log, text + start, end - start, log->hash);
	}
	while (start > 0) {
		end = start - 1;
		start = line_start(text, end);
		if (log->torn == 0)
			hash_line(log, text + start, end - start, log->hash);
		if ((start > 0 || whole) && is_whole(text + start, end - start) &&
		    read_sequence(text + start, end - start, &log->sequence))
			return true;
		if ((start == 0 && !whole) || !is_remains(text + start, end - start))
			return failure_say(failure,
			    "audit/%s: its last whole line is no record; "
			    "`privyseal audit verify` says where it broke",
			    name);
		log->torn++;
	}
	return true;
}

static bool tail_of(struct audit_log *log, const struct directory *audit, uint32_t number,
    struct failure *failure)
{
	char name[32], *text = NULL;
	struct stat status;
	bool read = false;
	size_t length;
	ssize_t n;
	int fd;

	segment_name(name, number);
	fd = openat(audit->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		failure_say(
		    failure, "audit/%s: can't be read: %s", name, strerror(errno));
		goto out;
	}
	length = (uint64_t)status.st_size < TAIL_MAX ? (size_t)status.st_size : TAIL_MAX;
	text = malloc(TAIL_MAX);
	n = text ? pread(fd, text, length, status.st_size - (off_t)length) : -1;
	if (n != (ssize_t)length) {
		failure_say(
		    failure, "audit/%s: can't be read: %s", name, strerror(errno));
		goto out;
	}
	if (number == log->segment)
		log->size = (uint64_t)status.st_size;
	read =
	    read_tail(log, text, length, length == (size_t)status.st_size, name, failure);
	if (read_latest(text, length) > log->latest)
		log->latest = read_latest(text, length);
out:
	free(text);
	if (fd >= 0)
		close(fd);
	return read;
}

bool audit_log_tail(
    struct audit_log *log, const struct directory *audit, struct failure *failure)
{
	const uint32_t before = log->segment - 1;
	char hash[SHA256_TEXT + 1];
	unsigned torn;
	bool unclosed;

	if (log->segment == 0)
		return true;
	if (!tail_of(log, audit, log->segment, failure))
		return false;
	/* A segment without a record: the chain goes on from the one before. */
	if (log->sequence == 0 && before > 0) {
		memcpy(hash, log->hash, sizeof hash);
		torn = log->torn;
		unclosed = log->unclosed;
		log->torn = 0;
		if (!tail_of(log, audit, before, failure))
			return false;
		if (log->torn > 0 || log->sequence == 0)
			return failure_say(failure,
			    "audit: segment %u does not end with a record, and a later "
			    "one is there; restore it",
			    before);
		if (torn > 0)
			memcpy(log->hash, hash, sizeof hash);
		log->torn = torn;
		log->unclosed = unclosed;
	}
	log->sequence += log->torn;
	log->durable = log->sequence;
	return true;
}

void audit_log_resume(struct audit_log *log, uint64_t sequence, const char *hash)
{
	log->sequence = log->durable = sequence;
	memcpy(log->hash, hash, sizeof log->hash);
}

bool audit_log_reaches(const struct audit_log *log, uint64_t sequence, const char *hash,
    struct failure *failure)
{
	if (log->sequence < sequence)
		return failure_say(failure,
		    "the record ends at sequence %llu, but %llu was written: STATE/audit "
		    "was cut. "
		    "Restore it; or, to go on without, move STATE/audit aside and put "
		    "\"restored\": true in the place of \"checksum\" in state.json",
		    (unsigned long long)log->sequence, (unsigned long long)sequence);
	if (sequence > 0 && log->sequence == sequence && log->torn == 0 &&
	    strcmp(log->hash, hash) != 0)
		return failure_say(failure,
		    "record %llu is not the one that was written: STATE/audit was "
		    "changed. "
		    "Restore it, or ask `privyseal audit verify` where",
		    (unsigned long long)sequence);
	return true;
}

bool audit_log_segment(
    struct audit_log *log, int fd, uint32_t number, bool *torn, struct failure *failure)
{
	const bool first = log->fd < 0;
	const uint32_t expected = !first ? log->wanted : log->segment ? log->segment : 1;
	struct stat status;

	if (number == 0 || number != expected)
		return failure_say(
		    failure, "segment %u of the record came, not %u", number, expected);
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return failure_say(
		    failure, "segment %u of the record is no file", number);
	if ((uint64_t)status.st_size != (first ? log->size : 0))
		return failure_say(failure,
		    "segment %u of the record has %lld bytes, not the %llu "
		    "that were there",
		    number, (long long)status.st_size,
		    (unsigned long long)(first ? log->size : 0));
	if (!first) {
		if (!audit_log_commit(log))
			return failure_say(failure, "the record can't be written");
		close(log->fd);
		log->size = 0;
	}
	log->fd = fd;
	log->segment = number;
	log->wanted = 0;
	if (log->unclosed)
		log->buffer[log->buffered++] = '\n';
	*torn = log->torn > 0;
	log->unclosed = false;
	log->torn = 0;
	return true;
}

uint32_t audit_log_next(struct audit_log *log)
{
	if (log->fd < 0 || log->wanted != 0 || log->size < AUDIT_SEGMENT_MAX ||
	    log->segment >= SEGMENTS_MAX)
		return 0;
	log->wanted = log->segment + 1;
	return log->wanted;
}

bool audit_log_open(const struct audit_log *log)
{
	return log->fd >= 0 && !log->failed;
}

uint64_t audit_log_clock_behind(const struct audit_log *log)
{
	const uint64_t now = clock_wall_us();

	return log->latest > now ? log->latest - now : 0;
}

struct record_line *audit_log_begin(struct audit_log *log, const char *event)
{
	log->now = clock_wall_us();
	record_begin(&log->line, log->text, RECORD_LINE_MAX - LINE_RESERVE,
	    log->sequence + 1, log->now, log->hash, event);
	return &log->line;
}

static void fail(struct audit_log *log)
{
	if (!log->failed)
		log_error(
		    "the record can't be written (%s): nothing is signed any more; make "
		    "room or repair the disk, then restart",
		    strerror(errno));
	log->failed = true;
}

static bool write_buffer(struct audit_log *log)
{
	if (!file_write_all(log->fd, log->buffer, log->buffered)) {
		fail(log);
		return false;
	}
	log->size += log->buffered;
	log->written += log->buffered;
	log->buffered = 0;
	return true;
}

uint64_t audit_log_end(struct audit_log *log)
{
	size_t length;

	log->line.room += LINE_RESERVE;
	record_text(&log->line, "policy", log->policy);
	length = record_end(&log->line);
	if (length == 0 || !audit_log_open(log))
		return 0;
	if (length + 1 > AUDIT_BUFFER - log->buffered && !write_buffer(log))
		return 0;
	memcpy(log->buffer + log->buffered, log->text, length);
	log->buffer[log->buffered + length] = '\n';
	log->buffered += length + 1;
	hash_line(log, log->text, length, log->hash);
	log->sequence++;
	if (log->now > log->latest)
		log->latest = log->now;
	return log->sequence;
}

bool audit_log_commit(struct audit_log *log)
{
	uint64_t begun;

	if (!audit_log_open(log))
		return false;
	if (log->durable == log->sequence && log->buffered == 0)
		return true;
	if (!write_buffer(log))
		return false;
	begun = clock_boot_ns();
	if (fdatasync(log->fd) != 0) {
		fail(log);
		return false;
	}
	histogram_add(&log->synced, clock_boot_ns() - begun);
	log->durable = log->sequence;
	return true;
}

bool audit_log_durable(const struct audit_log *log, uint64_t sequence)
{
	return !log->failed && sequence != 0 && sequence <= log->durable;
}

void audit_log_free(struct audit_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	free(log->buffer);
	free(log->text);
	*log = (struct audit_log){ .fd = -1 };
}
