/*
 * The record on disk: segments of JSON lines, each line with the SHA-256 of the one
 * before. Lines are appended to a buffer, and are durable after audit_log_commit(). An
 * error is final until restart: after a failed fsync the kernel may report success for
 * bytes that it has lost.
 */
#ifndef BROKER_AUDIT_LOG_H
#define BROKER_AUDIT_LOG_H

#include "broker/crypto.h"
#include "broker/files.h"
#include "broker/metrics.h"
#include "policy/record.h"

#define AUDIT_BUFFER	  ((size_t)256 * 1024)
#define AUDIT_SEGMENT_MAX ((uint64_t)64 << 20)

struct audit_log {
	const struct crypto *crypto;
	int fd;		   /* the segment; -1 before the first was handed over */
	uint32_t segment;  /* its number */
	uint32_t wanted;   /* the number of a segment that was asked for; 0: none */
	uint64_t size;	   /* of the segment */
	uint64_t sequence; /* of the last line, 0 before the first */
	uint64_t durable;  /* of the last line that is known to be on disk */
	char hash[SHA256_TEXT + 1]; /* of the last line */
	uint64_t latest; /* time of a line, the highest; microseconds since 1970 */
	uint64_t now;	 /* the time of the line being made */
	unsigned torn; /* lines at the end that a crash tore, and no start vouches for */
	bool unclosed; /* the last of them has no newline yet */
	bool failed;
	size_t buffered;
	struct record_line line; /* the line being made */
	char *text;		 /* its bytes */
	uint8_t *buffer;
	uint64_t written;	 /* bytes, since the start */
	struct histogram synced; /* what fdatasync took */
	const char *policy;	 /* the SHA-256 of the policy, in each line; hex */
};

/* A log without a segment: nothing is written, nothing is durable. */
bool audit_log_new(
    struct audit_log *log, const struct crypto *crypto, struct failure *failure);

/* Finds the last segment in STATE/audit. */
bool audit_log_find(
    struct audit_log *log, const struct directory *audit, struct failure *failure);

/* Reads where the chain ends. */
bool audit_log_tail(
    struct audit_log *log, const struct directory *audit, struct failure *failure);

/* Where no segment is, as after a restore: the chain goes on from a record elsewhere. */
void audit_log_resume(struct audit_log *log, uint64_t sequence, const char *hash);

/* The state keeps the head of the chain: is what is on disk at least as long? */
bool audit_log_reaches(const struct audit_log *log, uint64_t sequence, const char *hash,
    struct failure *failure);

/* Takes the segment `number`, an empty file or the last one that was found. Owns `fd`
 * when true. *torn: the next record must say that it follows a torn line. */
bool audit_log_segment(
    struct audit_log *log, int fd, uint32_t number, bool *torn, struct failure *failure);

/* Is it time for the next segment? Then its number, once; else 0. */
uint32_t audit_log_next(struct audit_log *log);

bool audit_log_open(const struct audit_log *log); /* a segment is there, nothing failed */

/* How far the wall clock is behind the latest line, in microseconds; 0: it is not. Of the
 * lines on disk at the start, those in the last 64 KiB count. */
uint64_t audit_log_clock_behind(const struct audit_log *log);

/* One line: begin, members with record_*(), end. Ending returns its sequence, or 0 when
 * it did not fit or can't be written. */
struct record_line *audit_log_begin(struct audit_log *log, const char *event);
uint64_t audit_log_end(struct audit_log *log);

/* All that was appended is on disk. False: final. */
bool audit_log_commit(struct audit_log *log);
bool audit_log_durable(const struct audit_log *log, uint64_t sequence);

void audit_log_free(struct audit_log *log);

#endif
