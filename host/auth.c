#include "host/auth.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "host/auth_window.h"

enum {
    VERSION = 1,
    KEY = 32,
    /* A guess at a secret that somebody heard a MAC of costs as many hashes. */
    KEY_ROUNDS = 10000,
    /* Beyond the first ring of each session: 4 MB. */
    SPARE_WORDS = (4 << 20) / 8,
    MARK = 8 /* before the rest of a seal */
};
static const char salt[] = "p2pfaas cluster";
static const char mark[MARK + 1] = "p2pauth1";

struct session {
    uint64_t id;
    uint64_t last_ms;   /* this node's clock when the last message was taken */
    uint64_t newest_ms; /* the newest time of its messages */
    struct auth_window window;
    UT_hash_handle hh;
    struct session *prev, *next; /* the one that is silent longest comes first */
};

struct auth {
    unsigned char key[KEY];
    struct auth_settings settings;
    _Atomic uint64_t counter;
    pthread_mutex_t lock; /* all below */
    struct session *sessions, *order;
    unsigned n_sessions;
    uint64_t spare;    /* words by which rings may still grow */
    uint64_t floor_ms; /* nothing this old is taken */
};

/* What a sender says of itself. */
struct stamp {
    uint64_t time, session, counter;
};

const char *auth_verdict_name(enum auth_verdict v)
{
    static const char *const names[AUTH_VERDICTS] = {"ok",   "unsigned", "forged",
                                                     "late", "replayed", "full"};

    return names[v];
}

/* ---- life ---- */

struct auth *auth_new(const char *secret, const struct auth_settings *s)
{
    gnutls_datum_t word = {(unsigned char *)(uintptr_t)secret, (unsigned)strlen(secret)};
    gnutls_datum_t grain = {(unsigned char *)(uintptr_t)salt, sizeof(salt) - 1};
    struct auth *a = calloc(1, sizeof(*a));

    if (!a)
        return NULL;
    if (gnutls_pbkdf2(GNUTLS_MAC_SHA256, &word, &grain, KEY_ROUNDS, a->key, sizeof(a->key))) {
        free(a);
        return NULL;
    }
    a->settings = *s;
    if (!a->settings.sessions)
        a->settings.sessions = AUTH_SESSIONS;
    a->spare = SPARE_WORDS;
    a->floor_ms = s->start_ms ? s->start_ms - 1 : 0;
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

/* Under the lock. */
static void forget(struct auth *a, struct session *s)
{
    if (s->newest_ms > a->floor_ms)
        a->floor_ms = s->newest_ms;
    a->spare += s->window.words - AUTH_WINDOW_FIRST;
    a->n_sessions--;
    DL_DELETE(a->order, s);
    HASH_DEL(a->sessions, s); /* NOLINT(clang-analyzer-*): it loses track in uthash */
    auth_window_release(&s->window);
    free(s);
}

void auth_free(struct auth *a)
{
    if (!a)
        return;
    while (a->order)
        forget(a, a->order);
    pthread_mutex_destroy(&a->lock);
    gnutls_memset(a->key, 0, sizeof(a->key));
    free(a);
}

unsigned auth_sessions(struct auth *a)
{
    unsigned n;

    pthread_mutex_lock(&a->lock);
    n = a->n_sessions;
    pthread_mutex_unlock(&a->lock);
    return n;
}

/* ---- the MAC ---- */

static void put_number(unsigned char *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        to[i] = (unsigned char)(value >> 8 * (bytes - 1 - i));
}

static uint64_t get_number(const unsigned char *from)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | from[i];
    return value;
}

/* 0, or -1: memory is short. */
static int digest_of(const void *body, size_t len, unsigned char out[AUTH_DIGEST])
{
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, len ? body : "", len, out) ? -1 : 0;
}

