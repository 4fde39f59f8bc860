/* Frames against the whole of ops_table: what its rows permit passes, all else is a
 * fault. */
#include "ipc/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define FIRST ((enum op)(OP_NONE + 1))

static uint8_t bytes[2 * FRAME_MAX], filler[2 * FRAME_MAX];

static enum op next(enum op op)
{
	return (enum op)(op + 1);
}

static unsigned fields_of(enum op op)
{
	unsigned n = 0;

	while (n < OP_FIELDS_MAX && ops_table[op].fields[n].name)
		n++;
	return n;
}

static enum phase phase_of(enum op op)
{
	enum phase phase = PHASE_BOOT;

	while ((ops_table[op].phases & 1u << phase) == 0)
		phase = (enum phase)(phase + 1);
	return phase;
}

static void put32(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 24 & 0xff);
	at[1] = (uint8_t)(value >> 16 & 0xff);
	at[2] = (uint8_t)(value >> 8 & 0xff);
	at[3] = (uint8_t)(value & 0xff);
}

/* A frame as the layout in frame.h says it, made without the code that is under test.
 * Field `odd` gets `size` bytes, the others the least that they may have. */
static size_t make(enum op op, unsigned odd, size_t size)
{
	size_t length = FRAME_HEADER, one;
	unsigned i;

	memset(bytes, 0, FRAME_HEADER);
	bytes[1] = (uint8_t)op;
	put32(bytes + 4, 0x01020304);
	for (i = 0; i < fields_of(op); i++) {
		one = i == odd ? size : ops_table[op].fields[i].least;
		put32(bytes + length, one);
		memset(bytes + length + 4, 'a' + (int)i, one);
		length += 4 + one;
	}
	put32(bytes + 8, length - FRAME_HEADER);
	return length;
}

static size_t make_least(enum op op)
{
	return make(op, OP_FIELDS_MAX, 0);
}

/* The bytes lie alone in a block of their own, so that a sanitizer sees one read too far.
 */
static enum frame_fault read_in(
    size_t length, enum party from, unsigned descriptors, struct gate *gate)
{
	struct frame frame;
	uint8_t *alone = malloc(length > 0 ? length : 1);
	enum frame_fault fault;

	assert_non_null(alone);
	memcpy(alone, bytes, length);
	fault = frame_read(alone, length, from, descriptors, gate, &frame);
	free(alone);
	return fault;
}

static enum frame_fault read_as(enum op op, size_t length)
{
	struct gate gate = { .phase = phase_of(op) };

	return read_in(length, ops_table[op].from, ops_table[op].descriptors, &gate);
}

static void every_row_is_whole(void **state)
{
	enum op op;
	unsigned i;

	(void)state;
	for (op = FIRST; op < OP_COUNT; op = next(op)) {
		assert_non_null(ops_table[op].name);
		assert_true(ops_table[op].phases != 0);
		for (i = 0; i < fields_of(op); i++)
			assert_true(ops_table[op].fields[i].least <=
				    ops_table[op].fields[i].most);
		for (; i < OP_FIELDS_MAX; i++)
			assert_null(ops_table[op].fields[i].name);
	}
	assert_null(ops_table[OP_NONE].name);
	assert_true(OP_COUNT <= 64); /* a gate has a bit for each */
}

static void a_worker_may_say_five_things_and_send_no_descriptor(void **state)
{
	enum op op;
	unsigned count = 0;

	(void)state;
	for (op = FIRST; op < OP_COUNT; op = next(op))
		if (ops_table[op].from == PARTY_WORKER) {
			assert_int_equal(ops_table[op].descriptors, 0);
			count++;
		}
	assert_int_equal(count, 5);
}

static void the_largest_frame_of_every_row_fits(void **state)
{
	enum op op;
	size_t size;
	unsigned i;

	(void)state;
	for (op = FIRST; op < OP_COUNT; op = next(op)) {
		size = FRAME_HEADER;
		for (i = 0; i < fields_of(op); i++)
			size += 4 + ops_table[op].fields[i].most;
		assert_true(size <= FRAME_MAX);
	}
}

