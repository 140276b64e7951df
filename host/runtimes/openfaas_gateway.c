#include "host/runtimes/openfaas_gateway.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "host/log.h"
#include "host/runtimes/openfaas_private.h"
#include "host/utf8.h"

enum { MOST_LIST = 2 << 20, SHOWN = 80 };
static const double FIRST_BACK_OFF = 0.1;
static const uint64_t LEAST_WAIT_NS = 1000000000, MOST_WAIT_NS = 30000000000;

/* ---- requests ---- */

int openfaas_request(struct openfaas *o, struct curl_request *r, char url[OPENFAAS_URL],
                     const char *method, const char *path, const char *body)
{
    static const char *const json[] = {"Content-Type: application/json", NULL};
    struct curl_loop *curl = curl_loop_of(o->home);

    snprintf(url, OPENFAAS_URL, "%s%s", o->base, path);
    r->url = url;
    r->method = method;
    r->body = body;
    r->body_len = body ? strlen(body) : 0;
    r->headers = body ? json : NULL;
    r->user = o->user;
    r->password = o->password;
    if (curl && curl_request_start(curl, r) == 0)
        return 0;
    snprintf(r->err, sizeof(r->err), "out of memory or of descriptors");
    return -1;
}

void openfaas_explain(const struct curl_request *r, struct buf *answer, char out[P2P_ERRLEN])
{
    const char *text = r->complete && answer ? buf_text(answer) : NULL;
    char said[SHOWN + 1];

    if (!r->complete) {
        snprintf(out, P2P_ERRLEN, "%s", r->err);
        return;
    }
    utf8_clean(said, sizeof(said), text ? text : "");
    said[strcspn(said, "\r\n")] = '\0';
    snprintf(out, P2P_ERRLEN, "it answers %d%s%s%s", r->status, said[0] ? ": " : "", said,
             r->status == 401 ? "; see openfaas.user and password" : "");
}

bool openfaas_is_taken(const struct curl_request *r)
{
    return r->complete && (r->status == 200 || r->status == 201 || r->status == 202);
}

static void ask_after(struct openfaas *o, double seconds)
{
    struct ev_loop *loop = o->home->loop;

    if (!o->running)
        return;
    ev_timer_stop(loop, &o->again);
    ev_now_update(loop);
    ev_timer_set(&o->again, seconds, 0);
    ev_timer_start(loop, &o->again);
}

void openfaas_ask_soon(struct openfaas *o)
{
    if (!curl_request_is_open(&o->ask))
        ask_after(o, 0);
}

void openfaas_look(struct openfaas *o)
{
    if (o->up)
        openfaas_ask_soon(o);
}

/* ---- the list ---- */

static void down(struct openfaas *o, int status, const char *why)
{
    bool is_news = o->up || o->back_off <= FIRST_BACK_OFF || status != o->last_status;

    pthread_mutex_lock(&o->lock);
    o->up = false;
    o->stats.lists_failed++;
    snprintf(o->why, sizeof(o->why), "%s", why);
    pthread_mutex_unlock(&o->lock);
    o->last_status = status;
    if (is_news)
        log_event(LOG_WARN, "the OpenFaaS gateway does not tell its functions",
                  LOG_STR("gateway", o->base), LOG_STR("why", why));
    ask_after(o, o->back_off);
    o->back_off = 2 * o->back_off < o->refresh ? 2 * o->back_off : o->refresh;
}

static void up(struct openfaas *o, const struct openfaas_list *list)
{
    struct openfaas_list before = o->list;
    bool is_news = !o->up;

    pthread_mutex_lock(&o->lock);
    o->list = *list;
    o->known = o->up = true;
    o->why[0] = '\0';
    o->stats.lists++;
    pthread_mutex_unlock(&o->lock);
    openfaas_list_release(&before);
    o->back_off = FIRST_BACK_OFF;
    if (is_news)
        log_event(LOG_INFO, "the OpenFaaS gateway is there", LOG_STR("gateway", o->base),
                  LOG_INT("functions", o->list.n));
    if (list->left_out != o->last_left_out && list->left_out)
        log_event(LOG_WARN, "the OpenFaaS gateway has more functions than are taken",
                  LOG_INT("taken", list->n), LOG_INT("left out", list->left_out));
    o->last_left_out = list->left_out;
    ask_after(o, o->refresh);
    openfaas_deploy_missing(o);
    o->listed(o->ctx);
}

