#include "tests/host/runtimes/support_runs.h"

#include <sys/stat.h>

static const char *const cat[] = {"cat", NULL};

/* ---- answers ---- */

static void body_goes_in_and_answer_comes_out(void **state)
{
    struct asked *a;

    (void)state;
    open_program(cat);
    a = ask("hello\n");
    answers_text(a, "hello\n");
    assert_string_equal(headers_get(&a->response.headers, "content-type"), "text/plain");
    answers_text(ask(""), "");
}

static void bytes_go_through_unchanged(void **state)
{
    static const char *const pack[] = {"gzip", "-c", NULL}, *const unpack[] = {"gzip", "-dc", NULL};
    static char bytes[300000];
    struct asked *packed;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i % 7 ? i * i >> 8 : 0);
    open_program(pack);
    packed = start(prepare(bytes, sizeof(bytes)));
    RUN_UNTIL(packed->done);
    assert_int_equal(packed->result, RUN_ANSWERED);
    assert_memory_equal(packed->response.body.data, "\x1f\x8b", 2);
    close_program();
    open_program(unpack);
    answers(start(prepare(packed->response.body.data, packed->response.body.len)), 200, bytes,
            sizeof(bytes));
}

static void megabytes_go_both_ways(void **state)
{
    static char bytes[3 * MEGABYTE];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 31 ^ i >> 11);
    open_program(cat);
    answers(start(prepare(bytes, sizeof(bytes))), 200, bytes, sizeof(bytes));
}

static void runs_are_side_by_side(void **state)
{
    struct asked *a[24];
    char body[32];

    (void)state;
    open_program(cat);
    for (int i = 0; i < 24; i++) {
        snprintf(body, sizeof(body), "body %d", i);
        a[i] = ask(body);
    }
    for (int i = 0; i < 24; i++) {
        snprintf(body, sizeof(body), "body %d", i);
        answers_text(a[i], body);
    }
}

static void program_need_not_read_its_body(void **state)
{
    static char bytes[3 * MEGABYTE];

    (void)state;
    open_script("echo done");
    answers(start(prepare(bytes, sizeof(bytes))), 200, "done\n", 5);
    close_program();
    open_script("exec 0<&-; echo closed");
    answers(start(prepare(bytes, sizeof(bytes))), 200, "closed\n", 7);
    close_program();
    open_script("head -c 2; exec 0<&-; echo");
    bytes[0] = bytes[1] = 'a';
    answers(start(prepare(bytes, sizeof(bytes))), 200, "aa\n", 3);
}

static void program_may_close_its_output_early(void **state)
{
    (void)state;
    open_script("echo early; exec >&-; cat >/dev/null; exit 0");
    answers_text(ask("body"), "early\n");
    close_program();
    open_script("exec >&- 2>&-; cat >/dev/null");
    answers_text(ask("body"), "");
}

static void answer_does_not_wait_for_what_was_left_behind(void **state)
{
    struct asked *a;
    long sleeper;

    (void)state;
    open_script("sleep 1000 & echo $!");
    a = ask("");
    RUN_UNTIL(a->done);
    assert_int_equal(a->result, RUN_ANSWERED);
    sleeper = strtol(text_of(a), NULL, 10);
    assert_true(sleeper > 1);
    RUN_UNTIL(!is_alive(sleeper));
}

static void talk_on_standard_error_is_not_the_answer(void **state)
{
    (void)state;
    open_script("yes complaint | head -c 1000000 >&2; echo fine");
    answers_text(ask(""), "fine\n");
}

/* ---- failures ---- */

static void exit_code_is_told_with_the_tail_of_standard_error(void **state)
{
    (void)state;
    open_script("echo partial; echo this is why >&2; exit 3");
    fails(ask(""), RUN_FAILED, 500, "exit code 3: this is why");
    close_program();
    open_script("exit 1");
    fails(ask(""), RUN_FAILED, 500, "exit code 1");
}

