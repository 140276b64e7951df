#include "sim/arrivals_private.h"

#include <math.h>
#include <stdlib.h>

_Static_assert(sizeof(struct arrival_cursor) <= 48, "there are a million");

/* ---- what the processes share ---- */

int arrivals_check_rate(double rate, char err[P2P_ERRLEN])
{
    if (rate > 0 && rate <= ARRIVALS_MAX_RATE)
        return 0;
    snprintf(err, P2P_ERRLEN,
             "rate: %g a second is out of range; allowed: above 0 to %g, as rate or by load", rate,
             ARRIVALS_MAX_RATE);
    return -1;
}

static int check_factor(const char *key, double value, char err[P2P_ERRLEN])
{
    if (value > 0 && value <= 1e6)
        return 0;
    snprintf(err, P2P_ERRLEN, "%s: %g is out of range; allowed: above 0 to 1e6", key, value);
    return -1;
}

int arrivals_check_file(const struct arrival_config *c, char err[P2P_ERRLEN])
{
    if (!c->file || !c->file[0]) {
        snprintf(err, P2P_ERRLEN, "file: it is missing; this process reads one");
        return -1;
    }
    return check_factor("scale", c->scale, err) || check_factor("speedup", c->speedup, err) ? -1
                                                                                            : 0;
}

int arrivals_check_trace(const struct arrival_source *s, char err[P2P_ERRLEN])
{
    if (s->rate != 0) {
        snprintf(err, P2P_ERRLEN,
                 "rate: a trace has its own; allowed: neither rate nor load, but scale");
        return -1;
    }
    return arrivals_check_file(s->config, err);
}

int arrivals_no_memory(char err[P2P_ERRLEN])
{
    snprintf(err, P2P_ERRLEN, "arrivals: out of memory");
    return -1;
}

void *arrivals_grow(void *array, size_t n, size_t *room, size_t size)
{
    size_t more = *room ? *room + *room / 2 : 1024;
    void *bigger;

    if (n < *room)
        return array;
    bigger = realloc(array, more * size);
    if (bigger)
        *room = more;
    return bigger;
}

double arrivals_scaled(double n, double scale, struct random *r)
{
    double whole = floor(n * scale), share = n * scale - whole;

    return whole + (share > 0 && random_unit(r) < share ? 1 : 0);
}

/* ---- no arrivals ---- */

static int load_none(struct arrivals **out, const struct arrival_source *s, char err[P2P_ERRLEN])
{
    (void)s;
    *out = calloc(1, sizeof(**out));
    return *out ? 0 : arrivals_no_memory(err);
}

static void release_none(struct arrivals *a)
{
    free(a);
}

static void begin_none(struct arrival_cursor *c, const struct arrivals *a, struct random *r)
{
    (void)c;
    (void)a;
    (void)r;
}

static void next_none(struct arrival_cursor *c, const struct arrivals *a, struct random *r,
                      struct arrival *out)
{
    (void)c;
    (void)a;
    (void)r;
    out->at_ns = ARRIVALS_NEVER;
}

static const struct arrival_ops arrivals_none = {load_none, release_none, begin_none, next_none};

/* ---- what others call ---- */

static const struct arrival_ops *const processes[] = {
    [ARRIVALS_NONE] = &arrivals_none,
    [ARRIVALS_POISSON] = &arrivals_poisson,
    [ARRIVALS_DETERMINISTIC] = &arrivals_deterministic,
    [ARRIVALS_ON_OFF] = &arrivals_on_off,
    [ARRIVALS_MMPP] = &arrivals_mmpp,
    [ARRIVALS_CSV] = &arrivals_csv,
    [ARRIVALS_AZURE_2019] = &arrivals_azure_2019,
    [ARRIVALS_AZURE_2021] = &arrivals_azure_2021,
};

int arrivals_load(struct arrivals **out, const struct arrival_config *c, double rate,
                  unsigned n_nodes, uint64_t seed, char err[P2P_ERRLEN])
{
    const struct arrival_source source = {c, rate, n_nodes, seed};
    const struct arrival_ops *ops;

    *out = NULL;
    if (c->process < 0 || (size_t)c->process >= sizeof(processes) / sizeof(processes[0])) {
        snprintf(err, P2P_ERRLEN, "process: there is none of number %lld", (long long)c->process);
        return -1;
    }
    if (n_nodes == 0) {
        snprintf(err, P2P_ERRLEN, "arrivals: there is no node for them");
        return -1;
    }
    ops = processes[c->process];
    if (ops->load(out, &source, err)) {
        if (*out)
            ops->release(*out);
        *out = NULL;
        return -1;
    }
    (*out)->ops = ops;
    return 0;
}

void arrivals_free(struct arrivals *a)
{
    if (a)
        a->ops->release(a);
}

void arrival_cursor_init(struct arrival_cursor *c, const struct arrivals *a, uint32_t node,
                         struct random *r)
{
    *c = (struct arrival_cursor){.node = node};
    a->ops->begin(c, a, r);
}

uint64_t arrival_next(struct arrival_cursor *c, const struct arrivals *a, struct random *r,
                      struct arrival *out)
{
    out->service_ns = 0;
    out->function = P2P_NONE;
    a->ops->next(c, a, r, out);
    return out->at_ns;
}
