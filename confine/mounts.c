/* What a confined process sees of the file system, in its own mount namespace. */
#include "confine/steps.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static int make_private(void)
{
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* One inode: its own root. (To tmpfs, size=0 would mean no limit.) What is not there is
 * hidden already. */
static int hide(const char *directory)
{
	const unsigned long flags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount("none", directory, "tmpfs", flags, "size=4k,nr_inodes=1,mode=0555") ==
	    0)
		return 0;
	return errno == ENOENT ? 0 : -1;
}

/* uid 0 without capabilities still owns root's files: what opens a way back to root,
 * under /proc, /sys and /run, is not there. */
int mounts_hide_ways_to_root(void)
{
	if (make_private() < 0 || hide("/proc") < 0 || hide("/sys") < 0)
		return -1;
	return hide("/run");
}

/* A resolver reads in /run what some systems keep there for it. */
int mounts_hide_kernel(const struct seal *seal)
{
	(void)seal;
	if (make_private() < 0 || hide("/proc") < 0)
		return -1;
	return hide("/sys");
}

/* /proc serves as the place to stand on, since it exists wherever we run. Pivoting "."
 * onto
 * "." leaves the old root on top of the new one, to be taken off. */
int mounts_empty_root(const struct seal *seal)
{
	(void)seal;
	if (make_private() < 0 || hide("/proc") < 0 || chdir("/proc") < 0)
		return -1;
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return -1;
	return chdir("/");
}
