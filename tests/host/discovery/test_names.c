/* Names of seeds, with a system that says what the test wants, when it wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/discovery/names.h"

static const uint64_t SECOND = 1000000000;

static struct reactor reactor;
static struct names *names;
static char err[P2P_ERRLEN];

/* What the system says; asked on threads of its own. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned asked, answered;
    bool holds; /* no answer before it is false */
    const char *addresses[NAMES_ADDRESSES];
    int n;
} sys = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* What was told. */
static char found[8][64];
static unsigned n_found;
static const char *alive;

static int say(const char *host, int family, uint16_t port, struct endpoint *out,
               char why[NAMES_WHY])
{
    char ignored[P2P_ERRLEN];
    int n;

    assert_string_equal(host, "n1");
    assert_int_equal(family, AF_INET);
    pthread_mutex_lock(&sys.lock);
    sys.asked++;
    pthread_cond_broadcast(&sys.changed);
    while (sys.holds)
        pthread_cond_wait(&sys.changed, &sys.lock);
    n = sys.n;
    for (int i = 0; i < n; i++)
        endpoint_parse(&out[i], sys.addresses[i], port, ignored);
    if (n < 0)
        snprintf(why, NAMES_WHY, "the test says no");
    sys.answered++;
    pthread_cond_broadcast(&sys.changed);
    pthread_mutex_unlock(&sys.lock);
    return n;
}

static bool answers(void *ctx, const struct endpoint *e)
{
    assert_ptr_equal(ctx, &reactor);
    return alive && strcmp(alive, e->text) == 0;
}

static void on_found(void *ctx, const struct endpoint *e)
{
    assert_ptr_equal(ctx, &reactor);
    assert_true(n_found < 8);
    snprintf(found[n_found++], sizeof(found[0]), "%s", e->text);
}

static void wait_for(const unsigned *count, unsigned least)
{
    pthread_mutex_lock(&sys.lock);
    while (*count < least)
        pthread_cond_wait(&sys.changed, &sys.lock);
    pthread_mutex_unlock(&sys.lock);
}

static void hold(bool yes)
{
    pthread_mutex_lock(&sys.lock);
    sys.holds = yes;
    pthread_cond_broadcast(&sys.changed);
    pthread_mutex_unlock(&sys.lock);
}

static void system_says(int n, const char *first, const char *second)
{
    pthread_mutex_lock(&sys.lock);
    sys.n = n;
    sys.addresses[0] = first;
    sys.addresses[1] = second;
    pthread_mutex_unlock(&sys.lock);
}

/* At that second it is asked, for the n-th time, and what the system says is heard. */
static void asks_at(uint64_t second, unsigned n)
{
    names_poll(names, second * SECOND);
    wait_for(&sys.answered, n);
    assert_int_equal(sys.asked, n);
    ev_run(reactor.loop, EVRUN_ONCE);
}

static void silent_at(uint64_t second)
{
    unsigned before = sys.asked;

    names_poll(names, second * SECOND);
    assert_int_equal(sys.asked, before);
}

static int begin(void **state)
{
    static const struct names_calls calls = {say, answers, on_found};

    (void)state;
    n_found = sys.asked = sys.answered = 0;
    alive = NULL;
    hold(false);
    if (reactor_init(&reactor, err))
        return -1;
    names = names_new(&reactor, AF_INET, &calls, &reactor);
    return names ? names_add(names, "n1", 19000, err) : -1;
}

static int end(void **state)
{
    (void)state;
    names_free(names);
    reactor_release(&reactor);
    return 0;
}

static void test_all_that_a_name_stands_for_is_told_with_its_port(void **state)
{
    (void)state;
    assert_int_equal(names_add(names, "no/name", 19000, err), -1);
    assert_non_null(strstr(err, "'no/name'"));
    system_says(2, "10.0.0.1", "10.0.0.2");
    asks_at(1, 1);
    assert_int_equal(n_found, 2);
    assert_string_equal(found[0], "10.0.0.1:19000");
    assert_string_equal(found[1], "10.0.0.2:19000");
}

