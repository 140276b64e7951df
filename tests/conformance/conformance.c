/*
 * conformance - what the simulator makes of known systems, against theory.
 *
 *   conformance [--write FILE.md]
 *
 * Ends with 1 when the verdict is that something does not conform.
 */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/conformance/run.h"
#include "tests/conformance/verdict.h"

static const struct effort full = {.replications = 12, .nodes = 25, .jobs = 2e6};

static void progress(unsigned done, const struct conformance_case *next)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%3u of %u  %s, %s, load %g", done, conformance_cases,
                next->algorithm, next->system, next->load);
}

static int run_all(struct outcome *o, char err[P2P_ERRLEN])
{
    struct plugins plugins;
    int rc = plugins_open(&plugins, err);

    for (unsigned i = 0; rc == 0 && i < conformance_cases; i++) {
        progress(i, &conformance_case[i]);
        rc = run_case(&o[i], i, &full, &plugins, err);
        if (rc == 0)
            verdict_row(stdout, &o[i]);
        fflush(stdout);
    }
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    plugins_close(&plugins);
    return rc;
}

static int write_document(const char *path, const struct outcome *o, const struct verdict *v)
{
    FILE *f = fopen(path, "we");

    if (!f) {
        fprintf(stderr, "conformance: %s: cannot be written\n", path);
        return -1;
    }
    verdict_document(f, o, conformance_cases, v, &full);
    if (fclose(f)) {
        fprintf(stderr, "conformance: %s: not all could be written\n", path);
        return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"write", required_argument, NULL, 'w'},
                                          {NULL, 0, NULL, 0}};
    struct outcome *o = calloc(conformance_cases, sizeof(*o));
    const char *path = NULL;
    char err[P2P_ERRLEN] = "out of memory";
    struct verdict v;
    int c, rc;

    while ((c = getopt_long(argc, argv, "", known, NULL)) == 'w')
        path = optarg;
    if (c != -1 || optind != argc) {
        fprintf(stderr, "usage: conformance [--write FILE.md]\n");
        free(o);
        return 2;
    }
    verdict_head(stdout);
    rc = o ? run_all(o, err) : -1;
    if (rc) {
        fprintf(stderr, "conformance: %s\n", err);
        free(o);
        return EXIT_FAILURE;
    }
    verdict_make(&v, o, conformance_cases);
    verdict_print(stdout, o, conformance_cases, &v);
    rc = path ? write_document(path, o, &v) : 0;
    free(o);
    return rc == 0 && v.conforms ? EXIT_SUCCESS : EXIT_FAILURE;
}