static void tail_is_the_end_on_one_line(void **state)
{
    struct asked *a;
    size_t n;

    (void)state;
    open_script(
        "yes before | head -n 20000 >&2; printf 'one\\n\\033[1mtwo\\t\\n the end \\n\\n' >&2; "
        "exit 1");
    a = ask("");
    fails(a, RUN_FAILED, 500, "exit code 1: ");
    n = strlen(a->run.err);
    assert_true(n < P2P_ERRLEN);
    assert_string_equal(a->run.err + n - 8, " the end");
    for (size_t i = 0; i < n; i++)
        assert_true((unsigned char)a->run.err[i] >= ' ');
}

static void signal_is_told(void **state)
{
    (void)state;
    open_script("kill -SEGV $$");
    fails(ask("body"), RUN_FAILED, 500, "killed by SIGSEGV");
}

static void time_limit_kills_the_whole_group(void **state)
{
    struct asked *a;
    long sleeper;

    (void)state;
    open_script("trap '' TERM INT HUP; sleep 1000 & echo $!; sleep 1000; sleep 1000");
    a = prepare("", 0);
    a->run.timeout_ns = 1000000000;
    start(a);
    fails(a, RUN_TIMEOUT, 504, "1.000 s");
    sleeper = strtol(text_of(a), NULL, 10);
    assert_true(sleeper > 1);
    RUN_UNTIL(!is_alive(sleeper));
}

static void time_limit_holds_for_one_that_does_not_read(void **state)
{
    static char bytes[MEGABYTE];
    struct asked *a;

    (void)state;
    open_script("exec sleep 1000");
    a = prepare(bytes, sizeof(bytes));
    a->run.timeout_ns = 50000000;
    fails(start(a), RUN_TIMEOUT, 504, "was killed");
}

static void answer_past_the_limit_ends_the_run(void **state)
{
    struct asked *a;

    (void)state;
    open_script("exec yes 0123456789");
    a = prepare("", 0);
    a->response.body.limit = 100000;
    fails(start(a), RUN_TOO_LARGE, 502, "larger than 100000 bytes");
    assert_true(a->response.body.len <= 100000);
}

static void answer_as_large_as_the_limit_is_taken(void **state)
{
    struct asked *a;

    (void)state;
    open_script("yes 0123456789 | head -c 100000");
    a = prepare("", 0);
    a->response.body.limit = 100000;
    start(a);
    RUN_UNTIL(a->done);
    assert_int_equal(a->result, RUN_ANSWERED);
    assert_int_equal(a->response.body.len, 100000);
    a = prepare("", 0);
    a->response.body.limit = 99999;
    fails(start(a), RUN_TOO_LARGE, 502, "larger than 99999 bytes");
}

static void no_answer_is_allowed_to_a_limit_of_nothing(void **state)
{
    struct asked *a;

    (void)state;
    open_program(cat);
    a = prepare("", 0);
    a->response.body.limit = 0;
    answers_text(start(a), "");
    a = prepare("x", 1);
    a->response.body.limit = 0;
    fails(start(a), RUN_TOO_LARGE, 502, "larger than 0 bytes");
}

/* ---- programs that are not there ---- */

static void missing_program_is_not_opened(void **state)
{
    char err[P2P_ERRLEN] = "", path[] = "/no/such/program";

    (void)state;
    words[0] = path;
    assert_null(runtime->open(&function, &home, err));
    assert_non_null(strstr(err, "function 'f': cannot run '/no/such/program': No such file"));
}

static void program_missing_in_path_is_not_opened(void **state)
{
    char err[P2P_ERRLEN] = "", missing[] = "no-such-program-anywhere";

    (void)state;
    words[0] = missing;
    assert_null(runtime->open(&function, &home, err));
    assert_non_null(strstr(err, "function 'f': cannot run 'no-such-program-anywhere': No such"));
}

