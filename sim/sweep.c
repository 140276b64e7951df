#include "sim/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "sim/sweep_private.h"

struct sweep_reading {
    struct sweep *sweep;
    const struct scenario_override *override;
    unsigned n_overrides;
    int64_t seed; /* the first */
};

static struct sweep_reading *sweep_of(const struct reader *r)
{
    return r->ctx;
}

/* ---- seeds ---- */

static int read_seeds(struct reader *r, struct sweep_axis *a, const yaml_node_t *n)
{
    static const struct p2p_param key = {
        .name = "seeds", .type = P2P_INT, .min = 1, .max = SWEEP_MAX_POINTS};
    int64_t count;

    a->is_seeds = true;
    if (reader_set(r, "sweep", &key, &count, n))
        return -1;
    for (int64_t i = 0; i < count; i++) {
        char *text;

        if (asprintf(&text, "%lld", (long long)sweep_of(r)->seed + i) < 0)
            text = NULL;
        if (sweep_add_value(r, n, a, text, NULL))
            return -1;
    }
    return 0;
}

/* ---- the sweep ---- */

static int add_axis(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                    const yaml_node_t *value)
{
    struct sweep *s = sweep_of(r)->sweep;
    struct sweep_axis *a = &s->axis[s->n_axes];
    int line = reader_line(key_at);
    bool seeds = strcmp(key, "seeds") == 0;
    char *from = NULL;
    int rc;

    (void)ctx;
    if (s->n_axes == SWEEP_MAX_AXES)
        return reader_fail(r, key_at, "sweep: more than %d keys", SWEEP_MAX_AXES);
    s->n_axes++;
    a->path = strdup(seeds ? "run.seed" : key);
    if ((line > 0 ? asprintf(&from, "%.100s:%d: sweep", r->file, line)
                  : asprintf(&from, "--set sweep")) < 0)
        from = NULL;
    a->from = from;
    if (!a->path || !from)
        return reader_fail(r, key_at, "out of memory");
    if (seeds)
        rc = read_seeds(r, a, value);
    else if (value->type == YAML_SEQUENCE_NODE)
        rc = sweep_read_list(r, a, value);
    else if (value->type == YAML_MAPPING_NODE)
        rc = sweep_read_range(r, a, value);
    else
        rc = reader_fail(r, value,
                         "sweep.%.60s is a value; allowed: a list, or {from: 1, to: 9, "
                         "step: 2}",
                         key);
    if (rc)
        return -1;
    if ((uint64_t)s->n_points * a->n > SWEEP_MAX_POINTS)
        return reader_fail(r, key_at, "sweep.%.60s: with it there are %llu points; allowed: %d",
                           key, (unsigned long long)s->n_points * a->n, SWEEP_MAX_POINTS);
    s->n_points *= a->n;
    return 0;
}

/* "slots" is "nodes.*.slots". */
static const char *bare(const char *path)
{
    static const char all[] = "nodes.*.";

    return strncmp(path, all, strlen(all)) == 0 ? path + strlen(all) : path;
}

/* Two axes that set one key would contradict each other. */
static int check_paths(struct reader *r, const yaml_node_t *at)
{
    const struct sweep *s = sweep_of(r)->sweep;

    for (unsigned i = 0; i < s->n_axes; i++)
        for (unsigned k = 0; k < i; k++)
            if (strcmp(bare(s->axis[i].path), bare(s->axis[k].path)) == 0)
                return reader_fail(r, at,
                                   "sweep: %.60s is given twice (seeds are values of "
                                   "run.seed); allowed: once",
                                   s->axis[i].path);
    return 0;
}

static int read_sweep(struct reader *r, const yaml_node_t *root)
{
    struct sweep_reading *s = sweep_of(r);
    const struct p2p_param *seed = params_find(scenario_sections[SECTION_RUN].keys, "seed");
    const yaml_node_t *n, *seed_at;
    struct run_config run;

    for (unsigned i = 0; i < s->n_overrides; i++)
        if (scenario_override_apply(r, &s->override[i], i))
            return -1;
    root = yaml_document_get_root_node(r->doc);
    n = scenario_find(r, root, "sweep", NULL);
    seed_at = scenario_find(r, scenario_find(r, root, "run", NULL), "seed", NULL);
    if (params_defaults(scenario_sections[SECTION_RUN].keys, &run, r->err) ||
        (seed_at && reader_set(r, "run", seed, &run, seed_at)))
        return -1;
    s->seed = run.seed;
    return n && (reader_each(r, n, "sweep", add_axis, NULL) || check_paths(r, n)) ? -1 : 0;
}

int sweep_read(struct sweep *s, const char *file, const struct scenario_override *o, unsigned n,
               char err[P2P_ERRLEN])
{
    struct sweep_reading reading = {.sweep = s, .override = o, .n_overrides = n};
    struct reader_origin *origin = calloc(n + 1, sizeof(*origin));
    struct reader r = {.ctx = &reading, .origin = origin, .err = err};
    int rc = -1;

    memset(s, 0, sizeof(*s));
    s->n_points = 1;
    for (unsigned i = 0; origin && i < n; i++)
        origin[i] = (struct reader_origin){o[i].from ? o[i].from : "--set", o[i].path};
    if (origin)
        rc = reader_file(&r, file, read_sweep);
    else
        snprintf(err, P2P_ERRLEN, "%.180s: out of memory", file);
    free(origin);
    if (rc)
        sweep_release(s);
    return rc;
}

void sweep_release(struct sweep *s)
{
    for (unsigned i = 0; i < s->n_axes; i++) {
        struct sweep_axis *a = &s->axis[i];

        free((char *)(uintptr_t)a->path);
        free((char *)(uintptr_t)a->from);
        for (unsigned k = 0; k < a->n; k++) {
            if (a->label[k] != a->value[k])
                free(a->label[k]);
            free(a->value[k]);
        }
        free(a->value);
        free(a->label);
    }
    memset(s, 0, sizeof(*s));
}

unsigned sweep_index(const struct sweep *s, unsigned point, unsigned axis)
{
    for (unsigned i = s->n_axes; i-- > axis + 1;)
        point /= s->axis[i].n;
    return point % s->axis[axis].n;
}

unsigned sweep_point(const struct sweep *s, unsigned point,
                     struct scenario_override out[SWEEP_MAX_AXES])
{
    for (unsigned i = 0; i < s->n_axes; i++) {
        const struct sweep_axis *a = &s->axis[i];

        out[i] = (struct scenario_override){a->path, a->value[sweep_index(s, point, i)], a->from};
    }
    return s->n_axes;
}

/* The end of an axis' path that tells it from the other axes. */
static const char *short_path(const struct sweep *s, unsigned axis)
{
    const char *path = s->axis[axis].path, *at = path + strlen(path);

    while (at > path) {
        bool alone = true;

        while (at > path && at[-1] != '.')
            at--;
        for (unsigned i = 0; i < s->n_axes; i++) {
            size_t n = strlen(s->axis[i].path), tail = strlen(at);

            alone &= i == axis || n < tail || strcmp(s->axis[i].path + n - tail, at) != 0;
        }
        if (alone)
            return at;
        at -= at > path;
    }
    return path;
}

void sweep_label(const struct sweep *s, unsigned point, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < s->n_axes && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s=%s", i ? " " : "", short_path(s, i),
                               s->axis[i].label[sweep_index(s, point, i)]);
}
