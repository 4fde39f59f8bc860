/* Reading and writing of frames; frame.h has the layout and the rules. */
#include "ipc/frame.h"

/*@ requires size <= 8 && \valid_read(p + (0 .. size - 1));
    assigns \nothing;
*/
static uint64_t get_number(const uint8_t *p, uint32_t size)
{
	uint64_t value = 0;
	uint32_t i;

	/*@ loop invariant i <= size;
	    loop invariant i == 0 ==> value == 0;
	    loop invariant i == 1 ==> value < 0x100;
	    loop invariant i == 2 ==> value < 0x10000;
	    loop invariant i == 3 ==> value < 0x1000000;
	    loop invariant i == 4 ==> value < 0x100000000;
	    loop invariant i == 5 ==> value < 0x10000000000;
	    loop invariant i == 6 ==> value < 0x1000000000000;
	    loop invariant i == 7 ==> value < 0x100000000000000;
	    loop assigns value, i;
	    loop variant size - i; */
	for (i = 0; i < size; i++)
		value = 256u * value + p[i];
	return value;
}

/*@ requires size <= 8 && \valid(p + (0 .. size - 1));
    assigns p[0 .. size - 1];
*/
static void put_number(uint8_t *p, size_t size, uint64_t value)
{
	/*@ loop invariant size <= \at(size, Pre);
	    loop assigns size, value, p[0 .. \at(size, Pre) - 1];
	    loop variant size; */
	for (; size > 0; value /= 256) {
		size--;
		p[size] = (uint8_t)(value % 256);
	}
}

/*@ requires \valid_read(p + (0 .. 3));
    assigns \nothing;
*/
static uint32_t get_u32(const uint8_t *p)
{
	return 16777216u * p[0] + 65536u * p[1] + 256u * p[2] + p[3];
}

/* A loop, which the compiler knows as memcpy and the prover without trust in one. */
/*@ requires \valid(to + (0 .. length - 1)) && \valid_read(from + (0 .. length - 1));
    requires \separated(to + (0 .. length - 1), from + (0 .. length - 1));
    assigns to[0 .. length - 1];
*/
static void copy(uint8_t *restrict to, const uint8_t *restrict from, size_t length)
{
	size_t i;

	/*@ loop invariant i <= length;
	    loop assigns i, to[0 .. length - 1];
	    loop variant length - i; */
	for (i = 0; i < length; i++)
		to[i] = from[i];
}

/* The header alone: is this op one that may come now, from this party? */
/*@ requires \valid_read(bytes + (0 .. length - 1));
    requires \valid_read(gate) && 0 <= gate->phase < PHASE_COUNT && \valid(op_out);
    requires \separated(op_out, gate);
    assigns *op_out;
    ensures \result == FRAME_GOOD ==> OP_NONE < *op_out < OP_COUNT;
    ensures \result == FRAME_GOOD ==> FRAME_HEADER <= length <= FRAME_MAX;
    ensures \result == FRAME_GOOD ==> ops_table[*op_out].from == from;
    ensures \result == FRAME_GOOD && ops_table[*op_out].once ==> !gate->seen[*op_out];
    ensures \result == FRAME_GOOD ==> ops_table[*op_out].descriptors == descriptors;
*/
static enum frame_fault check_header(const uint8_t *bytes, size_t length, enum party from,
    unsigned descriptors, const struct gate *gate, uint32_t *op_out)
{
	const struct op_row *row;
	uint32_t op;

	if (length == 0)
		return FRAME_EMPTY;
	if (length < FRAME_HEADER)
		return FRAME_TRUNCATED;
	if (length > FRAME_MAX)
		return FRAME_OVERSIZED;
	if (get_u32(bytes + 8) != length - FRAME_HEADER)
		return FRAME_LENGTH;
	if (bytes[2] != 0 || bytes[3] != 0)
		return FRAME_RESERVED;
	op = 256u * bytes[0] + bytes[1];
	if (op == OP_NONE || op >= OP_COUNT)
		return FRAME_UNKNOWN;
	row = &ops_table[op];
	if (row->from != from)
		return FRAME_SENDER;
	if ((row->phases >> gate->phase & 1u) == 0)
		return FRAME_PHASE;
	if (row->once && gate->seen[op])
		return FRAME_REPEATED;
	if (row->descriptors != descriptors)
		return FRAME_DESCRIPTORS;
	*op_out = op;
	return FRAME_GOOD;
}

enum frame_fault frame_read(const uint8_t *bytes, size_t length, enum party from,
    unsigned descriptors, struct gate *gate, struct frame *out)
{
	struct frame frame = { .op = OP_NONE };
	enum frame_fault fault;
	uint32_t op = OP_NONE, size;
	size_t at = FRAME_HEADER;
	unsigned i;

	fault = check_header(bytes, length, from, descriptors, gate, &op);
	if (fault != FRAME_GOOD)
		return fault;
	/*@ loop invariant i <= OP_FIELDS_MAX && FRAME_HEADER <= at <= length;
	    loop invariant \forall integer k; 0 <= k < i ==>
	      field_readable(bytes, frame.at[k], frame.length[k]);
	    loop invariant \forall integer k; 0 <= k < i ==>
	      ops_table[op].fields[k].least <= frame.length[k] <=
	      ops_table[op].fields[k].most;
	    loop assigns i, at, size, frame.at[0 .. OP_FIELDS_MAX - 1],
	      frame.length[0 .. OP_FIELDS_MAX - 1];
	    loop variant OP_FIELDS_MAX - i; */
	for (i = 0; i < OP_FIELDS_MAX && ops_table[op].fields[i].name; i++) {
		if (length - at < 4)
			return FRAME_TRUNCATED;
		size = get_u32(bytes + at);
		at += 4;
		if (size < ops_table[op].fields[i].least ||
		    size > ops_table[op].fields[i].most)
			return FRAME_FIELD;
		if (size > length - at)
			return FRAME_TRUNCATED;
		frame.at[i] = (uint32_t)at;
		frame.length[i] = size;
		at += size;
	}
	if (at != length)
		return FRAME_TRAILING;
	frame.op = (enum op)op;
	frame.id = get_u32(bytes + 4);
	frame.bytes = bytes;
	frame.fields = i;
	gate->seen[op] = true;
	*out = frame;
	/*@ assert out->bytes == bytes && out->fields == i; */
	/*@ assert \forall integer k; 0 <= k < OP_FIELDS_MAX ==>
	      out->at[k] == frame.at[k]; */
	/*@ assert \forall integer k; 0 <= k < OP_FIELDS_MAX ==>
	      out->length[k] == frame.length[k]; */
	return FRAME_GOOD;
}

