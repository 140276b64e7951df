/* A call that got lost with its program: whether it is sent again. */
#include "tests/host/runtimes/support_runs.h"

static char folder[64], note[80], out_variable[96], bin_variable[512];
static char *variables[] = {out_variable, bin_variable, NULL};

/* Crashes in its first life when told to, echoes in the second. */
static const char second_life[] = "test -e \"$OUT\" && exec \"$BIN/echo\"; echo > \"$OUT\"; "
                                  "exec \"$BIN/misbehave\"";

static int setup_lost(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/test_server_XXXXXX");
    if (!mkdtemp(folder) || setup(state))
        return -1;
    snprintf(note, sizeof(note), "%s/out", folder);
    snprintf(out_variable, sizeof(out_variable), "OUT=%s", note);
    snprintf(bin_variable, sizeof(bin_variable), "BIN=%s", getenv("P2P_TEST_FUNCTIONS"));
    function.environment = variables;
    return 0;
}

static int teardown_lost(void **state)
{
    int rc = teardown(state);

    unlink(note);
    rmdir(folder);
    return rc;
}

static struct asked *ask_to(const char *target)
{
    struct asked *a = prepare("once more", 9);

    to(a, target);
    return start(a);
}

static void idempotent_function_is_called_once_more(void **state)
{
    (void)state;
    function.idempotent = true;
    open_script(second_life);
    answers_text(ask_to("?do=crash"), "once more");
}

static void idempotent_function_is_called_twice_at_most(void **state)
{
    struct asked *a;

    (void)state;
    function.idempotent = true;
    open_script("echo >> \"$OUT\"; exec \"$BIN/misbehave\"");
    a = ask_to("?do=crash");
    fails(a, RUN_FAILED, 502, "");
    assert_true(a->run.may_have_run);
    assert_int_equal(access(note, F_OK), 0);
    {
        FILE *f = fopen(note, "r");
        char lives[16];

        assert_int_equal(fread(lives, 1, sizeof(lives), f), 2);
        fclose(f);
    }
}

static void function_that_is_not_is_never_called_again(void **state)
{
    struct asked *a;

    (void)state;
    open_script(second_life);
    a = ask_to("?do=crash");
    fails(a, RUN_FAILED, 502, "");
    assert_true(a->run.may_have_run);
}

static int begin_lost(void **state)
{
    runtime = &runtime_server;
    if (!getenv("P2P_TEST_FUNCTIONS")) {
        print_error("P2P_TEST_FUNCTIONS is not set: the folder of the built functions\n");
        return -1;
    }
    return begin_all(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(idempotent_function_is_called_once_more, setup_lost,
                                        teardown_lost),
        cmocka_unit_test_setup_teardown(idempotent_function_is_called_twice_at_most, setup_lost,
                                        teardown_lost),
        cmocka_unit_test_setup_teardown(function_that_is_not_is_never_called_again, setup_lost,
                                        teardown_lost),
    };

    return cmocka_run_group_tests(tests, begin_lost, NULL);
}
