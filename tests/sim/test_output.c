#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/output.h"
#include "sim/plot_data.h"
#include "sim/table.h"
#include "tests/sim/support_results.h"

static struct small small;
static char base[64], folder[80];
static const char *const axes[] = {"load", "plugin"};

static int setup(void **state)
{
    (void)state;
    small_init(&small);
    snprintf(base, sizeof(base), "/tmp/p2pfaas-output-XXXXXX");
    if (!mkdtemp(base))
        return -1;
    snprintf(folder, sizeof(folder), "%s/out", base);
    return 0;
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
    (void)state;
    empty(folder);
    rmdir(base);
    return 0;
}

static struct output_target target(void)
{
    return (struct output_target){.folder = folder,
                                  .scenario = "name: small\n",
                                  .n_axes = 2,
                                  .axis = axes,
                                  .part = 1,
                                  .parts = 1,
                                  .nodes = true};
}

/* Two points: load 0.8 and 0.9 of `plugin`. */
static void write_points(struct outputs *o, const char *plugin)
{
    static const char *const loads[] = {"0.8", "0.9"};
    char err[P2P_ERRLEN] = "";

    for (unsigned i = 0; i < 2; i++) {
        const char *const values[] = {loads[i], plugin};
        const struct point p = {i, "a label", 2, axes, values};
        struct result *r = small_result(&small, 10, i);
        struct summary s;

        assert_non_null(r);
        result_misbehaved(r, "bad", "unknown_peer", 5);
        assert_int_equal(summary_make(&s, (const struct result *const[]){r}, 1, 0.95), 0);
        if (outputs_point(o, &p, &s, (const struct result *const[]){r}, 1, err))
            fail_msg("%s", err);
        summary_release(&s);
        result_free(r);
    }
}

static void write_all(const struct output_target *to)
{
    char err[P2P_ERRLEN] = "";
    struct outputs *o = outputs_open(to, err);

    if (!o)
        fail_msg("%s", err);
    write_points(o, "a,b");
    assert_int_equal(outputs_close(o, true, err), 0);
}

