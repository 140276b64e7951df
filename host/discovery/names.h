/*
 * names.h - seeds that are told by a host's name.  A name is looked up when it is added, and
 * again while nobody answers at what it stood for: a container that is made anew has another
 * address.
 *
 * Each lookup has a thread of its own, since it may take many seconds; one that is still open
 * at the end is left to itself.  All else happens on the reactor's thread.
 */
#ifndef HOST_DISCOVERY_NAMES_H
#define HOST_DISCOVERY_NAMES_H

#include "host/upstream.h"

enum { NAMES_MOST = 64, NAMES_ADDRESSES = 8, NAMES_WHY = 128 };

struct names;

struct names_calls {
    /* Writes up to NAMES_ADDRESSES addresses of a family with that port; how many, or -1 with
     * a reason.  Blocks.  [a thread of its own] */
    int (*lookup)(const char *host, int family, uint16_t port, struct endpoint *out,
                  char why[NAMES_WHY]);
    /* Is a node known to live there? */
    bool (*answers)(void *ctx, const struct endpoint *e);
    /* A name stands for it.  Never from inside names_poll. */
    void (*found)(void *ctx, const struct endpoint *e);
};

/* By the system: /etc/hosts, DNS. */
int names_ask_system(const char *host, int family, uint16_t port, struct endpoint *out,
                     char why[NAMES_WHY]);

/* Addresses of that family only.  NULL when memory is short. */
struct names *names_new(struct reactor *r, int family, const struct names_calls *calls, void *ctx);
/* "n1" or "n1:19000".  0, or -1 with a reason. */
int names_add(struct names *n, const char *name, uint16_t default_port, char err[P2P_ERRLEN]);
/* Begins what is due; to be called once a second or so.  `now` in ns. */
void names_poll(struct names *n, uint64_t now);
void names_free(struct names *n);

#endif
