/* How many replicas a function has that is a program: server.c and fork.c. */
#include "tests/host/runtimes/support_runs.h"

static char path[512];

static int setup_server(void **state)
{
    runtime = &runtime_server;
    return setup(state);
}

static int setup_fork(void **state)
{
    runtime = &runtime_fork;
    return setup(state);
}

static void open_function(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", getenv("P2P_TEST_FUNCTIONS"), name);
    open_program((const char *const[]){path, NULL});
}

static struct replica_count now(void)
{
    struct replica_count c;

    runtime_count(runtime, program, &c);
    return c;
}

static bool there_are(unsigned replicas, unsigned available)
{
    struct replica_count c = now();

    return c.replicas == replicas && c.available == available;
}

static void scale(unsigned replicas)
{
    char err[P2P_ERRLEN] = "";

    if (runtime->scale(program, replicas, err))
        fail_msg("not scaled to %u: %s", replicas, err);
}

static void cannot_scale(unsigned replicas, const char *why)
{
    char err[P2P_ERRLEN] = "";

    assert_int_equal(runtime->scale(program, replicas, err), -1);
    if (!strstr(err, why))
        fail_msg("the reason is: %s", err);
}

static bool is(const char *words_of_it)
{
    char text[P2P_ERRLEN];

    runtime->describe(program, text, sizeof(text));
    return strstr(text, words_of_it) != NULL;
}

static struct asked *sleep_for(const char *target)
{
    struct asked *a = prepare("x", 1);

    to(a, target);
    return start(a);
}

/* ---- one program for all calls ---- */

static void one_starts_it_and_none_ends_it(void **state)
{
    (void)state;
    open_function("echo");
    assert_true(there_are(0, 0));
    scale(1);
    assert_true(there_are(1, 0));
    RUN_UNTIL(there_are(1, 1));
    assert_true(now().last.phase_ns[COLD_START] > 0);
    assert_true(now().last.phase_ns[COLD_READY] > 0);
    scale(1);
    assert_true(there_are(1, 1));
    scale(0);
    assert_true(there_are(1, 0));
    RUN_UNTIL(there_are(0, 0));
    assert_true(is("stopped"));
    scale(0);
    assert_true(there_are(0, 0));
}

static void call_after_none_starts_it(void **state)
{
    struct asked *a;

    (void)state;
    function.start = FUNCTION_AHEAD;
    open_function("echo");
    RUN_UNTIL(there_are(1, 1));
    scale(0);
    RUN_UNTIL(there_are(0, 0));
    a = ask("hello");
    answers_text(a, "hello");
    assert_true(a->run.cold);
    assert_true(a->run.cold_start.phase_ns[COLD_START] > 0);
    assert_true(a->run.cold_start.phase_ns[COLD_ANSWER] > 0);
    assert_true(there_are(1, 1));
}

static void call_while_it_ends_is_served_by_the_next(void **state)
{
    struct asked *a;

    (void)state;
    open_function("echo");
    answers_text(ask("hello"), "hello");
    scale(0);
    a = ask("again");
    answers_text(a, "again");
    assert_true(a->run.cold);
    assert_true(there_are(1, 1));
}

static void it_ends_after_its_calls(void **state)
{
    struct asked *a[3];

    (void)state;
    open_function("sleep");
    for (int i = 0; i < 3; i++)
        a[i] = sleep_for("/?us=50000");
    RUN_UNTIL(there_are(1, 1));
    scale(0);
    assert_true(there_are(1, 1));
    for (int i = 0; i < 3; i++) {
        RUN_UNTIL(a[i]->done);
        assert_int_equal(a[i]->result, RUN_ANSWERED);
    }
    RUN_UNTIL(there_are(0, 0));
}

static void call_before_its_end_keeps_it(void **state)
{
    struct asked *a, *b;

    (void)state;
    open_function("sleep");
    a = sleep_for("/?us=50000");
    RUN_UNTIL(there_are(1, 1));
    scale(0);
    b = sleep_for("/?us=60000");
    RUN_UNTIL(a->done && b->done);
    assert_false(b->run.cold);
    ev_run(home.loop, EVRUN_ONCE);
    ev_run(home.loop, EVRUN_ONCE);
    assert_true(there_are(1, 1));
}

