/*
 * A frame: one message as it lies in one datagram of a seqpacket channel.
 *
 *   op u16 | reserved u16, zero | id u32 | length u32 | fields
 *
 * Numbers are big-endian; each field is a u32 length and that many bytes; length counts
 * what follows the header and must be all of it. This is the one place where what a peer
 * sent is measured; past frame_read() every field is known to lie inside the frame and
 * inside the bounds of its row in ops_table.
 *
 * No allocation, no I/O, no recursion: written to be proven.
 */
#ifndef IPC_FRAME_H
#define IPC_FRAME_H

#include "ipc/ops.h"

#include <stddef.h>
#include <string.h>

#define FRAME_HEADER 12
#define FRAME_MAX    (OP_DOCUMENT_MAX + 1024)

enum frame_fault {
	FRAME_GOOD,
	FRAME_EMPTY,	  /* a datagram without a byte */
	FRAME_TRUNCATED,  /* shorter than its header or its fields say */
	FRAME_OVERSIZED,  /* longer than FRAME_MAX */
	FRAME_LENGTH,	  /* the header's length is not the datagram's */
	FRAME_RESERVED,	  /* the reserved number is not zero */
	FRAME_UNKNOWN,	  /* no such op */
	FRAME_SENDER,	  /* an op of another party */
	FRAME_PHASE,	  /* an op that this phase does not permit */
	FRAME_REPEATED,	  /* a second one of an op that is permitted once */
	FRAME_FIELD,	  /* a field shorter or longer than its row permits */
	FRAME_TRAILING,	  /* bytes after the last field */
	FRAME_DESCRIPTORS /* not the number of descriptors that the row names */
};

/* What one end of a channel may still be sent. Starts as { .phase = PHASE_BOOT }. */
struct gate {
	enum phase phase;
	bool seen[OP_COUNT];
};

struct frame {
	enum op op;
	uint32_t id;	      /* chosen by who asks, echoed by who answers */
	const uint8_t *bytes; /* the datagram; the reader's buffer */
	uint32_t fields;
	uint32_t at[OP_FIELDS_MAX];	/* offset of each field's first byte */
	uint32_t length[OP_FIELDS_MAX]; /* in bytes */
};

/* A frame that was read: its fields lie inside the datagram. */
/*@ predicate field_readable{L}(uint8_t *bytes, integer at, integer length) =
      \valid_read(bytes + (at .. at + length - 1));
    predicate frame_whole{L}(struct frame *f) =
      f->fields <= OP_FIELDS_MAX &&
      (\forall integer i; 0 <= i < f->fields ==>
	field_readable(f->bytes, f->at[i], f->length[i]));
*/

/*
 * Reads one datagram that `from` sent, and marks the op as seen in `gate`. On any fault
 * `out` is left as it was. `descriptors` is how many came along.
 */
/*@ requires \valid_read(bytes + (0 .. length - 1));
    requires \valid(gate) && 0 <= gate->phase < PHASE_COUNT && \valid(out);
    requires \separated(gate, out);
    assigns gate->seen[0 .. OP_COUNT - 1], *out;
    ensures \result == FRAME_GOOD ==> frame_whole(out);
    ensures \result == FRAME_GOOD ==> out->bytes == bytes;
    ensures \result == FRAME_GOOD ==> OP_NONE < out->op < OP_COUNT;
    ensures \result == FRAME_GOOD ==> length <= FRAME_MAX;
    ensures \result == FRAME_GOOD ==> ops_table[out->op].from == from;
    ensures \result == FRAME_GOOD ==> ops_table[out->op].descriptors == descriptors;
    ensures \result == FRAME_GOOD ==>
      (\forall integer i; 0 <= i < out->fields ==>
	ops_table[out->op].fields[i].least <= out->length[i] <=
	ops_table[out->op].fields[i].most);
    ensures \result == FRAME_GOOD ==> gate->seen[out->op];
    ensures \result == FRAME_GOOD && ops_table[out->op].once ==>
      !\old(gate->seen)[out->op];
    ensures \result != FRAME_GOOD ==> gate->seen == \old(gate->seen);
    ensures \result != FRAME_GOOD ==> *out == \old(*out);
*/
enum frame_fault frame_read(const uint8_t *bytes, size_t length, enum party from,
    unsigned descriptors, struct gate *gate, struct frame *out);

