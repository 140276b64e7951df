/* p2pfaas sim from outside: what it writes where, and how it ends. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sim/support_command.h"
#include "tests/sim/support_scenario.h"

#define NODES(plugin)                                                                              \
    "nodes: [{name: n, count: 6, slots: 2, scheduler: " plugin ", arrivals: {load: 0.8}}]\n"
static const char sweep[] = "run: {length: 5s, warm_up: 1s, replications: 2}\n" NODES(
    "random") "functions: [{name: f, service: {distribution: exponential, mean: 50ms}, deadline: "
              "1s}]\n"
              "network: {delay: {model: exponential, mean: 2ms}, loss: 0.1, probe_timeout: 20ms}\n"
              "faults: [{kind: down, at: 3s, until: 4s, nodes: 'n[0-1]'}]\n"
              "sweep: {scheduler: [local, power_of_choices, jiq], seeds: 2}\n";
static const char once[] = "run: {length: 5s}\n" NODES("local");

/* ---- results ---- */

static void the_same_for_any_number_of_threads(void **state)
{
    static const char *const threads[] = {"4", "3", "3"};
    const char *one = command_path("one"), *other = command_path("other");
    char *first;

    (void)state;
    command_runs(sweep, LIST("-q", "-j", "1", "--nodes", "-o", one));
    assert_int_equal(command_code, 0);
    assert_int_equal(command_lines(command_out), 1 + 6);
    first = strdup(command_out);
    /* Into the same folder it may come again. */
    for (unsigned i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
        command_runs(sweep, LIST("-q", "-j", threads[i], "--nodes", "-o", other));
        assert_string_equal(command_out, first);
        assert_true(command_same_folders(one, other));
    }
    free(first);
}

/* All lines behind the first of the one are lines of the other. */
static unsigned rows_of(const char *text, const char *all)
{
    unsigned n = 0;

    for (const char *at = strchr(text, '\n'); at && at[1]; at = strchr(at + 1, '\n')) {
        char row[4096];

        snprintf(row, sizeof(row), "%.*s", (int)(strchr(at + 1, '\n') - at + 1), at);
        assert_non_null(strstr(all, row));
        n++;
    }
    return n;
}

static void shares_are_the_whole(void **state)
{
    const char *parts = command_path("parts");
    char *points, *list;
    unsigned rows = 0;

    (void)state;
    command_runs(sweep, LIST("-q", "-o", command_path("whole")));
    points = command_read(command_path("whole/points.csv"));
    command_runs(sweep, LIST("--list"));
    assert_int_equal(command_code, 0);
    assert_int_equal(command_lines(command_out), 6);
    assert_non_null(strstr(command_out, "\n3\tscheduler=power_of_choices seed=1\n"));
    list = strdup(command_out);
    for (unsigned i = 1; i <= 4; i++) {
        char share[16], name[64], *text;

        snprintf(share, sizeof(share), "%u/4", i);
        command_runs(sweep, LIST("--only", share, "--list"));
        assert_int_equal(command_lines(command_out), i <= 2 ? 2 : 1);
        assert_int_equal(1 + rows_of(command_out, list), command_lines(command_out));
        command_runs(sweep, LIST("-q", "--only", share, "-o", parts));
        assert_int_equal(command_code, 0);
        snprintf(name, sizeof(name), "parts/points.%u-of-4.csv", i);
        text = command_read(command_path(name));
        rows += rows_of(text, points);
        free(text);
    }
    assert_int_equal(rows, 6);
    /* A share without a point is none to complain about. */
    command_runs(sweep, LIST("-q", "--only", "7/8"));
    assert_int_equal(command_code, 0);
    free(points);
    free(list);
}

static void progress_is_no_result(void **state)
{
    char *quiet;

    (void)state;
    command_runs(once, LIST("-q"));
    assert_string_equal(command_err, "");
    quiet = strdup(command_out);
    command_runs(once, LIST("-j", "2"));
    assert_string_equal(command_out, quiet);
    assert_null(strchr(command_out, '\r'));
    free(quiet);
}

/* ---- what does not end well ---- */

static void what_has_ended_is_kept_when_it_is_stopped(void **state)
{
    static const char long_one[] = "run: {length: 1s, warm_up: 0s}\n" NODES(
        "local") "sweep: {run.length: [1s, 2s, 100000h]}\n";
    static const int signals[] = {SIGINT, SIGTERM};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const char *folder = command_path(i ? "int" : "term");
        char *points;
        pid_t pid = command_starts(long_one, LIST("-q", "-j", "2", "-o", folder), "\nlength=2s");

        /* Twice, as it comes from timeout(1). */
        assert_int_equal(kill(pid, signals[i]), 0);
        assert_int_equal(kill(pid, signals[i]), 0);
        command_ends(pid);
        assert_int_equal(command_code, 1);
        assert_non_null(strstr(command_err, "interrupted (point 3)"));
        points = command_read(command_path(i ? "int/points.csv" : "term/points.csv"));
        assert_int_equal(command_lines(points), 1 + 2);
        free(points);
    }
}

