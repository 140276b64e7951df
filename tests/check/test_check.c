// link: tests/check/support_run.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/check/support_run.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/p2p_check_test_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    struct run r;

    (void)state;
    run_command(&r, "rm -r %s", folder);
    return r.code;
}

static const char *bad(const char *name)
{
    static char path[4096];

    snprintf(path, sizeof(path), "%s/tests/check/bad/%s.so", built(), name);
    return path;
}

/* ---- what passes ---- */

static void every_shipped_plugin_passes(void **state)
{
    struct run r;

    (void)state;
    run_check(&r, "--seed 1 --worlds %u %s/plugins/*.so", worlds(), built());
    expect_code(&r, 0);
    expect_text(&r, "power_of_choices.so\n");
    expect_text(&r, "  ok    swap         round_robin\n");
    expect_text(&r, " 0 failed, ");
}

static void a_plugin_that_uses_all_that_there_is_passes_all(void **state)
{
    struct run r;

    (void)state;
    run_check(&r, "--seed 1 --worlds %u --verbose %s/tests/check/good/thorough.so", worlds(),
              built());
    expect_code(&r, 0);
    expect_text(&r, "ABI 1.2, 1 scheduler, 1 learner\n");
    expect_text(&r, "  ok    heard        thorough: ");
    expect_text(&r, "  ok    memory       thorough: 1 calls of alloc() in init(), 1 in load()");
    expect_text(&r, "  ok    state        thorough: 132 bytes\n");
    expect_text(&r, "  ok    learn        means: ");
    expect_text(&r, "  skip  live         means: no parameter is P2P_PARAM_LIVE\n");
    expect_text(&r, " passed, 0 failed, 2 skipped\n");
}

static void the_template_passes_its_own_make_check(void **state)
{
    struct run r;

    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* once is enough */
#endif
    run_command(
        &r,
        "cp %s/sdk/template/* %s && "
        "printf 'prefix=%s\\nName: p2pfaas-plugin\\nDescription: x\\nVersion: 0\\n"
        "Cflags: -I%s/sdk/include\\n' > %s/p2pfaas-plugin.pc && "
        "ln -s %s/p2pfaas-check %s/p2pfaas-check && "
        "printf '#!/bin/sh\\nn=$1\\nshift\\nexec %s/p2pfaas-\"$n\" \"$@\"\\n' > %s/p2pfaas && "
        "chmod 755 %s/p2pfaas && cd %s && unset MAKEFLAGS MAKELEVEL && "
        "PKG_CONFIG_PATH=. PATH=%s:$PATH make check 2>&1",
        tree(), folder, folder, tree(), folder, built(), folder, folder, folder, folder, folder,
        folder);
    expect_code(&r, 0);
    expect_text(&r, "my_scheduler.so\n");
    expect_text(&r, " 0 failed, ");
}

/* ---- what cannot be shown with one compiler call of the Makefile ---- */

static void build(const char *name, const char *flags)
{
    struct run r;

    run_command(&r,
                "cc -shared -fPIC -fvisibility=hidden -I%s -I%s/sdk/include -o %s/%s.so "
                "%s/tests/check/bad/%s.c %s 2>&1",
                tree(), tree(), folder, name, tree(), name, flags);
    expect_code(&r, 0);
}

static void a_foreign_library_is_named(void **state)
{
    struct run r;

    (void)state;
    build("tick", "-Wl,--no-as-needed -lmicrohttpd");
    run_check(&r, "--only libraries %s/tick.so", folder);
    expect_code(&r, 1);
    expect_text(&r, "is linked with libmicrohttpd.so");
}

static void globals_of_a_stripped_file_are_found(void **state)
{
    struct run r;

    (void)state;
    build("shares", "-s");
    run_check(&r, "--only globals %s/shares.so", folder);
    expect_code(&r, 1);
    expect_text(&r, "bytes of global variables that can be written; built without -s it would");
    /* Nothing of its own, and nothing to find. */
    build("tick", "-s");
    run_check(&r, "--verbose --only globals %s/tick.so", folder);
    expect_code(&r, 0);
    expect_text(&r, "stripped: variables of a few bytes cannot be seen\n");
}

