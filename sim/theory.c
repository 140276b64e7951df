#include "sim/theory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 100000000 }; /* states that are looked at: about a second */

double theory_mm1(double load)
{
    return load < 1 ? 1 / (1 - load) : INFINITY;
}

double theory_erlang_b(double load, unsigned k)
{
    double b = 1, offered = load * k;

    for (unsigned i = 1; i <= k; i++)
        b = offered * b / (i + offered * b);
    return b;
}

/* Stationary shares of a birth-death chain: `up[i]` is the rate from i to i + 1, down from i is
 * min(i, k). */
static void chain(const double *up, unsigned states, unsigned k, double *share)
{
    double sum = 1;

    share[0] = 1;
    for (unsigned i = 1; i < states; i++) {
        share[i] = share[i - 1] * up[i - 1] / (i < k ? i : k);
        sum += share[i];
        if (sum > 1e250) { /* before it overflows */
            for (unsigned j = 0; j <= i; j++)
                share[j] /= sum;
            sum = 1;
        }
    }
    for (unsigned i = 0; i < states; i++)
        share[i] /= sum;
}

/* a^n + a^(n-1) b + … + b^n, which is (a^(n+1) - b^(n+1)) / (a - b) without the difference. */
static double between(double a, double b, unsigned n)
{
    double sum = 1, power = 1;

    for (unsigned i = 0; i < n; i++) {
        power *= b;
        sum = sum * a + power;
    }
    return sum;
}

/* How many jobs a second come to a node with i jobs, when a share at_least[j] of the nodes has
 * j or more.  A job's own node is a random one. */
static double arrivals(const double *at_least, unsigned i, unsigned f, unsigned t)
{
    if (i >= t)
        return between(at_least[i], at_least[i + 1], f);
    return 1 + (f ? at_least[t] * between(at_least[i], at_least[i + 1], f - 1) : 0);
}

/* More jobs at the nodes bring more to each state, and more of that more jobs: from empty nodes
 * it only grows, to where it stays.  False: it was still on its way when patience ended, as near
 * load 1 with long queues. */
static bool settle(double *at_least, double *up, double *share, double load, unsigned f, unsigned t,
                   unsigned k, unsigned q)
{
    unsigned states = k + q + 1;

    memset(at_least, 0, (states + 1) * sizeof(*at_least));
    at_least[0] = 1;
    for (unsigned round = 0; round < PATIENCE / states; round++) {
        double sum = 0, change = 0;

        for (unsigned i = 0; i + 1 < states; i++)
            up[i] = load * k * arrivals(at_least, i, f, t);
        chain(up, states, k, share);
        for (unsigned i = states; i-- > 1;) {
            sum += share[i];
            change = fmax(change, fabs(sum - at_least[i]));
            at_least[i] = sum;
        }
        if (change < 1e-15)
            return true;
    }
    return false;
}

struct theory_node theory_ll(double load, unsigned f, unsigned t, unsigned k, unsigned q)
{
    struct theory_node out = {NAN, NAN, NAN, NAN};
    unsigned most = k + q;
    double jobs = 0;
    double *room;

    if (k < 1 || k > THEORY_MOST_STATES || q > THEORY_MOST_STATES || !(load >= 0))
        return out;
    if (t > most)
        t = most + 1; /* it never asks */
    room = calloc(3 * ((size_t)most + 2), sizeof(*room));
    if (!room)
        return out;
    if (!settle(room, room + most + 2, room + 2 * ((size_t)most + 2), load, f, t, k, q)) {
        free(room);
        return out;
    }
    for (unsigned i = 1; i <= most; i++)
        jobs += room[i];
    out.loss = t <= most ? pow(room[most], f + 1) : room[most];
    out.probes = f * room[t];
    out.response = load > 0 ? jobs / (load * k * (1 - out.loss)) : 1;
    out.wait = out.response - 1;
    free(room);
    return out;
}

struct theory_node theory_mmkq(double load, unsigned k, unsigned q)
{
    return theory_ll(load, 0, 0, k, q);
}

double theory_jsq(double load, unsigned d)
{
    double sum = 0, term, exponent = 0;

    if (d < 2 || load >= 1)
        return theory_mm1(load);
    /* The first exponent is 0, and each is d times the one before and d more. */
    do {
        term = pow(load, exponent);
        sum += term;
        exponent = d * (exponent + 1);
    } while (term > 1e-18);
    return sum;
}

double theory_jiq_ideal(double load, double r)
{
    double odds = r * (1 - load);

    return load < 1 ? 1 / (1 - load * (1 - odds / (1 + odds))) : INFINITY;
}

/* ---- by name ---- */

struct parameter {
    const char *name;
    double preset, least, most; /* whole numbers, but for jiq_ideal's r */
};
struct theory_kind {
    const char *name;
    struct parameter parameter[THEORY_PARAMETERS];
    struct theory_node (*at)(const double *p, double load);
};

static struct theory_node mm1_at(const double *p, double load)
{
    (void)p;
    return (struct theory_node){NAN, theory_mm1(load), theory_mm1(load) - 1, 0};
}

static struct theory_node erlang_b_at(const double *p, double load)
{
    return (struct theory_node){theory_erlang_b(load, (unsigned)p[0]), 1, 0, 0};
}

static struct theory_node mmkq_at(const double *p, double load)
{
    return theory_mmkq(load, (unsigned)p[0], (unsigned)p[1]);
}

static struct theory_node jsq_at(const double *p, double load)
{
    double response = theory_jsq(load, (unsigned)p[0]);

