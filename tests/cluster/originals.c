#include "tests/cluster/originals.h"

struct fake_peer *original;
static const char *const settings[] = {
    "node.slots=1",       "node.queue=1",   "peers.retry=100ms",     "limits.body=1MB",
    "limits.headers=4KB", "node.threads=1", "scheduler.max_hops=16", NULL};

int originals_start(void **state)
{
    char config[8192];

    (void)state;
    original = fake_peer_new(101);
    snprintf(config, sizeof(config),
             "peers: {nodes: [{name: o1, address: '%s', protocol: original}]}\n%s"
             "  exits: {command: [sh, -c, 'exit 3']}\n"
             "  hangs: {command: [sleep, '60'], timeout: 300ms}\n",
             fake_peer_address(original), fixture_functions);
    fixture_init(1, config);
    cluster.settings = settings;
    cluster.has_peers = true;
    start_node(0, NULL);
    return 0;
}

int originals_stop(void **state)
{
    (void)state;
    fixture_stop();
    fake_peer_free(original);
    return 0;
}

int originals_forwarding(void **state)
{
    (void)state;
    fake_peer_forget(original);
    fake_peer_has_load(original, 0, 0);
    wait_metric(0, "p2pfaas_peers{state=\"up\"}", 1, 20);
    select_scheduler(0, "{\"name\":\"forward\"}");
    return 0;
}

int originals_local(void **state)
{
    (void)state;
    select_scheduler(0, "{\"name\":\"local\"}");
    return 0;
}

int originals_whole(void **state)
{
    (void)state;
    select_scheduler(0, "{\"name\":\"local\"}");
    expect(post_text(0, "/function/echo", "still here"), 200, "still here");
    assert_true(metric(0, "p2pfaas_slots_running") == 0);
    assert_true(metric(0, "p2pfaas_queue_length") == 0);
    return 0;
}

void originals_answer(const char *status, const char *json)
{
    char text[8192];

    snprintf(text, sizeof(text),
             "HTTP/1.1 %s\r\nContent-Type: application/json\r\nDate: Mon, 23 Nov 2026 20:12:10 "
             "GMT\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
             status, strlen(json), json);
    fake_peer_answers(original, text, strlen(text));
}

const char originals_good[] = PEERS "\"body\":\"aGVsbG8=\",\"status_code\":200}";