/* Whatever has ended behind one that has not: no row is of what was cut. */
static void what_has_not_ended_is_left_out(void **state)
{
    static const char long_one[] = "run: {length: 1s, warm_up: 0s}\n" NODES(
        "local") "sweep: {run.length: [1s, 100000h, 3s, 4s, 90000h, 80000h]}\n";
    const char *folder = command_path("folder");
    char *points;
    pid_t pid = command_starts(long_one, LIST("-q", "-j", "3", "-o", folder), "\nlength=1s");

    (void)state;
    assert_int_equal(kill(pid, SIGINT), 0);
    command_ends(pid);
    assert_int_equal(command_code, 1);
    points = command_read(command_path("folder/points.csv"));
    assert_non_null(strstr(points, "\n0,1s,"));
    assert_null(strstr(points, "0000h"));
    free(points);
}

/* Whatever runs beside it: those before it are told, and what is wrong with it. */
static void a_point_that_is_wrong_stops_the_sweep_there(void **state)
{
    static const char wrong[] =
        "run: {length: 20s, warm_up: 0s}\n" NODES("local") "sweep: {slots: [1, 2, 3, 0, 5, 6]}\n";
    static const char *const threads[] = {"1", "6"};
    char *first = NULL;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        command_runs(wrong, LIST("-q", "-j", threads[i]));
        assert_int_equal(command_code, 1);
        assert_int_equal(command_lines(command_out), 1 + 3);
        if (!strstr(command_err, "s.yaml:3: sweep slots: nodes.n.slots: '0' is out of range; "
                                 "allowed: an integer from 1 to 65536 (point 4)"))
            fail_msg("%s", command_err);
        if (first)
            assert_string_equal(command_out, first);
        else
            first = strdup(command_out);
    }
    free(first);
}

static void a_command_line_that_is_wrong_is_2(void **state)
{
    static const struct {
        const char *option, *value, *words[3];
    } cases[] = {{"--tread", "1", {"unrecognized option", NULL}},
                 {"-j", "0", {"--threads 0", "allowed: an integer from 1 to 1024"}},
                 {"-j", "many", {"--threads many", "allowed: an integer from 1"}},
                 {"--only", "5/4", {"--only 5/4", "allowed: I/N"}},
                 {"--only", "1/2/3", {"--only 1/2/3", "allowed: I/N"}},
                 {"--trace-lines", "-1", {"--trace-lines -1", "allowed: an integer from 1"}},
                 {"-s", "load", {"--set load: no '='", "allowed: KEY=VALUE"}},
                 {"s.yaml", "-q", {"more than one scenario", "--help"}}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        command_refuses(once, LIST(cases[i].option, cases[i].value), 2, cases[i].words);
    command_runs(once, LIST("--help"));
    assert_int_equal(command_code, 0);
    assert_non_null(strstr(command_out, "usage: p2pfaas sim"));
}

static void what_cannot_run_is_1(void **state)
{
    const char *file = command_path("file");

    (void)state;
    command_refuses("run: {length: 0s}\n", LIST("-q"), 1,
                    LIST("s.yaml:1: run.length: ", "allowed: "));
    command_refuses(
        sweep, LIST("-q", "-s", "nodes.n.scheduler=random"), 1,
        LIST("--set nodes.n.scheduler: the sweep has its values", "sweep.scheduler=[random]"));
    command_refuses(once, LIST("-q", "-s", "run.lengths=1s"), 1,
                    LIST("--set", "lengths", "length"));
    command_refuses("run: {length: 1s}\n" NODES("powr_of_choices"), LIST("-q"), 1,
                    LIST("s.yaml:2: nodes.n.scheduler: ", "power_of_choices"));
    command_refuses(once, LIST("-q", "--plugins", command_path("nowhere")), 1, LIST("/nowhere"));
    scenario_beside("file", "text");
    command_refuses(once, LIST("-q", "-o", file), 1, LIST("/file: "));
    command_refuses(once, LIST("-q", "-t", command_path("nowhere/trace")), 1,
                    LIST("/nowhere/trace: "));
    command_refuses(sweep, LIST("-q", "-t", file), 1, LIST("--trace is of one simulation"));
    command_runs(once, LIST("-q", "-o", command_path("out")));
    assert_int_equal(command_code, 0);
    command_refuses(once, LIST("-q", "-s", "slots=3", "-o", command_path("out")), 1,
                    LIST("/out: has the results of another scenario"));
}

/* /dev/full takes nothing. */
static void what_cannot_be_written_is_told(void **state)
{
    (void)state;
    if (access("/dev/full", W_OK))
        skip();
    command_runs(once, LIST("-q", "-t", "/dev/full"));
    assert_int_equal(command_code, 1);
    assert_non_null(strstr(command_err, "/dev/full: not all could be written: No space left"));
    for (unsigned i = 0; i < 3; i++) {
        static const char *const options[] = {"--keys", "--list", "-q"};

        command_prints_to("/dev/full", once, LIST(options[i]));
        assert_int_equal(command_code, 1);
        assert_non_null(strstr(command_err, "standard output: not all could be written"));
    }
}

/* Results are complete in the folder, though nobody read more than the first row. */
static void files_do_not_depend_on_who_reads_the_table(void **state)
{
    const char *read = command_path("read"), *unread = command_path("unread");
    char *points, *same;
    pid_t pid;

    (void)state;
    command_runs(sweep, LIST("-q", "-o", read));
    points = command_read(command_path("read/points.csv"));
    pid = command_starts(sweep, LIST("-q", "-j", "1", "-o", unread), "loss");
    command_stops_reading();
    command_ends(pid);
    same = command_read(command_path("unread/points.csv"));
    assert_string_equal(points, same);
    free(points);
    free(same);
}

static void a_pipe_is_no_scenario(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(command_path("fifo"), 0600), 0);
    command_runs_file(command_path("fifo"), LIST("-q"));
    assert_int_equal(command_code, 1);
    assert_non_null(
        strstr(command_err, "/fifo: is a pipe; allowed: what can be read more than once"));
}

