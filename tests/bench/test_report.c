/* The report of a benchmark: its figures, and what it does with results that are odd. */
#include <math.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/report.h"
#include "bench/report_private.h"
#include "tests/bench/support_report.h"
#include "tests/bench/support_results.h"

enum { ROOM = 512 };

static const struct results_shape one = {.nodes = 1, .types = 1, .seconds = 8, .rate = 100};
static const struct results_shape five = {.nodes = 5,
                                          .types = 3,
                                          .seconds = 20,
                                          .rate = 60,
                                          .forwards = true,
                                          .learner = true,
                                          .fails = true,
                                          .pause = 9};

/* ---- help ---- */

static sqlite3 *results_open(void)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path_of("results.sqlite"), &db), SQLITE_OK);
    return db;
}

static void change(const char *sql)
{
    sqlite3 *db = results_open();

    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static double ask(const char *format, ...)
{
    sqlite3 *db = results_open();
    sqlite3_stmt *s = NULL;
    char sql[1024];
    va_list args;
    double v;

    va_start(args, format);
    vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    v = sqlite3_column_double(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return v;
}

/* The cells of the row that has this name, below a heading; blanks between digits go. */
static unsigned cells(const char *page, const char *heading, const char *name, char cell[16][ROOM])
{
    char first[ROOM];
    const char *at = strstr(page, heading), *end;
    unsigned n = 0;

    assert_non_null(at);
    snprintf(first, sizeof(first), "<th scope=\"row\">%s", name);
    at = strstr(at, first);
    assert_non_null(at);
    end = strstr(at, "</tr>");
    assert_non_null(end);
    while (n < 16 && (at = strstr(at, "<td>")) && at < end) {
        size_t len = 0;

        for (at += 4; *at != '<' && len + 1 < ROOM; at++) {
            if (strncmp(at, "\u202f", 3) == 0)
                at += 2;
            else
                cell[n][len++] = *at;
        }
        cell[n++][len] = '\0';
    }
    return n;
}

static double seconds_of(const char *text)
{
    char *unit;
    double v = strtod(text, &unit);

    return v * (strcmp(unit, " s") == 0 ? 1 : strcmp(unit, " ms") == 0 ? 1e-3 : 1e-6);
}

static void assert_near(double shown, double is, double by)
{
    if (!(fabs(shown - is) <= by))
        fail_msg("%g is shown, it is %g", shown, is);
}

/* ---- figures ---- */

#define AFTER "FROM calls c JOIN jobs j ON j.rowid = c.rowid WHERE c.warm_up = 0 AND "

static void check_row(const char *page, const char *heading, const char *name, const char *where)
{
    static const double p[] = {0.5, 0.95, 0.99};
    char cell[16][ROOM];
    double answered = ask("SELECT count(*) " AFTER "status > 0 AND %s", where);

    assert_int_equal(cells(page, heading, name, cell), 10);
    assert_near(atof(cell[0]), ask("SELECT count(*) " AFTER "%s", where), 0);
    assert_near(atof(cell[1]), ask("SELECT count(*) " AFTER "sent <= 22 AND %s", where), 0);
    assert_near(atof(cell[2]), answered, 0);
    assert_near(atof(cell[3]), 100 * ask("SELECT avg(in_deadline) " AFTER "%s", where), 0.0051);
    assert_near(atof(cell[4]), ask("SELECT count(*) " AFTER "hops > 0 AND %s", where), 0);
    assert_near(atof(cell[5]), ask("SELECT count(*) " AFTER "res_error_code > 0 AND %s", where), 0);
    assert_near(atof(cell[6]),
                ask("SELECT count(*) " AFTER "status <> 200 AND res_error_code = 0 AND %s", where),
                0);
    for (unsigned i = 0; i < 3; i++) {
        double is = ask("SELECT ended - planned " AFTER "status > 0 AND %s ORDER BY 1 LIMIT 1 "
                        "OFFSET %d",
                        where, (int)ceil(p[i] * answered) - 1);

        assert_near(seconds_of(cell[7 + i]), is, 0.01 * is);
    }
}

static void test_figures_are_those_of_the_calls(void **state)
{
    char *page = page_of(&five), where[64], name[32];

    (void)state;
    for (unsigned i = 0; i < five.nodes; i++) {
        snprintf(where, sizeof(where), "c.node_id = %u", i);
        snprintf(name, sizeof(name), "node-%u</th>", i);
        check_row(page, "<h2>Nodes</h2>", name, where);
    }
    for (unsigned i = 0; i < five.types; i++) {
        snprintf(where, sizeof(where), "c.type_id = %u", i);
        snprintf(name, sizeof(name), "%u ", i);
        check_row(page, "<h2>Types of task</h2>", name, where);
    }
    check_row(page, "<h2>Nodes</h2>", "all</th>", "1");
    check_row(page, "<h2>Types of task</h2>", "all</th>", "1");
    free(page);
}

static void test_percentiles_stand_side_by_side(void **state)
{
    char *page = page_of(&five), cell[16][ROOM];
    double corrected, uncorrected, n;

    (void)state;
    n = ask("SELECT count(*) " AFTER "status > 0");
    corrected = ask("SELECT max(ended - planned) " AFTER "status > 0");
    assert_int_equal(cells(page, "percentile", "most</th>", cell), 2);
    assert_near(seconds_of(cell[0]), corrected, 0.01 * corrected);
    uncorrected = ask("SELECT ended - sent " AFTER "status > 0 ORDER BY 1 LIMIT 1 OFFSET %d",
                      (int)ceil(0.99 * n) - 1);
    assert_int_equal(cells(page, "percentile", "99</th>", cell), 2);
    assert_near(seconds_of(cell[1]), uncorrected, 0.01 * uncorrected);
    assert_true(seconds_of(cell[0]) > 5 * seconds_of(cell[1])); /* the pause */
    free(page);
}

static void test_all_charts_are_drawn(void **state)
{
    char *page = page_of(&five), path[128];

    (void)state;
    assert_lacks(page, "Not measured");
    assert_lacks(page, "Not drawn");
    for (unsigned i = 0; i < report_n_charts; i++) {
        const char *const kinds[] = {"gp", "svg", "png"};

        for (unsigned k = 0; k < 3; k++) {
            snprintf(path, sizeof(path), "figures/%s.%s", report_charts[i].stem, kinds[k]);
            assert_true(there(path));
        }
        snprintf(path, sizeof(path), "aria-label=\"%s\"", report_charts[i].title);
        assert_has(page, path);
    }
    free(page);
}

/* The figures in the forwarding matrix and the shares over time are in the charts' scripts. */
static void test_charts_have_the_figures(void **state)
{
    char *page = page_of(&five), *script = text_of("figures/forwarding.gp"), what[64];

    (void)state;
    snprintf(what, sizeof(what), "\"%d\\n",
             (int)ask("SELECT count(*) " AFTER "c.node_id = 1 AND ran_on = 'node-3' AND "
                      "status > 0 AND res_error_code = 0"));
    assert_has(script, what);
    free(script);
    script = text_of("figures/rates.gp");
    snprintf(what, sizeof(what), "\n3.5 %d ",
             (int)ask("SELECT count(*) FROM calls WHERE planned >= 3 AND planned < 4"));
    assert_has(script, what);
    free(script);
    script = text_of("figures/epsilon.gp");
    snprintf(what, sizeof(what), "\n4.5 %.6g\n",
             ask("SELECT avg(epsilon) FROM calls WHERE planned >= 4 AND planned < 5"));
    assert_has(script, what);
    free(script);
    free(page);
}

static void test_what_was_not_measured_is_said(void **state)
{
    char *page = page_of(&one);

    (void)state;
    assert_has(page, "all calls ran on it");
    assert_has(page, "no learner took part");
    assert_false(there("figures/reward.png"));
    assert_false(there("figures/forwarding.svg"));
    assert_lacks(page, "class=\"mark\"");
    free(page);
}

static void test_no_deadlines(void **state)
{
    struct results_shape s = one;
    char *page;

    (void)state;
    s.no_deadlines = true;
    page = page_of(&s);
    assert_has(page, "No call had a deadline");
    assert_has(page, "no call had one");
    free(page);
}

static void test_old_figures_go(void **state)
{
    (void)state;
    free(page_of(&five));
    assert_true(there("figures/reward.png"));
    free(page_of(&one));
    assert_false(there("figures/reward.png"));
}

static void test_empty_runs(void **state)
{
    struct results_shape s = one;
    char *page;

    (void)state;
    s.rate = 0;
    page = page_of(&s);
    assert_has(page, "No call was planned");
    free(page);
    s.nodes = 0;
    page = page_of(&s);
    assert_has(page, "name no node");
    free(page);
    change("DELETE FROM experiment");
    assert_int_equal(report_write(report_folder, report_err, sizeof(report_err)), 0);
}

static void test_nothing_answered(void **state)
{
    char *page;

    (void)state;
    results_make(report_folder, &one);
    change("UPDATE calls SET status = 0, sent = NULL, in_deadline = 0, ran_on = NULL");
    assert_int_equal(report_write(report_folder, report_err, sizeof(report_err)), 0);
    page = text_of("report.html");
    assert_well_formed(page);
    assert_has(page, "No call was answered");
    free(page);
}

static void test_marked_runs(void **state)
{
    struct results_shape s = one;
    char *page;

    (void)state;
    s.behind = "the generator fell <behind>: 7 % late";
    page = page_of(&s);
    assert_has(page, "class=\"mark\"");
    assert_has(page, "the generator fell &lt;behind&gt;: 7 % late");
    assert_lacks(page, "incomplete");
    free(page);
    s.behind = NULL;
    s.incomplete = true;
    page = page_of(&s);
    assert_has(page, "This run is incomplete");
    free(page);
}

/* ---- names that mean harm ---- */

static void hostile(const char *name)
{
    struct results_shape s = five;
    char *page;

    s.seconds = 3;
    s.learner = false;
    s.no_deadlines = true;
    s.name = s.summary = s.yaml = s.behind = s.node_name = name;
    page = page_of(&s);
    assert_lacks(page, "<script");
    assert_lacks(page, "<img");
    assert_lacks(page, "Not drawn");
    assert_false(there("figures/pwned"));
    assert_false(there("pwned"));
    free(page);
}

static void test_hostile_names(void **state)
{
    static char huge[3000];

    (void)state;
    hostile("<script>alert(1)</script>");
    hostile("</title></pre><img src=x onerror=\"a\"> ' \" &amp;");
    hostile("\"; system(\"touch pwned\"); print \"`touch pwned`");
    hostile("`touch pwned` $(touch pwned) @x \\\" \\");
    hostile("100% %s %d %n %g %%");
    hostile("\nEOD\nsystem \"touch pwned\"\n!touch pwned\n");
    hostile("\xff\xfe\xc3 \xed\xa0\x80 \xf4\x90\x80\x80 \xc0\xaf \xe2\x82");
    hostile("\x01\x1b[31m\x7f\u202e\xc2\x85\xef\xbf\xbe");
    hostile("^{2}_a {/Bold x} ☃ 日本語 – é");
    memset(huge, 'x', sizeof(huge) - 1);
    hostile(huge);
}

static void assert_text(void (*write)(FILE *f, const char *text), const char *text,
                        const char *expected)
{
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);

    write(f, text);
    fclose(f);
    assert_string_equal(out, expected);
    free(out);
}

static void as_html(FILE *f, const char *text)
{
    report_html_text(f, text, 8);
}

static void as_tic(FILE *f, const char *text)
{
    report_gnuplot_text(f, text, 8, true);
}

static void test_texts(void **state)
{
    (void)state;
    assert_text(as_html, "<a&'\">", "&lt;a&amp;&#39;&quot;&gt;");
    assert_text(as_html, "é\n日😀", "é\n日😀");
    assert_text(as_html, "\xe2\x82", "\ufffd\ufffd");
    assert_text(as_html, "a\xff\x80z", "a\ufffd\ufffdz");
    assert_text(as_html, "12345678", "12345678");
    assert_text(as_html, "123456789", "12345678…");
    assert_text(as_tic, "\"\\`%\n", "\\\"\\\\'%% ");
}

/* ---- results that are none ---- */

static void assert_refused(const char *what)
{
    char *page;

    assert_int_equal(report_write(report_folder, report_err, sizeof(report_err)), -1);
    assert_has(report_err, "results.sqlite");
    assert_has(report_err, what);
    assert_false(there("report.html.part"));
    page = text_of("report.html");
    assert_string_equal(page, "as before");
    free(page);
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(path_of(name), "we");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_results_that_cannot_be_read(void **state)
{
    static const char *const needed[] = {"experiment", "nodes", "calls", "jobs"};

    (void)state;
    write_file("report.html", "as before");
    assert_refused("No such file");
    write_file("results.sqlite", "this is no database, which begins with other letters");
    assert_refused("not a database");
    for (unsigned i = 0; i < 4; i++) {
        char sql[64];

        results_make(report_folder, &one);
        snprintf(sql, sizeof(sql), "DROP TABLE %s", needed[i]);
        change(sql);
        snprintf(sql, sizeof(sql), "no such table: %s", needed[i]);
        assert_refused(sql);
    }
    results_make(report_folder, &one);
    change("DELETE FROM nodes");
    assert_refused("node_id 0 is not in nodes");
    results_make(report_folder, &one);
    assert_int_equal(truncate(path_of("results.sqlite"), 20000), 0);
    assert_refused("malformed");
    unlink(path_of("results.sqlite"));
    assert_int_equal(mkdir(path_of("results.sqlite"), 0755), 0);
    assert_refused("");
}

static void test_values_that_cannot_be(void **state)
{
    (void)state;
    results_make(report_folder, &five);
    change("UPDATE calls SET planned = 1e300 WHERE req_id % 7 = 0;"
           "UPDATE calls SET ended = -5 WHERE req_id % 7 = 1;"
           "UPDATE calls SET sent = 'x' WHERE req_id % 7 = 2;"
           "UPDATE calls SET reward = 9e999, epsilon = -9e999 WHERE req_id % 7 = 3;"
           "UPDATE calls SET action = req_id * 1e9, type_id = -req_id WHERE req_id % 7 = 4;"
           "UPDATE calls SET ran_on = 'other' || req_id, hops = 1 WHERE req_id % 7 = 5;"
           "UPDATE calls SET planned = NULL, status = -1 WHERE req_id % 7 = 6;"
           "UPDATE experiment SET value = '1e99' WHERE key = 'duration_s';"
           "UPDATE experiment SET value = 'nan' WHERE key = 'warm_up_s'");
    assert_true(report_write(report_folder, report_err, sizeof(report_err)) >= 0);
    assert_true(there("report.html"));
}

static void test_folder_that_cannot_be_written(void **state)
{
    (void)state;
    results_make(report_folder, &one);
    assert_int_equal(mkdir(path_of("report.html"), 0755), 0);
    assert_int_equal(report_write(report_folder, report_err, sizeof(report_err)), -1);
    assert_has(report_err, "report.html");
    assert_false(there("report.html.part"));
}

static void test_without_gnuplot(void **state)
{
    char *path = strdup(getenv("PATH")), *page;

    (void)state;
    results_make(report_folder, &one);
    setenv("PATH", report_folder, 1);
    assert_int_equal(report_write(report_folder, report_err, sizeof(report_err)), 1);
    setenv("PATH", path, 1);
    free(path);
    assert_has(report_err, "gnuplot-nox");
    page = text_of("report.html");
    assert_well_formed(page);
    assert_has(page, "Not drawn: gnuplot is not installed");
    assert_has(page, "Key figures");
    assert_lacks(page, "<svg");
    assert_false(there("figures/rates.png"));
    free(page);
}

/* ---- size ---- */

static void test_charts_are_thinned(void **state)
{
    struct results_shape s = five;
    char *script, *page;
    unsigned lines = 0;

    (void)state;
    s.nodes = 2;
    s.seconds = 1000;
    s.rate = 50;
    page = page_of(&s);
    script = text_of("figures/latency-tail.gp");
    for (const char *at = script; (at = strchr(at, '\n')); at++)
        lines++;
    assert_in_range(lines, 100, 2 * 2000);
    assert_true(strlen(page) < 4 << 20);
    free(script);
    free(page);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, report_set_up, report_tear_down)
    const struct CMUnitTest tests[] = {TEST(test_figures_are_those_of_the_calls),
                                       TEST(test_percentiles_stand_side_by_side),
                                       TEST(test_all_charts_are_drawn),
                                       TEST(test_charts_have_the_figures),
                                       TEST(test_what_was_not_measured_is_said),
                                       TEST(test_no_deadlines),
                                       TEST(test_old_figures_go),
                                       TEST(test_empty_runs),
                                       TEST(test_nothing_answered),
                                       TEST(test_marked_runs),
                                       TEST(test_hostile_names),
                                       TEST(test_texts),
                                       TEST(test_results_that_cannot_be_read),
                                       TEST(test_values_that_cannot_be),
                                       TEST(test_folder_that_cannot_be_written),
                                       TEST(test_without_gnuplot),
                                       TEST(test_charts_are_thinned)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
