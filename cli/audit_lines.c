/* Lines out of files; audit_lines.h has the contract. */
#include "cli/audit_lines.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

/* A line is written at once; to see half of it is a matter of microseconds. */
#define WAIT_NS	   10000000
#define WAIT_TIMES 100

void audit_lines_open(struct audit_lines *lines, const struct audit_file *file, bool live)
{
	*lines = (struct audit_lines){ .file = file, .live = live, .left = file->size };
	if (lseek(file->fd, 0, SEEK_SET) != 0)
		lines->problem = "can't be read from its beginning";
}

void audit_lines_close(struct audit_lines *lines)
{
	if (lines->packed)
		inflateEnd(&lines->stream);
	lines->packed = false;
}

static bool broken(struct audit_lines *lines, const char *problem)
{
	lines->problem = problem;
	return false;
}

/* Decides by the first bytes what kind of file it is. */
static bool recognise(struct audit_lines *lines, size_t length)
{
	static const uint8_t gzip[] = { 0x1f, 0x8b }, zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };

	if (length >= sizeof zstd && memcmp(lines->raw, zstd, sizeof zstd) == 0)
		return broken(lines, "is compressed with zstd: unpack it, or use gzip");
	if (length < sizeof gzip || memcmp(lines->raw, gzip, sizeof gzip) != 0)
		return true;
	/* 16: a gzip header and trailer, RFC 1952 */
	if (inflateInit2(&lines->stream, 16 + MAX_WBITS) != Z_OK)
		return broken(lines, "can't be unpacked: out of memory");
	lines->packed = true;
	return true;
}

/* Bytes of the file as they are; 0 at its end, and when it is broken. */
static size_t fill_raw(struct audit_lines *lines)
{
	const bool first = lines->left == lines->file->size;
	size_t most = sizeof lines->raw;
	ssize_t n;

	if (lines->left == 0)
		return 0;
	most = lines->left < most ? (size_t)lines->left : most;
	n = read(lines->file->fd, lines->raw, most);
	if (n <= 0) {
		broken(lines, n < 0 ? "can't be read" : "became shorter as it was read");
		return 0;
	}
	lines->left -= (size_t)n;
	return !first || recognise(lines, (size_t)n) ? (size_t)n : 0;
}

/* The file was opened in the middle of a write, or a crash has torn its last line. */
static size_t await(struct audit_lines *lines)
{
	const struct timespec pause = { .tv_nsec = WAIT_NS };
	ssize_t n;
	int i;

	for (i = 0; i < WAIT_TIMES; i++) {
		n = read(lines->file->fd, lines->raw, sizeof lines->raw);
		if (n < 0)
			break;
		if (n > 0) {
			lines->beyond = true;
			return (size_t)n;
		}
		nanosleep(&pause, NULL);
	}
	return 0;
}

static bool fill_plain(struct audit_lines *lines, size_t n)
{
	if (n == 0 && lines->live && lines->length > 0)
		n = await(lines);
	lines->bytes = lines->raw;
	lines->filled = n;
	return n > 0;
}

/* One step of unpacking. A file that was made of several has several members, RFC 1952
 * 2.2. */
static bool unpack(struct audit_lines *lines)
{
	z_stream *stream = &lines->stream;
	int result;

	if (lines->member_ended)
		inflateReset(stream);
	lines->member_ended = false;
	stream->next_out = lines->unpacked;
	stream->avail_out = sizeof lines->unpacked;
	result = inflate(stream, Z_NO_FLUSH);
	lines->member_ended = result == Z_STREAM_END;
	/* Z_BUF_ERROR: it needs more input, no more than that. */
	if (result != Z_OK && result != Z_STREAM_END &&
	    (result != Z_BUF_ERROR || stream->avail_in > 0))
		return broken(lines, "is compressed, and damaged");
	lines->bytes = lines->unpacked;
	lines->filled = sizeof lines->unpacked - stream->avail_out;
	lines->total += lines->filled;
	return lines->total <= AUDIT_UNPACKED_MAX ||
	       broken(lines, "unpacks to more than a segment can be");
}

/* `n` raw bytes are new. */
static bool fill_unpacked(struct audit_lines *lines, size_t n)
{
	z_stream *stream = &lines->stream;

	do {
		/* With room left in the output, or at an end, zlib holds nothing back. */
		if (n == 0 && stream->avail_in == 0 &&
		    (stream->avail_out > 0 || lines->member_ended)) {
			n = fill_raw(lines);
			if (n == 0 && !lines->problem && !lines->member_ended)
				lines->problem = "is compressed, and cut short";
			if (n == 0)
				return false;
		}
		if (n > 0) {
			stream->next_in = lines->raw;
			stream->avail_in = (uInt)n;
			n = 0;
		}
		if (!unpack(lines))
			return false;
	} while (lines->filled == 0);
	return true;
}

static bool fill(struct audit_lines *lines)
{
	size_t n = lines->packed ? 0 : fill_raw(lines);

	lines->at = lines->filled = 0;
	if (lines->problem)
		return false;
	return lines->packed ? fill_unpacked(lines, n) : fill_plain(lines, n);
}

/* What is longer than any line is counted as one, and not kept. */
static void keep(struct audit_lines *lines, size_t length)
{
	size_t room = AUDIT_LINE_MAX - lines->length;

	length = length < room ? length : room;
	memcpy(lines->line + lines->length, lines->bytes + lines->at, length);
	lines->length += length;
}

enum audit_next audit_lines_next(struct audit_lines *lines)
{
	const uint8_t *newline = NULL;
	size_t length;

	/* Beyond what was there one line was finished, and no other begun. */
	if (lines->beyond)
		return AUDIT_END;
	lines->number++;
	lines->length = 0;
	while (!newline) {
		if (lines->at == lines->filled && !fill(lines))
			break;
		length = lines->filled - lines->at;
		newline = memchr(lines->bytes + lines->at, '\n', length);
		if (newline)
			length = (size_t)(newline - (lines->bytes + lines->at));
		keep(lines, length);
		lines->at += length + (newline ? 1 : 0);
	}
	if (lines->problem)
		return AUDIT_BROKEN;
	if (newline)
		return AUDIT_LINE;
	return lines->length > 0 ? AUDIT_UNFINISHED : AUDIT_END;
}
