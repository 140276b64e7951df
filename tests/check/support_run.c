#include "tests/check/support_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    if (!value)
        fail_msg("%s must be set; see scripts/run-tests", name);
    return value;
}

const char *built(void)
{
    return setting("P2P_TEST_BIN");
}

const char *tree(void)
{
    return setting("P2P_TEST_TREE");
}

unsigned worlds(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 200;
#else
    return 1000;
#endif
}

static void run(struct run *r, const char *command)
{
    size_t n = 0, got;
    FILE *f = popen(command, "r");
    int status;

    assert_non_null(f);
    while (n < sizeof(r->text) - 1 && (got = fread(r->text + n, 1, sizeof(r->text) - 1 - n, f)) > 0)
        n += got;
    r->text[n] = '\0';
    status = pclose(f);
    r->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void run_command(struct run *r, const char *format, ...)
{
    char command[8192];
    va_list ap;

    va_start(ap, format);
    vsnprintf(command, sizeof(command), format, ap);
    va_end(ap);
    run(r, command);
}

void run_check(struct run *r, const char *format, ...)
{
    char command[8192];
    va_list ap;
    size_t n = (size_t)snprintf(command, sizeof(command), "%s/p2pfaas-check ", built());

    va_start(ap, format);
    n += (size_t)vsnprintf(command + n, sizeof(command) - n, format, ap);
    va_end(ap);
    assert_true(n + sizeof(" 2>&1") < sizeof(command));
    snprintf(command + n, sizeof(command) - n, " 2>&1");
    run(r, command);
}

void expect_code(const struct run *r, int code)
{
    if (r->code != code)
        fail_msg("exit code %d, wanted %d:\n%s", r->code, code, r->text);
}

void expect_text(const struct run *r, const char *text)
{
    if (!strstr(r->text, text))
        fail_msg("'%s' is not in:\n%s", text, r->text);
}
