#include <math.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/plot_legend.h"

extern char **environ;

enum { MOST = 40, ROOM = 80 };

/* ---- texts ---- */

static struct plot_legend legend_of(const char *title, const char *const *label,
                                    const char *const *theory)
{
    char *series[MOST];
    struct plot_data d = {.series = series, .series_title = (char *)title};
    struct plot_options o = {.folder = "r"};
    bool shows[PLOT_THEORIES] = {false};
    struct plot_legend l;

    for (; label[d.n_series]; d.n_series++)
        series[d.n_series] = (char *)label[d.n_series];
    for (; theory && theory[o.n_theories]; o.n_theories++) {
        snprintf(o.theory[o.n_theories].label, sizeof(o.theory[0].label), "%s",
                 theory[o.n_theories]);
        shows[o.n_theories] = true;
    }
    assert_int_equal(plot_legend_make(&l, &d, &o, shows, ROOM), 0);
    return l;
}
#define LEGEND(title, ...) legend_of(title, (const char *const[]){__VA_ARGS__, NULL}, NULL)

static void short_texts_stay_as_they_are_beside_the_figure(void **state)
{
    struct plot_legend l = LEGEND("arrivals.load", "load 0.5", "load 0.9");

    (void)state;
    assert_false(l.below);
    assert_int_equal(plot_legend_rows(&l, ROOM), 0);
    assert_string_equal(l.title, "arrivals.load");
    assert_string_equal(l.label[1], "load 0.9");
    plot_legend_release(&l);
}

static void what_all_begin_and_end_with_is_said_once(void **state)
{
    struct plot_legend l =
        LEGEND("scheduler", "{plugin: power_of_choices, parameters: {fanout: 1, threshold: 8}}",
               "{plugin: power_of_choices, parameters: {fanout: 1, threshold: 9}}");

    (void)state;
    assert_string_equal(l.title, "scheduler: power_of_choices (fanout: 1, threshold: …");
    assert_string_equal(l.label[0], "…8)");
    assert_string_equal(l.label[1], "…9)");
    plot_legend_release(&l);
    l = LEGEND("scheduler", "power_of_choices{fanout: 1, loss: true, max_hops: 3}",
               "power_of_choices{fanout: 12, loss: true, max_hops: 3}");
    assert_string_equal(l.title, "scheduler: power_of_choices{fanout: …, loss: true, max_hops: 3}");
    assert_string_equal(l.label[0], "…1…");
    assert_string_equal(l.label[1], "…12…");
    plot_legend_release(&l);
    /* One is the beginning of the other; and nothing is alike. */
    l = LEGEND("scheduler", "power_of_choices{fanout: 1}", "power_of_choices{fanout: 1} twice");
    assert_string_equal(l.label[0], "…1}");
    assert_string_equal(l.label[1], "…1} twice");
    plot_legend_release(&l);
    l = LEGEND("scheduler", "a scheduler that has a long name", "round_robin");
    assert_string_equal(l.label[0], "a scheduler that has a long name");
    plot_legend_release(&l);
}

static void a_long_title_leaves_out_paths(void **state)
{
    struct plot_legend l =
        LEGEND("nodes.node.scheduler.parameters.threshold, load", "0, 1", "8, 2");

    (void)state;
    assert_string_equal(l.title, "threshold, load");
    assert_false(l.below);
    plot_legend_release(&l);
}

