#include "tests/conformance/verdict.h"

#include <math.h>
#include <string.h>

/* ---- all together ---- */

static const struct outcome *of_order(const struct outcome *o, unsigned n, unsigned place)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(o[i].of->algorithm, conformance_order[place]) == 0 &&
            o[i].of->load == conformance_order_load && o[i].of->slots == 1)
            return &o[i];
    return NULL;
}

static const struct estimate *response_of(const struct outcome *o)
{
    return &o->figure[0].size[o->n_sizes - 1];
}

/* Each is below the one before by more than both intervals; those that were not run are left
 * out. */
static bool in_order(const struct outcome *o, unsigned n)
{
    const struct estimate *before = NULL;

    for (unsigned i = 0; i < CONFORMANCE_ORDER; i++) {
        const struct outcome *found = of_order(o, n, i);
        const struct estimate *next = found ? response_of(found) : NULL;

        if (before && next && next->value + next->half_width >= before->value - before->half_width)
            return false;
        before = next ? next : before;
    }
    return true;
}

static bool lawful(const struct outcome *o)
{
    return o->laws.flow && o->laws.little && o->laws.utilisation && o->misbehaved == 0;
}

void verdict_make(struct verdict *v, const struct outcome *o, unsigned n)
{
    *v = (struct verdict){.ordered = in_order(o, n)};
    for (unsigned i = 0; i < n; i++) {
        v->unlawful += !lawful(&o[i]);
        v->figures += o[i].n_figures;
        for (unsigned c = 0; c < o[i].n_figures; c++)
            v->covered += figure_covers(&o[i], c, VERDICT_LEVEL);
    }
    v->level = pow(VERDICT_LEVEL, 1.0 / (v->figures ? v->figures : 1));
    for (unsigned i = 0; i < n; i++)
        for (unsigned c = 0; c < o[i].n_figures; c++)
            v->missed += !figure_covers(&o[i], c, v->level);
    v->conforms = v->figures > 0 && v->missed == 0 && v->unlawful == 0 && v->ordered;
}

/* ---- a row ---- */

static const char *const bound_sign[] = {
    [BOUND_NONE] = "", [BOUND_BELOW] = ">", [BOUND_ABOVE] = "<"};

struct cells {
    char nodes[16], theory[24], simulated[24], value[40], gap[48];
    const char *what, *covered, *laws;
};

static void number(char out[24], const struct outcome *o, unsigned claim, double x)
{
    snprintf(out, 24, o->of->claim[claim].metric == METRIC_LOSS ? "%.3e" : "%.4f", x);
}

/* How far each size is from theory, per cent of it. */
static void gaps(char out[48], const struct outcome *o, const struct figure *f)
{
    int n = 0;

    out[0] = '\0';
    for (unsigned s = 0; s < o->n_sizes && n < 48; s++)
        n += snprintf(out + n, 48 - (size_t)n, "%s%+.2f", s ? " " : "",
                      100 * (f->size[s].value / f->theory - 1));
}

static void fill(struct cells *c, const struct outcome *o, unsigned claim)
{
    const struct figure *f = &o->figure[claim];
    char value[24], half[24];

    if (o->n_sizes > 1)
        snprintf(c->nodes, sizeof(c->nodes), "%u-%u", o->nodes[0], o->nodes[o->n_sizes - 1]);
    else
        snprintf(c->nodes, sizeof(c->nodes), "%u", o->nodes[0]);
    number(c->theory, o, claim, f->theory);
    number(c->simulated, o, claim, f->size[o->n_sizes - 1].value);
    number(value, o, claim, f->value);
    number(half, o, claim, figure_half_width(f, VERDICT_LEVEL));
    snprintf(c->value, sizeof(c->value), "%s ± %s", value, half);
    gaps(c->gap, o, f);
    c->what = metric_info[o->of->claim[claim].metric].name;
    c->covered = figure_covers(o, claim, VERDICT_LEVEL) ? "yes" : "no";
    c->laws = lawful(o) ? "hold" : "BROKEN";
}

void verdict_head(FILE *f)
{
    fprintf(f, "%-13s %-22s %4s %7s %-6s %10s %10s %23s %-7s %s\n", "algorithm", "system", "load",
            "nodes", "figure", "theory", "simulated", "extrapolated ± 99 %", "covered",
            "gap, % of theory, by size");
}

void verdict_row(FILE *f, const struct outcome *o)
{
    struct cells c;

    for (unsigned i = 0; i < o->n_figures; i++) {
        fill(&c, o, i);
        /* ± is two bytes */
        fprintf(f, "%-13s %-22s %4.2f %7s %-6s %1s%9s %10s %24s %-7s %s\n", o->of->algorithm,
                o->of->system, o->of->load, c.nodes, c.what, bound_sign[o->of->claim[i].bound],
                c.theory, c.simulated, c.value, c.covered, c.gap);
    }
    if (!lawful(o))
        fprintf(f, "  laws: flow %s, Little's %s, utilisation %s; misbehaviours: %llu\n",
                o->laws.flow ? "holds" : "BROKEN", o->laws.little ? "holds" : "BROKEN",
                o->laws.utilisation ? "holds" : "BROKEN", (unsigned long long)o->misbehaved);
}

