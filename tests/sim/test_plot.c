#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sim/support_plot.h"

#define HEAD ",intervals,level,loss,loss_half,mean,mean_half,run,run_half\n"
#define TAIL ",batches,0.95,"

static char folder[64];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/p2pfaas-plot-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static void empty(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *e;

    while (dir && (e = readdir(dir)) != NULL)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(path);
}

static int teardown(void **state)
{
    char plots[80];

    (void)state;
    snprintf(plots, sizeof(plots), "%s/plots", folder);
    empty(plots);
    empty(folder);
    return 0;
}

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* A plugin that is an axis comes first, as it may; the loads are numbers. */
static void put_sweep(void)
{
    put("points.csv", "point,plugin,load" HEAD "0,random,0.8" TAIL "0.1,0.01,0.05,0.002,0.01,0\n"
                      "1,random,0.9" TAIL "0.2,0.01,0.10,0.004,0.01,0\n"
                      "2,jsq,0.8" TAIL "0,0,0.02,0.001,0.01,0\n"
                      "3,jsq,0.9" TAIL "0.05,,0.03,0.001,0.01,0\n");
}

static void read_and_lay_out(struct plot_data *d, const char *x, const char *by)
{
    char err[P2P_ERRLEN] = "";

    if (plot_read(d, folder, err) || plot_layout(d, x, by, err))
        fail_msg("%s", err);
}

static void numbers_are_along_x_and_the_rest_is_curves(void **state)
{
    struct plot_data d;

    (void)state;
    put_sweep();
    read_and_lay_out(&d, NULL, NULL);
    assert_string_equal(d.axis[d.x], "load");
    assert_int_equal(d.x_kind, PLOT_NUMBERS);
    assert_int_equal(d.n_series, 2);
    assert_string_equal(d.series_title, "plugin");
    assert_string_equal(d.series[1], "jsq");
    assert_int_equal(d.row[3].series, 1);
    assert_true(d.row[3].x == 0.9);
    assert_true(d.row[3].value[METRIC_LOSS] == 0.05 && isnan(d.row[3].half[METRIC_LOSS]));
    assert_true(isnan(d.row[0].value[METRIC_P95]));
    plot_data_release(&d);
}

static void axes_can_be_chosen(void **state)
{
    struct plot_data d;

    (void)state;
    put_sweep();
    read_and_lay_out(&d, "plugin", "load");
    assert_int_equal(d.x_kind, PLOT_CATEGORIES);
    assert_int_equal(d.n_categories, 2);
    assert_string_equal(d.category[1], "jsq");
    assert_true(d.row[2].x == 1);
    assert_string_equal(d.series[0], "0.8");
    plot_data_release(&d);
    /* What would be x itself tells curves apart: the other one is x. */
    read_and_lay_out(&d, NULL, "load");
    assert_string_equal(d.axis[d.x], "plugin");
    plot_data_release(&d);
}

static void every_axis_that_is_left_tells_curves_apart(void **state)
{
    struct plot_data d;

    (void)state;
    put("points.csv", "point,delay,a,fixed,b" HEAD "0,0ms,1,x,p" TAIL "1,,1,,1,\n"
                      "1,5ms,1,x,p" TAIL "1,,1,,1,\n"
                      "2,0ms,2,x,q" TAIL "1,,1,,1,\n");
    read_and_lay_out(&d, NULL, "b");
    assert_int_equal(d.x_kind, PLOT_DURATIONS);
    assert_true(d.row[1].x == 0.005);
    assert_string_equal(d.series_title, "b, a");
    assert_string_equal(d.series[1], "q, 2");
    plot_data_release(&d);
}

