/*
 * url.h - where something is that is told by an http:// or https:// URL.
 */
#ifndef HOST_URL_H
#define HOST_URL_H

#include <p2pfaas/plugin.h>
#include <stdbool.h>
#include <stdint.h>

enum { URL_HOST = 256, URL_AUTHORITY = URL_HOST + 8, URL_PATH = 1024 };

struct url {
    bool tls;
    uint16_t port;
    char host[URL_HOST]; /* a name, or a numeric address without brackets */
    char
        authority[URL_AUTHORITY]; /* as in a Host header: the port only if it is not the scheme's */
    char path[URL_PATH];          /* begins with a slash */
};

/* Of a place: without user, query and fragment.  0, or -1 with what would be right. */
int url_parse(struct url *u, const char *text, char err[P2P_ERRLEN]);

#endif
