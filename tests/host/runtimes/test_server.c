#include "tests/host/runtimes/support_runs.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREAD_RUNS = 24 };

/* ---- programs, and the folder in which they leave notes ---- */

static char folder[64], out_variable[96], echo_variable[512], path[512];
static char *variables[5];

static int setup_server(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/test_server_XXXXXX");
    if (!mkdtemp(folder) || setup(state))
        return -1;
    snprintf(out_variable, sizeof(out_variable), "OUT=%s/out", folder);
    snprintf(echo_variable, sizeof(echo_variable), "ECHO=%s/echo", getenv("P2P_TEST_FUNCTIONS"));
    variables[0] = out_variable;
    variables[1] = echo_variable;
    variables[2] = variables[3] = NULL;
    function.environment = variables;
    return 0;
}

static int teardown_server(void **state)
{
    int rc = teardown(state);

    unlink(out_variable + strlen("OUT="));
    rmdir(folder);
    return rc;
}

static void open_function(const char *name)
{
    snprintf(path, sizeof(path), "%s/%s", getenv("P2P_TEST_FUNCTIONS"), name);
    open_program((const char *const[]){path, NULL});
}

static const char *noted(void)
{
    static char text[16384];
    FILE *f = fopen(out_variable + strlen("OUT="), "r");
    size_t n = 0;

    if (f) {
        n = fread(text, 1, sizeof(text) - 1, f);
        fclose(f);
    }
    text[n] = '\0';
    return text;
}

static unsigned noted_lines(void)
{
    unsigned n = 0;

    for (const char *at = noted(); (at = strchr(at, '\n')); at++)
        n++;
    return n;
}

static bool is(const char *words_of_it)
{
    char text[P2P_ERRLEN];

    runtime->describe(program, text, sizeof(text));
    return strstr(text, words_of_it) != NULL;
}

static struct asked *ask_for(const char *target, const char *body)
{
    struct asked *a = prepare(body, strlen(body));

    to(a, target);
    return start(a);
}

/* ---- starting ---- */

static void program_starts_on_first_use(void **state)
{
    struct asked *a;

    (void)state;
    open_function("echo");
    assert_true(is("stopped"));
    a = ask("hello");
    answers_text(a, "hello");
    assert_true(a->run.cold);
    assert_true(is("ready at 127.0.0.1:"));
    a = ask("again");
    answers_text(a, "again");
    assert_false(a->run.cold);
}

static void program_starts_ahead_when_told_to(void **state)
{
    struct asked *a;

    (void)state;
    function.start = FUNCTION_AHEAD;
    open_function("echo");
    RUN_UNTIL(is("ready"));
    a = ask("warm");
    answers_text(a, "warm");
    assert_false(a->run.cold);
}

static void runs_wait_until_it_listens(void **state)
{
    struct asked *a[32];
    char body[16];

    (void)state;
    open_script("echo started >> \"$OUT\"; exec \"$ECHO\"");
    for (int i = 0; i < 32; i++) {
        snprintf(body, sizeof(body), "body %d", i);
        a[i] = ask(body);
    }
    for (int i = 0; i < 32; i++) {
        snprintf(body, sizeof(body), "body %d", i);
        answers_text(a[i], body);
        assert_true(a[i]->run.cold);
    }
    assert_string_equal(noted(), "started\n");
}

static void environment_is_small_and_has_the_port(void **state)
{
    (void)state;
    setenv("P2P_TEST_SECRET", "s", 1);
    variables[2] = "HOME=/configured";
    variables[3] = "HOST=0.0.0.0";
    open_script("/usr/bin/env > \"$OUT\"; exec \"$ECHO\"");
    answers_text(ask("x"), "x");
    assert_non_null(strstr(noted(), "PORT="));
    assert_non_null(strstr(noted(), "HOME=/configured\n"));
    assert_non_null(strstr(noted(), "HOST=0.0.0.0\n"));
    assert_non_null(strstr(noted(), "FUNCTION_NAME=f\n"));
    assert_non_null(strstr(noted(), "PATH="));
    assert_null(strstr(noted(), "P2P_TEST_SECRET"));
}

static void talkative_program_does_not_block(void **state)
{
    (void)state;
    open_script("yes talk | head -c 1000000; yes no line | tr -d '\\n' | head -c 100000 >&2; "
                "exec \"$ECHO\"");
    answers_text(ask("x"), "x");
}

/* ---- requests ---- */

static void request_and_answer_pass_whole(void **state)
{
    struct asked *a = NULL;

    (void)state;
    open_function("echo");
    a = ask_for("/info?a=b%20c", "body");
    RUN_UNTIL(a->done);
    assert_int_equal(a->result, RUN_ANSWERED);
    assert_non_null(strstr(text_of(a), "\"path\":\"/info\""));
    assert_non_null(strstr(text_of(a), "\"method\":\"POST\""));
    assert_non_null(strstr(text_of(a), "\"length\":4"));
    a = ask_for("?status=404&header=X-A:b", "gone");
    answers(a, 404, "gone", 4);
    assert_string_equal(headers_get(&a->response.headers, "X-A"), "b");
}