static unsigned characters(const char *text)
{
    unsigned n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Also of texts in which a character has several bytes. */
static void nothing_is_wider_than_the_picture(void **state)
{
    char wide[2][600] = {"a", "b"};
    struct plot_legend l;

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        for (unsigned n = 0; n < 120; n++)
            snprintf(wide[i] + 1 + (size_t)2 * n, 4, "%s", i ? "µ" : "é");
    l = LEGEND(wide[0], wide[0], wide[1]);
    for (unsigned i = 0; i < 2; i++)
        assert_true(characters(l.label[i]) < ROOM && l.label[i][0] == wide[i][0]);
    assert_int_equal(characters(l.title), ROOM);
    assert_true(l.below);
    assert_int_equal(plot_legend_rows(&l, ROOM), 3);
    assert_int_equal(plot_legend_rows(&l, 1), 3);
    plot_legend_release(&l);
}

static void a_curve_without_a_name_is_what_was_simulated(void **state)
{
    struct plot_legend l =
        legend_of("", (const char *const[]){"", NULL}, (const char *const[]){"theory: mm1", NULL});

    (void)state;
    assert_int_equal(l.n_entries, 2);
    assert_string_equal(l.label[0], "simulated");
    assert_string_equal(l.label[1], "theory: mm1");
    plot_legend_release(&l);
}

static void what_is_no_scheduler_is_shown_as_it_is(void **state)
{
    static const char *const table[][2] = {
        {"{plugin: jsq, parameters: {d: 2}}", "jsq (d: 2)"},
        {"{plugin: local}", "local"},
        {"{plugin: jsq, parameters: {d: 2}", "{plugin: jsq, parameters: {d: 2}"},
        {"{plugin: ", "{plugin: "},
        {"{", "{"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char out[PLOT_LABEL];

        plot_shown(out, table[i][0]);
        assert_string_equal(out, table[i][1]);
    }
}

static void words_go_into_lines(void **state)
{
    (void)state;
    assert_int_equal(plot_line("jsq (d: 2, T: 1)", 10), 10);
    assert_int_equal(plot_line("jsq (d: 2, T: 1)", 9), 3);
    assert_int_equal(plot_line("d: 2, T: 1", 3), 5);
    assert_int_equal(plot_line("T: ", 3), 3);
    assert_int_equal(plot_line("power_of_choices (d: 2)", 5), 16);
    assert_int_equal(plot_line("µs µs", 5), 7);
    assert_int_equal(plot_line("jsq", 5), 3);
    assert_int_equal(plot_line("", 5), 0);
    assert_true(plot_line(" ", 0) <= 1);
}

/* ---- pictures ---- */

static char folder[64];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/p2pfaas-legend-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const files[] = {"points.csv", "plots/loss.gp", "plots/loss.svg", "plots"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
        remove(path);
    }
    return rmdir(folder);
}

static FILE *file_of(const char *name, const char *mode)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, mode);
    if (!f)
        fail_msg("%s", path);
    return f;
}

static const char *curve_name(unsigned i)
{
    static char text[80];

    snprintf(text, sizeof(text), "%s (fanout: %u, threshold: %u)",
             i % 2 ? "adaptive_threshold" : "power_of_choices", 100 + i, i);
    return text;
}

/* Each curve of two points; the lower has a loss of `least`. */
static void put_curves(unsigned n, double least)
{
    FILE *f = file_of("points.csv", "we");

    fputs("point,load,scheduler,intervals,level,loss,loss_half,mean,run\n", f);
    for (unsigned i = 0; i < 2 * n; i++)
        fprintf(f, "%u,%g,\"%s\",batches,0.95,%g,%g,0.02,0.01\n", i, i % 2 ? 0.9 : 0.3,
                curve_name(i / 2), i % 2 ? 0.05 : least, i % 2 ? 0.01 : least / 2);
    fclose(f);
}

static void draw(const char *const *more)
{
    char *argv[16] = {(char *)"plot",     folder,       (char *)"--y", (char *)"loss",
                      (char *)"--format", (char *)"svg"};
    int argc = 6;

    for (; more && *more; more++)
        argv[argc++] = (char *)*more;
    assert_int_equal(plot_main(argc, argv), 0);
}

static char *text_of(const char *name)
{
    FILE *f = file_of(name, "re");
    char *text = NULL;
    size_t size = 0;

    assert_true(getdelim(&text, &size, '\0', f) > 0);
    fclose(f);
    return text;
}

/* In the picture of gnuplot, which drops what has no room: it is there and inside. */
static void is_inside(const char *svg, const char *label, double width, double height)
{
    const char *at = strstr(svg, label), *move = "translate(", *place = NULL;
    double x = -1, y = -1;

    if (!at)
        fail_msg("'%s' is not in the picture", label);
    for (const char *p = strstr(svg, move); p && p < at; p = strstr(p + 1, move))
        place = p + strlen(move);
    assert_non_null(place);
    if (sscanf(place, "%lf,%lf", &x, &y) != 2 || x < 0 || y < 0 || y > height ||
        x + 6.5 * characters(label) > width)
        fail_msg("'%s' at %g, %g leaves the picture of %g by %g", label, x, y, width, height);
}

/* --version draws nothing. */
static bool has_gnuplot(void)
{
    char *const argv[] = {(char *)"gnuplot", (char *)"--version", NULL};
    int status = 1;
    pid_t pid;

    return posix_spawnp(&pid, "gnuplot", NULL, NULL, argv, environ) == 0 &&
           waitpid(pid, &status, 0) == pid && status == 0;
}

