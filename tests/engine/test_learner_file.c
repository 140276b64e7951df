#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/learner_file.h"

static char folder[64], path[96], aside[112], err[P2P_ERRLEN];

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/p2p_learner_XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/q.learner", folder);
    snprintf(aside, sizeof(aside), "%s.new", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    unlink(aside);
    return rmdir(folder);
}

static struct learner_file file_of(const char *text, size_t n)
{
    struct learner_file f = {.format = "table 1",
                             .plugin = "q_table",
                             .version = "0.3",
                             .n_dims = 3,
                             .n_actions = 5,
                             .state = {(char *)(uintptr_t)text, n, n, 0}};

    return f;
}

static void put(const void *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

static size_t get(char *bytes, size_t most)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, bytes, most);

    close(fd);
    assert_true(n > 0 && (size_t)n < most);
    return (size_t)n;
}

/* Refused with a message that begins with the path, and nothing is left in the struct. */
static void refused(const char *said)
{
    static const struct learner_file nothing;
    struct learner_file f;

    memset(&f, 0xa5, sizeof(f));
    if (learner_file_read(path, &f, err) == 0)
        fail_msg("taken, though '%s'", said);
    assert_int_equal(strncmp(err, path, strlen(path)), 0);
    if (!strstr(err, said))
        fail_msg("'%s' is not said in: %s", said, err);
    assert_memory_equal(&f, &nothing, sizeof(f));
}

static void what_is_written_is_read(void **state)
{
    static const size_t sizes[] = {0, 1, 5000, 300000};
    static char text[300000];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct learner_file f = file_of(text, sizes[i]), back;
        struct stat st;

        assert_int_equal(learner_file_write(path, &f, err), 0);
        assert_int_equal(learner_file_read(path, &back, err), 0);
        assert_string_equal(back.format, "table 1");
        assert_string_equal(back.plugin, "q_table");
        assert_string_equal(back.version, "0.3");
        assert_int_equal(back.n_dims, 3);
        assert_int_equal(back.n_actions, 5);
        assert_int_equal(back.state.len, sizes[i]);
        assert_memory_equal(back.state.data, text, sizes[i]);
        state_release(&back.state);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(access(aside, F_OK), -1);
    }
}

static void a_cut_is_told_wherever_it_is(void **state)
{
    char bytes[1024];
    struct learner_file f = file_of("what was learned", 17);
    size_t n;

    (void)state;
    assert_int_equal(learner_file_write(path, &f, err), 0);
    n = get(bytes, sizeof(bytes));
    for (size_t cut = 0; cut < n; cut++) {
        put(bytes, cut);
        refused("cut off");
    }
    bytes[n] = 0;
    put(bytes, n + 1);
    refused("damaged");
}

static void a_flipped_bit_is_told_wherever_it_is(void **state)
{
    char bytes[1024];
    struct learner_file f = file_of("what was learned", 17);
    size_t n;

    (void)state;
    assert_int_equal(learner_file_write(path, &f, err), 0);
    n = get(bytes, sizeof(bytes));
    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        put(bytes, n);
        refused("");
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    put(bytes, n);
    assert_int_equal(learner_file_read(path, &f, err), 0);
    state_release(&f.state);
}

static void what_no_learner_saved_is_refused(void **state)
{
    static const char swapped[256] = "P2PLRN1\n\1\2\3\4", other[256] = "{\"q\": 1}";
    char own[256];
    uint32_t order = 0x04030201;

    (void)state;
    put(other, sizeof(other));
    refused("not what a learner saved");
    put(other, 3);
    refused("not what a learner saved");
    memcpy(own, swapped, sizeof(own));
    memcpy(own + 8, &order, sizeof(order));
    put(own, sizeof(own));
    refused("byte order");
    put("", 0);
    refused("cut off");
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    refused("No such file");
    assert_int_equal(mkdir(path, 0700), 0);
    refused("no plain file");
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused("no plain file");
    unlink(path);
    put("P2PLRN1\n", 8);
    assert_int_equal(truncate(path, (off_t)(STATE_LIMIT + 4096)), 0);
    refused("bytes at most");
}

