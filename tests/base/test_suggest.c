/* What is said about a name that nobody knows: whole names only, however many there are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/suggest.h"

static const char *const names[] = {"slots", "queue", "speed", NULL};
static const char *const none[] = {NULL};

static void the_nearest_is_two_letters_away_at_most(void **state)
{
    static const char *const alike[] = {"jsq", "jiq", "sed", "round_robin", NULL};

    (void)state;
    assert_string_equal(suggest_nearest("slot", names), "slots");
    assert_string_equal(suggest_nearest("sped", names), "speed");
    assert_string_equal(suggest_nearest("qeuue", names), "queue");
    assert_string_equal(suggest_nearest("jiq", alike), "jiq");
    assert_string_equal(suggest_nearest("js", alike), "jsq");
    assert_string_equal(suggest_nearest("roundrobin", alike), "round_robin");
    assert_null(suggest_nearest("nothing", names));
    assert_null(suggest_nearest("", names));
    assert_null(suggest_nearest("slots", none));
    assert_null(suggest_nearest("a_name_that_is_longer_than_any_that_is_known", names));
}

/* In a block of exactly that size. */
static void list_is(size_t size, const char *const *of, const char *wanted)
{
    char *out = malloc(size);

    assert_non_null(out);
    suggest_list(out, size, of);
    if (strcmp(out, wanted) != 0)
        fail_msg("in %zu bytes \"%s\", not \"%s\"", size, out, wanted);
    free(out);
}

static void a_list_ends_with_a_whole_name(void **state)
{
    (void)state;
    list_is(80, names, "slots, queue, speed");
    list_is(sizeof("slots, queue, speed"), names, "slots, queue, speed");
    list_is(sizeof("slots, queue, speed") - 1, names, "slots, queue, ...");
    list_is(sizeof("slots, queue, ..."), names, "slots, queue, ...");
    list_is(sizeof("slots, queue, ...") - 1, names, "slots, ...");
    list_is(sizeof("slots, ..."), names, "slots, ...");
    list_is(sizeof("slots, ...") - 1, names, "...");
    list_is(80, names + 2, "speed");
    list_is(3, names + 2, "..");
    list_is(1, names, "");
    list_is(80, none, "none");
    list_is(1, none, "");
}

static void what_is_unknown_gets_both(void **state)
{
    char text[64];

    (void)state;
    suggest_unknown(text, sizeof(text), "slot", names);
    assert_string_equal(text, "unknown; did you mean 'slots'? allowed: slots, queue, speed");
    suggest_unknown(text, sizeof(text), "x", names);
    assert_string_equal(text, "unknown; allowed: slots, queue, speed");
    suggest_unknown(text, 32, "x", names);
    assert_string_equal(text, "unknown; allowed: slots, ...");
    suggest_unknown(text, 8, "x", names);
    assert_string_equal(text, "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_is_two_letters_away_at_most),
        cmocka_unit_test(a_list_ends_with_a_whole_name),
        cmocka_unit_test(what_is_unknown_gets_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
