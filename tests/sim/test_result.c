#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/support_results.h"

static struct small small;

static int setup(void **state)
{
    (void)state;
    small_init(&small);
    return 0;
}

static void near(double got, double expected, double by)
{
    if (!(fabs(got - expected) <= by))
        fail_msg("got %.12g, must be %.12g", got, expected);
}

static void the_figures_are_those_of_the_jobs(void **state)
{
    struct result *r = small_result(&small, 0, 0);
    double mean = 0;

    (void)state;
    assert_non_null(r);
    /* Nine of ten ran: 10, 15, 20, 30, 35, 40, 45, 50 and 10 ms. */
    mean = (10 + 15 + 20 + 30 + 35 + 40 + 45 + 50 + 10) / 9.0;
    near(result_metric(r, METRIC_LOSS), 0.1, 1e-12);
    near(result_metric(r, METRIC_MEAN), mean / 1e3, 1e-12);
    near(result_metric(r, METRIC_P50), 0.030, 0.005 * 0.030);
    near(result_metric(r, METRIC_P95), 0.050, 0.005 * 0.050);
    near(result_metric(r, METRIC_WAIT), 0.002, 1e-12);
    near(result_metric(r, METRIC_RUN), 0.008, 1e-12);
    near(result_metric(r, METRIC_PROBES), 0.5, 1e-12);
    near(result_metric(r, METRIC_FORWARDS), 0.25, 1e-12);
    near(result_metric(r, METRIC_THROUGHPUT), 90, 1e-9);
    near(result_metric(r, METRIC_IN_DEADLINE), 1, 1e-12);
    near(result_metric(r, METRIC_UTILISATION), 20.0 / (10 * 20), 1e-12);
    near(result_seconds(r), 20, 0);
    assert_int_equal(r->complete, 20);
    assert_int_equal(tally_jobs(&r->all), 2000);
    result_free(r);
}

static void fairness_is_of_the_load_of_a_slot(void **state)
{
    struct result *r = small_result(&small, 0, 0);
    /* Busy 2, 4, 6 and 8 s on 2, 2, 2 and 4 slots. */
    double sum = 1 + 2 + 3 + 2, squares = 1 + 4 + 9 + 4;

    (void)state;
    assert_non_null(r);
    near(result_metric(r, METRIC_JAIN), sum * sum / (4 * squares), 1e-12);
    /* Jobs of 3, 13, 23, … of node 3 and 1 are lost, none of 0 and 2. */
    near(result_metric(r, METRIC_JAIN_LOSS), 0.5, 1e-12);
    assert_int_equal(r->node[1].lost + r->node[3].lost, 200);
    assert_int_equal(sizeof(struct node_result), 32);
    result_free(r);
}

static void a_deadline_is_met_or_not(void **state)
{
    struct result *r = result_new(&small.scenario);
    struct job_record job = {
        .arrival_ns = 11 * SECOND, .end = JOB_RAN, .function = 1, .has_deadline = true};

    (void)state;
    assert_non_null(r);
    job.end_ns = job.arrival_ns + 50 * MS;
    result_job(r, &job);
    job.end_ns++;
    result_job(r, &job);
    job.end = JOB_LATE;
    result_job(r, &job);
    job.end = JOB_REJECTED;
    result_job(r, &job);
    assert_int_equal(result_end(r, 30 * SECOND), 0);
    near(result_metric(r, METRIC_IN_DEADLINE), 0.25, 1e-12);
    assert_true(isnan(result_part_metric(r, PART_FUNCTION, 0, METRIC_IN_DEADLINE)));
    result_free(r);
}

static void only_the_measured_time_counts(void **state)
{
    struct result *r = result_new(&small.scenario);
    struct job_record job = {.end = JOB_RAN};
    static const uint64_t arrivals[] = {0, 10 * SECOND - 1, 10 * SECOND, 30 * SECOND - 1,
                                        30 * SECOND};

    (void)state;
    assert_non_null(r);
    for (unsigned i = 0; i < 5; i++) {
        job.arrival_ns = arrivals[i];
        job.end_ns = 31 * SECOND;
        result_job(r, &job);
    }
    assert_int_equal(result_end(r, 31 * SECOND), 0);
    assert_int_equal(tally_jobs(&r->all), 2);
    assert_int_equal(tally_jobs(&r->batch[0]), 1);
    assert_int_equal(tally_jobs(&r->batch[19]), 1);
    result_free(r);
}

