#include "tests/bench/support_report.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bench/report.h"

enum { MOST_PAGE = 64 << 20 };

char report_folder[64], report_err[P2P_ERRLEN];

int report_set_up(void **state)
{
    (void)state;
    snprintf(report_folder, sizeof(report_folder), "/tmp/p2pfaas-report-XXXXXX");
    report_err[0] = '\0';
    return mkdtemp(report_folder) ? 0 : -1;
}

static int delete_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
    (void)s;
    (void)type;
    (void)at;
    return remove(path);
}

int report_tear_down(void **state)
{
    (void)state;
    return nftw(report_folder, delete_one, 8, FTW_DEPTH | FTW_PHYS);
}

char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", report_folder, name);
    return path;
}

bool there(const char *name)
{
    return access(path_of(name), F_OK) == 0;
}

char *text_of(const char *name)
{
    FILE *f = fopen(path_of(name), "re");
    char *text = malloc(MOST_PAGE);
    size_t n;

    assert_non_null(f);
    assert_non_null(text);
    n = fread(text, 1, MOST_PAGE - 1, f);
    text[n] = '\0';
    assert_int_equal(strlen(text), n);
    fclose(f);
    return text;
}

void assert_has(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("'%s' is not in it", what);
}

void assert_lacks(const char *text, const char *what)
{
    const char *at = strstr(text, what);

    if (at)
        fail_msg("'%s' is in it: %.80s", what, at);
}

/* A tag for each that is opened, in order; no other check needs a tool. */
void assert_well_formed(const char *page)
{
    static const char *const empty[] = {"meta", "!DOCTYPE", NULL};
    char open[64][32];
    unsigned depth = 0;

    for (const char *at = strchr(page, '<'); at; at = strchr(at + 1, '<')) {
        bool closes = at[1] == '/', alone;
        char name[32];
        const char *end = strchr(at, '>');
        size_t n = strcspn(at + 1 + closes, " \t\n/>");

        assert_non_null(end);
        assert_in_range(n, 1, 31);
        snprintf(name, sizeof(name), "%.*s", (int)n, at + 1 + closes);
        alone = end[-1] == '/';
        for (unsigned i = 0; empty[i]; i++)
            alone |= strcmp(name, empty[i]) == 0;
        if (alone)
            continue;
        if (!closes) {
            assert_in_range(depth, 0, 62);
            snprintf(open[depth++], sizeof(open[0]), "%s", name);
            continue;
        }
        assert_true(depth > 0);
        if (strcmp(open[--depth], name) != 0)
            fail_msg("</%s> closes <%s>", name, open[depth]);
    }
    assert_int_equal(depth, 0);
}

static void assert_ids_differ(const char *page)
{
    for (const char *at = strstr(page, "id="); at; at = strstr(at + 3, "id=")) {
        char id[128];
        size_t n = strcspn(at + 4, "'\"");
        const char *again;

        if (at[-1] != ' ' || n > 100)
            continue;
        for (unsigned quote = 0; quote < 2; quote++) {
            snprintf(id, sizeof(id), " id=%c%.*s%c", "'\""[quote], (int)n, at + 4, "'\""[quote]);
            again = strstr(at + 3, id);
            if (again)
                fail_msg("twice: %s", id);
        }
    }
}

char *page_of(const struct results_shape *s)
{
    char *page;

    results_make(report_folder, s);
    if (report_write(report_folder, report_err, sizeof(report_err)))
        fail_msg("%s", report_err);
    assert_false(there("report.html.part"));
    page = text_of("report.html");
    assert_well_formed(page);
    assert_ids_differ(page);
    return page;
}