static void megabytes_go_both_ways(void **state)
{
    static char bytes[2 * MEGABYTE];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31 ^ i >> 11);
    open_function("echo");
    answers(start(prepare(bytes, sizeof(bytes))), 200, bytes, sizeof(bytes));
}

static void slow_answer_times_out(void **state)
{
    struct asked *a;

    (void)state;
    open_function("misbehave");
    answers_text(ask_for("", ""), "well behaved\n");
    a = prepare("", 0);
    to(a, "?do=slow&ms=1000");
    a->run.timeout_ns = 50000000;
    fails(start(a), RUN_TIMEOUT, 504, "in time");
    assert_true(a->run.may_have_run);
}

static void answer_past_the_limit_is_not_taken(void **state)
{
    (void)state;
    open_function("misbehave");
    fails(ask_for("?do=flood", ""), RUN_TOO_LARGE, 502, "larger than the limit");
    answers_text(ask_for("", ""), "well behaved\n");
}

static void broken_answers_fail_the_run(void **state)
{
    struct asked *a;

    (void)state;
    open_function("misbehave");
    fails(ask_for("?do=half", ""), RUN_FAILED, 502, "closed");
    a = ask_for("?do=garbage", "");
    RUN_UNTIL(a->done);
    assert_int_not_equal(a->result, RUN_ANSWERED);
    assert_int_equal(a->run.status, 502);
    assert_non_null(strstr(a->run.err, "not HTTP"));
    answers_text(ask_for("", ""), "well behaved\n");
}

/* ---- programs that end ---- */

static void crashed_program_is_started_again(void **state)
{
    static const char *const ways[] = {"?do=crash", "?do=exit&code=7"};
    struct asked *a;

    (void)state;
    open_function("misbehave");
    for (size_t i = 0; i < 2; i++) {
        a = ask_for(ways[i], "");
        RUN_UNTIL(a->done);
        assert_int_equal(a->result, RUN_FAILED);
        assert_int_equal(a->run.status, 502);
        assert_true(a->run.may_have_run);
        RUN_UNTIL(!is("ready"));
        assert_true(is(i ? "exit code 7" : "ended while it served"));
        a = ask_for("", "");
        answers_text(a, "well behaved\n");
        assert_true(a->run.cold);
    }
}

static void idle_program_that_was_killed_is_started_again(void **state)
{
    (void)state;
    open_script("echo $$ > \"$OUT\"; exec \"$ECHO\"");
    for (int i = 0; i < 2; i++) {
        answers_text(ask("x"), "x");
        kill((pid_t)strtol(noted(), NULL, 10), SIGKILL);
        RUN_UNTIL(!is("ready"));
        assert_true(is("killed by SIGKILL"));
    }
}

static void program_started_ahead_comes_back_by_itself(void **state)
{
    (void)state;
    function.start = FUNCTION_AHEAD;
    open_script("echo $$ >> \"$OUT\"; exec \"$ECHO\"");
    RUN_UNTIL(is("ready"));
    kill((pid_t)strtol(noted(), NULL, 10), SIGKILL);
    RUN_UNTIL(noted_lines() == 2 && is("ready"));
    answers_text(ask("x"), "x");
}

static void program_that_ends_at_once_fails_the_run_and_says_how(void **state)
{
    uint64_t before = clock_ns();
    struct asked *a;

    (void)state;
    open_script("echo x >> \"$OUT\"; exit 3");
    a = ask("");
    fails(a, RUN_FAILED, 502, "exit code 3");
    assert_false(a->run.may_have_run);
    assert_int_equal(noted_lines(), 3);
    assert_true(clock_ns() - before > 250000000); /* 100 and 200 ms between the three */
    fails(ask(""), RUN_FAILED, 502, "exit code 3");
    assert_int_equal(noted_lines(), 3);
    assert_true(is("back-off"));
}

static void program_that_comes_up_in_the_end_answers(void **state)
{
    struct asked *a;

    (void)state;
    open_script("test -e \"$OUT\" && exec \"$ECHO\"; echo x > \"$OUT\"; kill -KILL $$");
    a = ask("at last");
    answers_text(a, "at last");
    assert_true(a->run.cold);
}

static void program_that_never_listens_is_given_up(void **state)
{
    (void)state;
    function.start_timeout = 300000000; /* enough to write the line, on any machine */
    open_script("echo x >> \"$OUT\"; exec sleep 1000");
    fails(ask(""), RUN_FAILED, 502, "did not listen on PORT within start_timeout");
    assert_int_equal(noted_lines(), 3);
}

