#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/discovery/support_one.h"

static void on_send(void *ctx, const struct swim_address *to, const void *data, size_t len)
{
    struct one *o = ctx;
    struct one_datagram *d = &o->sent[o->n_sent];

    assert_true(o->n_sent < ONE_KEPT);
    assert_true(len <= o->settings.datagram);
    d->to = net_index(to);
    d->len = len;
    memcpy(d->data, data, len);
    o->n_sent++;
}

static void on_exchange(void *ctx, const struct swim_address *to, enum swim_want want)
{
    struct one *o = ctx;

    assert_true(o->n_exchanges < sizeof(o->exchanges) / sizeof(o->exchanges[0]));
    o->exchanges[o->n_exchanges].to = net_index(to);
    o->exchanges[o->n_exchanges++].want = want;
}

static void on_changed(void *ctx, const struct swim_member *m, enum swim_state old_state)
{
    struct one *o = ctx;
    struct one_change *c = &o->changes[o->n_changes % (sizeof(o->changes) / sizeof(*o->changes))];

    c->about = net_index(&m->address);
    c->old_state = old_state;
    c->m = *m;
    o->n_changes++;
}

static void on_heard(void *ctx, const struct swim_member *m)
{
    struct one *o = ctx;

    (void)m;
    o->n_heard++;
}

static void on_conflict(void *ctx, const struct swim_member *a, const struct swim_member *b)
{
    struct one *o = ctx;

    o->n_conflicts++;
    o->conflict[0] = net_index(&a->address);
    o->conflict[1] = net_index(&b->address);
}

static void on_full(void *ctx, const struct swim_address *refused)
{
    struct one *o = ctx;

    (void)refused;
    o->n_full++;
}

void one_init(struct one *o)
{
    memset(o, 0, sizeof(*o));
    swim_defaults(&o->settings);
    o->now = 100 * SECOND;
    o->sent = calloc(ONE_KEPT, sizeof(*o->sent));
    assert_non_null(o->sent);
}

void one_start(struct one *o, uint32_t incarnation)
{
    static const struct swim_callbacks callbacks = {.send = on_send,
                                                    .exchange = on_exchange,
                                                    .changed = on_changed,
                                                    .heard = on_heard,
                                                    .conflict = on_conflict,
                                                    .full = on_full};
    const struct swim_self self = {.address = net_address(0),
                                   .http_port = 8080,
                                   .id = "self",
                                   .group = "g",
                                   .slots = 4,
                                   .incarnation = incarnation};

    o->s = swim_new(&o->settings, &self, &callbacks, o, 42, o->now, o->err);
    assert_non_null(o->s);
}

void one_release(struct one *o)
{
    swim_free(o->s);
    free(o->sent);
}

void one_run(struct one *o, uint64_t ns)
{
    uint64_t until = o->now + ns, next = swim_next(o->s);

    while (next <= until) {
        o->now = next > o->now ? next : o->now;
        next = swim_tick(o->s, o->now);
        assert_true(next > o->now);
    }
    o->now = until;
}

void one_forget_sent(struct one *o)
{
    o->n_sent = 0;
}

/* ---- what it hears */

void one_begin(struct one *o, unsigned speaker)
{
    struct swim_address a = net_address(speaker);

    o->speaker = speaker;
    o->out.w = (struct swim_writer){.data = o->out.bytes, .size = sizeof(o->out.bytes)};
    assert_true(swim_put_head(&o->out.w, false, &a));
}

void one_end(struct one *o)
{
    struct swim_address from = net_address(o->speaker);
    uint8_t *exact = malloc(o->out.w.len);

    assert_non_null(exact);
    memcpy(exact, o->out.bytes, o->out.w.len);
    swim_receive(o->s, &from, exact, o->out.w.len, o->now);
    free(exact);
}

struct swim_entry one_entry(unsigned node, enum swim_state state, uint32_t incarnation)
{
    struct swim_entry e = {.m = {.address = net_address(node),
                                 .http_port = 8080,
                                 .state = state,
                                 .group = "g",
                                 .slots = 2,
                                 .incarnation = incarnation}};

    snprintf(e.m.id, sizeof(e.m.id), "node-%u", node);
    return e;
}

void one_hear(struct one *o, unsigned speaker, const struct swim_entry *e)
{
    one_begin(o, speaker);
    assert_true(swim_put_record(&o->out.w, e));
    one_end(o);
}