static int add_field(gnutls_hmac_hd_t h, const struct auth_field *f)
{
    unsigned char length[8];

    put_number(length, f->len + f->tail_len, sizeof(length));
    return gnutls_hmac(h, length, sizeof(length)) || (f->len && gnutls_hmac(h, f->data, f->len)) ||
           (f->tail_len && gnutls_hmac(h, f->tail, f->tail_len));
}

/* digest NULL: the kind has none.  0, or -1: memory is short. */
static int mac_of(const struct auth *a, enum auth_kind kind, const struct stamp *s,
                  const struct auth_field *fields, unsigned n, const unsigned char *digest,
                  unsigned char out[AUTH_MAC])
{
    unsigned char head[2 + 3 * 8] = {VERSION, (unsigned char)kind};
    gnutls_hmac_hd_t h;
    int rc;

    put_number(head + 2, s->time, 8);
    put_number(head + 10, s->session, 8);
    put_number(head + 18, s->counter, 8);
    if (gnutls_hmac_init(&h, GNUTLS_MAC_SHA256, a->key, sizeof(a->key)))
        return -1;
    rc = gnutls_hmac(h, head, sizeof(head));
    if (digest)
        rc |= gnutls_hmac(h, digest, AUTH_DIGEST);
    for (unsigned i = 0; i < n; i++)
        rc |= add_field(h, &fields[i]);
    gnutls_hmac_deinit(h, out);
    return rc ? -1 : 0;
}

static struct stamp next_stamp(struct auth *a, uint64_t now_ms)
{
    return (struct stamp){now_ms, a->settings.session, atomic_fetch_add(&a->counter, 1)};
}

/* ---- is it fresh, was it seen? ---- */

/* A place for a new session; NULL when there is none. */
static struct session *admit(struct auth *a, const struct stamp *t, uint64_t now_ms)
{
    struct session *s;

    if (a->n_sessions >= a->settings.sessions) {
        s = a->order;
        if (now_ms < s->last_ms || now_ms - s->last_ms <= 2 * a->settings.skew_ms)
            return NULL;
        forget(a, s);
    }
    s = calloc(1, sizeof(*s));
    if (!s || auth_window_init(&s->window, t->counter, now_ms)) {
        free(s);
        return NULL;
    }
    s->id = t->session;
    HASH_ADD(hh, a->sessions, id, sizeof(s->id), s);
    DL_APPEND(a->order, s);
    a->n_sessions++;
    return s;
}

/* Under the lock. */
static enum auth_verdict take(struct auth *a, const struct stamp *t, uint64_t now_ms,
                              struct auth_finding *f)
{
    uint64_t apart = t->time > now_ms ? t->time - now_ms : now_ms - t->time;
    struct session *s;

    if (apart > a->settings.skew_ms)
        return AUTH_LATE;
    if (t->session == a->settings.session) /* this node's own words, sent back to it */
        return AUTH_REPLAYED;
    HASH_FIND(hh, a->sessions, &t->session, sizeof(t->session), s);
    if (!s && t->time > a->floor_ms && !(s = admit(a, t, now_ms)))
        return AUTH_FULL;
    if (t->time <= a->floor_ms) {
        f->below_floor = true;
        return AUTH_LATE;
    }
    if (!auth_window_take(&s->window, t->counter))
        return AUTH_REPLAYED;
    a->spare -= auth_window_widen(&s->window, now_ms, 2 * a->settings.skew_ms, a->spare);
    s->last_ms = now_ms;
    if (t->time > s->newest_ms)
        s->newest_ms = t->time;
    DL_DELETE(a->order, s);
    DL_APPEND(a->order, s);
    return AUTH_OK;
}

static enum auth_verdict judge_stamp(struct auth *a, const struct stamp *t, uint64_t now_ms,
                                     struct auth_finding *f)
{
    f->behind_ms = (int64_t)(now_ms - t->time);
    pthread_mutex_lock(&a->lock);
    f->verdict = take(a, t, now_ms, f);
    pthread_mutex_unlock(&a->lock);
    return f->verdict;
}

