/*
 * resolver.h - names to addresses, without blocking a loop: getaddrinfo on threads of its
 * own, which are there only while somebody waits for an answer.  It asks what the system
 * asks (/etc/hosts, DNS, mDNS …), which tells no time to live.
 *
 * Four look-ups are under way at once; others wait for their turn.
 */
#ifndef HOST_RESOLVER_H
#define HOST_RESOLVER_H

#include "host/reactor.h"
#include "host/upstream.h"

enum { RESOLVER_MOST = 8 }; /* addresses of a name; more are dropped */

struct resolved {
    struct endpoint address[RESOLVER_MOST]; /* the best first */
    unsigned n;                             /* 0: see why */
    char why[128];
};

struct lookup;

/* The answer comes by done() on the home's thread, never from inside, once unless it was
 * cancelled; the look-up is gone then.  NULL when memory or threads are short.  [home thread] */
struct lookup *resolver_ask(struct reactor *home, const char *host, uint16_t port,
                            void (*done)(void *owner, const struct resolved *answer), void *owner);
/* No done comes any more.  [home thread] */
void resolver_cancel(struct lookup *l);

#endif
