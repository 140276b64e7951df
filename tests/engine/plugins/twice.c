/*
 * twice.c - one module, two schedulers, one name.
 */
#include <p2pfaas/plugin.h>

static struct p2p_action decide(void *self, const struct p2p_request *rq)
{
    (void)self;
    (void)rq;
    return p2p_local();
}

static const struct p2p_scheduler first = {
    .size = sizeof(first), .name = "twice", .decide = decide};
static const struct p2p_scheduler second = {
    .size = sizeof(second), .name = "twice", .decide = decide};
static const struct p2p_scheduler *const both[] = {&first, &second, NULL};
P2P_MODULE_(both, NULL);