static void program_that_vanished_fails_the_run(void **state)
{
    char path[] = "/tmp/test_fork_XXXXXX";
    const char *const argv[] = {path, NULL};
    int fd = mkstemp(path);
    struct asked *a;

    (void)state;
    assert_true(fd >= 0 && fchmod(fd, 0700) == 0);
    close(fd);
    open_program(argv);
    unlink(path);
    a = ask("body");
    fails(a, RUN_FAILED, 502, "No such file");
    assert_false(a->run.may_have_run);
}

static void missing_directory_is_told_at_once_and_when_it_vanished(void **state)
{
    char err[P2P_ERRLEN] = "", folder[] = "/tmp/test_fork_XXXXXX";
    char program_name[] = "cat";

    (void)state;
    function.directory = "/no/such/folder";
    words[0] = program_name;
    assert_null(runtime->open(&function, &home, err));
    assert_non_null(strstr(err, "function 'f': cannot run 'cat' in '/no/such/folder'"));
    assert_non_null(mkdtemp(folder));
    function.directory = folder;
    open_program(cat);
    rmdir(folder);
    fails(ask(""), RUN_FAILED, 502, folder);
}

/* ---- what the program is told, and says by headers ---- */

static void request_is_in_the_environment(void **state)
{
    static const char *const env[] = {"env", NULL};
    static const char *const lines[] = {"\nREQUEST_METHOD=PATCH\n", "\nPATH_INFO=/a b\n",
                                        "\nQUERY_STRING=q=%20\n",   "\nHTTP_X_TEST=1, 2\n",
                                        "\nCONTENT_LENGTH=4\n",     "\nFUNCTION_NAME=f\n"};
    struct asked *a;
    char text[16384];

    (void)state;
    open_program(env);
    a = prepare("body", 4);
    to(a, "/a%20b?q=%20");
    a->request.method = "PATCH";
    headers_add(&a->request.headers, "X-Test", "1");
    headers_add(&a->request.headers, "X-Test", "2");
    start(a);
    RUN_UNTIL(a->done);
    assert_int_equal(a->result, RUN_ANSWERED);
    snprintf(text, sizeof(text), "\n%s", text_of(a));
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (!strstr(text, lines[i]))
            fail_msg("no %s in %s", lines[i], text);
}

static void environment_past_its_cap_fails_the_run(void **state)
{
    struct asked *a;
    char value[8000];

    (void)state;
    open_program(cat);
    a = prepare("", 0);
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; i < 64; i++) {
        char name[16];

        snprintf(name, sizeof(name), "X-%d", i);
        assert_int_equal(headers_add(&a->request.headers, name, value), 0);
    }
    fails(start(a), RUN_FAILED, 502, "environment");
    assert_false(a->run.may_have_run);
}

static void no_descriptor_of_ours_is_there(void **state)
{
    struct asked *a[4];

    (void)state;
    open_script("cd /proc/$$/fd && ls -d 0 1 2 [3-9] [1-9][0-9] 2>/dev/null; :");
    for (int i = 0; i < 4; i++)
        a[i] = ask("");
    for (int i = 0; i < 4; i++)
        answers_text(a[i], "0\n1\n2\n");
}

static void program_runs_in_its_directory(void **state)
{
    (void)state;
    function.directory = "/usr/bin";
    open_script("pwd");
    answers_text(ask(""), "/usr/bin\n");
}

static void cgi_headers_set_status_and_type(void **state)
{
    struct asked *a;

    (void)state;
    function.cgi_headers = true;
    open_script(
        "printf 'Status: 418 Teapot\\r\\nContent-Type: text/tea\\r\\nX-A: b\\r\\n\\r\\n'; cat");
    a = ask("tea");
    answers(a, 418, "tea", 3);
    assert_string_equal(headers_get(&a->response.headers, "Content-Type"), "text/tea");
    assert_string_equal(headers_get(&a->response.headers, "X-A"), "b");
}

static void wrong_cgi_headers_fail_the_run(void **state)
{
    (void)state;
    function.cgi_headers = true;
    open_program(cat);
    fails(ask("no header\n\n"), RUN_FAILED, 502, "no CGI header line");
    fails(ask("A: 1\n"), RUN_FAILED, 502, "no empty line");
    fails(ask(""), RUN_FAILED, 502, "no empty line");
}

