#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/answer.h"
#include "bench/generator_private.h"

enum { MOST_HEAD = 64 << 10, KEPT_BODY = 64 << 10 };

/* ---- what is sent ---- */

static int make_head(struct headers *h, const struct experiment_payload *p)
{
    char number[24];

    headers_init(h, 4096);
    if (headers_add(h, "Content-Type", p->content_type))
        return -1;
    snprintf(number, sizeof(number), "%zu", p->body.len);
    if (headers_add(h, "Content-Length", number))
        return -1;
    snprintf(number, sizeof(number), "%d", (int)p->type);
    return headers_add(h, "X-P2pfaas-Scheduler-Learning-Task-Type", number);
}

int calls_init(struct generator *g)
{
    const struct experiment *e = g->experiment;

    for (unsigned i = 0; i < e->n_payloads; i++)
        if (make_head(&g->head[i], &e->payload[i]) ||
            asprintf(&g->path[i], "/function/%s", e->payload[i].function) < 0)
            return -1;
    for (unsigned i = 0; i < e->n_nodes; i++) {
        headers_init(&g->target[i].host, 256);
        if (headers_add(&g->target[i].host, "Host", e->node[i].endpoint.text))
            return -1;
    }
    return 0;
}

static void free_flights(struct flight *f)
{
    while (f) {
        struct flight *next = f->next;

        http_response_release(&f->response);
        free(f);
        f = next;
    }
}

void calls_release(struct generator *g)
{
    for (unsigned i = 0; i < g->experiment->n_payloads; i++) {
        headers_release(&g->head[i]);
        free(g->path[i]);
    }
    for (unsigned i = 0; i < g->experiment->n_nodes; i++) {
        headers_release(&g->target[i].host);
        line_release(&g->target[i].line);
    }
    free_flights(g->idle);
}

/* ---- what becomes of it ---- */

static void keep(struct generator *g, struct record *r, const char *text[RECORD_TEXTS])
{
    const struct experiment_payload *p = &g->experiment->payload[r->payload];
    bool in_time = p->deadline == 0 || r->ended_ns - r->planned_ns <= (uint64_t)p->deadline;

    r->warm_up = r->planned_ns < (uint64_t)g->experiment->warm_up;
    r->in_deadline = r->status >= 200 && r->status < 300 && in_time;
    r->reward = (double)NAN;
    if (text[RECORD_EID][0] && !isnan(r->action)) {
        r->reward = r->status == 200 && in_time ? 1 : 0;
        if (g->rewards)
            rewards_add(g->rewards, r, text);
    }
    measures_ended(g->setup->measures, r);
    if (spool_add(g->setup->spool, r, text) && !g->broken) {
        g->broken = "the calls cannot be kept in the results' folder";
        g->loading = false;
    }
}

static void keep_unsent(struct generator *g, const struct planned *p, uint64_t now_ns,
                        const char *why)
{
    const char *text[RECORD_TEXTS] = {why};
    struct record r = {.number = p->number,
                       .planned_ns = p->at_ns,
                       .sent_ns = RECORD_NEVER,
                       .ended_ns = now_ns > p->at_ns ? now_ns : p->at_ns,
                       .node = p->node,
                       .payload = p->payload,
                       .net_error = 1 + CALL_NOT_SENT,
                       .execution = (double)NAN,
                       .queueing = (double)NAN,
                       .action = (double)NAN,
                       .epsilon = (double)NAN};

    for (unsigned i = 1; i < RECORD_TEXTS; i++)
        text[i] = "";
    keep(g, &r, text);
}

static struct flight *take_flight(struct generator *g)
{
    static const struct http_limits limits = {MOST_HEAD, EXPERIMENT_MAX_BODY};
    struct flight *f = g->idle;

    if (f) {
        g->idle = f->next;
    } else {
        f = calloc(1, sizeof(*f));
        if (!f)
            return NULL;
        f->g = g;
        http_response_init(&f->response, &limits);
    }
    f->before = NULL;
    f->later = g->open;
    if (f->later)
        f->later->before = f;
    g->open = f;
    g->n_open++;
    return f;
}

static void land(struct flight *f)
{
    struct generator *g = f->g;

    if (f->before)
        f->before->later = f->later;
    else
        g->open = f->later;
    if (f->later)
        f->later->before = f->before;
    g->n_open--;
    g->target[f->planned.node].open--;
    http_response_clear(&f->response);
    buf_trim(&f->response.body, KEPT_BODY);
    f->next = g->idle;
    g->idle = f;
}

