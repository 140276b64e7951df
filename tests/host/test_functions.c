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

/* ---- a table of all that is offered ---- */

struct offering {
    struct function_offers from[FUNCTION_ORIGINS];
    struct function_names names;
    struct reactor home;
    struct function_table *table;
};

static void begin(struct offering *o)
{
    char err[P2P_ERRLEN];

    memset(o, 0, sizeof(*o));
    function_names_init(&o->names);
    assert_int_equal(reactor_init(&o->home, err), 0);
}

static void withdraw(struct function_offers *f)
{
    for (unsigned i = 0; i < f->n; i++)
        shared_config_unref(f->list[i]);
    free(f->list);
    *f = (struct function_offers){0};
}

static void end(struct offering *o)
{
    function_table_unref(o->table);
    for (int i = 0; i < FUNCTION_ORIGINS; i++)
        withdraw(&o->from[i]);
    reactor_release(&o->home);
    function_names_release(&o->names);
}

/* Functions PREFIX0, PREFIX1 …; without a gateway none of them can be set up. */
static void offer(struct offering *o, enum function_origin origin, const char *prefix, unsigned n)
{
    struct function_offers *f = &o->from[origin];
    char name[32], err[P2P_ERRLEN];

    withdraw(f);
    f->list = calloc(n, sizeof(*f->list));
    for (; f->n < n; f->n++) {
        struct shared_config *c = calloc(1, sizeof(*c));

        snprintf(name, sizeof(name), "%s%u", prefix, f->n);
        assert_int_equal(config_make_function(&c->config, name, FUNCTION_OPENFAAS, err), 0);
        c->refs = 1;
        f->list[f->n] = c;
    }
}

static bool take(struct offering *o, bool retry, char err[P2P_ERRLEN])
{
    struct function_table *t =
        function_table_new(o->from, o->table, retry, &o->names, &o->home, NULL, NULL, err);

    if (!t)
        return false;
    function_table_unref(o->table);
    o->table = t;
    reactor_run_posted(&o->home);
    return true;
}

static void names_of_a_gateway_that_change_use_up_only_their_own(void **state)
{
    struct offering o;
    char err[P2P_ERRLEN];

    (void)state;
    begin(&o);
    offer(&o, FROM_GATEWAY, "a", 300);
    assert_true(take(&o, false, err));
    assert_int_equal(o.table->n, 300);
    offer(&o, FROM_GATEWAY, "b", 300);
    assert_true(take(&o, false, err));
    assert_int_equal(o.table->n, 212);
    assert_int_equal(o.table->left_out, 88);
    assert_non_null(function_table_find(o.table, "b211", 4));
    assert_null(function_table_find(o.table, "b212", 4));
    offer(&o, FROM_DEPLOYMENT, "mine", 511);
    assert_true(take(&o, false, err));
    assert_int_equal(o.table->n, 212 + 511);
    offer(&o, FROM_GATEWAY, "a", 300); /* known ones come back */
    assert_true(take(&o, false, err));
    assert_int_equal(o.table->n, 300 + 511);
    assert_int_equal(o.table->left_out, 0);
    offer(&o, FROM_DEPLOYMENT, "mine", 512);
    assert_false(take(&o, false, err));
    assert_non_null(strstr(err, "functions.mine511: more than 1023 names"));
    end(&o);
}

static void what_cannot_be_set_up_is_tried_again_when_that_is_asked(void **state)
{
    const struct function *first;
    struct offering o;
    char err[P2P_ERRLEN];

    (void)state;
    begin(&o);
    offer(&o, FROM_DEPLOYMENT, "mine", 1);
    assert_true(take(&o, false, err));
    first = function_table_find(o.table, "mine0", 5);
    assert_null(first->program);
    offer(&o, FROM_GATEWAY, "a", 1);
    assert_true(take(&o, false, err));
    assert_ptr_equal(function_table_find(o.table, "mine0", 5), first);
    assert_true(take(&o, true, err));
    assert_ptr_not_equal(function_table_find(o.table, "mine0", 5), first);
    end(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_with_our_namespace_is_the_name),
        cmocka_unit_test(another_namespace_is_nobody_here),
        cmocka_unit_test(names_of_a_gateway_that_change_use_up_only_their_own),
        cmocka_unit_test(what_cannot_be_set_up_is_tried_again_when_that_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
