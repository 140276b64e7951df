// link: tests/check/support_run.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/check/support_run.h"

/* A bad plugin, the case that finds it, and what that says. */
struct bad {
    const char *file, *found_by, *says, *options;
};

static void each_is_found(const struct bad *bad, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct run r;
        char line[64];

        run_check(&r, "--seed 1 --worlds %u --only %s %s %s/tests/check/bad/%s.so", worlds(),
                  bad[i].found_by, bad[i].options ? bad[i].options : "", built(), bad[i].file);
        snprintf(line, sizeof(line), "  FAIL  %-12s", bad[i].found_by);
        if (r.code != 1 || !strstr(r.text, line) || !strstr(r.text, bad[i].says) ||
            !strstr(r.text, "0 passed, 1 failed, 0 skipped\n"))
            fail_msg("%s: '%s' is not found by %s:\n%s", bad[i].file, bad[i].says, bad[i].found_by,
                     r.text);
    }
}

#define EACH_IS_FOUND(table) each_is_found(table, sizeof(table) / sizeof((table)[0]))

static void what_is_wrong_with_the_file(void **state)
{
    static const struct bad bad[] = {
        {"constructor", "file", "runs code when it is loaded", NULL},
        {"thread_local", "file", "uses thread-local storage", NULL},
        {"exports", "exports", "exports least_loaded", NULL},
        {"mallocs", "imports", "host->alloc() in init()", NULL},
        {"clock", "imports", "calls or uses time\n        right: the time is rq->now_ns", NULL},
        {"rand", "imports", "calls or uses rand\n        right: randomness is host->rand()", NULL},
        {"prints", "imports", "p2p_logf() writes into the node's log", NULL},
        {"exits", "imports", "a plugin does not end the node", NULL},
        {"counter", "globals", "can be written: jobs_so_far", NULL},
        {"shares", "globals", "can be written: last_id", NULL},
    };

    (void)state;
    EACH_IS_FOUND(bad);
}

static void what_is_wrong_with_its_tables(void **state)
{
    static const struct bad bad[] = {
        {"undefined", "entry", "undefined symbol: score_of_a_peer", NULL},
        {"overlap", "entry", "scheduler 'bad': ", NULL},
        {"bad_default", "entry", "scheduler 'bad': ", NULL},
        {"reserved", "entry", "p2p_plugin.reserved is 7", NULL},
        {"nothing", "entry", "offers no scheduler and no learner", NULL},
        {"no_summary", "ops", "'bad' has no summary", NULL},
        {"saves_only", "ops", "it has save() without load()", NULL},
    };

    (void)state;
    EACH_IS_FOUND(bad);
}

static void what_is_wrong_with_its_parameters(void **state)
{
    static const struct bad bad[] = {
        {"clamps", "params", "init() changed them from fanout=64 to fanout=8", NULL},
        {"refuses_silently", "params", "init() refuses and gives no reason", NULL},
        {"refuses_all", "params", "the stars are not right", NULL},
        {"refuses_all", "determinism", "right: give it what it needs: --set NAME=VALUE", NULL},
        {"live", "live", "SIGSEGV in decide()", NULL},
        {"clamps", "params", "from fanout=33 to fanout=8", "--set fanout=33"},
    };

    (void)state;
    EACH_IS_FOUND(bad);
}

static void what_is_wrong_with_its_answers(void **state)
{
    static const struct bad bad[] = {
        {"unknown_peer", "decide", "answers event ARRIVAL with FORWARD to peer 0 (unknown_peer)",
         NULL},
        {"endless", "decide", "(too_many_steps)", NULL},
        {"past_deadline", "decide", "(wait_past_deadline)", NULL},
        {"too_many_probes", "decide", "PROBE of 2 with need 0 (bad_probes)", NULL},
        {"bad_status", "decide", "REJECT with HTTP status 1000 (illegal_action)", NULL},
        {"unknown_event", "events", "an action of kind 99, which there is not", NULL},
        {"tick", "tick", "answers event TICK with LOCAL", NULL},
    };

    (void)state;
    EACH_IS_FOUND(bad);
}

