#include <string.h>

#include "sdk/check/fence.h"
#include "sdk/check/unit.h"

/* Every parameter set that init() takes gets its share of the worlds. */
static void work_with_many(struct check *c, unsigned strange)
{
    enum { SETS = 16 };
    unsigned share = c->options->worlds / SETS + 1, taken = 0, sets;

    sets = c->scheduler.params && c->scheduler.params[0].name ? SETS : PRESET_RANDOM + 1;
    for (unsigned i = 0; i < sets; i++) {
        enum preset preset = i <= PRESET_RANDOM ? (enum preset)i : PRESET_RANDOM;
        char err[P2P_ERRLEN];
        struct unit *u = unit_try(c, preset, c->seed + i, err);

        if (!u)
            continue;
        u->strange = strange;
        unit_work(u, share);
        unit_end(u);
        taken++;
    }
    if (taken == 0) {
        struct unit *u = unit_any(c, c->seed);

        u->strange = strange;
        unit_work(u, share);
        unit_end(u);
        taken = 1;
    }
    check_note(c, "%u jobs in random worlds, %u parameter sets", taken * share, taken);
}

void case_decide(struct check *c)
{
    work_with_many(c, 0);
}

void case_events(struct check *c)
{
    work_with_many(c, 20);
}

void case_tick(struct check *c)
{
    enum { TICKS = 200 };
    struct unit *u;

    if (!c->scheduler.tick_ns)
        check_skip(c, ".tick_ns is 0");
    u = unit_any(c, c->seed);
    for (unsigned i = 0; i < TICKS; i++) {
        c->report->world = i + 1;
        world_draw(&u->world);
        u->world.now += c->scheduler.tick_ns;
        unit_tick(u);
    }
    unit_work(u, TICKS);
    unit_end(u);
    check_note(c, "%d", TICKS);
}

/* ---- outcome() ---- */

/* Takes a new job k steps far, if it goes so far, and ends it as `status`. */
static void end_after(struct unit *u, unsigned k, uint32_t status)
{
    struct job *j = &u->jobs[0];

    world_draw(&u->world);
    u->check->report->world++;
    job_new(u, j);
    for (unsigned i = 0; i < k; i++)
        if (!job_step(u, j))
            return;
    job_end(u, j, status);
}

void case_outcome(struct check *c)
{
    enum { ROUNDS = 40, MOST_STEPS = 5, STATUSES = P2P_OUT_FAILED + 2 }; /* and an unknown one */
    struct unit *u;

    if (!c->scheduler.outcome)
        check_skip(c, "it has no outcome()");
    u = unit_any(c, c->seed);
    for (unsigned r = 0; r < ROUNDS; r++)
        for (unsigned k = 1; k <= MOST_STEPS; k++)
            for (uint32_t status = 0; status < STATUSES; status++)
                end_after(u, k, status);
    unit_work(u, ROUNDS);
    unit_end(u);
}

/* ---- heard() ---- */

static void hear(struct unit *u, const void *message, uint32_t len, uint32_t from)
{
    struct mock_world *w = &u->world;
    struct p2p_request rq = {.size = sizeof(rq),
                             .event = P2P_EV_TICK,
                             .from = from,
                             .host = &u->host,
                             .now_ns = w->now,
                             .node = &w->node,
                             .peers = w->peers,
                             .n_peers = w->n_peers};
    /* 8-aligned, with the wall right behind what was sent, rounded up. */
    void *copy = fence_new(&rq, len, "the message");

    if (!copy)
        check_fail(u->check, "", "out of memory");
    memcpy(copy, message, len);
    unit_enter(u, "heard");
    u->check->scheduler.heard(u->self, &rq, copy, len);
    unit_leave(u);
    fence_free(&rq);
}

static uint32_t any_sender(struct unit *u)
{
    struct chance *c = &u->world.chance;

    return chance_percent(c, 80)   ? world_any_peer(&u->world)
           : chance_percent(c, 50) ? u->world.last_id
                                   : P2P_NONE;
}

static void hear_garbage(struct unit *u)
{
    static const uint32_t lengths[] = {
        1, 2, 3, 4, 7, 8, 12, 15, 16, 24, 32, 64, 100, 1000, P2P_MESSAGE_MAX};
    struct chance *c = &u->world.chance;
    unsigned char bytes[P2P_MESSAGE_MAX];
    uint32_t len = lengths[chance_below(c, sizeof(lengths) / sizeof(lengths[0]))];
    bool zeros = chance_percent(c, 20), ones = chance_percent(c, 20);

    for (uint32_t i = 0; i < len; i++)
        bytes[i] = zeros ? 0 : ones ? 0xff : (unsigned char)chance_bits(c);
    hear(u, bytes, len, any_sender(u));
}

/* What it told somebody itself, whole, cut, or with a byte changed. */
static void hear_echo(struct unit *u)
{
    struct chance *c = &u->world.chance;
    unsigned most = u->n_messages < UNIT_MESSAGES ? u->n_messages : UNIT_MESSAGES;
    struct message m;

    if (most == 0)
        return;
    m = u->messages[chance_below(c, most)];
    if (chance_percent(c, 30))
        m.len = 1 + (uint32_t)chance_below(c, m.len);
    if (chance_percent(c, 50))
        m.bytes[chance_below(c, m.len)] = (unsigned char)chance_bits(c);
    hear(u, m.bytes, m.len, any_sender(u));
}

void case_heard(struct check *c)
{
    struct unit *u;
    unsigned n = c->options->worlds / 2 + 1;

    if (!c->scheduler.heard)
        check_skip(c, "it has no heard()");
    u = unit_any(c, c->seed);
    for (unsigned i = 0; i < n; i++) {
        c->report->world = i + 1;
        world_draw(&u->world);
        hear_garbage(u);
        hear_echo(u);
        unit_work(u, 2);
    }
    unit_end(u);
    check_note(c, "%u messages of random bytes", n);
}

/* ---- probes() ---- */

void case_probes(struct check *c)
{
    enum { TRIES = 60 };
    uint32_t least = UINT32_MAX, most = 0;

    if (!c->scheduler.probes)
        check_skip(c, "it has no probes(): .max_probes stands");
    for (unsigned i = 0; i < TRIES; i++) {
        char err[P2P_ERRLEN];
        struct unit *u =
            unit_try(c, i <= PRESET_RANDOM ? (enum preset)i : PRESET_RANDOM, c->seed + i, err);
        uint32_t again;

        if (!u)
            continue;
        unit_enter(u, "probes");
        again = c->scheduler.probes(u->self);
        unit_leave(u);
        if (again != u->n_probes)
            check_fail(c, "the same each time: it depends on the parameters alone",
                       "probes() says %u, then %u; parameters: %s", u->n_probes, again,
                       u->settings);
        least = again < least ? again : least;
        most = again > most ? again : most;
        unit_end(u);
    }
    if (least > most)
        unit_end(unit_any(c, c->seed));
    else
        check_note(c, "%u to %u", least, most);
}
