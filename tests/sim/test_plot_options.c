/* What the command line of `p2pfaas plot` asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/support_plot.h"

static void a_call_is_read(void **state)
{
    struct plot_options o;
    char err[P2P_ERRLEN] = "";

    (void)state;
    assert_int_equal(PARSE(&o, err, "results"), 0);
    assert_string_equal(o.folder, "results");
    assert_true(o.format[0] && o.format[1] && !o.format[2]);
    assert_int_equal(o.n_y, 0);
    assert_int_equal(PARSE(&o, err, "--log", "--x=load", "r", "--y", "loss,p99", "--by", "T",
                           "--theory", "mm1", "--theory", "ll:K=10,T=9", "--out", "a/b.pdf"),
                     0);
    assert_string_equal(o.folder, "r");
    assert_true(o.log && o.n_y == 2 && o.y[1] == METRIC_P99 && o.n_theories == 2);
    assert_true(!o.format[0] && !o.format[1] && o.format[2]);
    assert_string_equal(o.x, "load");
    assert_string_equal(o.by, "T");
    assert_int_equal(PARSE(&o, err, "--help"), 1);
}

static void a_wrong_call_is_told(void **state)
{
    static const struct {
        const char *words[4], *says;
    } table[] = {
        {{"--x", NULL}, "--x: wants a value"},
        {{"--colour", "r", NULL}, "--colour: no such option; --help lists them"},
        {{"--y", "speed", "r", NULL},
         "--y: no metric 'speed'; allowed: loss mean p50 p95 p99 wait "
         "run probes forwards in_deadline jain jain_loss utilisation "
         "throughput reward choices misbehaved"},
        {{"--format", "gif", "r", NULL}, "--format: no format 'gif'; allowed: png svg pdf"},
        {{"--out", "a.tiff", "r", NULL}, "--out: no format 'tiff'; allowed: png svg pdf"},
        {{"--theory", "mm1:x=1", "r", NULL}, "theory mm1: no parameter 'x'; allowed: none"},
        {{"a", "b", NULL}, "one folder of results at a time"},
        {{"--log", NULL}, "which folder of results?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct plot_options o;
        char err[P2P_ERRLEN] = "";

        assert_int_equal(parse(&o, err, table[i].words), -1);
        assert_string_equal(err, table[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_read),
        cmocka_unit_test(a_wrong_call_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
