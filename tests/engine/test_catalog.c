#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/catalog.h"

struct fixture {
    char root[64], folder[80], run_dir[80];
    struct catalog *catalog;
    char log[2048]; /* "b.so bad;a.so ok;", one for each change */
};

static const char *plugins;

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char err[P2P_ERRLEN];

    *state = f;
    plugins = getenv("P2P_TEST_PLUGINS");
    if (!f || !plugins) {
        fprintf(stderr, "P2P_TEST_PLUGINS must name the folder of the test plugins\n");
        return -1;
    }
    snprintf(f->root, sizeof(f->root), "/tmp/p2p_catalog_XXXXXX");
    if (!mkdtemp(f->root))
        return -1;
    snprintf(f->folder, sizeof(f->folder), "%s/plugins", f->root);
    snprintf(f->run_dir, sizeof(f->run_dir), "%s/run", f->root);
    if (mkdir(f->folder, 0700))
        return -1;
    f->catalog = catalog_new(f->folder, f->run_dir, err);
    return f->catalog ? 0 : -1;
}

static void path_of(const struct fixture *f, const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", f->folder, name);
}

static int teardown(void **state)
{
    static const char *const names[] = {"a.so", "b.so", "c.so", ".h.so", "x.txt", "so", "aa.so"};
    struct fixture *f = *state;
    char path[256];
    int rc;

    if (f->catalog)
        catalog_free(f->catalog);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(f, names[i], path);
        unlink(path);
    }
    /* catalog_free removed run_dir: the modules left no copy. */
    rc = access(f->run_dir, F_OK) == 0 || rmdir(f->folder) || rmdir(f->root) ? -1 : 0;
    free(f);
    return rc;
}

/* Puts a test plugin into the folder by renaming, as an install does. */
static void put(const struct fixture *f, const char *plugin, const char *name)
{
    char from[4096], to[256], part[256], data[65536];
    ssize_t n;
    int fd;

    snprintf(from, sizeof(from), "%s/%s.so", plugins, plugin);
    path_of(f, "so", part);
    path_of(f, name, to);
    fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s: %s", from, strerror(errno));
    n = read(fd, data, sizeof(data));
    assert_true(n > 0 && n < (ssize_t)sizeof(data));
    close(fd);
    fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    assert_int_equal(write(fd, data, (size_t)n), n);
    close(fd);
    assert_int_equal(rename(part, to), 0);
}

static void drop(const struct fixture *f, const char *name)
{
    char path[256];

    path_of(f, name, path);
    assert_int_equal(unlink(path), 0);
}

static void on_change(void *ctx, const char *file, const char *error)
{
    struct fixture *f = ctx;
    size_t at = strlen(f->log);

    assert_int_equal(strncmp(file, f->folder, strlen(f->folder)), 0);
    snprintf(f->log + at, sizeof(f->log) - at, "%s %s;", strrchr(file, '/') + 1,
             error ? "bad" : "ok");
}

static int scan(struct fixture *f)
{
    char err[P2P_ERRLEN] = "";
    int n;

    f->log[0] = '\0';
    n = catalog_scan(f->catalog, on_change, f, err);
    if (n < 0)
        fail_msg("scan: %s", err);
    return n;
}

/* The base name of the file that provides it; "" when none does. */
static const char *provider(const struct fixture *f, const char *name, char out[64])
{
    char err[P2P_ERRLEN];
    struct catalog_hit hit;

    out[0] = '\0';
    if (catalog_find(f->catalog, name, &hit, err) == 0) {
        snprintf(out, 64, "%s", strrchr(hit.module->file, '/') + 1);
        module_unref(hit.module);
    }
    return out;
}

struct rows {
    char text[2048];
};

static void add_row(void *ctx, const struct catalog_row *row)
{
    struct rows *r = ctx;
    size_t at = strlen(r->text);

    assert_true((row->error != NULL) == (row->module == NULL));
    snprintf(r->text + at, sizeof(r->text) - at, "%s %s;", strrchr(row->file, '/') + 1,
             row->error ? row->error : "ok");
}

static void list(const struct fixture *f, struct rows *r)
{
    r->text[0] = '\0';
    catalog_each(f->catalog, add_row, r);
}

