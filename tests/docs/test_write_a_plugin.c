/* docs/write-a-plugin.md as its reader follows it: what is in its blocks is written and run,
 * in its order and by one shell, with a home of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Processes and addresses of its own: its ports are free, and nothing is left behind. */
#define ISOLATED "unshare -r -n -p -f --kill-child"
enum { TEXT = 64 * 1024 };

static char home[] = "/tmp/p2pfaas-docs.XXXXXX";
static bool has_gnuplot, is_isolated;

static const char *tree(void)
{
    const char *t = getenv("P2P_TEST_TREE");

    return t ? t : ".";
}

static bool works(const char *command)
{
    return system(command) == 0;
}

/* ---- from a document to a script ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* "```sh" is run, "```yaml cluster.yaml" is a file, others are for reading. */
static void add_block(FILE *script, const char *info, const char *body, size_t len)
{
    char name[64] = "";

    if (begins(info, "sh\n"))
        fprintf(script, "%.*s", (int)len, body);
    else if (sscanf(info, "%*[a-z] %63[a-z_.]", name) == 1)
        fprintf(script, "cat > %s << 'END_OF_FILE'\n%.*sEND_OF_FILE\n", name, (int)len, body);
}

static bool is_wanted(const char *heading, const char *body, size_t len)
{
    if (!is_isolated && strstr(heading, "live"))
        return false;
    return has_gnuplot || !memmem(body, len, "p2pfaas plot", strlen("p2pfaas plot"));
}

/* How many blocks there were. */
static unsigned write_script(FILE *script, const char *document)
{
    char heading[128] = "";
    const char *line = document, *next;
    unsigned blocks = 0;

    fprintf(script, "set -eu\n");
    for (; *line; line = next) {
        const char *end = strchr(line, '\n');

        next = end ? end + 1 : line + strlen(line);
        if (begins(line, "## "))
            snprintf(heading, sizeof(heading), "%.*s", (int)(next - line), line);
        if (!begins(line, "```"))
            continue;
        end = strstr(next, "```\n");
        if (!end)
            fail_msg("a block has no end: %.60s", line);
        if (is_wanted(heading, next, (size_t)(end - next)))
            add_block(script, line + 3, next, (size_t)(end - next));
        blocks++;
        next = end + 4;
    }
    return blocks;
}

static char *contents(const char *folder, const char *name)
{
    char path[512];
    char *text = calloc(1, TEXT);
    FILE *f;

    assert_non_null(text);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "re");
    if (!f)
        fail_msg("%s is not there", path);
    (void)!fread(text, 1, TEXT - 1, f);
    fclose(f);
    return text;
}

/* ---- the tests ---- */

static int setup(void **state)
{
    (void)state;
    has_gnuplot = works("command -v gnuplot > /dev/null");
    is_isolated = works(ISOLATED " ip link set lo up 2> /dev/null");
    return mkdtemp(home) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", home);
    return works(command) ? 0 : -1;
}

static void every_command_works(void **state)
{
    char path[128], command[1024], *document = contents(tree(), "docs/write-a-plugin.md");
    FILE *script;

    (void)state;
    snprintf(path, sizeof(path), "%s/script", home);
    script = fopen(path, "we");
    assert_non_null(script);
    if (is_isolated)
        fputs("ip link set lo up\n", script);
    assert_true(write_script(script, document) > 10);
    fclose(script);
    free(document);
    snprintf(command, sizeof(command),
             "cd '%s' && unset MAKEFLAGS MAKELEVEL && HOME=%s timeout 120 %s sh %s > %s/log 2>&1",
             tree(), home, is_isolated ? ISOLATED : "", path, home);
    if (!works(command)) {
        char *log = contents(home, "log");
        size_t len = strlen(log);

        fail_msg("the document's commands end with:\n%s", log + (len > 2000 ? len - 2000 : 0));
    }
}

static void the_plugin_keeps_the_rules(void **state)
{
    char *log = contents(home, "log");

    (void)state;
    assert_non_null(strstr(log, " passed, 0 failed, "));
    free(log);
}

/* Of the point that has both texts in its row.  Names with commas stand left of the figures. */
static double mean_of(const char *points, const char *rate, const char *scheduler)
{
    unsigned right = 0;
    const char *c = strstr(points, ",mean,"), *line = points;

    assert_non_null(c);
    for (c++; *c != '\n'; c++)
        right += *c == ',';
    while ((line = strchr(line, '\n')) != NULL && *++line) {
        const char *end = strchr(line, '\n'),
                   *found = memmem(line, 200, scheduler, strlen(scheduler));
        unsigned commas = 0;

        if (!strstr(line, rate) || strstr(line, rate) > end || !found || found > end)
            continue;
        for (c = end; commas <= right; c--)
            commas += *c == ',';
        return strtod(c + 2, NULL);
    }
    fail_msg("no point has %s and %s", rate, scheduler);
    return 0;
}

static void the_idea_helps_as_the_document_says(void **state)
{
    char *points = contents(home, "last_good/results/points.csv");
    double ours = mean_of(points, ",90,", "last_good");

    (void)state;
    assert_true(ours > 0.2 && ours < 0.4);
    assert_true(ours < 0.6 * mean_of(points, ",90,", "power_of_choices"));
    assert_true(mean_of(points, ",90,", "power_of_choices") < mean_of(points, ",90,", "random"));
    free(points);
}

static void the_curve_is_a_picture(void **state)
{
    char *picture;

    (void)state;
    if (!has_gnuplot)
        skip();
    picture = contents(home, "last_good/curve.png");
    assert_memory_equal(picture, "\x89PNG", 4);
    free(picture);
}

static void the_live_nodes_remember(void **state)
{
    char *headers, *log;
    const char *counter;

    (void)state;
    if (!is_isolated) {
        const char *ci = getenv("CI");

        if (ci && strcmp(ci, "true") == 0)
            fail_msg("no network namespace can be made: " ISOLATED);
        skip();
    }
    headers = contents(home, "last_good/headers.txt");
    assert_non_null(strstr(headers, "X-P2pfaas-Scheduler: last_good(1)"));
    assert_non_null(strstr(headers, "X-P2pfaas-Hops: 1"));
    free(headers);
    log = contents(home, "log");
    counter = strstr(log, "\np2pfaas_scheduler_metric_remembered ");
    assert_non_null(counter);
    assert_true(strtod(strchr(counter, ' '), NULL) > 0);
    free(log);
}

/* Once is enough. */
static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return false;
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_works),
        cmocka_unit_test(the_plugin_keeps_the_rules),
        cmocka_unit_test(the_idea_helps_as_the_document_says),
        cmocka_unit_test(the_curve_is_a_picture),
        cmocka_unit_test(the_live_nodes_remember),
    };

    return is_sanitized() ? 0 : cmocka_run_group_tests(tests, setup, teardown);
}
