/* privyseal(1): reads the command line and runs one command; cli.h has them. */
#include "cli/cli.h"
#include "confine/confine.h"
#include "ipc/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the caller closed would be the first file that is opened: a key, or the record,
 * and messages would be written into it. Reading finds the end here, writing fails. */
static bool settle_descriptors(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			return false;
	return true;
}

/* --probe=NAME: a throw-away twin that seals as the commands do, then tries what must not
 * work. */
static _Noreturn void probe(const char *name)
{
	if (!seal_command())
		_exit(126);
	confine_twin_act(name);
}

/* What is lost of the output a caller must not take for all of it. */
static int written(enum exit_status status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return (int)status;
	log_error("standard output: not all could be written; is it closed, or its disk "
		  "full?");
	return EXIT_REFUSED;
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	char message[MESSAGE_MAX];

	if (!settle_descriptors() || confine_early() != 0)
		return EXIT_REFUSED;
	log_start("privyseal", NULL, LOG_LEVEL_INFO, 0);
	if (argc > 1 && strncmp(argv[1], "--probe=", 8) == 0)
		probe(argv[1] + 8);
	if (!arguments_read(argc, argv, &arguments, message)) {
		log_error("%s", message);
		return EXIT_USAGE;
	}
	if (arguments.version || arguments.help) {
		if (arguments.version)
			printf("privyseal " PRIVYSEAL_VERSION "\n");
		else
			help_print(arguments.command);
		return written(EXIT_DONE);
	}
	return written(arguments.command->run(&arguments));
}
