#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/runtimes/spawn.h"

enum { LIMIT_MS = 20000 };

static const char *const plain_environment[] = {"PATH=/usr/bin:/bin", "A=1", NULL};

static const char *const *shell(const char *script)
{
    static const char *argv[4];

    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = script;
    return argv;
}

static bool is_readable(int fd, int limit_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, limit_ms) == 1;
}

static void starts(const struct spawn *s, struct child *child)
{
    char err[P2P_ERRLEN] = "";

    if (spawn_start(s, child, err))
        fail_msg("did not start: %s", err);
    assert_true(child->pid > 0);
    assert_true(child->pidfd >= 0);
}

/* Waits for its end; how it ended. */
static const char *end_of(struct child *child)
{
    static char how[64];

    if (!is_readable(child->pidfd, LIMIT_MS)) {
        spawn_kill(child, SIGKILL);
        spawn_reap(child, how, sizeof(how));
        fail_msg("it did not end");
    }
    spawn_reap(child, how, sizeof(how));
    assert_int_equal(child->pid, 0);
    assert_int_equal(child->pidfd, -1);
    return how;
}

static const char *end_of_script(const char *script)
{
    struct spawn s = {shell(script), plain_environment, NULL, -1, -1, -1};
    struct child child;

    starts(&s, &child);
    return end_of(&child);
}