static void call_makes_it_run_ahead_again(void **state)
{
    struct asked *a;

    (void)state;
    function.start = FUNCTION_AHEAD;
    open_function("misbehave");
    RUN_UNTIL(there_are(1, 1));
    a = sleep_for("/?do=slow&ms=50");
    scale(0);
    fails(sleep_for("/?do=crash"), RUN_FAILED, 502, "");
    RUN_UNTIL(a->done && is("back-off"));
    RUN_UNTIL(there_are(1, 1));
}

static void cancelled_call_holds_it_no_longer(void **state)
{
    struct asked *a;

    (void)state;
    open_function("sleep");
    a = sleep_for("/?us=10000000");
    RUN_UNTIL(there_are(1, 1));
    ev_run(home.loop, EVRUN_ONCE);
    scale(0);
    runtime->cancel(&a->run);
    RUN_UNTIL(a->done && there_are(0, 0));
    assert_int_equal(a->result, RUN_CANCELLED);
}

static void none_while_it_starts_ends_it_unless_calls_wait(void **state)
{
    struct asked *a;

    (void)state;
    open_function("echo");
    scale(1);
    RUN_UNTIL(is("starting"));
    scale(0);
    RUN_UNTIL(there_are(0, 0));
    a = ask("hello");
    RUN_UNTIL(is("starting"));
    scale(0);
    answers_text(a, "hello");
}

static void program_that_ignores_its_end_is_killed(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "trap '' TERM; \"%s/echo\" & while :; do wait; done",
             getenv("P2P_TEST_FUNCTIONS"));
    open_script(path);
    scale(1);
    RUN_UNTIL(there_are(1, 1));
    scale(0);
    RUN_UNTIL(there_are(0, 0));
}

static void wish_for_one_outlives_a_crash_until_none(void **state)
{
    (void)state;
    open_function("misbehave");
    scale(1);
    RUN_UNTIL(there_are(1, 1));
    fails(sleep_for("/?do=crash"), RUN_FAILED, 502, "");
    RUN_UNTIL(is("back-off"));
    assert_true(there_are(0, 0));
    RUN_UNTIL(there_are(1, 1));
    fails(sleep_for("/?do=crash"), RUN_FAILED, 502, "");
    RUN_UNTIL(is("back-off"));
    scale(0);
    RUN_UNTIL(is("stopped"));
}

static void more_than_one_is_refused(void **state)
{
    (void)state;
    open_function("echo");
    cannot_scale(2, "function 'f' is one program: it can have 0 or 1 replicas");
    assert_true(there_are(0, 0));
}

/* ---- a program a call ---- */

static void program_a_call_is_always_one(void **state)
{
    (void)state;
    open_program((const char *const[]){"/bin/cat", NULL});
    assert_true(there_are(1, 1));
    scale(1);
    cannot_scale(0, "it can only have 1 replica");
    cannot_scale(2, "it can only have 1 replica");
    assert_true(there_are(1, 1));
    answers_text(ask("hello"), "hello");
}

static void function_that_could_not_be_set_up_has_none(void **state)
{
    (void)state;
    assert_true(there_are(0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SERVER(name) cmocka_unit_test_setup_teardown(name, setup_server, teardown)
#define FORK(name) cmocka_unit_test_setup_teardown(name, setup_fork, teardown)
        SERVER(one_starts_it_and_none_ends_it),
        SERVER(call_after_none_starts_it),
        SERVER(call_while_it_ends_is_served_by_the_next),
        SERVER(it_ends_after_its_calls),
        SERVER(call_before_its_end_keeps_it),
        SERVER(call_makes_it_run_ahead_again),
        SERVER(cancelled_call_holds_it_no_longer),
        SERVER(none_while_it_starts_ends_it_unless_calls_wait),
        SERVER(program_that_ignores_its_end_is_killed),
        SERVER(wish_for_one_outlives_a_crash_until_none),
        SERVER(more_than_one_is_refused),
        FORK(program_a_call_is_always_one),
        FORK(function_that_could_not_be_set_up_has_none),
    };

    return cmocka_run_group_tests(tests, begin_all, NULL);
}
