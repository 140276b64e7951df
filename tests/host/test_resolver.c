/* Names to addresses, as the system has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "host/resolver.h"

enum { GUARD_SECONDS = 20, MANY = 32 };

static struct reactor home;
static ev_timer guard;
static bool too_late;
static unsigned n_told;
static struct resolved last;

static void on_guard(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop;
    (void)w;
    (void)events;
    too_late = true;
}

static int setup(void **state)
{
    char err[P2P_ERRLEN];

    (void)state;
    n_told = 0;
    too_late = false;
    if (reactor_init(&home, err))
        return -1;
    ev_timer_init(&guard, on_guard, GUARD_SECONDS, 0);
    ev_timer_start(home.loop, &guard);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ev_timer_stop(home.loop, &guard);
    reactor_release(&home);
    return 0;
}

static void on_told(void *owner, const struct resolved *answer)
{
    assert_ptr_equal(owner, &home);
    last = *answer;
    n_told++;
}

static struct lookup *ask(const char *host)
{
    struct lookup *l = resolver_ask(&home, host, 8080, on_told, &home);

    assert_non_null(l);
    return l;
}

static void await(unsigned n)
{
    while (n_told < n && !too_late)
        ev_run(home.loop, EVRUN_ONCE);
    assert_int_equal(n_told, n);
}

static void test_a_name_has_addresses(void **state)
{
    bool found = false;

    (void)state;
    ask("localhost");
    assert_int_equal(n_told, 0);
    await(1);
    for (unsigned i = 0; i < last.n; i++)
        found |= strcmp(last.address[i].text, "127.0.0.1:8080") == 0 ||
                 strcmp(last.address[i].text, "[::1]:8080") == 0;
    assert_true(found);
    ask("::1");
    await(2);
    assert_int_equal(last.n, 1);
    assert_string_equal(last.address[0].text, "[::1]:8080");
    assert_int_equal(last.address[0].address.ss_family, AF_INET6);
}

static void test_a_name_that_there_is_not_has_a_reason(void **state)
{
    (void)state;
    ask("no-such-name.invalid");
    await(1);
    assert_int_equal(last.n, 0);
    assert_true(last.why[0] != '\0');
    ask("bad name");
    await(2);
    assert_int_equal(last.n, 0);
}

static void test_many_are_told_each_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        ask("127.0.0.1");
    await(MANY);
    assert_int_equal(last.n, 1);
    assert_string_equal(last.address[0].text, "127.0.0.1:8080");
}

static void test_one_that_is_cancelled_is_not_told(void **state)
{
    struct lookup *l[MANY];

    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        l[i] = ask("localhost");
    for (unsigned i = 0; i < MANY; i += 2)
        resolver_cancel(l[i]);
    await(MANY / 2);
    ask("localhost");
    await(MANY / 2 + 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_name_has_addresses),
        T(a_name_that_there_is_not_has_a_reason),
        T(many_are_told_each_once),
        T(one_that_is_cancelled_is_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