void one_hear_of(struct one *o, unsigned speaker, unsigned about, enum swim_state state,
                 uint32_t incarnation, int accuser)
{
    struct swim_entry e = one_entry(about, state, incarnation);

    if (accuser != NOBODY)
        e.accusers[e.n_accusers++] = net_address((unsigned)accuser);
    one_hear(o, speaker, &e);
}

void one_ack(struct one *o, unsigned speaker, uint32_t seq)
{
    one_begin(o, speaker);
    assert_true(swim_put_number(&o->out.w, MESSAGE_ACK, seq));
    one_end(o);
}

void one_state(struct buf *out, unsigned speaker, const struct swim_entry *all, unsigned n)
{
    struct swim_entry own = one_entry(speaker, SWIM_ALIVE, 1);
    struct swim_address a = net_address(speaker);
    struct swim_writer w = {.size = (n + 2) * (size_t)SWIM_RECORD_MOST};

    assert_int_equal(buf_reserve(out, w.size), 0);
    w.data = (uint8_t *)out->data;
    assert_true(swim_put_head(&w, true, &a));
    assert_true(swim_put_record(&w, &own));
    for (unsigned i = 0; i < n; i++)
        assert_true(swim_put_record(&w, &all[i]));
    out->len = w.len;
}

/* By a full account, so that there is nothing to tell. */
void one_meet(struct one *o, unsigned n)
{
    struct swim_entry *all = calloc(n, sizeof(*all));
    struct swim_address from = net_address(1);
    struct buf state;

    assert_non_null(all);
    for (unsigned i = 0; i < n; i++)
        all[i] = one_entry(i + 1, SWIM_ALIVE, 1);
    buf_init(&state, 8 << 20);
    one_state(&state, 1, all, n);
    assert_int_equal(swim_merge_state(o->s, &from, state.data, state.len, o->now, o->err), 0);
    buf_release(&state);
    free(all);
    o->n_changes = 0;
}

/* ---- what it said */

typedef void (*visit)(void *ctx, unsigned type, struct swim_reader *body);

static void each_message(const struct one *o, int to, visit f, void *ctx)
{
    for (unsigned i = 0; i < o->n_sent; i++) {
        const struct one_datagram *d = &o->sent[i];
        struct swim_reader r = {.at = d->data, .end = d->data + d->len}, body;
        struct swim_address sender;
        unsigned type;

        if (to != NOBODY && d->to != (unsigned)to)
            continue;
        swim_get_head(&r, false, &sender);
        assert_int_equal(net_index(&sender), 0);
        while ((type = swim_get_message(&r, &body)) != 0)
            f(ctx, type, &body);
        assert_false(r.bad);
    }
}

struct search {
    unsigned type, n;
    struct swim_reader last;
    unsigned about;
    struct swim_record record;
};

static void count_type(void *ctx, unsigned type, struct swim_reader *body)
{
    struct search *find = ctx;

    if (type == find->type) {
        find->n++;
        find->last = *body;
    }
}

static void count_about(void *ctx, unsigned type, struct swim_reader *body)
{
    struct search *find = ctx;
    struct swim_record record;

    if (type != MESSAGE_MEMBER)
        return;
    swim_get_record(body, &record);
    assert_false(body->bad);
    if (net_index(&record.m.address) == find->about) {
        find->n++;
        find->record = record;
    }
}

unsigned one_count(const struct one *o, int to, unsigned type)
{
    struct search find = {.type = type};

    each_message(o, to, count_type, &find);
    return find.n;
}

struct swim_reader one_last(const struct one *o, int to, unsigned type)
{
    struct search find = {.type = type};

    each_message(o, to, count_type, &find);
    assert_true(find.n > 0);
    return find.last;
}

uint32_t one_last_seq(const struct one *o, int to, unsigned type)
{
    struct swim_reader body = one_last(o, to, type);

    return swim_get_u32(&body);
}

bool one_told(const struct one *o, int to, unsigned about, struct swim_record *record)
{
    struct search find = {.about = about};

    each_message(o, to, count_about, &find);
    *record = find.record;
    return find.n > 0;
}

unsigned one_count_told(const struct one *o, unsigned about)
{
    struct search find = {.about = about};

    each_message(o, NOBODY, count_about, &find);
    return find.n;
}

/* ---- what it believes */

enum swim_state one_sees(const struct one *o, unsigned node)
{
    struct swim_address a = net_address(node);
    const struct swim_member *m = swim_find(o->s, &a);

    return m ? m->state : SWIM_UNKNOWN;
}

struct swim_stats one_stats(const struct one *o)
{
    struct swim_stats stats;

    swim_stats(o->s, &stats);
    return stats;
}
