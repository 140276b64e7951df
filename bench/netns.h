/*
 * netns.h - hosts of our own on this machine: network namespaces with the addresses
 * 10.77.0.1, 10.77.0.2, …, each with a wire to one bridge that loses packets or
 * parts the hosts on demand.
 *
 * The bridge is a host too, 10.77.0.254: who stands there hears all hosts, whatever
 * is lost between them.  Every name carries this process's id, and a helper process
 * removes everything when netns_release is called or this process ends, however it
 * ends.
 *
 * Needs root, iproute2 and nftables.  Errors: -1 and a message.
 */
#ifndef BENCH_NETNS_H
#define BENCH_NETNS_H

#include <stdint.h>

#include "bench/cluster.h"

enum { NETNS_MOST = CLUSTER_MAX };

struct netns {
    char name[24]; /* of the bridge's namespace; "-1", "-2", … are added for the hosts' */
    unsigned n;
    int home;      /* the namespace that this process came from */
    int lifeline;  /* the helper ends when this is closed */
    pid_t remover; /* 0 = there is nothing to remove */
};

/* Removes first what a process left that is no more. */
int netns_init(struct netns *net, unsigned n, char err[CLUSTER_ERRLEN]);
void netns_release(struct netns *net);

/* The calling thread stands on the bridge from now on, and the threads and processes
 * that it starts. */
int netns_enter(const struct netns *net, char err[CLUSTER_ERRLEN]);
/* Gives each node of the cluster the host of its number. */
void netns_settle(const struct netns *net, struct cluster *c);
void netns_name(const struct netns *net, unsigned host, char out[40]);

/* Of the packets between hosts; each replaces what was asked before. */
int netns_lose(const struct netns *net, unsigned percent, char err[CLUSTER_ERRLEN]);
/* The first `half` hosts and the others do not hear each other. */
int netns_part(const struct netns *net, unsigned half, char err[CLUSTER_ERRLEN]);
int netns_heal(const struct netns *net, char err[CLUSTER_ERRLEN]);

/* What the hosts sent since the start, all layers below IP included.  The calling
 * thread stands on the bridge. */
struct netns_traffic {
    uint64_t bytes, packets;
};
int netns_sent(const struct netns *net, unsigned host, struct netns_traffic *out);

/* Runs a shell command; -1 with what it said. */
int netns_shell(char err[CLUSTER_ERRLEN], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
