#include "tests/sim/support_command.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sim/support_scenario.h"

enum { MOST_ARGUMENTS = 24, LONGEST_MS = 120000 };

int command_code;
char *command_out, *command_err;
static int output = -1; /* of the one that was started */

/* ---- files ---- */

static int drop(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    return ftw->level ? remove(path) : 0;
}

int command_setup(void **state)
{
    return getenv("P2P_TEST_BIN") ? scenario_setup(state) : -1;
}

int command_teardown(void **state)
{
    free(command_out);
    free(command_err);
    command_out = command_err = NULL;
    nftw(command_path("."), drop, 8, FTW_DEPTH | FTW_PHYS);
    return scenario_teardown(state);
}

static void path_of(const char *name, char *path, size_t size)
{
    snprintf(path, size, "%.*s%s", (int)(strrchr(scenario_path, '/') + 1 - scenario_path),
             scenario_path, name);
}

const char *command_path(const char *name)
{
    static char paths[8][256];
    static unsigned next;
    char *path = paths[next++ % 8];

    path_of(name, path, sizeof(paths[0]));
    return path;
}

/* A file for what the program says, to be written. */
static int open_said(const char *name)
{
    char path[256];
    int fd;

    path_of(name, path, sizeof(path));
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

char *command_read(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;

    if (!f)
        fail_msg("%s is not there", path);
    if (getdelim(&text, &size, '\0', f) < 0) {
        free(text);
        text = strdup("");
    }
    fclose(f);
    assert_non_null(text);
    return text;
}

static void read_said(const char *name, char **text)
{
    char path[256];

    path_of(name, path, sizeof(path));
    free(*text);
    *text = command_read(path);
}

static bool same_files(const char *folder_a, const char *folder_b, const char *name)
{
    char path[2][600];
    FILE *f[2];
    int a = 0, b = 0;

    snprintf(path[0], sizeof(path[0]), "%s/%s", folder_a, name);
    snprintf(path[1], sizeof(path[1]), "%s/%s", folder_b, name);
    for (int i = 0; i < 2; i++)
        f[i] = fopen(path[i], "re");
    while (f[0] && f[1] && a == b && a != EOF) {
        a = getc(f[0]);
        b = getc(f[1]);
    }
    for (int i = 0; i < 2; i++)
        if (f[i])
            fclose(f[i]);
    return f[0] && f[1] && a == b;
}

static unsigned entries(const char *folder)
{
    DIR *d = opendir(folder);
    unsigned n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

bool command_same_folders(const char *a, const char *b)
{
    DIR *d = opendir(a);
    bool same = d && entries(a) > 2 && entries(a) == entries(b);

    for (const struct dirent *e; same && (e = readdir(d));)
        same = e->d_name[0] == '.' || same_files(a, b, e->d_name);
    if (d)
        closedir(d);
    return same;
}

unsigned command_lines(const char *text)
{
    unsigned n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* ---- the program ---- */

static pid_t start(const char *file, const char *const *options, int out)
{
    char *argv[MOST_ARGUMENTS] = {NULL, "sim"}, program[512];
    int err = open_said("stderr");
    unsigned n = 2;
    pid_t pid;

    snprintf(program, sizeof(program), "%s/p2pfaas-sim", getenv("P2P_TEST_BIN"));
    argv[0] = program;
    for (; *options; options++) {
        assert_true(n < MOST_ARGUMENTS - 2);
        argv[n++] = (char *)(uintptr_t)*options;
    }
    argv[n] = (char *)(uintptr_t)file;
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (dup2(out, 1) < 0 || dup2(err, 2) < 0)
            _exit(125);
        execv(program, argv);
        _exit(126);
    }
    close(out);
    close(err);
    return pid;
}

void command_stops_reading(void)
{
    close(output);
    output = -1;
}

void command_ends(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    command_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    read_said("stderr", &command_err);
    if (output >= 0)
        command_stops_reading();
}

void command_runs_file(const char *file, const char *const *options)
{
    command_ends(start(file, options, open_said("stdout")));
    read_said("stdout", &command_out);
}

void command_runs(const char *yaml, const char *const *options)
{
    scenario_write(yaml, strlen(yaml));
    command_runs_file(scenario_path, options);
}

void command_prints_to(const char *out, const char *yaml, const char *const *options)
{
    int fd = open(out, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    scenario_write(yaml, strlen(yaml));
    command_ends(start(scenario_path, options, fd));
}

void command_refuses(const char *yaml, const char *const *options, int code,
                     const char *const *words)
{
    command_runs(yaml, options);
    for (; *words; words++)
        if (!strstr(command_err, *words))
            fail_msg("no '%s' in: %s", *words, command_err);
    assert_string_equal(command_out, "");
    assert_int_equal(command_code, code);
}

pid_t command_starts(const char *yaml, const char *const *options, const char *until)
{
    char text[4096];
    size_t at = 0;
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    scenario_write(yaml, strlen(yaml));
    pid = start(scenario_path, options, ends[1]);
    output = ends[0];
    do {
        struct pollfd p = {.fd = output, .events = POLLIN};
        ssize_t n;

        assert_int_equal(poll(&p, 1, LONGEST_MS), 1);
        n = read(output, text + at, sizeof(text) - 1 - at);
        assert_true(n > 0);
        at += (size_t)n;
        text[at] = '\0';
    } while (!strstr(text, until));
    return pid;
}
