/*
 * ipc/frame.c: of any datagram in any phase, what is accepted lies inside it and its
 * row's bounds, and is written again as the same bytes; what is not leaves everything as
 * it was. An input is two bytes, of who sends in which phase, and the datagram.
 */
#include "tests/fuzz/fuzz.h"

#include "ipc/frame.h"

#include <string.h>

#define PREFIX 2

static const char *const words[] = { "\x01", "\xff\xff\xff\xff", "example.com", NULL };

static void nodes(const uint8_t *bytes, size_t length, struct fuzz_nodes *out)
{
	if (length < PREFIX + FRAME_HEADER)
		return;
	fuzz_node_add(out, FUZZ_HEAD_FRAME, PREFIX, PREFIX + FRAME_HEADER,
	    length - PREFIX - FRAME_HEADER, FUZZ_NODES_MAX);
	fuzz_string_nodes(bytes, PREFIX + FRAME_HEADER, length, out, 0);
}

/* Every op, its fields at their least and longer. */
static size_t seed(unsigned number, uint8_t *out, size_t room)
{
	enum op op = (enum op)(1 + number / 2);
	uint8_t zeros[64] = { 0 };
	struct frame_writer w;
	unsigned i, phase = 0;

	if (op >= OP_COUNT)
		return 0;
	while (phase < PHASE_COUNT - 1 && (ops_table[op].phases >> phase & 1) == 0)
		phase++;
	out[0] = (uint8_t)ops_table[op].from;
	out[1] = (uint8_t)phase;
	frame_begin(&w, out + PREFIX, room - PREFIX, op, number);
	for (i = 0; i < OP_FIELDS_MAX && ops_table[op].fields[i].name; i++) {
		const struct op_field *field = &ops_table[op].fields[i];
		uint32_t more =
		    number % 2 && field->least < 40 && field->most > field->least + 8 ? 8
										      : 0;

		frame_put(&w, zeros, field->least > 56 ? 56 : field->least + more);
	}
	return PREFIX + frame_end(&w);
}

const struct fuzz_target fuzz_target = { words, nodes, seed };

static void fields_lie_inside(const struct frame *frame, size_t length)
{
	const struct op_row *row = &ops_table[frame->op];
	uint32_t i;

	for (i = 0; i < frame->fields; i++) {
		fuzz_require(frame->at[i] <= length);
		fuzz_require(frame->length[i] <= length - frame->at[i]);
		fuzz_require(frame->length[i] >= row->fields[i].least);
		fuzz_require(frame->length[i] <= row->fields[i].most);
	}
	fuzz_require(i == OP_FIELDS_MAX || !row->fields[i].name);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static uint8_t again[FRAME_MAX];
	struct gate gate, before;
	struct frame frame, untouched;
	struct frame_writer w;
	enum party from;
	unsigned descriptors;
	uint32_t i;

	if (length < PREFIX)
		return 0;
	from = (enum party)(bytes[0] % (PARTY_ADMIN + 1));
	descriptors = bytes[0] / 64;
	gate = before = (struct gate){ .phase = (enum phase)(bytes[1] % PHASE_COUNT) };
	memset(&frame, 0x5a, sizeof(frame));
	untouched = frame;
	bytes += PREFIX;
	length -= PREFIX;
	if (frame_read(bytes, length, from, descriptors, &gate, &frame) != FRAME_GOOD) {
		fuzz_require(memcmp(&frame, &untouched, sizeof(frame)) == 0);
		fuzz_require(gate.phase == before.phase);
		return 0;
	}
	fuzz_accepted++;
	fuzz_require(ops_table[frame.op].from == from);
	fuzz_require((ops_table[frame.op].phases >> gate.phase & 1) != 0);
	fuzz_require(gate.seen[frame.op]);
	fields_lie_inside(&frame, length);
	frame_begin(&w, again, sizeof(again), frame.op, frame.id);
	for (i = 0; i < frame.fields; i++)
		frame_put(&w, frame_bytes(&frame, i), frame_length(&frame, i));
	fuzz_require(frame_end(&w) == length && memcmp(again, bytes, length) == 0);
	/* a second one, where only one may come */
	if (ops_table[frame.op].once)
		fuzz_require(frame_read(bytes, length, from, descriptors, &gate,
				 &frame) == FRAME_REPEATED);
	return 0;
}
