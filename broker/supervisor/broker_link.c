/* What the supervisor says to the broker, and what it does on the broker's word. */
#include "broker/supervisor/supervisor.h"
#include "ipc/channel.h"

#include <linux/fs.h>
#include <poll.h>
#include <sys/ioctl.h>

#define FRAMES_A_TURN 64
#define TELL_TIME     5000 /* milliseconds */
#define SEGMENT_MAX   999999u

/* Fields of ours are numbers first, then a text at most; the row knows which. */
static size_t write_frame(const struct message *message, uint8_t *bytes, size_t room)
{
	const struct op_field *field = ops_table[message->op].fields;
	const uint32_t *number = message->numbers;
	struct frame_writer frame;

	frame_begin(&frame, bytes, room, message->op, 0);
	for (; field->name; field++) {
		if (field->least == 4 && field->most == 4)
			frame_put_u32(&frame, *number++);
		else
			frame_put_text(&frame, message->text);
	}
	return frame_end(&frame);
}

void broker_tell(struct supervisor *s, const struct message *message)
{
	struct pollfd p = { .fd = s->control, .events = POLLOUT };
	uint8_t bytes[256];
	const size_t length = write_frame(message, bytes, sizeof bytes);

	while (channel_send_descriptors(s->control, bytes, length, message->descriptors,
		   ops_table[message->op].descriptors) != 0) {
		if (errno == EAGAIN && poll(&p, 1, TELL_TIME) > 0)
			continue;
		if (errno != EPIPE) /* else it has ended, which its pidfd tells */
			log_error("the broker does not take %s: %s", op_name(message->op),
			    strerror(errno));
		child_kill(&s->children[0]);
		return;
	}
}

/* What is in the record stays there: it takes a capability to lift the flag, and the
 * broker has none. Where the file system has no such flag, O_APPEND alone has to do. */
static void set_append_only(int fd, const char *name)
{
	int flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
	    ((flags & FS_APPEND_FL) != 0 ||
		(flags |= FS_APPEND_FL, ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0)))
		return;
	log_warning("%s can't be made append-only: %s", name, strerror(errno));
}

/* The record's next file, which the broker may append to, and nothing else. */
static bool send_segment(struct supervisor *s, uint32_t number)
{
	char name[32];
	int fd;

	if (number == 0 || number > SEGMENT_MAX || number < s->segment)
		return FAIL("the broker asks for segment %u of the record after %u",
		    number, s->segment);
	snprintf(name, sizeof name, "audit-%06u.jsonl", number);
	fd = openat(
	    s->audit, name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fsync(s->audit) != 0)
		return FAIL(
		    "%s/audit/%s: %s", s->flags.state_directory, name, strerror(errno));
	set_append_only(fd, name);
	s->segment = number;
	broker_tell(
	    s, &(struct message){ OP_SEGMENT, { number }, .descriptors = { fd } });
	close(fd);
	return true;
}

/* The broker is sealed and has named its sockets: what needs freedom ends here. Proof
 * before trust: a seal that does not hold for twins would not hold for the real ones. */
static bool on_started(struct supervisor *s, uint32_t segment, bool networked)
{
	const struct seal seal = { ROLE_SUPERVISOR, .state_directory = -1,
		.control = s->control, .resolvers = networked };
	struct confine_error error;
	char said[128];

	if (!confine_twins_start(networked ? ROLE_NETWORKED : ROLE_BROKER,
		s->broker_program, s->uid, s->gid, said) ||
	    (networked && !confine_twins_start(ROLE_RESOLVER, s->resolver_program, s->uid,
			      s->gid, said)) ||
	    !confine_twins_start(ROLE_WORKER, s->worker_program, s->uid, s->gid, said))
		return FAIL("on this kernel the seal does not hold: %s; privyseal doctor "
			    "--probe tries all",
		    said);
	if (confine_seal(&seal, &error) != 0)
		return FAIL("%s", error.text);
	s->sealed = true;
	s->networked = networked;
	return s->flags.check || send_segment(s, segment);
}

static void on_drop_worker(struct supervisor *s, uint32_t number)
{
	const struct child *worker = s->children + 1;

	for (; worker < s->children + CHILDREN_MAX; worker++)
		if (worker->pidfd > 0 && worker->number == number)
			child_kill(worker);
}

/* False, after a line, when nothing can go on. Only what has a row comes here; what the
 * broker does for a reason, it has said itself. */
static bool obey(struct supervisor *s, const struct frame *frame)
{
	char socket[OP_NAME_MAX + 1], group[OP_NAME_MAX + 1];
	const bool named = frame->op == OP_SOCKET || frame->op == OP_METADATA;
	const uint32_t number = named ? 0 : (uint32_t)frame_number(frame, 0);

	switch ((unsigned)frame->op) {
	case OP_METADATA:
		frame_text(frame, 0, socket, sizeof socket);
		return s->sealed ? FAIL("the broker asks for a probe out of turn")
				 : metadata_is_guarded(s, socket);
	case OP_SOCKET:
		frame_text(frame, 0, socket, sizeof socket);
		frame_text(frame, 1, group, sizeof group);
		return s->next.number != 0
			   ? listener_add(s, socket, group)
			   : FAIL("the broker names a socket out of turn");
	case OP_STARTED:
		return on_started(s, number, frame_number(frame, 1) != 0);
	case OP_START_WORKER:
		frame_text(frame, 2, socket, sizeof socket);
		if (!s->sealed)
			return FAIL("the broker starts a worker out of turn");
		worker_start(s, number, (uint32_t)frame_number(frame, 1), socket);
		return true;
	case OP_START_RESOLVER:
		if (s->sealed && !s->networked) /* nor does our filter permit it */
			return FAIL("the broker starts a resolver out of turn");
		worker_start(s, number, 0, NULL);
		return true;
	case OP_DROP_WORKER:
		on_drop_worker(s, number);
		return true;
	case OP_SERVE:
		return generation_serve(s, number);
	case OP_RELOAD_REFUSED:
		return generation_refused(s, number);
	case OP_NEXT_SEGMENT:
		return send_segment(s, number);
	case OP_STOPPED:
		return true;
	case OP_FAILED:
		return false;
	default:
		return FAIL("the broker sends %s, which is not for the supervisor",
		    op_name(frame->op));
	}
}

void broker_read(struct supervisor *s)
{
	enum channel_event event;
	enum frame_fault fault;
	struct frame frame;
	size_t length;
	unsigned i;

	for (i = 0; i < FRAMES_A_TURN; i++) {
		length = 0;
		event = channel_receive(s->control, s->received, &length);
		if (event == CHANNEL_NOTHING || event == CHANNEL_CLOSED)
			return; /* its end comes by its pidfd */
		fault =
		    frame_read(s->received, length, PARTY_BROKER, 0, &s->gate, &frame);
		if (fault != FRAME_GOOD)
			log_error(
			    "the broker's frame is bad: %s", frame_fault_text(fault));
		if (fault != FRAME_GOOD || !obey(s, &frame))
			stop(s, EXIT_FAILED, 0);
	}
}
