/*
 * p2pfaas-check - is a plugin fit for a node and for the simulator?
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sdk/check/chance.h"
#include "sdk/check/run.h"

enum { WORLDS = 2000, SECONDS = 60, MOST_SETS = 64, MOST_FILE = 64 << 20 };

struct totals {
    unsigned passed, failed, skipped;
};

/* ---- words ---- */

static void help(void)
{
    printf("usage: p2pfaas check [OPTION]... PLUGIN.so...\n"
           "\n"
           "Holds plugins against the rules of p2pfaas/plugin.h.  Each case runs in a process\n"
           "of its own; a plugin that crashes has failed that case.\n"
           "\n"
           "  -l, --list            say what is checked\n"
           "  -o, --only CASE       that case alone\n"
           "  -s, --seed N          repeat the run with that seed (default: random)\n"
           "  -w, --worlds N        random worlds a case, default %d\n"
           "  -p, --set NAME=VALUE  a parameter that is not to be varied; may be repeated\n"
           "  -t, --seconds N       that a case may take, default %d\n"
           "      --in-process      no processes, for a debugger: the first crash ends it all\n"
           "  -v, --verbose         tell what the cases that pass have seen\n"
           "  -h, --help\n"
           "\n"
           "Ends with 0 when every case passed or was skipped, 1 when one failed, 2 when it was\n"
           "called in a wrong way.\n",
           WORLDS, SECONDS);
}

static void list_cases(void)
{
    static const char *const scopes[] = {"the file", "each scheduler", "each learner"};

    for (unsigned i = 0; i < check_n_cases; i++) {
        if (i == 0 || check_cases[i].scope != check_cases[i - 1].scope)
            printf("%sof %s:\n", i ? "\n" : "", scopes[check_cases[i].scope]);
        printf("  %-12s %s\n", check_cases[i].name, check_cases[i].about);
    }
}

static bool is_case(const char *name)
{
    for (unsigned i = 0; i < check_n_cases; i++)
        if (strcmp(check_cases[i].name, name) == 0)
            return true;
    return false;
}

/* ---- the command line ---- */

struct arguments {
    struct options options;
    const char *sets[MOST_SETS];
    bool verbose;
};

static int wrong(const char *what, const char *value, const char *right)
{
    fprintf(stderr, "p2pfaas check: %s '%s' is not %s\n", what, value, right);
    return 2;
}

static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, 0);
    return text[0] >= '0' && text[0] <= '9' && !*end && !errno && *out >= least && *out <= most;
}

static int take_option(struct arguments *a, int option, const char *value)
{
    struct options *o = &a->options;
    uint64_t n;

    switch (option) {
    case 'o':
        o->only = value;
        return is_case(value) ? 0 : wrong("--only", value, "a case; see --list");
    case 's':
        return read_number(value, 0, UINT64_MAX, &o->seed)
                   ? 0
                   : wrong("--seed", value, "a number below 2^64, decimal or 0x...");
    case 'w':
        if (!read_number(value, 1, 100000000, &n))
            return wrong("--worlds", value, "a number from 1 to 100000000");
        o->worlds = (unsigned)n;
        return 0;
    case 't':
        if (!read_number(value, 1, 86400, &n))
            return wrong("--seconds", value, "a number from 1 to 86400");
        o->seconds = (unsigned)n;
        return 0;
    case 'p':
        if (!strchr(value, '=') || value[0] == '=' || o->n_sets == MOST_SETS)
            return wrong("--set", value, "NAME=VALUE, or there are more than 64");
        a->sets[o->n_sets++] = value;
        return 0;
    case 'i':
        o->in_process = true;
        return 0;
    case 'v':
        a->verbose = true;
        return 0;
    default:
        fprintf(stderr, "see p2pfaas check --help\n");
        return 2;
    }
}

