/*
 * etcd_private.h - what the files of the etcd source share: etcd.c, etcd_session.c,
 * etcd_watch.c.
 */
#ifndef HOST_ETCD_PRIVATE_H
#define HOST_ETCD_PRIVATE_H

#include "host/curl_loop.h"
#include "host/discovery/etcd_members.h"
#include "host/node.h"

#define SECOND_NS 1000000000u

enum { ETCD_MOST_SERVERS = 16, ETCD_MOST_URL = 200, ETCD_MOST_SMALL = 64 << 10 };

enum etcd_state { ETCD_PAUSE, ETCD_CONNECT, ETCD_LIST, ETCD_WATCH, ETCD_LEFT };

struct discovery;

/* A request of the session, and what follows it. */
struct etcd_step {
    struct curl_request request;
    char url[ETCD_MOST_URL + 32];
    char *body;
    void (*then)(struct discovery *d, const char *text, size_t n);
};

struct discovery {
    struct node *node;
    struct shared_config *owner; /* of config */
    const struct discovery_config *config;
    struct ev_loop *loop;
    struct curl_loop *curl;
    struct etcd_members members;
    char servers[ETCD_MOST_SERVERS][ETCD_MOST_URL];
    unsigned n_servers;
    char key[ETCD_MOST_PREFIX + sizeof(((struct endpoint *)0)->text)];

    struct etcd_step turn, beat, watch; /* one after the other; keep-alive; what changes */
    char login[544];                    /* header line */
    const char *headers[3];
    char *said;       /* the value that was put last */
    char *after;      /* listed up to this key */
    int64_t revision; /* of the list */
    bool watching;    /* the server said so */
    struct etcd_cutter cutter;
    uint64_t up_ns;    /* the session is complete since; 0 = it is not */
    unsigned failures; /* in a row */
    bool in_trouble;   /* and it was said */
    ev_timer timer, beat_timer, grace_timer;

    /* For people, under lock; written by the main thread. */
    pthread_mutex_t lock;
    enum etcd_state state;
    unsigned server;
    struct etcd_lease lease;
    char err[P2P_ERRLEN]; /* why the last session ended */
};

/* ---- etcd_session.c ---- */

void etcd_set_state(struct discovery *d, enum etcd_state state);
void etcd_start_timer(struct discovery *d, ev_timer *w, uint64_t after_ns);

/* Sets a request to the server of the session up; takes over `body`.  What it may take
 * and what follows it can be changed before it is sent. */
void etcd_ask(struct discovery *d, struct etcd_step *s, const char *path, char *body,
              void (*then)(struct discovery *, const char *, size_t));
void etcd_send(struct discovery *d, struct etcd_step *s);
/* What one request may take: a part of what a lease lasts. */
uint64_t etcd_request_ns(const struct discovery *d);

/* Each ends the session: the caller returns and touches nothing of it.  The next one is
 * with the next server, or, when it is not to blame, with the same. */
void etcd_fail(struct discovery *d, const char *why);
void etcd_begin_again(struct discovery *d, const char *why);
/* No other will begin by itself. */
void etcd_end_session(struct discovery *d);

/* ---- etcd_watch.c ---- */

/* Lists the keys, then watches them: the last part of a session's beginning. */
void etcd_list(struct discovery *d);
/* Of those that are missing. */
void etcd_on_grace(struct ev_loop *loop, ev_timer *w, int events);

/* ---- etcd.c ---- */

/* Puts the key again if its value is not what it was. */
void etcd_say_what_changed(struct discovery *d);

#endif
