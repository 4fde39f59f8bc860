/* Durations: one or more NUMBER+unit, units d h m s, as `30d`, `1h30m`. No blanks, no
 * fractions, no sign; the sum is 1 s to ten years. */
#ifndef POLICY_DURATION_H
#define POLICY_DURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DURATION_MAX (UINT64_C(3650) * 86400) /* seconds; ten years of 365 days */

/* Seconds of a unit's letter; 0: it is none. */
/*@ assigns \nothing;
    ensures \result == (letter == 'd' ? 86400 : letter == 'h' ? 3600 :
      letter == 'm' ? 60 : letter == 's' ? 1 : 0);
*/
uint32_t duration_unit(char letter);

/* False: not a duration, zero, or above DURATION_MAX. */
/*@ requires \valid_read(text + (0 .. length - 1)) && \valid(seconds);
    assigns *seconds;
    ensures \result ==> 1 <= *seconds <= DURATION_MAX;
    ensures !\result ==> *seconds == \old(*seconds);
*/
bool duration_read(const char *text, size_t length, uint64_t *seconds);
/* The shortest such text ("30h" stays "30h", not "1d6h"; 86400 is "1d"); always fits 24.
 */
/*@ requires \valid(out + (0 .. 23));
    assigns out[0 .. 23];
    ensures \exists integer end; 0 < end < 24 && out[end] == 0;
*/
void duration_write(uint64_t seconds, char out[24]);

#endif