uint64_t frame_number(const struct frame *frame, unsigned field)
{
	if (field >= frame->fields || frame->length[field] > 8)
		return 0;
	return get_number(frame->bytes + frame->at[field], frame->length[field]);
}

const uint8_t *frame_bytes(const struct frame *frame, unsigned field)
{
	return field < frame->fields ? frame->bytes + frame->at[field] : frame->bytes;
}

uint32_t frame_length(const struct frame *frame, unsigned field)
{
	return field < frame->fields ? frame->length[field] : 0;
}

void frame_text(const struct frame *frame, unsigned field, char *out, size_t room)
{
	size_t length = frame_length(frame, field);

	length = length < room ? length : room - 1;
	copy((uint8_t *)out, frame_bytes(frame, field), length);
	out[length] = '\0';
}

const char *frame_fault_text(enum frame_fault fault)
{
	static const char *const texts[] = {
		[FRAME_GOOD] = "good",
		[FRAME_EMPTY] = "empty frame",
		[FRAME_TRUNCATED] = "truncated frame",
		[FRAME_OVERSIZED] = "oversized frame",
		[FRAME_LENGTH] = "frame length is not the datagram's",
		[FRAME_RESERVED] = "reserved header bytes are set",
		[FRAME_UNKNOWN] = "unknown op",
		[FRAME_SENDER] = "op of another party",
		[FRAME_PHASE] = "op out of phase",
		[FRAME_REPEATED] = "op that is permitted once was repeated",
		[FRAME_FIELD] = "field outside its bounds",
		[FRAME_TRAILING] = "bytes after the last field",
		[FRAME_DESCRIPTORS] = "wrong number of descriptors",
	};

	return (unsigned)fault < sizeof texts / sizeof *texts ? texts[fault]
							      : "unknown fault";
}

void frame_begin(
    struct frame_writer *w, uint8_t *out, size_t room, enum op op, uint32_t id)
{
	*w = (struct frame_writer){
		.out = out, .room = room, .op = op, .length = FRAME_HEADER
	};
	w->failed = room < FRAME_HEADER || op == OP_NONE || op >= OP_COUNT;
	if (w->failed)
		return;
	put_number(out, 2, op);
	put_number(out + 2, 2, 0);
	put_number(out + 4, 4, id);
}

/* The row of the field that is written next; one without a name when there is none. */
/*@ requires \valid_read(w) && frame_writable(w);
    assigns \nothing;
    ensures \valid_read(\result);
    ensures w->failed || w->fields >= OP_FIELDS_MAX ==> \result->name == \null;
    ensures !w->failed && w->fields < OP_FIELDS_MAX ==>
      \result == &ops_table[w->op].fields[w->fields];
*/
static const struct op_field *next_field(const struct frame_writer *w)
{
	static const struct op_field none = { 0 };

	return w->failed || w->fields >= OP_FIELDS_MAX
		   ? &none
		   : &ops_table[w->op].fields[w->fields];
}

void frame_put(struct frame_writer *w, const void *bytes, size_t length)
{
	const struct op_field *field = next_field(w);

	w->failed = !field->name || length < field->least || length > field->most ||
		    w->room - w->length < 4 || length > w->room - w->length - 4;
	if (w->failed)
		return;
	put_number(w->out + w->length, 4, length);
	copy(w->out + w->length + 4, bytes, length);
	w->length += 4 + length;
	w->fields++;
}

void frame_put_text(struct frame_writer *w, const char *text)
{
	size_t length = strlen(text), most = next_field(w)->most;

	frame_put(w, text, length < most ? length : most);
}

/*@ requires \valid(w) && frame_writable(w) && size <= 8;
    requires \separated(w, w->out + (0 .. w->room - 1));
    assigns w->failed, w->length, w->fields, w->out[0 .. w->room - 1];
    ensures frame_writable(w) && (!w->failed ==> !\old(w->failed));
    ensures \old(w->length) <= w->length && \old(w->fields) <= w->fields;
*/
static void put(struct frame_writer *w, size_t size, uint64_t value)
{
	uint8_t bytes[8];

	put_number(bytes, size, value);
	frame_put(w, bytes, size);
}

void frame_put_u8(struct frame_writer *w, unsigned value)
{
	w->failed = w->failed || value > 255;
	put(w, 1, value);
}

void frame_put_u32(struct frame_writer *w, uint32_t value)
{
	put(w, 4, value);
}

void frame_put_u64(struct frame_writer *w, uint64_t value)
{
	put(w, 8, value);
}

size_t frame_end(struct frame_writer *w)
{
	if (w->failed || next_field(w)->name)
		return 0;
	put_number(w->out + 8, 4, w->length - FRAME_HEADER);
	return w->length;
}
