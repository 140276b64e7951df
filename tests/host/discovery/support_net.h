/*
 * support_net.h - any number of detectors on a network of memory under virtual time:
 * delay, loss, partitions, slow members, crashes, all from one seed.
 */
#ifndef TESTS_SUPPORT_NET_H
#define TESTS_SUPPORT_NET_H

#include "host/discovery/swim.h"

#define MS 1000000ull
#define SECOND (1000 * MS)

struct net;
struct net_event;

struct net_node {
    struct net *net;
    struct swim *swim;
    struct swim_address address;
    bool up;
    unsigned side;    /* nodes of different sides do not hear each other */
    uint64_t slow_ns; /* what comes in is looked at that much later */
    uint64_t tick_at;
    uint32_t incarnation; /* of the next life */
    uint64_t rand;
};

struct net {
    uint64_t now, rand;
    double loss; /* of datagrams */
    uint64_t delay_least_ns, delay_most_ns;
    struct swim_settings settings;
    struct net_node *nodes;
    unsigned n;
    struct net_event *events; /* a heap by time */
    size_t n_events, room;
    uint64_t datagrams, bytes, exchanges, exchange_bytes;
    /* A node saw a member change. */
    void (*changed)(struct net *net, unsigned node, const struct swim_member *m,
                    enum swim_state old_state);
    void *ctx;
};

void net_init(struct net *net, unsigned n, uint64_t seed);
void net_release(struct net *net);
/* All at once start, knowing nothing, then join through node `seed` unless that is the node. */
void net_start(struct net *net, unsigned node);
void net_join(struct net *net, unsigned node, unsigned seed);
void net_crash(struct net *net, unsigned node);
/* Everyone knows everyone, without a datagram. */
void net_introduce(struct net *net);
void net_run(struct net *net, uint64_t until_ns);
/* Runs in steps until it is true or the time is over; returns how long it took, or UINT64_MAX. */
uint64_t net_run_until(struct net *net, bool (*is)(struct net *net), uint64_t most_ns,
                       uint64_t step_ns);
/* After a call into a node's detector from outside of net_run. */
void net_touched(struct net *net, unsigned node);

unsigned net_index(const struct swim_address *a);
struct swim_address net_address(unsigned node);
const struct swim_member *net_sees(const struct net *net, unsigned node, unsigned other);
/* SWIM_UNKNOWN when it does not know it. */
enum swim_state net_state(const struct net *net, unsigned node, unsigned other);
/* Every node that is up sees every other that is up as alive. */
bool net_converged(struct net *net);

#endif
