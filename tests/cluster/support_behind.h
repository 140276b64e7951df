/*
 * support_behind.h - what is asked of node n1 when an OpenFaaS gateway is behind it.
 */
#ifndef TESTS_CLUSTER_SUPPORT_BEHIND_H
#define TESTS_CLUSTER_SUPPORT_BEHIND_H

#include <pthread.h>

#include "tests/cluster/fixture.h"

/* POST or PUT, of runtime openfaas; expects 202. */
void behind_deploy(const char *method, const char *name, const char *image);
struct reply behind_remove(const char *name);
/* What the node has listed then was asked for after this. */
void behind_wait_lists(void);
/* A call that the gateway keeps until it is told to be right; returns when it is at work. */
pthread_t behind_call_slowly(const char *name);
bool behind_is_called(const char *name);

#endif
