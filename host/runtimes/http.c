/*
 * http.c - a function is whatever serves at a URL; the node starts and stops nothing there.
 */
#include "host/runtimes/remote.h"

enum { OWN_PORT = 8080 }; /* of functions of the original P2PFaaS */

static struct program *http_open(const struct function_config *f, struct reactor *home,
                                 char err[P2P_ERRLEN])
{
    char url[128];

    snprintf(url, sizeof(url), "http://%s:%d", f->name, OWN_PORT);
    return remote_open(f, home, f->url[0] ? f->url : url, NULL, err);
}

const struct runtime runtime_http = {
    .name = "http",
    .open = http_open,
    .close = remote_close,
    .start = remote_start,
    .cancel = remote_cancel,
    .describe = remote_describe,
};
