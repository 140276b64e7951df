// link: host/runtimes/site.c host/endpoint.c host/log.c host/timestamp.c host/utf8.c
/* A host where functions are: which of its addresses is used, and when its name is looked up.
 * The clock, the mailbox and the look-up are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/log.h"
#include "host/resolver.h"
#include "host/runtimes/site.h"

enum { SECOND = 1000000000 };

static uint64_t now;
static struct task *posted[16];
static unsigned n_posted, asked, cancelled;
static void (*told)(void *owner, const struct resolved *answer);
static void *owner;
static struct reactor home;
static struct site *site;

uint64_t clock_ns(void)
{
    return now;
}

void reactor_post(struct reactor *r, struct task *t)
{
    assert_ptr_equal(r, &home);
    assert_true(n_posted < sizeof(posted) / sizeof(posted[0]));
    posted[n_posted++] = t;
}

struct lookup *resolver_ask(struct reactor *r, const char *host, uint16_t port,
                            void (*done)(void *owner, const struct resolved *answer), void *whose)
{
    assert_ptr_equal(r, &home);
    assert_string_equal(host, "gpu.example");
    assert_int_equal(port, 8080);
    asked++;
    told = done;
    owner = whose;
    return (struct lookup *)&asked;
}

void resolver_cancel(struct lookup *l)
{
    assert_ptr_equal(l, &asked);
    cancelled++;
}

static void run_posted(void)
{
    for (unsigned i = 0; i < n_posted; i++)
        posted[i]->run(posted[i]);
    n_posted = 0;
}

/* The look-up that is under way finds these; NULL = it fails. */
static void answer(const char *first, const char *second)
{
    const char *const addresses[] = {first, second};
    struct resolved r = {.why = "nobody knows it"};
    char err[P2P_ERRLEN];

    for (int i = 0; i < 2 && addresses[i]; i++)
        assert_int_equal(endpoint_parse(&r.address[r.n++], addresses[i], 8080, err), 0);
    assert_non_null(told);
    told(owner, &r);
    told = NULL;
}

static int setup(void **state)
{
    static const struct url at = {.host = "gpu.example", .port = 8080};

    (void)state;
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT, "test");
    now = 1000 * (uint64_t)SECOND;
    n_posted = asked = cancelled = 0;
    site = site_join(&home, &at);
    assert_non_null(site);
    run_posted();
    assert_int_equal(asked, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    site_part(site);
    run_posted();
    return home.sites != NULL;
}

/* Who calls now, and where. */
static const char *used(struct served_waiter *w)
{
    *w = (struct served_waiter){.home = &home};
    return site_take(site, w) ? w->endpoint.text : "none";
}

static void use_is(const char *address)
{
    struct served_waiter w;

    assert_string_equal(used(&w), address);
    site_give(site, &w, PLACE_ANSWERED);
}

static void is_refused_at(const char *address)
{
    struct served_waiter w;

    assert_string_equal(used(&w), address);
    w.refusal = "Connection refused";
    site_give(site, &w, PLACE_UNREACHABLE);
}

static void test_a_refusal_makes_the_next_address_that_in_use(void **state)
{
    struct served_waiter late;

    (void)state;
    answer("10.0.0.1", "10.0.0.2");
    used(&late);
    use_is("10.0.0.1:8080");
    is_refused_at("10.0.0.1:8080");
    use_is("10.0.0.2:8080");
    late.refusal = "Connection refused";
    site_give(site, &late, PLACE_UNREACHABLE); /* of the first: it changes nothing */
    use_is("10.0.0.2:8080");
    is_refused_at("10.0.0.2:8080");
    use_is("10.0.0.1:8080");
    run_posted();
    assert_int_equal(asked, 1); /* the look-up is no second old */
}

static void test_it_is_looked_up_again_when_nobody_is_reached(void **state)
{
    (void)state;
    answer("10.0.0.1", NULL);
    now += 2 * (uint64_t)SECOND;
    is_refused_at("10.0.0.1:8080");
    is_refused_at("10.0.0.1:8080");
    run_posted();
    assert_int_equal(asked, 2);
    use_is("10.0.0.1:8080"); /* meanwhile */
    answer("10.0.0.7", "10.0.0.8");
    use_is("10.0.0.7:8080");
}

static void test_it_is_looked_up_again_in_half_a_minute_of_calls(void **state)
{
    (void)state;
    answer("10.0.0.1", "10.0.0.2");
    is_refused_at("10.0.0.1:8080");
    now += 29 * (uint64_t)SECOND;
    use_is("10.0.0.2:8080");
    run_posted();
    assert_int_equal(asked, 1);
    now += 2 * (uint64_t)SECOND;
    use_is("10.0.0.2:8080");
    use_is("10.0.0.2:8080");
    run_posted();
    assert_int_equal(asked, 2);
    answer("10.0.0.3", "10.0.0.2"); /* the one in use is there still */
    use_is("10.0.0.2:8080");
}

static void test_known_addresses_stay_while_it_cannot_be_looked_up(void **state)
{
    char text[256];

    (void)state;
    answer("10.0.0.1", NULL);
    now += 31 * (uint64_t)SECOND;
    use_is("10.0.0.1:8080");
    run_posted();
    answer(NULL, NULL);
    use_is("10.0.0.1:8080");
    site_describe(site, text, sizeof(text));
    assert_string_equal(text, "resolved 10.0.0.1:8080; now it cannot be: nobody knows it");
}

static unsigned turns;

static void on_turn(struct task *t)
{
    (void)t;
    turns++;
}

static void test_who_waits_for_the_first_is_told(void **state)
{
    struct served_waiter a = {.home = &home, .turn = {.run = on_turn}}, b = a, c = a;

    (void)state;
    turns = 0;
    assert_false(site_take(site, &a));
    site_wait(site, &a);
    site_wait(site, &b);
    assert_true(site_leave(site, &b));
    answer(NULL, NULL);
    run_posted();
    assert_int_equal(turns, 1);
    assert_true(a.failed);
    site_wait(site, &c); /* known to fail: at once */
    run_posted();
    assert_int_equal(turns, 2);
    assert_true(c.failed);
    now += 2 * (uint64_t)SECOND;
    site_wait(site, &b);
    run_posted();
    assert_int_equal(asked, 2);
    answer("10.0.0.1", NULL);
    run_posted();
    assert_int_equal(turns, 3);
    assert_false(b.failed);
    assert_string_equal(b.endpoint.text, "10.0.0.1:8080");
}

static void test_who_leaves_cancels_its_look_up(void **state)
{
    static const struct url at = {.host = "gpu.example", .port = 8080};

    (void)state;
    assert_ptr_equal(site_join(&home, &at), site); /* all functions there share it */
    site_part(site);
    assert_int_equal(cancelled, 0);
    teardown(NULL);
    assert_int_equal(cancelled, 1);
    setup(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_refusal_makes_the_next_address_that_in_use, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_it_is_looked_up_again_when_nobody_is_reached, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_it_is_looked_up_again_in_half_a_minute_of_calls, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_known_addresses_stay_while_it_cannot_be_looked_up,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_waits_for_the_first_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_leaves_cancels_its_look_up, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
