/*
 * support_outside.h - a server outside of the nodes, one of tests/cluster/remote_*.py: POST
 * /rule with a word tells it how to be, GET /seen tells what was asked of it.
 */
#ifndef TESTS_CLUSTER_SUPPORT_OUTSIDE_H
#define TESTS_CLUSTER_SUPPORT_OUTSIDE_H

#include "tests/cluster/fixture.h"

struct outside {
    const char *script; /* its name in tests/cluster */
    char port[16];      /* of 127.0.0.1 */
    pid_t pid;          /* 0 = it does not run */
};

/* A port that nobody has now. */
void outside_find_port(struct outside *o);
/* Returns when it answers. */
void outside_start(struct outside *o);
/* Returns at once. */
void outside_start_tls(struct outside *o, const char *certificate, const char *key);
void outside_kill(struct outside *o); /* if it runs */

void outside_rule(const struct outside *o, const char *word);
bool outside_has_seen(const struct outside *o, const char *part);

#endif
