/* What a plugin may ask the host for, it may ask wherever it runs: the world is asked
 * under its lock, and no lock is taken twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/engine/support_world.h"

static char file[96];

static int setup(void **state)
{
    char from[4096];
    struct fake *f;

    if (fake_setup(state))
        return -1;
    f = *state;
    snprintf(from, sizeof(from), "%s/asks.so", getenv("P2P_TEST_PLUGINS"));
    snprintf(file, sizeof(file), "%s/asks.so", f->folder);
    if (symlink(from, file))
        return -1;
    return catalog_scan(f->catalog, NULL, NULL, f->err) == 1 ? 0 : -1;
}

static int teardown(void **state)
{
    unlink(file);
    return fake_teardown(state);
}

static void said(struct fake *f, const char *where, unsigned times)
{
    char line[160];

    snprintf(line, sizeof(line),
             "%s: peer at 192.0.2.1:18080, here 192.0.2.100:18080, function resize, at 1000000\n",
             where);
    assert_int_equal(fake_said(f, line), times);
}

static void the_world_may_be_asked_wherever_a_plugin_runs(void **state)
{
    struct fake *f = *state;
    struct fake_job j;

    fake_select(f, "asks");
    said(f, "in init", 1);
    said(f, "probes", 1);
    fake_run(f, &j);
    said(f, "decide", 1);
    fake_select(f, "asks", "rounds", "2");
    said(f, "in init", 2);
    said(f, "probes", 2);
    said(f, "save", 1);
    said(f, "load", 1);
    said(f, "in fini", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_world_may_be_asked_wherever_a_plugin_runs, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
