#include "host/runtimes/remote.h"

#include <stdlib.h>
#include <string.h>

#include "host/runtimes/remote_tls.h"
#include "host/runtimes/site.h"

struct program {
    const struct function_config *config;
    struct reactor *home;
    struct url url;
    char stem[URL_PATH];
    struct served_target target;
    struct site *site;           /* http */
    struct remote_tls_said said; /* https */
};

const struct function_config *remote_config(const struct program *p)
{
    return p->config;
}

struct reactor *remote_home(const struct program *p)
{
    return p->home;
}

/* ---- the supply of http:// ---- */

static const struct served_target *remote_target(const struct program *p)
{
    return &p->target;
}

static bool remote_take(struct program *p, struct served_waiter *w)
{
    return site_take(p->site, w);
}

static bool remote_wait(struct program *p, struct served_waiter *w)
{
    site_wait(p->site, w);
    return false;
}

static bool remote_leave(struct program *p, struct served_waiter *w)
{
    return site_leave(p->site, w);
}

static void remote_give(struct program *p, struct served_waiter *w, enum place_use how)
{
    site_give(p->site, w, how);
}

static int remote_why(struct program *p, char out[P2P_ERRLEN])
{
    site_why(p->site, out, P2P_ERRLEN);
    return 502;
}

static const struct supply remote_supply = {
    .config = remote_config,
    .target = remote_target,
    .take = remote_take,
    .wait = remote_wait,
    .leave = remote_leave,
    .give = remote_give,
    .why = remote_why,
};

/* ---- runs ---- */

void remote_start(struct run *run)
{
    struct program *p = run->program;

    if (p->url.tls)
        remote_tls_start(run, &(struct remote_tls_place){p->config, &p->target, &p->said});
    else
        served_start(run, &remote_supply);
}

void remote_cancel(struct run *run)
{
    if (!run->state)
        return; /* it ended, or its end is on its way */
    if (run->program->url.tls)
        remote_tls_cancel(run);
    else
        served_cancel(run);
}

static void on_failed(struct task *t)
{
    struct run *run = (struct run *)((char *)t - offsetof(struct run, task));

    run->ended_ns = clock_ns();
    run->done(run, RUN_FAILED);
}

void remote_fail(struct run *run, int status, const char *why)
{
    run->state = NULL;
    run->status = status;
    snprintf(run->err, sizeof(run->err), "function '%s': %s", run->program->config->name, why);
    run->task.run = on_failed;
    reactor_post(run->reactor, &run->task);
}

/* ---- life ---- */

struct program *remote_open(const struct function_config *f, struct reactor *home, const char *url,
                            const struct headers *more, char err[P2P_ERRLEN])
{
    struct program *p = calloc(1, sizeof(*p));
    char why[P2P_ERRLEN] = "out of memory";
    size_t n;

    if (!p || url_parse(&p->url, url, why))
        goto fail;
    p->config = f;
    p->home = home;
    n = strlen(p->url.path);
    while (n > 0 && p->url.path[n - 1] == '/')
        n--;
    snprintf(p->stem, sizeof(p->stem), "%.*s", (int)n, p->url.path);
    p->target = (struct served_target){p->url.authority, p->url.path, p->stem, more};
    if (p->url.tls) {
        remote_tls_said_init(&p->said);
    } else if (!(p->site = site_join(home, &p->url))) {
        goto fail;
    }
    return p;
fail:
    snprintf(err, P2P_ERRLEN, "function '%s': %.180s", f->name, why);
    free(p);
    return NULL;
}

void remote_drop(struct program *p)
{
    if (p->site)
        site_part(p->site);
    else
        remote_tls_said_release(&p->said);
    free(p);
}

void remote_close(struct program *p, void (*closed)(void *arg), void *arg)
{
    remote_drop(p);
    closed(arg);
}

void remote_describe(struct program *p, char *out, size_t size)
{
    if (p->site)
        site_describe(p->site, out, size);
    else
        remote_tls_describe(&p->said, out, size);
}
