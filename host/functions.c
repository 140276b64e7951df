#include "host/functions.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "host/own_scheduler.h"

struct shared_config *shared_config_ref(struct shared_config *c)
{
    c->refs++;
    return c;
}

void shared_config_unref(struct shared_config *c)
{
    if (!c || --c->refs > 0)
        return;
    own_scheduler_drop(c->made);
    config_release(&c->config);
    cJSON_Delete(c->deployment);
    free(c);
}

static void on_closed(void *arg)
{
    struct function *f = arg;
    void (*closed)(void *) = f->closed;
    void *ctx = f->closed_ctx;
    bool counted = f->counted;

    shared_config_unref(f->owner);
    free(f);
    if (counted)
        closed(ctx);
}

static void close_program(struct task *t)
{
    struct function *f = (struct function *)((char *)t - offsetof(struct function, closing));

    own_scheduler_unref(f->own);
    if (f->program)
        f->runtime->close(f->program, on_closed, f);
    else
        on_closed(f);
}

struct function *function_ref(struct function *f)
{
    f->refs++;
    return f;
}

void function_unref(struct function *f)
{
    if (!f || --f->refs > 0)
        return;
    f->closing.run = close_program;
    reactor_post(f->home, &f->closing);
}

void function_names_init(struct function_names *names)
{
    memset(names, 0, sizeof(*names));
    pthread_mutex_init(&names->lock, NULL);
    names->n = 1;
}

void function_names_release(struct function_names *names)
{
    for (unsigned i = 1; i < names->n; i++)
        free(names->name[i]);
    pthread_mutex_destroy(&names->lock);
}

const char *function_name(struct function_names *names, uint32_t id)
{
    const char *name = "";

    pthread_mutex_lock(&names->lock);
    if (id > 0 && id < names->n)
        name = names->name[id];
    pthread_mutex_unlock(&names->lock);
    return name;
}

static uint32_t find_locked(const struct function_names *names, const char *name)
{
    for (unsigned i = 1; i < names->n; i++)
        if (strcmp(names->name[i], name) == 0)
            return i;
    return 0;
}

uint32_t function_names_find(struct function_names *names, const char *name)
{
    uint32_t id;

    pthread_mutex_lock(&names->lock);
    id = find_locked(names, name);
    pthread_mutex_unlock(&names->lock);
    return id;
}

uint32_t function_names_add(struct function_names *names, const char *name,
                            enum function_origin origin)
{
    bool is_gateways = origin == FROM_GATEWAY;
    uint32_t id;

    pthread_mutex_lock(&names->lock);
    id = find_locked(names, name);
    if (!id && names->n < CONFIG_MAX_FUNCTIONS &&
        (!is_gateways || names->of_gateway < FUNCTION_NAMES_OF_GATEWAY)) {
        names->name[names->n] = strdup(name);
        if (names->name[names->n]) {
            id = names->n++;
            names->of_gateway += is_gateways;
        }
    }
    pthread_mutex_unlock(&names->lock);
    return id;
}

static const struct runtime *runtime_of(const struct function_config *f)
{
    if (f->runtime == FUNCTION_DOCKER)
        return &runtime_docker;
    if (f->runtime == FUNCTION_REMOTE)
        return &runtime_http;
    if (f->runtime == FUNCTION_OPENFAAS)
        return &runtime_openfaas;
    return f->mode == FUNCTION_HTTP ? &runtime_server : &runtime_fork;
}

static struct function *open_function(struct shared_config *c, const struct function_config *fc,
                                      struct reactor *home)
{
    struct function *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->refs = 1;
    f->config = fc;
    f->owner = shared_config_ref(c);
    f->home = home;
    f->runtime = runtime_of(fc);
    f->program = f->runtime->open(fc, home, f->error);
    return f;
}

