#include "host/discovery/names.h"

#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "host/log.h"

static const uint64_t FIRST_NS = 1000000000, MOST_NS = 30000000000;

struct lookup;

struct name {
    struct name *next;
    char host[ENDPOINT_HOST];
    uint16_t port;
    struct endpoint found[NAMES_ADDRESSES];
    unsigned n_found;
    char why[NAMES_WHY]; /* it is not known, as said in the log */
    uint64_t due_ns, delay_ns;
    struct lookup *open;
};

struct names {
    struct reactor *reactor;
    int family;
    struct names_calls calls;
    void *ctx;
    struct name *first;
    unsigned n;
};

/* It may outlive all others. */
struct lookup {
    struct task task;
    struct names *names; /* NULL = nobody waits for it any more; under `waiting` */
    struct name *name;
    int (*ask)(const char *host, int family, uint16_t port, struct endpoint *out,
               char why[NAMES_WHY]);
    char host[ENDPOINT_HOST];
    int family;
    uint16_t port;
    struct endpoint found[NAMES_ADDRESSES];
    int n_found;
    char why[NAMES_WHY];
};
static pthread_mutex_t waiting = PTHREAD_MUTEX_INITIALIZER;

/* ---- the system ---- */

int names_ask_system(const char *host, int family, uint16_t port, struct endpoint *out,
                     char why[NAMES_WHY])
{
    const struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    char numeric[INET6_ADDRSTRLEN], err[P2P_ERRLEN];
    int rc = getaddrinfo(host, NULL, &hints, &list), n = 0;

    if (rc) {
        snprintf(why, NAMES_WHY, "%s", gai_strerror(rc));
        return -1;
    }
    for (const struct addrinfo *a = list; a && n < NAMES_ADDRESSES; a = a->ai_next)
        if (getnameinfo(a->ai_addr, a->ai_addrlen, numeric, sizeof(numeric), NULL, 0,
                        NI_NUMERICHOST) == 0 &&
            endpoint_parse(&out[n], numeric, port, err) == 0)
            n++;
    freeaddrinfo(list);
    return n;
}

/* ---- one lookup ---- */

static void take(struct names *names, struct name *name, const struct lookup *l)
{
    if (l->n_found < 0) {
        if (strcmp(name->why, l->why) != 0)
            log_event(LOG_WARN, "the name of a seed is not known; it will be asked for again",
                      LOG_STR("name", name->host), LOG_STR("why", l->why));
        snprintf(name->why, sizeof(name->why), "%s", l->why);
        return; /* what it stood for may still be right */
    }
    name->why[0] = '\0';
    name->n_found = (unsigned)l->n_found;
    memcpy(name->found, l->found, name->n_found * sizeof(*l->found));
    for (unsigned i = 0; i < name->n_found; i++)
        names->calls.found(names->ctx, &name->found[i]);
}

static void on_looked_up(struct task *t)
{
    struct lookup *l = (struct lookup *)t;

    if (l->names) {
        l->name->open = NULL;
        take(l->names, l->name, l);
    }
    free(l);
}

static void *look_up(void *arg)
{
    struct lookup *l = arg;
    bool wanted;

    l->n_found = l->ask(l->host, l->family, l->port, l->found, l->why);
    pthread_mutex_lock(&waiting);
    wanted = l->names != NULL;
    if (wanted)
        reactor_post(l->names->reactor, &l->task);
    pthread_mutex_unlock(&waiting);
    if (!wanted)
        free(l);
    return NULL;
}

static void begin(struct names *names, struct name *name)
{
    struct lookup *l = calloc(1, sizeof(*l));
    sigset_t all, before;
    pthread_t thread;

    if (!l)
        return; /* in its time again */
    l->task.run = on_looked_up;
    l->names = names;
    l->name = name;
    l->ask = names->calls.lookup;
    l->family = names->family;
    l->port = name->port;
    memcpy(l->host, name->host, sizeof(l->host));
    name->open = l;
    /* Signals are the main thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, look_up, l) == 0) {
        pthread_detach(thread);
    } else {
        name->open = NULL;
        free(l);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* ---- the names ---- */

struct names *names_new(struct reactor *r, int family, const struct names_calls *calls, void *ctx)
{
    struct names *n = calloc(1, sizeof(*n));

    if (n)
        *n = (struct names){.reactor = r, .family = family, .calls = *calls, .ctx = ctx};
    return n;
}

int names_add(struct names *n, const char *text, uint16_t default_port, char err[P2P_ERRLEN])
{
    struct name *name = n->n < NAMES_MOST ? calloc(1, sizeof(*name)) : NULL;

    if (!name) {
        snprintf(err, P2P_ERRLEN, "'%.60s': %d seeds have a name already, or out of memory", text,
                 NAMES_MOST);
        return -1;
    }
    if (endpoint_split_name(text, default_port, name->host, &name->port)) {
        snprintf(err, P2P_ERRLEN, "'%.60s' is no name of a host", text);
        free(name);
        return -1;
    }
    name->next = n->first;
    n->first = name;
    n->n++;
    return 0;
}

static bool is_answered(const struct names *n, const struct name *name)
{
    for (unsigned i = 0; i < name->n_found; i++)
        if (n->calls.answers(n->ctx, &name->found[i]))
            return true;
    return false;
}

void names_poll(struct names *n, uint64_t now)
{
    for (struct name *name = n->first; name; name = name->next) {
        if (name->open)
            continue;
        if (is_answered(n, name)) {
            name->delay_ns = 0;
            name->due_ns = now + FIRST_NS; /* who was there is given a moment to come back */
            continue;
        }
        if (now < name->due_ns)
            continue;
        name->delay_ns = name->delay_ns ? name->delay_ns * 2 : FIRST_NS;
        if (name->delay_ns > MOST_NS)
            name->delay_ns = MOST_NS;
        name->due_ns = now + name->delay_ns;
        begin(n, name);
    }
}

void names_free(struct names *n)
{
    struct name *name;

    if (!n)
        return;
    pthread_mutex_lock(&waiting);
    for (name = n->first; name; name = name->next)
        if (name->open)
            name->open->names = NULL;
    pthread_mutex_unlock(&waiting);
    while ((name = n->first)) {
        n->first = name->next;
        free(name);
    }
    free(n);
}
