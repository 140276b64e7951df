#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/trace_log.h"

static char path[] = "/tmp/p2pfaas-trace-XXXXXX";
static char text[4096];

static int setup(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    if (fd >= 0)
        close(fd);
    return fd < 0;
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static const char *read_file(void)
{
    FILE *f = fopen(path, "re");

    assert_non_null(f);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static void lines_are_as_they_are_documented(void **state)
{
    char err[P2P_ERRLEN];
    struct trace *t = trace_open(path, 100, err);

    (void)state;
    assert_non_null(t);
    trace_line(t, 0, "edge-3", 0, "arrive", NULL, NULL);
    trace_line(t, 12000250000, "edge-3", 17, "forward", "edge-8", "load %d below %d", 4, 9);
    trace_line(t, 12000250001, "edge-3", TRACE_NO_JOB, "message", "a,b", "say \"%s\"", "so");
    trace_line(t, 12000250002, NULL, TRACE_NO_JOB, "fault", NULL, "%d, %d", 1, 2);
    assert_int_equal(trace_close(t, err), 0);
    assert_string_equal(read_file(), "time_s,node,job,what,peer,detail\n"
                                     "0.000000000,edge-3,0,arrive,,\n"
                                     "12.000250000,edge-3,17,forward,edge-8,load 4 below 9\n"
                                     "12.000250001,edge-3,,message,\"a,b\",\"say \"\"so\"\"\"\n"
                                     "12.000250002,,,fault,,\"1, 2\"\n");
}

static void the_file_is_bounded_and_says_so(void **state)
{
    char err[P2P_ERRLEN];
    struct trace *t = trace_open(path, 2, err);

    (void)state;
    assert_non_null(t);
    for (unsigned i = 0; i < 100; i++)
        if (trace_wants(t))
            trace_line(t, i, "n", i, "arrive", NULL, NULL);
    assert_int_equal(trace_close(t, err), 0);
    assert_string_equal(read_file(),
                        "time_s,node,job,what,peer,detail\n"
                        "0.000000000,n,0,arrive,,\n"
                        "0.000000001,n,1,arrive,,\n"
                        "0.000000001,,,limit,,there was more; no more than 2 lines are kept\n");
}

static void as_many_as_fit_is_no_limit(void **state)
{
    char err[P2P_ERRLEN];
    struct trace *t = trace_open(path, 2, err);

    (void)state;
    assert_non_null(t);
    trace_line(t, 0, "n", 0, "arrive", NULL, NULL);
    trace_line(t, 1, "n", 0, "run", NULL, NULL);
    assert_int_equal(trace_close(t, err), 0);
    assert_null(strstr(read_file(), "limit"));
}

static void no_log_wants_nothing(void **state)
{
    char err[P2P_ERRLEN];

    (void)state;
    assert_false(trace_wants(NULL));
    trace_line(NULL, 0, "n", 0, "arrive", NULL, NULL);
    assert_int_equal(trace_close(NULL, err), 0);
}

static void a_file_that_cannot_be_written_is_told(void **state)
{
    char err[P2P_ERRLEN] = "";
    struct trace *t;

    (void)state;
    assert_null(trace_open("/nowhere/trace.csv", 10, err));
    assert_string_equal(err, "/nowhere/trace.csv: No such file or directory");
    t = trace_open("/dev/full", 10, err);
    assert_non_null(t);
    trace_line(t, 0, "n", 0, "arrive", NULL, NULL);
    assert_int_equal(trace_close(t, err), -1);
    assert_string_equal(err, "/dev/full: not all could be written: No space left on device");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_as_they_are_documented),
        cmocka_unit_test(the_file_is_bounded_and_says_so),
        cmocka_unit_test(as_many_as_fit_is_no_limit),
        cmocka_unit_test(no_log_wants_nothing),
        cmocka_unit_test(a_file_that_cannot_be_written_is_told),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
