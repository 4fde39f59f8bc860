/* Files of `privyseal policy`, and the policy in one; policy_command.h has the contract.
 */
#include "cli/policy_command.h"
#include "ipc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool policy_input_open(struct policy_input *input, const char *name, size_t room)
{
	*input = (struct policy_input){ .name = name, .fd = -1, .room = room };
	/* Pages of it that are not written to are not there. */
	input->bytes = malloc(room + 1);
	if (!input->bytes) {
		log_error("out of memory");
		return false;
	}
	input->fd = open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (input->fd >= 0)
		return true;
	if (errno == ENOENT)
		log_error("%s does not exist: name the file to be read", name);
	else
		log_error("%s can't be read: %s", name, strerror(errno));
	return false;
}

bool policy_input_read(struct policy_input *input)
{
	ssize_t n = 1;

	/* A byte more than may be there. */
	while (n > 0 && input->length <= input->room) {
		n = read(input->fd, input->bytes + input->length,
		    input->room + 1 - input->length);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			input->length += (size_t)n;
	}
	if (n < 0)
		log_error("%s can't be read: %s", input->name, strerror(errno));
	else if (input->length > input->room)
		log_error("%s is longer than %zu bytes", input->name, input->room);
	return n >= 0 && input->length <= input->room;
}

void policy_input_close(struct policy_input *input)
{
	if (input->bytes && input->fd >= 0)
		close(input->fd);
	free(input->bytes);
	input->bytes = NULL;
}

struct policy *policy_of_input(
    const struct policy_input *input, void **storage, struct policy_error *error)
{
	size_t room = policy_storage(input->bytes, input->length);

	*storage = malloc(room > 0 ? room : 1);
	if (*storage)
		return policy_load(input->bytes, input->length, *storage, room, error);
	*error = (struct policy_error){ .text = "out of memory" };
	return NULL;
}

void policy_print_escaped(const void *bytes, size_t length, FILE *out)
{
	enum { PIECE = 256 };
	const char *at = bytes;
	char text[4 * PIECE + 1];
	size_t piece;

	for (; length > 0; at += piece, length -= piece) {
		piece = length < PIECE ? length : PIECE;
		log_escape(text, sizeof text, at, piece);
		fputs(text, out);
	}
}
