/*
 * remote_learner - a learner that is a program of its own, in whatever language, and speaks
 * the learner protocol of the original P2PFaaS (see docs/remote-learner.md):
 *
 *   act():   GET URL/act with X-P2pfaas-Learning-State: 1.000000,0.000000,…
 *            200 and an action, X-P2pfaas-Eps beside it if it explores
 *   learn(): POST URL/train_batch [{"eid":"7","state":"…","action":"1.0","reward":1},…]
 *
 * The job that asked waits for its answer and for nothing else.  An answer that is late,
 * broken, or an action that is not possible is no choice: the scheduler does what it does
 * without a learner.  After `failures` choices in a row that got no answer it is taken for
 * down: it is asked again after `retry`, by one job, and the others do not wait.  What it
 * cannot be taught is lost, and counted.
 */
#include <string.h>

#include "remote_text.h"

enum {
    ASKS = 1024,     /* choices under way */
    MOST_DIMS = 256, /* their text has to fit in a header field */
    MOST_BATCH = 100,
    URL = 512
};
/* Tags of asks are their numbers, those of batches the transitions in them. */
#define BATCH_TAG (UINT64_C(1) << 32)

struct ask {
    uint64_t episode, mask; /* of the possible actions; 0: all */
    uint32_t next_free;
};

struct remote {
    const char *url;
    int64_t timeout, train_timeout, batch, failures, retry;
    const struct p2p_host *host;
    uint32_t n_dims, n_actions, free;
    struct ask *asks; /* ASKS */
    char *text;       /* of a state or a batch */
    size_t text_size;
    char act_url[URL], train_url[URL];
    int64_t failed_in_a_row;
    uint64_t ask_again_ns; /* while it is down */
    uint64_t *asked, *answered, *failed, *late, *unfit, *skipped, *taught, *lost;
    double *down, *rtt;
};

#define LIVE_DURATION(f, d, lo, hi, h)                                                             \
    P2P_PARAM_(P2P_DURATION, P2P_PARAM_LIVE, struct remote, f, d, lo, hi, NULL, NULL, h)

static const struct p2p_param params[] = {
    P2P_PARAM_STRING(struct remote, url, "http://127.0.0.1:19020",
                     "of the learner, with a numeric address"),
    LIVE_DURATION(timeout, 100e6, 1e6, 600e9, "to wait for a choice"),
    LIVE_DURATION(train_timeout, 5e9, 1e6, 600e9, "to wait until it has learned a batch"),
    P2P_PARAM_INT(struct remote, batch, 20, 1, MOST_BATCH, "transitions that are sent at once"),
    P2P_PARAM_(P2P_INT, P2P_PARAM_LIVE, struct remote, failures, 3, 1, 1000000, NULL, NULL,
               "choices without an answer, in a row, after which it is down"),
    LIVE_DURATION(retry, 1e9, 1e6, 3600e9, "between two tries while it is down"),
    P2P_PARAM_END};

/* ---- choices under way ---- */

static bool is_down(const struct remote *r)
{
    return r->failed_in_a_row >= r->failures;
}

static struct ask *take(struct remote *r)
{
    struct ask *a = r->free < ASKS ? &r->asks[r->free] : NULL;

    if (a)
        r->free = a->next_free;
    return a;
}

static void give_back(struct remote *r, struct ask *a)
{
    a->next_free = r->free;
    r->free = (uint32_t)(a - r->asks);
}

static bool send_ask(struct remote *r, const struct ask *a, const float *state)
{
    static const char name[] = "X-P2pfaas-Learning-State: ";
    const char *headers[] = {r->text, NULL};
    const struct p2p_http_request rq = {.size = sizeof(rq),
                                        .tag = (uint64_t)(a - r->asks),
                                        .timeout_ns = (uint64_t)r->timeout,
                                        .method = "GET",
                                        .url = r->act_url,
                                        .headers = headers};

    memcpy(r->text, name, sizeof(name));
    remote_write_state(r->text + sizeof(name) - 1, state, r->n_dims);
    return r->host->http(r->host, &rq);
}

static void count_failure(struct remote *r)
{
    bool was_down = is_down(r);

    ++*r->failed;
    r->failed_in_a_row++;
    if (!is_down(r))
        return;
    r->ask_again_ns = r->host->now(r->host) + (uint64_t)r->retry;
    *r->down = 1;
    if (!was_down)
        p2p_logf(r->host, P2P_LOG_WARN, "the learner at %s does not answer", r->url);
}

static void count_success(struct remote *r)
{
    if (is_down(r))
        p2p_logf(r->host, P2P_LOG_INFO, "the learner at %s answers again", r->url);
    r->failed_in_a_row = 0;
    *r->down = 0;
}

static void act(void *self, const float *state, uint64_t mask, struct p2p_choice *out)
{
    struct remote *r = self;
    struct ask *a = NULL;

    out->action = P2P_PENDING;
    if (is_down(r)) {
        uint64_t now = r->host->now(r->host);

        if (now < r->ask_again_ns) {
            ++*r->skipped;
            r->host->choose(r->host, out->episode, NULL);
            return;
        }
        r->ask_again_ns = now + (uint64_t)r->retry;
    }
    a = take(r);
    if (a) {
        a->episode = out->episode;
        a->mask = mask;
        if (send_ask(r, a, state)) {
            ++*r->asked;
            return;
        }
        give_back(r, a);
    }
    ++*r->failed;
    r->host->choose(r->host, out->episode, NULL);
}