void auth_explain(const struct auth *a, const struct auth_finding *f, char out[P2P_ERRLEN])
{
    double apart = (double)(f->behind_ms < 0 ? -f->behind_ms : f->behind_ms) / 1e3;
    double skew = (double)a->settings.skew_ms / 1e3;

    switch (f->verdict) {
    case AUTH_LATE:
        if (f->below_floor)
            snprintf(out, P2P_ERRLEN,
                     "late by %.1f s: made before this node was started or forgot a sender, so it "
                     "may be a replay; clocks that agree do not cause this",
                     apart);
        else
            snprintf(out, P2P_ERRLEN,
                     "late by %.1f s, its clock is %s this node's by more than "
                     "security.clock_skew, %.1f s: set the clocks, or it is a replay",
                     apart, f->behind_ms < 0 ? "ahead of" : "behind", skew);
        return;
    case AUTH_FORGED:
        snprintf(out, P2P_ERRLEN,
                 "forged: made with another security.secret, meant for another node, or changed on "
                 "its way");
        return;
    case AUTH_UNSIGNED:
        snprintf(out, P2P_ERRLEN,
                 "unsigned: this cluster has a security.secret and the sender none");
        return;
    case AUTH_REPLAYED:
        snprintf(out, P2P_ERRLEN, "replayed: it was seen before");
        return;
    case AUTH_FULL:
        snprintf(out, P2P_ERRLEN, "full: %u senders are known and none of them is silent",
                 a->settings.sessions);
        return;
    case AUTH_OK:
    case AUTH_VERDICTS:
        break;
    }
    snprintf(out, P2P_ERRLEN, "ok");
}

/* ---- over HTTP ---- */

static char *put_hex(char *to, const unsigned char *from, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        *to++ = digits[from[i] >> 4];
        *to++ = digits[from[i] & 15];
    }
    return to;
}

/* A blank and 2n lower-case digits: the place after them, or NULL. */
static const char *get_hex(const char *from, unsigned char *out, size_t n)
{
    if (!from || *from++ != ' ')
        return NULL;
    for (size_t i = 0; i < 2 * n; i++, from++) {
        int digit = *from >= '0' && *from <= '9'   ? *from - '0'
                    : *from >= 'a' && *from <= 'f' ? *from - 'a' + 10
                                                   : -1;

        if (digit < 0)
            return NULL;
        out[i / 2] = (unsigned char)(i % 2 ? out[i / 2] | digit : digit << 4);
    }
    return from;
}

static char *put_stamp(char *to, uint64_t value)
{
    unsigned char bytes[8];

    put_number(bytes, value, sizeof(bytes));
    *to++ = ' ';
    return put_hex(to, bytes, sizeof(bytes));
}

static const char *get_stamp(const char *from, uint64_t *out)
{
    unsigned char bytes[8];

    from = get_hex(from, bytes, sizeof(bytes));
    *out = from ? get_number(bytes) : 0;
    return from;
}

int auth_sign(struct auth *a, enum auth_kind kind, const struct auth_field *fields, unsigned n,
              const void *body, size_t len, uint64_t now_ms, char text[AUTH_TEXT],
              struct auth_proof *out)
{
    struct stamp s = next_stamp(a, now_ms);
    char *at = text;

    if (digest_of(body, len, out->digest) || mac_of(a, kind, &s, fields, n, out->digest, out->mac))
        return -1;
    *at++ = 'v';
    *at++ = '0' + VERSION;
    at = put_stamp(at, s.time);
    at = put_stamp(at, s.session);
    at = put_stamp(at, s.counter);
    *at++ = ' ';
    at = put_hex(at, out->digest, AUTH_DIGEST);
    *at++ = ' ';
    at = put_hex(at, out->mac, AUTH_MAC);
    *at = '\0';
    return 0;
}

