#include "engine/episodes.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"

#define NO_SLOT 0xffffffffu

enum fate { FATE_NONE, FATE_OPEN, FATE_REWARDED, FATE_EXPIRED };
/* How many ids back it is known what became of one: so many times `most`. */
enum { MEMORY = 4 };

struct episodes {
    uint32_t most, n_dims, batch;
    uint32_t n;              /* open */
    uint32_t oldest, newest; /* slots, by age */
    uint32_t free;           /* the first free slot; its `newer` is the next one */
    struct episode *slots;   /* `most` */
    float *states;           /* a row a slot */
    /* Where an id lies: slot + 1, or 0; open addressing, at most half full. */
    uint32_t *index, index_mask;
    /* What became of the last ids. */
    unsigned char *fates;
    uint64_t fates_mask, last;
    /* Rewarded ones. */
    struct p2p_transition *pending;
    float *rows; /* two of each: its state and the next */
    uint32_t n_pending;
    uint64_t since_ns;
};

/* ---- the index ---- */

static uint32_t home(const struct episodes *e, uint64_t id)
{
    return (uint32_t)random_mix(id) & e->index_mask;
}

/* Its place, or the free one where it would be. */
static uint32_t place_of(const struct episodes *e, uint64_t id)
{
    uint32_t at = home(e, id);

    while (e->index[at] && e->slots[e->index[at] - 1].id != id)
        at = (at + 1) & e->index_mask;
    return at;
}

/* Those behind it move up, so that none is cut off from its home. */
static void drop_place(struct episodes *e, uint32_t hole)
{
    for (uint32_t at = (hole + 1) & e->index_mask; e->index[at]; at = (at + 1) & e->index_mask) {
        uint32_t from = home(e, e->slots[e->index[at] - 1].id);

        if (((at - from) & e->index_mask) < ((at - hole) & e->index_mask))
            continue;
        e->index[hole] = e->index[at];
        hole = at;
    }
    e->index[hole] = 0;
}

/* ---- what became of an id ---- */

static enum fate fate_of(const struct episodes *e, uint64_t id)
{
    if (id > e->last || e->last - id > e->fates_mask)
        return FATE_NONE;
    return (enum fate)e->fates[id & e->fates_mask];
}

static void set_fate(struct episodes *e, uint64_t id, enum fate fate)
{
    if (id <= e->last && e->last - id <= e->fates_mask)
        e->fates[id & e->fates_mask] = (unsigned char)fate;
}

/* Ids between the last and this one were given to others, or come later. */
static void advance(struct episodes *e, uint64_t id)
{
    if (id > e->last) {
        if (id - e->last > e->fates_mask)
            memset(e->fates, FATE_NONE, e->fates_mask + 1);
        else
            for (uint64_t k = e->last + 1; k < id; k++)
                e->fates[k & e->fates_mask] = FATE_NONE;
        e->last = id;
    }
    set_fate(e, id, FATE_OPEN);
}

/* ---- open ones ---- */

static void close_one(struct episodes *e, uint32_t slot, enum fate fate)
{
    struct episode *s = &e->slots[slot];

    drop_place(e, place_of(e, s->id));
    if (s->older == NO_SLOT)
        e->oldest = s->newer;
    else
        e->slots[s->older].newer = s->newer;
    if (s->newer == NO_SLOT)
        e->newest = s->older;
    else
        e->slots[s->newer].older = s->older;
    set_fate(e, s->id, fate);
    s->newer = e->free;
    e->free = slot;
    e->n--;
}

bool episodes_open(struct episodes *e, const struct episode *episode, const float *state)
{
    bool crowded = e->n == e->most;
    uint32_t slot;

    if (crowded)
        close_one(e, e->oldest, FATE_EXPIRED);
    slot = e->free;
    e->free = e->slots[slot].newer;
    e->slots[slot] = *episode;
    e->slots[slot].older = e->newest;
    e->slots[slot].newer = NO_SLOT;
    if (e->newest == NO_SLOT)
        e->oldest = slot;
    else
        e->slots[e->newest].newer = slot;
    e->newest = slot;
    e->n++;
    memcpy(e->states + (size_t)slot * e->n_dims, state, e->n_dims * sizeof(*state));
    e->index[place_of(e, episode->id)] = slot + 1;
    advance(e, episode->id);
    return crowded;
}

static uint32_t slot_of(const struct episodes *e, uint64_t id)
{
    uint32_t entry = e->index[place_of(e, id)];

    return entry ? entry - 1 : NO_SLOT;
}

const struct episode *episodes_find(const struct episodes *e, uint64_t id, const float **state)
{
    uint32_t slot = slot_of(e, id);

    if (slot == NO_SLOT)
        return NULL;
    *state = e->states + (size_t)slot * e->n_dims;
    return &e->slots[slot];
}

