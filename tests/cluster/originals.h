/*
 * originals.h - a node, n1, whose only peer is said to be a node of the original P2PFaaS
 * and is a fake: what the tests of its wire share.
 */
#ifndef TESTS_CLUSTER_ORIGINALS_H
#define TESTS_CLUSTER_ORIGINALS_H

#include "tests/cluster/fake_peer.h"
#include "tests/cluster/fixture.h"

#define TRACING "X-P2pfaas-Scheduler-Task-Tracing-Id"

extern struct fake_peer *original;

/* The whole of the tests, before and after. */
int originals_start(void **state);
int originals_stop(void **state);
/* A test, before: the original is up and n1 forwards to it; or n1 runs all itself. */
int originals_forwarding(void **state);
int originals_local(void **state);
/* A test, after: the slot is free, the queue empty, and the node serves. */
int originals_whole(void **state);

/* What the original answers to a job from now on. */
void originals_answer(const char *status, const char *json);
#define PEERS                                                                                      \
    "{\"peers_list\":[{\"machine_id\":\"node-p1\",\"machine_ip\":\"10.99.0.11\",\"timings\":{"     \
    "\"execution_time\":0.0014,\"total_time\":0.0015,\"scheduling_time\":6.53e-7}}],"
extern const char originals_good[];

#endif