static char *in_folder(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void reads(struct table *t, const char *name)
{
    char err[P2P_ERRLEN];

    if (table_read(t, in_folder(name), err))
        fail_msg("%s", err);
}

static const char *at(const struct table *t, unsigned row, const char *column)
{
    unsigned c = table_column(t, 0, column);

    if (c == t->n_columns)
        fail_msg("no column %s", column);
    return table_cell(t, row, c);
}

static void points_are_a_row_each(void **state)
{
    struct output_target to = target();
    struct table t;

    (void)state;
    write_all(&to);
    reads(&t, "points.csv");
    assert_int_equal(t.n_rows, 3);
    assert_string_equal(at(&t, 1, "load"), "0.8");
    assert_string_equal(at(&t, 2, "plugin"), "a,b");
    assert_string_equal(at(&t, 1, "intervals"), "batches");
    assert_string_equal(at(&t, 1, "samples"), "20");
    assert_string_equal(at(&t, 1, "jobs"), "2000");
    assert_string_equal(at(&t, 1, "full"), "200");
    assert_string_equal(at(&t, 1, "loss"), "0.1");
    assert_string_equal(at(&t, 1, "loss_half"), "0");
    assert_string_equal(at(&t, 1, "mean"), "0.0333333");
    assert_string_equal(at(&t, 1, "mean_half"), "0.00240086");
    assert_string_equal(at(&t, 1, "jain_half"), "");
    assert_string_equal(at(&t, 1, "misbehaved"), "5");
    table_release(&t);
}

static void the_other_files_have_their_rows(void **state)
{
    struct output_target to = target();
    struct table t;

    (void)state;
    write_all(&to);
    reads(&t, "batches.csv");
    assert_int_equal(t.n_rows, 1 + 2 * 20);
    assert_string_equal(at(&t, 2, "from_s"), "11");
    assert_string_equal(at(&t, 2, "to_s"), "12");
    assert_string_equal(at(&t, 2, "jobs"), "100");
    assert_string_equal(at(&t, 2, "mean"), "0.0383333");
    table_release(&t);
    reads(&t, "nodes.csv");
    assert_int_equal(t.n_rows, 1 + 2 * 4);
    assert_string_equal(at(&t, 4, "group"), "hub");
    assert_string_equal(at(&t, 4, "arrived"), "500");
    assert_string_equal(at(&t, 4, "lost"), "100");
    assert_string_equal(at(&t, 4, "utilisation"), "0.1");
    table_release(&t);
    reads(&t, "parts.csv");
    assert_int_equal(t.n_rows, 1 + 2 * 4);
    assert_string_equal(at(&t, 2, "name"), "hub");
    assert_string_equal(at(&t, 2, "loss"), "0.2");
    assert_string_equal(at(&t, 3, "part"), "function");
    table_release(&t);
    reads(&t, "counters.csv");
    assert_int_equal(t.n_rows, 3);
    assert_string_equal(at(&t, 1, "scheduler"), "bad");
    assert_string_equal(at(&t, 1, "count"), "5");
    table_release(&t);
    reads(&t, "warnings.csv");
    assert_string_equal(at(&t, 1, "warning"),
                        "bad misbehaved: unknown_peer, 5 times; the fallback decided");
    table_release(&t);
}

static double ask(sqlite3 *db, const char *question)
{
    sqlite3_stmt *s = NULL;
    double answer = NAN;

    if (sqlite3_prepare_v2(db, question, -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW)
        fail_msg("%s: %s", question, sqlite3_errmsg(db));
    if (sqlite3_column_type(s, 0) != SQLITE_NULL)
        answer = sqlite3_column_double(s, 0);
    sqlite3_finalize(s);
    return answer;
}

static void the_database_has_all_of_it(void **state)
{
    static const struct {
        const char *question;
        double answer;
    } asked[] = {
        {"SELECT count(*) FROM points", 2},
        {"SELECT jobs FROM points WHERE point = 1", 2000},
        {"SELECT value FROM metrics WHERE point = 0 AND metric = 'loss'", 0.1},
        {"SELECT count(*) FROM axes WHERE axis = 'load' AND value = '0.9' AND point = 1", 1},
        {"SELECT count(*) FROM batches WHERE metric = 'mean'", 40},
        {"SELECT lost FROM nodes WHERE point = 1 AND node = 3 AND \"group\" = 'hub'", 100},
        {"SELECT value FROM parts WHERE point = 0 AND name = 'hub' AND metric = 'loss'", 0.2},
        {"SELECT count(*) FROM warnings WHERE warning LIKE 'bad misbehaved%'", 2},
        {"SELECT sum(count) FROM counters WHERE scheduler = 'bad'", 10},
        {"SELECT count(*) FROM scenario WHERE text = 'name: small' || char(10)", 1},
        {"SELECT value * 1e6 BETWEEN 33333 AND 33334 FROM metrics WHERE point = 0 AND "
         "metric = 'mean'",
         1},
    };
    struct output_target to = target();
    sqlite3 *db = NULL;

    (void)state;
    write_all(&to);
    assert_int_equal(sqlite3_open_v2(in_folder("result.sqlite"), &db, SQLITE_OPEN_READONLY, NULL),
                     SQLITE_OK);
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        double got = ask(db, asked[i].question);

        if (fabs(got - asked[i].answer) > 1e-12)
            fail_msg("%s: %g, must be %g", asked[i].question, got, asked[i].answer);
    }
    assert_true(
        isnan(ask(db, "SELECT half_width FROM metrics WHERE point = 0 AND metric = 'jain'")));
    sqlite3_close(db);
}

static void a_plot_reads_what_was_written(void **state)
{
    struct output_target to = target();
    struct plot_data d;
    char err[P2P_ERRLEN] = "";

    (void)state;
    to.parts = 2;
    to.part = 2;
    write_all(&to);
    if (plot_read(&d, folder, err) || plot_layout(&d, NULL, NULL, err))
        fail_msg("%s", err);
    assert_int_equal(d.n_axes, 2);
    assert_int_equal(d.n_rows, 2);
    assert_string_equal(d.axis[d.x], "load");
    assert_true(d.row[1].x == 0.9 && d.row[1].value[METRIC_LOSS] == 0.1 && d.level == 0.95);
    assert_true(d.row[0].half[METRIC_MEAN] > 0 && isnan(d.row[0].half[METRIC_JAIN]));
    plot_data_release(&d);
}

static size_t read_bytes(const char *name, char *bytes, size_t room)
{
    FILE *f = fopen(in_folder(name), "re");
    size_t n;

    if (!f)
        fail_msg("%s is not there", name);
    n = fread(bytes, 1, room, f);
    fclose(f);
    return n;
}

static void the_same_again_gives_the_same_bytes(void **state)
{
    static const char *const names[] = {"points.csv",    "parts.csv",    "batches.csv",
                                        "nodes.csv",     "counters.csv", "warnings.csv",
                                        "scenario.yaml", "result.sqlite"};
    enum { N = sizeof(names) / sizeof(names[0]), ROOM = 1 << 20 };
    struct output_target to = target();
    char *first[N], *second = malloc(ROOM);
    size_t len[N];

    (void)state;
    assert_non_null(second);
    write_all(&to);
    for (unsigned i = 0; i < N; i++) {
        first[i] = malloc(ROOM);
        assert_non_null(first[i]);
        len[i] = read_bytes(names[i], first[i], ROOM);
    }
    write_all(&to);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(read_bytes(names[i], second, ROOM), len[i]);
        assert_memory_equal(first[i], second, len[i]);
        free(first[i]);
    }
    free(second);
}

