#include "host/config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "base/paths.h"
#include "host/async/retry.h"
#include "host/config_yaml.h"
#include "host/log.h"
#include "host/own_address.h"

/* ---- where a setting was made ---- */

int config_note_line(struct config *c, const struct p2p_param *key, int line)
{
    struct key_line *grown = realloc(c->lines, (c->n_lines + 1) * sizeof(*grown));

    if (!grown)
        return -1;
    c->lines = grown;
    grown[c->n_lines++] = (struct key_line){key, line};
    return 0;
}

static void place(const struct config *c, int line, const char *what, char *out, size_t size)
{
    if (line == CONFIG_LINE_SET)
        snprintf(out, size, "--set %s", what);
    else if (line == CONFIG_LINE_VARIABLE)
        snprintf(out, size, "environment: %s", what);
    else if (line == CONFIG_LINE_NONE)
        snprintf(out, size, "%.80s: %s", c->file ? c->file : "defaults", what);
    else
        snprintf(out, size, "%.80s:%d: %s", c->file, line, what);
}

void config_place(const struct config *c, const char *section, const char *key, char *out,
                  size_t size)
{
    char what[96];
    int line = CONFIG_LINE_NONE;

    for (const struct config_section *s = config_sections; s->name; s++)
        for (unsigned i = 0; strcmp(s->name, section) == 0 && i < c->n_lines; i++)
            if (c->lines[i].key == params_find(s->keys, key))
                line = c->lines[i].line;
    snprintf(what, sizeof(what), "%s.%s", section, key);
    place(c, line, what, out, size);
}

void config_parameter_place(const struct config *c, const char *section, const struct pair *p,
                            char *out, size_t size)
{
    char what[48];

    snprintf(what, sizeof(what), "%s.parameters", section);
    place(c, p->line, what, out, size);
}

void config_choice_place(const struct config *c, const struct function_config *f,
                         const struct pair *p, char *out, size_t size)
{
    char what[96];

    snprintf(what, sizeof(what), "functions.%s.scheduler", f->name);
    place(c, p && p->line ? p->line : f->own.line, what, out, size);
}

char *config_expand(const char *text)
{
    return path_expand(text, CONFIG_MAX_TEXT);
}

/* ---- lists that grow ---- */

struct pairs *config_parameters(struct config *c, const char *section)
{
    if (strcmp(section, "scheduler") == 0)
        return &c->scheduler.parameters;
    return strcmp(section, "learner") == 0 ? &c->learner.parameters : NULL;
}

void config_clear_parameters(struct pairs *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        free(p->list[i].name);
        free(p->list[i].value);
    }
    free(p->list);
    memset(p, 0, sizeof(*p));
}

int config_add_parameter(struct pairs *to, const char *name, const char *value, int line, char *err)
{
    struct pair *grown =
        to->n < CONFIG_MAX_PARAMETERS ? realloc(to->list, (to->n + 1) * sizeof(*grown)) : NULL;
    struct pair *p;

    if (!grown) {
        snprintf(err, P2P_ERRLEN, "more than %d parameters, or out of memory",
                 CONFIG_MAX_PARAMETERS);
        return -1;
    }
    to->list = grown;
    p = &grown[to->n];
    *p = (struct pair){name ? strdup(name) : NULL, strdup(value), line};
    to->n++;
    if (p->value && (p->name || !name))
        return 0;
    snprintf(err, P2P_ERRLEN, "out of memory");
    return -1;
}

struct peer_list config_peers(struct config *c)
{
    return (struct peer_list){&c->peer, &c->n_peers, false};
}

struct peer_list config_seeds(struct config *c)
{
    return (struct peer_list){&c->discovery.seed, &c->discovery.n_seeds, true};
}

static void free_peer(struct peer_config *p)
{
    free(p->name);
    free(p->address);
}

void config_clear_peers(struct peer_list l)
{
    for (unsigned i = 0; i < *l.n; i++)
        free_peer(&(*l.peer)[i]);
    free(*l.peer);
    *l.peer = NULL;
    *l.n = 0;
}

static unsigned hash_of(const char *text)
{
    unsigned hash;

    HASH_JEN(text, strlen(text), hash);
    return hash;
}

static bool same(unsigned hash, const char *text, unsigned other_hash, const char *other)
{
    return hash == other_hash && strcmp(text, other) == 0;
}

/* Room for one more; the list doubles. */
static struct peer_config *grow(struct peer_list l)
{
    unsigned n = *l.n;

    if (n >= CONFIG_MAX_PEERS)
        return NULL;
    return n & (n - 1) ? *l.peer : realloc(*l.peer, (n ? 2 * n : 1) * sizeof(**l.peer));
}