static void on_choice(struct remote *r, struct ask *a, const struct p2p_http_answer *answer)
{
    struct p2p_choice c = {.epsilon = remote_read_epsilon(answer->headers)};
    const struct p2p_choice *choice = NULL;

    if (answer->status != 200 || !remote_read_action(answer->body, answer->body_len, &c.action)) {
        count_failure(r);
    } else {
        count_success(r);
        ++*r->answered;
        *r->rtt = (double)answer->took_ns / 1e9;
        if (c.action < r->n_actions && (!a->mask || a->mask >> c.action & 1))
            choice = &c;
        else
            ++*r->unfit;
    }
    if (!r->host->choose(r->host, a->episode, choice))
        ++*r->late;
    give_back(r, a);
}

/* ---- learning ---- */

static void on_taught(struct remote *r, uint64_t n, const struct p2p_http_answer *answer)
{
    *(answer->status == 200 ? r->taught : r->lost) += n;
}

static void teach(struct remote *r, const struct p2p_transition *batch, uint32_t n)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct p2p_http_request rq = {.size = sizeof(rq),
                                  .tag = BATCH_TAG | n,
                                  .timeout_ns = (uint64_t)r->train_timeout,
                                  .method = "POST",
                                  .url = r->train_url,
                                  .headers = headers,
                                  .body = r->text};
    size_t at = 0;

    for (uint32_t i = 0; i < n; i++) {
        r->text[at++] = i ? ',' : '[';
        at += remote_write_transition(r->text + at, r->text_size - at, &batch[i], r->n_dims);
    }
    r->text[at++] = ']';
    rq.body_len = at;
    if (is_down(r) || !r->host->http(r->host, &rq))
        *r->lost += n;
}

static void learn(void *self, const struct p2p_transition *batch, uint32_t n)
{
    struct remote *r = self;
    uint32_t most = (uint32_t)r->batch;

    for (uint32_t at = 0; at < n; at += most)
        teach(r, batch + at, n - at < most ? n - at : most);
}

static void answered(void *self, const struct p2p_http_answer *answer)
{
    struct remote *r = self;

    if (answer->tag & BATCH_TAG)
        on_taught(r, answer->tag & ~BATCH_TAG, answer);
    else
        on_choice(r, &r->asks[answer->tag], answer);
}

/* ---- life ---- */

static int take_memory(struct remote *r, char *err)
{
    r->text_size =
        (size_t)r->batch * (r->n_dims * (size_t)REMOTE_NUMBER + REMOTE_ITEM) + REMOTE_ITEM;
    r->text = r->host->alloc(r->host, r->text_size);
    r->asks = r->host->alloc(r->host, ASKS * sizeof(*r->asks));
    if (!r->text || !r->asks) {
        snprintf(err, P2P_ERRLEN, "out of memory for batches of %lld states of %u numbers",
                 (long long)r->batch, r->n_dims);
        return -1;
    }
    for (uint32_t i = 0; i < ASKS; i++)
        r->asks[i].next_free = i + 1;
    return 0;
}

static int init(void *self, const struct p2p_host *host, const struct p2p_space *space, char *err)
{
    struct remote *r = self;
    char url[URL - 16];

    r->host = host;
    r->n_dims = space->n_dims;
    r->n_actions = space->n_actions;
    if (r->n_dims > MOST_DIMS) {
        snprintf(err, P2P_ERRLEN, "the scheduler's states have %u numbers; allowed: up to %d",
                 r->n_dims, MOST_DIMS);
        return -1;
    }
    if (remote_read_url(r->url, url, sizeof(url), err))
        return -1;
    snprintf(r->act_url, sizeof(r->act_url), "%s/act", url);
    snprintf(r->train_url, sizeof(r->train_url), "%s/train_batch", url);
    r->asked = host->counter(host, "asked_total", "Choices that the learner was asked for");
    r->answered = host->counter(host, "answered_total", "Of those: it told an action");
    r->failed = host->counter(host, "failed_total",
                              "Of those: no answer in time, or none that was understood; and "
                              "those that could not be sent");
    r->late = host->counter(host, "late_total", "Ends of those for which no job waited any more");
    r->unfit = host->counter(host, "unfit_total", "Actions that were not possible");
    r->skipped = host->counter(host, "skipped_total", "Choices not asked for: it is down");
    r->taught = host->counter(host, "taught_total", "Transitions that it has learned");
    r->lost = host->counter(host, "lost_total", "Transitions that it has not");
    r->down = host->gauge(host, "down", "1 while it is taken for down");
    r->rtt = host->gauge(host, "rtt_seconds", "From a question to its answer, the last one");
    return take_memory(r, err);
}

static const struct p2p_learner remote_learner = {
    .size = sizeof(remote_learner),
    .name = "remote_learner",
    .version = "1.0",
    .summary = "a learner of its own over HTTP, as that of the original P2PFaaS",
    .params = params,
    .instance_size = sizeof(struct remote),
    .act = act,
    .learn = learn,
    .init = init,
    .answered = answered,
};
P2P_LEARNER_PLUGIN(remote_learner);