static void test_it_is_asked_again_less_and_less_often_until_somebody_answers(void **state)
{
    (void)state;
    system_says(-1, NULL, NULL);
    asks_at(100, 1);
    asks_at(101, 2);
    silent_at(102);
    asks_at(103, 3);
    silent_at(106);
    system_says(1, "10.0.0.1", NULL);
    asks_at(107, 4);
    assert_int_equal(n_found, 1);
    silent_at(114);
    asks_at(115, 5); /* nobody is there */
    alive = "10.0.0.1:19000";
    silent_at(1000);
    silent_at(2000);
}

static void test_who_was_there_is_sought_anew_when_it_is_gone(void **state)
{
    (void)state;
    system_says(1, "10.0.0.1", NULL);
    asks_at(1, 1);
    alive = "10.0.0.1:19000";
    silent_at(50);
    alive = NULL;
    system_says(-1, NULL, NULL);
    asks_at(51, 2); /* what it stood for stays */
    alive = "10.0.0.1:19000";
    silent_at(60);
    alive = NULL;
    system_says(1, "10.0.0.7", NULL);
    asks_at(61, 3);
    assert_string_equal(found[n_found - 1], "10.0.0.7:19000");
}

static void test_one_question_is_open_at_a_time(void **state)
{
    (void)state;
    system_says(1, "10.0.0.1", NULL);
    hold(true);
    names_poll(names, SECOND);
    wait_for(&sys.asked, 1);
    silent_at(100);
    silent_at(200);
    hold(false);
    wait_for(&sys.answered, 1);
    ev_run(reactor.loop, EVRUN_ONCE);
    assert_int_equal(n_found, 1);
}

static void test_an_open_question_keeps_nobody(void **state)
{
    (void)state;
    system_says(1, "10.0.0.1", NULL);
    hold(true);
    names_poll(names, SECOND);
    wait_for(&sys.asked, 1);
    names_free(names);
    names = NULL;
    hold(false);
    wait_for(&sys.answered, 1);
    assert_int_equal(n_found, 0);
}

static void test_an_answer_on_its_way_keeps_nobody_either(void **state)
{
    (void)state;
    system_says(1, "10.0.0.1", NULL);
    names_poll(names, SECOND);
    wait_for(&sys.answered, 1);
    names_free(names);
    names = NULL;
    reactor_run_posted(&reactor);
    assert_int_equal(n_found, 0);
}

static void test_there_are_so_many_at_most(void **state)
{
    char name[16];

    (void)state;
    for (int i = 1; i < NAMES_MOST; i++) {
        snprintf(name, sizeof(name), "m%d", i);
        assert_int_equal(names_add(names, name, 1, err), 0);
    }
    assert_int_equal(names_add(names, "more", 1, err), -1);
    assert_non_null(strstr(err, "64 seeds"));
}

static void test_the_system_knows_itself(void **state)
{
    struct endpoint out[NAMES_ADDRESSES];
    char why[NAMES_WHY], too_long[65]; /* for DNS, which then is not asked */

    (void)state;
    memset(too_long, 'a', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';
    assert_true(names_ask_system("localhost", AF_INET, 7, out, why) >= 1);
    assert_string_equal(out[0].text, "127.0.0.1:7");
    assert_int_equal(names_ask_system(too_long, AF_INET, 7, out, why), -1);
    assert_true(why[0] != '\0');
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)
    const struct CMUnitTest tests[] = {
        T(all_that_a_name_stands_for_is_told_with_its_port),
        T(it_is_asked_again_less_and_less_often_until_somebody_answers),
        T(who_was_there_is_sought_anew_when_it_is_gone),
        T(one_question_is_open_at_a_time),
        T(an_open_question_keeps_nobody),
        T(an_answer_on_its_way_keeps_nobody_either),
        T(there_are_so_many_at_most),
        T(the_system_knows_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
