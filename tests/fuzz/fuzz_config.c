/*
 * fuzz_config.c - any bytes as plugins.yaml, through a file in memory.  Text behind
 * a line "--set" is one override.  What is taken must be complete; what is refused
 * must say why and leave nothing behind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 1 << 16, MOST_OVERRIDE = 1 << 12 };

/* One file for all inputs, by the name under which config_load opens it. */
static int write_file(char path[32], const uint8_t *data, size_t size)
{
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("plugins.yaml", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
        return -1;
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return 0;
}

/* Cuts the override off; returns it, or NULL when there is none. */
static const char *split(const uint8_t *data, size_t *size)
{
    static const char mark[] = "\n--set ";
    static char override[MOST_OVERRIDE];
    const uint8_t *at = memmem(data, *size, mark, sizeof(mark) - 1);
    size_t n;

    if (!at)
        return NULL;
    n = *size - (size_t)(at - data) - (sizeof(mark) - 1);
    if (n >= sizeof(override))
        return NULL;
    memcpy(override, at + sizeof(mark) - 1, n);
    override[n] = '\0';
    *size = (size_t)(at - data);
    return override;
}

static void must(int condition)
{
    if (!condition)
        abort();
}

static void check_parameters(const struct pairs *p)
{
    must(p->n <= CONFIG_MAX_PARAMETERS);
    for (unsigned i = 0; i < p->n; i++) {
        must(p->list[i].value != NULL);
        must(!p->list[i].name == p->by_order);
    }
}

static void check_functions(const struct config *c)
{
    must(c->n_functions < CONFIG_MAX_FUNCTIONS);
    for (unsigned i = 0; i < c->n_functions; i++) {
        const struct function_config *f = &c->function[i];

        must(f->name && f->name[0] && !strchr(f->name, '/') && strlen(f->name) < 64);
        must(f->command && f->command[0] && f->command[0][0]);
        must(f->timeout > 0 && f->deadline > 0 && f->content_type && f->directory);
        for (char **e = f->environment; e && *e; e++)
            must(strchr(*e, '=') > *e);
        must(f->slots >= 0 && f->scheduler);
        must(f->own.plugin ? f->own.plugin[0] : f->own.parameters.n == 0);
        check_parameters(&f->own.parameters);
    }
}

static void check(const struct config *c)
{
    must(c->node.id && c->node.id[0] && c->node.listen && c->scheduler.plugin && c->file);
    must(c->node.port > 0 && c->node.port < 65536 && c->node.slots > 0);
    must(c->n_peers <= CONFIG_MAX_PEERS);
    for (unsigned i = 0; i < c->n_peers; i++)
        must(c->peer[i].name && c->peer[i].address && c->peer[i].endpoint.length > 0);
    check_parameters(&c->scheduler.parameters);
    check_functions(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config nothing;
    const char *override = size <= MOST ? split(data, &size) : NULL;
    char path[32], err[P2P_ERRLEN];
    struct config c;

    if (size > MOST || write_file(path, data, size))
        return 0;
    memset(err, 0, sizeof(err));
    if (config_load(&c, path, &override, override ? 1 : 0, err) == 0) {
        check(&c);
        config_release(&c);
    } else {
        must(err[0] && strnlen(err, sizeof(err)) < sizeof(err));
    }
    must(memcmp(&c, &nothing, sizeof(c)) == 0);
    return 0;
}
