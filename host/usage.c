#include "host/usage.h"

static void on_measured(void *owner, const struct usage *usage)
{
    struct usage_request *r = owner;

    r->known = usage != NULL;
    if (usage)
        r->usage = *usage;
    r->done(r);
}

static void measure(struct task *t)
{
    struct usage_request *r =
        (struct usage_request *)((char *)t - offsetof(struct usage_request, task));
    const struct function *f = r->function;

    if (f->program && f->runtime->usage)
        f->runtime->usage(f->program, on_measured, r);
    else
        on_measured(r, NULL);
}

void function_usage(struct usage_request *r)
{
    r->task.run = measure;
    reactor_post(r->function->home, &r->task);
}
