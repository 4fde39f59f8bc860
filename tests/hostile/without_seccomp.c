/* Linked into a hostile worker of the tests, it leaves out every worker's filter but that
 * of the twins. With it the hostile tests of a worker's own filter must fail. */
#include <stdbool.h>

extern const bool without_seccomp;
const bool without_seccomp = true;