static void parts_of_a_sweep_share_a_folder(void **state)
{
    struct output_target to = target();

    (void)state;
    to.parts = 3;
    for (to.part = 1; to.part <= 3; to.part += 2)
        write_all(&to);
    assert_int_equal(access(in_folder("points.1-of-3.csv"), F_OK), 0);
    assert_int_equal(access(in_folder("points.3-of-3.csv"), F_OK), 0);
    assert_int_equal(access(in_folder("result.3-of-3.sqlite"), F_OK), 0);
    assert_int_equal(access(in_folder("points.2-of-3.csv"), F_OK), -1);
    assert_int_equal(access(in_folder("points.csv"), F_OK), -1);
}

static void refused(const struct output_target *to, const char *says)
{
    char err[P2P_ERRLEN] = "", expected[P2P_ERRLEN];
    struct outputs *o = outputs_open(to, err);

    if (o)
        fail_msg("%s was taken", to->folder);
    snprintf(expected, sizeof(expected), "%s%s", to->folder, says);
    assert_string_equal(err, expected);
}

static void a_folder_of_something_else_is_refused(void **state)
{
    struct output_target to = target();

    (void)state;
    write_all(&to);
    to.scenario = "name: another\n";
    refused(&to, ": has the results of another scenario; give another folder, or remove it");
    to = target();
    to.parts = 2;
    refused(&to, ": has points.csv, which is not of a sweep that is divided alike; give another "
                 "folder, or remove it");
    empty(folder);
    to.parts = 3;
    write_all(&to);
    to.parts = 2;
    refused(&to, ": has points.1-of-3.csv, which is not of a sweep that is divided alike; give "
                 "another folder, or remove it");
    empty(folder);
    assert_int_equal(mkdir(folder, 0755), 0);
    fclose(fopen(in_folder("thesis.tex"), "we"));
    refused(&to, ": has thesis.tex, which is not of this scenario; give another folder, or remove "
                 "it");
    assert_int_equal(access(in_folder("thesis.tex"), F_OK), 0);
}

static void a_folder_that_cannot_be_is_told(void **state)
{
    struct output_target to = target();

    (void)state;
    to.folder = "/nowhere/out";
    refused(&to, ": No such file or directory");
    to.folder = "/dev/null";
    refused(&to, ": Not a directory");
}

static void what_was_given_up_leaves_no_results(void **state)
{
    struct output_target to = target();
    char err[P2P_ERRLEN];
    struct outputs *o = outputs_open(&to, err);

    (void)state;
    assert_non_null(o);
    write_points(o, "a");
    assert_int_equal(access(in_folder("points.csv.part"), F_OK), 0);
    assert_int_equal(access(in_folder("points.csv"), F_OK), -1);
    assert_int_equal(outputs_close(o, false, err), 0);
    assert_int_equal(access(in_folder("points.csv.part"), F_OK), -1);
    assert_int_equal(access(in_folder("result.sqlite.part"), F_OK), -1);
    /* And what one that was stopped left behind is in nobody's way. */
    o = outputs_open(&to, err);
    assert_non_null(o);
    write_all(&to);
    assert_int_equal(outputs_close(o, false, err), 0);
    assert_int_equal(access(in_folder("points.csv"), F_OK), 0);
}

static void a_half_written_file_is_told(void **state)
{
    struct output_target to = target();
    char err[P2P_ERRLEN] = "", text[P2P_ERRLEN];
    struct outputs *o;

    (void)state;
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(symlink("/dev/full", in_folder("points.csv.part")), 0);
    o = outputs_open(&to, err);
    assert_non_null(o);
    {
        const char *const values[] = {"0.8", "x"};
        const struct point p = {0, "label", 2, axes, values};
        struct result *r = small_result(&small, 10, 0);
        struct summary s;

        assert_int_equal(summary_make(&s, (const struct result *const[]){r}, 1, 0.95), 0);
        assert_int_equal(outputs_point(o, &p, &s, (const struct result *const[]){r}, 1, err), -1);
        summary_release(&s);
        result_free(r);
    }
    snprintf(text, sizeof(text), "%s/points.csv.part: No space left on device", folder);
    assert_string_equal(err, text);
    outputs_close(o, false, err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(points_are_a_row_each, setup, teardown),
        cmocka_unit_test_setup_teardown(the_other_files_have_their_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(the_database_has_all_of_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_plot_reads_what_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_again_gives_the_same_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_of_a_sweep_share_a_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_of_something_else_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_given_up_leaves_no_results, setup, teardown),
        cmocka_unit_test_setup_teardown(a_half_written_file_is_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
