#include "tests/plugins/mock_host.h"

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct mock *mock_of(const struct p2p_host *h)
{
    return h->ctx;
}

/* ---- services ---- */

static void host_log(const struct p2p_host *h, uint32_t level, const char *msg)
{
    struct mock *m = mock_of(h);
    size_t at = strlen(m->log);

    snprintf(m->log + at, sizeof(m->log) - at, "%u %s\n", level, msg);
}

/* splitmix64 */
static uint64_t host_rand(const struct p2p_host *h)
{
    uint64_t z = mock_of(h)->rng += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t host_now(const struct p2p_host *h)
{
    return mock_of(h)->now_ns;
}

static void *host_alloc(const struct p2p_host *h, size_t size)
{
    struct mock *m = mock_of(h);

    if (m->n_allocated == MOCK_METRICS)
        return NULL;
    return m->allocated[m->n_allocated++] = calloc(1, size);
}

static struct mock_metric *metric_of(struct mock *m, const char *name)
{
    unsigned i = 0;

    while (i < m->n_metrics && strcmp(m->metric[i].name, name) != 0)
        i++;
    assert_true(i < MOCK_METRICS);
    if (i == m->n_metrics)
        snprintf(m->metric[m->n_metrics++].name, sizeof(m->metric[i].name), "%s", name);
    return &m->metric[i];
}

static uint64_t *host_counter(const struct p2p_host *h, const char *name, const char *help)
{
    assert_non_null(help);
    return &metric_of(mock_of(h), name)->counter;
}

static double *host_gauge(const struct p2p_host *h, const char *name, const char *help)
{
    assert_non_null(help);
    return &metric_of(mock_of(h), name)->gauge;
}

static uint32_t host_peer_id(const struct p2p_host *h, const char *name)
{
    (void)h;
    return strncmp(name, "peer", 4) == 0 ? (uint32_t)strtoul(name + 4, NULL, 10) : P2P_NONE;
}

static const char *host_peer_name(const struct p2p_host *h, uint32_t id)
{
    static char name[16];

    (void)h;
    snprintf(name, sizeof(name), "peer%u", id);
    return name;
}

static bool host_act(const struct p2p_host *h, const float *state, uint64_t mask,
                     struct p2p_choice *out)
{
    struct mock *m = mock_of(h);

    return m->act && m->act(m, state, mask, out);
}

static void host_reward(const struct p2p_host *h, uint64_t episode, float reward, const float *next)
{
    struct mock *m = mock_of(h);

    assert_non_null(m->reward);
    m->reward(m, episode, reward, next);
}

static const void *host_extension(const struct p2p_host *h, const char *id)
{
    (void)h;
    (void)id;
    return NULL;
}

/* ---- services since 1.1 ---- */

static bool is_up(const struct mock *m, uint32_t id)
{
    for (uint32_t i = 0; i < m->rq.n_peers; i++)
        if (m->peers[i].id == id)
            return true;
    return false;
}

static bool host_tell(const struct p2p_host *h, uint32_t peer, const void *message, uint32_t len)
{
    struct mock *m = mock_of(h);
    struct mock_message *t;

    if (m->tell_fails || !is_up(m, peer) || len == 0 || len > P2P_MESSAGE_MAX)
        return false;
    assert_true(m->n_told < MOCK_TOLD);
    t = &m->told[m->n_told++];
    *t = (struct mock_message){.peer = peer, .len = len, .bytes = malloc(len)};
    assert_non_null(t->bytes);
    memcpy(t->bytes, message, len);
    return true;
}

static const char *host_function_name(const struct p2p_host *h, uint32_t function)
{
    struct mock *m = mock_of(h);

    snprintf(m->function, sizeof(m->function), "function%u", function);
    return m->function;
}

static const char *host_address(const struct p2p_host *h, uint32_t peer)
{
    struct mock *m = mock_of(h);
    uint32_t number = peer == P2P_NONE ? m->number : peer - m->first_id;

    snprintf(m->address, sizeof(m->address), "192.0.2.%u:18080", number);
    return m->address;
}

/* ---- services since 1.2 ---- */

static bool host_http(const struct p2p_host *h, const struct p2p_http_request *request)
{
    struct mock *m = mock_of(h);

    return m->http && m->http(m, request);
}

static bool host_choose(const struct p2p_host *h, uint64_t episode, const struct p2p_choice *choice)
{
    struct mock *m = mock_of(h);

    return m->choose && m->choose(m, episode, choice);
}

/* ---- parameters ---- */

static double read_value(const struct p2p_param *p, const char *text)
{
    char *unit;
    double value;

    if (p->type == P2P_BOOL)
        return strcmp(text, "true") == 0;
    for (unsigned i = 0; p->type == P2P_ENUM && p->choices[i]; i++)
        if (strcmp(p->choices[i], text) == 0)
            return i;
    value = strtod(text, &unit);
    if (strcmp(unit, "ms") == 0)
        return value * 1e6;
    if (strcmp(unit, "s") == 0)
        return value * 1e9;
    if (*unit)
        fail_msg("%s: '%s' is not understood here", p->name, text);
    return value;
}

static void store(const struct mock *m, const struct p2p_param *p, double value)
{
    char *at = (char *)m->self + p->offset;
    int64_t integer = (int64_t)value;

    if (p->type != P2P_BOOL && p->type != P2P_ENUM && (value < p->min || value > p->max))
        fail_msg("%s: %g is outside its range", p->name, value);
    if (p->type == P2P_NUM)
        memcpy(at, &value, sizeof(value));
    else if (p->type == P2P_BOOL)
        *(bool *)(void *)at = value != 0;
    else
        memcpy(at, &integer, sizeof(integer));
}

static const struct p2p_param *find(const struct mock *m, const char *name)
{
    const struct p2p_param *p = m->ops->params;

    while (p && p->name && strcmp(p->name, name) != 0)
        p++;
    if (!p || !p->name)
        fail_msg("%s has no parameter '%s'", m->ops->name, name);
    return p;
}

static void store_text(struct mock *m, const struct p2p_param *p, const char *text)
{
    char *copy = strdup(text);

    assert_true(copy && m->n_allocated < MOCK_METRICS);
    m->allocated[m->n_allocated++] = copy;
    memcpy((char *)m->self + p->offset, &copy, sizeof(copy));
}

static void set_parameters(struct mock *m, const char *settings)
{
    char copy[256], *rest = copy, *word;

    for (const struct p2p_param *p = m->ops->params; p && p->name; p++) {
        if (p->type == P2P_STRING)
            memcpy((char *)m->self + p->offset, &p->def_string, sizeof(p->def_string));
        else
            store(m, p, p->def);
    }
    snprintf(copy, sizeof(copy), "%s", settings);
    while ((word = strtok_r(rest, " ", &rest))) {
        char *equals = strchr(word, '=');
        const struct p2p_param *p;

        assert_non_null(equals);
        *equals = '\0';
        p = find(m, word);
        if (p->type == P2P_STRING)
            store_text(m, p, equals + 1);
        else
            store(m, p, read_value(p, equals + 1));
    }
}

/* ---- life ---- */

static void *block(size_t size)
{
    void *p = calloc(1, size ? size : 1);

    assert_non_null(p);
    return p;
}

struct mock *mock_new(const struct p2p_module *module, const char *settings)
{
    struct mock *m = block(sizeof(*m));
    char err[P2P_ERRLEN] = "";

    m->ops = module->schedulers[0];
    m->self = block(m->ops->instance_size);
    m->rng = 20240229;
    m->now_ns = 1000000000;
    m->host = (struct p2p_host){.size = sizeof(m->host),
                                .abi_major = P2P_ABI_MAJOR,
                                .abi_minor = P2P_ABI_MINOR,
                                .ctx = m,
                                .instance = m->ops->name,
                                .node_id = 0,
                                .log = host_log,
                                .rand = host_rand,
                                .now = host_now,
                                .alloc = host_alloc,
                                .counter = host_counter,
                                .gauge = host_gauge,
                                .peer_id = host_peer_id,
                                .peer_name = host_peer_name,
                                .act = host_act,
                                .reward = host_reward,
                                .extension = host_extension,
                                .tell = host_tell,
                                .function_name = host_function_name,
                                .address = host_address,
                                .http = host_http,
                                .choose = host_choose};
    m->node = (struct p2p_node){.size = sizeof(m->node), .slots = 4, .queue_limit = 100};
    m->peers = block(0);
    m->rq.state = block(m->ops->decision_size);
    set_parameters(m, settings);
    if (m->ops->init && m->ops->init(m->self, &m->host, err))
        fail_msg("%s: init failed: %s", m->ops->name, err);
    m->n_probes = m->ops->probes ? m->ops->probes(m->self) : m->ops->max_probes;
    assert_in_range(m->n_probes, 0, m->ops->max_probes);
    m->rq.probe = block(m->n_probes * sizeof(struct p2p_probe));
    mock_arrive(m);
    return m;
}

void mock_free(struct mock *m)
{
    if (m->ops->fini)
        m->ops->fini(m->self);
    for (unsigned i = 0; i < m->n_allocated; i++)
        free(m->allocated[i]);
    mock_forget(m);
    free(m->rq.state);
    free(m->rq.probe);
    free(m->peers);
    free(m->self);
    free(m);
}

/* ---- the world ---- */

void mock_peers(struct mock *m, uint32_t first, uint32_t n)
{
    free(m->peers);
    m->peers = block(n * sizeof(struct p2p_peer));
    for (uint32_t i = 0; i < n; i++)
        m->peers[i] = (struct p2p_peer){.id = first + i, .flags = P2P_PEER_UP, .slots = 4};
    m->rq.n_peers = n;
}

void mock_load(struct mock *m, uint32_t load, uint32_t queue)
{
    m->node.load = load;
    m->node.queue = queue;
}

void mock_arrive(struct mock *m)
{
    m->rq = (struct p2p_request){.size = sizeof(m->rq),
                                 .host = &m->host,
                                 .id = m->rq.id + 1,
                                 .arrival_ns = m->now_ns,
                                 .from = P2P_NONE,
                                 .node = &m->node,
                                 .n_peers = m->rq.n_peers,
                                 .probe = m->rq.probe,
                                 .probe_cap = m->n_probes,
                                 .state = m->rq.state};
    memset(m->rq.state, 0, m->ops->decision_size);
}

struct p2p_action mock_decide(struct mock *m, uint32_t event)
{
    struct p2p_action a;

    m->rq.event = event;
    m->rq.attempts += event == P2P_EV_REFUSED;
    m->rq.now_ns = m->now_ns;
    m->rq.peers = m->peers;
    a = m->ops->decide(m->self, &m->rq);
    if (a.kind == P2P_FORWARD)
        assert_true(is_up(m, a.a));
    if (a.kind == P2P_PROBE) {
        m->rq.n_probe = a.a & 0xffffu;
        assert_in_range(m->rq.n_probe, 1, m->rq.probe_cap);
        assert_in_range(a.a >> 16, 0, m->rq.n_probe);
        for (uint32_t i = 0; i < m->rq.n_probe; i++) {
            struct p2p_probe *p = &m->rq.probe[i];

            assert_true(is_up(m, p->peer));
            *p = (struct p2p_probe){.peer = p->peer, .status = P2P_PROBE_PENDING};
        }
    }
    return a;
}

struct p2p_action mock_job(struct mock *m, uint32_t hops)
{
    mock_arrive(m);
    m->rq.hops = hops;
    m->rq.flags = hops ? P2P_RQ_EXTERNAL : 0;
    return mock_decide(m, P2P_EV_ARRIVAL);
}

void mock_answer(struct mock *m, uint32_t slot, uint32_t load, uint32_t queue)
{
    assert_true(slot < m->rq.n_probe);
    m->rq.probe[slot].status = P2P_PROBE_OK;
    m->rq.probe[slot].load = load;
    m->rq.probe[slot].queue = queue;
    m->rq.probe[slot].slots = 4;
}

void mock_no_answer(struct mock *m, uint32_t slot, uint32_t status)
{
    assert_true(slot < m->rq.n_probe);
    m->rq.probe[slot].status = status;
}

void mock_outcome(struct mock *m, uint32_t status, uint64_t queue_ns, uint64_t run_ns)
{
    struct p2p_outcome out = {.size = sizeof(out),
                              .status = status,
                              .http_status = status == P2P_OUT_RAN ? 200 : 503,
                              .peer = P2P_NONE,
                              .queue_ns = queue_ns,
                              .run_ns = run_ns,
                              .total_ns = queue_ns + run_ns};

    m->rq.now_ns = m->now_ns;
    m->rq.peers = m->peers;
    m->ops->outcome(m->self, &m->rq, &out);
}

void *mock_goes_on(struct mock *m)
{
    void *state = m->rq.state;

    m->rq.state = block(m->ops->decision_size);
    return state;
}

void mock_ended(struct mock *m, void *state, uint32_t function, uint32_t status, uint64_t run_ns)
{
    free(m->rq.state);
    m->rq.state = state;
    m->rq.function = function;
    mock_outcome(m, status, 0, run_ns);
}

/* What has no job: state and probe slots are out of reach then. */
static struct p2p_request world_only(struct mock *m, uint32_t from)
{
    return (struct p2p_request){.size = sizeof(struct p2p_request),
                                .event = P2P_EV_TICK,
                                .host = &m->host,
                                .from = from,
                                .now_ns = m->now_ns,
                                .node = &m->node,
                                .peers = m->peers,
                                .n_peers = m->rq.n_peers};
}

void mock_tick(struct mock *m)
{
    struct p2p_request rq = world_only(m, P2P_NONE);

    mock_is(m->ops->decide(m->self, &rq), p2p_done());
}

/* ---- messages ---- */

void mock_hear(struct mock *m, uint32_t from, const void *message, uint32_t len)
{
    struct p2p_request rq = world_only(m, from);
    void *copy = block(len);

    memcpy(copy, message, len);
    m->ops->heard(m->self, &rq, copy, len);
    free(copy);
}

void mock_hear_garbage(struct mock *m, uint32_t from)
{
    unsigned char message[P2P_MESSAGE_MAX];

    for (uint32_t round = 0; round < 4000; round++) {
        uint32_t len = (uint32_t)p2p_rand_below(&m->host, round % 8 ? 40 : P2P_MESSAGE_MAX) + 1;

        for (uint32_t i = 0; i < len; i++)
            message[i] = (unsigned char)m->host.rand(&m->host);
        if (round % 2) /* of the right version, most likely */
            message[0] = 1;
        if (round % 4 == 3 && len > 1)
            message[1] = (unsigned char)(round / 4 % 4);
        mock_hear(m, from, message, len);
        mock_forget(m);
    }
}

void mock_forget(struct mock *m)
{
    for (unsigned i = 0; i < m->n_told; i++)
        free(m->told[i].bytes);
    m->n_told = 0;
}

unsigned mock_deliver(struct mock *const *nodes, unsigned n)
{
    unsigned delivered = 0;

    for (bool any = true; any;) {
        any = false;
        for (unsigned i = 0; i < n; i++) {
            struct mock *m = nodes[i];

            for (unsigned k = 0; k < m->n_told; k++) {
                struct mock *to = nodes[m->told[k].peer - m->first_id];

                mock_hear(to, m->number + to->first_id, m->told[k].bytes, m->told[k].len);
                any = true;
                delivered++;
            }
            mock_forget(m);
        }
    }
    return delivered;
}

void mock_network(struct mock **nodes, unsigned n, const struct p2p_module *module,
                  const char *settings)
{
    for (unsigned i = 0; i < n; i++) {
        struct mock *m = nodes[i] = mock_new(module, settings);

        m->number = i;
        m->first_id = 1000 + 7 * i;
        m->rng += i;
        mock_peers(m, m->first_id, n);
        memmove(&m->peers[i], &m->peers[i + 1], (n - 1 - i) * sizeof(m->peers[0]));
        m->rq.n_peers = n - 1;
    }
}

/* ---- checks ---- */

const struct p2p_alias *mock_alias(const struct mock *m, const char *name)
{
    for (const struct p2p_alias *a = m->ops->aliases; a && a->name; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

void mock_uniform(const unsigned *counts, unsigned n)
{
    double total = 0, chi = 0, mean = n - 1.0;

    for (unsigned i = 0; i < n; i++)
        total += counts[i];
    for (unsigned i = 0; i < n; i++)
        chi += (counts[i] - total / n) * (counts[i] - total / n) / (total / n);
    if (chi > mean + 6 * sqrt(2 * mean))
        fail_msg("chi-square is %.1f of %u outcomes", chi, n);
}

void mock_is(struct p2p_action got, struct p2p_action wanted)
{
    if (got.kind != wanted.kind || got.a != wanted.a || got.t != wanted.t)
        fail_msg("action %u, %u, %llu instead of %u, %u, %llu", got.kind, got.a,
                 (unsigned long long)got.t, wanted.kind, wanted.a, (unsigned long long)wanted.t);
}