static void an_empty_folder_is_fine(void **state)
{
    struct fixture *f = *state;
    char err[P2P_ERRLEN];
    struct catalog_hit hit;

    assert_int_equal(scan(f), 0);
    assert_int_equal(catalog_find(f->catalog, "good", &hit, err), -1);
    assert_non_null(strstr(err, "no scheduler 'good'"));
}

static void files_come_and_go(void **state)
{
    struct fixture *f = *state;
    char name[64];

    put(f, "good", "a.so");
    assert_int_equal(scan(f), 1);
    assert_string_equal(f->log, "a.so ok;");
    assert_string_equal(provider(f, "good", name), "a.so");
    put(f, "other", "b.so");
    assert_int_equal(scan(f), 1);
    assert_string_equal(f->log, "b.so ok;");
    assert_int_equal(scan(f), 0);
    drop(f, "a.so");
    assert_int_equal(scan(f), 1);
    assert_int_equal(strncmp(f->log, "a.so ", 5), 0);
    assert_string_equal(provider(f, "good", name), "");
    assert_string_equal(provider(f, "other", name), "b.so");
    assert_int_equal(module_count(), 1);
}

static void an_alias_is_found_as_one(void **state)
{
    struct fixture *f = *state;
    char err[P2P_ERRLEN];
    struct catalog_hit hit;

    put(f, "good", "a.so");
    scan(f);
    assert_int_equal(catalog_find(f->catalog, "GoodScheduler", &hit, err), 0);
    assert_string_equal(hit.scheduler->name, "good");
    assert_string_equal(hit.alias->name, "GoodScheduler");
    module_unref(hit.module);
    assert_int_equal(catalog_find(f->catalog, "good", &hit, err), 0);
    assert_null(hit.alias);
    module_unref(hit.module);
}

static void an_untouched_or_just_touched_file_is_not_opened_again(void **state)
{
    struct fixture *f = *state;
    struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    char path[256], err[P2P_ERRLEN];
    struct catalog_hit first, second;

    put(f, "good", "a.so");
    scan(f);
    assert_int_equal(catalog_find(f->catalog, "good", &first, err), 0);
    path_of(f, "a.so", path);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(scan(f), 0);
    put(f, "good", "a.so"); /* another inode, the same content */
    assert_int_equal(scan(f), 0);
    assert_int_equal(catalog_find(f->catalog, "good", &second, err), 0);
    assert_ptr_equal(first.module, second.module);
    module_unref(first.module);
    module_unref(second.module);
}

static void new_content_is_a_new_module(void **state)
{
    struct fixture *f = *state;
    char err[P2P_ERRLEN], name[64];
    struct catalog_hit old;

    put(f, "good", "a.so");
    scan(f);
    assert_int_equal(catalog_find(f->catalog, "good", &old, err), 0);
    put(f, "other", "a.so");
    assert_int_equal(scan(f), 1);
    assert_string_equal(provider(f, "good", name), "");
    assert_string_equal(provider(f, "other", name), "a.so");
    /* What was made from the old one keeps it. */
    assert_int_equal(old.scheduler->decide(NULL, NULL).kind, P2P_REJECT);
    assert_int_equal(module_count(), 2);
    module_unref(old.module);
    assert_int_equal(module_count(), 1);
}

static void a_bad_file_is_listed_with_its_reason(void **state)
{
    struct fixture *f = *state;
    struct rows r;

    put(f, "no_decide", "b.so");
    put(f, "good", "a.so");
    assert_int_equal(scan(f), 2);
    assert_string_equal(f->log, "a.so ok;b.so bad;");
    list(f, &r);
    assert_int_equal(strncmp(r.text, "a.so ok;b.so ", 13), 0);
    assert_non_null(strstr(r.text, "decide"));
    assert_int_equal(scan(f), 0);
    put(f, "other", "b.so");
    assert_int_equal(scan(f), 1);
    list(f, &r);
    assert_string_equal(r.text, "a.so ok;b.so ok;");
}

static void a_good_file_that_turns_bad_is_not_selectable(void **state)
{
    struct fixture *f = *state;
    char name[64];

    put(f, "good", "a.so");
    scan(f);
    put(f, "bad_major", "a.so");
    assert_int_equal(scan(f), 1);
    assert_string_equal(f->log, "a.so bad;");
    assert_string_equal(provider(f, "good", name), "");
    assert_int_equal(module_count(), 0);
}