static void pictures_show_every_curve(void **state)
{
    static const unsigned counts[] = {2, 6, 14, MOST};

    (void)state;
    if (!has_gnuplot())
        skip();
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        double width, height;
        char *svg;

        put_curves(counts[c], 1e-3);
        draw((const char *const[]){"--theory", "ll:F=1,T=9,K=10", NULL});
        svg = text_of("plots/loss.svg");
        assert_non_null(strstr(svg, "viewBox"));
        assert_int_equal(sscanf(strstr(svg, "viewBox"), "viewBox=\"0 0 %lf %lf\"", &width, &height),
                         2);
        for (unsigned i = 0; i < counts[c]; i++)
            is_inside(svg, curve_name(i), width, height);
        is_inside(svg, "theory: ll:F=1,T=9,K=10", width, height);
        free(svg);
    }
}

/* Theory at a load of 0.3 is 1e-40 and less. */
static void powers_of_ten_are_those_of_the_simulation(void **state)
{
    static const char *const theory[] = {"--log", "--theory", "ll:F=3,T=0,K=10", NULL};
    char *script;

    (void)state;
    if (!has_gnuplot())
        skip();
    put_curves(2, 1e-4);
    draw(theory);
    script = text_of("plots/loss.gp");
    assert_non_null(strstr(script, "\nset yrange [0.01:10]\n"));
    free(script);
    /* Zeros have no place on it. */
    put_curves(2, 0);
    draw(theory);
    script = text_of("plots/loss.gp");
    assert_non_null(strstr(script, "\nset yrange [4.16667:7.2]\n"));
    free(script);
}

static void categories_are_written_on_lines(void **state)
{
    char *script;

    (void)state;
    if (!has_gnuplot())
        skip();
    put_curves(4, 1e-3);
    draw((const char *const[]){"--x", "scheduler", NULL});
    script = text_of("plots/loss.gp");
    assert_non_null(
        strstr(script, "set xtics (\"power_of_choices\\n(fanout: 100,\\nthreshold: 0)\" 0"));
    assert_null(strstr(script, "rotate"));
    free(script);
    put_curves(14, 1e-3);
    draw((const char *const[]){"--x", "scheduler", NULL});
    script = text_of("plots/loss.gp");
    assert_non_null(strstr(script, "(\"power_of_choic…, threshold: 0)\" 0"));
    assert_non_null(strstr(script, "set xtics rotate by -30"));
    free(script);
}

static void put_zeros(void)
{
    FILE *f = file_of("points.csv", "we");

    fputs("point,load,intervals,level,loss\n0,0.3,batches,0.95,0\n1,0.9,batches,0.95,0\n", f);
    fclose(f);
}

static void zeros_have_no_place_among_powers(void **state)
{
    char *argv[] = {(char *)"plot", folder, (char *)"--log", (char *)"--y", (char *)"loss"};

    (void)state;
    put_zeros();
    assert_int_equal(plot_main(5, argv), 1);
}

static void zeros_alone_have_a_range(void **state)
{
    char *script;

    (void)state;
    if (!has_gnuplot())
        skip();
    put_zeros();
    draw(NULL);
    script = text_of("plots/loss.gp");
    assert_non_null(strstr(script, "\nset yrange [0:1]\n"));
    free(script);
}

static void theory_that_is_steep_leaves_the_figure(void **state)
{
    char *script;

    (void)state;
    if (!has_gnuplot())
        skip();
    put_curves(1, 1e-5);
    draw((const char *const[]){"--theory", "erlang_b:K=1", NULL});
    script = text_of("plots/loss.gp");
    assert_non_null(strstr(script, "\nset yrange [0:9]\n"));
    free(script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_texts_stay_as_they_are_beside_the_figure),
        cmocka_unit_test(what_all_begin_and_end_with_is_said_once),
        cmocka_unit_test(a_long_title_leaves_out_paths),
        cmocka_unit_test(nothing_is_wider_than_the_picture),
        cmocka_unit_test(a_curve_without_a_name_is_what_was_simulated),
        cmocka_unit_test(what_is_no_scheduler_is_shown_as_it_is),
        cmocka_unit_test(words_go_into_lines),
        cmocka_unit_test_setup_teardown(pictures_show_every_curve, setup, teardown),
        cmocka_unit_test_setup_teardown(powers_of_ten_are_those_of_the_simulation, setup, teardown),
        cmocka_unit_test_setup_teardown(categories_are_written_on_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(zeros_alone_have_a_range, setup, teardown),
        cmocka_unit_test_setup_teardown(zeros_have_no_place_among_powers, setup, teardown),
        cmocka_unit_test_setup_teardown(theory_that_is_steep_leaves_the_figure, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
