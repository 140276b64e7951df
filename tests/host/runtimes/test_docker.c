/* Runtime docker against a daemon that says what a real one does not say on demand. */
#include "tests/host/runtimes/support_pool.h"

/* ---- what works ---- */

static void call_is_served_by_a_container(void **state)
{
    struct asked *a;

    (void)state;
    daemon_that_works();
    open_docker();
    a = ask("hello");
    answers_text(a, "hello");
    assert_true(a->run.cold);
    assert_true(a->run.cold_start.phase_ns[COLD_CREATE] > 0);
    a = ask("again");
    answers_text(a, "again");
    assert_false(a->run.cold);
    assert_int_equal(a->run.cold_start.phase_ns[COLD_START], 0);
    assert_int_equal(fake_asked(CREATE), 1);
    close_program();
    assert_int_equal(fake_asked("POST " API "/containers/ab0001/stop"), 1);
    assert_int_equal(fake_asked("DELETE " API "/containers/ab0001?"), 1);
}

static void warm_container_has_only_to_start(void **state)
{
    struct asked *a;

    (void)state;
    daemon_that_works();
    function.replicas_max = 2;
    function.warm = 1;
    open_docker();
    RUN_UNTIL(fake_asked(CREATE) == 1);
    assert_int_equal(fake_asked("/start"), 0);
    a = ask("hello");
    answers_text(a, "hello");
    RUN_UNTIL(fake_asked(CREATE) == 2);
    assert_int_equal(fake_asked("/containers/ab0001/start"), 1);
    assert_int_equal(fake_asked("/start"), 1);
}

static void idle_container_is_removed(void **state)
{
    (void)state;
    daemon_that_works();
    function.idle_timeout = 20000000;
    open_docker();
    answers_text(ask("hello"), "hello");
    RUN_UNTIL(fake_asked("DELETE ") == 1);
    RUN_UNTIL(is("0 of 1"));
    answers_text(ask("again"), "again");
    assert_int_equal(fake_asked(CREATE), 2);
}

static void least_are_always_there(void **state)
{
    (void)state;
    daemon_that_works();
    function.replicas_min = 2;
    function.replicas_max = 3;
    function.idle_timeout = 10000000;
    open_docker();
    RUN_UNTIL(is("2 ready"));
    assert_int_equal(fake_asked(CREATE), 2);
}

/* ---- what the daemon refuses ---- */

static void pull_that_fails_inside_its_stream_is_told(void **state)
{
    (void)state;
    daemon_that_works();
    fake_says("GET " API "/images/img/json", 404, "{\"message\":\"No such image\"}");
    fake_says("POST " API "/images/create?fromImage=img&tag=latest", 200,
              "{\"status\":\"Pulling\",\"progressDetail\":{\"current\":1,\"total\":9}}\r\n"
              "{\"errorDetail\":{},\"error\":\"manifest unknown\"}\r\n");
    open_docker();
    fails(ask("x"), RUN_FAILED, 502, "its image 'img' cannot be fetched: manifest unknown");
    assert_int_equal(fake_asked(CREATE), 0);
}

static void image_is_fetched_when_it_is_missing(void **state)
{
    (void)state;
    daemon_that_works();
    fake_says("GET " API "/images/img/json", 404, "{\"message\":\"No such image\"}");
    fake_says("POST " API "/images/create", 200, "{\"status\":\"Done\"}\n");
    open_docker();
    answers_text(ask("hello"), "hello");
}

static void image_is_not_fetched_when_that_is_not_allowed(void **state)
{
    (void)state;
    daemon_that_works();
    fake_says("GET " API "/images/img/json", 404, "{\"message\":\"No such image\"}");
    docker.pull = PULL_NEVER;
    open_docker();
    fails(ask("x"), RUN_FAILED, 502, "is not here, and docker.pull is 'never'");
    assert_int_equal(fake_asked("/images/create"), 0);
}