static void the_first_in_the_alphabet_gets_the_name(void **state)
{
    struct fixture *f = *state;
    struct rows r;
    char name[64];

    put(f, "twin", "b.so");
    put(f, "good", "a.so");
    assert_int_equal(scan(f), 2);
    assert_string_equal(provider(f, "good", name), "a.so");
    list(f, &r);
    assert_non_null(strstr(r.text, "scheduler 'good' is already provided by a.so"));
    assert_int_equal(scan(f), 0);
}

static void who_has_the_name_keeps_it(void **state)
{
    struct fixture *f = *state;
    char name[64];

    put(f, "twin", "b.so");
    scan(f);
    put(f, "good", "a.so");
    assert_int_equal(scan(f), 1);
    assert_string_equal(f->log, "a.so bad;");
    assert_string_equal(provider(f, "good", name), "b.so");
    assert_string_equal(provider(f, "GoodScheduler", name), "");
}

static void a_name_that_becomes_free_is_given_on(void **state)
{
    struct fixture *f = *state;
    char name[64];

    put(f, "good", "a.so");
    put(f, "twin", "b.so");
    scan(f);
    drop(f, "a.so");
    assert_int_equal(scan(f), 2);
    assert_string_equal(provider(f, "good", name), "b.so");
    assert_int_equal(scan(f), 0);
}

static void a_renamed_file_keeps_working(void **state)
{
    struct fixture *f = *state;
    char from[256], to[256], name[64];

    put(f, "good", "a.so");
    scan(f);
    path_of(f, "a.so", from);
    path_of(f, "b.so", to);
    assert_int_equal(rename(from, to), 0);
    assert_true(scan(f) > 0);
    assert_string_equal(provider(f, "good", name), "b.so");
    assert_int_equal(scan(f), 0);
}

static void other_files_are_not_looked_at(void **state)
{
    struct fixture *f = *state;
    struct rows r;

    put(f, "good", ".h.so");
    put(f, "good", "x.txt");
    put(f, "good", "so");
    assert_int_equal(scan(f), 0);
    list(f, &r);
    assert_string_equal(r.text, "");
}

static void unknown_names_get_the_known_ones(void **state)
{
    struct fixture *f = *state;
    char err[P2P_ERRLEN];
    struct catalog_hit hit;

    put(f, "other", "a.so");
    put(f, "good", "b.so");
    put(f, "no_decide", "c.so");
    scan(f);
    assert_int_equal(catalog_find(f->catalog, "x", &hit, err), -1);
    assert_string_equal(err, "no scheduler 'x'; known: good, other");
    assert_int_equal(catalog_find(f->catalog, "god", &hit, err), -1);
    assert_string_equal(err, "no scheduler 'god'; did you mean 'good'? known: good, other");
    assert_int_equal(catalog_find(f->catalog, "GoodSchedular", &hit, err), -1);
    assert_string_equal(err, "no scheduler 'GoodSchedular'; did you mean 'GoodScheduler'? known: "
                             "good, other");
    assert_int_equal(catalog_find(f->catalog, "c", &hit, err), -1);
    assert_int_equal(strncmp(err, "no scheduler 'c'", 16), 0);
    assert_non_null(strstr(err, "decide"));
}

static void learners_are_found_by_their_names(void **state)
{
    struct fixture *f = *state;
    char err[P2P_ERRLEN], name[64];
    struct catalog_learner hit;

    put(f, "good", "a.so");
    put(f, "pupil", "b.so");
    put(f, "only_learner", "c.so");
    put(f, "no_learn", "aa.so");
    scan(f);
    assert_int_equal(catalog_find_learner(f->catalog, "heir", &hit, err), 0);
    assert_string_equal(hit.learner->name, "heir");
    module_unref(hit.module);
    /* Its scheduler is no learner, a scheduler of the same name is another thing. */
    assert_int_equal(catalog_find_learner(f->catalog, "asker", &hit, err), -1);
    assert_string_equal(err, "no learner 'asker'; known: alien, forgetful, good, heir, pupil");
    assert_string_equal(provider(f, "good", name), "a.so");
    assert_int_equal(catalog_find_learner(f->catalog, "aa", &hit, err), -1);
    assert_int_equal(strncmp(err, "no learner 'aa'", 15), 0);
    assert_non_null(strstr(err, "learn()"));
}

