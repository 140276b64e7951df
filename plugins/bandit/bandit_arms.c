#include "bandit_arms.h"

#include <string.h>

double *bandit_arms_numbers(const struct bandit_arms *a, uint32_t arm)
{
    return a->numbers + (size_t)arm * a->n_numbers;
}

static uint32_t slot_of(const struct bandit_arms *a, uint32_t id)
{
    uint32_t i = id * UINT32_C(2654435761) >> 8 & a->wrap;

    while (a->slot[i] && a->arm[a->slot[i]].id != id)
        i = (i + 1) & a->wrap;
    return i;
}

double *bandit_arms_initial(const struct bandit_arms *a)
{
    return bandit_arms_numbers(a, a->most);
}

/* 0: none */
static uint32_t number_of(const struct bandit_arms *a, uint32_t id)
{
    return a->slot[slot_of(a, id)];
}

static void index_all(struct bandit_arms *a)
{
    memset(a->slot, 0, ((size_t)a->wrap + 1) * sizeof(*a->slot));
    for (uint32_t k = 1; k < a->n; k++)
        if (a->arm[k].id != P2P_NONE)
            a->slot[slot_of(a, a->arm[k].id)] = k;
}

static void begin_at(struct bandit_arms *a, uint32_t arm, uint32_t id, const char *address)
{
    a->arm[arm] = (struct bandit_arm){.id = id};
    snprintf(a->arm[arm].address, BANDIT_ADDRESS, "%s", address);
    memcpy(bandit_arms_numbers(a, arm), bandit_arms_initial(a), a->n_numbers * sizeof(double));
}

bool bandit_arms_init(struct bandit_arms *a, const struct p2p_host *host, uint32_t most_peers,
                      uint32_t n_numbers)
{
    uint32_t slots = 4;

    a->most = most_peers + 1;
    a->n_numbers = n_numbers;
    while (slots < 2 * a->most)
        slots *= 2;
    a->wrap = slots - 1;
    a->slot = host->alloc(host, slots * sizeof(*a->slot));
    a->arm = host->alloc(host, a->most * sizeof(*a->arm));
    a->numbers = host->alloc(host, ((size_t)a->most + 1) * n_numbers * sizeof(*a->numbers));
    if (!a->slot || !a->arm || !a->numbers)
        return false;
    bandit_arms_clear(a);
    return true;
}

void bandit_arms_clear(struct bandit_arms *a)
{
    a->n = 1;
    a->look = 0;
    begin_at(a, BANDIT_HERE, P2P_NONE, "");
    index_all(a);
}

bool bandit_arms_is_up(const struct bandit_arms *a, uint32_t arm)
{
    return arm == BANDIT_HERE || a->arm[arm].up == a->look;
}

uint32_t bandit_arms_find(const struct bandit_arms *a, uint32_t id)
{
    uint32_t k = id == P2P_NONE ? BANDIT_HERE : number_of(a, id);

    return k || id == P2P_NONE ? k : a->n;
}

/* ---- who is there ---- */

/* 0: none */
static uint32_t known(const struct bandit_arms *a, const char *address)
{
    for (uint32_t k = 1; k < a->n; k++)
        if (strncmp(a->arm[k].address, address, BANDIT_ADDRESS - 1) == 0)
            return k;
    return 0;
}

/* 0: all have it. */
static uint32_t gone_longest(const struct bandit_arms *a)
{
    uint32_t oldest = 0;

    for (uint32_t k = 1; k < a->n; k++)
        if (a->arm[k].up < a->look && (!oldest || a->arm[k].up < a->arm[oldest].up))
            oldest = k;
    return oldest;
}

static void mark(struct bandit_arms *a, uint32_t arm, uint32_t at)
{
    a->arm[arm].up = a->look;
    a->arm[arm].at = at;
}

static const char *address_of(const struct p2p_request *rq, uint32_t at)
{
    const char *address = rq->host->address(rq->host, rq->peers[at].id);

    return address ? address : "";
}

static void meet_again(struct bandit_arms *a, const struct p2p_request *rq, uint32_t at)
{
    const char *address = address_of(rq, at);
    uint32_t k = address[0] ? known(a, address) : 0;

    if (k == 0)
        return;
    a->arm[k].id = rq->peers[at].id;
    mark(a, k, at);
}

static void meet(struct bandit_arms *a, const struct p2p_request *rq, uint32_t at)
{
    uint32_t k = a->n < a->most ? a->n++ : gone_longest(a);

    if (k == 0)
        return;
    begin_at(a, k, rq->peers[at].id, address_of(rq, at));
    mark(a, k, at);
}

/* How many peers that are up have arms. */
static uint32_t scan(struct bandit_arms *a, const struct p2p_request *rq)
{
    uint32_t up = 0;

    for (uint32_t i = 0; i < rq->n_peers; i++) {
        uint32_t k = number_of(a, rq->peers[i].id);

        if (k)
            mark(a, k, i);
        up += k != 0;
    }
    return up;
}

/* Of all that have no arm, from one that is drawn on. */
static void for_strangers(struct bandit_arms *a, const struct p2p_request *rq,
                          void (*act)(struct bandit_arms *, const struct p2p_request *, uint32_t))
{
    uint64_t from = p2p_rand_below(rq->host, rq->n_peers);

    for (uint32_t i = 0; i < rq->n_peers; i++) {
        uint32_t at = (uint32_t)((from + i) % rq->n_peers);

        if (!number_of(a, rq->peers[at].id))
            act(a, rq, at);
    }
    index_all(a);
}

/* In a big cluster all arms are soon of peers that are up; those that have none are not
 * looked at then.  Who comes back under another id does so before a new one gets the arm. */
void bandit_arms_look(struct bandit_arms *a, const struct p2p_request *rq)
{
    uint32_t up;

    a->look++;
    up = scan(a, rq);
    if (up == rq->n_peers || up == a->most - 1)
        return;
    for_strangers(a, rq, meet_again);
    for_strangers(a, rq, meet);
}

/* ---- what was saved ---- */

bool bandit_arms_add(struct bandit_arms *a, const char *address)
{
    size_t length = strlen(address);

    if (a->n == a->most || length == 0 || length >= BANDIT_ADDRESS || known(a, address))
        return false;
    begin_at(a, a->n++, P2P_NONE, address);
    return true;
}
