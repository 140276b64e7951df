/*
 * support_messages.h - nodes that run plugins/teller.c, and what they counted.
 */
#ifndef TESTS_CLUSTER_SUPPORT_MESSAGES_H
#define TESTS_CLUSTER_SUPPORT_MESSAGES_H

#include "tests/cluster/fixture.h"

/* The setting that makes it the only plugin. */
const char *only_teller(void);

/* Selects `teller` anew on a node, to tell node `to` with more parameters: ",\"bytes\":\"1\"". */
void make_teller(unsigned node, unsigned to, const char *more);
/* The same, and one that is to be told is at this address. */
void make_teller_to(unsigned node, const char *address, const char *more);
/* A job arrives there: it tells. */
void let_tell(unsigned node);

/* p2pfaas_messages_total of a node; the second waits for that value, and no other. */
double messages(unsigned node, const char *what);
void wait_messages(unsigned node, const char *what, double wanted);
/* What the scheduler counted itself: p2pfaas_scheduler_metric_WHAT. */
double counted(unsigned node, const char *what);
void wait_counted(unsigned node, const char *what, double wanted);

#endif