static void every_bound_of_every_field_holds_on_both_sides(void **state)
{
	const struct op_field *field;
	enum op op;
	unsigned i;

	(void)state;
	for (op = FIRST; op < OP_COUNT; op = next(op)) {
		assert_int_equal(read_as(op, make_least(op)), FRAME_GOOD);
		for (i = 0; i < fields_of(op); i++) {
			field = &ops_table[op].fields[i];
			assert_int_equal(
			    read_as(op, make(op, i, field->least)), FRAME_GOOD);
			assert_int_equal(
			    read_as(op, make(op, i, field->most)), FRAME_GOOD);
			assert_int_equal(
			    read_as(op, make(op, i, field->most + 1)), FRAME_FIELD);
			if (field->least > 0)
				assert_int_equal(
				    read_as(op, make(op, i, field->least - 1)),
				    FRAME_FIELD);
		}
	}
}

static void every_op_is_refused_from_every_other_party(void **state)
{
	enum op op;
	enum party party;
	struct gate gate;
	size_t length;

	(void)state;
	for (op = FIRST; op < OP_COUNT; op = next(op)) {
		length = make_least(op);
		for (party = PARTY_WORKER; party <= PARTY_ADMIN;
		     party = (enum party)(party + 1)) {
			gate = (struct gate){ .phase = phase_of(op) };
			assert_int_equal(
			    read_in(length, party, ops_table[op].descriptors, &gate),
			    party == ops_table[op].from ? FRAME_GOOD : FRAME_SENDER);
		}
	}
}

static void every_op_is_refused_in_every_other_phase(void **state)
{
	enum op op;
	enum phase phase;
	struct gate gate;
	size_t length;

	(void)state;
	for (op = FIRST; op < OP_COUNT; op = next(op)) {
		length = make_least(op);
		for (phase = PHASE_BOOT; phase < PHASE_COUNT;
		     phase = (enum phase)(phase + 1)) {
			gate = (struct gate){ .phase = phase };
			assert_int_equal(read_in(length, ops_table[op].from,
					     ops_table[op].descriptors, &gate),
			    (ops_table[op].phases >> phase & 1) != 0 ? FRAME_GOOD
								     : FRAME_PHASE);
		}
	}
}

static void every_op_is_refused_with_another_number_of_descriptors(void **state)
{
	enum op op;
	unsigned count;
	struct gate gate;
	size_t length;

	(void)state;
	for (op = FIRST; op < OP_COUNT; op = next(op)) {
		length = make_least(op);
		for (count = 0; count < 4; count++) {
			gate = (struct gate){ .phase = phase_of(op) };
			assert_int_equal(
			    read_in(length, ops_table[op].from, count, &gate),
			    count == ops_table[op].descriptors ? FRAME_GOOD
							       : FRAME_DESCRIPTORS);
		}
	}
}

static void what_is_permitted_once_is_refused_the_second_time(void **state)
{
	enum op op;
	struct gate gate;
	size_t length;

	(void)state;
	for (op = FIRST; op < OP_COUNT; op = next(op)) {
		length = make_least(op);
		gate = (struct gate){ .phase = phase_of(op) };
		assert_int_equal(
		    read_in(length, ops_table[op].from, ops_table[op].descriptors, &gate),
		    FRAME_GOOD);
		assert_int_equal(
		    read_in(length, ops_table[op].from, ops_table[op].descriptors, &gate),
		    ops_table[op].once ? FRAME_REPEATED : FRAME_GOOD);
	}
}

