#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/run_dir.h"

static char base[64];

static int setup(void **state)
{
    (void)state;
    snprintf(base, sizeof(base), "/tmp/p2p_run_dir_XXXXXX");
    return mkdtemp(base) ? 0 : -1;
}

/* Whatever a test makes it removes, or the next make does. */
static int teardown(void **state)
{
    (void)state;
    return rmdir(base);
}

static void make(struct run_dir *d)
{
    char err[P2P_ERRLEN] = "";

    if (run_dir_make(d, base, err))
        fail_msg("%s", err);
}

static void put(const char *folder, const char *name)
{
    char path[400];
    int fd;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void take_away(const char *folder, const char *name)
{
    char path[400];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* The folder of a process that was killed with a copy in it. */
static void leave_behind(char path[256])
{
    struct run_dir d;
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        char err[P2P_ERRLEN];

        if (run_dir_make(&d, base, err) == 0 &&
            write(ends[1], d.path, sizeof(d.path)) == (ssize_t)sizeof(d.path))
            raise(SIGKILL);
        _exit(1);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], path, 256), 256);
    close(ends[0]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    put(path, "random.g1.so");
    put(path, "local.g2.so");
}

static void it_is_private_and_goes_with_its_release(void **state)
{
    struct run_dir d;
    struct stat st;

    (void)state;
    make(&d);
    assert_int_equal(stat(d.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_memory_equal(d.path, base, strlen(base));
    run_dir_release(&d);
    assert_false(is_there(d.path));
    run_dir_release(&d);
}

static void those_in_use_stay(void **state)
{
    struct run_dir a, b, c;

    (void)state;
    make(&a);
    put(a.path, "random.g1.so");
    make(&b);
    make(&c);
    assert_true(is_there(a.path) && is_there(b.path));
    assert_string_not_equal(a.path, b.path);
    take_away(a.path, "random.g1.so");
    run_dir_release(&a);
    run_dir_release(&b);
    run_dir_release(&c);
}

static void those_of_killed_nodes_go(void **state)
{
    char left[2][256];
    struct run_dir d;

    (void)state;
    leave_behind(left[0]);
    assert_true(is_there(left[0]));
    leave_behind(left[1]);
    assert_false(is_there(left[0]));
    make(&d);
    assert_false(is_there(left[1]));
    run_dir_release(&d);
}

static void what_else_is_there_stays(void **state)
{
    char left[256], other[300], plain[300], link[300];
    struct run_dir d;

    (void)state;
    leave_behind(left);
    put(left, "somebody.else");
    snprintf(other, sizeof(other), "%s/p2pfaas.nolock", base);
    snprintf(plain, sizeof(plain), "%s/p2pfaas.yaml", base);
    snprintf(link, sizeof(link), "%s/p2pfaas.link", base);
    assert_int_equal(mkdir(other, 0700), 0);
    put(other, "x.so");
    put(base, "p2pfaas.yaml");
    assert_int_equal(symlink(left, link), 0);
    make(&d);
    assert_true(is_there(left) && is_there(other) && is_there(plain) && is_there(link));
    run_dir_release(&d);
    take_away(left, "somebody.else");
    take_away(other, "x.so");
    assert_int_equal(unlink(link), 0);
    assert_int_equal(unlink(plain), 0);
    assert_int_equal(rmdir(other), 0);
    assert_int_equal(rmdir(left), 0);
}

static void a_base_that_cannot_be_used_is_told(void **state)
{
    char err[P2P_ERRLEN] = "", longest[300];
    struct run_dir d;

    (void)state;
    assert_int_equal(run_dir_make(&d, "/nonexistent", err), -1);
    assert_non_null(strstr(err, "cannot make /nonexistent/p2pfaas."));
    assert_non_null(strstr(err, "No such file or directory; set node.run_dir"));
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(run_dir_make(&d, longest, err), -1);
    assert_non_null(strstr(err, "File name too long"));
    run_dir_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_private_and_goes_with_its_release, setup, teardown),
        cmocka_unit_test_setup_teardown(those_in_use_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(those_of_killed_nodes_go, setup, teardown),
        cmocka_unit_test_setup_teardown(what_else_is_there_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_base_that_cannot_be_used_is_told, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