static void on_list(struct curl_request *r, struct buf *answer)
{
    struct openfaas *o = r->owner;
    struct openfaas_list list;
    char why[P2P_ERRLEN];

    if (!r->complete || r->status != 200) {
        openfaas_explain(r, answer, why);
        down(o, r->status, why);
    } else if (openfaas_read_list(&list, answer->data, answer->len, o->namespace, why)) {
        down(o, r->status, why);
    } else {
        up(o, &list);
    }
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
    struct openfaas *o = w->data;
    uint64_t wait = (uint64_t)(o->refresh * 1e9);
    char path[96];

    (void)loop;
    (void)events;
    wait = wait < LEAST_WAIT_NS ? LEAST_WAIT_NS : wait > MOST_WAIT_NS ? MOST_WAIT_NS : wait;
    o->ask = (struct curl_request){
        .most = MOST_LIST, .connect_ns = wait, .timeout_ns = wait, .done = on_list, .owner = o};
    snprintf(path, sizeof(path), "/system/functions?namespace=%s", o->namespace);
    if (openfaas_request(o, &o->ask, o->ask_url, "GET", path, NULL))
        down(o, 0, o->ask.err);
}

void openfaas_take_out(struct openfaas *o, const char *name)
{
    struct openfaas_list *l = &o->list;

    pthread_mutex_lock(&o->lock);
    for (unsigned i = 0; i < l->n; i++)
        if (strcmp(l->entry[i].name, name) == 0) {
            l->n--;
            memmove(&l->entry[i], &l->entry[i + 1], (l->n - i) * sizeof(*l->entry));
        }
    pthread_mutex_unlock(&o->lock);
    if (!o->running)
        return;
    curl_request_cancel(&o->ask); /* what comes may be older than that */
    ask_after(o, o->refresh);
    o->listed(o->ctx);
}

/* ---- what is known ---- */

void openfaas_url(const struct openfaas *o, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/function/%s.%s", o->base, name, o->namespace);
}

const struct headers *openfaas_via(const struct openfaas *o)
{
    return &o->via;
}

bool openfaas_went_through(const struct openfaas *o, const struct headers *request)
{
    const char *name, *value;
    size_t at = 0;

    while (headers_next(request, &at, &name, &value))
        if (strcasecmp(name, "Via") == 0 && strstr(value, o->mark))
            return true;
    return false;
}

const struct openfaas_list *openfaas_listed(const struct openfaas *o)
{
    return &o->list;
}

bool openfaas_count(struct openfaas *o, const char *name, struct openfaas_entry *out, char *refusal,
                    size_t size)
{
    const struct openfaas_entry *e;

    pthread_mutex_lock(&o->lock);
    e = openfaas_list_find(&o->list, name);
    if (e)
        *out = *e;
    snprintf(refusal, size, "%s", openfaas_scale_refusal(o, name));
    pthread_mutex_unlock(&o->lock);
    return e != NULL;
}

/* Under the lock. */
static void say_missing(const struct openfaas *o, const char *name, char *out, size_t size)
{
    char deployment[160];

    openfaas_deploy_describe(o, name, deployment, sizeof(deployment));
    if (!o->known)
        snprintf(out, size, "the OpenFaaS gateway has not told its functions yet%s%.160s",
                 o->why[0] ? ": " : "", o->why);
    else
        snprintf(out, size, "the OpenFaaS gateway does not list it%s%s", deployment[0] ? "; " : "",
                 deployment);
}

