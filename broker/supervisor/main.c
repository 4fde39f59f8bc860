/*
 * privyseald: starts the broker, then the workers, replaces workers that die, and ends
 * when the broker does. This file is the start, in its order: the environment is emptied,
 * all that root gave us is looked at, the broker is started; the loop of supervisor.c
 * does the rest on the broker's word.
 */
#define CONTINUITY_SIZE_ONLY
#include "broker/supervisor/supervisor.h"
#include "worker/continuity.h"

#include <pwd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

/* --probe=NAME: a throw-away twin that seals as we do, then tries what must not work. */
static _Noreturn void probe(const char *name)
{
	const struct seal seal = {
		.role = ROLE_SUPERVISOR, .state_directory = -1, .control = 3
	};
	struct confine_error error;

	if (confine_seal(&seal, &error) != 0) {
		log_error("%s: %s", name, error.text);
		_exit(126);
	}
	confine_twin_act(name);
}

/* 0, 1 and 2 must be open, or files of ours would be taken for them; others are nobody's.
 */
static bool settle_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return (fd >= 0 && close_range(STDERR_FILENO + 1, ~0u, 0) == 0) ||
	       FAIL("/dev/null: %s", strerror(errno));
}

/* Beside our own program first, so that a build is used with its own. */
static bool find_program(const char *name, char out[PATH_MAX])
{
	char own[PATH_MAX] = "";
	ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);

	if (n <= 0)
		return FAIL("/proc/self/exe: %s; is /proc mounted?", strerror(errno));
	*strrchr(own, '/') = '\0';
	if (snprintf(out, PATH_MAX, "%s/%s", own, name) < PATH_MAX &&
	    access(out, X_OK) == 0)
		return true;
	snprintf(out, PATH_MAX, PRIVYSEAL_LIBEXECDIR "/%s", name);
	return access(out, X_OK) == 0 ||
	       FAIL("%s is neither in %s nor in " PRIVYSEAL_LIBEXECDIR "; install it",
		   name, own);
}

/* From the file itself: name services would load code into this process. */
static const struct passwd *user_named(const char *name)
{
	const struct passwd *user = NULL;
	FILE *users = fopen("/etc/passwd", "re");

	while (users && (user = fgetpwent(users)) && strcmp(user->pw_name, name) != 0)
		continue;
	if (users)
		fclose(users);
	return user;
}

/* A worker has the filters that we have now, ours to come, and its own. */
static bool count_filters(struct supervisor *s)
{
	struct process_status status;
	const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	const bool good = fd >= 0 && confine_status_read(fd, &status) == 0;

	close(fd);
	if (!good)
		return FAIL("/proc/self/status can't be read: is /proc mounted?");
	snprintf(s->filters_text, sizeof s->filters_text, "%u",
	    (unsigned)status.lines[STATUS_FILTERS].values[0] + 2);
	return true;
}

static bool find_user(struct supervisor *s)
{
	const struct passwd *user = user_named(s->flags.user);

	if (!user)
		return FAIL(
		    "there is no user %s; useradd --system --no-create-home --shell "
		    "/usr/sbin/nologin %s makes it",
		    s->flags.user, s->flags.user);
	s->uid = user->pw_uid;
	s->gid = user->pw_gid;
	snprintf(s->uid_text, sizeof s->uid_text, "%u", s->uid);
	snprintf(s->gid_text, sizeof s->gid_text, "%u", s->gid);
	return (s->uid != 0 && s->gid != 0) ||
	       FAIL("--user %s: workers can't be root (uid %u, gid %u)", s->flags.user,
		   s->uid, s->gid);
}

/* The state is root's alone; of the runtime directory others may see the sockets. */
static bool open_directories(struct supervisor *s)
{
	const char *state = s->flags.state_directory,
		   *runtime = s->flags.runtime_directory;

	s->state = -1;
	return s->flags.check ||
	       ((s->state = root_directory_open(state, "", 0700)) >= 0 &&
		   root_directory_lock(s->state, state) &&
		   root_directory_open(state, "/keys", 0700) >= 0 &&
		   (s->audit = root_directory_open(state, "/audit", 0700)) >= 0 &&
		   root_directory_lock(root_directory_open(runtime, "", 0755), runtime));
}

static bool open_terminal(struct supervisor *s)
{
	struct stat st;
	int ends[2] = { -1, STDOUT_FILENO };
	bool good = true;

	s->copied = s->terminal_out = s->continuity = -1;
	if (!s->flags.terminal)
		return true;
	if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		good = pipe2(ends, O_CLOEXEC) == 0;
	s->copied = ends[0];
	s->terminal_out = ends[1];
	s->continuity =
	    memfd_create("privyseal-continuity", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return (good && ftruncate(s->continuity, CONTINUITY_SIZE) == 0 &&
		   fcntl(s->continuity, F_ADD_SEALS,
		       F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) == 0) ||
	       FAIL("--stdio: %s", strerror(errno));
}

static bool take_over_signals(struct supervisor *s)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGCHLD, SIG_DFL); /* left ignored by a parent, it would reap for us */
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->notify = notify_open(s->environment.notify);
	return s->signals >= 0 || FAIL("signalfd: %s", strerror(errno));
}

static enum exit_status run(struct supervisor *s)
{
	enum exit_status status = EXIT_FAILED;

	if ((geteuid() == 0 || FAIL("privyseald must be started by root")) &&
	    find_program("privyseal-broker", s->broker_program) &&
	    find_program("privyseal-worker", s->worker_program) &&
	    find_program("privyseal-resolver", s->resolver_program) && find_user(s) &&
	    count_filters(s) && generation_read(s) && open_terminal(s) &&
	    take_over_signals(s) && open_directories(s) && listener_add(s, "admin", "") &&
	    broker_start(s))
		status = supervise(s);
	listeners_remove(s, true);
	return status;
}

int main(int argc, char **argv)
{
	static struct supervisor s;
	bool good = confine_early() == 0 && settle_descriptors();

	good = environment_take(environ, &s.environment) && good;
	log_start("privyseald", role_name(ROLE_SUPERVISOR), LOG_LEVEL_INFO,
	    s.environment.journal);
	if (argc > 1 && strncmp(argv[1], "--probe=", 8) == 0)
		probe(argv[1] + 8);
	if (!flags_read(argc, argv, &s.flags))
		return EXIT_USAGE;
	if (s.flags.help || s.flags.version) {
		dprintf(STDOUT_FILENO, "%s",
		    s.flags.help ? flags_help : "privyseald " PRIVYSEAL_VERSION "\n");
		return EXIT_DONE;
	}
	log_level_set((enum log_level)log_level_named(s.flags.log_level));
	return good ? (int)run(&s) : EXIT_FAILED;
}