static void batches_that_were_cut_off_are_no_samples(void **state)
{
    struct result *r = result_new(&small.scenario);
    struct job_record job = {.end = JOB_RAN};
    struct summary s;

    (void)state;
    assert_non_null(r);
    for (uint64_t i = 0; i < 35; i++) {
        job.arrival_ns = 10 * SECOND + i * 100 * MS;
        job.end_ns = job.arrival_ns + (i < 30 ? 10 : 1000) * MS;
        result_job(r, &job);
    }
    assert_int_equal(result_end(r, 13 * SECOND + 500 * MS), 0);
    near(result_seconds(r), 3.5, 1e-12);
    assert_int_equal(summary_make(&s, (const struct result *const[]){r}, 1, 0.95), 0);
    assert_int_equal(s.n_samples, 3);
    near(s.value[METRIC_MEAN].half_width, 0, 1e-12);
    assert_non_null(strstr(s.warning[0], "few batches: 3 of 20"));
    summary_release(&s);
    result_free(r);
}

static void nothing_measured_is_no_number_and_a_warning(void **state)
{
    struct result *r = result_new(&small.scenario);
    struct summary s;

    (void)state;
    assert_non_null(r);
    assert_int_equal(result_end(r, 0), 0);
    assert_int_equal(summary_make(&s, (const struct result *const[]){r}, 1, 0.95), 0);
    assert_true(isnan(s.value[METRIC_MEAN].value));
    assert_true(isnan(s.value[METRIC_LOSS].value));
    assert_string_equal(s.warning[0], "no job was measured");
    summary_release(&s);
    result_free(r);
}

static void batch_means_give_the_interval(void **state)
{
    struct result *r = small_result(&small, 10, 0);
    struct summary s;

    (void)state;
    assert_non_null(r);
    assert_int_equal(summary_make(&s, (const struct result *const[]){r}, 1, 0.95), 0);
    assert_false(s.replicated);
    assert_int_equal(s.n_samples, 20);
    /* Half of the batches 10 ms later: deviation 10 ms / 2 * sqrt(20 / 19). */
    near(s.value[METRIC_MEAN].half_width, 2.09302405 * 0.005 * sqrt(20 / 19.0) / sqrt(20), 1e-9);
    near(s.correlation, -0.95, 1e-9);
    assert_true(isnan(s.value[METRIC_JAIN].half_width));
    assert_int_equal(s.n_warnings, 0);
    summary_release(&s);
    result_free(r);
}

static void replications_give_the_interval(void **state)
{
    struct result *r[3] = {small_result(&small, 0, 0), small_result(&small, 2, 0),
                           small_result(&small, 4, 0)};
    struct summary s;

    (void)state;
    assert_int_equal(summary_make(&s, (const struct result *const *)r, 3, 0.95), 0);
    assert_true(s.replicated);
    assert_int_equal(s.n_samples, 3);
    assert_int_equal(s.jobs, 6000);
    /* Means that are 1 ms apart. */
    near(s.value[METRIC_MEAN].half_width, 4.30265273 * 0.001 / sqrt(3), 1e-9);
    near(s.value[METRIC_JAIN].half_width, 0, 1e-12);
    assert_true(isnan(s.correlation));
    summary_release(&s);
    for (unsigned i = 0; i < 3; i++)
        result_free(r[i]);
}

static void a_drift_is_told_and_so_is_what_hangs_together(void **state)
{
    struct result *r = small_result(&small, 0, 3);
    struct summary s;

    (void)state;
    assert_non_null(r);
    assert_int_equal(summary_make(&s, (const struct result *const[]){r}, 1, 0.95), 0);
    assert_true(s.correlation > 0.8);
    assert_int_equal(s.n_warnings, 2);
    assert_non_null(strstr(s.warning[0], "batches hang together"));
    assert_non_null(strstr(s.warning[1], "not stationary: response, mean is"));
    summary_release(&s);
    result_free(r);
}

static void parts_have_figures_of_their_own(void **state)
{
    struct result *r = small_result(&small, 10, 0);
    struct summary s;

    (void)state;
    assert_non_null(r);
    assert_int_equal(summary_make(&s, (const struct result *const[]){r}, 1, 0.95), 0);
    assert_int_equal(s.n_parts[PART_GROUP], 2);
    assert_string_equal(s.part[PART_GROUP][1].name, "hub");
    assert_int_equal(s.part[PART_GROUP][0].jobs, 1500);
    assert_int_equal(s.part[PART_GROUP][1].jobs, 500);
    near(s.part[PART_GROUP][0].value[METRIC_UTILISATION].value, 12.0 / (6 * 20), 1e-12);
    near(s.part[PART_GROUP][1].value[METRIC_LOSS].value, 0.2, 1e-12);
    assert_true(s.part[PART_GROUP][0].value[METRIC_MEAN].half_width > 0);
    assert_int_equal(s.n_parts[PART_FUNCTION], 2);
    assert_int_equal(s.part[PART_FUNCTION][1].jobs, 400);
    summary_release(&s);
    result_free(r);
}