bool openfaas_has(struct openfaas *o, const char *name, int *status, char *why, size_t size)
{
    bool has;

    pthread_mutex_lock(&o->lock);
    has = openfaas_list_find(&o->list, name) != NULL;
    if (!has) {
        say_missing(o, name, why, size);
        *status = o->known ? 502 : 503;
    }
    pthread_mutex_unlock(&o->lock);
    return has;
}

void openfaas_describe(struct openfaas *o, const char *name, char *out, size_t size)
{
    const struct openfaas_entry *e;
    const char *refusal;
    char deployment[160];

    pthread_mutex_lock(&o->lock);
    e = openfaas_list_find(&o->list, name);
    refusal = openfaas_scale_refusal(o, name);
    openfaas_deploy_describe(o, name, deployment, sizeof(deployment));
    if (!e)
        say_missing(o, name, out, size);
    else if (!o->up)
        snprintf(out, size, "the OpenFaaS gateway is away: %s", o->why);
    else
        snprintf(out, size, "%u of %u replicas%s%s%s%s", e->available, e->replicas,
                 refusal[0] ? "; it cannot be scaled: " : "", refusal, deployment[0] ? "; " : "",
                 deployment);
    pthread_mutex_unlock(&o->lock);
}

void openfaas_stats(struct openfaas *o, struct openfaas_stats *out)
{
    pthread_mutex_lock(&o->lock);
    *out = o->stats;
    out->up = o->up;
    out->listed = o->list.n;
    pthread_mutex_unlock(&o->lock);
}

/* ---- life ---- */

/* A name that no other node has. */
static int set_mark(struct openfaas *o)
{
    char value[64];
    uint64_t number;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return -1;
    snprintf(o->mark, sizeof(o->mark), "p2pfaas-%016llx", (unsigned long long)number);
    snprintf(value, sizeof(value), "1.1 %s", o->mark);
    return headers_add(&o->via, "Via", value);
}

static void set_base(struct openfaas *o, const char *url)
{
    size_t n = (size_t)snprintf(o->base, sizeof(o->base), "%s", url);

    n = n < sizeof(o->base) ? n : sizeof(o->base) - 1;
    while (n > 0 && o->base[n - 1] == '/')
        o->base[--n] = '\0';
}

struct openfaas *openfaas_new(struct reactor *home, const struct openfaas_config *config)
{
    struct openfaas *o = calloc(1, sizeof(*o));

    if (!o)
        return NULL;
    o->home = home;
    set_base(o, config->gateway);
    snprintf(o->namespace, sizeof(o->namespace), "%s", config->namespace);
    o->refresh = (double)config->refresh / 1e9;
    o->back_off = FIRST_BACK_OFF;
    pthread_mutex_init(&o->lock, NULL);
    headers_init(&o->via, 256);
    ev_timer_init(&o->again, on_again, 0, 0);
    o->again.data = o;
    /* A reload replaces the configuration; these need a restart. */
    if (set_mark(o) || (config->user[0] && (!(o->user = strdup(config->user)) ||
                                            !(o->password = strdup(config->password))))) {
        openfaas_free(o);
        return NULL;
    }
    return o;
}

void openfaas_start(struct openfaas *o, void (*listed)(void *ctx), void *ctx)
{
    o->listed = listed;
    o->ctx = ctx;
    o->running = true;
    ask_after(o, 0);
}

void openfaas_stop(struct openfaas *o)
{
    o->running = false;
    ev_timer_stop(o->home->loop, &o->again);
    curl_request_cancel(&o->ask);
    openfaas_deploy_stop(o);
    openfaas_scale_stop(o);
    openfaas_end_removals(o);
}

void openfaas_free(struct openfaas *o)
{
    openfaas_deploy_free(o);
    openfaas_list_release(&o->list);
    headers_release(&o->via);
    pthread_mutex_destroy(&o->lock);
    free(o->user);
    free(o->password);
    free(o);
}