static void end_call(struct flight *f, enum call_result result, uint64_t now_ns)
{
    const char *text[RECORD_TEXTS] = {result == CALL_ANSWERED ? "" : f->call.err};
    struct record r = {.number = f->planned.number,
                       .planned_ns = f->planned.at_ns,
                       .sent_ns = f->sent_ns,
                       .ended_ns = now_ns,
                       .node = f->planned.node,
                       .payload = f->planned.payload,
                       .status = result == CALL_ANSWERED ? f->call.status : 0,
                       .net_error = result == CALL_ANSWERED ? 0 : 1 + (int)result};

    if (result != CALL_ANSWERED)
        http_response_clear(&f->response);
    answer_read(&f->response, &r, text);
    keep(f->g, &r, text);
    land(f);
}

static void serve_line(struct generator *g, uint32_t node, uint64_t now_ns);

static void on_done(struct call *c, enum call_result result)
{
    struct flight *f = c->owner;
    struct generator *g = f->g;
    uint32_t node = f->planned.node;
    uint64_t now = result == CALL_ANSWERED ? c->answered_ns - g->begin_ns : generator_now(g);

    end_call(f, result, now);
    if (g->target[node].line.n > 0)
        serve_line(g, node, generator_now(g));
    generator_check_end(g);
}

/* ---- a node's connections and its line ---- */

static void start(struct generator *g, const struct planned *p, uint64_t now_ns)
{
    const struct experiment *e = g->experiment;
    struct flight *f = take_flight(g);
    uint64_t until = p->at_ns + (uint64_t)e->timeout;

    if (!f) {
        keep_unsent(g, p, now_ns, "out of memory");
        return;
    }
    g->target[p->node].open++;
    f->planned = *p;
    f->sent_ns = now_ns;
    f->call = (struct call){.method = "POST",
                            .path = g->path[p->payload],
                            .headers = &g->head[p->payload],
                            .headers2 = &g->target[p->node].host,
                            .whole_head = true,
                            .body = &e->payload[p->payload].body,
                            .started_ns = g->begin_ns + now_ns,
                            .timeout_ns = until > now_ns ? until - now_ns : 1,
                            .done = on_done,
                            .owner = f,
                            .response = &f->response};
    measures_sent(g->setup->measures, p->node, p->at_ns, now_ns);
    upstream_start(g->upstreams, &e->node[p->node].endpoint, &f->call);
}

static bool is_over(const struct generator *g, const struct planned *p, uint64_t now_ns)
{
    return now_ns >= p->at_ns + (uint64_t)g->experiment->timeout;
}

static void leave_line(struct generator *g, uint32_t node)
{
    line_take(&g->target[node].line);
    g->n_waiting--;
}

static void expire(struct generator *g, uint32_t node, uint64_t now_ns)
{
    const struct planned *first;

    while ((first = line_first(&g->target[node].line)) && is_over(g, first, now_ns)) {
        keep_unsent(g, first, now_ns, "no connection was free in time");
        leave_line(g, node);
    }
}

static void serve_line(struct generator *g, uint32_t node, uint64_t now_ns)
{
    struct target *t = &g->target[node];
    const struct planned *first;

    expire(g, node, now_ns);
    while (t->open < (unsigned)g->experiment->connections && (first = line_first(&t->line))) {
        struct planned p = *first;

        leave_line(g, node);
        start(g, &p, now_ns);
    }
}

void calls_make(struct generator *g, const struct planned *p, uint64_t now_ns)
{
    struct target *t = &g->target[p->node];

    measures_planned(g->setup->measures, p->node, p->at_ns, now_ns);
    if (is_over(g, p, now_ns)) {
        keep_unsent(g, p, now_ns, "the generator was too late");
    } else if (t->open < (unsigned)g->experiment->connections && t->line.n == 0) {
        start(g, p, now_ns);
    } else {
        measures_waits(g->setup->measures, p->node, p->at_ns);
        if (line_add(&t->line, p))
            keep_unsent(g, p, now_ns, "too many calls wait for a connection");
        else
            g->n_waiting++;
    }
}

void calls_expire(struct generator *g, uint64_t now_ns)
{
    for (uint32_t i = 0; i < g->experiment->n_nodes; i++)
        expire(g, i, now_ns);
}

void calls_give_up(struct generator *g)
{
    uint64_t now = generator_now(g);

    while (g->open) {
        struct flight *f = g->open;

        upstream_cancel(&f->call);
        snprintf(f->call.err, sizeof(f->call.err), "given up, as the run was ended");
        end_call(f, CALL_TIMEOUT, now);
    }
    for (uint32_t i = 0; i < g->experiment->n_nodes; i++) {
        const struct planned *first;

        while ((first = line_first(&g->target[i].line))) {
            keep_unsent(g, first, now, "given up, as the run was ended");
            leave_line(g, i);
        }
    }
}
