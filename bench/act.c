/*
 * act.c - what a learner's choice costs a decision.
 *
 * usage: act PLUGINS [ROUNDS [NAME]]
 *
 *   act        the scheduler's host->act(), through the engine: the learner, and an episode
 *   and learn  act(), reward(), and learn() for each batch of them
 *   decision   a job from its arrival to its outcome, scheduler, learner and learning in it
 *
 * Each figure is the median of ROUNDS (5), in which the candidates take turns; with NAME only
 * those whose name has it.  Times are those of the processor; those of the learner that is
 * asked over HTTP are the clock's, as it works in another process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "bench/act_http.h"
#include "bench/cpu.h"
#include "bench/instant.h"
#include "bench/median.h"
#include "engine/private.h"

enum { MOST_ROUNDS = 99, PEERS = 9, MOST_VALUES = 8, MOST_DIMS = 16, HTTP_CALLS = 200 };

/* name=value, ended by NULL */
struct plugin_choice {
    const char *name;
    const char *set[MOST_VALUES];
};

struct candidate {
    const char *name;
    struct plugin_choice scheduler, learner;
    unsigned states; /* that it is asked about */
    unsigned calls;  /* a round */
    struct engine *engine;
    float *state;
    struct decision decision;
    double act[MOST_ROUNDS], learn[MOST_ROUNDS], whole[MOST_ROUNDS];
};

#define LEARNING                                                                                   \
    {                                                                                              \
        "learning",                                                                                \
        {                                                                                          \
            "peers=9"                                                                              \
        }                                                                                          \
    }
#define TWO_TYPES                                                                                  \
    {                                                                                              \
        "learning",                                                                                \
        {                                                                                          \
            "peers=9", "task_types=2"                                                              \
        }                                                                                          \
    }
static struct candidate candidates[] = {
    {.name = "table, 1,000 states",
     .scheduler = LEARNING,
     .learner = {"rl_qlearning"},
     .states = 1000,
     .calls = 200000},
    {.name = "table, 100,000 states",
     .scheduler = TWO_TYPES,
     .learner = {"rl_qlearning", {"memory=60MB"}},
     .states = 100000,
     .calls = 200000},
    {.name = "two tables, 1,000 states",
     .scheduler = LEARNING,
     .learner = {"rl_qlearning", {"double=true"}},
     .states = 1000,
     .calls = 200000},
    {.name = "tiles, 8 tilings of 8",
     .scheduler = LEARNING,
     .learner = {"rl_qlearning", {"approximation=tiles"}},
     .states = 1000,
     .calls = 100000},
    {.name = "rl_double on a table",
     .scheduler = {"rl_double", {"peers=9"}},
     .learner = {"rl_qlearning"},
     .states = 1000,
     .calls = 200000},
    {.name = "dqn, 1 layer of 32",
     .scheduler = LEARNING,
     .learner = {"dqn"},
     .states = 1000,
     .calls = 10000},
    {.name = "dqn, 2 layers of 256",
     .scheduler = LEARNING,
     .learner = {"dqn", {"layers=2", "hidden=256"}},
     .states = 1000,
     .calls = 200},
    {.name = "ucb1", .scheduler = {"ucb1"}, .calls = 200000},
    {.name = "thompson", .scheduler = {"thompson"}, .calls = 100000},
    {.name = "linucb", .scheduler = {"linucb"}, .calls = 50000},
};
enum { CANDIDATES = sizeof(candidates) / sizeof(candidates[0]) };

