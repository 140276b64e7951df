/* What processes and containers use, by what the kernel and the daemon tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/runtimes/docker_json.h"
#include "host/runtimes/process_usage.h"

static void line_of_stat_is_read_whatever_the_name(void **state)
{
    double started, used;

    (void)state;
    assert_int_equal(process_read_stat("12 (a) b (c 1 2) S 1 12 12 0 -1 4194560 1 2 3 4 150 50 7 8 "
                                       "20 0 3 0 98765 1000 200 1844 1 1 0",
                                       &started, &used),
                     0);
    assert_true(started == 98765 && used == 200);
    assert_int_equal(process_read_stat("12 (name) S 1 12", &started, &used), -1);
    assert_int_equal(process_read_stat("", &started, &used), -1);
}

static void this_process_uses_something(void **state)
{
    struct process_meter m = {0};
    struct usage usage;
    volatile unsigned n = 0;

    (void)state;
    do {
        for (unsigned i = 0; i < 1000000; i++)
            n += i;
        m = (struct process_meter){0};
        assert_int_equal(process_usage(&m, getpid(), &usage), 0);
    } while (usage.cpu_millicores == 0);
    assert_true(usage.cpu_millicores < 2000 && usage.memory_bytes > 4096);
    assert_int_equal(process_usage(&m, -1, &usage), -1);
}

static const char stats[] =
    "{\"read\":\"2026-11-27T01:02:04Z\",\"preread\":\"2026-11-27T01:02:02Z\",\"cpu_stats\":"
    "{\"cpu_usage\":{\"total_usage\":5000000000}},\"precpu_stats\":{\"cpu_usage\":"
    "{\"total_usage\":4500000000}},\"memory_stats\":{\"usage\":9000000,\"stats\":"
    "{\"inactive_file\":1000000}}}";

static bool read_stats(const char *text, struct docker_stats *out)
{
    cJSON *json = cJSON_Parse(text);
    bool known = docker_read_stats(json, out);

    cJSON_Delete(json);
    return known;
}

static void container_is_told_by_two_measurements(void **state)
{
    static const char *const unknown[] = {
        "", "[]", "{}", "{\"read\":\"0001-01-01T00:00:00Z\",\"preread\":\"0001-01-01T00:00:00Z\"}",
        "{\"read\":\"2026-11-27T01:02:04Z\",\"preread\":\"2026-11-27T01:02:04Z\"}"};
    struct docker_stats s;

    (void)state;
    assert_true(read_stats(stats, &s));
    assert_true(s.cpu_millicores == 250 && s.memory_bytes == 8000000);
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_false(read_stats(unknown[i], &s));
    assert_true(
        read_stats("{\"read\":\"2026-11-27T01:02:04Z\",\"preread\":\"2026-11-27T01:02:02Z\","
                   "\"cpu_stats\":7,\"memory_stats\":{\"usage\":\"x\"}}",
                   &s));
    assert_true(s.cpu_millicores == 0 && s.memory_bytes == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(line_of_stat_is_read_whatever_the_name),
                                       cmocka_unit_test(this_process_uses_something),
                                       cmocka_unit_test(container_is_told_by_two_measurements)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