static void a_learner_has_one_file(void **state)
{
    struct fixture *f = *state;
    char err[P2P_ERRLEN];
    struct catalog_learner hit;

    put(f, "only_learner", "a.so");
    put(f, "same_learner", "b.so");
    scan(f);
    assert_int_equal(catalog_find_learner(f->catalog, "b", &hit, err), -1);
    assert_non_null(strstr(err, "learner 'good' is already provided by a.so"));
    drop(f, "a.so");
    scan(f);
    assert_int_equal(catalog_find_learner(f->catalog, "good", &hit, err), 0);
    module_unref(hit.module);
}

static void a_folder_that_cannot_be_read_changes_nothing(void **state)
{
    struct fixture *f = *state;
    char err[P2P_ERRLEN] = "", away[96], name[64];

    put(f, "good", "a.so");
    scan(f);
    snprintf(away, sizeof(away), "%s/away", f->root);
    assert_int_equal(rename(f->folder, away), 0);
    assert_int_equal(catalog_scan(f->catalog, NULL, NULL, err), -1);
    assert_non_null(strstr(err, f->folder));
    assert_int_equal(rename(away, f->folder), 0);
    assert_string_equal(provider(f, "good", name), "a.so");
    assert_int_equal(scan(f), 0);
}

static void the_run_dir_is_private(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(stat(f->run_dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void an_existing_run_dir_is_made_private(void **state)
{
    struct fixture *f = *state;
    char err[P2P_ERRLEN];
    struct stat st;

    catalog_free(f->catalog);
    f->catalog = NULL;
    assert_int_equal(mkdir(f->run_dir, 0700), 0);
    assert_int_equal(chmod(f->run_dir, 0755), 0);
    f->catalog = catalog_new(f->folder, f->run_dir, err);
    assert_non_null(f->catalog);
    assert_int_equal(stat(f->run_dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void a_run_dir_that_cannot_be_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[256], err[P2P_ERRLEN] = "";

    snprintf(path, sizeof(path), "%s/none/run", f->root);
    assert_null(catalog_new(f->folder, path, err));
    assert_non_null(strstr(err, path));
    put(f, "good", "a.so");
    path_of(f, "a.so", path);
    assert_null(catalog_new(f->folder, path, err));
    assert_non_null(strstr(err, path));
    path_of(f, "b.so", path);
    assert_int_equal(symlink(f->folder, path), 0);
    assert_null(catalog_new(f->folder, path, err));
}

static void *find_often(void *ctx)
{
    struct fixture *f = ctx;
    char name[64];

    for (int i = 0; i < 300; i++)
        provider(f, i % 2 ? "good" : "other", name);
    return NULL;
}

static void finding_while_scanning(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;

    put(f, "good", "a.so");
    scan(f);
    assert_int_equal(pthread_create(&thread, NULL, find_often, f), 0);
    for (int i = 0; i < 20; i++) {
        put(f, i % 2 ? "good" : "other", "a.so");
        scan(f);
    }
    pthread_join(thread, NULL);
    assert_int_equal(module_count(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_folder_is_fine),
        TEST(files_come_and_go),
        TEST(an_alias_is_found_as_one),
        TEST(an_untouched_or_just_touched_file_is_not_opened_again),
        TEST(new_content_is_a_new_module),
        TEST(a_bad_file_is_listed_with_its_reason),
        TEST(a_good_file_that_turns_bad_is_not_selectable),
        TEST(the_first_in_the_alphabet_gets_the_name),
        TEST(who_has_the_name_keeps_it),
        TEST(a_name_that_becomes_free_is_given_on),
        TEST(a_renamed_file_keeps_working),
        TEST(other_files_are_not_looked_at),
        TEST(unknown_names_get_the_known_ones),
        TEST(learners_are_found_by_their_names),
        TEST(a_learner_has_one_file),
        TEST(a_folder_that_cannot_be_read_changes_nothing),
        TEST(the_run_dir_is_private),
        TEST(an_existing_run_dir_is_made_private),
        TEST(a_run_dir_that_cannot_be_is_refused),
        TEST(finding_while_scanning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