/* What the program writes until nobody has its output open. */
static const char *output_of(struct spawn s)
{
    static char text[4096];
    struct child child;
    size_t len = 0;
    ssize_t n;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    s.out = ends[1];
    starts(&s, &child);
    close(ends[1]);
    while (len < sizeof(text) - 1 && is_readable(ends[0], LIMIT_MS) &&
           (n = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(ends[0]);
    assert_string_equal(end_of(&child), "exit code 0");
    return text;
}

static const char *output_of_script(const char *script)
{
    return output_of((struct spawn){shell(script), plain_environment, NULL, -1, -1, -1});
}

static void refuses(const char *program, const char *directory, const char *reason)
{
    const char *argv[] = {program, NULL};
    struct spawn s = {argv, plain_environment, directory, -1, -1, -1};
    struct child child = {77, 77};
    char err[P2P_ERRLEN] = "";

    assert_int_equal(spawn_start(&s, &child, err), -1);
    assert_int_equal(child.pid, 0);
    if (!strstr(err, program) || !strstr(err, reason))
        fail_msg("the reason is '%s'", err);
}

static void exit_code_is_worded(void **state)
{
    (void)state;
    assert_string_equal(end_of_script("exit 0"), "exit code 0");
    assert_string_equal(end_of_script("exit 3"), "exit code 3");
    assert_string_equal(end_of_script("exit 255"), "exit code 255");
}

static void signal_is_worded(void **state)
{
    (void)state;
    assert_string_equal(end_of_script("kill -SEGV $$"), "killed by SIGSEGV");
    assert_string_equal(end_of_script("kill -KILL $$"), "killed by SIGKILL");
}

static void missing_program_is_refused(void **state)
{
    (void)state;
    refuses("/no/such/program", NULL, "No such file");
    refuses("no-such-program-anywhere", NULL, "No such file");
}

static void what_may_not_be_run_is_refused(void **state)
{
    char path[] = "/tmp/test_spawn_XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    refuses(path, NULL, "ermission denied");
    unlink(path);
}

static void missing_directory_is_refused(void **state)
{
    (void)state;
    refuses("/bin/true", "/no/such/folder", "/no/such/folder");
}

static void program_is_sought_in_path(void **state)
{
    const char *argv[] = {"echo", "found", NULL};

    (void)state;
    assert_string_equal(output_of((struct spawn){argv, plain_environment, NULL, -1, -1, -1}),
                        "found\n");
}

static void arguments_and_environment_are_passed_as_they_are(void **state)
{
    const char *argv[] = {"/usr/bin/printf", "[%s]", "", "a b", "*", "$A", NULL};
    const char *env[] = {"/usr/bin/env", NULL};

    (void)state;
    assert_string_equal(output_of((struct spawn){argv, plain_environment, NULL, -1, -1, -1}),
                        "[][a b][*][$A]");
    assert_string_equal(output_of((struct spawn){env, plain_environment, NULL, -1, -1, -1}),
                        "PATH=/usr/bin:/bin\nA=1\n");
}

static void directory_is_changed(void **state)
{
    (void)state;
    assert_string_equal(
        output_of((struct spawn){shell("pwd"), plain_environment, "/usr/bin", -1, -1, -1}),
        "/usr/bin\n");
}

static void empty_directory_is_the_own(void **state)
{
    char own[2048], expected[2050];

    (void)state;
    assert_non_null(getcwd(own, sizeof(own)));
    snprintf(expected, sizeof(expected), "%s\n", own);
    assert_string_equal(output_of((struct spawn){shell("pwd"), plain_environment, "", -1, -1, -1}),
                        expected);
}

static void without_descriptors_it_has_dev_null(void **state)
{
    (void)state;
    assert_string_equal(output_of_script("readlink /proc/self/fd/0 /proc/self/fd/2; cat"),
                        "/dev/null\n/dev/null\n");
    assert_string_equal(end_of_script("test $(readlink /proc/$$/fd/1) = /dev/null"), "exit code 0");
}

static void own_descriptors_do_not_leak(void **state)
{
    (void)state;
    assert_string_equal(output_of_script("cd /proc/$$/fd && ls -d 0 1 2 [3-9] 2>/dev/null; :"),
                        "0\n1\n2\n");
}

static void signals_are_as_in_a_fresh_process(void **state)
{
    sigset_t some, before;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    sigaddset(&some, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &some, &before);
    /* The C library keeps 32 and 33 to itself, which whoever started us may ignore. */
    assert_string_equal(
        output_of_script("sed -nE 's/^(SigBlk|SigIgn):.*(.{7})$/\\1 \\2/p' /proc/self/status"),
        "SigBlk 0000000\nSigIgn 0000000\n");
    assert_string_equal(end_of_script("kill -PIPE $$"), "killed by SIGPIPE");
    assert_string_equal(end_of_script("kill -TERM $$"), "killed by SIGTERM");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void own_signal_mask_is_kept(void **state)
{
    sigset_t some, before, after;

    (void)state;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &some, &before);
    end_of_script("exit 0");
    pthread_sigmask(SIG_SETMASK, &before, &after);
    assert_int_equal(sigismember(&after, SIGUSR2), 1);
    assert_int_equal(sigismember(&after, SIGTERM), 0);
}

/* Starts a script that writes a line when it is under way; its output stays open. */
static int start_and_read_line(const char *script, struct child *child, char *line, size_t size)
{
    struct spawn s = {shell(script), plain_environment, NULL, -1, -1, -1};
    size_t len = 0;
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    s.out = ends[1];
    starts(&s, child);
    close(ends[1]);
    while (len < size - 1 && is_readable(ends[0], LIMIT_MS) && read(ends[0], line + len, 1) == 1 &&
           line[len] != '\n')
        len++;
    line[len] = '\0';
    return ends[0];
}

static void child_leads_a_group_of_its_own(void **state)
{
    struct child child;
    char line[32];
    int output = start_and_read_line("echo on; exec sleep 1000", &child, line, 32);

    (void)state;
    assert_int_equal(getpgid(child.pid), child.pid);
    assert_int_not_equal(getpgid(child.pid), getpgid(0));
    spawn_kill(&child, SIGTERM);
    assert_string_equal(end_of(&child), "killed by SIGTERM");
    close(output);
}

/* All who had its output open are gone. */
static void ends_for_all(int output)
{
    char byte;

    assert_true(is_readable(output, LIMIT_MS));
    assert_int_equal(read(output, &byte, 1), 0);
    close(output);
}

static void kill_reaches_the_whole_group(void **state)
{
    struct child child;
    char line[32];
    int output = start_and_read_line("sleep 1000 & sleep 1000 & echo on; wait", &child, line, 32);

    (void)state;
    assert_string_equal(line, "on");
    spawn_kill(&child, SIGKILL);
    assert_string_equal(end_of(&child), "killed by SIGKILL");
    ends_for_all(output);
}

static void what_is_left_of_the_group_is_killed_at_the_end(void **state)
{
    struct child child;
    char line[32];
    int output = start_and_read_line("sleep 1000 & echo on; exit 4", &child, line, 32);

    (void)state;
    assert_string_equal(end_of(&child), "exit code 4");
    ends_for_all(output);
}

static void kill_after_the_end_is_harmless(void **state)
{
    struct spawn s = {shell("exit 0"), plain_environment, NULL, -1, -1, -1};
    struct child child;

    (void)state;
    starts(&s, &child);
    assert_true(is_readable(child.pidfd, LIMIT_MS));
    spawn_kill(&child, SIGKILL);
    assert_string_equal(end_of(&child), "exit code 0");
    spawn_kill(&child, SIGKILL);
}

static unsigned descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void no_descriptor_is_left_behind(void **state)
{
    unsigned before = descriptors();

    (void)state;
    for (int i = 0; i < 8; i++) {
        end_of_script("exit 0");
        refuses("/no/such/program", NULL, "");
        refuses("/bin/true", "/no/such/folder", "");
    }
    assert_int_equal(descriptors(), before);
}

/* What the test itself was started with is not what is tested. */
static int close_inherited(void **state)
{
    (void)state;
    for (int fd = 3; fd < 1024; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_code_is_worded),
        cmocka_unit_test(signal_is_worded),
        cmocka_unit_test(missing_program_is_refused),
        cmocka_unit_test(what_may_not_be_run_is_refused),
        cmocka_unit_test(missing_directory_is_refused),
        cmocka_unit_test(program_is_sought_in_path),
        cmocka_unit_test(arguments_and_environment_are_passed_as_they_are),
        cmocka_unit_test(directory_is_changed),
        cmocka_unit_test(empty_directory_is_the_own),
        cmocka_unit_test(without_descriptors_it_has_dev_null),
        cmocka_unit_test(own_descriptors_do_not_leak),
        cmocka_unit_test(signals_are_as_in_a_fresh_process),
        cmocka_unit_test(own_signal_mask_is_kept),
        cmocka_unit_test(child_leads_a_group_of_its_own),
        cmocka_unit_test(kill_reaches_the_whole_group),
        cmocka_unit_test(what_is_left_of_the_group_is_killed_at_the_end),
        cmocka_unit_test(kill_after_the_end_is_harmless),
        cmocka_unit_test(no_descriptor_is_left_behind),
    };

    return cmocka_run_group_tests(tests, close_inherited, NULL);
}
