/* bench/live_vs_sim from end to end: a report that is complete.  Whether both sides agree is
 * for a machine that is idle, and not asked here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { OUTPUT = 1 << 16, COULD_NOT_RUN = 2 };

static char scenario[] = "/tmp/p2p-live-XXXXXX";
static char output[OUTPUT];

static const char text[] =
    "run: {length: 2s, warm_up: 200ms, batches: 4, seed: 7}\n"
    "functions: [{name: job, service: {distribution: exponential, mean: 20ms}}]\n"
    "nodes:\n"
    "  - {name: a, slots: 2, queue: 1, arrivals: {rate: 60}}\n"
    "  - {name: b, slots: 1, queue: 0, arrivals: {rate: 20}}\n"
    "sweep:\n"
    "  scheduler: [local, {plugin: power_of_choices, parameters: {fanout: 1, threshold: 1}}]\n";

static int write_scenario(void **state)
{
    int fd = mkstemp(scenario);
    ssize_t written = fd < 0 ? -1 : write(fd, text, strlen(text));

    (void)state;
    return written == (ssize_t)strlen(text) && close(fd) == 0 ? 0 : -1;
}

static int remove_scenario(void **state)
{
    (void)state;
    return unlink(scenario);
}

/* Its exit code; what it says is in `output`. */
static int run(const char *options)
{
    const char *bin = getenv("P2P_TEST_BIN");
    char command[1024];
    size_t n = 0, got;
    int status;
    FILE *f;

    bin = bin ? bin : ".";
    snprintf(command, sizeof(command), "exec %s/bench/live_vs_sim %s %s/p2pfaas %s 2>&1", bin,
             options, bin, scenario);
    f = popen(command, "re");
    assert_non_null(f);
    while (n < OUTPUT - 1 && (got = fread(output + n, 1, OUTPUT - 1 - n, f)) > 0)
        n += got;
    output[n] = '\0';
    status = pclose(f);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static unsigned count(const char *what)
{
    unsigned n = 0;

    for (const char *at = output; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

static void has(const char *what, unsigned times)
{
    if (count(what) != times)
        fail_msg("'%s' is there %u times, not %u, in:\n%s", what, count(what), times, output);
}

/* "N jobs, M answers": all jobs that were sent, of each point. */
static void all_were_answered(unsigned points)
{
    const char *at = output;
    unsigned n = 0, jobs, answers;

    while ((at = strstr(at, " answers, at most"))) {
        const char *line = at++;

        while (line > output && line[-1] != '\n')
            line--;
        assert_int_equal(sscanf(line, " %u jobs, %u answers", &jobs, &answers), 2);
        assert_int_equal(jobs, answers);
        /* 176 come in 2.2 s on average, the seed says how many. */
        assert_true(jobs > 100 && jobs < 300);
        n++;
    }
    assert_int_equal(n, points);
}

static void test_report_is_complete_and_no_job_is_lost_sight_of(void **state)
{
    (void)state;
    if (run("--reports") == COULD_NOT_RUN)
        fail_msg("%s", output);
    has("idle nodes: a round of one probe takes ", 1);
    has("--set network.delay=", 1);
    has("--set network.probe_cost=", 1);
    has("--set network.forward_cost=", 1);
    has("\nscheduler=local\n", 1);
    has("\nscheduler=power_of_choices", 1);
    has("\nlive:\n", 2);
    has("\nsimulated:\n", 2);
    /* Once in the comparison, once in each of two reports, of two points. */
    has("\n  loss ", 6);
    has("\n  response, mean ", 6);
    has("\n  response, p95 ", 6);
    has("\n  probes a job ", 6);
    has("\n  forwards a job ", 6);
    has("warning: not an answer of a job", 0);
    has("processor: ", 2);
    assert_int_equal(count("figures agree") + count("figures do not agree"), 1);
    all_were_answered(2);
}

static void refuses(const char *options, const char *why)
{
    assert_int_equal(run(options), COULD_NOT_RUN);
    has(why, 1);
}

static void test_what_cannot_be_run_is_said_before_anything_runs(void **state)
{
    (void)state;
    refuses("--set network.loss=0.1", "loss 0.1 and bandwidth 0; allowed live: 0");
    refuses("--set nodes.a.slot=2", "did you mean 'slots'?");
    refuses("--set nodes", "allowed: KEY=VALUE");
    refuses("--margin much", "--margin much: allowed: a share");
    refuses("--slow", "unrecognized option");
    refuses("no-such-node", "two arguments are needed");
}

static void test_a_scheduler_that_nobody_has_is_told(void **state)
{
    (void)state;
    refuses("--set sweep='{scheduler: [nobody]}'", "nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report_is_complete_and_no_job_is_lost_sight_of),
        cmocka_unit_test(test_what_cannot_be_run_is_said_before_anything_runs),
        cmocka_unit_test(test_a_scheduler_that_nobody_has_is_told),
    };

    return cmocka_run_group_tests_name("live_vs_sim", tests, write_scenario, remove_scenario);
}