static void a_write_that_fails_leaves_the_old_file(void **state)
{
    struct learner_file f = file_of("old", 4), back;
    char nowhere[160];

    (void)state;
    assert_int_equal(learner_file_write(path, &f, err), 0);
    /* What is written aside cannot be made. */
    assert_int_equal(mkdir(aside, 0700), 0);
    f = file_of("new", 4);
    assert_int_equal(learner_file_write(path, &f, err), -1);
    assert_int_equal(strncmp(err, aside, strlen(aside)), 0);
    rmdir(aside);
    assert_int_equal(learner_file_read(path, &back, err), 0);
    assert_string_equal(back.state.data, "old");
    state_release(&back.state);
    snprintf(nowhere, sizeof(nowhere), "%s/none/x", folder);
    assert_int_equal(learner_file_write(nowhere, &f, err), -1);
    assert_non_null(strstr(err, "No such file"));
}

static void a_link_that_lies_aside_is_not_followed(void **state)
{
    struct learner_file f = file_of("new", 4);
    char victim[96];

    (void)state;
    snprintf(victim, sizeof(victim), "%s/victim", folder);
    assert_int_equal(symlink(victim, aside), 0);
    assert_int_equal(learner_file_write(path, &f, err), -1);
    assert_int_equal(access(victim, F_OK), -1);
}

static void a_link_to_the_file_is_followed(void **state)
{
    struct learner_file f = file_of("known", 5);

    (void)state;
    assert_int_equal(learner_file_write(aside, &f, err), 0);
    assert_int_equal(symlink(aside, path), 0);
    assert_int_equal(learner_file_read(path, &f, err), 0);
    assert_memory_equal(f.state.data, "known", 5);
    state_release(&f.state);
}

/* ---- killed while it writes ---- */

/* Writes files of one letter, a, b, a, ... each as long as it is told, until it is killed. */
static void write_for_ever(int ready)
{
    static char text[2][400000];

    memset(text[0], 'a', sizeof(text[0]));
    memset(text[1], 'b', sizeof(text[1]));
    for (unsigned i = 0;; i++) {
        struct learner_file f = file_of(text[i % 2], sizeof(text[0]) - 1000 * (i % 2));

        if (learner_file_write(path, &f, err))
            _exit(1);
        if (i == 0 && write(ready, "x", 1) != 1)
            _exit(1);
    }
}

static void a_kill_leaves_the_old_one_or_the_new_one(void **state)
{
    enum { KILLS = 40 };

    (void)state;
    for (unsigned i = 0; i < KILLS; i++) {
        struct learner_file f;
        int ready[2], status;
        char byte;
        pid_t pid;

        assert_int_equal(pipe(ready), 0);
        pid = fork();
        if (pid == 0)
            write_for_ever(ready[1]);
        close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        /* At another point each time. */
        for (volatile unsigned spin = 0; spin < i * 40000; spin++)
            ;
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        if (learner_file_read(path, &f, err))
            fail_msg("broken: %s", err);
        assert_true(f.state.len == 400000 || f.state.len == 399000);
        for (size_t k = 0; k < f.state.len; k++)
            if (f.state.data[k] != (f.state.len == 400000 ? 'a' : 'b'))
                fail_msg("mixed at %zu", k);
        state_release(&f.state);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(a_cut_is_told_wherever_it_is),
        TEST(a_flipped_bit_is_told_wherever_it_is),
        TEST(what_no_learner_saved_is_refused),
        TEST(what_is_no_file_is_refused),
        TEST(a_write_that_fails_leaves_the_old_file),
        TEST(a_link_that_lies_aside_is_not_followed),
        TEST(a_link_to_the_file_is_followed),
        TEST(a_kill_leaves_the_old_one_or_the_new_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