/* One that is open for long is known by its slot alone. */
bool episodes_know(const struct episodes *e, uint64_t id)
{
    return fate_of(e, id) != FATE_NONE || slot_of(e, id) != NO_SLOT;
}

unsigned episodes_expire(struct episodes *e, uint64_t now_ns, unsigned most)
{
    unsigned n = 0;

    while (n < most && e->oldest != NO_SLOT && e->slots[e->oldest].deadline_ns <= now_ns) {
        close_one(e, e->oldest, FATE_EXPIRED);
        n++;
    }
    return n;
}

uint32_t episodes_count(const struct episodes *e)
{
    return e->n;
}

/* ---- rewarded ones ---- */

void episodes_put(struct episodes *e, const struct p2p_transition *t, uint64_t now_ns)
{
    size_t size = e->n_dims * sizeof(float);
    float *row = e->rows + (size_t)e->n_pending * 2 * e->n_dims;

    memcpy(row, t->state, size);
    if (t->next)
        memcpy(row + e->n_dims, t->next, size);
    if (e->n_pending == 0)
        e->since_ns = now_ns;
    e->pending[e->n_pending] = *t;
    e->pending[e->n_pending].state = row;
    e->pending[e->n_pending].next = t->next ? row + e->n_dims : NULL;
    e->n_pending++;
}

enum reward_verdict episodes_reward(struct episodes *e, uint64_t id, float reward,
                                    const float *next, uint64_t next_action, uint64_t now_ns)
{
    uint32_t slot = slot_of(e, id);

    if (slot == NO_SLOT)
        return fate_of(e, id) == FATE_REWARDED ? REWARD_DUPLICATE : REWARD_EXPIRED;
    if (e->slots[slot].deadline_ns <= now_ns)
        return REWARD_EXPIRED;
    episodes_put(e,
                 &(struct p2p_transition){.episode = id,
                                          .state = e->states + (size_t)slot * e->n_dims,
                                          .next = next,
                                          .action = e->slots[slot].action,
                                          .reward = reward,
                                          .next_action = next ? next_action : 0},
                 now_ns);
    close_one(e, slot, FATE_REWARDED);
    return REWARD_TAKEN;
}

uint32_t episodes_pending(const struct episodes *e, uint64_t *since_ns)
{
    *since_ns = e->since_ns;
    return e->n_pending;
}

bool episodes_full(const struct episodes *e)
{
    return e->n_pending == e->batch;
}

uint32_t episodes_take(struct episodes *e, const struct p2p_transition **batch)
{
    uint32_t n = e->n_pending;

    *batch = e->pending;
    e->n_pending = 0;
    return n;
}

/* ---- life ---- */

static size_t power_of_two(size_t least)
{
    size_t n = 1;

    while (n < least)
        n *= 2;
    return n;
}

static int allocate(struct episodes *e)
{
    size_t index = power_of_two(2 * (size_t)e->most);
    size_t fates = power_of_two(MEMORY * (size_t)e->most);

    e->index_mask = (uint32_t)(index - 1);
    e->fates_mask = fates - 1;
    e->slots = calloc(e->most, sizeof(*e->slots));
    e->states = calloc(e->most, e->n_dims * sizeof(float));
    e->index = calloc(index, sizeof(*e->index));
    e->fates = calloc(fates, 1);
    e->pending = calloc(e->batch, sizeof(*e->pending));
    e->rows = calloc(e->batch, 2 * sizeof(float) * e->n_dims);
    return e->slots && e->states && e->index && e->fates && e->pending && e->rows ? 0 : -1;
}

struct episodes *episodes_new(uint32_t most, uint32_t batch, uint32_t n_dims, char err[P2P_ERRLEN])
{
    size_t row = n_dims * sizeof(float);
    size_t bytes = most * (sizeof(struct episode) + row) + 2 * row * batch;
    struct episodes *e;

    if (bytes > EPISODES_MEMORY) {
        snprintf(err, P2P_ERRLEN,
                 "%u episodes and batches of %u, each of %u numbers, need %zu MB; the most is %u: "
                 "lower learner.most_episodes",
                 most, batch, n_dims, bytes >> 20, EPISODES_MEMORY >> 20);
        return NULL;
    }
    e = calloc(1, sizeof(*e));
    if (e) {
        *e = (struct episodes){.most = most, .n_dims = n_dims, .batch = batch};
        e->oldest = e->newest = NO_SLOT;
    }
    if (!e || allocate(e)) {
        snprintf(err, P2P_ERRLEN, "out of memory for %u episodes", most);
        episodes_free(e);
        return NULL;
    }
    for (uint32_t i = 0; i < most; i++)
        e->slots[i].newer = i + 1 < most ? i + 1 : NO_SLOT;
    return e;
}

void episodes_free(struct episodes *e)
{
    if (!e)
        return;
    free(e->slots);
    free(e->states);
    free(e->index);
    free(e->fates);
    free(e->pending);
    free(e->rows);
    free(e);
}
