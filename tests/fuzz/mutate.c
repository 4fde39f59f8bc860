/* How inputs are changed: bytes anywhere, or whole parts with the lengths around them put
 * right. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

/* Bounded by the caller: xorshift, so that a failure comes again. */
uint32_t fuzz_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static size_t below(uint32_t *state, size_t limit)
{
	return limit > 0 ? fuzz_random(state) % limit : 0;
}

/* ---- parts ---- */

unsigned fuzz_node_add(struct fuzz_nodes *nodes, enum fuzz_head head, size_t at,
    size_t content, size_t length, unsigned parent)
{
	const unsigned number = nodes->count;

	if (number == FUZZ_NODES_MAX)
		return FUZZ_NODES_MAX;
	nodes->of[number] = (struct fuzz_node){ at, content, length, head,
		parent == FUZZ_NODES_MAX ? number : parent };
	nodes->count++;
	return number;
}

/* The element at `at`: where its content begins and how long it is. */
static bool der_element(
    const uint8_t *bytes, size_t at, size_t end, size_t *content, size_t *length)
{
	size_t left = end - at, size, i;

	if (left < 2)
		return false;
	*content = at + 2;
	*length = bytes[at + 1];
	if (*length >= 0x80) {
		size = *length - 0x80;
		if (size < 1 || size > 3 || left < 2 + size)
			return false;
		*length = 0;
		for (i = 0; i < size; i++)
			*length = 256 * *length + bytes[at + 2 + i];
		*content += size;
	}
	return *length <= end - *content;
}

#define DER_DEPTH 20

static void der_walk(const uint8_t *bytes, size_t at, size_t end, struct fuzz_nodes *out,
    unsigned parent, unsigned depth)
{
	size_t content, length;
	unsigned node;

	while (at < end && der_element(bytes, at, end, &content, &length)) {
		node = fuzz_node_add(out, FUZZ_HEAD_DER, at, content, length, parent);
		if (node == FUZZ_NODES_MAX)
			return;
		if (depth < DER_DEPTH && ((bytes[at] & 0x20) != 0 || bytes[at] == 0x04))
			der_walk(bytes, content, content + length, out, node, depth + 1);
		at = content + length;
	}
}

void fuzz_der_nodes(const uint8_t *bytes, size_t length, struct fuzz_nodes *out)
{
	der_walk(bytes, 0, length, out, FUZZ_NODES_MAX, 0);
}

size_t fuzz_string_node(const uint8_t *bytes, size_t length, size_t at,
    struct fuzz_nodes *out, unsigned parent)
{
	size_t size;

	if (length < 4 || at > length - 4)
		return 0;
	size = 16777216u * bytes[at] + 65536u * bytes[at + 1] + 256u * bytes[at + 2] +
	       bytes[at + 3];
	if (size > length - at - 4)
		return 0;
	fuzz_node_add(out, FUZZ_HEAD_U32, at, at + 4, size, parent);
	return at + 4 + size;
}

void fuzz_string_nodes(
    const uint8_t *bytes, size_t at, size_t end, struct fuzz_nodes *out, unsigned parent)
{
	while (at != 0 && at < end)
		at = fuzz_string_node(bytes, end, at, out, parent);
}

size_t fuzz_seed_text(
    const char *const *texts, unsigned count, unsigned number, uint8_t *out, size_t room)
{
	size_t length;

	if (number >= count)
		return 0;
	length = strlen(texts[number]);
	if (length > room)
		return 0;
	memcpy(out, texts[number], length);
	return length;
}

/* ---- changes ---- */

struct input {
	uint8_t *bytes;
	size_t length;
	size_t room;
	uint32_t *state;
};

/* Puts `added` where `removed` bytes are; false when there is no room. */
static bool replace(struct input *in, size_t at, size_t removed, const uint8_t *added,
    size_t added_length)
{
	if (in->length - removed + added_length > in->room)
		return false;
	memmove(in->bytes + at + added_length, in->bytes + at + removed,
	    in->length - at - removed);
	if (added_length > 0)
		memcpy(in->bytes + at, added, added_length);
	in->length = in->length - removed + added_length;
	return true;
}

/* The head of a node whose content has this length; how long the head is. */
static size_t head_write(
    const struct fuzz_node *node, const uint8_t *old, size_t length, uint8_t out[16])
{
	const uint8_t size[4] = { (uint8_t)(length >> 24), (uint8_t)(length >> 16 & 0xff),
		(uint8_t)(length >> 8 & 0xff), (uint8_t)(length & 0xff) };
	size_t bytes = length < 0x80 ? 0 : length < 0x100 ? 1 : length < 0x10000 ? 2 : 3;

	switch (node->head) {
	case FUZZ_HEAD_DER:
		out[0] = old[0];
		out[1] = (uint8_t)(bytes == 0 ? length : 0x80 + bytes);
		memcpy(out + 2, size + 4 - bytes, bytes);
		return 2 + bytes;
	case FUZZ_HEAD_U32:
		memcpy(out, size, 4);
		return 4;
	case FUZZ_HEAD_FRAME:
		memcpy(out, old, 8);
		memcpy(out + 8, size, 4);
		return 12;
	}
	return 0;
}

/* After content of `number` has grown by `grown` bytes: its length, and those around. */
static void mend(
    struct input *in, const struct fuzz_nodes *nodes, unsigned number, long grown)
{
	const struct fuzz_node *node;
	uint8_t head[16];
	size_t written, old;

	for (;;) {
		node = &nodes->of[number];
		written = head_write(node, in->bytes + node->at,
		    (size_t)((long)node->length + grown), head);
		old = node->content - node->at;
		if (!replace(in, node->at, old, head, written))
			return;
		grown += (long)written - (long)old;
		if (node->parent == number)
			return;
		number = node->parent;
	}
}

