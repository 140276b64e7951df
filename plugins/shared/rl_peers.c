#include "rl_peers.h"

#include <string.h>

static uint32_t slot_of(const struct rl_peers *p, uint32_t id)
{
    uint32_t i = id * UINT32_C(2654435761) >> 24;

    while (p->slot[i].number && p->slot[i].id != id)
        i = (i + 1) % RL_PEER_SLOTS;
    return i;
}

static uint32_t number_of(const struct rl_peers *p, uint32_t id)
{
    return p->slot[slot_of(p, id)].number;
}

static void index_all(struct rl_peers *p)
{
    memset(p->slot, 0, sizeof(p->slot));
    for (uint32_t k = 0; k < p->n; k++) {
        uint32_t i;

        if (p->peer[k].id == P2P_NONE)
            continue;
        i = slot_of(p, p->peer[k].id);
        p->slot[i].id = p->peer[k].id;
        p->slot[i].number = k + 1;
    }
}

/* The one of that address, or NULL. */
static struct rl_peer *known(struct rl_peers *p, const char *address)
{
    for (uint32_t k = 0; k < p->n; k++)
        if (strncmp(p->peer[k].address, address, RL_ADDRESS - 1) == 0)
            return &p->peer[k];
    return NULL;
}

static size_t digits(const char *at)
{
    return strspn(at, "0123456789");
}

/* Numbers in it count as numbers: 10.0.0.9 comes before 10.0.0.10. */
static int compare(const char *a, const char *b)
{
    const char *x = a, *y = b;

    for (; *x && *y; x++, y++) {
        size_t n = digits(x), m = digits(y);

        if (n != m && n > 0 && m > 0)
            return n < m ? -1 : 1;
        if (*x != *y)
            break;
    }
    return strcmp(x, y);
}

/* Among the `fresh` ones behind those that have numbers, by address; when there is no room
 * the last of them goes.  Returns how many they are. */
static uint32_t insert(struct rl_peers *p, uint32_t fresh, uint32_t id, const char *address)
{
    struct rl_peer *list = &p->peer[p->n];
    uint32_t room = p->most - p->n, at = fresh;

    while (at > 0 && compare(list[at - 1].address, address) > 0)
        at--;
    if (at == room)
        return fresh;
    if (fresh == room)
        fresh--;
    memmove(&list[at + 1], &list[at], (fresh - at) * sizeof(*list));
    list[at].id = id;
    snprintf(list[at].address, sizeof(list[at].address), "%s", address);
    return fresh + 1;
}

static void meet(struct rl_peers *p, const struct p2p_request *rq)
{
    uint32_t fresh = 0;

    for (uint32_t i = 0; i < rq->n_peers; i++) {
        uint32_t id = rq->peers[i].id;
        const char *address;
        struct rl_peer *old;

        if (number_of(p, id))
            continue;
        address = rq->host->address(rq->host, id);
        if (!address || !address[0])
            continue;
        old = known(p, address);
        if (old)
            old->id = id;
        else
            fresh = insert(p, fresh, id, address);
    }
    p->n += fresh;
    p->n_seen = rq->n_peers;
    index_all(p);
}

static uint64_t scan(const struct rl_peers *p, const struct p2p_request *rq, bool *strange)
{
    uint64_t up = 0;

    *strange = false;
    for (uint32_t i = 0; i < rq->n_peers; i++) {
        uint32_t number = number_of(p, rq->peers[i].id);

        if (number)
            up |= UINT64_C(1) << (number - 1);
        else
            *strange = true;
    }
    return up;
}

/* Once all numbers are taken, those that have none are only looked at when there are more
 * or fewer peers than before: a big cluster has many of them. */
uint64_t rl_peers_up(struct rl_peers *p, const struct p2p_request *rq)
{
    bool strange;
    uint64_t up = scan(p, rq, &strange);

    if (!strange || (p->n == p->most && p->n_seen == rq->n_peers))
        return up;
    meet(p, rq);
    return scan(p, rq, &strange);
}

bool rl_peers_restore(struct rl_peers *p, const char *address)
{
    size_t length = strlen(address);

    if (p->n == RL_PEERS || length == 0 || length >= RL_ADDRESS || known(p, address))
        return false;
    p->peer[p->n].id = P2P_NONE;
    memcpy(p->peer[p->n++].address, address, length + 1);
    return true;
}
