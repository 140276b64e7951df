/*
 * fuzz_swim.c - any bytes as what other nodes say.  A case is a list of steps: a kind, a
 * length of two bytes, that many bytes; the kinds are a datagram, the answer of an exchange,
 * the request of one, and time.  Whatever comes, the detector stays in order: its counters fit
 * its table, what it sends fits a datagram, and what it tells in full another can read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/discovery/swim_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { KINDS = 4, MEMBERS = 64, STATE_MOST = 1 << 20 };

static void must(int condition)
{
    if (!condition)
        abort();
}

static struct swim_address address(uint8_t host)
{
    return (struct swim_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = host},
                                 .port = 7000};
}

static void on_send(void *ctx, const struct swim_address *to, const void *data, size_t len)
{
    const struct swim_settings *settings = ctx;
    struct swim_reader r = {.at = data, .end = (const uint8_t *)data + len}, body;
    struct swim_address sender;

    (void)to;
    must(len <= settings->datagram);
    swim_get_head(&r, false, &sender);
    while (swim_get_message(&r, &body))
        ;
    must(!r.bad);
}

static void on_exchange(void *ctx, const struct swim_address *to, enum swim_want want)
{
    (void)ctx;
    (void)want;
    must(swim_address_valid(to));
}

static struct swim *start(struct swim_settings *settings, uint8_t host)
{
    static const struct swim_callbacks callbacks = {.send = on_send, .exchange = on_exchange};
    struct swim_self self = {.address = address(host), .id = "self", .group = "", .incarnation = 1};
    char err[P2P_ERRLEN];
    struct swim *s;

    s = swim_new(settings, &self, &callbacks, settings, 1, 1, err);
    must(s != NULL);
    return s;
}

static void check(const struct swim *s)
{
    uint32_t live = 0, queued = 0;

    must(s->n_all <= s->settings.members_most);
    must(s->stats.alive + s->stats.suspect == s->n_live);
    must(s->stats.suspect == s->suspects.n && s->stats.dead == s->dead.n);
    must(s->n_live + s->stats.dead + s->stats.left == s->n_all);
    must(s->self.m.state == SWIM_ALIVE);
    for (uint32_t i = 0; i < s->n_all; i++) {
        const struct swim_entry *e = s->all[i];

        must(e->all_at == i && swim_entry_find(s, &e->m.address) == e);
        must(swim_is_live(e) ? s->live[e->live_at] == e : e->live_at == SWIM_NEVER_AT);
        must(e->m.load.heard_ns <= s->now);
        live += swim_is_live(e);
        queued += e->queued;
    }
    must(live == s->n_live && queued + s->self.queued == s->n_queued);
}

static void step(struct swim *s, unsigned kind, const uint8_t *data, size_t len, uint64_t *now)
{
    struct swim_address from = address(2);
    char err[P2P_ERRLEN];
    struct buf out;

    *now += SWIM_MS;
    switch (kind) {
    case 0:
        swim_receive(s, &from, data, len, *now);
        break;
    case 1:
        swim_merge_state(s, &from, data, len, *now, err);
        break;
    case 2:
        buf_init(&out, STATE_MOST);
        swim_answer(s, data, len, &out, *now, err);
        buf_release(&out);
        break;
    default:
        for (unsigned i = 0; i < 20; i++) {
            *now = swim_next(s) < *now + 500 * SWIM_MS ? swim_next(s) : *now + 500 * SWIM_MS;
            swim_tick(s, *now);
            *now = s->now;
            must(swim_next(s) > *now);
        }
    }
}

/* What it says of all it knows, another understands to the end. */
static void retell(const struct swim *s, struct swim_settings *settings)
{
    struct swim *other = start(settings, 3);
    struct swim_address from = address(1);
    char err[P2P_ERRLEN];
    struct buf out;

    buf_init(&out, STATE_MOST);
    must(swim_write_state(s, SWIM_WANT_STATE, &out) == 0);
    must(swim_merge_state(other, &from, out.data, out.len, s->now, err) == 0);
    check(other);
    buf_release(&out);
    swim_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct swim_settings settings;
    struct swim *s;
    uint64_t now = 1;

    swim_defaults(&settings);
    settings.members_most = MEMBERS;
    s = start(&settings, 1);
    while (size >= 3) {
        unsigned kind = data[0] % KINDS;
        size_t len = (size_t)data[1] << 8 | data[2];
        uint8_t *exact;

        data += 3;
        size -= 3;
        len = len < size ? len : size;
        exact = malloc(len ? len : 1);
        must(exact != NULL);
        memcpy(exact, data, len);
        step(s, kind, exact, len, &now);
        free(exact);
        check(s);
        data += len;
        size -= len;
    }
    retell(s, &settings);
    swim_free(s);
    return 0;
}