static void what_crashes_and_what_writes_where_it_may_not(void **state)
{
    static const struct bad bad[] = {
        {"no_peers", "decide", "SIGSEGV in decide(): it touched byte 19200 of rq->peers", NULL},
        {"divides", "decide", "SIGFPE in decide()", NULL},
        {"overrun", "decide", "behind the 4 bytes of the instance", NULL},
        {"far_overrun", "decide", "SIGSEGV in decide(): it touched byte 320 of rq->state", NULL},
        {"writes_peers", "decide", "decide() changed rq->peers", NULL},
        {"hangs", "decide", "did not end within 1 s: it is in decide()", "--seconds 1"},
        {"exits", "decide", "ended its process with exit code 0 in decide()", NULL},
        {"outcome", "outcome", "SIGSEGV in outcome(): it touched byte 32 of the instance", NULL},
    };

    (void)state;
    EACH_IS_FOUND(bad);
}

static void what_misuses_the_services_of_the_host(void **state)
{
    static const struct bad bad[] = {
        {"allocs_late", "decide", "in decide(): it calls alloc(), which returns NULL there", NULL},
        {"counts_late", "decide", "in decide(): it calls counter(\"jobs\")", NULL},
        {"no_null_check", "memory", "in init(), call 1 of alloc() had returned NULL", NULL},
        {"believes_messages", "heard", "in heard()", NULL},
        {"greedy_probes", "probes", "probes() wants 9 slots, max_probes is 8", NULL},
        {"bad_space", "space", "bounds dimension 1 by 5 and 5", NULL},
    };

    (void)state;
    EACH_IS_FOUND(bad);
}

static void what_is_not_the_same_each_time(void **state)
{
    static const struct bad bad[] = {
        {"address", "determinism", "two instances in turn behave unlike one alone", NULL},
        {"shares", "determinism", "answers REJECT with HTTP status 0, alone LOCAL", NULL},
        {"only_a_few", "swap", "after 50 swaps: bad: its init failed: too many instances", NULL},
    };

    (void)state;
    EACH_IS_FOUND(bad);
}

static void what_is_wrong_with_its_state(void **state)
{
    static const struct bad bad[] = {
        {"forgetful", "state", "save(), load(), save(): byte 8 of 12 differs", NULL},
        {"ignores_writes", "state", "save() returns true though a write failed", NULL},
        {"gullible", "garbage", "load() returns true for 1 MB of random bytes", NULL},
        {"believes_sizes", "garbage", "in load(), given 1 MB of random bytes: it touched", NULL},
    };

    (void)state;
    EACH_IS_FOUND(bad);
}

static void what_is_wrong_with_a_learner(void **state)
{
    static const struct bad bad[] = {
        {"unmasked", "act", "act() chooses action 0 of", NULL},
        {"diverges", "learn", "act() says the value inf", NULL},
        {"chooses_badly", "act", "choose() tells action 64 of", NULL},
        {"no_answered", "act", "it calls http() and has no answered()", NULL},
        {"takes_pending", "decide", "REJECT with HTTP status 399", NULL},
    };

    (void)state;
    EACH_IS_FOUND(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_with_the_file),
        cmocka_unit_test(what_is_wrong_with_its_tables),
        cmocka_unit_test(what_is_wrong_with_its_parameters),
        cmocka_unit_test(what_is_wrong_with_its_answers),
        cmocka_unit_test(what_crashes_and_what_writes_where_it_may_not),
        cmocka_unit_test(what_misuses_the_services_of_the_host),
        cmocka_unit_test(what_is_not_the_same_each_time),
        cmocka_unit_test(what_is_wrong_with_its_state),
        cmocka_unit_test(what_is_wrong_with_a_learner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
