/*
 * round_robin_with_master - one node deals the jobs of all.
 *
 * A node that is not the master sends the jobs of its clients to the master, and runs
 * what comes from peers.  The master deals each job in turn to the other nodes:
 *
 *   client ─► node ─► master ─► next node in turn      two hops at most
 *   client ─► master ─► next node in turn
 *
 * The master runs nothing itself while there is another node.  A job goes back to the
 * node that it came from only when there is no other.  The turn goes by id, so that a
 * node that comes or goes moves nobody else's turn; a node that refuses is passed over.
 * When nobody takes a job, and when the master cannot be reached, it runs where it is.
 * A job that made two hops runs, so that two masters cannot play ball with it.
 *
 * RoundRobinWithMasterScheduler in the original P2PFaaS, where a client's call of the
 * master itself is an error: here it is dealt like any other.
 */
#include <p2pfaas/plugin.h>

enum { MOST_TRIES = 8, MOST_HOPS = 2 };

struct dealer {
    bool is_master, loss;
    const char *master_ip;
    uint32_t last; /* id of who was dealt to last; P2P_NONE: nobody yet */
};

static const struct p2p_param params[] = {
    P2P_PARAM_BOOL(struct dealer, is_master, 0, "this node deals the jobs of all"),
    P2P_PARAM_STRING(struct dealer, master_ip, "",
                     "the master, by its address or its name; of no meaning on the master"),
    P2P_PARAM_BOOL(struct dealer, loss, 0,
                   "lose a job that finds no free slot here, do not queue it"),
    P2P_PARAM_END};

static const struct p2p_alias aliases[] = {{"RoundRobinWithMasterScheduler", 3, 0}, {NULL, 0, 0}};

static struct p2p_action here(const struct dealer *d)
{
    return d->loss ? p2p_local_or_lose() : p2p_local();
}

static bool is_up(const struct p2p_request *rq, uint32_t id)
{
    for (uint32_t i = 0; i < rq->n_peers; i++)
        if (rq->peers[i].id == id)
            return true;
    return false;
}

static struct p2p_action to_master(const struct dealer *d, const struct p2p_request *rq)
{
    uint32_t master;

    if (rq->attempts > 0)
        return here(d);
    master = rq->host->peer_id(rq->host, d->master_ip);
    return is_up(rq, master) ? p2p_forward(master) : here(d);
}

/* The smallest id above the last one, else the smallest; where the job came from counts
 * only when nobody else is there. */
static uint32_t next_in_turn(const struct dealer *d, const struct p2p_request *rq)
{
    uint32_t above = P2P_NONE, least = P2P_NONE;

    for (uint32_t i = 0; i < rq->n_peers; i++) {
        uint32_t id = rq->peers[i].id;

        if (id == rq->from)
            continue;
        if (id < least)
            least = id;
        if (id > d->last && id < above)
            above = id;
    }
    if (d->last != P2P_NONE && above != P2P_NONE)
        return above;
    return least != P2P_NONE ? least : is_up(rq, rq->from) ? rq->from : P2P_NONE;
}

static struct p2p_action deal(struct dealer *d, const struct p2p_request *rq)
{
    uint32_t others = rq->n_peers - (rq->n_peers > 1 && is_up(rq, rq->from));
    uint32_t next = next_in_turn(d, rq);

    if (next == P2P_NONE || rq->attempts >= others || rq->attempts >= MOST_TRIES)
        return here(d);
    d->last = next;
    return p2p_forward(next);
}

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    struct dealer *d = self;

    if ((rq->event != P2P_EV_ARRIVAL && rq->event != P2P_EV_REFUSED) || rq->hops >= MOST_HOPS)
        return here(d);
    if (d->is_master)
        return deal(d, rq);
    return rq->flags & P2P_RQ_EXTERNAL ? here(d) : to_master(d, rq);
}

static int init(void *self, const struct p2p_host *host, char *err)
{
    struct dealer *d = self;

    (void)host;
    d->last = P2P_NONE;
    if (!d->is_master && !d->master_ip[0]) {
        snprintf(err, P2P_ERRLEN,
                 "master_ip is empty; allowed: the address of the master, or "
                 "is_master: true");
        return -1;
    }
    return 0;
}

static const struct p2p_scheduler dealer_ops = {
    .size = sizeof(dealer_ops),
    .name = "round_robin_with_master",
    .version = "1.0",
    .summary = "one node deals the jobs of all in turn to the others",
    .params = params,
    .aliases = aliases,
    .instance_size = sizeof(struct dealer),
    .decide = decide,
    .init = init,
};

P2P_SCHEDULER_PLUGIN(dealer_ops);
