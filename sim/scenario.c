#include "sim/scenario.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/paths.h"
#include "base/suggest.h"
#include "sim/scenario_private.h"

enum { MOST_PATH = 64 << 10 };

/* ---- release ---- */

static void free_text(const char **text)
{
    free((char *)(uintptr_t)*text);
    *text = NULL;
}

static void release_parameters(struct name_value *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        free_text(&p[i].name);
        free_text(&p[i].value);
    }
    free(p);
}

static void release_group(struct group_config *g)
{
    params_release(scenario_sections[SECTION_NODES].keys, g);
    params_release(scenario_sections[SECTION_SCHEDULER].keys, g);
    params_release(scenario_sections[SECTION_ARRIVALS].keys, &g->arrivals);
    params_release(scenario_sections[SECTION_LEARNER].keys, &g->learner);
    release_parameters(g->parameters, g->n_parameters);
    release_parameters(g->learner.parameters, g->learner.n_parameters);
}

void scenario_release(struct scenario *s)
{
    for (unsigned i = 0; i < s->n_groups; i++)
        release_group(&s->group[i]);
    for (unsigned i = 0; i < s->n_functions; i++) {
        params_release(scenario_sections[SECTION_FUNCTIONS].keys, &s->function[i]);
        params_release(scenario_sections[SECTION_SERVICE].keys, &s->function[i].service);
    }
    for (unsigned i = 0; i < s->n_faults; i++)
        free_text(&s->fault[i].group);
    for (unsigned i = 0; i < s->n_origins; i++)
        free(s->origin[i]);
    params_release(scenario_sections[SECTION_TOP].keys, s);
    free_text(&s->network.file);
    free_text(&s->file);
    free(s->network.matrix);
    free(s->group);
    free(s->function);
    free(s->fault);
    free(s->origin);
    memset(s, 0, sizeof(*s));
}

void scenario_place(const struct scenario *s, int line, char *out, size_t size)
{
    if (line < 0 && (unsigned)-line <= s->n_origins)
        snprintf(out, size, "%s", s->origin[-1 - line]);
    else if (line > 0)
        snprintf(out, size, "%.120s:%d", s->file, line);
    else
        snprintf(out, size, "%.120s", s->file);
}

bool scenario_learner_file(const char *file, const char *group, uint32_t nth, char *out,
                           size_t size)
{
    static const char mark[] = "{node}";
    const char *at = strstr(file, mark);
    int n;

    if (at)
        n = snprintf(out, size, "%.*s%s-%" PRIu32 "%s", (int)(at - file), file, group, nth,
                     at + strlen(mark));
    else
        n = snprintf(out, size, "%s", file);
    return n >= 0 && (size_t)n < size;
}

/* ---- the top ---- */

static int read_top_key(struct reader *r, void *ctx, const char *key, const yaml_node_t *key_at,
                        const yaml_node_t *value)
{
    const struct scenario_section *top = &scenario_sections[SECTION_TOP];
    const struct p2p_param *p = params_find(top->keys, key);
    char why[P2P_ERRLEN], text[200];
    const char *names[16], *set_to;

    (void)ctx;
    if (p) {
        set_to = reader_text(r, value, key);
        if (!set_to)
            return -1;
        return params_set(p, reading_of(r)->s, set_to, why) ? reader_fail(r, value, "%s", why) : 0;
    }
    for (const char *const *more = top->more; *more; more++)
        if (strcmp(*more, key) == 0)
            return 0;
    suggest_names(top->keys, top->more, names, sizeof(names) / sizeof(names[0]));
    suggest_unknown(text, sizeof(text), key, names);
    return reader_fail(r, key_at, "%.40s: %s", key, text);
}