/* Cut at any byte, with and without a header that knows it. */
static void every_frame_that_is_cut_is_refused(void **state)
{
	enum op op;
	enum frame_fault fault;
	size_t length, cut;

	(void)state;
	assert_int_equal(read_as(OP_SIGN, 0), FRAME_EMPTY);
	for (op = FIRST; op < OP_COUNT; op = next(op)) {
		length = make_least(op);
		for (cut = 1; cut < length; cut++) {
			fault = read_as(op, cut);
			assert_int_equal(
			    fault, cut < FRAME_HEADER ? FRAME_TRUNCATED : FRAME_LENGTH);
		}
		for (cut = FRAME_HEADER; cut < length; cut++) {
			put32(bytes + 8, cut - FRAME_HEADER);
			assert_int_equal(read_as(op, cut), FRAME_TRUNCATED);
		}
	}
}

static void every_frame_with_a_byte_too_many_is_refused(void **state)
{
	enum op op;
	size_t length;

	(void)state;
	for (op = FIRST; op < OP_COUNT; op = next(op)) {
		length = make_least(op);
		bytes[length] = 0;
		assert_int_equal(read_as(op, length + 1), FRAME_LENGTH);
		put32(bytes + 8, length + 1 - FRAME_HEADER);
		assert_int_equal(read_as(op, length + 1), FRAME_TRAILING);
	}
}

static void field_that_reaches_past_the_end_is_refused(void **state)
{
	size_t length = make(OP_CONFIG_REFUSED, 0, 3);

	(void)state;
	put32(bytes + FRAME_HEADER, 4);
	assert_int_equal(read_as(OP_CONFIG_REFUSED, length), FRAME_TRUNCATED);
	put32(bytes + FRAME_HEADER, 0xffffffff);
	assert_int_equal(read_as(OP_CONFIG_REFUSED, length), FRAME_FIELD);
	put32(bytes + FRAME_HEADER, 2);
	assert_int_equal(read_as(OP_CONFIG_REFUSED, length), FRAME_TRAILING);
}

static void header_is_refused_for_what_is_wrong_with_it(void **state)
{
	size_t length = make_least(OP_SEALED);
	unsigned op;

	(void)state;
	assert_int_equal(read_as(OP_SEALED, FRAME_MAX + 1), FRAME_OVERSIZED);
	bytes[3] = 1;
	assert_int_equal(read_as(OP_SEALED, length), FRAME_RESERVED);
	bytes[3] = 0;
	bytes[2] = 0x80;
	assert_int_equal(read_as(OP_SEALED, length), FRAME_RESERVED);
	bytes[2] = 0;
	for (op = OP_COUNT; op <= 0x10000; op++) {
		bytes[0] = (uint8_t)(op >> 8 & 0xff);
		bytes[1] = (uint8_t)(op & 0xff);
		assert_int_equal(read_as(OP_SEALED, length), FRAME_UNKNOWN);
	}
}

/* Whatever one bit does, a frame that still passes keeps to its row and its bytes. */
static void no_flipped_bit_leads_outside_of_frame_or_row(void **state)
{
	struct gate gate;
	struct frame frame;
	enum frame_fault fault;
	enum op op;
	size_t length, bit;
	unsigned i;

	(void)state;
	for (op = FIRST; op < OP_COUNT; op = next(op)) {
		length = make_least(op);
		for (bit = 0; bit < 8 * length; bit++) {
			gate = (struct gate){ .phase = phase_of(op) };
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			fault = frame_read(bytes, length, ops_table[op].from,
			    ops_table[op].descriptors, &gate, &frame);
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			if (fault != FRAME_GOOD) {
				assert_true(memchr(gate.seen, true, sizeof(gate.seen)) == NULL);
				continue;
			}
			assert_int_equal(frame.fields, fields_of(frame.op));
			for (i = 0; i < frame.fields; i++) {
				assert_in_range(frame.length[i],
				    ops_table[frame.op].fields[i].least,
				    ops_table[frame.op].fields[i].most);
				assert_true(frame.at[i] + frame.length[i] <= length);
			}
		}
	}
}