/* 0 to go on, 2 for a mistake, -1 when all is said. */
static int take_options(struct arguments *a, int argc, char **argv)
{
    static const struct option names[] = {
        {"list", no_argument, NULL, 'l'},       {"only", required_argument, NULL, 'o'},
        {"seed", required_argument, NULL, 's'}, {"worlds", required_argument, NULL, 'w'},
        {"set", required_argument, NULL, 'p'},  {"seconds", required_argument, NULL, 't'},
        {"in-process", no_argument, NULL, 'i'}, {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0}};
    int option, rc;

    while ((option = getopt_long(argc, argv, "lo:s:w:p:t:vh", names, NULL)) != -1) {
        if (option == 'h' || option == 'l') {
            if (option == 'h')
                help();
            else
                list_cases();
            return -1;
        }
        rc = take_option(a, option, optarg);
        if (rc)
            return rc;
    }
    if (optind < argc)
        return 0;
    fprintf(stderr, "p2pfaas check: no plugin given; see p2pfaas check --help\n");
    return 2;
}

/* ---- a file ---- */

static char *read_file(const char *file, size_t *size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char *data = NULL;
    size_t at = 0;

    errno = 0;
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > MOST_FILE)
        goto end;
    data = malloc((size_t)st.st_size + 1);
    while (data && at < (size_t)st.st_size) {
        ssize_t n = read(fd, data + at, (size_t)st.st_size - at);

        if (n <= 0) {
            free(data);
            data = NULL;
        } else {
            at += (size_t)n;
        }
    }
    *size = at;
end:
    if (fd >= 0)
        close(fd);
    return data;
}

/* ---- results ---- */

static void tell_failure(const struct check *c, const struct check_case *which)
{
    const struct report *r = c->report;

    if (r->right[0])
        printf("        right: %s\n", r->right);
    if (r->world)
        printf("        at:    world %llu, step %u; parameters: %s\n", (unsigned long long)r->world,
               r->step, r->params[0] ? r->params : "none");
    else if (r->params[0])
        printf("        with:  %s\n", r->params);
    printf("        again: p2pfaas check --seed 0x%llx --worlds %u --only %s",
           (unsigned long long)c->options->seed, c->options->worlds, which->name);
    for (unsigned i = 0; i < c->options->n_sets; i++)
        printf(" --set '%s'", c->options->sets[i]);
    printf(" --in-process %s\n", c->file);
}

static void tell(const struct check *c, const struct check_case *which, const char *part,
                 bool verbose, struct totals *sum)
{
    static const char *const words[] = {
        [VERDICT_NONE] = "FAIL", [PASSED] = "ok", [FAILED] = "FAIL", [SKIPPED] = "skip"};
    const struct report *r = c->report;
    bool speaks =
        r->text[0] && (verbose || r->verdict != PASSED || strcmp(which->name, "speed") == 0);

    printf("  %-5s %-12s%s%s%s%s\n", words[r->verdict], which->name, part[0] ? " " : "", part,
           speaks ? ": " : "", speaks ? r->text : "");
    if (r->verdict == PASSED) {
        sum->passed++;
    } else if (r->verdict == SKIPPED) {
        sum->skipped++;
    } else {
        sum->failed++;
        tell_failure(c, which);
    }
    fflush(stdout);
}

static uint64_t seed_of(const struct options *o, const char *name, const char *part)
{
    struct chance c = {o->seed};

    for (; *name; name++)
        c.at = chance_bits(&c) ^ (unsigned char)*name;
    for (; *part; part++)
        c.at = chance_bits(&c) ^ (unsigned char)*part;
    return chance_bits(&c);
}

/* A case of every part that it is about; false when one failed. */
static bool run_parts(struct check *c, const struct check_case *which, bool verbose,
                      struct totals *sum)
{
    const struct roster *r = c->roster;
    unsigned n = which->scope == OF_FILE        ? 1
                 : which->scope == OF_SCHEDULER ? r->n_schedulers
                                                : r->n_learners;
    unsigned failed = sum->failed;