static void without_cgi_headers_they_are_just_text(void **state)
{
    (void)state;
    open_program(cat);
    answers_text(ask("Status: 404\n\nx"), "Status: 404\n\nx");
}

/* ---- cancelling ---- */

static void cancelled_before_it_began_it_does_not_run(void **state)
{
    struct asked *a;

    (void)state;
    open_program(cat);
    a = ask("body");
    runtime->cancel(&a->run);
    fails(a, RUN_CANCELLED, 503, "cancelled");
    assert_false(a->run.may_have_run);
    answers_text(ask("next"), "next");
}

static void cancelled_run_is_killed_with_its_group(void **state)
{
    struct asked *a;
    long sleeper;

    (void)state;
    open_script("sleep 1000 & echo $!; trap '' TERM; sleep 1000; sleep 1000");
    a = ask("");
    RUN_UNTIL(a->response.body.len > 0);
    sleeper = strtol(text_of(a), NULL, 10);
    runtime->cancel(&a->run);
    runtime->cancel(&a->run);
    fails(a, RUN_CANCELLED, 503, "cancelled");
    assert_true(sleeper > 1);
    RUN_UNTIL(!is_alive(sleeper));
}

static void cancel_after_the_end_is_harmless(void **state)
{
    struct asked *a;

    (void)state;
    open_program(cat);
    a = ask("body");
    answers_text(a, "body");
    runtime->cancel(&a->run);
    assert_int_equal(a->result, RUN_ANSWERED);
}

static void description_names_the_program(void **state)
{
    char text[128], cut[8];

    (void)state;
    open_program(cat);
    runtime->describe(program, text, sizeof(text));
    assert_non_null(strstr(text, "cat"));
    runtime->describe(program, cut, sizeof(cut));
    assert_true(strlen(cut) < sizeof(cut));
}

static int begin_fork(void **state)
{
    runtime = &runtime_fork;
    return begin_all(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(body_goes_in_and_answer_comes_out, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_go_through_unchanged, setup, teardown),
        cmocka_unit_test_setup_teardown(megabytes_go_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(runs_are_side_by_side, setup, teardown),
        cmocka_unit_test_setup_teardown(program_need_not_read_its_body, setup, teardown),
        cmocka_unit_test_setup_teardown(program_may_close_its_output_early, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_does_not_wait_for_what_was_left_behind, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(talk_on_standard_error_is_not_the_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(exit_code_is_told_with_the_tail_of_standard_error, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tail_is_the_end_on_one_line, setup, teardown),
        cmocka_unit_test_setup_teardown(signal_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(time_limit_kills_the_whole_group, setup, teardown),
        cmocka_unit_test_setup_teardown(time_limit_holds_for_one_that_does_not_read, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(answer_past_the_limit_ends_the_run, setup, teardown),
        cmocka_unit_test_setup_teardown(answer_as_large_as_the_limit_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(no_answer_is_allowed_to_a_limit_of_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(missing_program_is_not_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(program_missing_in_path_is_not_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(program_that_vanished_fails_the_run, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_directory_is_told_at_once_and_when_it_vanished,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(request_is_in_the_environment, setup, teardown),
        cmocka_unit_test_setup_teardown(environment_past_its_cap_fails_the_run, setup, teardown),
        cmocka_unit_test_setup_teardown(no_descriptor_of_ours_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(program_runs_in_its_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(cgi_headers_set_status_and_type, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_cgi_headers_fail_the_run, setup, teardown),
        cmocka_unit_test_setup_teardown(without_cgi_headers_they_are_just_text, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled_before_it_began_it_does_not_run, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled_run_is_killed_with_its_group, setup, teardown),
        cmocka_unit_test_setup_teardown(cancel_after_the_end_is_harmless, setup, teardown),
        cmocka_unit_test_setup_teardown(description_names_the_program, setup, teardown),
    };

    return cmocka_run_group_tests(tests, begin_fork, NULL);
}
