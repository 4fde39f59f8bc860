/* The chain and its faults; audit_chain.h has the contract. */
#include "cli/audit_chain.h"
#include "cli/audit_entry.h"
#include "ipc/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA256_LENGTH 32

bool audit_chain_start(struct audit_chain *chain)
{
	*chain = (struct audit_chain){ 0 };
	chain->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	chain->digest = EVP_MD_CTX_new();
	if (chain->sha256 && chain->digest)
		return true;
	log_error("OpenSSL has no SHA-256; is its configuration sound?");
	return false;
}

void audit_chain_free(struct audit_chain *chain)
{
	EVP_MD_CTX_free(chain->digest);
	EVP_MD_free(chain->sha256);
	*chain = (struct audit_chain){ 0 };
}

bool audit_chain_fault(struct audit_chain *chain, struct audit_place place,
    uint64_t sequence, const char *format, ...)
{
	va_list arguments;

	chain->broken = true;
	chain->fault.place = place;
	chain->fault.sequence = sequence;
	va_start(arguments, format);
	vsnprintf(chain->fault.text, sizeof chain->fault.text, format, arguments);
	va_end(arguments);
	return false;
}

uint64_t audit_chain_due(const struct audit_chain *chain)
{
	return chain->last.sequence + 1;
}

/* ---- what state.json knows ---- */

static bool read_head(struct audit_chain *chain, const cJSON *root)
{
	const cJSON *record = cJSON_GetObjectItemCaseSensitive(root, "record");
	const cJSON *sequence = cJSON_GetObjectItemCaseSensitive(record, "sequence");
	const char *hash =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(record, "hash"));
	const char *instance =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "instance"));

	if (!cJSON_IsNumber(sequence) || !(sequence->valuedouble >= 0) ||
	    sequence->valuedouble > 9e15 || !hash || strlen(hash) != RECORD_HASH_TEXT ||
	    !instance || strlen(instance) != AUDIT_INSTANCE_TEXT)
		return false;
	chain->head_sequence = (uint64_t)sequence->valuedouble;
	memcpy(chain->head_hash, hash, sizeof chain->head_hash);
	memcpy(chain->instance, instance, sizeof chain->instance);
	return true;
}

bool audit_chain_head(
    struct audit_chain *chain, const char *name, const char *text, size_t length)
{
	cJSON *root = cJSON_ParseWithLength(text, length);

	chain->whole = true;
	chain->headed = read_head(chain, root);
	cJSON_Delete(root);
	return chain->headed ||
	       audit_chain_fault(chain, (struct audit_place){ name, 1 }, 0,
		   "does not say how far the record reaches: restore it from the backup");
}

/* ---- one line ---- */

static void hash_line(struct audit_chain *chain, const char *line, size_t length,
    char out[RECORD_HASH_TEXT + 1])
{
	uint8_t hash[SHA256_LENGTH];
	unsigned i;

	/* Without a hash nothing can be said of any line. */
	if (!EVP_DigestInit_ex2(chain->digest, chain->sha256, NULL) ||
	    !EVP_DigestUpdate(chain->digest, line, length) ||
	    !EVP_DigestFinal_ex(chain->digest, hash, NULL))
		abort();
	for (i = 0; i < SHA256_LENGTH; i++)
		snprintf(out + 2 * (size_t)i, 3, "%02x", hash[i]);
}

/* What was before it was pruned, or is where the backup was taken. */
static void read_cut(struct audit_link *link, const struct audit_entry *entry)
{
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(entry->json, "last");
	const char *hash = audit_entry_text(entry, "hash");

	link->restores = strcmp(entry->event, "restore") == 0;
	if ((!link->restores && strcmp(entry->event, "prune") != 0) || !hash ||
	    !cJSON_IsNumber(last) || !(last->valuedouble >= 0) ||
	    !(last->valuedouble < (double)link->sequence))
		return;
	link->cut = (uint64_t)last->valuedouble;
	snprintf(link->cut_hash, sizeof link->cut_hash, "%s", hash);
}

static void read_link(struct audit_chain *chain, struct audit_link *link,
    struct audit_place place, const char *line, size_t length)
{
	struct audit_entry entry;
	const char *instance;

	*link = (struct audit_link){ .place = place };
	hash_line(chain, line, length, link->hash);
	link->problem = audit_entry_read(&entry, line, length);
	if (link->problem)
		return;
	link->sequence = entry.sequence;
	link->closes_torn = audit_entry_closes_torn(&entry);
	snprintf(link->prev, sizeof link->prev, "%s", entry.prev);
	snprintf(link->time, sizeof link->time, "%s", entry.time);
	instance = audit_entry_text(&entry, "instance");
	if (instance && strcmp(entry.event, "start") == 0)
		snprintf(link->instance, sizeof link->instance, "%s", instance);
	read_cut(link, &entry);
	audit_entry_free(&entry);
}