static void program_missing_in_path_is_not_opened(void **state)
{
    char err[P2P_ERRLEN] = "", missing[] = "no-such-program-anywhere";

    (void)state;
    words[0] = missing;
    assert_null(runtime->open(&function, &home, err));
    assert_non_null(strstr(err, "function 'f': cannot run 'no-such-program-anywhere': No such"));
}

static void missing_program_is_not_opened(void **state)
{
    char err[P2P_ERRLEN] = "", missing[] = "/no/such/program";

    (void)state;
    words[0] = missing;
    assert_null(runtime->open(&function, &home, err));
    assert_non_null(strstr(err, "function 'f': cannot run '/no/such/program': No such file"));
}

static void run_that_waits_too_long_for_the_start_times_out(void **state)
{
    struct asked *a;

    (void)state;
    open_script("exec sleep 1000");
    a = prepare("", 0);
    a->run.timeout_ns = 50000000;
    fails(start(a), RUN_TIMEOUT, 504, "not ready");
    assert_false(a->run.may_have_run);
}

/* ---- stopping ---- */

static void close_ends_the_program(void **state)
{
    long pid;

    (void)state;
    open_script("echo $$ > \"$OUT\"; exec \"$ECHO\"");
    answers_text(ask("x"), "x");
    pid = strtol(noted(), NULL, 10);
    assert_true(is_alive(pid));
    close_program();
    assert_false(is_alive(pid));
}

static void close_kills_what_does_not_heed_it(void **state)
{
    long pid, sleeper;
    char *end;

    (void)state;
    function.start = FUNCTION_AHEAD;
    open_script("trap '' TERM; sleep 1000 & echo $$ $! > \"$OUT\"; while :; do sleep 1000; done");
    RUN_UNTIL(noted_lines() == 1);
    pid = strtol(noted(), &end, 10);
    sleeper = strtol(end, NULL, 10);
    assert_true(pid > 1 && sleeper > 1);
    close_program();
    assert_false(is_alive(pid));
    RUN_UNTIL(!is_alive(sleeper));
}

static void close_of_one_that_never_ran_is_at_once(void **state)
{
    bool closed = false;

    (void)state;
    open_function("echo");
    runtime->close(program, on_closed, &closed);
    program = NULL;
    assert_true(closed);
}

static void close_during_back_off_leaves_nothing(void **state)
{
    (void)state;
    open_script("exit 1");
    fails(ask(""), RUN_FAILED, 502, "exit code 1");
    assert_true(is("back-off"));
    close_program();
}

static void close_while_starting_leaves_nothing(void **state)
{
    (void)state;
    function.start = FUNCTION_AHEAD;
    open_script("echo x > \"$OUT\"; exec sleep 1000");
    RUN_UNTIL(noted_lines() == 1);
    assert_true(is("starting"));
    close_program();
}

/* ---- cancelling ---- */

static void cancelled_run_leaves_the_line(void **state)
{
    struct asked *a[3];

    (void)state;
    open_script("echo x >> \"$OUT\"; exec \"$ECHO\"");
    for (int i = 0; i < 3; i++)
        a[i] = ask("x");
    runtime->cancel(&a[1]->run);
    fails(a[1], RUN_CANCELLED, 503, "cancelled");
    assert_false(a[1]->run.may_have_run);
    answers_text(a[0], "x");
    answers_text(a[2], "x");
}

static void cancelled_call_is_given_up(void **state)
{
    struct asked *a;

    (void)state;
    open_function("misbehave");
    answers_text(ask_for("", ""), "well behaved\n");
    a = ask_for("?do=slow&ms=500", "");
    ev_run(home.loop, EVRUN_ONCE);
    runtime->cancel(&a->run);
    runtime->cancel(&a->run);
    fails(a, RUN_CANCELLED, 503, "cancelled");
    assert_true(a->run.may_have_run);
    answers_text(ask_for("", ""), "well behaved\n");
}

static void cancel_after_the_end_is_harmless(void **state)
{
    struct asked *a;

    (void)state;
    open_function("echo");
    a = ask("x");
    answers_text(a, "x");
    runtime->cancel(&a->run);
    assert_int_equal(a->result, RUN_ANSWERED);
}

/* ---- two threads ---- */

static struct asked *elsewhere[THREAD_RUNS];
static atomic_bool over;

static void start_all(struct reactor *r)
{
    for (int i = 0; i < THREAD_RUNS; i++) {
        elsewhere[i]->run.reactor = r;
        start(elsewhere[i]);
    }
}

static unsigned count_done(void)
{
    unsigned n = 0;

    for (int i = 0; i < THREAD_RUNS; i++)
        n += elsewhere[i]->done;
    return n;
}