static void refused_frame_leaves_what_was_read_before(void **state)
{
	struct gate gate = { .phase = PHASE_BOOT };
	struct frame frame = { .op = OP_DRAIN, .id = 7 };
	size_t length = make_least(OP_SEALED);

	(void)state;
	assert_int_equal(
	    frame_read(bytes, length - 1, PARTY_WORKER, 0, &gate, &frame), FRAME_LENGTH);
	assert_int_equal(frame.op, OP_DRAIN);
	assert_int_equal(frame.id, 7);
	assert_true(memchr(gate.seen, true, sizeof(gate.seen)) == NULL);
}

static void fields_are_read_as_they_were_written(void **state)
{
	struct gate gate = { .phase = PHASE_SERVE };
	struct frame_writer w;
	struct frame frame;
	size_t length;

	(void)state;
	frame_begin(&w, bytes, sizeof bytes, OP_UNAVAILABLE, 0xfedcba98);
	frame_put_u8(&w, 0xfe);
	frame_put_u64(&w, UINT64_C(0x0123456789abcdef));
	frame_put_text(&w, "later");
	length = frame_end(&w);
	assert_int_equal(length, FRAME_HEADER + 5 + 12 + 9);
	assert_int_equal(
	    frame_read(bytes, length, PARTY_BROKER, 0, &gate, &frame), FRAME_GOOD);
	assert_int_equal(frame.op, OP_UNAVAILABLE);
	assert_true(frame.id == 0xfedcba98);
	assert_true(frame_number(&frame, 0) == 0xfe);
	assert_true(frame_number(&frame, 1) == UINT64_C(0x0123456789abcdef));
	assert_int_equal(frame_length(&frame, 2), 5);
	assert_memory_equal(frame_bytes(&frame, 2), "later", 5);
	/* what is not there has no length and no value */
	assert_int_equal(frame_length(&frame, 3), 0);
	assert_true(frame_number(&frame, 3) == 0);

	frame_begin(&w, bytes, sizeof bytes, OP_SEALED, 0);
	frame_put_u32(&w, 0xdeadbeef);
	length = frame_end(&w);
	gate.phase = PHASE_BOOT;
	assert_int_equal(
	    frame_read(bytes, length, PARTY_WORKER, 0, &gate, &frame), FRAME_GOOD);
	assert_true(frame_number(&frame, 0) == 0xdeadbeef);
	assert_memory_equal(bytes + FRAME_HEADER + 4, "\xde\xad\xbe\xef", 4);
}

/* One frame with field `odd` of `size` bytes and the others at their least. */
static size_t write_frame(enum op op, size_t room, unsigned odd, size_t size)
{
	struct frame_writer w;
	unsigned i;

	frame_begin(&w, bytes, room, op, 1);
	for (i = 0; i < fields_of(op); i++)
		frame_put(&w, filler, i == odd ? size : ops_table[op].fields[i].least);
	return frame_end(&w);
}

static void writer_keeps_every_bound_that_the_reader_keeps(void **state)
{
	const struct op_field *field;
	enum op op;
	size_t length;
	unsigned i;

	(void)state;
	for (op = FIRST; op < OP_COUNT; op = next(op)) {
		for (i = 0; i < fields_of(op); i++) {
			field = &ops_table[op].fields[i];
			length = write_frame(op, sizeof bytes, i, field->most);
			assert_int_equal(read_as(op, length), FRAME_GOOD);
			assert_int_equal(
			    write_frame(op, sizeof bytes, i, field->most + 1), 0);
			if (field->least > 0)
				assert_int_equal(
				    write_frame(op, sizeof bytes, i, field->least - 1),
				    0);
		}
		/* any room that is too small is found, and no byte behind it is touched
		 */
		length = write_frame(op, sizeof bytes, OP_FIELDS_MAX, 0);
		while (length-- > 0) {
			bytes[length] = 0x5a;
			assert_int_equal(write_frame(op, length, OP_FIELDS_MAX, 0), 0);
			assert_int_equal(bytes[length], 0x5a);
		}
	}
}