static void files_that_are_no_plugins_are_refused(void **state)
{
    struct run r;

    (void)state;
    run_command(&r, "head -c 3000 %s > %s/cut.so; : > %s/empty.so; echo text > %s/text.so",
                bad("tick"), folder, folder, folder);
    run_check(&r, "%s/cut.so %s/empty.so %s/text.so %s", folder, folder, folder, folder);
    expect_code(&r, 1);
    expect_text(&r, "cut off");
    expect_text(&r, "text.so\n  FAIL  file        : not a shared object; build it with");
    expect_text(&r, "  FAIL  file        : not a regular file\n");
    expect_text(&r, "\n0 passed, 4 failed, 0 skipped\n");
}

static void a_name_that_is_wrong_is_no_failure_of_a_plugin(void **state)
{
    struct run r;

    (void)state;
    run_check(&r, "%s/plugins/local.so %s/none.so", built(), folder);
    expect_code(&r, 2);
    expect_text(&r, "p2pfaas check: ");
    expect_text(&r, "none.so: No such file or directory\n");
}

/* ---- how it is used ---- */

static void one_bad_plugin_among_good_ones_fails_the_run(void **state)
{
    struct run r;

    (void)state;
    run_check(&r, "--worlds 50 --only tick %s %s/plugins/local.so", bad("tick"), built());
    expect_code(&r, 1);
    expect_text(&r, "  skip  tick         local: .tick_ns is 0\n");
    expect_text(&r, "0 passed, 1 failed, 1 skipped\n");
}

static void a_crash_is_one_failed_case_and_the_others_go_on(void **state)
{
    struct run r;

    (void)state;
    run_check(&r, "--seed 1 --worlds 50 %s", bad("no_null_check"));
    expect_code(&r, 1);
    expect_text(&r, "  FAIL  memory       bad: SIGSEGV in init(), call 1 of alloc() had returned "
                    "NULL\n");
    expect_text(&r, "  ok    swap         bad\n");
    expect_text(&r, " 1 failed, ");
}

/* The part behind the "seed" line: the same for the same seed. */
static void a_seed_repeats_a_failure(void **state)
{
    struct run first, again, other;

    (void)state;
    run_check(&first, "--seed 0x1234 --worlds 500 --only decide %s", bad("divides"));
    expect_text(&first, "seed 0x1234\n");
    expect_text(&first,
                "again: p2pfaas check --seed 0x1234 --worlds 500 --only decide --in-process ");
    run_check(&again, "--seed 0x1234 --worlds 500 --only decide %s", bad("divides"));
    assert_string_equal(first.text, again.text);
    run_check(&other, "--seed 0x1235 --worlds 500 --only decide %s", bad("divides"));
    assert_string_not_equal(first.text, other.text);
}

static void in_one_process_a_failure_is_told_and_a_crash_ends_it(void **state)
{
    struct run r;

    (void)state;
    run_check(&r, "--in-process --seed 1 --worlds 100 --only decide %s", bad("bad_status"));
    expect_code(&r, 1);
    expect_text(&r, "(illegal_action)");
    run_check(&r, "--in-process --seed 1 --worlds 100 %s/tests/check/good/thorough.so", built());
    expect_code(&r, 0);
    run_check(&r, "--in-process --seed 1 --only decide %s", bad("no_peers"));
    assert_int_not_equal(r.code, 0);
    assert_null(strstr(r.text, " passed, "));
}

static void nothing_is_left_in_the_temporary_folder(void **state)
{
    struct run r;

    (void)state;
    run_command(&r, "mkdir %s/tmp", folder);
    run_command(&r, "TMPDIR=%s/tmp %s/p2pfaas-check --worlds 50 --only swap %s %s 2>&1", folder,
                built(), bad("tick"), bad("no_peers"));
    expect_code(&r, 1);
    run_command(&r, "rmdir %s/tmp", folder);
    expect_code(&r, 0);
    run_command(&r, "TMPDIR=%s/tmp %s/p2pfaas-check --only swap %s 2>&1", folder, built(),
                bad("tick"));
    expect_code(&r, 1);
    expect_text(&r, "cannot make the folder ");
}