/* 0, or -1 when it has not this form. */
static int parse(const char *text, struct stamp *s, struct auth_proof *p)
{
    if (text[0] != 'v' || text[1] != '0' + VERSION)
        return -1;
    text = get_stamp(text + 2, &s->time);
    text = get_stamp(text, &s->session);
    text = get_stamp(text, &s->counter);
    text = get_hex(text, p->digest, AUTH_DIGEST);
    text = get_hex(text, p->mac, AUTH_MAC);
    return text && *text == '\0' ? 0 : -1;
}

enum auth_verdict auth_check(struct auth *a, enum auth_kind kind, const struct auth_field *fields,
                             unsigned n, const char *text, uint64_t now_ms, struct auth_finding *f)
{
    unsigned char mac[AUTH_MAC];
    struct stamp s;

    *f = (struct auth_finding){.verdict = AUTH_UNSIGNED};
    if (!text)
        return f->verdict;
    f->verdict = AUTH_FORGED;
    if (parse(text, &s, &f->proof) || mac_of(a, kind, &s, fields, n, f->proof.digest, mac) ||
        gnutls_memcmp(mac, f->proof.mac, AUTH_MAC) != 0)
        return f->verdict;
    if (kind != AUTH_ANSWER)
        return judge_stamp(a, &s, now_ms, f);
    return f->verdict = AUTH_OK;
}

bool auth_body_is(const struct auth_proof *p, const void *body, size_t len)
{
    unsigned char digest[AUTH_DIGEST];

    return digest_of(body, len, digest) == 0 && gnutls_memcmp(digest, p->digest, AUTH_DIGEST) == 0;
}

/* ---- datagrams: content, mark, time, session, counter, MAC ---- */

static int mac_of_datagram(const struct auth *a, const char *to, const struct stamp *s,
                           const void *data, size_t len, unsigned char mac[AUTH_MAC])
{
    struct auth_field fields[] = {{.data = to, .len = strlen(to)}, {.data = data, .len = len}};

    return mac_of(a, AUTH_DATAGRAM, s, fields, 2, NULL, mac);
}

size_t auth_seal(struct auth *a, const char *to, void *data, size_t len, size_t size,
                 uint64_t now_ms)
{
    struct stamp s = next_stamp(a, now_ms);
    unsigned char *at = (unsigned char *)data + len;

    if (size < len || size - len < AUTH_ROOM)
        return 0;
    memcpy(at, mark, MARK);
    put_number(at + MARK, s.time, 8);
    put_number(at + MARK + 8, s.session, 8);
    put_number(at + MARK + 16, s.counter, 8);
    if (mac_of_datagram(a, to, &s, data, len, at + MARK + 24))
        return 0;
    return len + AUTH_ROOM;
}

ssize_t auth_open(struct auth *a, const char *to, const void *data, size_t len, uint64_t now_ms,
                  struct auth_finding *f)
{
    const unsigned char *at = (const unsigned char *)data + (len < AUTH_ROOM ? 0 : len - AUTH_ROOM);
    unsigned char mac[AUTH_MAC];
    struct stamp s;

    *f = (struct auth_finding){.verdict = AUTH_UNSIGNED};
    if (len < AUTH_ROOM || memcmp(at, mark, MARK) != 0)
        return -1;
    s = (struct stamp){get_number(at + MARK), get_number(at + MARK + 8),
                       get_number(at + MARK + 16)};
    f->verdict = AUTH_FORGED;
    memcpy(f->proof.mac, at + MARK + 24, AUTH_MAC);
    if (mac_of_datagram(a, to, &s, data, len - AUTH_ROOM, mac) ||
        gnutls_memcmp(mac, f->proof.mac, AUTH_MAC) != 0 || judge_stamp(a, &s, now_ms, f) != AUTH_OK)
        return -1;
    return (ssize_t)(len - AUTH_ROOM);
}