static bool names_none(const struct audit_link *link)
{
	return strspn(link->prev, "0") == RECORD_HASH_TEXT;
}

static bool begins(const struct audit_link *link)
{
	return link->sequence == 1 && names_none(link);
}

static bool names(const struct audit_link *link, const struct audit_link *before)
{
	return strcmp(link->prev, before->hash) == 0;
}

static bool follows(const struct audit_link *link, const struct audit_link *before)
{
	return !link->problem && link->sequence == before->sequence + 1 &&
	       names(link, before);
}

static bool joins(const struct audit_chain *chain, const struct audit_link *link)
{
	if (chain->last.sequence > 0)
		return follows(link, &chain->last);
	/* Whether it may begin later than with 1 is known at the end. */
	return !link->problem && (link->sequence == 1) == names_none(link);
}

/* The record that closes a torn line says so, and names the hash of its remains. */
static bool closes_torn(const struct audit_chain *chain, const struct audit_link *link)
{
	if (link->problem || !link->closes_torn || !names(link, &chain->suspect))
		return false;
	if (chain->last.sequence == 0)
		return link->sequence > chain->torn;
	return link->sequence == chain->last.sequence + chain->torn + 1;
}

/* Does the record tell that all is gone which lacks at the beginning? A pruning that was
 * interrupted has left more than it tells. */
static bool covers(const struct audit_chain *chain, const struct audit_link *link)
{
	return chain->lacking > 0 && link->cut >= chain->lacking &&
	       (link->cut > chain->lacking || chain->torn_first ||
		   strcmp(link->cut_hash, chain->first.prev) == 0);
}

static bool accept(struct audit_chain *chain, const struct audit_link *link)
{
	if (link->instance[0] && chain->instance[0] &&
	    strcmp(link->instance, chain->instance) != 0)
		return audit_chain_fault(chain, link->place, link->sequence,
		    "is the start of another installation, %s, not of %s", link->instance,
		    chain->instance);
	if (chain->headed && link->sequence == chain->head_sequence &&
	    strcmp(link->hash, chain->head_hash) != 0)
		return audit_chain_fault(chain, link->place, link->sequence,
		    "was changed: state.json has another hash for it");
	if (link->instance[0])
		memcpy(chain->instance, link->instance, sizeof chain->instance);
	if (chain->first.sequence == 0) {
		chain->first = *link;
		chain->lacking = link->sequence - 1 - chain->torn_lines;
		chain->torn_first = chain->torn_lines > 0;
	}
	if (link->restores)
		chain->restored = *link;
	if (covers(chain, link))
		chain->cut = *link;
	chain->last = *link;
	chain->records++;
	return true;
}

/* ---- faults: p, the last that joined; m, which does not join it; n, the next ---- */

static bool lacking(struct audit_chain *chain, const struct audit_link *m)
{
	uint64_t due = audit_chain_due(chain);

	if (m->sequence == due + 1)
		return audit_chain_fault(chain, m->place, due, "is missing here");
	return audit_chain_fault(chain, m->place, due,
	    "is missing here, with all up to record %llu",
	    (unsigned long long)m->sequence - 1);
}

/* m's number is right, its `prev` is not. Whoever changed m has also broken the join of m
 * and n. */
static bool changed(
    struct audit_chain *chain, const struct audit_link *m, const struct audit_link *n)
{
	const struct audit_link *p = &chain->last;
	bool next = n && !n->problem && n->sequence == m->sequence + 1;
	bool headed = chain->headed && chain->head_sequence == m->sequence;

	if (p->sequence == 0)
		return audit_chain_fault(chain, m->place, m->sequence,
		    "is the first, but names a hash of one before it");
	if ((next && !names(n, m)) || (headed && strcmp(chain->head_hash, m->hash) != 0))
		return audit_chain_fault(chain, m->place, m->sequence,
		    "was changed: neither the hash before it nor the one after it fits");
	chain->fault.seam = m->place.line == 1 ? m->place : (struct audit_place){ 0 };
	if (next || headed)
		return audit_chain_fault(chain, p->place, p->sequence,
		    "was changed: record %llu names another hash for it",
		    (unsigned long long)m->sequence);
	return audit_chain_fault(chain, p->place, p->sequence,
	    "was changed, or the `prev` of record %llu was",
	    (unsigned long long)m->sequence);
}

