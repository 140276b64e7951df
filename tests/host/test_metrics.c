#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host/metrics.h"

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct metrics));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    metrics_release(*state);
    free(*state);
    return 0;
}

static uint64_t count_of(struct metrics *m, uint32_t function, int code, enum ran_where where)
{
    struct function_metrics *f = m->function[function];
    uint64_t n = 0;

    for (struct request_cell *c = f ? f->cells : NULL; c; c = c->next)
        if (c->code == code && c->where == where)
            n += c->count;
    return n;
}

static unsigned cells_of(struct metrics *m, uint32_t function)
{
    unsigned n = 0;

    for (struct request_cell *c = m->function[function]->cells; c; c = c->next)
        n++;
    return n;
}

static void test_places_have_names(void **state)
{
    (void)state;
    assert_string_equal(ran_where_name(RAN_NOWHERE), "nowhere");
    assert_string_equal(ran_where_name(RAN_HERE), "here");
    assert_string_equal(ran_where_name(RAN_ON_PEER), "peer");
}

static void test_each_counter_counts_for_itself(void **state)
{
    struct metrics *m = *state;

    for (int c = 0; c < COUNTERS; c++)
        for (int n = 0; n <= c; n++)
            metrics_count(m, (enum counter)c);
    for (int c = 0; c < COUNTERS; c++)
        assert_int_equal(m->count[c], c + 1);
}

static void test_a_function_without_requests_takes_no_memory(void **state)
{
    struct metrics *m = *state;

    metrics_request(m, 1, 200, RAN_HERE, 1);
    assert_null(m->function[0]);
    assert_non_null(m->function[1]);
    assert_null(m->function[2]);
}

static void test_requests_are_counted_by_function_code_and_place(void **state)
{
    struct metrics *m = *state;

    metrics_request(m, 1, 200, RAN_HERE, 1);
    metrics_request(m, 1, 200, RAN_HERE, 1);
    metrics_request(m, 1, 200, RAN_ON_PEER, 1);
    metrics_request(m, 1, 503, RAN_NOWHERE, 1);
    metrics_request(m, 2, 200, RAN_HERE, 1);
    assert_int_equal(count_of(m, 1, 200, RAN_HERE), 2);
    assert_int_equal(count_of(m, 1, 200, RAN_ON_PEER), 1);
    assert_int_equal(count_of(m, 1, 503, RAN_NOWHERE), 1);
    assert_int_equal(count_of(m, 1, 503, RAN_HERE), 0);
    assert_int_equal(count_of(m, 2, 200, RAN_HERE), 1);
    assert_int_equal(cells_of(m, 1), 3);
    assert_int_equal(cells_of(m, 2), 1);
}

static void test_the_first_and_the_last_function_id_count(void **state)
{
    struct metrics *m = *state;

    metrics_request(m, 0, 404, RAN_NOWHERE, 1);
    metrics_request(m, CONFIG_MAX_FUNCTIONS - 1, 200, RAN_HERE, 1);
    assert_int_equal(count_of(m, 0, 404, RAN_NOWHERE), 1);
    assert_int_equal(count_of(m, CONFIG_MAX_FUNCTIONS - 1, 200, RAN_HERE), 1);
}

static void test_bounds_rise_and_end_in_infinity(void **state)
{
    (void)state;
    assert_true(metrics_bucket_seconds[0] > 0);
    for (int b = 1; b < METRICS_BUCKETS; b++)
        assert_true(metrics_bucket_seconds[b] > metrics_bucket_seconds[b - 1]);
    assert_true(isinf(metrics_bucket_seconds[METRICS_BUCKETS - 1]));
}

/* Which bucket did it fall into? */
static int bucket_of(uint64_t total_ns)
{
    struct metrics *m = calloc(1, sizeof(*m));
    int found = -1;

    assert_non_null(m);
    metrics_request(m, 0, 200, RAN_HERE, total_ns);
    for (int b = 0; b < METRICS_BUCKETS; b++)
        if (m->function[0]->bucket[b]) {
            assert_int_equal(m->function[0]->bucket[b], 1);
            assert_int_equal(found, -1);
            found = b;
        }
    metrics_release(m);
    free(m);
    return found;
}

