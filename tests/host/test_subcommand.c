/* The node's own binary, linked into a folder with programs that say how they were called. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/subcommand.h"

enum { TEXT = 64 << 10 };
static char folder[256], said[TEXT];

static void path_of(const char *name, char out[512])
{
    snprintf(out, 512, "%s/%s", folder, name);
}

/* A program that prints its name and its arguments, each in brackets. */
static void put_program(const char *name)
{
    static const char script[] = "#!/bin/sh\nprintf '%s' \"${0##*/}\"\n"
                                 "for a; do printf '[%s]' \"$a\"; done\nexit 7\n";
    char path[512];
    int fd;

    path_of(name, path);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, script, sizeof(script) - 1), (ssize_t)sizeof(script) - 1);
    close(fd);
}

static int setup(void **state)
{
    char binary[512], own[512];

    (void)state;
    snprintf(folder, sizeof(folder), "%s/subcommand_XXXXXX", getenv("P2P_TEST_BIN"));
    snprintf(binary, sizeof(binary), "%s/p2pfaas", getenv("P2P_TEST_BIN"));
    if (!mkdtemp(folder))
        return -1;
    path_of("p2pfaas", own);
    return link(binary, own);
}

static int teardown(void **state)
{
    static const char *const names[] = {"p2pfaas", "p2pfaas-sim", "p2pfaas-check", "p2pfaas-bench"};
    char path[512];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(names[i], path);
        unlink(path);
    }
    return rmdir(folder);
}

/* Runs the node with these arguments; its status, and in `said` what it printed. */
static int run(const char *const *arguments)
{
    char path[512], *argv[8] = {path};
    int ends[2], status;
    size_t len = 0;
    ssize_t n;
    pid_t pid;

    path_of("p2pfaas", path);
    for (int i = 0; arguments[i]; i++)
        argv[i + 1] = (char *)(uintptr_t)arguments[i];
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        execv(path, argv);
        _exit(127);
    }
    close(ends[1]);
    while (len < TEXT - 1 && (n = read(ends[0], said + len, TEXT - 1 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void has_said(const char *part)
{
    if (!strstr(said, part))
        fail_msg("it did not say \"%s\" but: %s", part, said);
}

static void test_only_what_is_no_option_asks_for_one(void **state)
{
    char *option[] = {"p2pfaas", "--check", "sim", NULL}, *name[] = {"p2pfaas", "sim", NULL};
    char *alone[] = {"p2pfaas", NULL}, *nothing[] = {NULL}, *dash[] = {"p2pfaas", "-", NULL};

    (void)state;
    assert_false(subcommand_is_asked(option));
    assert_false(subcommand_is_asked(alone));
    assert_false(subcommand_is_asked(nothing));
    assert_false(subcommand_is_asked(dash));
    assert_true(subcommand_is_asked(name));
}

static void test_the_program_beside_it_takes_over(void **state)
{
    (void)state;
    put_program("p2pfaas-check");
    assert_int_equal(RUN("check", "a plugin.so", "--verbose", ""), 7);
    assert_string_equal(said, "p2pfaas-check[a plugin.so][--verbose][]");
    assert_int_equal(RUN("check"), 7);
    assert_string_equal(said, "p2pfaas-check");
    put_program("p2pfaas-bench");
    assert_int_equal(RUN("bench", "an experiment.yaml"), 7);
    assert_string_equal(said, "p2pfaas-bench[an experiment.yaml]");
}

static void test_the_simulator_is_told_what_it_is_asked_for(void **state)
{
    (void)state;
    put_program("p2pfaas-sim");
    assert_int_equal(RUN("sim", "ring.yaml", "-s", "7"), 7);
    assert_string_equal(said, "p2pfaas-sim[sim][ring.yaml][-s][7]");
    assert_int_equal(RUN("plot", "--help"), 7);
    assert_string_equal(said, "p2pfaas-sim[plot][--help]");
    assert_int_equal(RUN("sim"), 7);
    assert_string_equal(said, "p2pfaas-sim[sim]");
}

static void test_a_program_that_is_missing_is_named(void **state)
{
    char path[512];

    (void)state;
    path_of("p2pfaas-sim", path);
    assert_int_equal(RUN("plot"), 2);
    has_said("p2pfaas: plot: cannot run /");
    has_said("p2pfaas-sim: No such file or directory");
    put_program("p2pfaas-sim");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(RUN("sim"), 2);
    has_said("p2pfaas-sim: Permission denied");
}

/* A program of that name would not be run either. */
static void test_other_names_are_not_run(void **state)
{
    (void)state;
    put_program("p2pfaas-check");
    assert_int_equal(RUN("chek"), 2);
    has_said("'chek'");
    has_said("did you mean 'check'? allowed: sim, plot, bench, check");
    assert_int_equal(RUN("conquer"), 2);
    has_said("allowed: sim, plot, bench, check");
    assert_int_equal(RUN("../check"), 2);
    has_said("'../check' is neither an option nor a subcommand; see p2pfaas --help");
    assert_int_equal(RUN("plugins.yaml"), 2);
    has_said("'plugins.yaml' is neither an option nor a subcommand");
    assert_int_equal(RUN(""), 2);
    has_said("'' is neither an option nor a subcommand");
    assert_int_equal(RUN("--check", "sim"), 2);
    has_said("'sim' is not an option");
}

static void test_help_lists_them(void **state)
{
    (void)state;
    assert_int_equal(RUN("--help"), 0);
    has_said("p2pfaas SUBCOMMAND");
    has_said("\n  sim ");
    has_said("\n  plot ");
    has_said("\n  check ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_only_what_is_no_option_asks_for_one),
        T(test_the_program_beside_it_takes_over),
        T(test_the_simulator_is_told_what_it_is_asked_for),
        T(test_a_program_that_is_missing_is_named),
        T(test_other_names_are_not_run),
        T(test_help_lists_them),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