/* n goes on where p ended. */
static bool stray(
    struct audit_chain *chain, const struct audit_link *m, const struct audit_link *n)
{
	if (m->problem)
		return audit_chain_fault(chain, m->place, audit_chain_due(chain),
		    "is due here, and this line, which %s, was put in", m->problem);
	if (follows(&chain->last, m))
		return audit_chain_fault(chain, chain->last.place, chain->last.sequence,
		    "stands before record %llu: the two have changed places",
		    (unsigned long long)m->sequence);
	if (follows(m, n))
		return audit_chain_fault(chain, m->place, m->sequence,
		    "stands before record %llu: the two have changed places",
		    (unsigned long long)n->sequence);
	return audit_chain_fault(chain, m->place, m->sequence,
	    "was put in: record %llu, after it, joins the one before it",
	    (unsigned long long)n->sequence);
}

static bool early(
    struct audit_chain *chain, const struct audit_link *m, const struct audit_link *n)
{
	const struct audit_link *p = &chain->last;

	if (m->sequence == p->sequence && strcmp(m->prev, p->prev) == 0 && n &&
	    follows(n, m))
		return audit_chain_fault(chain, p->place, p->sequence,
		    "was put in: the next line is the record of this number that the "
		    "chain goes on from");
	return audit_chain_fault(chain, m->place, m->sequence,
	    "stands after record %llu: it is there twice, or out of order",
	    (unsigned long long)p->sequence);
}

static bool settle(struct audit_chain *chain, const struct audit_link *n)
{
	const struct audit_link *m = &chain->suspect;
	uint64_t due = audit_chain_due(chain);

	if (n && chain->last.sequence > 0 && joins(chain, n))
		return stray(chain, m, n);
	/* The first line of files from the middle has its number from the second. */
	if (m->problem && n && !n->problem && chain->last.sequence == 0 && !chain->whole)
		due = n->sequence - 1;
	if (m->problem)
		return audit_chain_fault(chain, m->place, due,
		    "is no record: the line %s, and no start after a crash follows",
		    m->problem);
	if (chain->last.sequence == 0 && names_none(m))
		return audit_chain_fault(chain, m->place, due,
		    "was changed: its number is %llu", (unsigned long long)m->sequence);
	if (chain->last.sequence > 0 && begins(m))
		return audit_chain_fault(chain, m->place, due,
		    "is missing: another record begins here, from 1");
	if (m->sequence == due)
		return changed(chain, m, n);
	if (chain->last.sequence > 0 && names(m, &chain->last))
		return audit_chain_fault(chain, m->place, due,
		    "was changed: its number is %llu", (unsigned long long)m->sequence);
	return m->sequence > due ? lacking(chain, m) : early(chain, m, n);
}

static bool take_after_suspect(struct audit_chain *chain, const struct audit_link *link)
{
	if (!chain->suspect.problem || !(link->problem || closes_torn(chain, link)))
		return settle(chain, link);
	if (link->problem) {
		/* A crash may tear the start after a crash. */
		memcpy(chain->suspect.hash, link->hash, sizeof link->hash);
		chain->torn++;
		return true;
	}
	/* Each line that is no record has taken a number. */
	chain->torn_lines += chain->torn;
	chain->suspect.place.line = 0;
	return accept(chain, link);
}

bool audit_chain_take(
    struct audit_chain *chain, struct audit_place place, const char *line, size_t length)
{
	struct audit_link link;

	if (chain->broken)
		return false;
	read_link(chain, &link, place, line, length);
	if (chain->suspect.place.line > 0)
		return take_after_suspect(chain, &link);
	if (joins(chain, &link))
		return accept(chain, &link);
	chain->suspect = link;
	chain->torn = 1;
	return true;
}

bool audit_chain_end(struct audit_chain *chain, struct audit_place place)
{
	if (chain->broken)
		return false;
	if (chain->suspect.place.line > 0)
		return settle(chain, NULL);
	if (chain->headed && chain->last.sequence < chain->head_sequence)
		return audit_chain_fault(chain, place, audit_chain_due(chain),
		    "is missing: the record was cut here, state.json knows of %llu",
		    (unsigned long long)chain->head_sequence);
	if (chain->records == 0)
		return audit_chain_fault(
		    chain, place, 1, "is missing: no record is here");
	if (chain->whole && chain->lacking > 0 && chain->cut.sequence == 0)
		return audit_chain_fault(chain, chain->first.place, 1,
		    "is missing here, with all up to record %llu, and no record tells of "
		    "a cut",
		    (unsigned long long)chain->lacking);
	return true;
}
