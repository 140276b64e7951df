#include "host/wire.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/learner_text.h"
#include "host/proof.h"
#include "host/version.h"
#include "host/wire_names.h"

enum { PREFIX_LEN = sizeof(PREFIX) - 1, LIST_MAX = 1024, OWN_BYTES = 8 * LIST_MAX };

const char *const wire_proven_request[] = {HOPS,    FROM,   REMAINING,     TRACING_ID,     BYPASS,
                                           FORWARD, REJECT, LEARNING_TYPE, "Content-Type", NULL};
const char *const wire_proven_answer[] = {
    OUTCOME,   LOAD,     MAX_LOAD,        QUEUE_LENGTH,    HOPS,
    EXECUTION, QUEUEING, PROBING_LIST,    SCHEDULING_LIST, TOTAL_LIST,
    PEERS_ID,  PEERS_IP, LEARNING_REWARD, COLD_START_LIST, "Content-Type",
    NULL};

/* ---- numbers, on the path of every answer ---- */

/* With zeros in front up to `least` digits; returns the end, not zero-terminated. */
static char *put_number(char *to, uint64_t value, unsigned least)
{
    char digits[20];
    unsigned n = 0;

    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0 || n < least);
    while (n > 0)
        *to++ = digits[--n];
    return to;
}

enum { SECONDS_TEXT = 32 };

/* "0.001250"; returns its length. */
static size_t format_seconds(char out[SECONDS_TEXT], uint64_t ns)
{
    uint64_t us = ns / 1000;
    char *at = put_number(out, us / 1000000, 1);

    *at++ = '.';
    at = put_number(at, us % 1000000, 6);
    *at = '\0';
    return (size_t)(at - out);
}

/* As that, but a decision takes less than a microsecond. */
static size_t format_fine(char out[SECONDS_TEXT], uint64_t ns)
{
    char *at = put_number(out, ns / 1000000000, 1);

    *at++ = '.';
    at = put_number(at, ns % 1000000000, 9);
    *at = '\0';
    return (size_t)(at - out);
}

static int add_count(struct headers *h, const char *name, uint32_t value)
{
    char text[16];
    char *end = put_number(text, value, 1);

    return headers_put(h, name, strlen(name), text, (size_t)(end - text));
}

/* ---- between nodes ---- */

