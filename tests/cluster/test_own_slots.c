/* Functions that have fewer slots than their node: their jobs wait, and hold up nobody. */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "tests/cluster/fixture.h"

enum { SLOTS = 4, QUEUE = 6, MOST_CALLS = 8 };

#define RUNNING "p2pfaas_function_slots_running{function=\"narrow\"}"
#define WAITING "p2pfaas_queue_length"
static char folder[] = "/tmp/p2p-slots-XXXXXX";
static const char *const settings[] = {"node.slots=4", "node.queue=6", "node.threads=2",
                                       "scheduler.plugin=local", NULL};

/* A job of `narrow` ends when the test says so: by a file in its folder. */
static void write_file(const char *slots, const char *more)
{
    FILE *f = fopen(cluster.config, "we");

    assert_non_null(f);
    fprintf(f,
            "%s  narrow: {command: [sh, -c, 'until [ -e go ]; do sleep 0.02; done'], directory: "
            "%s, slots: %s%s}\n",
            fixture_functions, folder, slots, more);
    fclose(f);
}

static int start(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    fixture_init(1, fixture_functions);
    cluster.settings = settings;
    write_file("1", "");
    start_node(0, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop();
    return rmdir(folder);
}

static void reload(const char *slots, const char *more)
{
    double before = metric(0, "p2pfaas_reloads_total");

    write_file(slots, more);
    kill(cluster.node[0].pid, SIGHUP);
    wait_metric(0, "p2pfaas_reloads_total", before + 1, 20);
}

/* ---- calls that last until end_calls() ---- */

static struct {
    pthread_t thread[MOST_CALLS];
    long status[MOST_CALLS];
    unsigned n;
} calls;

static void *call_narrow(void *status)
{
    struct reply r = post_text(0, "/function/narrow", "");

    *(long *)status = r.status;
    reply_free(&r);
    return NULL;
}

static void begin_calls(unsigned n)
{
    for (unsigned i = 0; i < n; i++, calls.n++)
        assert_int_equal(
            pthread_create(&calls.thread[calls.n], NULL, call_narrow, &calls.status[calls.n]), 0);
}

static void end_calls(void)
{
    char file[64];
    FILE *go;

    snprintf(file, sizeof(file), "%s/go", folder);
    go = fopen(file, "we");
    assert_non_null(go);
    fclose(go);
    while (calls.n > 0) {
        calls.n--;
        pthread_join(calls.thread[calls.n], NULL);
        assert_int_equal(calls.status[calls.n], 200);
    }
    assert_int_equal(unlink(file), 0);
    assert_true(metric(0, "p2pfaas_slots_running") == 0);
    assert_true(metric(0, RUNNING) == 0);
    assert_true(metric(0, WAITING) == 0);
}

static void test_jobs_that_wait_for_their_function_hold_up_no_other(void **state)
{
    (void)state;
    assert_true(metric(0, "p2pfaas_function_slots{function=\"narrow\"}") == 1);
    begin_calls(4);
    wait_metric(0, WAITING, 3, 20);
    for (int i = 0; i < 8; i++)
        expect(post_text(0, "/function/cat", "hello"), 200, "hello");
    assert_true(metric(0, RUNNING) == 1);
    assert_true(metric(0, WAITING) == 3);
    end_calls();
}

static void test_a_queue_that_is_full_of_them_leaves_the_slots_to_others(void **state)
{
    (void)state;
    begin_calls(1 + QUEUE);
    wait_metric(0, WAITING, QUEUE, 20);
    expect(post_text(0, "/function/narrow", ""), 500,
           "1 of 4 slots run, 1 of 1 of function 'narrow' and 6 of 6 places");
    expect(post_text(0, "/function/cat", "hello"), 200, "hello");
    end_calls();
}

static void test_a_reload_changes_them_at_once(void **state)
{
    (void)state;
    begin_calls(6);
    wait_metric(0, WAITING, 5, 20);
    reload("3", "");
    wait_metric(0, RUNNING, 3, 20);
    assert_true(metric(0, WAITING) == 3);
    reload("0", "");
    wait_metric(0, RUNNING, SLOTS, 20);
    assert_true(metric(0, WAITING) == 2);
    reload("1", "");
    assert_true(metric(0, RUNNING) == SLOTS);
    end_calls();
}

static void test_jobs_of_a_function_that_is_defined_anew_count_for_it(void **state)
{
    (void)state;
    begin_calls(1);
    wait_metric(0, RUNNING, 1, 20);
    reload("1", ", timeout: 20s");
    begin_calls(2);
    wait_metric(0, WAITING, 2, 20);
    assert_true(metric(0, RUNNING) == 1);
    end_calls();
}

static void test_a_function_has_no_more_than_the_node(void **state)
{
    (void)state;
    reload("9", "");
    begin_calls(SLOTS + 1);
    wait_metric(0, WAITING, 1, 20);
    assert_true(metric(0, RUNNING) == SLOTS);
    end_calls();
}

static void test_more_than_is_allowed_is_refused(void **state)
{
    double before = metric(0, "p2pfaas_reloads_failed_total");

    (void)state;
    write_file("-1", "");
    kill(cluster.node[0].pid, SIGHUP);
    wait_metric(0, "p2pfaas_reloads_failed_total", before + 1, 20);
    assert_true(log_has(0, "functions.narrow.slots: '-1'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_that_wait_for_their_function_hold_up_no_other),
        cmocka_unit_test(test_a_queue_that_is_full_of_them_leaves_the_slots_to_others),
        cmocka_unit_test(test_a_reload_changes_them_at_once),
        cmocka_unit_test(test_jobs_of_a_function_that_is_defined_anew_count_for_it),
        cmocka_unit_test(test_a_function_has_no_more_than_the_node),
        cmocka_unit_test(test_more_than_is_allowed_is_refused),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