/* Its endpoint; without an address when it is told by name. */
static int read_address(struct peer_list l, const char *address, int64_t port, struct endpoint *out,
                        char *err)
{
    char host[ENDPOINT_HOST];
    uint16_t own_port;

    if (endpoint_parse(out, address, (uint16_t)port, err) == 0)
        return 0;
    if (!l.may_be_names)
        return -1;
    memset(out, 0, sizeof(*out));
    snprintf(out->text, sizeof(out->text), "%s", address);
    if (endpoint_split_name(address, (uint16_t)port, host, &own_port) == 0)
        return 0;
    snprintf(err, P2P_ERRLEN,
             "'%.80s' is neither a numeric address nor the name of a host; allowed: 10.0.0.2, "
             "10.0.0.2:19000, [::1]:19000, n2, n2.example.org:19000",
             address);
    return -1;
}

struct peer_config *config_add_peer(struct peer_list l, const char *name, const char *address,
                                    char *err)
{
    struct endpoint probe;
    struct peer_config *grown,
        added = {.name_hash = hash_of(name), .address_hash = hash_of(address)};

    if (read_address(l, address, 1, &probe, err))
        return NULL;
    for (const struct peer_config *p = *l.peer; p && p < *l.peer + *l.n; p++)
        if (same(p->name_hash, p->name, added.name_hash, name) ||
            same(p->address_hash, p->address, added.address_hash, address)) {
            snprintf(err, P2P_ERRLEN, "'%.80s' is listed twice", name);
            return NULL;
        }
    grown = grow(l);
    if (!grown) {
        snprintf(err, P2P_ERRLEN, "more than %d nodes, or out of memory", CONFIG_MAX_PEERS);
        return NULL;
    }
    *l.peer = grown;
    added.name = strdup(name);
    added.address = strdup(address);
    grown[*l.n] = added;
    return &grown[(*l.n)++];
}

char *config_data_path(const struct config *c, const char *name, bool *failed)
{
    bool absolute = c->node.data_dir[0] == '/';
    char *here, *path = NULL;

    *failed = false;
    if (!c->node.data_dir[0])
        return NULL;
    here = absolute ? strdup("") : getcwd(NULL, 0);
    *failed = !here ||
              asprintf(&path, "%s%s%s/%s", here, absolute ? "" : "/", c->node.data_dir, name) < 0;
    free(here);
    return *failed ? NULL : path;
}

/* ---- life ---- */

void config_release(struct config *c)
{
    for (const struct config_section *s = config_sections; s->name; s++)
        params_release(s->keys, (char *)c + s->offset);
    config_clear_parameters(&c->scheduler.parameters);
    config_clear_parameters(&c->learner.parameters);
    config_clear_peers(config_peers(c));
    config_clear_peers(config_seeds(c));
    for (unsigned i = 0; i < c->n_functions; i++)
        config_release_function(&c->function[i]);
    free(c->function);
    free(c->lines);
    free(c->file);
    memset(c, 0, sizeof(*c));
}

static int set_defaults(struct config *c, char err[P2P_ERRLEN])
{
    for (const struct config_section *s = config_sections; s->name; s++)
        if (params_defaults(s->keys, (char *)c + s->offset, err))
            return -1;
    return 0;
}

/* Completes addresses with the port; the node itself is skipped. */
static int finish_peers(struct config *c, const char *section, struct peer_list l, int64_t port,
                        char err[P2P_ERRLEN])
{
    struct peer_config *list = *l.peer;
    struct endpoint self;
    unsigned kept = 0;

    if (endpoint_parse(&self, c->node.advertise[0] ? c->node.advertise : c->node.listen,
                       (uint16_t)port, err))
        return -1;
    for (unsigned i = 0; i < *l.n; i++) {
        struct peer_config *p = &list[i];

        if (read_address(l, p->address, port, &p->endpoint, err))
            return -1; /* its form was checked, with its line, when it was read */
        p->endpoint_hash = hash_of(p->endpoint.length ? p->endpoint.text : p->address);
        for (unsigned k = 0; k < i; k++)
            if (same(list[k].endpoint_hash, list[k].endpoint.text, p->endpoint_hash,
                     p->endpoint.text)) {
                snprintf(err, P2P_ERRLEN, "%s: %s: '%s' and '%s' have the same address",
                         c->file ? c->file : "defaults", section, list[k].name, p->name);
                return -1;
            }
    }
    for (unsigned i = 0; i < *l.n; i++) {
        if (strcmp(list[i].endpoint.text, self.text) == 0)
            free_peer(&list[i]);
        else
            list[kept++] = list[i];
    }
    *l.n = kept;
    return 0;
}