static void files_of_many_jobs_are_one_sweep(void **state)
{
    struct plot_data d;

    (void)state;
    put("points.2-of-2.csv", "point,load" HEAD "1,0.9" TAIL "1,,1,,1,\n3,0.99" TAIL "1,,1,,1,\n");
    put("points.1-of-2.csv", "point,load" HEAD "0,0.8" TAIL "1,,1,,1,\n2,0.95" TAIL "1,,1,,1,\n");
    put("points.csv.part", "half of a li");
    read_and_lay_out(&d, NULL, NULL);
    assert_int_equal(d.n_rows, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(d.row[i].point, i);
    assert_int_equal(d.n_series, 1);
    assert_string_equal(d.series_title, "");
    plot_data_release(&d);
}

static void a_single_point_is_drawn_over_time(void **state)
{
    struct plot_data d;

    (void)state;
    put("points.csv", "point" HEAD "0" TAIL "0.1,0.01,0.05,0.002,0.01,0\n");
    put("batches.csv", "point,replication,batch,from_s,to_s,jobs,loss\n"
                       "0,0,0,10,20,100,0.1\n0,0,1,20,30,100,0.2\n0,1,0,10,20,100,0.3\n");
    read_and_lay_out(&d, NULL, NULL);
    assert_string_equal(d.axis[0], "time (s)");
    assert_string_equal(d.series_title, "replication");
    assert_int_equal(d.n_series, 2);
    assert_int_equal(d.row[2].series, 1);
    assert_true(d.row[1].x == 20 && d.row[1].value[METRIC_LOSS] == 0.2);
    plot_data_release(&d);
}

static void seeds_repeat_an_experiment(void **state)
{
    struct plot_data d;

    (void)state;
    put("points.csv",
        "point,run.seed,load" HEAD "0,1,0.8" TAIL "1,,1,0.5,1,\n1,1,0.9" TAIL "1,,5,0.5,1,\n"
        "2,2,0.8" TAIL "1,,2,0.5,1,\n3,2,0.9" TAIL "1,,5,0.5,1,\n"
        "4,3,0.8" TAIL "1,,3,0.5,1,\n5,3,0.9" TAIL "1,,5,0.5,1,\n");
    read_and_lay_out(&d, NULL, NULL);
    assert_string_equal(d.axis[d.x], "load");
    assert_int_equal(d.n_rows, 2);
    assert_int_equal(d.n_series, 1);
    assert_true(d.row[0].x == 0.8 && d.row[0].value[METRIC_MEAN] == 2);
    assert_true(fabs(d.row[0].half[METRIC_MEAN] - 4.30265273 / sqrt(3)) < 1e-6);
    assert_true(d.row[1].value[METRIC_MEAN] == 5 && d.row[1].half[METRIC_MEAN] == 0);
    plot_data_release(&d);
    read_and_lay_out(&d, NULL, "run.seed");
    assert_int_equal(d.n_rows, 6);
    assert_int_equal(d.n_series, 3);
    plot_data_release(&d);
}

static void an_axis_may_be_called_like_a_metric(void **state)
{
    struct plot_data d;

    (void)state;
    put("points.csv", "point,loss" HEAD "0,0.5" TAIL "0.1,,1,,1,\n1,0.6" TAIL "0.2,,1,,1,\n");
    read_and_lay_out(&d, NULL, NULL);
    assert_true(d.row[1].x == 0.6 && d.row[1].value[METRIC_LOSS] == 0.2);
    plot_data_release(&d);
}

static void says(const char *expected)
{
    struct plot_data d;
    char err[P2P_ERRLEN] = "", full[P2P_ERRLEN];

    if (!plot_read(&d, folder, err))
        fail_msg("was read; must say %s", expected);
    snprintf(full, sizeof(full), "%s%s", folder, expected);
    assert_string_equal(err, full);
}

static void what_is_no_result_is_told(void **state)
{
    (void)state;
    says(": no points.csv there; is it what --out named?");
    put("points.csv", "a,b\n1,2\n");
    says("/points.csv:1: not a file of points: it has no columns 'point' and 'intervals'");
    put("points.csv", "point,load" HEAD);
    says(": the files of points have no row");
    put("points.csv", "point,load" HEAD "0,0.9" TAIL "1,,1,,1,\n");
    put("points.x.csv", "point,T" HEAD "1,0.9" TAIL "1,,1,,1,\n");
    says("/points.x.csv:1: other axes than the files before it");
    put("points.x.csv", "point,load" HEAD "0,0.8" TAIL "1,,1,,1,\n");
    says(": point 0 is in two files");
    put("points.x.csv", "point,load" HEAD "1,0.9\n");
    says("/points.x.csv:2: 2 cells, and the header has 10");
}

static void axes_that_are_not_there_are_told(void **state)
{
    struct plot_data d;
    char err[P2P_ERRLEN] = "";

    (void)state;
    put_sweep();
    assert_int_equal(plot_read(&d, folder, err), 0);
    assert_int_equal(plot_layout(&d, "rate", NULL, err), -1);
    assert_string_equal(err, "--x: no axis 'rate'; allowed: plugin load");
    assert_int_equal(plot_layout(&d, "load", "load", err), -1);
    assert_string_equal(err, "--by: load is the x axis already; give another");
    plot_data_release(&d);
}

static void numbers_may_be_durations(void **state)
{
    static const struct {
        const char *text;
        bool number, duration;
        double value;
    } table[] = {
        {"0.9", true, false, 0.9}, {"1e3", true, false, 1000},     {"10ms", true, true, 0.01},
        {"2h", true, true, 7200},  {"50us", true, true, 5e-5},     {"jsq", false, false, 0},
        {"", false, false, 0},     {"10 apples", false, false, 0}, {"inf", false, false, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        double value;
        bool duration, number = plot_number(table[i].text, &value, &duration);

        if (number != table[i].number || (number && duration != table[i].duration) ||
            (number && fabs(value - table[i].value) > 1e-12))
            fail_msg("%s: %d %d %g", table[i].text, number, duration, value);
    }
}

static char *script_of(const struct plot_options *o, const char *x, enum metric y)
{
    struct plot_data d;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);

    assert_non_null(f);
    read_and_lay_out(&d, x, NULL);
    assert_int_equal(plot_script(f, &d, o, y, "fig"), 0);
    assert_int_equal(fclose(f), 0);
    plot_data_release(&d);
    return text;
}

static void expect_script(const struct plot_options *o, const char *x, enum metric y,
                          const char *expected)
{
    char *text = script_of(o, x, y);

    if (strcmp(text, expected) != 0)
        fail_msg("got:\n%s\nmust be:\n%s", text, expected);
    free(text);
}

static void a_script_draws_curves_with_bars(void **state)
{
    struct plot_options o;
    char err[P2P_ERRLEN] = "";

    (void)state;
    put_sweep();
    assert_int_equal(PARSE(&o, err, "r"), 0);
    expect_script(
        &o, NULL, METRIC_MEAN,
        "$series0 << EOD\n"
        "0.8 50 48 52\n"
        "0.9 100 96 104\n"
        "EOD\n"
        "$series1 << EOD\n"
        "0.8 20 19 21\n"
        "0.9 30 29 31\n"
        "EOD\n"
        "set encoding utf8\n"
        "set border 3 lc rgb \"#404040\"\n"
        "set tics nomirror out\n"
        "set grid ytics lt 1 lc rgb \"#e0e0e0\" lw 1\n"
        "set errorbars 0.7\n"
        "set xlabel \"load\" offset 0,0.5\n"
        "set xrange [0.797:0.903]\n"
        "set ylabel \"response, mean (ms)\"\n"
        "set yrange [0:*]\n"
        "set key outside right top vertical Left reverse samplen 2 spacing 1.2\n"
        "set key title \"plugin\" left\n"
        "set title \"bars: 95 % intervals\" font \",11\" tc rgb \"#707070\" offset 0,-0.5\n"
        "set terminal pngcairo noenhanced size 1200,750 font \"Sans,15\"\n"
        "set output \"fig.png\"\n"
        "plot $series0 using 1:2:3:4 with yerrorbars lc rgb \"#0072B2\" lw 1.5 pt 7 ps 0 "
        "notitle, \\\n"
        "     $series0 using 1:2 with linespoints lc rgb \"#0072B2\" lw 2 dt 1 pt 7 ps 1.2 "
        "title \"random\", \\\n"
        "     $series1 using 1:2:3:4 with yerrorbars lc rgb \"#D55E00\" lw 1.5 pt 7 ps 0 "
        "notitle, \\\n"
        "     $series1 using 1:2 with linespoints lc rgb \"#D55E00\" lw 2 dt 1 pt 5 ps 1.2 "
        "title \"jsq\"\n"
        "unset output\n"
        "set terminal svg noenhanced size 900,560 dynamic font \"Sans,13\" background "
        "\"white\"\n"
        "set output \"fig.svg\"\n"
        "replot\n"
        "unset output\n");
}

static void a_script_draws_boxes_of_categories(void **state)
{
    struct plot_options o;
    char err[P2P_ERRLEN] = "";

    (void)state;
    put_sweep();
    assert_int_equal(PARSE(&o, err, "r", "--format", "svg", "--log"), 0);
    expect_script(
        &o, "plugin", METRIC_LOSS,
        "$series0 << EOD\n"
        "-0.2 10 9 11\n"
        "EOD\n"
        "$series1 << EOD\n"
        "0.2 20 19 21\n"
        "1.2 5 5 5\n"
        "EOD\n"
        "set encoding utf8\n"
        "set border 3 lc rgb \"#404040\"\n"
        "set tics nomirror out\n"
        "set grid ytics lt 1 lc rgb \"#e0e0e0\" lw 1\n"
        "set errorbars 0.7\n"
        "set xlabel \"plugin\" offset 0,0.5\n"
        "set xtics (\"random\" 0, \"jsq\" 1)\n"
        "set xrange [-0.6:1.6]\n"
        "set ylabel \"loss (%)\"\n"
        "set logscale y\n"
        "set format y \"%g\"\n"
        "set yrange [4.16667:25.2]\n"
        "set key outside right top vertical Left reverse samplen 2 spacing 1.2\n"
        "set key title \"load\" left\n"
        "set title \"bars: 95 % intervals\" font \",11\" tc rgb \"#707070\" offset 0,-0.5\n"
        "set terminal svg noenhanced size 900,560 dynamic font \"Sans,13\" background "
        "\"white\"\n"
        "set output \"fig.svg\"\n"
        "plot $series0 using 1:2:3:4:(0.36) with boxerrorbars fs solid 0.75 border lc rgb "
        "\"#303030\" lc rgb \"#0072B2\" title \"0.8\", \\\n"
        "     $series1 using 1:2:3:4:(0.36) with boxerrorbars fs solid 0.75 border lc rgb "
        "\"#303030\" lc rgb \"#D55E00\" title \"0.9\"\n"
        "unset output\n");
}

static void a_percent_sign_is_no_format_of_a_tic(void **state)
{
    struct plot_options o;
    char err[P2P_ERRLEN] = "", *text;

    (void)state;
    put("points.csv", "point,busy" HEAD "0,50% of 2" TAIL "1,,1,,1,\n1,all" TAIL "1,,1,,1,\n");
    assert_int_equal(PARSE(&o, err, "r"), 0);
    text = script_of(&o, NULL, METRIC_LOSS);
    assert_non_null(strstr(text, "set xtics (\"50%% of 2\" 0, \"all\" 1)"));
    free(text);
}

static void schedulers_are_shown_short(void **state)
{
    struct plot_options o;
    char err[P2P_ERRLEN] = "", *text;

    (void)state;
    put("points.csv", "point,load,scheduler" HEAD
                      "0,0.8,\"{plugin: jsq, parameters: {d: 2, T: 1}}\"" TAIL "1,,1,,1,\n"
                      "1,0.9,random" TAIL "1,,1,,1,\n2,0.9,{plugin: local}" TAIL "1,,1,,1,\n");
    assert_int_equal(PARSE(&o, err, "r"), 0);
    text = script_of(&o, NULL, METRIC_LOSS);
    assert_non_null(strstr(text, "title \"jsq (d: 2, T: 1)\""));
    assert_non_null(strstr(text, "title \"random\""));
    assert_non_null(strstr(text, "title \"local\""));
    free(text);
}

/* In mean run times, which are 10 ms here. */
static void theory_is_laid_over_what_it_speaks_of(void **state)
{
    struct plot_options o;
    char err[P2P_ERRLEN] = "", *text;

    (void)state;
    put_sweep();
    assert_int_equal(PARSE(&o, err, "r", "--theory", "mm1"), 0);
    text = script_of(&o, NULL, METRIC_MEAN);
    assert_non_null(strstr(text, "$theory0 << EOD\n0.8 50\n"));
    assert_non_null(strstr(text, "\n0.9 100\nEOD\n"));
    assert_non_null(strstr(text, "title \"theory: mm1\""));
    free(text);
    text = script_of(&o, NULL, METRIC_LOSS);
    assert_null(strstr(text, "theory: mm1"));
    free(text);
}

static void what_gnuplot_would_take_for_its_own_is_quoted(void **state)
{
    struct plot_options o;
    char err[P2P_ERRLEN] = "", *text;

    (void)state;
    put("points.csv", "point,load,\"a\"\"b\"" HEAD "0,0.8,\"\"\"`x`\\\"" TAIL "1,,1,,1,\n"
                      "1,0.9,\"two\nlines\"" TAIL "1,,1,,1,\n");
    assert_int_equal(PARSE(&o, err, "r"), 0);
    text = script_of(&o, NULL, METRIC_LOSS);
    assert_non_null(strstr(text, "title \"a\\\"b\" left"));
    assert_non_null(strstr(text, "title \"\\\"'x'\\\\\""));
    assert_non_null(strstr(text, "title \"two lines\""));
    free(text);
}

static bool has_gnuplot(void)
{
    const char *path = getenv("PATH");
    char copy[4096], *rest = NULL;

    snprintf(copy, sizeof(copy), "%s", path ? path : "");
    for (char *dir = strtok_r(copy, ":", &rest); dir; dir = strtok_r(NULL, ":", &rest)) {
        char file[4200];

        snprintf(file, sizeof(file), "%s/gnuplot", dir);
        if (access(file, X_OK) == 0)
            return true;
    }
    return false;
}

static void is_a_picture(const char *name, const char *begins)
{
    char path[160], bytes[8] = "";
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "re");
    if (!f)
        fail_msg("%s is not there", path);
    assert_true(fread(bytes, 1, sizeof(bytes), f) == sizeof(bytes));
    fclose(f);
    assert_memory_equal(bytes, begins, strlen(begins));
}

