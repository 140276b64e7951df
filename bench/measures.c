#include "bench/measures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_SCHEDULED = 400, DELIBERATELY_REJECTED = 401, MOST_OFF_PERCENT = 1 };

int measures_init(struct measures *m, const struct experiment *e)
{
    *m = (struct measures){.experiment = e,
                           .warm_up_ns = (uint64_t)e->warm_up,
                           .end_ns = (uint64_t)(e->warm_up + e->duration)};
    m->node = calloc(e->n_nodes, sizeof(*m->node));
    return m->node ? 0 : -1;
}

void totals_release(struct totals *t)
{
    histogram_release(&t->corrected);
    histogram_release(&t->uncorrected);
}

void measures_release(struct measures *m)
{
    for (unsigned i = 0; m->node && i < m->experiment->n_nodes; i++) {
        free(m->node[i].second);
        totals_release(&m->node[i].totals);
    }
    histogram_release(&m->late);
    histogram_release(&m->recent);
    free(m->node);
    memset(m, 0, sizeof(*m));
}

/* Where a second is counted; without memory, nowhere. */
static struct second *second_of(struct measures *m, uint32_t node, uint64_t second)
{
    static struct second nowhere;
    struct node_measures *n = &m->node[node];

    if (second >= n->room) {
        unsigned room = n->room ? n->room : 64;
        struct second *more;

        while (room <= second)
            room *= 2;
        more = realloc(n->second, room * sizeof(*more));
        if (!more) {
            m->no_memory = true;
            return &nowhere;
        }
        memset(more + n->room, 0, (room - n->room) * sizeof(*more));
        n->second = more;
        n->room = room;
    }
    if (second >= n->n_seconds)
        n->n_seconds = (unsigned)second + 1;
    return &n->second[second];
}

static struct second *at(struct measures *m, uint32_t node, uint64_t ns)
{
    return second_of(m, node, ns / 1000000000u);
}

void measures_planned(struct measures *m, uint32_t node, uint64_t planned_ns, uint64_t taken_ns)
{
    at(m, node, planned_ns)->planned++;
    if (planned_ns < m->warm_up_ns)
        return;
    m->node[node].totals.planned++;
    if (!histogram_add(&m->late, taken_ns > planned_ns ? taken_ns - planned_ns : 0))
        m->no_memory = true;
}

void measures_waits(struct measures *m, uint32_t node, uint64_t planned_ns)
{
    if (planned_ns >= m->warm_up_ns)
        m->node[node].totals.waited++;
}

void measures_sent(struct measures *m, uint32_t node, uint64_t planned_ns, uint64_t sent_ns)
{
    struct second *s = at(m, node, sent_ns);

    s->sent++;
    if (sent_ns - planned_ns > s->late_ns)
        s->late_ns = sent_ns - planned_ns;
    if (planned_ns < m->warm_up_ns)
        return;
    m->node[node].totals.sent++;
    m->node[node].totals.in_time += sent_ns <= m->end_ns;
}

bool measures_is_rejected(const struct record *r)
{
    return (r->status == 500 || r->status == 503) &&
           (r->error_code == NOT_SCHEDULED || r->error_code == DELIBERATELY_REJECTED);
}

void measures_ended(struct measures *m, const struct record *r)
{
    struct second *s = at(m, r->node, r->ended_ns);
    struct totals *t = &m->node[r->node].totals;
    bool ok = r->status >= 200 && r->status < 300, rejected = measures_is_rejected(r);

    s->answered += r->status > 0;
    s->ok += ok;
    s->in_deadline += r->in_deadline;
    s->rejected += rejected;
    s->failed += !ok && !rejected;
    if (r->status > 0 && !histogram_add(&m->recent, r->ended_ns - r->planned_ns))
        m->no_memory = true;
    if (r->warm_up)
        return;
    t->answered += r->status > 0;
    t->unanswered += r->status == 0;
    t->ok += ok;
    t->in_deadline += r->in_deadline;
    t->rejected += rejected;
    t->failed += !ok && !rejected;
    if (r->status > 0 && (!histogram_add(&t->corrected, r->ended_ns - r->planned_ns) ||
                          !histogram_add(&t->uncorrected, r->ended_ns - r->sent_ns)))
        m->no_memory = true;
}

void measures_open(struct measures *m, uint32_t node, unsigned second, unsigned open)
{
    second_of(m, node, second)->open = open;
}

struct second measures_second(const struct measures *m, unsigned second)
{
    struct second sum = {0};

    for (unsigned i = 0; i < m->experiment->n_nodes; i++) {
        const struct node_measures *n = &m->node[i];
        const struct second *s = &n->second[second];

        if (second >= n->n_seconds)
            continue;
        sum.planned += s->planned;
        sum.sent += s->sent;
        sum.answered += s->answered;
        sum.ok += s->ok;
        sum.in_deadline += s->in_deadline;
        sum.rejected += s->rejected;
        sum.failed += s->failed;
        sum.open += s->open;
        if (s->late_ns > sum.late_ns)
            sum.late_ns = s->late_ns;
    }
    return sum;
}

bool measures_sum(const struct measures *m, struct totals *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < m->experiment->n_nodes; i++) {
        const struct totals *t = &m->node[i].totals;

        out->planned += t->planned;
        out->sent += t->sent;
        out->in_time += t->in_time;
        out->answered += t->answered;
        out->ok += t->ok;
        out->in_deadline += t->in_deadline;
        out->rejected += t->rejected;
        out->failed += t->failed;
        out->unanswered += t->unanswered;
        out->waited += t->waited;
        if (!histogram_merge(&out->corrected, &t->corrected) ||
            !histogram_merge(&out->uncorrected, &t->uncorrected)) {
            totals_release(out);
            return false;
        }
    }
    return true;
}

void measures_mark(const struct measures *m, char out[MEASURES_MARK])
{
    double late = histogram_quantile(&m->late, 0.99), allowed = (double)m->experiment->late;
    uint64_t planned = 0, in_time = 0, waited = 0;
    size_t n = 0;

    for (unsigned i = 0; i < m->experiment->n_nodes; i++) {
        planned += m->node[i].totals.planned;
        in_time += m->node[i].totals.in_time;
        waited += m->node[i].totals.waited;
    }
    out[0] = '\0';
    if (!isnan(late) && late > allowed)
        n = (size_t)snprintf(out, MEASURES_MARK,
                             "the generator fell behind: it took up 1 %% of the calls %.1f ms late "
                             "or more (late: %.1f ms)",
                             late / 1e6, allowed / 1e6);
    if (n < MEASURES_MARK && (planned - in_time) * 100 > planned * MOST_OFF_PERCENT)
        n += (size_t)snprintf(out + n, MEASURES_MARK - n,
                              "%s%.1f %% of the planned calls were not sent while the load ran",
                              n ? "; " : "", 100.0 * (double)(planned - in_time) / (double)planned);
    if (n < MEASURES_MARK && waited * 100 > planned * MOST_OFF_PERCENT)
        n += (size_t)snprintf(out + n, MEASURES_MARK - n,
                              "%s%.1f %% of the calls waited for one of the connections "
                              "(connections: %d)",
                              n ? "; " : "", 100.0 * (double)waited / (double)planned,
                              (int)m->experiment->connections);
    if (n < MEASURES_MARK && m->no_memory)
        snprintf(out + n, MEASURES_MARK - n, "%smemory was short, not all is counted",
                 n ? "; " : "");
}
