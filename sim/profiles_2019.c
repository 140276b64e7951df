#include "sim/profiles_2019.h"

#include <math.h>

#include "base/csv.h"

#define LONGEST_MS (8760 * 3600e3)

static const struct {
    const char *name;
    double share;
} points[PROFILE_POINTS] = {
    {"percentile_Average_0", 0},     {"percentile_Average_1", 0.01},
    {"percentile_Average_25", 0.25}, {"percentile_Average_50", 0.5},
    {"percentile_Average_75", 0.75}, {"percentile_Average_99", 0.99},
    {"percentile_Average_100", 1},
};

struct columns {
    int name[3], point[PROFILE_POINTS];
};

static int read_row(struct profile *profile, const struct trace_functions *f,
                    const struct columns *c, const struct csv *rows, char err[P2P_ERRLEN])
{
    const char *const name[] = {rows->field[c->name[0]], rows->field[c->name[1]],
                                rows->field[c->name[2]]};
    uint32_t index = trace_functions_find(f, trace_function_key(name, 3));
    struct profile p = {.known = true};
    double ms, before = 0;

    for (unsigned i = 0; i < PROFILE_POINTS; i++) {
        if (csv_number(rows, (unsigned)c->point[i], 0, LONGEST_MS, &ms, err))
            return -1;
        if (ms < before)
            return csv_refuse(rows, (unsigned)c->point[i], "in order",
                              "not below the percentile before it", err);
        p.ms[i] = (float)ms;
        before = ms;
    }
    if (index != P2P_NONE && !profile[index].known)
        profile[index] = p;
    return 0;
}

static int read_rows(struct profile *profile, const struct trace_functions *f, struct csv *rows,
                     char err[P2P_ERRLEN])
{
    static const char *const names[] = {"HashOwner", "HashApp", "HashFunction"};
    struct columns c;
    int rc;

    if (csv_read_header(rows, err))
        return -1;
    for (int i = 0; i < 3; i++)
        if ((c.name[i] = csv_find(rows, names[i], err)) < 0)
            return -1;
    for (int i = 0; i < PROFILE_POINTS; i++)
        if ((c.point[i] = csv_find(rows, points[i].name, err)) < 0)
            return -1;
    while ((rc = csv_row(rows, err)) > 0)
        if (read_row(profile, f, &c, rows, err))
            return -1;
    return rc;
}

int profiles_read(struct profile *profile, const struct trace_functions *f, const char *file,
                  char err[P2P_ERRLEN])
{
    struct csv rows;
    int rc;

    if (csv_open(&rows, file, 0, err))
        return -1;
    rc = read_rows(profile, f, &rows, err);
    csv_close(&rows);
    return rc;
}

uint64_t profile_draw(const struct profile *p, struct random *r)
{
    double u = random_unit(r), share;
    unsigned i = 1;

    while (u > points[i].share)
        i++;
    share = (u - points[i - 1].share) / (points[i].share - points[i - 1].share);
    return (uint64_t)fmax(1, round((p->ms[i - 1] + share * (p->ms[i] - p->ms[i - 1])) * 1e6));
}