static void die(const char *what)
{
    fprintf(stderr, "bench-act: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- making them ---- */

struct parts {
    char text[MOST_VALUES][32];
    const char *names[MOST_VALUES], *values[MOST_VALUES];
};

static struct selection selection_of(const struct plugin_choice *c, struct parts *p)
{
    struct selection s = {.name = c->name, .names = p->names, .values = p->values};

    for (; s.n < MOST_VALUES && c->set[s.n]; s.n++) {
        char *equals;

        snprintf(p->text[s.n], sizeof(p->text[s.n]), "%s", c->set[s.n]);
        equals = strchr(p->text[s.n], '=');
        *equals = '\0';
        p->names[s.n] = p->text[s.n];
        p->values[s.n] = equals + 1;
    }
    return s;
}

/* As many different states as are to be had, whole numbers. */
static void draw_states(struct candidate *c)
{
    const struct p2p_space *space = &c->engine->current->space;
    struct random r;

    c->state = calloc((size_t)c->states * MOST_DIMS, sizeof(float));
    if (!c->state || space->n_dims > MOST_DIMS)
        die("out of memory");
    random_seed(&r, 1);
    for (unsigned i = 0; i < c->states; i++)
        for (uint32_t k = 0; k < space->n_dims; k++)
            c->state[(size_t)i * MOST_DIMS + k] =
                (float)(random_next(&r) % ((uint64_t)space->hi[k] + 1));
}

static void make(struct candidate *c, struct catalog *catalog)
{
    static const struct engine_settings settings = {.probe_timeout_ns = 1000000};
    struct parts parts[2];
    struct selection scheduler = selection_of(&c->scheduler, &parts[0]);
    struct selection learner = {0};
    char err[P2P_ERRLEN] = "out of memory";

    if (c->learner.name)
        learner = selection_of(&c->learner, &parts[1]);
    c->engine = engine_new(catalog, &instant_world, NULL, &settings);
    if (!c->engine ||
        engine_select_pair(c->engine, &scheduler, c->learner.name ? &learner : NULL, err))
        die(err);
    if (c->states)
        draw_states(c);
}

/* ---- timing ---- */

/* ns each */
static double time_acts(struct candidate *c, bool learn)
{
    const struct p2p_host *host = &c->engine->current->g.host;
    struct p2p_choice answer = {0};
    double began = cpu_now();

    for (unsigned i = 0; i < c->calls; i++) {
        const float *state = c->state + (size_t)(i % c->states) * MOST_DIMS;

        if (!host->act(host, state, 0, &answer))
            die("a learner does not answer");
        if (learn)
            host->reward(host, answer.episode, (float)(i % 2), state);
    }
    return (cpu_now() - began) * 1e9 / c->calls;
}

static double time_decisions(struct candidate *c)
{
    _Alignas(16) static unsigned char memory[8192];
    double began;

    c->decision.room = (struct decision_room){.memory = memory, .size = sizeof(memory)};
    began = cpu_now();
    for (unsigned i = 0; i < c->calls; i++)
        decision_begin(c->engine, &c->decision, &(struct decision_job){.id = i, .from = P2P_NONE});
    return (cpu_now() - began) * 1e9 / c->calls;
}

static void take_turn(struct candidate *c, unsigned round)
{
    c->whole[round] = time_decisions(c);
    if (!c->states)
        return;
    c->learn[round] = time_acts(c, true);
    c->act[round] = time_acts(c, false);
}

/* ---- the table ---- */

static void print_row(struct candidate *c, unsigned rounds, double http_ns)
{
    double whole = median(c->whole, rounds), act = median(c->act, rounds);

    printf("  %-26s", c->name);
    if (c->states)
        printf(" %9.0f %10.0f %10.0f", act, median(c->learn, rounds), whole);
    else
        printf(" %9s %10s %10.0f", "", "", whole);
    if (http_ns > 0)
        printf(" %9.0f x", http_ns / (c->states ? act : whole));
    printf("\n");
}

int main(int argc, char **argv)
{
    static double http[MOST_ROUNDS];
    char copies[] = "/tmp/p2pfaas-bench-act-XXXXXX", err[P2P_ERRLEN];
    unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 5;
    const char *only = argc > 3 ? argv[3] : "";
    struct catalog *catalog;
    struct act_http h;
    bool has_http;
    double http_ns;

    if (argc < 2 || rounds < 1 || rounds > MOST_ROUNDS)
        die("usage: act PLUGINS [ROUNDS [NAME]], from the top folder");
    catalog = mkdtemp(copies) ? catalog_new(argv[1], copies, err) : NULL;
    if (!catalog || catalog_scan(catalog, NULL, NULL, err) < 0)
        die("no plugins there");
    instant_peers(PEERS);
    has_http = strstr("over HTTP", only) && act_http_start(&h) == 0;
    for (unsigned k = 0; k < CANDIDATES; k++)
        if (strstr(candidates[k].name, only))
            make(&candidates[k], catalog);
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned k = 0; k < CANDIDATES; k++)
            if (candidates[k].engine)
                take_turn(&candidates[k], i);
        http[i] = has_http ? act_http_time(&h, HTTP_CALLS) * 1e9 : 0;
    }
    http_ns = median(http, rounds);

    printf("%u peers, one thread, ns, medians of %u rounds\n\n", PEERS, rounds);
    printf("  %-26s %9s %10s %10s %11s\n", "", "act", "and learn", "decision",
           has_http ? "HTTP/act" : "");
    for (unsigned k = 0; k < CANDIDATES; k++) {
        struct candidate *c = &candidates[k];

        if (!c->engine)
            continue;
        print_row(c, rounds, http_ns);
        engine_free(c->engine);
        free(c->state);
    }
    if (has_http) {
        printf("  %-26s %9.0f %43s\n", "over HTTP, keep-alive", http_ns,
               "Flask and waitress, a table; by the clock");
        act_http_stop(&h);
    } else if (!*only) {
        printf("  no row over HTTP: bench/http_learner.py did not start; it needs python3-flask\n"
               "  and python3-waitress\n");
    }
    catalog_free(catalog);
    return EXIT_SUCCESS;
}