/* Changes content of a node, lengths and all. */
static void edit(struct input *in, const struct fuzz_nodes *nodes, unsigned number,
    size_t at, size_t removed, const uint8_t *added, size_t added_length)
{
	if (replace(in, at, removed, added, added_length) && added_length != removed)
		mend(in, nodes, number, (long)added_length - (long)removed);
}

static const uint8_t *some_word(uint32_t *state, size_t *length)
{
	size_t count = 0;
	const char *word;

	while (fuzz_target.words && fuzz_target.words[count])
		count++;
	word = count > 0 ? fuzz_target.words[below(state, count)] : "\x01";
	*length = strlen(word);
	return (const uint8_t *)word;
}

static uint8_t some_byte(uint32_t *state)
{
	static const uint8_t odd[] = { 0, 1, 0x7f, 0x80, 0xff, ' ', '"', '*', '\n', '.' };

	return below(state, 3) == 0 ? odd[below(state, sizeof(odd))]
				    : (uint8_t)fuzz_random(state);
}

/* One byte of the input gets another value. */
static void change_byte(struct input *in, size_t at, size_t length)
{
	if (length == 0)
		return;
	at += below(in->state, length);
	if (below(in->state, 2) == 0)
		in->bytes[at] ^= (uint8_t)(1u << below(in->state, 8));
	else
		in->bytes[at] = some_byte(in->state);
}

/* A node of another input in the place of this one, of its tag where there is one. */
static void graft(struct input *in, const struct fuzz_nodes *nodes, unsigned number,
    const uint8_t *other, size_t other_length)
{
	static struct fuzz_nodes others;
	const struct fuzz_node *node = &nodes->of[number], *from = NULL;
	unsigned tries;

	others.count = 0;
	fuzz_target.nodes(other, other_length, &others);
	for (tries = 0; others.count > 0 && tries < 16; tries++) {
		from = &others.of[below(in->state, others.count)];
		if (node->head != FUZZ_HEAD_DER || other[from->at] == in->bytes[node->at])
			break;
	}
	if (from && from->head == node->head)
		edit(in, nodes, number, node->content, node->length,
		    other + from->content, from->length);
}

static void change_node(struct input *in, const struct fuzz_nodes *nodes, unsigned number,
    const uint8_t *other, size_t other_length)
{
	static uint8_t copy[FUZZ_INPUT_MAX];
	const struct fuzz_node *node = &nodes->of[number];
	const size_t whole = node->content - node->at + node->length;
	size_t at = node->content + below(in->state, node->length + 1), size;
	const uint8_t *word;

	switch (below(in->state, 10)) {
	case 0: /* a few bytes more, */
		copy[0] = some_byte(in->state);
		copy[1] = some_byte(in->state);
		edit(in, nodes, number, at, 0, copy, 1 + below(in->state, 2));
		return;
	case 1: /* or fewer */
		size = below(in->state, node->content + node->length - at + 1);
		edit(in, nodes, number, at, size, NULL, 0);
		return;
	case 2: /* the whole of it gone, */
		if (node->parent != number)
			edit(in, nodes, node->parent, node->at, whole, NULL, 0);
		return;
	case 3: /* or twice */
		memcpy(copy, in->bytes + node->at, whole);
		if (node->parent != number)
			edit(in, nodes, node->parent, node->at, 0, copy, whole);
		return;
	case 4:
		word = some_word(in->state, &size);
		edit(in, nodes, number, node->content, node->length, word, size);
		return;
	case 5:
		word = some_word(in->state, &size);
		edit(in, nodes, number, at, 0, word, size);
		return;
	case 6:
		graft(in, nodes, number, other, other_length);
		return;
	case 7:
		change_byte(in, node->at, node->content - node->at);
		return;
	default:
		change_byte(in, node->content, node->length);
		return;
	}
}

/* Without regard to what the bytes mean. */
static void change_bytes(struct input *in, const uint8_t *other, size_t other_length)
{
	size_t at = below(in->state, in->length + 1), from, size;
	const uint8_t *word;

	switch (below(in->state, 7)) {
	case 0:
		size = below(in->state, 8);
		size = size < in->length - at ? size : in->length - at;
		replace(in, at, size, NULL, 0);
		return;
	case 1:
		word = some_word(in->state, &size);
		replace(in, at, 0, word, size);
		return;
	case 2: { /* overwrites */
		size_t over;

		word = some_word(in->state, &size);
		over = size < in->length - at ? size : in->length - at;
		replace(in, at, over, word, size);
		return;
	}
	case 3: /* a stretch of another input */
		from = below(in->state, other_length);
		size = below(in->state, other_length - from + 1);
		replace(in, at, 0, other + from, size);
		return;
	case 4: { /* a byte more */
		uint8_t byte = some_byte(in->state);

		replace(in, at, 0, &byte, 1);
		return;
	}
	default:
		change_byte(in, 0, in->length);
		return;
	}
}

size_t fuzz_mutate(uint8_t *bytes, size_t length, size_t room, const uint8_t *other,
    size_t other_length, uint32_t *state)
{
	static struct fuzz_nodes nodes;
	struct input in = { bytes, length, room, state };
	size_t changes = 1 + below(state, 3);

	while (changes-- > 0) {
		nodes.count = 0;
		if (fuzz_target.nodes && below(state, 4) > 0)
			fuzz_target.nodes(in.bytes, in.length, &nodes);
		if (nodes.count > 0)
			change_node(&in, &nodes, (unsigned)below(state, nodes.count),
			    other, other_length);
		else
			change_bytes(&in, other, other_length);
	}
	return in.length;
}