/* A number field of a frame that was read; the row must declare it as 1, 4 or 8 bytes. */
/*@ requires \valid_read(frame) && frame_whole(frame);
    assigns \nothing;
*/
uint64_t frame_number(const struct frame *frame, unsigned field);
/* The field's bytes; a frame has no field beyond those of its row. */
/*@ requires \valid_read(frame) && frame_whole(frame);
    assigns \nothing;
    ensures field < frame->fields ==>
      \valid_read(\result + (0 .. frame->length[field] - 1));
    ensures field < frame->fields ==> \result == frame->bytes + frame->at[field];
*/
const uint8_t *frame_bytes(const struct frame *frame, unsigned field);
/*@ requires \valid_read(frame) && frame_whole(frame);
    assigns \nothing;
    ensures field < frame->fields ==> \result == frame->length[field];
    ensures field >= frame->fields ==> \result == 0;
*/
uint32_t frame_length(const struct frame *frame, unsigned field);
/* The field's bytes as a string in `out`, cut where there is no room. */
/*@ requires \valid_read(frame) && frame_whole(frame) && field < frame->fields;
    requires room > 0 && \valid(out + (0 .. room - 1));
    requires \separated(out + (0 .. room - 1), frame,
      frame->bytes + (frame->at[field] .. frame->at[field] + frame->length[field] - 1));
    assigns out[0 .. room - 1];
*/
void frame_text(const struct frame *frame, unsigned field, char *out, size_t room);

const char *frame_fault_text(enum frame_fault fault);

/*
 * Writing goes field by field into the caller's buffer and remembers failure, so that a
 * writer is a list of fields with one check at its end.
 */
struct frame_writer {
	uint8_t *out;
	size_t room;
	size_t length;
	enum op op;
	unsigned fields;
	bool failed;
};

/*@ predicate frame_writable{L}(struct frame_writer *w) =
      !w->failed ==> (FRAME_HEADER <= w->length <= w->room &&
	OP_NONE < w->op < OP_COUNT && w->fields <= OP_FIELDS_MAX &&
	\valid(w->out + (0 .. w->room - 1)));
*/

/*@ requires \valid(w) && \valid(out + (0 .. room - 1));
    requires \separated(w, out + (0 .. room - 1));
    assigns *w, out[0 .. 7];
    ensures frame_writable(w) && w->out == out && w->room == room;
    ensures w->length == FRAME_HEADER && w->fields == 0;
*/
void frame_begin(
    struct frame_writer *w, uint8_t *out, size_t room, enum op op, uint32_t id);
/*@ requires \valid(w) && frame_writable(w);
    requires \valid_read((const uint8_t *)bytes + (0 .. length - 1));
    requires \separated(w, w->out + (0 .. w->room - 1), (const uint8_t *)bytes + (0 ..
   length - 1)); assigns w->failed, w->length, w->fields, w->out[0 .. w->room - 1];
    ensures frame_writable(w) && (!w->failed ==> !\old(w->failed));
    ensures \old(w->length) <= w->length && \old(w->fields) <= w->fields;
*/
void frame_put(struct frame_writer *w, const void *bytes, size_t length);
/*@ requires \valid(w) && frame_writable(w) && valid_read_string(text);
    requires \separated(w, w->out + (0 .. w->room - 1), text + (0 .. strlen(text)));
    assigns w->failed, w->length, w->fields, w->out[0 .. w->room - 1];
    ensures frame_writable(w) && (!w->failed ==> !\old(w->failed));
    ensures \old(w->length) <= w->length && \old(w->fields) <= w->fields;
*/
void frame_put_text(
    struct frame_writer *w, const char *text); /* cut to the field's most */
/*@ requires \valid(w) && frame_writable(w);
    requires \separated(w, w->out + (0 .. w->room - 1));
    assigns w->failed, w->length, w->fields, w->out[0 .. w->room - 1];
    ensures frame_writable(w) && (!w->failed ==> !\old(w->failed));
    ensures \old(w->length) <= w->length && \old(w->fields) <= w->fields;
*/
void frame_put_u8(struct frame_writer *w, unsigned value);
/*@ requires \valid(w) && frame_writable(w);
    requires \separated(w, w->out + (0 .. w->room - 1));
    assigns w->failed, w->length, w->fields, w->out[0 .. w->room - 1];
    ensures frame_writable(w) && (!w->failed ==> !\old(w->failed));
    ensures \old(w->length) <= w->length && \old(w->fields) <= w->fields;
*/
void frame_put_u32(struct frame_writer *w, uint32_t value);
/*@ requires \valid(w) && frame_writable(w);
    requires \separated(w, w->out + (0 .. w->room - 1));
    assigns w->failed, w->length, w->fields, w->out[0 .. w->room - 1];
    ensures frame_writable(w) && (!w->failed ==> !\old(w->failed));
    ensures \old(w->length) <= w->length && \old(w->fields) <= w->fields;
*/
void frame_put_u64(struct frame_writer *w, uint64_t value);
/* The datagram's length; 0 if a field was missing, too many, or out of its row's bounds.
 */
/*@ requires \valid(w) && frame_writable(w);
    requires \separated(w, w->out + (0 .. w->room - 1));
    assigns w->out[8 .. 11];
    ensures \result == 0 || (!w->failed && \result == w->length <= w->room);
*/
size_t frame_end(struct frame_writer *w);

#endif
