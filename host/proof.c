#include "host/proof.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "host/wire.h"

enum { MOST_FIELDS = 24 };

struct fields {
    struct auth_field field[MOST_FIELDS];
    unsigned n;
};

uint64_t proof_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void add(struct fields *f, const void *data, size_t len, const void *tail, size_t tail_len)
{
    f->field[f->n++] = (struct auth_field){data, len, tail, tail_len};
}

static void add_text(struct fields *f, const char *text)
{
    add(f, text, strlen(text), NULL, 0);
}

/* The values without the blanks around them: those do not survive the way. */
static void add_headers(struct fields *f, const char *const *names, const struct headers *first,
                        const struct headers *second)
{
    for (; *names; names++) {
        const char *value = first ? headers_get(first, *names) : NULL;
        size_t len;

        if (!value && second)
            value = headers_get(second, *names);
        value = value ? value + strspn(value, " \t") : "";
        len = strlen(value);
        while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
            len--;
        add(f, value, len, NULL, 0);
    }
}

/* ---- requests ---- */

int proof_sign_call(struct auth *auth, const char *to, const struct call *c, uint64_t now_ms,
                    struct headers *into, struct auth_proof *asked)
{
    struct fields f = {.n = 0};
    char text[AUTH_TEXT];

    if (!auth)
        return 0;
    add_text(&f, to);
    add_text(&f, c->method);
    add(&f, c->path, strlen(c->path), c->path_tail, c->path_tail_len);
    add_headers(&f, wire_proven_request, c->headers2, c->headers);
    if (auth_sign(auth, AUTH_REQUEST, f.field, f.n, c->body ? c->body->data : NULL,
                  c->body ? c->body->len : 0, now_ms, text, asked))
        return -1;
    return headers_put(into, PROOF_HEADER, strlen(PROOF_HEADER), text, AUTH_TEXT - 1);
}

enum auth_verdict proof_of_request(struct auth *auth, const struct proof_request *rq,
                                   uint64_t now_ms, struct auth_finding *found)
{
    struct fields f = {.n = 0};

    add_text(&f, rq->to);
    add_text(&f, rq->method);
    add_text(&f, rq->target);
    add_headers(&f, wire_proven_request, rq->internal, rq->headers);
    return auth_check(auth, AUTH_REQUEST, f.field, f.n, rq->text, now_ms, found);
}

/* ---- answers ---- */

static void add_answer(struct fields *f, const struct auth_proof *asked,
                       const struct http_response *r, char status[16])
{
    snprintf(status, 16, "%d", r->status);
    add(f, asked->mac, AUTH_MAC, NULL, 0);
    add_text(f, status);
    add_headers(f, wire_proven_answer, &r->headers, NULL);
}

/* Of what is sent: a status may forbid a body. */
static size_t body_length(const struct http_response *r)
{
    return r->status == 204 || r->status == 304 ? 0 : r->body.len;
}

int proof_sign_answer(struct auth *auth, const struct auth_proof *asked, uint64_t now_ms,
                      struct http_response *r)
{
    struct headers *h = &r->headers;
    size_t limit = h->text.limit;
    struct fields f = {.n = 0};
    char text[AUTH_TEXT], status[16];
    struct auth_proof own;
    int rc;

    add_answer(&f, asked, r, status);
    if (auth_sign(auth, AUTH_ANSWER, f.field, f.n, r->body.data, body_length(r), now_ms, text,
                  &own))
        return -1;
    h->text.limit = h->text.len + PROOF_BYTES; /* whoever answers leaves us no room */
    rc = headers_put(h, PROOF_HEADER, strlen(PROOF_HEADER), text, AUTH_TEXT - 1);
    h->text.limit = limit;
    return rc;
}

enum auth_verdict proof_of_answer(struct auth *auth, const struct auth_proof *asked,
                                  const struct http_response *r, char why[P2P_ERRLEN])
{
    struct fields f = {.n = 0};
    struct auth_finding found;
    enum auth_verdict v;
    char status[16];

    if (!auth)
        return AUTH_OK;
    add_answer(&f, asked, r, status);
    v = auth_check(auth, AUTH_ANSWER, f.field, f.n, headers_get(&r->headers, PROOF_HEADER), 0,
                   &found);
    if (v == AUTH_OK && !auth_body_is(&found.proof, r->body.data, body_length(r)))
        v = AUTH_FORGED;
    if (v != AUTH_OK)
        snprintf(why, P2P_ERRLEN,
                 "its answer, status %d, is %s: have both nodes the same security.secret?",
                 r->status, auth_verdict_name(v));
    return v;
}