/* What a table is made with. */
struct making {
    struct function_table *table, *old;
    bool retry;
    struct function_names *names;
    struct reactor *home;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

static struct function *find_same(const struct making *m, enum function_origin origin,
                                  const struct function_config *c)
{
    struct function *f = m->old ? function_table_find(m->old, c->name, strlen(c->name)) : NULL;

    return f && (f->program || !m->retry) && f->origin == origin &&
                   config_same_function(f->config, c)
               ? function_ref(f)
               : NULL;
}

/* Puts one into the table; 0, or -1 with a reason. */
static int add(const struct making *m, enum function_origin origin, struct shared_config *c,
               const struct function_config *fc, char err[P2P_ERRLEN])
{
    struct function_entry *entry = &m->table->entries[m->table->n];
    uint32_t id = function_names_add(m->names, fc->name, origin);
    struct function *f;

    if (!id && origin == FROM_GATEWAY) {
        m->table->left_out++;
        return 0;
    }
    if (!id) {
        snprintf(err, P2P_ERRLEN,
                 "functions.%s: more than %d names since the node started; a restart helps",
                 fc->name, CONFIG_MAX_FUNCTIONS - 1);
        return -1;
    }
    f = find_same(m, origin, fc);
    if (!f) {
        f = open_function(c, fc, m->home);
        if (!f) {
            snprintf(err, P2P_ERRLEN, "functions: out of memory");
            return -1;
        }
        f->id = id;
        f->origin = origin;
        f->closed = m->closed;
        f->closed_ctx = m->closed_ctx;
    }
    entry->function = f;
    entry->config = fc;
    entry->offer = shared_config_ref(c);
    m->table->n++;
    HASH_ADD_KEYPTR(hh, m->table->by_name, f->config->name, strlen(f->config->name), entry);
    return 0;
}

static unsigned count(const struct function_offers from[FUNCTION_ORIGINS])
{
    unsigned n = 0;

    for (int o = 0; o < FUNCTION_ORIGINS; o++)
        for (unsigned i = 0; i < from[o].n; i++)
            n += from[o].list[i]->config.n_functions;
    return n;
}

static int add_all(const struct making *m, enum function_origin origin, struct shared_config *c,
                   char err[P2P_ERRLEN])
{
    for (unsigned i = 0; i < c->config.n_functions; i++) {
        const struct function_config *fc = &c->config.function[i];

        if (!function_table_find(m->table, fc->name, strlen(fc->name)) &&
            add(m, origin, c, fc, err))
            return -1;
    }
    return 0;
}

static void free_table(struct function_table *t)
{
    HASH_CLEAR(hh, t->by_name);
    for (unsigned i = 0; i < t->n; i++) {
        own_scheduler_drop(t->entries[i].made);
        function_unref(t->entries[i].function);
        shared_config_unref(t->entries[i].offer);
    }
    free(t->entries);
    free(t);
}

struct function_table *function_table_new(const struct function_offers from[FUNCTION_ORIGINS],
                                          struct function_table *old, bool retry,
                                          struct function_names *names, struct reactor *home,
                                          void (*closed)(void *ctx), void *closed_ctx,
                                          char err[P2P_ERRLEN])
{
    struct making m = {calloc(1, sizeof(*m.table)), old, retry, names, home, closed, closed_ctx};

    if (m.table)
        m.table->entries = calloc(count(from) + 1, sizeof(*m.table->entries));
    if (!m.table || !m.table->entries) {
        snprintf(err, P2P_ERRLEN, "functions: out of memory");
        free(m.table);
        return NULL;
    }
    m.table->refs = 1;
    for (enum function_origin o = 0; o < FUNCTION_ORIGINS; o++)
        for (unsigned i = 0; i < from[o].n; i++)
            if (add_all(&m, o, from[o].list[i], err)) {
                free_table(m.table);
                return NULL;
            }
    return m.table;
}

struct function_table *function_table_ref(struct function_table *t)
{
    t->refs++;
    return t;
}

void function_table_unref(struct function_table *t)
{
    if (t && --t->refs == 0)
        free_table(t);
}

const struct function_entry *function_table_entry(const struct function_table *t, const char *name,
                                                  size_t len)
{
    struct function_entry *entry = NULL;

    HASH_FIND(hh, t->by_name, name, len, entry);
    return entry;
}

struct function *function_table_find(const struct function_table *t, const char *name, size_t len)
{
    const struct function_entry *entry = function_table_entry(t, name, len);

    return entry ? entry->function : NULL;
}

struct function *function_table_resolve(const struct function_table *t, const char *text,
                                        size_t len, const char *own_namespace)
{
    struct function *f = function_table_find(t, text, len);
    const char *dot = f ? NULL : memrchr(text, '.', len);
    size_t n = strlen(own_namespace);

    if (dot && (size_t)(text + len - dot) == n + 1 && memcmp(dot + 1, own_namespace, n) == 0)
        return function_table_find(t, text, (size_t)(dot - text));
    return f;
}

void function_table_names(const struct function_table *t, char *out, size_t size)
{
    size_t at = 0;

    out[0] = '\0';
    for (unsigned i = 0; i < t->n; i++) {
        int n = snprintf(out + at, size - at, "%s%s", i ? ", " : "",
                         t->entries[i].function->config->name);

        if (n < 0 || (size_t)n >= size - at) {
            snprintf(out + (at > 4 ? at - 4 : 0), size - (at > 4 ? at - 4 : 0), "…");
            return;
        }
        at += (size_t)n;
    }
}
