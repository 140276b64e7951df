#include "tests/host/discovery/support_node.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/log.h"

enum { MOST_LOG = 1 << 20, MOST_ROWS = 64 };

static int log_fd = -1;

int support_node_init(struct node *n, const char *const *settings, unsigned n_settings)
{
    char err[P2P_ERRLEN] = "out of memory";

    memset(n, 0, sizeof(*n));
    pthread_mutex_init(&n->admin, NULL);
    function_names_init(&n->names);
    slots_init(&n->slots, 4, 4);
    n->config = calloc(1, sizeof(*n->config));
    n->functions = calloc(1, sizeof(*n->functions));
    n->shards = calloc(1, sizeof(*n->shards));
    if (!n->config || !n->functions || !n->shards || peers_init(&n->peers) ||
        reactor_init(&n->shards[0].reactor, err) ||
        config_load(&n->config->config, NULL, settings, n_settings, err) ||
        endpoint_parse(&n->advertised, "127.0.0.1", 18080, err)) {
        fprintf(stderr, "%s\n", err);
        return -1;
    }
    n->n_shards = n->config->refs = n->functions->refs = 1;
    snprintf(n->id, sizeof(n->id), "n1");
    return 0;
}

void support_node_release(struct node *n)
{
    reactor_release(&n->shards[0].reactor);
    free(n->shards);
    free(n->functions);
    shared_config_unref(n->config);
    peers_release(&n->peers);
    slots_release(&n->slots);
    function_names_release(&n->names);
    pthread_mutex_destroy(&n->admin);
}

void support_log_begin(void)
{
    support_log_end();
    log_fd = memfd_create("log", MFD_CLOEXEC);
    log_to(log_fd);
}

unsigned support_log_count(const char *text)
{
    char *log = calloc(1, MOST_LOG);
    unsigned n = 0;

    if (log && pread(log_fd, log, MOST_LOG - 1, 0) > 0)
        for (const char *at = log; (at = strstr(at, text)); at += strlen(text))
            n++;
    free(log);
    return n;
}

void support_log_end(void)
{
    log_to(-1);
    if (log_fd >= 0)
        close(log_fd);
    log_fd = -1;
}

bool support_peer(struct node *n, const char *address, struct peer_row *out)
{
    struct peer_row *rows = calloc(MOST_ROWS, sizeof(*rows));
    uint32_t count = rows ? peers_list(&n->peers, rows, MOST_ROWS) : 0;
    bool found = false;

    for (uint32_t i = 0; i < count; i++)
        if (strcmp(rows[i].address, address) == 0) {
            *out = rows[i];
            found = true;
        }
    free(rows);
    return found;
}