/* "traces/day.yaml" is called day. */
static int name_after_file(struct reader *r)
{
    struct scenario *s = reading_of(r)->s;
    const char *slash = strrchr(s->file, '/'), *base = slash ? slash + 1 : s->file;
    const char *dot = strrchr(base, '.');
    size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    char name[128];

    if (s->name[0])
        return 0;
    snprintf(name, sizeof(name), "%.*s", (int)(n < 120 ? n : 120), base);
    return params_set(scenario_sections[SECTION_TOP].keys, s, name, r->err);
}

static int find_plugins(struct reader *r, const yaml_node_t *at)
{
    struct scenario *s = reading_of(r)->s;
    char *full = path_expand(s->plugins, MOST_PATH);

    if (!full || (at && !scenario_is_of_command_line(r, at))) {
        char *beside = full ? path_beside(r->file, full) : NULL;

        free(full);
        full = beside;
    }
    if (!full) {
        snprintf(r->err, P2P_ERRLEN, "%.100s: plugins: too long, or out of memory", r->file);
        return -1;
    }
    free_text(&s->plugins);
    s->plugins = full;
    return 0;
}

/* Later sections need what earlier ones say, however the file orders them. */
static int read_sections(struct reader *r, const yaml_node_t *root)
{
    struct scenario *s = reading_of(r)->s;

    if (root && reader_each(r, root, reader_top, read_top_key, NULL))
        return -1;
    return find_plugins(r, scenario_find(r, root, "plugins", NULL)) || name_after_file(r) ||
                   scenario_keys_read(r, SECTION_RUN, "run", &s->run,
                                      scenario_find(r, root, "run", NULL)) ||
                   scenario_read_functions(r, scenario_find(r, root, "functions", NULL)) ||
                   scenario_read_nodes(r, scenario_find(r, root, "nodes", NULL)) ||
                   scenario_read_network(r, scenario_find(r, root, "network", NULL)) ||
                   scenario_read_faults(r, scenario_find(r, root, "faults", NULL))
               ? -1
               : 0;
}

/* ---- all of it ---- */

static int read_all(struct reader *r, const yaml_node_t *root)
{
    for (unsigned i = 0; i < reading_of(r)->s->n_origins; i++)
        if (scenario_override_apply(r, &reading_of(r)->override[i], i))
            return -1;
    (void)root;
    return read_sections(r, yaml_document_get_root_node(r->doc));
}

/* Where overrides come from, for this reading and for scenario_place(). */
static struct reader_origin *note_origins(struct scenario *s, const struct scenario_override *o,
                                          unsigned n)
{
    struct reader_origin *origin = calloc(n + 1, sizeof(*origin));

    s->origin = calloc(n + 1, sizeof(*s->origin));
    for (unsigned i = 0; origin && s->origin && i < n; i++) {
        origin[i] = (struct reader_origin){o[i].from ? o[i].from : "--set", o[i].path};
        if (asprintf(&s->origin[i], "%s %s", origin[i].from, origin[i].path) < 0)
            break;
        s->n_origins++;
    }
    if (origin && s->origin && s->n_origins == n)
        return origin;
    free(origin);
    return NULL;
}

int scenario_read(struct scenario *s, const char *file, const struct scenario_override *o,
                  unsigned n, char err[P2P_ERRLEN])
{
    struct reading reading = {s, o};
    struct reader r = {.ctx = &reading, .err = err};
    struct reader_origin *origin;
    int rc = -1;

    memset(s, 0, sizeof(*s));
    origin = note_origins(s, o, n);
    s->file = strdup(file);
    r.origin = origin;
    if (!origin || !s->file)
        snprintf(err, P2P_ERRLEN, "%.180s: out of memory", file);
    else if (params_defaults(scenario_sections[SECTION_TOP].keys, s, err) == 0 &&
             params_defaults(scenario_sections[SECTION_RUN].keys, &s->run, err) == 0 &&
             params_defaults(scenario_sections[SECTION_NETWORK].keys, &s->network, err) == 0)
        rc = reader_file(&r, file, read_all);
    free(origin);
    if (rc)
        scenario_release(s);
    return rc;
}