static void *work(void *arg)
{
    const struct upstream_limits limits = {8, MOST_RUNS, LONG_NS, 4 * LONG_NS};
    uint64_t until = clock_ns() + GUARD_SECONDS * 1000000000ull;
    struct reactor other;
    char err[P2P_ERRLEN];
    ev_timer ticks;

    (void)arg;
    if (reactor_init(&other, err) == 0) {
        other.upstreams = upstreams_new(&other, &limits);
        ev_timer_init(&ticks, on_tick, 0.001, 0.001);
        ev_timer_start(other.loop, &ticks);
        start_all(&other);
        while (count_done() < THREAD_RUNS && clock_ns() < until)
            ev_run(other.loop, EVRUN_ONCE);
        upstreams_free(other.upstreams);
        ev_timer_stop(other.loop, &ticks);
        reactor_release(&other);
    }
    atomic_store(&over, true);
    return NULL;
}

static void runs_come_from_two_threads(void **state)
{
    struct asked *here[THREAD_RUNS];
    pthread_t thread;

    (void)state;
    open_script("echo x >> \"$OUT\"; exec \"$ECHO\"");
    for (int i = 0; i < THREAD_RUNS; i++)
        elsewhere[i] = prepare("there", 5);
    atomic_store(&over, false);
    assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
    for (int i = 0; i < THREAD_RUNS; i++)
        here[i] = ask("here");
    for (int i = 0; i < THREAD_RUNS; i++)
        answers_text(here[i], "here");
    RUN_UNTIL(atomic_load(&over));
    pthread_join(thread, NULL);
    for (int i = 0; i < THREAD_RUNS; i++)
        answers_text(elsewhere[i], "there");
    assert_string_equal(noted(), "x\n");
}

static void failed_start_is_told_to_both_threads(void **state)
{
    struct asked *here;
    pthread_t thread;

    (void)state;
    open_script("exit 5");
    for (int i = 0; i < THREAD_RUNS; i++)
        elsewhere[i] = prepare("there", 5);
    atomic_store(&over, false);
    assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
    here = ask("here");
    fails(here, RUN_FAILED, 502, "exit code 5");
    RUN_UNTIL(atomic_load(&over));
    pthread_join(thread, NULL);
    for (int i = 0; i < THREAD_RUNS; i++)
        fails(elsewhere[i], RUN_FAILED, 502, "exit code 5");
}

static int begin_server(void **state)
{
    runtime = &runtime_server;
    if (!getenv("P2P_TEST_FUNCTIONS")) {
        print_error("P2P_TEST_FUNCTIONS is not set: the folder of the built functions\n");
        return -1;
    }
    return begin_all(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(program_starts_on_first_use, setup_server, teardown_server),
        cmocka_unit_test_setup_teardown(program_starts_ahead_when_told_to, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(runs_wait_until_it_listens, setup_server, teardown_server),
        cmocka_unit_test_setup_teardown(environment_is_small_and_has_the_port, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(talkative_program_does_not_block, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(request_and_answer_pass_whole, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(megabytes_go_both_ways, setup_server, teardown_server),
        cmocka_unit_test_setup_teardown(slow_answer_times_out, setup_server, teardown_server),
        cmocka_unit_test_setup_teardown(answer_past_the_limit_is_not_taken, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(broken_answers_fail_the_run, setup_server, teardown_server),
        cmocka_unit_test_setup_teardown(crashed_program_is_started_again, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(idle_program_that_was_killed_is_started_again, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(program_started_ahead_comes_back_by_itself, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(program_that_ends_at_once_fails_the_run_and_says_how,
                                        setup_server, teardown_server),
        cmocka_unit_test_setup_teardown(program_that_comes_up_in_the_end_answers, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(program_that_never_listens_is_given_up, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(program_missing_in_path_is_not_opened, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(missing_program_is_not_opened, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(run_that_waits_too_long_for_the_start_times_out,
                                        setup_server, teardown_server),
        cmocka_unit_test_setup_teardown(close_ends_the_program, setup_server, teardown_server),
        cmocka_unit_test_setup_teardown(close_kills_what_does_not_heed_it, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(close_of_one_that_never_ran_is_at_once, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(close_during_back_off_leaves_nothing, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(close_while_starting_leaves_nothing, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(cancelled_run_leaves_the_line, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(cancelled_call_is_given_up, setup_server, teardown_server),
        cmocka_unit_test_setup_teardown(cancel_after_the_end_is_harmless, setup_server,
                                        teardown_server),
        cmocka_unit_test_setup_teardown(runs_come_from_two_threads, setup_server, teardown_server),
        cmocka_unit_test_setup_teardown(failed_start_is_told_to_both_threads, setup_server,
                                        teardown_server),
    };

    return cmocka_run_group_tests(tests, begin_server, NULL);
}
