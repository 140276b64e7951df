/* What browsers say of a page, and by which Host it calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "host/page.h"

static bool is_other(const char *origin, const char *site, const char *host)
{
    return page_is_of_other_site(&(struct page_fields){origin, site, host});
}

static void test_pages_of_other_sites(void **state)
{
    (void)state;
    assert_false(page_asks(&(struct page_fields){.host = "127.0.0.1"}));
    assert_true(page_asks(&(struct page_fields){.origin = "null"}));
    assert_true(page_asks(&(struct page_fields){.site = "none"}));
    assert_false(is_other(NULL, NULL, "127.0.0.1"));
    assert_false(is_other(NULL, "same-origin", "127.0.0.1"));
    assert_false(is_other(NULL, "none", "127.0.0.1"));
    assert_false(is_other("http://127.0.0.1:1", "same-origin", "127.0.0.1:1"));
    assert_true(is_other("http://127.0.0.1:2", NULL, "127.0.0.1:1"));
    assert_true(is_other("http://127.0.0.1:1", "cross-site", "127.0.0.1:1"));
    assert_true(is_other("null", NULL, "127.0.0.1"));
    assert_true(is_other("", NULL, "127.0.0.1"));
    assert_true(is_other("http://127.0.0.1", NULL, NULL));
    assert_true(is_other(NULL, "", "127.0.0.1"));
}

static void test_hosts_that_nobody_can_rebind(void **state)
{
    static const char *const addresses[] = {
        "127.0.0.1",      "127.0.0.1:18080", "10.0.0.3:8080",     "localhost",
        "LOCALHOST:8080", "[::1]",           "[fd00::1:2]:18080", "[::ffff:10.0.0.3]:1"};
    static const char *const names[] = {"",
                                        ":8080",
                                        "n1",
                                        "evil.example:8080",
                                        "localhost.evil.example",
                                        "127.0.0.1.evil.example",
                                        "127.0.0.1:8080.evil.example",
                                        "127.0.0.1@evil.example",
                                        "127.1",
                                        "::1",
                                        "[::1",
                                        "[::1]x",
                                        "[::1].evil.example",
                                        "[localhost]",
                                        "[]",
                                        "0000000000000000000000000000000000000000000000000001"};

    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        if (!page_host_is_address(addresses[i]))
            fail_msg("%s is none", addresses[i]);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (page_host_is_address(names[i]))
            fail_msg("%s is one", names[i]);
    assert_false(page_host_is_address(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_of_other_sites),
        cmocka_unit_test(test_hosts_that_nobody_can_rebind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