    for (unsigned i = 0; i < n && !run_stopped(); i++) {
        const char *part = which->scope == OF_FILE        ? ""
                           : which->scope == OF_SCHEDULER ? r->schedulers[i]
                                                          : r->learners[i];
        struct check one = *c;

        one.seed = seed_of(c->options, which->name, part);
        run_case(&one, which, i);
        if (run_stopped())
            break;
        tell(&one, which, part, verbose, sum);
    }
    return sum->failed == failed;
}

/* False when the plugin cannot be used at all.  "entry" is run in any case: it says what
 * is in the file. */
static bool run_file_cases(struct check *c, bool verbose, struct totals *sum)
{
    bool usable = true;

    for (unsigned i = 0; i < check_n_cases && check_cases[i].scope == OF_FILE; i++) {
        const struct check_case *which = &check_cases[i];
        const char *only = c->options->only;
        bool asked = !only || strcmp(only, which->name) == 0;
        bool needed = which->run == case_file || which->run == case_entry;
        bool good;

        if (!asked && !(needed && usable))
            continue;
        if (asked) {
            good = run_parts(c, which, verbose, sum);
        } else {
            run_case(c, which, 0);
            good = c->report->verdict == PASSED;
            if (!good && !run_stopped())
                tell(c, which, "", verbose, sum);
        }
        usable = usable && (good || !needed);
        if (which->run == case_file && !good)
            break;
    }
    return usable;
}

static void check_file(const struct arguments *a, const char *file, struct report *report,
                       struct roster *roster, struct totals *sum)
{
    struct check c = {.options = &a->options, .report = report, .roster = roster};
    char *path = realpath(file, NULL);
    char *data = path ? read_file(path, &c.size) : NULL;

    printf("%s\n", file);
    if (!data) {
        printf("  FAIL  file        : %s\n", errno ? strerror(errno) : "not a regular file");
        sum->failed++;
        goto end;
    }
    memset(roster, 0, sizeof(*roster));
    c.file = path;
    c.data = data;
    if (!run_file_cases(&c, a->verbose, sum)) {
        if (run_stopped())
            goto end;
        printf("  the other cases need a file that can be loaded\n");
        goto end;
    }
    for (unsigned i = 0; i < check_n_cases; i++)
        if (check_cases[i].scope != OF_FILE &&
            (!a->options.only || strcmp(a->options.only, check_cases[i].name) == 0))
            run_parts(&c, &check_cases[i], a->verbose, sum);
end:
    free(data);
    free(path);
}

int main(int argc, char **argv)
{
    struct arguments a = {.options = {.worlds = WORLDS, .seconds = SECONDS}};
    struct report *report = run_share(sizeof(*report));
    struct roster *roster = run_share(sizeof(*roster));
    struct totals sum = {0, 0, 0};
    int rc;

    if (getrandom(&a.options.seed, sizeof(a.options.seed), 0) != sizeof(a.options.seed))
        a.options.seed = (uint64_t)getpid();
    a.options.seed &= UINT32_MAX; /* short enough to be typed */
    a.options.sets = a.sets;
    rc = take_options(&a, argc, argv);
    if (rc)
        return rc < 0 ? 0 : rc;
    if (!report || !roster) {
        fprintf(stderr, "p2pfaas check: out of memory\n");
        return 2;
    }
    for (int i = optind; i < argc; i++)
        if (access(argv[i], R_OK)) {
            fprintf(stderr, "p2pfaas check: %s: %s\n", argv[i], strerror(errno));
            return 2;
        }
    printf("seed 0x%llx\n", (unsigned long long)a.options.seed);
    if (!a.options.in_process)
        run_catch_stop();
    for (int i = optind; i < argc && !run_stopped(); i++)
        check_file(&a, argv[i], report, roster, &sum);
    printf("%u passed, %u failed, %u skipped\n", sum.passed, sum.failed, sum.skipped);
    if (run_stopped())
        fprintf(stderr, "p2pfaas check: stopped\n");
    return sum.failed || run_stopped() ? 1 : 0;
}
