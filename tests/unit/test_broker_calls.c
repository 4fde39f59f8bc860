/* worker/broker_calls.c: the worker's words on the channel, and what it takes for an
 * answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/broker_calls.h"

static struct broker broker;
static struct gate gate;
static int other;

static int start(void **state)
{
	int ends[2];

	(void)state;
	if (channel_pair(ends) != 0)
		return -1;
	memset(&broker, 0, sizeof(broker));
	broker.fd = ends[0];
	other = ends[1];
	gate = (struct gate){ .phase = PHASE_BOOT };
	return 0;
}

static int stop(void **state)
{
	(void)state;
	close(broker.fd);
	close(other);
	return 0;
}

static void answer(enum op op, const char *text, uint32_t number)
{
	uint8_t out[2048];
	struct frame_writer w;

	frame_begin(&w, out, sizeof(out), op, 0);
	if (text)
		frame_put_text(&w, text);
	else
		frame_put_u32(&w, number);
	assert_int_equal(channel_send(other, out, frame_end(&w)), 0);
}

static void hears(struct frame *frame, uint8_t buffer[FRAME_MAX + 1])
{
	size_t length;

	assert_int_equal(channel_receive(other, buffer, &length), CHANNEL_FRAME);
	assert_int_equal(
	    frame_read(buffer, length, PARTY_WORKER, 0, &gate, frame), FRAME_GOOD);
}

static void goes_through_the_phases(void **state)
{
	static uint8_t buffer[FRAME_MAX + 1];
	static struct config config = { .cluster_name = "example.com",
		.region = "eu-west-1" };
	char cluster[OP_CLUSTER_MAX + 1], reason[OP_TEXT_MAX + 1];
	struct frame frame;

	(void)state;
	answer(OP_SEALED_SEEN, NULL, BROKER_PROTOCOL);
	assert_int_equal(broker_say_sealed(&broker), BROKER_DONE);
	hears(&frame, buffer);
	assert_int_equal(frame.op, OP_SEALED);
	gate.phase = PHASE_SEALED;
	answer(OP_CONFIG_TAKEN, "example.com", 0);
	assert_int_equal(
	    broker_hand_over_config(&broker, &config, cluster, reason), BROKER_DONE);
	assert_string_equal(cluster, "example.com");
	hears(&frame, buffer);
	assert_int_equal(frame.op, OP_CONFIG);
	assert_memory_equal(frame_bytes(&frame, 3), "eu-west-1", 9);
	assert_int_equal(broker.gate.phase, PHASE_SERVE);
}

static void passes_on_why_the_config_was_refused(void **state)
{
	static struct config config;
	char cluster[OP_CLUSTER_MAX + 1], reason[OP_TEXT_MAX + 1];

	(void)state;
	broker.gate.phase = PHASE_SEALED;
	answer(OP_CONFIG_REFUSED, "region: eu-west-1, but the policy pins us-west-2", 0);
	assert_int_equal(
	    broker_hand_over_config(&broker, &config, cluster, reason), BROKER_DONE);
	assert_string_equal(cluster, "");
	assert_string_equal(reason, "region: eu-west-1, but the policy pins us-west-2");
}

static void ends_on_another_protocol(void **state)
{
	(void)state;
	answer(OP_SEALED_SEEN, NULL, BROKER_PROTOCOL + 1);
	assert_int_equal(broker_say_sealed(&broker), BROKER_BROKEN);
}

static void ends_on_an_answer_out_of_phase(void **state)
{
	(void)state;
	answer(OP_CONFIG_TAKEN, "example.com", 0);
	assert_int_equal(broker_say_sealed(&broker), BROKER_BROKEN);
}

static void ends_when_the_channel_is_closed(void **state)
{
	(void)state;
	close(other);
	other = -1;
	assert_int_equal(broker_receive(&broker, NULL, NULL), BROKER_BROKEN);
}

static void is_busy_when_the_channel_is_full(void **state)
{
	static const uint8_t document[OP_DOCUMENT_MAX];
	const struct signing signing = {
		.id = 1, .bytes = document, .length = sizeof(document)
	};
	enum broker_result result = BROKER_DONE;
	unsigned i;

	(void)state;
	for (i = 0; i < 1000 && result == BROKER_DONE; i++)
		result = broker_sign(&broker, &signing);
	assert_int_equal(result, BROKER_BUSY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(goes_through_the_phases),
		TEST(passes_on_why_the_config_was_refused),
		TEST(ends_on_another_protocol),
		TEST(ends_on_an_answer_out_of_phase),
		TEST(ends_when_the_channel_is_closed),
		TEST(is_busy_when_the_channel_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