bool wire_is_internal(const char *name, size_t len)
{
    static const char *const names[] = {HOPS,   FROM,    REMAINING, PROOF_HEADER,
                                        BYPASS, FORWARD, REJECT};

    if (len < PREFIX_LEN || strncasecmp(name, PREFIX, PREFIX_LEN) != 0)
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

void wire_note_override(struct job *j, const char *name, size_t value_len)
{
    static const struct {
        const char *name;
        enum override override;
    } table[] = {{BYPASS, OVERRIDE_BYPASS}, {FORWARD, OVERRIDE_FORWARD}, {REJECT, OVERRIDE_REJECT}};

    for (size_t i = 0; value_len > 0 && i < sizeof(table) / sizeof(table[0]); i++)
        if (strcasecmp(name, table[i].name) == 0 &&
            (!j->override || table[i].override < j->override))
            j->override = table[i].override;
}

const char *wire_tracing_id(const struct job *j)
{
    const char *id = headers_get(&j->x.request.headers, TRACING_ID);

    return id ? id : "";
}

bool wire_read_task_type(const struct job *j, uint32_t *type)
{
    const char *text = headers_get(&j->x.request.headers, LEARNING_TYPE);
    unsigned long value;
    char *end;

    *type = 0;
    if (!text)
        return false;
    value = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : 0;
    if (value > 0 && value <= UINT32_MAX && *end == '\0')
        *type = (uint32_t)value;
    return true;
}

bool wire_read_reward(const struct job *j, float *reward)
{
    const char *text = headers_get(&j->x.response.headers, LEARNING_REWARD);

    return text && learner_read_reward(text, reward);
}

/* A count, or `otherwise` when it is missing or no number up to max. */
static uint32_t read_count(const struct headers *h, const char *name, uint32_t max,
                           uint32_t otherwise)
{
    const char *text = headers_get(h, name);
    unsigned long value;
    char *end;

    if (!text || text[0] < '0' || text[0] > '9')
        return otherwise;
    value = strtoul(text, &end, 10);
    return *end == '\0' && value <= max ? (uint32_t)value : otherwise;
}

uint32_t wire_read_sender(const struct job *j)
{
    const char *from = headers_get(&j->peer_headers, FROM);

    return from ? peers_find(&j->x.shard->node->peers, from) : P2P_NONE;
}

void wire_read_request(struct job *j)
{
    const char *remaining = headers_get(&j->peer_headers, REMAINING);

    /* A peer that does not say has forwarded it once at least. */
    j->hops = read_count(&j->peer_headers, HOPS, 1000000, 1);
    j->from = wire_read_sender(j);
    if (remaining) {
        double seconds = strtod(remaining, NULL);

        if (seconds >= 0 && seconds < 1e6)
            j->deadline_ns = j->arrival_ns + (uint64_t)(seconds * 1e9) + 1;
    }
}

/* A little less than is left here, so that the peer's own "too late" comes in time. */
static uint64_t time_for_peer(const struct job *j)
{
    enum { SHARE = 10, MOST_NS = 100000000 };
    uint64_t now = clock_ns(), left = j->deadline_ns > now ? j->deadline_ns - now : 0;

    return left - (left / SHARE < MOST_NS ? left / SHARE : MOST_NS);
}

int wire_write_sender(struct headers *h, const struct node *n)
{
    return headers_add(h, FROM, n->advertised.text);
}

int wire_write_request(struct job *j)
{
    struct headers *h = &j->peer_headers;
    char left[SECONDS_TEXT];

    headers_clear(h);
    format_seconds(left, time_for_peer(j));
    return add_count(h, HOPS, j->hops + 1) || wire_write_sender(h, j->x.shard->node) ||
                   headers_add(h, REMAINING, left)
               ? -1
               : 0;
}

static const char *const outcome_names[] = {
    [WIRE_RAN] = "ran", [WIRE_REFUSED] = "refused", [WIRE_FAILED] = "failed"};

enum wire_outcome wire_read_outcome(const struct http_response *r)
{
    const char *text = headers_get(&r->headers, OUTCOME);

    for (int i = WIRE_RAN; text && i < WIRE_FOREIGN; i++)
        if (strcmp(text, outcome_names[i]) == 0)
            return (enum wire_outcome)i;
    return WIRE_FOREIGN;
}

bool wire_read_load(const struct http_response *r, struct p2p_probe *out)
{
    enum { MOST = 1000000 };
    uint32_t load = read_count(&r->headers, LOAD, MOST, UINT32_MAX);
    uint32_t slots = read_count(&r->headers, MAX_LOAD, MOST, UINT32_MAX);
    uint32_t queue = read_count(&r->headers, QUEUE_LENGTH, MOST, UINT32_MAX);

    if (load > MOST || slots > MOST || queue > MOST)
        return false;
    out->load = load;
    out->slots = slots;
    out->queue = queue;
    return true;
}

static uint64_t read_seconds(const struct headers *h, const char *name)
{
    const char *text = headers_get(h, name);
    double seconds = text ? strtod(text, NULL) : 0;

    return seconds > 0 && seconds < 1e6 ? (uint64_t)(seconds * 1e9 + 0.5) : 0;
}

void wire_read_times(struct job *j)
{
    j->run_ns = read_seconds(&j->x.response.headers, EXECUTION);
    j->queue_ns = read_seconds(&j->x.response.headers, QUEUEING);
}

void wire_write_load(struct exchange *x)
{
    const struct slots *s = &x->shard->node->slots;

    add_count(&x->response.headers, LOAD, s->running);
    add_count(&x->response.headers, MAX_LOAD, s->limit);
    add_count(&x->response.headers, QUEUE_LENGTH, s->queued);
}

void wire_say_unrun(struct exchange *x)
{
    headers_add(&x->response.headers, OUTCOME, outcome_names[WIRE_REFUSED]);
}

void wire_refuse(struct exchange *x)
{
    wire_say_unrun(x);
    wire_write_load(x);
}

/* ---- to whoever asked ---- */

/* What a peer said of its part of the way. */
struct peers_part {
    char execution[SECONDS_TEXT], queueing[SECONDS_TEXT];
    char cold_start[COLD_PHASES * SECONDS_TEXT];
    char probing[LIST_MAX], scheduling[LIST_MAX], total[LIST_MAX]; /* "[…]" or "" */
    char ids[LIST_MAX], ips[LIST_MAX];
    uint32_t hops; /* behind it */
};

static void take(const struct headers *h, const char *name, char *out, size_t size)
{
    const char *value = headers_get(h, name);
    size_t len = value ? strlen(value) : 0;

    if (len >= size)
        len = 0;
    if (len)
        memcpy(out, value, len);
    out[len] = '\0';
}

static void read_part(const struct headers *h, struct peers_part *p)
{
    take(h, EXECUTION, p->execution, sizeof(p->execution));
    take(h, QUEUEING, p->queueing, sizeof(p->queueing));
    take(h, COLD_START_LIST, p->cold_start, sizeof(p->cold_start));
    take(h, PROBING_LIST, p->probing, sizeof(p->probing));
    take(h, SCHEDULING_LIST, p->scheduling, sizeof(p->scheduling));
    take(h, TOTAL_LIST, p->total, sizeof(p->total));
    take(h, PEERS_ID, p->ids, sizeof(p->ids));
    take(h, PEERS_IP, p->ips, sizeof(p->ips));
    p->hops = read_count(h, HOPS, 1000000, 0);
}

/* Removes every header that only nodes may set. */
static void drop_ours(struct headers *h)
{
    size_t from = 0, to = 0;
    const char *name, *value;
    size_t at = 0;

    while (headers_next(h, &at, &name, &value)) {
        bool ours =
            strncasecmp(name, PREFIX, PREFIX_LEN) == 0 || strcasecmp(name, QUEUE_LENGTH) == 0;

        if (!ours && to != from)
            memmove(h->text.data + to, h->text.data + from, at - from);
        if (ours)
            h->count--;
        else
            to += at - from;
        from = at;
    }
    h->text.len = to;
}

/* "[own]" or "[own,peer's…]"; the peer's part was checked when it came. */
static void add_list(struct headers *h, const char *name, const char *own, size_t own_len,
                     const char *rest)
{
    bool more = rest[0] == '[' && rest[1] != ']' && rest[1] != '\0';
    size_t rest_len = more ? strlen(rest + 1) : 1;
    char text[LIST_MAX + 128], *at = text;

    if (own_len + rest_len + 3 > sizeof(text))
        return;
    *at++ = '[';
    memcpy(at, own, own_len);
    at += own_len;
    if (more)
        *at++ = ',';
    memcpy(at, more ? rest + 1 : "]", rest_len);
    at += rest_len;
    headers_put(h, name, strlen(name), text, (size_t)(at - text));
}

static void add_seconds(struct headers *h, const char *name, uint64_t ns)
{
    char text[SECONDS_TEXT];

    headers_put(h, name, strlen(name), text, format_seconds(text, ns));
}

static void pass_on(struct headers *h, const char *name, const char *value)
{
    if (value[0])
        headers_add(h, name, value);
}

static void add_times(struct headers *h, const char *name, uint64_t own_ns, const char *rest)
{
    char own[SECONDS_TEXT];

    add_list(h, name, own, format_seconds(own, own_ns), rest);
}

/* "[0.080000,0.410000,0.003000,0.001000]"; nothing when no phase took time. */
static void add_cold_start(struct headers *h, const struct cold_start *cold)
{
    char text[COLD_PHASES * SECONDS_TEXT];
    size_t at = 0;
    uint64_t sum = 0;

    for (unsigned i = 0; i < COLD_PHASES; i++) {
        text[at++] = i ? ',' : '[';
        at += format_seconds(text + at, cold->phase_ns[i]);
        sum += cold->phase_ns[i];
    }
    text[at++] = ']';
    if (sum)
        headers_put(h, COLD_START_LIST, strlen(COLD_START_LIST), text, at);
}

static enum wire_outcome outcome_of(const struct job *j, uint32_t outcome)
{
    if (outcome == P2P_OUT_RAN || outcome == P2P_OUT_FORWARDED)
        return WIRE_RAN;
    return j->may_have_run ? WIRE_FAILED : WIRE_REFUSED;
}

/* "1.000000,0.000000"; a state that has no room is left out, as a part of it is another. */
static void add_state(struct headers *h, const struct decision_choice *c)
{
    char text[LIST_MAX];
    size_t at = 0;

    if (c->n_state > DECISION_MOST_STATE)
        return;
    for (uint32_t k = 0; k < c->n_state && at < sizeof(text); k++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.6f", k ? "," : "",
                               (double)c->state[k]);
    if (at < sizeof(text))
        headers_add(h, LEARNING_STATE, text);
}

/* What a learner chose, with which its client can tell the reward. */
static void add_choice(struct headers *h, const struct decision_choice *c)
{
    char text[32];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)c->episode);
    headers_add(h, LEARNING_EID, text);
    add_state(h, c);
    snprintf(text, sizeof(text), "%u.000000", c->action);
    headers_add(h, LEARNING_ACTION, text);
    snprintf(text, sizeof(text), "%.6f", (double)c->epsilon);
    headers_add(h, LEARNING_EPS, text);
}

