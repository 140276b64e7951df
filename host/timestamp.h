/*
 * timestamp.h - points in time as RFC 3339 writes them: "2026-11-27T01:02:03.000000004Z".
 */
#ifndef HOST_TIMESTAMP_H
#define HOST_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

enum { TIMESTAMP = 36 };

/* Nanoseconds since 1970.  [any thread] */
int64_t timestamp_now(void);
/* In UTC, with so many digits behind the point, 0 to 9; without a point for 0.
 * [any thread] */
void timestamp_format(int64_t ns, unsigned digits, char out[TIMESTAMP]);
/* Reads one at the beginning of zero-terminated text, of 1970 to 2261, with any offset.
 * Returns how many characters it has, 0 when there is none. */
size_t timestamp_parse(const char *text, int64_t *ns);

#endif
