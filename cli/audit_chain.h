/*
 * The chain of the record, line after line: each names the SHA-256 of the one before. Two
 * lines that do not join tell only that something is wrong between them; the line after
 * them tells which of the two it is, so a fault is settled one line late.
 */
#ifndef CLI_AUDIT_CHAIN_H
#define CLI_AUDIT_CHAIN_H

#include "policy/record.h"

#include <openssl/evp.h>
#include <time.h>

#define AUDIT_INSTANCE_TEXT 32

struct audit_place {
	const char *file; /* lives as long as the chain */
	uint64_t line;
};

struct audit_link {
	struct audit_place place;
	const char *problem; /* why it is no record; NULL: it is one */
	bool closes_torn;
	uint64_t sequence;
	char hash[RECORD_HASH_TEXT + 1]; /* of the line */
	char prev[RECORD_HASH_TEXT + 1]; /* what it says the hash of the one before is */
	char time[RECORD_TIME_TEXT];
	char instance[AUDIT_INSTANCE_TEXT + 1]; /* of a `start` */
	/* of a `prune` or `restore`: the last record that need not be here, and its hash
	 */
	bool restores;
	uint64_t cut;
	char cut_hash[RECORD_HASH_TEXT + 1];
};

struct audit_fault {
	struct audit_place place;
	uint64_t sequence;	 /* of the record that is missing or wrong */
	struct audit_place seam; /* the first line of a file, which does not join the
				  * file before: that is blamed; line 0: none */
	char text[256];
};

struct audit_chain {
	EVP_MD *sha256;
	EVP_MD_CTX *digest;
	/* it must begin with record 1, or with the one after a cut that is on record */
	bool whole;
	bool headed; /* what state.json says: it must reach ... */
	uint64_t head_sequence;
	char head_hash[RECORD_HASH_TEXT + 1]; /* ... this record, which has this hash */
	char instance[AUDIT_INSTANCE_TEXT +
		      1];	       /* whose record it is; empty: not known yet */
	struct audit_link first, last; /* first.sequence is 0 before there is one */
	struct audit_link suspect; /* does not join the last; its place has a line then */
	uint64_t torn;		   /* lines in the suspect's run that are no record */
	bool torn_first;  /* the first line was torn, so the first record's hash is its */
	uint64_t lacking; /* all up to this number are not here */
	struct audit_link cut;	    /* the record that tells so; cut.sequence 0: none */
	struct audit_link restored; /* the last that tells of a restore */
	uint64_t records, torn_lines;
	bool broken;
	struct audit_fault fault;
};

/* Before the process is sealed: OpenSSL looks for the digest. False: after a line. */
bool audit_chain_start(struct audit_chain *chain);
void audit_chain_free(struct audit_chain *chain);

/* The bytes of state.json; false: chain->fault says what is wrong with it. */
bool audit_chain_head(
    struct audit_chain *chain, const char *name, const char *text, size_t length);

/* False once the fault is settled. */
bool audit_chain_take(
    struct audit_chain *chain, struct audit_place place, const char *line, size_t length);
/* After the last line: false when the chain has a fault. */
bool audit_chain_end(struct audit_chain *chain, struct audit_place place);
/* A fault that the reader of the files has seen, where `place` is; always false. */
bool audit_chain_fault(struct audit_chain *chain, struct audit_place place,
    uint64_t sequence, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The number of the record that is due next. */
uint64_t audit_chain_due(const struct audit_chain *chain);

#endif