static int draw(const char *option, const char *value)
{
    char *argv[] = {(char *)"plot", folder, (char *)option, (char *)value, NULL};

    return plot_main(option ? 4 : 2, argv);
}

static void gnuplot_draws_them(void **state)
{
    char out[128];

    (void)state;
    if (!has_gnuplot())
        skip();
    put_sweep();
    assert_int_equal(draw(NULL, NULL), 0);
    is_a_picture("plots/loss.png", "\x89PNG");
    is_a_picture("plots/loss.svg", "<?xml");
    is_a_picture("plots/mean.png", "\x89PNG");
    assert_int_equal(draw("--theory", "jsq:d=2"), 0);
    assert_int_equal(draw("--x", "plugin"), 0);
    is_a_picture("plots/mean.svg", "<?xml");
    snprintf(out, sizeof(out), "%s/paper.svg", folder);
    assert_int_equal(draw("--out", out), 0);
    is_a_picture("paper-loss.svg", "<?xml");
}

static void what_cannot_be_drawn_is_a_failure(void **state)
{
    const char *now = getenv("PATH");
    char *path = now ? strdup(now) : NULL;

    (void)state;
    assert_int_equal(draw(NULL, NULL), 1);
    assert_int_equal(draw("--nothing", "x"), 2);
    put("points.csv", "point,delay" HEAD "0,0ms" TAIL "1,,1,,1,\n1,5ms" TAIL "1,,1,,1,\n");
    assert_int_equal(draw("--theory", "mm1"), 1);
    assert_int_equal(draw("--y", "probes"), 1);
    setenv("PATH", "/nowhere", 1);
    assert_int_equal(draw(NULL, NULL), 1);
    if (path)
        setenv("PATH", path, 1);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_are_along_x_and_the_rest_is_curves, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(axes_can_be_chosen, setup, teardown),
        cmocka_unit_test_setup_teardown(every_axis_that_is_left_tells_curves_apart, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(files_of_many_jobs_are_one_sweep, setup, teardown),
        cmocka_unit_test_setup_teardown(a_single_point_is_drawn_over_time, setup, teardown),
        cmocka_unit_test_setup_teardown(seeds_repeat_an_experiment, setup, teardown),
        cmocka_unit_test_setup_teardown(a_percent_sign_is_no_format_of_a_tic, setup, teardown),
        cmocka_unit_test_setup_teardown(schedulers_are_shown_short, setup, teardown),
        cmocka_unit_test_setup_teardown(an_axis_may_be_called_like_a_metric, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_result_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(axes_that_are_not_there_are_told, setup, teardown),
        cmocka_unit_test(numbers_may_be_durations),
        cmocka_unit_test_setup_teardown(a_script_draws_curves_with_bars, setup, teardown),
        cmocka_unit_test_setup_teardown(a_script_draws_boxes_of_categories, setup, teardown),
        cmocka_unit_test_setup_teardown(theory_is_laid_over_what_it_speaks_of, setup, teardown),
        cmocka_unit_test_setup_teardown(what_gnuplot_would_take_for_its_own_is_quoted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(gnuplot_draws_them, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_drawn_is_a_failure, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
