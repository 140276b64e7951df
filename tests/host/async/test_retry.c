/* When what failed is tried again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/async/retry.h"

#define SECOND UINT64_C(1000000000)

static const struct retry_policy policy = {
    .attempts = 10, .min_wait_ns = 10 * SECOND, .max_wait_ns = 120 * SECOND};

static void test_the_most_that_is_waited_doubles_up_to_its_limit(void **state)
{
    static const uint64_t most[] = {10, 20, 40, 80, 120, 120, 120};

    (void)state;
    for (unsigned made = 1; made <= 7; made++)
        assert_int_equal(retry_wait_ns(&policy, made, 1), most[made - 1] * SECOND);
    assert_int_equal(retry_wait_ns(&policy, 100000, 1), 120 * SECOND);
}

static void test_any_time_up_to_it_is_waited(void **state)
{
    (void)state;
    assert_int_equal(retry_wait_ns(&policy, 1, 0), 0);
    assert_int_equal(retry_wait_ns(&policy, 1, 0.25), 5 * SECOND / 2);
    assert_int_equal(retry_wait_ns(&policy, 3, 0.5), 20 * SECOND);
}

static void test_long_waits_do_not_pass_the_end_of_numbers(void **state)
{
    const struct retry_policy longest = {
        .attempts = 1000, .min_wait_ns = 86399 * SECOND, .max_wait_ns = 86400 * SECOND};
    const struct retry_policy less = {
        .attempts = 10, .min_wait_ns = 60 * SECOND, .max_wait_ns = SECOND};

    (void)state;
    assert_int_equal(retry_wait_ns(&longest, 1000, 1), 86400 * SECOND);
    assert_int_equal(retry_wait_ns(&less, 1, 1), SECOND);
}

static void test_codes_are_read(void **state)
{
    struct retry_codes codes;
    char err[P2P_ERRLEN];

    (void)state;
    assert_int_equal(retry_codes_read(&codes, "408,429,599,100", err), 0);
    assert_true(retry_codes_have(&codes, 408));
    assert_true(retry_codes_have(&codes, 429));
    assert_true(retry_codes_have(&codes, 599));
    assert_true(retry_codes_have(&codes, 100));
    assert_false(retry_codes_have(&codes, 500));
    assert_false(retry_codes_have(&codes, 0));
    assert_false(retry_codes_have(&codes, -1));
    assert_false(retry_codes_have(&codes, 64000));
    assert_int_equal(retry_codes_read(&codes, "", err), 0);
    assert_false(retry_codes_have(&codes, 429));
}

static void test_what_is_no_list_of_codes_is_told(void **state)
{
    static const char *const wrong[] = {"x",    "42",       "600",     "099",  "4290",    "429,",
                                        ",429", "429 ,500", "429;500", "-429", "429,,500"};
    struct retry_codes codes;
    char err[P2P_ERRLEN];

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        err[0] = '\0';
        if (retry_codes_read(&codes, wrong[i], err) == 0)
            fail_msg("'%s' was taken", wrong[i]);
        assert_non_null(strstr(err, "as in 429,503"));
    }
}

static void test_retry_after_is_read(void **state)
{
    static const time_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
    uint64_t wait;

    (void)state;
    assert_true(retry_after_ns("7", now, &wait));
    assert_int_equal(wait, 7 * SECOND);
    assert_true(retry_after_ns("0", now, &wait));
    assert_int_equal(wait, 0);
    assert_true(retry_after_ns("Sun, 06 Nov 1994 08:50:07 GMT", now, &wait));
    assert_int_equal(wait, 30 * SECOND);
    assert_true(retry_after_ns("Sun, 06 Nov 1994 08:49:07 GMT", now, &wait));
    assert_int_equal(wait, 0);
    assert_true(retry_after_ns("99999999999999999999999", now, &wait));
    assert_int_equal(wait, 3600 * SECOND);
    assert_false(retry_after_ns("soon", now, &wait));
    assert_false(retry_after_ns("", now, &wait));
}

static void test_what_a_function_says_of_its_own_comes_first(void **state)
{
    struct retry_rules rules = {.policy = {10, 100, 1000}}, same = rules;
    static const struct retry_own none;
    struct retry_own own = {.policy = {3, 5000, 0}, .has_codes = true};
    char err[P2P_ERRLEN];

    (void)state;
    retry_rules_merge(&same, &none);
    assert_memory_equal(&same, &rules, sizeof(rules));
    assert_int_equal(retry_codes_read(&own.codes, "418", err), 0);
    retry_rules_merge(&rules, &own);
    assert_int_equal(rules.policy.attempts, 3);
    assert_int_equal(rules.policy.min_wait_ns, 5000);
    assert_int_equal(rules.policy.max_wait_ns, 5000); /* not less than min_wait */
    assert_true(retry_codes_have(&rules.codes, 418));
    own = (struct retry_own){.policy = {0, 0, 70}};
    retry_rules_merge(&rules, &own);
    assert_int_equal(rules.policy.attempts, 3);
    assert_int_equal(rules.policy.max_wait_ns, 70);
    assert_true(retry_codes_have(&rules.codes, 418));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_most_that_is_waited_doubles_up_to_its_limit),
        cmocka_unit_test(test_any_time_up_to_it_is_waited),
        cmocka_unit_test(test_long_waits_do_not_pass_the_end_of_numbers),
        cmocka_unit_test(test_codes_are_read),
        cmocka_unit_test(test_what_is_no_list_of_codes_is_told),
        cmocka_unit_test(test_retry_after_is_read),
        cmocka_unit_test(test_what_a_function_says_of_its_own_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
