/*
 * rfc3339.h - times as OpenFaaS writes them.
 */
#ifndef HOST_RFC3339_H
#define HOST_RFC3339_H

#include <time.h>

enum { RFC3339 = 32 };

/* Now, in UTC: "2026-11-27T00:21:44Z". */
static inline void rfc3339_now(char out[RFC3339])
{
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(out, RFC3339, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

#endif