static void print_missed(FILE *f, const struct outcome *o, unsigned n, const struct verdict *v)
{
    for (unsigned i = 0; i < n; i++)
        for (unsigned c = 0; c < o[i].n_figures; c++)
            if (!figure_covers(&o[i], c, v->level))
                fprintf(f, "  missed: %s, %s, load %g, %s: %g ± %g, theory %g\n",
                        o[i].of->algorithm, o[i].of->system, o[i].of->load,
                        metric_info[o[i].of->claim[c].metric].name, o[i].figure[c].value,
                        figure_half_width(&o[i].figure[c], v->level), o[i].figure[c].theory);
}

void verdict_print(FILE *f, const struct outcome *o, unsigned n, const struct verdict *v)
{
    fprintf(f,
            "\n%u figures of %u cases: %u of them covered at 99 %%, where %.0f would be expected\n"
            "all together at 99 %%, each at %.4f %%: %u missed\n",
            v->figures, n, v->covered, round(VERDICT_LEVEL * v->figures), 100 * v->level,
            v->missed);
    print_missed(f, o, n, v);
    fprintf(f, "flow, Little's law and utilisation: %s in %u of %u\n",
            v->unlawful ? "BROKEN" : "hold", v->unlawful ? v->unlawful : n, n);
    fprintf(f, "order of");
    for (unsigned i = 0; i < CONFORMANCE_ORDER; i++)
        fprintf(f, "%s %s", i ? " >" : "", conformance_order[i]);
    fprintf(f, ": %s\n%s\n", v->ordered ? "holds" : "BROKEN",
            v->conforms ? "CONFORMS" : "DOES NOT CONFORM");
}

/* ---- the document ---- */

static const char introduction[] =
    "# The simulator against theory\n"
    "\n"
    "`make conformance` made this page: the plugins that a live node loads, run by\n"
    "`p2pfaas sim` in systems that queueing theory has the answer to.\n"
    "\n"
    "- Times are in mean run times, which are exponential; arrivals are Poisson, the same at\n"
    "  every node, and messages take no time.  Load is offered work / what the slots can do.\n"
    "- `LL(F,T)`: a node with fewer than T jobs keeps a job, else it asks F others, and the\n"
    "  least loaded of them and itself takes it.  `JSQ(d)` is the same with F = d - 1 and T of 0\n"
    "  or 1.  `power_of_choices` is both.\n"
    "- `loss` is the share of jobs that did not run, `mean` the response of those that did,\n"
    "  `probes` how many were sent a job.\n"
    "- Theory that speaks of endlessly many nodes is held against three sizes, N, 4N and 16N.\n"
    "  A figure of N nodes is a + b/N + c/N² + …, so of three sizes\n"
    "  (64 x(16N) - 20 x(4N) + x(N)) / 45 is a without b and c, whatever they are: the column\n"
    "  *extrapolated*.  Nothing in it is tuned.  *gap* is how far each size is from theory, in\n"
    "  per cent of it.\n"
    "- The interval is Student's, of independent replications.  Of a hundred right figures one\n"
    "  misses its interval of 99 %; the verdict is of all together (Sidak's correction).\n"
    "- In every case a short run is written down event by event, and from that log must follow\n"
    "  what the results say: jobs that came = ran + lost; mean number of jobs in the system =\n"
    "  rate times mean response (Little); mean number that run = time that slots were taken.\n"
    "- JIQ: in the plugin a token stays out until it is used (with a `token_age` of an hour, as\n"
    "  here), also when a job without one came to its node meanwhile, and theory here has that:\n"
    "  `--theory jiq` of `p2pfaas plot`.  The\n"
    "  formula of Lu et al., 2011, which is `jiq_ideal`, is of dispatchers that know idle servers\n"
    "  only: 1.50, 2.17 and 5.50 in place of 1.596, 2.208 and 4.866 at loads of .5, .7 and .9 "
    "with\n"
    "  one server a node.\n"
    "- `JSQ, all` is held against one queue for all servers, which nothing comes below;\n"
    "  `round_robin` at all nodes against `random`, which it must not come above.\n"
    "\n";

void verdict_document(FILE *f, const struct outcome *o, unsigned n, const struct verdict *v,
                      const struct effort *effort)
{
    uint64_t jobs = 0;
    struct cells c;

    for (unsigned i = 0; i < n; i++)
        jobs += o[i].jobs;
    fputs(introduction, f);
    fprintf(f,
            "%u replications of each size, N = %u where nothing else is said, %.0f million jobs "
            "in all.\n\n```\n",
            effort->replications, effort->nodes, (double)jobs / 1e6);
    verdict_print(f, o, n, v);
    fprintf(f, "```\n\n"
               "| algorithm | system | load | nodes | figure | theory | simulated, most nodes | "
               "extrapolated ± 99 %% | covered | gap by size, %% | laws |\n"
               "|---|---|---:|---:|---|---:|---:|---:|---|---|---|\n");
    for (unsigned i = 0; i < n; i++) {
        for (unsigned claim = 0; claim < o[i].n_figures; claim++) {
            fill(&c, &o[i], claim);
            fprintf(f, "| %s | %s | %g | %s | %s | %s%s%s | %s | %s | %s | %s | %s |\n",
                    o[i].of->algorithm, o[i].of->system, o[i].of->load, c.nodes, c.what,
                    bound_sign[o[i].of->claim[claim].bound], o[i].of->claim[claim].bound ? " " : "",
                    c.theory, c.simulated, c.value, c.covered, c.gap, c.laws);
        }
    }
}
