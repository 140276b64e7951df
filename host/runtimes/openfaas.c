/*
 * openfaas.c - a function is one of the OpenFaaS gateway that openfaas.gateway names.  A call
 * goes there only while the gateway lists it: one that two nodes believe to be at each other
 * is at neither.
 */
#include "host/runtimes/openfaas_gateway.h"
#include "host/runtimes/remote.h"

static struct openfaas *gateway_of(const struct program *p)
{
    return remote_home(p)->openfaas;
}

static const char *name_of(const struct program *p)
{
    return remote_config(p)->name;
}

static struct program *openfaas_open(const struct function_config *f, struct reactor *home,
                                     char err[P2P_ERRLEN])
{
    struct program *p;
    char url[2048];

    if (!home->openfaas) {
        snprintf(
            err, P2P_ERRLEN,
            "function '%s': runtime openfaas needs openfaas.gateway, the URL of a gateway, and "
            "a restart",
            f->name);
        return NULL;
    }
    openfaas_url(home->openfaas, f->name, url, sizeof(url));
    p = remote_open(f, home, url, openfaas_via(home->openfaas), err);
    if (p && f->image[0] && openfaas_deploy(home->openfaas, f)) {
        snprintf(err, P2P_ERRLEN, "function '%s': out of memory", f->name);
        remote_drop(p);
        return NULL;
    }
    return p;
}

static void openfaas_close(struct program *p, void (*closed)(void *arg), void *arg)
{
    openfaas_forget(gateway_of(p), remote_config(p));
    remote_close(p, closed, arg);
}

static void openfaas_start_run(struct run *run)
{
    struct openfaas *o = gateway_of(run->program);
    char why[P2P_ERRLEN];
    int status;

    if (openfaas_went_through(o, &run->request->headers))
        remote_fail(run, 502,
                    "the OpenFaaS gateway gave the call back: who has it changes just now");
    else if (!openfaas_has(o, name_of(run->program), &status, why, sizeof(why)))
        remote_fail(run, status, why);
    else
        remote_start(run);
}

static void describe(struct program *p, char *out, size_t size)
{
    openfaas_describe(gateway_of(p), name_of(p), out, size);
}

static void count(struct program *p, struct replica_count *out)
{
    struct openfaas_entry e;

    *out = (struct replica_count){0};
    if (!openfaas_count(gateway_of(p), name_of(p), &e, out->refusal, sizeof(out->refusal)))
        return;
    out->replicas = e.replicas;
    out->available = e.available;
}

static void look(struct program *p)
{
    openfaas_look(gateway_of(p));
}

static int scale(struct program *p, unsigned replicas, char err[P2P_ERRLEN])
{
    return openfaas_scale(gateway_of(p), name_of(p), replicas, err);
}

const struct runtime runtime_openfaas = {
    .name = "openfaas",
    .open = openfaas_open,
    .close = openfaas_close,
    .start = openfaas_start_run,
    .cancel = remote_cancel,
    .describe = describe,
    .count = count,
    .scale = scale,
    .look = look,
};
