/*
 * thread_local.c - thread-local storage, which keeps a module mapped.
 */
#include <p2pfaas/plugin.h>

extern P2P_PUBLIC _Thread_local int p2p_test_calls;
_Thread_local int p2p_test_calls;

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    p2p_test_calls++;
    return p2p_local();
}

static const struct p2p_scheduler scheduler = {
    .size = sizeof(scheduler), .name = "thread_local", .decide = decide};
P2P_SCHEDULER_PLUGIN(scheduler);