void wire_finish(struct job *j, enum ran_where where, uint32_t outcome, uint64_t total_ns)
{
    const struct node *n = j->x.shard->node;
    const struct decision *d = &j->decision;
    struct headers *h = &j->x.response.headers;
    static const struct peers_part nobody;
    const struct peers_part *rest = &nobody;
    struct peers_part part;
    char text[SECONDS_TEXT], reward[SECONDS_TEXT] = "";

    if (where == RAN_ON_PEER) {
        read_part(h, &part);
        rest = &part;
    }
    if (j->from_peer)
        take(h, LEARNING_REWARD, reward, sizeof(reward));
    drop_ours(h);
    h->text.limit += OWN_BYTES; /* a function that fills its share leaves us ours */
    headers_add(h, PREFIX "Version", P2PFAAS_VERSION);
    if (d->state != DECISION_IDLE) {
        headers_add(h, PREFIX "Scheduler", decision_scheduler(d));
        add_list(h, SCHEDULING_LIST, text, format_fine(text, d->decide_ns), rest->scheduling);
        if (d->probes_total || rest->probing[0])
            add_times(h, PROBING_LIST, d->probe_ns, rest->probing);
        if (j->choice.made)
            add_choice(h, &j->choice);
    }
    add_times(h, TOTAL_LIST, total_ns, rest->total);
    if (where == RAN_HERE) {
        add_seconds(h, EXECUTION, j->run_ns);
        if (j->queue_ns)
            add_seconds(h, QUEUEING, j->queue_ns);
        add_cold_start(h, &j->run.cold_start);
    } else {
        pass_on(h, EXECUTION, rest->execution);
        pass_on(h, QUEUEING, rest->queueing);
        pass_on(h, COLD_START_LIST, rest->cold_start);
    }
    if (where == RAN_ON_PEER) {
        headers_add(h, PREFIX "Externally-Executed", "True");
        add_count(h, HOPS, rest->hops + 1);
    }
    if (where == RAN_ON_PEER || j->from_peer) {
        add_list(h, PEERS_ID, n->id_json, strlen(n->id_json), rest->ids);
        add_list(h, PEERS_IP, n->ip_json, strlen(n->ip_json), rest->ips);
    }
    if (j->from_peer) {
        pass_on(h, LEARNING_REWARD, reward);
        headers_add(h, OUTCOME, outcome_names[outcome_of(j, outcome)]);
        wire_write_load(&j->x);
    } else if (outcome_of(j, outcome) == WIRE_REFUSED) {
        headers_add(h, OUTCOME, outcome_names[WIRE_REFUSED]);
    }
    h->text.limit -= OWN_BYTES;
}
