/* So many containers are wanted: runtime docker against a daemon that says what it is told. */
#include "tests/host/runtimes/support_pool.h"

/* Its first connection is asked whether it is ready, and holds one call. */
static const struct nasty_step gated[] = {{NASTY_REQUEST, NULL, 0}, {NASTY_ECHO, NULL, 0},
                                          {NASTY_REQUEST, NULL, 0}, {NASTY_GATE, NULL, 0},
                                          {NASTY_ECHO, NULL, 0},    {NASTY_END, NULL, 0}};
static const struct nasty_step *const holding[] = {gated, echo, NULL};

static void scale(unsigned replicas)
{
    char err[P2P_ERRLEN] = "";

    if (runtime->scale(program, replicas, err))
        fail_msg("not scaled to %u: %s", replicas, err);
}

static bool there_are(unsigned replicas, unsigned available)
{
    struct replica_count c;

    runtime_count(runtime, program, &c);
    return c.replicas == replicas && c.available == available;
}

static void open_scaled(unsigned replicas)
{
    function.replicas_max = 4;
    open_docker();
    RUN_UNTIL(fake_has_events());
    scale(replicas);
    RUN_UNTIL(there_are(replicas, replicas));
}

static void as_many_are_started_as_are_wanted(void **state)
{
    struct replica_count c;

    (void)state;
    daemon_that_works();
    open_scaled(3);
    assert_int_equal(fake_asked(CREATE), 3);
    runtime_count(runtime, program, &c);
    for (int i = COLD_CREATE; i <= COLD_READY; i++)
        assert_true(c.last.phase_ns[i] > 0);
    scale(1);
    assert_true(there_are(3, 1));
    RUN_UNTIL(there_are(1, 1));
    assert_int_equal(fake_asked("DELETE "), 2);
    scale(0);
    RUN_UNTIL(there_are(0, 0));
    assert_int_equal(fake_asked("DELETE "), 3);
    answers_text(ask("hello"), "hello");
    assert_true(there_are(1, 1));
}

static void more_than_the_most_are_refused(void **state)
{
    char err[P2P_ERRLEN] = "";

    (void)state;
    daemon_that_works();
    open_docker();
    assert_int_equal(runtime->scale(program, 2, err), -1);
    assert_string_equal(err, "function 'f' can have 1 replicas at most, its replicas_max");
    assert_true(there_are(0, 0));
}

static void container_with_calls_ends_after_them(void **state)
{
    struct asked *a;

    (void)state;
    daemon_that_works();
    nasty_stop(container);
    serve(holding);
    open_scaled(1);
    a = ask("hello");
    scale(0);
    assert_true(there_are(1, 0));
    assert_int_equal(fake_asked("DELETE "), 0);
    nasty_let_pass(container, 1);
    answers_text(a, "hello");
    RUN_UNTIL(there_are(0, 0));
    assert_int_equal(fake_asked("DELETE "), 1);
}

static void container_with_calls_is_called_back(void **state)
{
    struct asked *a;

    (void)state;
    daemon_that_works();
    nasty_stop(container);
    serve(holding);
    open_scaled(1);
    a = ask("hello");
    scale(0);
    answers_text(ask("again"), "again");
    assert_true(there_are(1, 1));
    nasty_let_pass(container, 1);
    answers_text(a, "hello");
    assert_true(there_are(1, 1));
    assert_int_equal(fake_asked(CREATE), 1);
}

static void none_ends_those_on_their_way(void **state)
{
    (void)state;
    daemon_that_works();
    nasty_stop(container);
    serve(muttering);
    function.start_timeout = LONG_NS;
    function.replicas_max = 2;
    open_docker();
    RUN_UNTIL(fake_has_events());
    scale(2);
    RUN_UNTIL(fake_asked("/json HTTP") >= 2);
    scale(0);
    RUN_UNTIL(there_are(0, 0));
    assert_int_equal(fake_asked("DELETE "), fake_asked(CREATE));
}

static void wish_for_more_ends_when_nobody_calls(void **state)
{
    (void)state;
    daemon_that_works();
    function.idle_timeout = 100000000;
    open_scaled(3);
    answers_text(ask("hello"), "hello");
    RUN_UNTIL(there_are(0, 0));
    assert_int_equal(fake_asked(CREATE), 3);
}

static void wish_for_fewer_ends_with_a_call(void **state)
{
    (void)state;
    daemon_that_works();
    function.replicas_min = 2;
    function.replicas_max = 2;
    function.idle_timeout = 10000000;
    open_docker();
    RUN_UNTIL(there_are(2, 2));
    scale(0);
    RUN_UNTIL(there_are(0, 0));
    for (double end = ev_time() + 0.05; ev_time() < end;)
        ev_run(home.loop, EVRUN_ONCE);
    assert_true(there_are(0, 0));
    answers_text(ask("hello"), "hello");
    RUN_UNTIL(there_are(2, 2));
}

static void wish_outlives_the_daemon(void **state)
{
    (void)state;
    daemon_that_works();
    open_scaled(2);
    fake_event(NULL);
    RUN_UNTIL(there_are(0, 0));
    RUN_UNTIL(there_are(2, 2));
    assert_int_equal(fake_asked(CREATE), 4);
}

static void wish_waits_for_the_daemon(void **state)
{
    (void)state;
    daemon_that_works();
    open_docker();
    scale(1);
    assert_true(there_are(0, 0));
    RUN_UNTIL(there_are(1, 1));
}

static void wish_is_kept_over_a_failure(void **state)
{
    (void)state;
    daemon_that_works();
    fake_says(CREATE, 500, "{\"message\":\"disk is full\"}");
    open_docker();
    RUN_UNTIL(fake_has_events());
    scale(1);
    RUN_UNTIL(is("disk is full"));
    fake_says(CREATE, 201, "ID");
    RUN_UNTIL(there_are(1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_docker, teardown_docker)
        TEST(as_many_are_started_as_are_wanted),
        TEST(more_than_the_most_are_refused),
        TEST(container_with_calls_ends_after_them),
        TEST(container_with_calls_is_called_back),
        TEST(none_ends_those_on_their_way),
        TEST(wish_for_more_ends_when_nobody_calls),
        TEST(wish_for_fewer_ends_with_a_call),
        TEST(wish_outlives_the_daemon),
        TEST(wish_waits_for_the_daemon),
        TEST(wish_is_kept_over_a_failure),
    };

    return cmocka_run_group_tests(tests, begin_all, NULL);
}