static void creation_that_fails_is_told(void **state)
{
    (void)state;
    daemon_that_works();
    fake_says(CREATE, 500, "{\"message\":\"disk is full\"}");
    open_docker();
    fails(ask("x"), RUN_FAILED, 502, "cannot be created: Docker says: disk is full");
}

static void start_that_fails_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    daemon_that_works();
    fake_says("POST " API "/containers/ab0", 400, "{\"message\":\"exec: not found\"}");
    open_docker();
    fails(ask("x"), RUN_FAILED, 502, "cannot be started: Docker says: exec: not found");
    RUN_UNTIL(fake_asked("DELETE ") == fake_asked(CREATE));
}

static void container_that_never_gets_ready_is_ended(void **state)
{
    (void)state;
    daemon_that_works();
    nasty_stop(container);
    serve(muttering);
    function.start_timeout = 50000000;
    open_docker();
    fails(ask("x"), RUN_FAILED, 502, "was not ready on port 8080 within start_timeout");
    RUN_UNTIL(fake_asked("DELETE ") == fake_asked(CREATE));
}

/* ---- what happens to containers ---- */

static void container_that_died_is_replaced(void **state)
{
    (void)state;
    daemon_that_works();
    open_docker();
    answers_text(ask("hello"), "hello");
    fake_event("{\"Action\":\"die\",\"Actor\":{\"ID\":\"ab0009\"}}\n");
    fake_event("{\"Action\":\"die\",\"Actor\":{\"ID\":\"ab0001\"}}\n");
    RUN_UNTIL(fake_asked("DELETE ") == 1);
    answers_text(ask("again"), "again");
    assert_int_equal(fake_asked(CREATE), 2);
}

static void container_of_the_same_settings_is_taken_up(void **state)
{
    char hash[SETTINGS_HASH], list[512];

    (void)state;
    daemon_that_works();
    assert_int_equal(docker_hash(&function, hash), 0);
    snprintf(list, sizeof(list),
             "[{\"Id\":\"ab77\",\"State\":\"running\",\"Labels\":{\"p2pfaas.function\":\"f\","
             "\"p2pfaas.settings\":\"%s\"}},{\"Id\":\"ab78\",\"State\":\"running\",\"Labels\":{"
             "\"p2pfaas.function\":\"f\",\"p2pfaas.settings\":\"old\"}},{\"Id\":\"ab79\","
             "\"State\":\"exited\",\"Labels\":{\"p2pfaas.function\":\"f\"}}]",
             hash);
    fake_says("GET " API "/containers/json", 200, list);
    open_docker();
    RUN_UNTIL(is("1 ready"));
    answers_text(ask("hello"), "hello");
    RUN_UNTIL(fake_asked("DELETE " API "/containers/ab78") == 1);
    RUN_UNTIL(fake_asked("DELETE " API "/containers/ab79") == 1);
    assert_int_equal(fake_asked(CREATE), 0);
    assert_int_equal(fake_asked("DELETE " API "/containers/ab77"), 0);
}

static void container_that_hangs_is_replaced(void **state)
{
    static const struct nasty_step ready[] = {
        {NASTY_REQUEST, NULL, 0},
        {NASTY_SEND, "HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n", 0},
        {NASTY_REQUEST, NULL, 0},
        {NASTY_DRAIN, NULL, 0},
        {NASTY_END, NULL, 0}};
    static const struct nasty_step silent[] = {{NASTY_DRAIN, NULL, 0}, {NASTY_END, NULL, 0}};
    static const struct nasty_step *const scripts[] = {ready, silent, silent, echo, NULL};

    (void)state;
    daemon_that_works();
    nasty_stop(container);
    serve(scripts);
    open_docker();
    for (int i = 0; i < 3; i++) {
        struct asked *a = prepare("x", 1);

        a->run.timeout_ns = i ? 50000000 : 500000000;
        fails(start(a), RUN_TIMEOUT, 504, "");
    }
    RUN_UNTIL(fake_asked("DELETE ") == 1);
    answers_text(ask("again"), "again");
}

