#include "bench/rewards.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { MOST_MESSAGES = 32, MOST_BODY = 8 << 20, STREAM_REWARDS = 1 << 20 };
static const uint64_t LONGEST_NS = 10000000000u;

struct message {
    struct rewards *all;
    struct message *next, *prev;
    struct call call;
    struct buf body;
    unsigned n;
};

struct learner {
    struct message *filling;
    unsigned wanted; /* rewards in it */
};

struct rewards {
    const struct experiment *experiment;
    struct upstreams *upstreams;
    struct headers headers;
    struct random random;
    struct message *under_way;
    unsigned n_under_way;
    struct rewards_outcome outcome;
    struct learner learner[];
};

static void draw(struct rewards *w, struct learner *l)
{
    const struct experiment_reward_keys *k = &w->experiment->rewards;

    l->wanted = k->batch_min + random_below(&w->random, k->batch_max - k->batch_min + 1);
}

struct rewards *rewards_new(const struct experiment *e, struct upstreams *upstreams)
{
    struct rewards *w = calloc(1, sizeof(*w) + e->n_nodes * sizeof(struct learner));

    if (!w)
        return NULL;
    w->experiment = e;
    w->upstreams = upstreams;
    random_stream(&w->random, (uint64_t)e->seed, STREAM_REWARDS);
    headers_init(&w->headers, 256);
    for (unsigned i = 0; i < e->n_nodes; i++)
        draw(w, &w->learner[i]);
    if (headers_add(&w->headers, "Content-Type", "application/json") == 0)
        return w;
    rewards_free(w);
    return NULL;
}

static void message_free(struct message *m)
{
    if (m)
        buf_release(&m->body);
    free(m);
}

void rewards_free(struct rewards *w)
{
    if (!w)
        return;
    for (unsigned i = 0; i < w->experiment->n_nodes; i++)
        message_free(w->learner[i].filling);
    while (w->under_way) {
        struct message *m = w->under_way;

        w->under_way = m->next;
        upstream_cancel(&m->call);
        message_free(m);
    }
    headers_release(&w->headers);
    free(w);
}

static void lose(struct rewards *w, unsigned n, const char *why)
{
    if (!w->outcome.lost)
        snprintf(w->outcome.why, sizeof(w->outcome.why), "%s", why);
    w->outcome.lost += n;
}

static void on_done(struct call *c, enum call_result result)
{
    struct message *m = c->owner;
    struct rewards *w = m->all;
    char why[P2P_ERRLEN];

    if (m->prev)
        m->prev->next = m->next;
    else
        w->under_way = m->next;
    if (m->next)
        m->next->prev = m->prev;
    w->n_under_way--;
    if (result == CALL_ANSWERED && c->status == 200) {
        w->outcome.told += m->n;
    } else {
        snprintf(why, sizeof(why), "it answered with status %d", c->status);
        lose(w, m->n, result == CALL_ANSWERED ? why : c->err);
    }
    message_free(m);
}

static void send_message(struct rewards *w, uint32_t node)
{
    struct learner *l = &w->learner[node];
    struct message *m = l->filling;

    l->filling = NULL;
    draw(w, l);
    if (w->n_under_way == MOST_MESSAGES || buf_puts(&m->body, "]")) {
        lose(w, m->n, "too many messages are under way");
        message_free(m);
        return;
    }
    m->call = (struct call){.method = "POST",
                            .path = w->experiment->rewards.path,
                            .headers = &w->headers,
                            .body = &m->body,
                            .timeout_ns = LONGEST_NS,
                            .done = on_done,
                            .owner = m};
    m->next = w->under_way;
    if (m->next)
        m->next->prev = m;
    w->under_way = m;
    w->n_under_way++;
    upstream_start(w->upstreams, &w->experiment->node[node].learner, &m->call);
}

static bool is_plain(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == '"' || *text == '\\')
            return false;
    return true;
}

void rewards_add(struct rewards *w, const struct record *r, const char *const text[RECORD_TEXTS])
{
    struct learner *l = &w->learner[r->node];

    if (!is_plain(text[RECORD_EID]) || !is_plain(text[RECORD_STATE])) {
        lose(w, 1, "an eid or a state that is no list of numbers");
        return;
    }
    if (!l->filling) {
        l->filling = calloc(1, sizeof(*l->filling));
        if (!l->filling) {
            lose(w, 1, "out of memory");
            return;
        }
        l->filling->all = w;
        buf_init(&l->filling->body, MOST_BODY);
    }
    if (buf_printf(&l->filling->body,
                   "%s{\"eid\":\"%s\",\"state\":\"%s\",\"action\":\"%.6f\",\"reward\":%.1f}",
                   l->filling->n ? "," : "[", text[RECORD_EID], text[RECORD_STATE], r->action,
                   r->reward)) {
        lose(w, 1, "out of memory");
        return;
    }
    if (++l->filling->n >= l->wanted)
        send_message(w, r->node);
}

void rewards_flush(struct rewards *w)
{
    for (uint32_t i = 0; i < w->experiment->n_nodes; i++)
        if (w->learner[i].filling && w->learner[i].filling->n > 0)
            send_message(w, i);
}

unsigned rewards_open(const struct rewards *w)
{
    return w->n_under_way;
}

const struct rewards_outcome *rewards_outcome(const struct rewards *w)
{
    return &w->outcome;
}