/* Prometheus' "le": less or equal. */
static void test_a_bound_belongs_to_its_bucket(void **state)
{
    (void)state;
    for (int b = 0; b < METRICS_BUCKETS - 1; b++) {
        uint64_t bound = (uint64_t)llround(metrics_bucket_seconds[b] * 1e9);

        assert_int_equal(bucket_of(bound - 1), b);
        assert_int_equal(bucket_of(bound), b);
        assert_int_equal(bucket_of(bound + 1), b + 1);
    }
}

static void test_no_time_and_all_time_have_a_bucket(void **state)
{
    (void)state;
    assert_int_equal(bucket_of(0), 0);
    assert_int_equal(bucket_of(UINT64_MAX), METRICS_BUCKETS - 1);
}

static void test_times_add_up(void **state)
{
    struct metrics *m = *state;
    uint64_t sum = 0;

    for (uint64_t ns = 1; ns < 10000000000u; ns *= 7) {
        metrics_request(m, 1, 200, RAN_HERE, ns);
        sum += ns;
    }
    assert_int_equal(m->function[1]->total_ns, sum);
}

static void test_buckets_and_cells_count_the_same_requests(void **state)
{
    struct metrics *m = *state;
    uint64_t in_buckets = 0, in_cells = 0;

    for (unsigned i = 0; i < 1000; i++)
        metrics_request(m, 1, 200 + (int)(i % 5) * 100, (enum ran_where)(i % RAN_WHERES),
                        (uint64_t)i * 20000000u);
    for (int b = 0; b < METRICS_BUCKETS; b++)
        in_buckets += m->function[1]->bucket[b];
    for (struct request_cell *c = m->function[1]->cells; c; c = c->next)
        in_cells += c->count;
    assert_int_equal(in_buckets, 1000);
    assert_int_equal(in_cells, 1000);
    assert_int_equal(cells_of(m, 1), 5 * RAN_WHERES);
}

enum { REQUESTS = 20000, CODES = 40 };

static _Atomic bool written;

static void *write_requests(void *arg)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        metrics_request(arg, i % 4, 200 + (int)(i % CODES), RAN_HERE, i);
        metrics_count(arg, COUNT_COLD_STARTS);
    }
    written = true;
    return NULL;
}

static uint64_t sum_of(struct metrics *m)
{
    uint64_t sum = 0;

    for (uint32_t f = 0; f < 4; f++)
        for (int code = 200; code < 200 + CODES; code++)
            sum += count_of(m, f, code, RAN_HERE);
    return sum;
}

static void test_a_reader_beside_the_writer_sees_numbers_that_only_grow(void **state)
{
    struct metrics *m = *state;
    uint64_t last = 0, starts = 0;
    pthread_t writer;
    bool grows = true;

    written = false;
    assert_int_equal(pthread_create(&writer, NULL, write_requests, m), 0);
    while (!written) {
        uint64_t sum = sum_of(m), now = m->count[COUNT_COLD_STARTS];

        grows = grows && sum >= last && now >= starts;
        last = sum;
        starts = now;
    }
    pthread_join(writer, NULL);
    assert_true(grows);
    assert_int_equal(sum_of(m), REQUESTS);
    assert_int_equal(m->count[COUNT_COLD_STARTS], REQUESTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_each_counter_counts_for_itself),
        T(test_a_function_without_requests_takes_no_memory),
        T(test_requests_are_counted_by_function_code_and_place),
        T(test_the_first_and_the_last_function_id_count),
        T(test_times_add_up),
        T(test_buckets_and_cells_count_the_same_requests),
        T(test_a_reader_beside_the_writer_sees_numbers_that_only_grow),
#undef T
        cmocka_unit_test(test_places_have_names),
        cmocka_unit_test(test_bounds_rise_and_end_in_infinity),
        cmocka_unit_test(test_a_bound_belongs_to_its_bucket),
        cmocka_unit_test(test_no_time_and_all_time_have_a_bucket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