static void one_group_is_no_part(void **state)
{
    struct result *r;

    (void)state;
    small.scenario.n_groups = 1;
    small.scenario.n_functions = 1;
    small.scenario.n_nodes = 3;
    r = result_new(&small.scenario);
    assert_non_null(r);
    assert_int_equal(result_parts(r, PART_GROUP), 0);
    assert_int_equal(result_parts(r, PART_FUNCTION), 0);
    result_free(r);
}

static void misbehaviours_add_up_by_name(void **state)
{
    struct result *r[2] = {small_result(&small, 0, 0), small_result(&small, 0, 0)};
    struct summary s;

    (void)state;
    result_count(r[0], "messages_lost", 3);
    result_count(r[0], "nothing", 0);
    result_misbehaved(r[0], "bad", "unknown_peer", 5);
    result_misbehaved(r[0], "bad", "unknown_peer", 2);
    result_misbehaved(r[1], "bad", "unknown_peer", 1);
    result_misbehaved(r[1], "awful", "illegal_action", 1);
    assert_int_equal(summary_make(&s, (const struct result *const *)r, 2, 0.95), 0);
    assert_int_equal(s.n_counters, 3);
    assert_string_equal(s.counter[0].scheduler, "awful");
    assert_int_equal(s.counter[1].n, 8);
    assert_null(s.counter[2].scheduler);
    assert_int_equal(s.counter[2].n, 3);
    assert_string_equal(s.warning[1],
                        "bad misbehaved: unknown_peer, 8 times; the fallback decided");
    near(s.value[METRIC_MISBEHAVED].value, 4.5, 1e-12);
    summary_release(&s);
    result_free(r[0]);
    result_free(r[1]);
}

static void many_misbehaviours_leave_room_for_other_warnings(void **state)
{
    struct result *r;
    struct summary s;

    (void)state;
    small.scenario.run.target = 0.001;
    r = small_result(&small, 10, 3);
    assert_non_null(r);
    for (char name[] = "a"; name[0] <= 'z'; name[0]++)
        result_misbehaved(r, name, "illegal_action", 1);
    assert_int_equal(summary_make(&s, (const struct result *const[]){r}, 1, 0.95), 0);
    assert_string_equal(s.warning[10], "16 more kinds of misbehaviour");
    assert_int_equal(s.n_warnings, 14);
    assert_non_null(strstr(s.warning[13], "precision not reached"));
    summary_release(&s);
    result_free(r);
}

static void precision_needs_ten_batches_that_do_not_hang_together(void **state)
{
    struct result *steady = small_result(&small, 1, 0), *drift = small_result(&small, 0, 3);
    struct result *early = result_new(&small.scenario);
    struct job_record job = {.end = JOB_RAN, .arrival_ns = 12 * SECOND, .end_ns = 13 * SECOND};

    (void)state;
    assert_true(result_precise_enough(steady, 0.05));
    assert_false(result_precise_enough(steady, 0.0001));
    assert_false(result_precise_enough(drift, 0.9));
    result_job(early, &job);
    assert_false(result_precise_enough(early, 0.9));
    result_free(steady);
    result_free(drift);
    result_free(early);
}

static void a_target_that_was_missed_is_told(void **state)
{
    struct result *r;
    struct summary s;

    (void)state;
    small.scenario.run.target = 0.001;
    r = small_result(&small, 10, 0);
    assert_int_equal(summary_make(&s, (const struct result *const[]){r}, 1, 0.95), 0);
    assert_false(s.precise);
    assert_non_null(strstr(s.warning[0], "precision not reached"));
    summary_release(&s);
    result_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_figures_are_those_of_the_jobs, setup),
        cmocka_unit_test_setup(fairness_is_of_the_load_of_a_slot, setup),
        cmocka_unit_test_setup(a_deadline_is_met_or_not, setup),
        cmocka_unit_test_setup(only_the_measured_time_counts, setup),
        cmocka_unit_test_setup(batches_that_were_cut_off_are_no_samples, setup),
        cmocka_unit_test_setup(nothing_measured_is_no_number_and_a_warning, setup),
        cmocka_unit_test_setup(batch_means_give_the_interval, setup),
        cmocka_unit_test_setup(replications_give_the_interval, setup),
        cmocka_unit_test_setup(a_drift_is_told_and_so_is_what_hangs_together, setup),
        cmocka_unit_test_setup(parts_have_figures_of_their_own, setup),
        cmocka_unit_test_setup(one_group_is_no_part, setup),
        cmocka_unit_test_setup(misbehaviours_add_up_by_name, setup),
        cmocka_unit_test_setup(many_misbehaviours_leave_room_for_other_warnings, setup),
        cmocka_unit_test_setup(precision_needs_ten_batches_that_do_not_hang_together, setup),
        cmocka_unit_test_setup(a_target_that_was_missed_is_told, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