static int check_address(const struct config *c, const char *key, const char *text,
                         char err[P2P_ERRLEN])
{
    char where[CONFIG_PLACE];

    if (endpoint_is_bare(text))
        return 0;
    config_place(c, "node", key, where, sizeof(where));
    snprintf(err, P2P_ERRLEN,
             "%s: '%.64s' is not a numeric address without a port; allowed: as in 127.0.0.1, "
             "0.0.0.0, ::1",
             where, text);
    return -1;
}

/* "auto" becomes an address. */
static int find_advertised(struct config *c, char err[P2P_ERRLEN])
{
    char where[CONFIG_PLACE], found[INET6_ADDRSTRLEN], why[P2P_ERRLEN];

    if (strcmp(c->node.advertise, "auto") != 0)
        return 0;
    if (own_address(found, why)) {
        config_place(c, "node", "advertise", where, sizeof(where));
        snprintf(err, P2P_ERRLEN, "%s: auto: %.180s", where, why);
        return -1;
    }
    free((char *)(uintptr_t)c->node.advertise);
    c->node.advertise = strdup(found);
    return c->node.advertise ? 0 : -1;
}

static int check_codes(const struct config *c, char err[P2P_ERRLEN])
{
    char where[CONFIG_PLACE], why[P2P_ERRLEN];
    struct retry_codes codes;

    if (retry_codes_read(&codes, c->async.codes, why) == 0)
        return 0;
    config_place(c, "async", "codes", where, sizeof(where));
    snprintf(err, P2P_ERRLEN, "%s: %s", where, why);
    return -1;
}

static bool is_wildcard(const char *address)
{
    return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

/* Does it have peers, or can it come to have some? */
static bool has_peers(const struct config *c)
{
    bool served = c->security.secret[0] || c->security.trust_network;

    return c->n_peers || c->discovery.n_seeds || (served && c->discovery.source != DISCOVERY_NONE);
}

/* What can only be said when all of it is read. */
static int finish(struct config *c, char err[P2P_ERRLEN])
{
    char where[CONFIG_PLACE];
    struct endpoint self;
    char *folder = config_expand(c->plugins.folder);

    if (!folder) {
        config_place(c, "plugins", "folder", where, sizeof(where));
        snprintf(err, P2P_ERRLEN, "%s: longer than %d bytes, or out of memory", where,
                 CONFIG_MAX_TEXT);
        return -1;
    }
    free((char *)(uintptr_t)c->plugins.folder);
    c->plugins.folder = folder;
    if (find_advertised(c, err) || check_address(c, "listen", c->node.listen, err) ||
        (c->node.advertise[0] && check_address(c, "advertise", c->node.advertise, err)))
        return -1;
    if (endpoint_parse(&self, c->node.advertise[0] ? c->node.advertise : c->node.listen,
                       (uint16_t)c->node.port, err))
        return -1;
    if (finish_peers(c, "peers.nodes", config_peers(c), c->node.port, err) ||
        finish_peers(c, "discovery.seeds", config_seeds(c), c->discovery.port, err))
        return -1;
    if (c->discovery.source == DISCOVERY_P2P && c->discovery.port == c->node.port) {
        config_place(c, "discovery", "port", where, sizeof(where));
        snprintf(err, P2P_ERRLEN, "%s: %d is node.port too; allowed: another one", where,
                 (int)c->node.port);
        return -1;
    }
    if (config_finish_security(c, err) || check_codes(c, err))
        return -1;
    if (has_peers(c) && !c->node.advertise[0] && is_wildcard(c->node.listen)) {
        config_place(c, "node", "listen", where, sizeof(where));
        snprintf(err, P2P_ERRLEN,
                 "%s is %s and there are peers, or can be: node.advertise must be the address that "
                 "they use for this node, or auto",
                 where, c->node.listen);
        return -1;
    }
    if (!c->node.id[0]) {
        free((char *)(uintptr_t)c->node.id);
        c->node.id = strdup(self.text);
    }
    c->docker.node = c->node.id;
    for (unsigned i = 0; i < c->n_functions; i++)
        c->function[i].docker = &c->docker;
    return c->node.id ? 0 : -1;
}

int config_load(struct config *c, const char *file, const char *const *overrides,
                unsigned n_overrides, char err[P2P_ERRLEN])
{
    int rc = -1;

    memset(c, 0, sizeof(*c));
    if (set_defaults(c, err))
        goto end;
    if (file && !(c->file = strdup(file)))
        goto end;
    if (file && config_read_file(c, file, err))
        goto end;
    for (unsigned i = 0; i < n_overrides; i++)
        if (config_override(c, overrides[i], err))
            goto end;
    rc = finish(c, err);
end:
    if (rc)
        config_release(c);
    return rc;
}