    return (struct theory_node){NAN, response, response - 1, NAN};
}

static struct theory_node jiq_at(const double *p, double load)
{
    double response = theory_jiq(load, (unsigned)p[0]);

    return (struct theory_node){NAN, response, response - 1, NAN};
}

static struct theory_node jiq_ideal_at(const double *p, double load)
{
    double response = theory_jiq_ideal(load, p[0]);

    return (struct theory_node){NAN, response, response - 1, NAN};
}

static struct theory_node ll_at(const double *p, double load)
{
    return theory_ll(load, (unsigned)p[0], (unsigned)p[1], (unsigned)p[2], (unsigned)p[3]);
}

static const struct theory_kind kinds[] = {
    {"mm1", {{NULL}}, mm1_at},
    {"erlang_b", {{"K", 1, 1, THEORY_MOST_STATES}}, erlang_b_at},
    {"mmkq", {{"K", 1, 1, THEORY_MOST_STATES}, {"q", 0, 0, THEORY_MOST_STATES}}, mmkq_at},
    {"jsq", {{"d", 2, 1, 1000}}, jsq_at},
    {"jiq", {{"K", 1, 1, THEORY_MOST_TOKENS}}, jiq_at},
    {"jiq_ideal", {{"r", 1, 1e-6, 1e6}}, jiq_ideal_at},
    {"ll",
     {{"F", 1, 0, 1000},
      {"T", 0, 0, THEORY_MOST_STATES},
      {"K", 1, 1, THEORY_MOST_STATES},
      {"q", 0, 0, THEORY_MOST_STATES}},
     ll_at},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static int no_such_kind(const char *text, char err[P2P_ERRLEN])
{
    int n = snprintf(err, P2P_ERRLEN, "theory '%.40s': no such name; allowed:", text);

    for (unsigned i = 0; i < KINDS && n > 0 && n < P2P_ERRLEN; i++)
        n += snprintf(err + n, P2P_ERRLEN - (size_t)n, " %s", kinds[i].name);
    return -1;
}

static int no_such_parameter(const struct theory_kind *kind, const char *text, size_t len,
                             char err[P2P_ERRLEN])
{
    int n = snprintf(err, P2P_ERRLEN, "theory %s: no parameter '%.*s'; allowed:", kind->name,
                     (int)(len < 40 ? len : 40), text);

    for (unsigned i = 0;
         i < THEORY_PARAMETERS && kind->parameter[i].name && n > 0 && n < P2P_ERRLEN; i++)
        n += snprintf(err + n, P2P_ERRLEN - (size_t)n, " %s=", kind->parameter[i].name);
    if (!kind->parameter[0].name && n > 0 && n < P2P_ERRLEN)
        snprintf(err + n, P2P_ERRLEN - (size_t)n, " none");
    return -1;
}

/* One k=v; *text moves behind it. */
static int parse_parameter(struct theory_curve *c, const char **text, char err[P2P_ERRLEN])
{
    size_t len = strcspn(*text, "=,");
    const struct parameter *p = NULL;
    unsigned i = 0;
    double value;
    char *end;

    for (; i < THEORY_PARAMETERS && c->kind->parameter[i].name; i++) {
        p = &c->kind->parameter[i];
        if (strlen(p->name) == len && strncmp(p->name, *text, len) == 0)
            break;
        p = NULL;
    }
    if (!p || (*text)[len] != '=')
        return no_such_parameter(c->kind, *text, len, err);
    *text += len + 1;
    value = strtod(*text, &end);
    if (end == *text || (*end && *end != ',') || !(value >= p->least && value <= p->most) ||
        (p->least != 1e-6 && value != floor(value))) {
        snprintf(err, P2P_ERRLEN, "theory %s: %s = '%.20s'; allowed: %s from %g to %g",
                 c->kind->name, p->name, *text, p->least == 1e-6 ? "a number" : "a whole number",
                 p->least, p->most);
        return -1;
    }
    c->parameter[i] = value;
    *text = *end ? end + 1 : end;
    return 0;
}

int theory_parse(struct theory_curve *c, const char *text, char err[P2P_ERRLEN])
{
    size_t len = strcspn(text, ":");

    memset(c, 0, sizeof(*c));
    for (unsigned i = 0; i < KINDS; i++)
        if (strlen(kinds[i].name) == len && strncmp(kinds[i].name, text, len) == 0)
            c->kind = &kinds[i];
    if (!c->kind)
        return no_such_kind(text, err);
    for (unsigned i = 0; i < THEORY_PARAMETERS; i++)
        c->parameter[i] = c->kind->parameter[i].preset;
    snprintf(c->label, sizeof(c->label), "theory: %s", text);
    text += len + (text[len] == ':');
    while (*text)
        if (parse_parameter(c, &text, err))
            return -1;
    return 0;
}

double theory_value(const struct theory_curve *c, enum metric m, double load)
{
    struct theory_node n;
    double value = NAN;

    if (m != METRIC_LOSS && m != METRIC_MEAN && m != METRIC_WAIT && m != METRIC_PROBES)
        return NAN;
    n = c->kind->at(c->parameter, load);
    switch (m) {
    case METRIC_LOSS:
        value = n.loss;
        break;
    case METRIC_MEAN:
        value = n.response;
        break;
    case METRIC_WAIT:
        value = n.wait;
        break;
    case METRIC_PROBES:
        value = n.probes;
        break;
    default:
        break;
    }
    return isfinite(value) ? value : NAN;
}