static void a_run_that_is_stopped_leaves_nothing(void **state)
{
    struct run r;

    (void)state;
    run_command(&r,
                "mkdir %s/stopped; TMPDIR=%s/stopped; export TMPDIR; "
                "%s/p2pfaas-check --seed 1 --only swap %s > %s/said 2>&1 & p=$!; "
                "until ls $TMPDIR/*/run/*.so >%s/seen 2>&1 || ! kill -0 $p; do :; done; "
                "kill -TERM $p; wait $p; echo code $?; cat %s/said; rmdir %s/stopped",
                folder, folder, built(), bad("hangs"), folder, folder, folder, folder);
    expect_code(&r, 0);
    expect_text(&r, "code 1\n");
    expect_text(&r, "p2pfaas check: stopped\n");
    expect_text(&r, "0 passed, 0 failed, 0 skipped\n");
}

static void the_list_says_what_is_checked(void **state)
{
    struct run r;

    (void)state;
    run_check(&r, "--list");
    expect_code(&r, 0);
    expect_text(&r, "of each learner:\n");
    expect_text(&r, "  garbage      load() refuses what nobody saved\n");
    run_check(&r, "--help");
    expect_code(&r, 0);
    expect_text(&r, "usage: p2pfaas check [OPTION]... PLUGIN.so...\n");
}

static void mistakes_in_the_command_line_are_told(void **state)
{
    static const char *const wrong[][2] = {
        {"", "no plugin given"},
        {"--only nothing x.so", "--only 'nothing' is not a case; see --list"},
        {"--seed abc x.so", "--seed 'abc' is not a number below 2^64"},
        {"--seed -1 x.so", "--seed '-1' is not a number"},
        {"--worlds 0 x.so", "--worlds '0' is not a number from 1 to"},
        {"--seconds 1h x.so", "--seconds '1h' is not a number from 1 to 86400"},
        {"--set fanout x.so", "--set 'fanout' is not NAME=VALUE"},
        {"--unknown x.so", "see p2pfaas check --help"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct run r;

        run_check(&r, "%s", wrong[i][0]);
        expect_code(&r, 2);
        expect_text(&r, wrong[i][1]);
    }
}

static void a_parameter_that_is_set_is_not_varied(void **state)
{
    struct run r;

    (void)state;
    run_check(&r, "--worlds 50 --only params --set fanout=8 %s", bad("clamps"));
    expect_code(&r, 0);
    run_check(&r, "--worlds 50 --only params --set fanout=65 %s", bad("clamps"));
    expect_code(&r, 1);
    expect_text(&r, "fanout: '65'");
    run_check(&r, "--worlds 50 --only params --set fan=65 %s", bad("clamps"));
    expect_code(&r, 1);
    expect_text(&r, "init() changed them");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shipped_plugin_passes),
        cmocka_unit_test(a_plugin_that_uses_all_that_there_is_passes_all),
        cmocka_unit_test(the_template_passes_its_own_make_check),
        cmocka_unit_test(a_foreign_library_is_named),
        cmocka_unit_test(globals_of_a_stripped_file_are_found),
        cmocka_unit_test(files_that_are_no_plugins_are_refused),
        cmocka_unit_test(a_name_that_is_wrong_is_no_failure_of_a_plugin),
        cmocka_unit_test(one_bad_plugin_among_good_ones_fails_the_run),
        cmocka_unit_test(a_crash_is_one_failed_case_and_the_others_go_on),
        cmocka_unit_test(a_seed_repeats_a_failure),
        cmocka_unit_test(in_one_process_a_failure_is_told_and_a_crash_ends_it),
        cmocka_unit_test(nothing_is_left_in_the_temporary_folder),
        cmocka_unit_test(a_run_that_is_stopped_leaves_nothing),
        cmocka_unit_test(the_list_says_what_is_checked),
        cmocka_unit_test(mistakes_in_the_command_line_are_told),
        cmocka_unit_test(a_parameter_that_is_set_is_not_varied),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