/* ---- the decision log ---- */

/* Jobs at one node, which has one slot: the second asks, and goes to the other node. */
static void a_trace_tells_every_decision(void **state)
{
    static const char two[] =
        "run: {length: 1s, warm_up: 0s}\n"
        "nodes:\n"
        "  - {name: a, slots: 1, queue: 1, scheduler: &s {plugin: power_of_choices, parameters: "
        "{fanout: 1, threshold: 1}}, arrivals: {process: deterministic, rate: 2}}\n"
        "  - {name: b, slots: 1, queue: 1, scheduler: *s}\n"
        "functions: [{name: f, service: 700ms}]\n"
        "network: {delay: 5ms, probe_cost: 1ms, forward_cost: 2ms}\n";
    static const char *const told[] = {
        "time_s,node,job,what,peer,detail\n",
        "a-0,1,arrive,,\"0 run, 0 wait\"\n",
        "a-0,1,start,,waited 0.000000 s\n",
        "a-0,2,arrive,,\"1 run, 0 wait\"\n",
        "a-0,2,probe,b-0,\n",
        "a-0,2,probed,b-0,\"0 run, 0 wait\"\n",
        "a-0,2,forward,b-0,\n",
        "b-0,2,arrive,a-0,\"0 run, 0 wait\"\n",
        "b-0,2,start,,waited 0.000000 s\n",
        "a-0,1,end,a-0,ran\n",
        "a-0,3,arrive,,\"0 run, 0 wait\"\n",
        "a-0,3,start,,waited 0.000000 s\n",
        "b-0,2,end,b-0,ran\n",
        "a-0,2,end,b-0,ran\n",
    };
    const char *path = command_path("trace.csv");
    char *trace, *at;

    (void)state;
    command_runs(two, LIST("-q", "-t", path));
    assert_string_equal(command_err, "");
    assert_int_equal(command_code, 0);
    at = trace = command_read(path);
    for (unsigned i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        if (i)
            at += strcspn(at, ",") + 1; /* the time */
        if (strncmp(at, told[i], strlen(told[i])) != 0)
            fail_msg("no '%s' in line %u of:\n%s", told[i], i + 1, trace);
        at += strlen(told[i]);
    }
    free(trace);
}

/* What a run is not long enough for has not failed. */
static void a_trace_ends_with_the_run(void **state)
{
    const char *path = command_path("trace.csv");
    char *trace;

    (void)state;
    command_runs(once, LIST("-q", "-t", path));
    trace = command_read(path);
    assert_non_null(strstr(trace, ",end,n-0,ran\n"));
    assert_null(strstr(trace, "failed"));
    free(trace);
    command_runs(once, LIST("-q", "-t", path, "--trace-lines", "3"));
    trace = command_read(path);
    assert_int_equal(command_lines(trace), 1 + 3 + 1);
    assert_non_null(strstr(trace, ",limit,,there was more; no more than 3 lines are kept\n"));
    free(trace);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, command_setup, command_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_same_for_any_number_of_threads),
        TEST(shares_are_the_whole),
        TEST(progress_is_no_result),
        TEST(what_has_ended_is_kept_when_it_is_stopped),
        TEST(what_has_not_ended_is_left_out),
        TEST(a_point_that_is_wrong_stops_the_sweep_there),
        TEST(a_command_line_that_is_wrong_is_2),
        TEST(what_cannot_run_is_1),
        TEST(what_cannot_be_written_is_told),
        TEST(files_do_not_depend_on_who_reads_the_table),
        TEST(a_pipe_is_no_scenario),
        TEST(a_trace_tells_every_decision),
        TEST(a_trace_ends_with_the_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