static void writer_refuses_fields_missing_and_too_many(void **state)
{
	struct frame_writer w;

	(void)state;
	frame_begin(&w, bytes, sizeof bytes, OP_SEALED, 1);
	assert_int_equal(frame_end(&w), 0);
	frame_put_u32(&w, 1);
	assert_true(frame_end(&w) > 0);
	frame_put_u32(&w, 1);
	assert_int_equal(frame_end(&w), 0);
	frame_begin(&w, bytes, sizeof bytes, OP_NONE, 1);
	assert_int_equal(frame_end(&w), 0);
	frame_begin(&w, bytes, sizeof bytes, OP_COUNT, 1);
	frame_put_text(&w, "x");
	assert_int_equal(frame_end(&w), 0);
	frame_begin(&w, bytes, sizeof bytes, OP_AUTHORITIES, 1);
	frame_put_u8(&w, 256);
	assert_int_equal(frame_end(&w), 0);
}

static void text_that_is_too_long_is_cut(void **state)
{
	struct gate gate = { .phase = PHASE_CONFIG };
	struct frame_writer w;
	struct frame frame;
	char text[OP_TEXT_MAX + 2];

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	frame_begin(&w, bytes, sizeof bytes, OP_CONFIG_REFUSED, 1);
	frame_put_text(&w, text);
	assert_int_equal(
	    frame_read(bytes, frame_end(&w), PARTY_BROKER, 0, &gate, &frame), FRAME_GOOD);
	assert_int_equal(frame_length(&frame, 0), OP_TEXT_MAX);
	memset(text, 'y', sizeof text);
	frame_text(&frame, 0, text, 4);
	assert_memory_equal(text, "xxx\0y", 5);
	frame_text(&frame, 0, text, sizeof text);
	assert_int_equal(strlen(text), OP_TEXT_MAX);
}

static void faults_ops_and_phases_have_words(void **state)
{
	enum frame_fault fault;

	(void)state;
	for (fault = FRAME_GOOD; fault <= FRAME_DESCRIPTORS;
	     fault = (enum frame_fault)(fault + 1))
		assert_non_null(frame_fault_text(fault));
	assert_string_equal(frame_fault_text((enum frame_fault)99), "unknown fault");
	assert_string_equal(op_name(OP_SIGN), "sign");
	assert_string_equal(op_name(OP_NONE), "unknown");
	assert_string_equal(op_name(OP_COUNT), "unknown");
	assert_string_equal(phase_name(PHASE_SERVE), "serve");
	assert_string_equal(phase_name(PHASE_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test(a_worker_may_say_five_things_and_send_no_descriptor),
		cmocka_unit_test(the_largest_frame_of_every_row_fits),
		cmocka_unit_test(every_bound_of_every_field_holds_on_both_sides),
		cmocka_unit_test(every_op_is_refused_from_every_other_party),
		cmocka_unit_test(every_op_is_refused_in_every_other_phase),
		cmocka_unit_test(every_op_is_refused_with_another_number_of_descriptors),
		cmocka_unit_test(what_is_permitted_once_is_refused_the_second_time),
		cmocka_unit_test(every_frame_that_is_cut_is_refused),
		cmocka_unit_test(every_frame_with_a_byte_too_many_is_refused),
		cmocka_unit_test(field_that_reaches_past_the_end_is_refused),
		cmocka_unit_test(header_is_refused_for_what_is_wrong_with_it),
		cmocka_unit_test(no_flipped_bit_leads_outside_of_frame_or_row),
		cmocka_unit_test(refused_frame_leaves_what_was_read_before),
		cmocka_unit_test(fields_are_read_as_they_were_written),
		cmocka_unit_test(writer_keeps_every_bound_that_the_reader_keeps),
		cmocka_unit_test(writer_refuses_fields_missing_and_too_many),
		cmocka_unit_test(text_that_is_too_long_is_cut),
		cmocka_unit_test(faults_ops_and_phases_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
