/* The engine's world as the live node is one. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/log.h"
#include "host/node.h"

enum { JOINING = 300 };

static struct node node;
static char root[64], folder[80], run_dir[80], file[96], err[P2P_ERRLEN];

static int setup(void **state)
{
    struct engine_settings settings = {.drain_timeout_ns = 1};
    const char *plugins = getenv("P2P_TEST_PLUGINS");
    char from[4096];

    (void)state;
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT, "test");
    snprintf(root, sizeof(root), "/tmp/p2p_world_XXXXXX");
    if (!plugins || !mkdtemp(root))
        return -1;
    snprintf(folder, sizeof(folder), "%s/plugins", root);
    snprintf(run_dir, sizeof(run_dir), "%s/run", root);
    snprintf(from, sizeof(from), "%s/asks.so", plugins);
    snprintf(file, sizeof(file), "%s/asks.so", folder);
    if (mkdir(folder, 0700) || symlink(from, file))
        return -1;
    node.owner.node = &node;
    slots_init(&node.slots, 1, 0);
    function_names_init(&node.names);
    node.catalog = catalog_new(folder, run_dir, err);
    if (peers_init(&node.peers) || !node.catalog ||
        catalog_scan(node.catalog, NULL, NULL, err) != 1)
        return -1;
    node.engine = engine_new(node.catalog, &host_world, &node.owner, &settings);
    return node.engine ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    engine_free(node.engine);
    catalog_free(node.catalog);
    peers_release(&node.peers);
    slots_release(&node.slots);
    function_names_release(&node.names);
    unlink(file);
    return rmdir(folder) || rmdir(root);
}

static void *join_all(void *arg)
{
    struct peer_member m = {.protocol = PEER_OURS};
    char name[32], why[P2P_ERRLEN];
    _Atomic unsigned *joined = arg;

    for (unsigned i = 0; i < JOINING; i++) {
        snprintf(name, sizeof(name), "n%u", i);
        m.name = name;
        if (endpoint_parse(&m.endpoint, "127.0.0.1", (uint16_t)(81 + i), why) ||
            peers_join(&node.peers, &m, why) == P2P_NONE)
            break;
        ++*joined;
    }
    return NULL;
}

static void a_scheduler_may_start_and_end_while_peers_join(void **state)
{
    const char *names[] = {"rounds"}, *values[] = {"20"};
    struct selection s = {.name = "asks", .names = names, .values = values, .n = 1};
    _Atomic unsigned joined = 0;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, join_all, &joined), 0);
    for (unsigned i = 0; i < 200 || (joined < JOINING && i < 20000); i++) {
        if (engine_select(node.engine, &s, err))
            fail_msg("%s", err);
        engine_drain(node.engine);
    }
    pthread_join(thread, NULL);
    assert_int_equal(joined, JOINING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scheduler_may_start_and_end_while_peers_join),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
