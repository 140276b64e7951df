#include "sim/output.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct output *const kinds[] = {&output_csv, &output_sqlite};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct outputs {
    void *self[KINDS];
};

void output_path(char *path, size_t size, const struct output_target *to, const char *stem,
                 const char *ext)
{
    if (to->parts > 1)
        snprintf(path, size, "%s/%s.%u-of-%u.%s", to->folder, stem, to->part, to->parts, ext);
    else
        snprintf(path, size, "%s/%s.%s", to->folder, stem, ext);
}

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n >= m && strcmp(name + n - m, end) == 0;
}

/* 1 when the file says the same, 0 when it is not there, -1 when it says something else. */
static int same_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "re");
    size_t len = strlen(text);
    char *there;
    bool same;

    if (!f)
        return errno == ENOENT ? 0 : -1;
    there = malloc(len + 1);
    same = there && fread(there, 1, len + 1, f) == len && memcmp(there, text, len) == 0;
    free(there);
    fclose(f);
    return same ? 1 : -1;
}

/* Points that a plot would read beside ours. */
static bool other_division(const struct output_target *to, const char *name)
{
    unsigned part = 0, parts = 1;
    char end[8] = "";

    if (strncmp(name, "points.", 7) != 0 || !ends_in(name, ".csv"))
        return false;
    if (strcmp(name, "points.csv") != 0 &&
        (sscanf(name, "points.%u-of-%u.%7s", &part, &parts, end) != 3 || strcmp(end, "csv") != 0))
        return false;
    return parts != to->parts;
}

/* What lies in the folder must be of the same scenario, divided alike, or unfinished. */
static int check_folder(const struct output_target *to, const char *scenario_path,
                        char err[P2P_ERRLEN])
{
    int same = same_text(scenario_path, to->scenario), rc = 0;
    DIR *dir = opendir(to->folder);
    const struct dirent *e;

    if (!dir) {
        snprintf(err, P2P_ERRLEN, "%s: %s", to->folder, strerror(errno));
        return -1;
    }
    if (same < 0) {
        snprintf(err, P2P_ERRLEN,
                 "%s: has the results of another scenario; give another folder, or remove it",
                 to->folder);
        rc = -1;
    }
    while (rc == 0 && (e = readdir(dir)) != NULL) {
        bool unfinished = ends_in(e->d_name, ".part");

        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || unfinished)
            continue;
        if (same == 0 || other_division(to, e->d_name)) {
            snprintf(err, P2P_ERRLEN,
                     "%s: has %.60s, which is not of %s; give another folder, or "
                     "remove it",
                     to->folder, e->d_name,
                     same == 0 ? "this scenario" : "a sweep that is divided alike");
            rc = -1;
        }
    }
    closedir(dir);
    return rc;
}

static int write_scenario(const struct output_target *to, const char *path, char err[P2P_ERRLEN])
{
    char part[PATH_MAX];
    FILE *f;
    bool good;

    output_path(part, sizeof(part), to, "scenario", "yaml.part");
    f = fopen(part, "we");
    if (f) {
        good = fputs(to->scenario, f) >= 0;
        if (fclose(f) == 0 && good && rename(part, path) == 0)
            return 0;
    }
    snprintf(err, P2P_ERRLEN, "%s: %s", path, strerror(errno));
    return -1;
}

struct outputs *outputs_open(const struct output_target *to, char err[P2P_ERRLEN])
{
    char path[PATH_MAX];
    struct outputs *o;

    if (strlen(to->folder) > PATH_MAX - 64) {
        snprintf(err, P2P_ERRLEN, "%.40s…: the name is too long", to->folder);
        return NULL;
    }
    if (mkdir(to->folder, 0777) && errno != EEXIST) {
        snprintf(err, P2P_ERRLEN, "%s: %s", to->folder, strerror(errno));
        return NULL;
    }
    snprintf(path, sizeof(path), "%s/scenario.yaml", to->folder);
    if (check_folder(to, path, err) || write_scenario(to, path, err))
        return NULL;
    o = calloc(1, sizeof(*o));
    if (!o) {
        snprintf(err, P2P_ERRLEN, "%s: no memory", to->folder);
        return NULL;
    }
    for (unsigned i = 0; i < KINDS; i++) {
        o->self[i] = kinds[i]->open(to, err);
        if (!o->self[i]) {
            char later[P2P_ERRLEN];

            outputs_close(o, false, later);
            return NULL;
        }
    }
    return o;
}

int outputs_point(struct outputs *o, const struct point *p, const struct summary *s,
                  const struct result *const *results, unsigned n, char err[P2P_ERRLEN])
{
    for (unsigned i = 0; i < KINDS; i++)
        if (kinds[i]->point(o->self[i], p, s, results, n, err))
            return -1;
    return 0;
}

int outputs_close(struct outputs *o, bool keep, char err[P2P_ERRLEN])
{
    int rc = 0;

    for (unsigned i = 0; i < KINDS; i++) {
        char said[P2P_ERRLEN];

        if (!o->self[i] || kinds[i]->close(o->self[i], keep, said) == 0)
            continue;
        if (rc == 0)
            snprintf(err, P2P_ERRLEN, "%s", said);
        rc = -1;
    }
    free(o);
    return rc;
}
