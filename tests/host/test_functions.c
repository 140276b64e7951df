#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/functions.h"

/* ---- as URLs name them ---- */

struct named {
    struct function_config config[3];
    struct function function[3];
    struct function_entry entry[3];
    struct function_table table;
};

static void make(struct named *n)
{
    static const char *const names[] = {"echo", "v1.echo", "dot.openfaas-fn"};

    memset(n, 0, sizeof(*n));
    for (int i = 0; i < 3; i++) {
        struct function_table *t = &n->table;

        n->config[i].name = names[i];
        n->function[i].config = &n->config[i];
        n->entry[i].function = &n->function[i];
        HASH_ADD_KEYPTR(hh, t->by_name, names[i], strlen(names[i]), &n->entry[i]);
    }
}

static const char *resolve(const struct named *n, const char *text)
{
    struct function *f = function_table_resolve(&n->table, text, strlen(text), "openfaas-fn");

    return f ? f->config->name : NULL;
}

static void a_name_with_our_namespace_is_the_name(void **state)
{
    struct named n;

    (void)state;
    make(&n);
    assert_string_equal(resolve(&n, "echo"), "echo");
    assert_string_equal(resolve(&n, "echo.openfaas-fn"), "echo");
    assert_string_equal(resolve(&n, "v1.echo"), "v1.echo");
    assert_string_equal(resolve(&n, "v1.echo.openfaas-fn"), "v1.echo");
    assert_string_equal(resolve(&n, "dot.openfaas-fn"), "dot.openfaas-fn");
    assert_string_equal(resolve(&n, "dot.openfaas-fn.openfaas-fn"), "dot.openfaas-fn");
    HASH_CLEAR(hh, n.table.by_name);
}

static void another_namespace_is_nobody_here(void **state)
{
    static const char *const wrong[] = {"echo.other",     "echo.", ".openfaas-fn",
                                        "openfaas-fn",    "",      "echo.openfaas-fn.other",
                                        "echoopenfaas-fn"};
    struct named n;

    (void)state;
    make(&n);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_null(resolve(&n, wrong[i]));
    HASH_CLEAR(hh, n.table.by_name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_with_our_namespace_is_the_name),
        cmocka_unit_test(another_namespace_is_nobody_here),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