/* ---- the daemon ---- */

static void daemon_that_is_not_there_is_named(void **state)
{
    char err[P2P_ERRLEN] = "";

    (void)state;
    program = runtime->open(&function, &home, err);
    assert_non_null(program);
    fails(ask("x"), RUN_FAILED, 503, "Docker is not there: cannot connect to /tmp/");
    daemon_that_works();
    fake_start();
    RUN_UNTIL(fake_asked("/containers/json") == 1 && fake_has_events());
    RUN_UNTIL(!is("not there"));
    answers_text(ask("hello"), "hello");
}

static void daemon_that_is_too_old_is_named(void **state)
{
    (void)state;
    daemon_that_works();
    fake_says("GET /version", 200, "{\"ApiVersion\":\"1.24\"}");
    open_docker();
    fails(ask("x"), RUN_FAILED, 503, "it speaks API 1.24; needed: 1.40 or later");
}

static void daemon_that_breaks_off_is_asked_again(void **state)
{
    (void)state;
    daemon_that_works();
    fake_says(CREATE, 0, NULL);
    open_docker();
    fails(ask("x"), RUN_FAILED, 503, "Docker is not there");
    fake_says(CREATE, 201, "ID");
    RUN_UNTIL(!is("not there"));
    answers_text(ask("hello"), "hello");
}

static void end_of_its_events_is_the_daemons_end(void **state)
{
    (void)state;
    daemon_that_works();
    open_docker();
    answers_text(ask("hello"), "hello");
    RUN_UNTIL(fake_has_events());
    fake_event(NULL);
    RUN_UNTIL(fake_asked("GET /version") == 2 && is("0 of 1"));
    RUN_UNTIL(!is("not there"));
    answers_text(ask("again"), "again");
}

static void events_that_are_no_json_are_the_daemons_end(void **state)
{
    (void)state;
    daemon_that_works();
    open_docker();
    answers_text(ask("hello"), "hello");
    RUN_UNTIL(fake_has_events());
    fake_event("what?\n");
    RUN_UNTIL(fake_asked("GET /version") == 2);
    RUN_UNTIL(!is("not there"));
    answers_text(ask("again"), "again");
}

static void waiting_run_is_cancelled(void **state)
{
    struct asked *a;

    (void)state;
    daemon_that_works();
    fake_says(CREATE, -1, NULL);
    open_docker();
    a = ask("x");
    RUN_UNTIL(fake_asked(CREATE) == 1);
    runtime->cancel(&a->run);
    fails(a, RUN_CANCELLED, 503, "cancelled");
    assert_false(a->run.may_have_run);
    fake_stop(); /* else its end waits for the answer */
    fake_make();
    RUN_UNTIL(is("not there"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_docker, teardown_docker)
        TEST(call_is_served_by_a_container),
        TEST(warm_container_has_only_to_start),
        TEST(idle_container_is_removed),
        TEST(least_are_always_there),
        TEST(pull_that_fails_inside_its_stream_is_told),
        TEST(image_is_fetched_when_it_is_missing),
        TEST(image_is_not_fetched_when_that_is_not_allowed),
        TEST(creation_that_fails_is_told),
        TEST(start_that_fails_is_told_and_leaves_nothing),
        TEST(container_that_never_gets_ready_is_ended),
        TEST(container_that_died_is_replaced),
        TEST(container_of_the_same_settings_is_taken_up),
        TEST(container_that_hangs_is_replaced),
        TEST(daemon_that_is_not_there_is_named),
        TEST(daemon_that_is_too_old_is_named),
        TEST(daemon_that_breaks_off_is_asked_again),
        TEST(end_of_its_events_is_the_daemons_end),
        TEST(events_that_are_no_json_are_the_daemons_end),
        TEST(waiting_run_is_cancelled),
    };

    return cmocka_run_group_tests(tests, begin_all, NULL);
}
