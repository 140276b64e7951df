#include "engine/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/elf_check.h"
#include "engine/params.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
#ifdef P2P_COVERAGE
#define INSTRUMENTED 1
#else
#define INSTRUMENTED SANITIZED
#endif

enum {
    MOST_FILE_BYTES = 64 << 20,
    MOST_INSTANCE_BYTES = 1 << 20,
    MOST_DECISION_BYTES = 4096,
    MOST_PROBES = 64,
    MOST_SCHEDULERS = 64,
    MOST_NAME = 48
};

static _Atomic unsigned generations, open_modules, pinned_modules;

unsigned module_count(void)
{
    return open_modules;
}

unsigned module_pinned_count(void)
{
    return pinned_modules;
}

/* ---- the file ---- */

static char *read_file(const char *file, size_t *size, char *err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* of a FIFO too */
    struct stat st;
    char *data = NULL;
    size_t at = 0;

    if (fd < 0 || fstat(fd, &st)) {
        snprintf(err, P2P_ERRLEN, "%s: %s", file, strerror(errno));
        goto fail;
    }
    if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > MOST_FILE_BYTES) {
        snprintf(err, P2P_ERRLEN, "%s: not a file of 1 byte to %d MB", file, MOST_FILE_BYTES >> 20);
        goto fail;
    }
    data = malloc((size_t)st.st_size);
    if (!data) {
        snprintf(err, P2P_ERRLEN, "%s: out of memory", file);
        goto fail;
    }
    while (at < (size_t)st.st_size) {
        ssize_t n = read(fd, data + at, (size_t)st.st_size - at);

        if (n <= 0) {
            snprintf(err, P2P_ERRLEN, "%s: %s", file,
                     n < 0 ? strerror(errno) : "shrank while it was read");
            goto fail;
        }
        at += (size_t)n;
    }
    close(fd);
    *size = at;
    return data;
fail:
    free(data);
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void hash_of(const char *data, size_t size, char hash[MODULE_HASH_LEN])
{
    unsigned char sum[32] = {0};

    gnutls_hash_fast(GNUTLS_DIG_SHA256, data, size, sum);
    for (int i = 0; i < 32; i++)
        snprintf(hash + (size_t)2 * (size_t)i, 3, "%02x", sum[i]);
}

int module_hash(const char *file, char hash[MODULE_HASH_LEN], char err[P2P_ERRLEN])
{
    size_t size;
    char *data = read_file(file, &size, err);

    if (!data)
        return -1;
    hash_of(data, size, hash);
    free(data);
    return 0;
}

/* The name without folder and ".so". */
static void stem_of(const char *file, char *out, size_t size)
{
    const char *base = strrchr(file, '/');
    char *dot;

    snprintf(out, size, "%s", base ? base + 1 : file);
    dot = strrchr(out, '.');
    if (dot)
        *dot = '\0';
}

/* 0, or -1 with errno; EEXIST when the name is taken. */
static int write_copy(const char *path, const char *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700), error;
    size_t at = 0;

    if (fd < 0)
        return -1;
    while (at < size) {
        ssize_t n = write(fd, data + at, size - at);

        if (n <= 0)
            break;
        at += (size_t)n;
    }
    if (close(fd) == 0 && at == size)
        return 0;
    error = errno;
    unlink(path);
    errno = error;
    return -1;
}

/* Writes the copy under the next name that is free: a process that was killed may
 * have left some, with the same number of the process. */
static int make_copy(struct module *m, const char *run_dir, const char *data, size_t size,
                     char *err)
{
    char stem[64];
    size_t n;

    stem_of(m->file, stem, sizeof(stem));
    n = strlen(run_dir) + strlen(stem) + 32;
    m->copy = malloc(n);
    if (!m->copy) {
        snprintf(err, P2P_ERRLEN, "%s: out of memory", m->file);
        return -1;
    }
    do {
        m->generation = ++generations;
        snprintf(m->copy, n, "%s/%s.g%u.so", run_dir, stem, m->generation);
        if (write_copy(m->copy, data, size) == 0)
            return 0;
    } while (errno == EEXIST);
    snprintf(err, P2P_ERRLEN, "%.100s: cannot write %.80s: %s; see node.run_dir", m->file, m->copy,
             strerror(errno));
    free(m->copy);
    m->copy = NULL;
    return -1;
}

/* ---- what is inside ---- */

static bool is_name(const char *name)
{
    size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;

    return n > 0 && n <= MOST_NAME && name[n] == '\0';
}

static bool is_alias(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

    return n > 0 && n <= MOST_NAME && name[n] == '\0';
}

static int check_scheduler(const struct p2p_scheduler *s, char *err)
{
    char why[P2P_ERRLEN];

    if (!P2P_HAS(s, decide) || !s->decide) {
        snprintf(err, P2P_ERRLEN, "a scheduler without decide(); it is required");
        return -1;
    }
    if (!is_name(s->name)) {
        snprintf(err, P2P_ERRLEN, "the scheduler name '%.60s' is not of the form [a-z0-9_]{1,%d}",
                 s->name ? s->name : "", MOST_NAME);
        return -1;
    }
    if (s->instance_size > MOST_INSTANCE_BYTES || s->decision_size > MOST_DECISION_BYTES ||
        s->max_probes > MOST_PROBES) {
        snprintf(err, P2P_ERRLEN,
                 "scheduler '%s': instance_size %u, decision_size %u, max_probes %u; the most are "
                 "%d, %d, %d",
                 s->name, s->instance_size, s->decision_size, s->max_probes, MOST_INSTANCE_BYTES,
                 MOST_DECISION_BYTES, MOST_PROBES);
        return -1;
    }
    if (params_check(s->params, s->instance_size, why)) {
        snprintf(err, P2P_ERRLEN, "scheduler '%s': %.180s", s->name, why);
        return -1;
    }
    for (const struct p2p_alias *a = s->aliases; a && a->name; a++)
        if (!is_alias(a->name) || a->n_params > params_count(s->params)) {
            snprintf(err, P2P_ERRLEN,
                     "scheduler '%s': the alias '%.48s' takes %u parameters of %u, or is no "
                     "identifier",
                     s->name, a->name, a->n_params, params_count(s->params));
            return -1;
        }
    return 0;
}

static int check_learner(const struct p2p_learner *l, char *err)
{
    char why[P2P_ERRLEN];

    if (!P2P_HAS(l, learn) || !l->act || !l->learn) {
        snprintf(err, P2P_ERRLEN, "a learner without act() or learn(); both are required");
        return -1;
    }
    if (!is_name(l->name)) {
        snprintf(err, P2P_ERRLEN, "the learner name '%.60s' is not of the form [a-z0-9_]{1,%d}",
                 l->name ? l->name : "", MOST_NAME);
        return -1;
    }
    if (l->instance_size > MOST_INSTANCE_BYTES) {
        snprintf(err, P2P_ERRLEN, "learner '%s': instance_size %u; the most is %d", l->name,
                 l->instance_size, MOST_INSTANCE_BYTES);
        return -1;
    }
    if (params_check(l->params, l->instance_size, why)) {
        snprintf(err, P2P_ERRLEN, "learner '%s': %.180s", l->name, why);
        return -1;
    }
    return 0;
}

static int check_schedulers(const struct p2p_scheduler *const *all, char *err)
{
    for (unsigned n = 0; all[n]; n++) {
        if (n == MOST_SCHEDULERS) {
            snprintf(err, P2P_ERRLEN, "offers more than %d schedulers", MOST_SCHEDULERS);
            return -1;
        }
        if (check_scheduler(all[n], err))
            return -1;
        for (unsigned i = 0; i < n; i++)
            if (strcmp(all[i]->name, all[n]->name) == 0) {
                snprintf(err, P2P_ERRLEN, "offers the scheduler '%s' twice", all[n]->name);
                return -1;
            }
    }
    return 0;
}

static int check_learners(const struct p2p_learner *const *all, char *err)
{
    for (unsigned n = 0; all[n]; n++) {
        if (n == MOST_SCHEDULERS) {
            snprintf(err, P2P_ERRLEN, "offers more than %d learners", MOST_SCHEDULERS);
            return -1;
        }
        if (check_learner(all[n], err))
            return -1;
        for (unsigned i = 0; i < n; i++)
            if (strcmp(all[i]->name, all[n]->name) == 0) {
                snprintf(err, P2P_ERRLEN, "offers the learner '%s' twice", all[n]->name);
                return -1;
            }
    }
    return 0;
}

const struct p2p_scheduler *const *module_schedulers(const struct p2p_module *m)
{
    static const struct p2p_scheduler *const none[] = {NULL};

    return P2P_HAS(m, schedulers) && m->schedulers ? m->schedulers : none;
}

const struct p2p_learner *const *module_learners(const struct p2p_module *m)
{
    static const struct p2p_learner *const none[] = {NULL};

    return P2P_HAS(m, learners) && m->learners ? m->learners : none;
}

int module_check(const struct p2p_module *m, char err[P2P_ERRLEN])
{
    if (m->magic != P2P_ABI_MAGIC) {
        snprintf(err, P2P_ERRLEN, "p2p_plugin is not made by P2P_SCHEDULER_PLUGIN of the SDK");
        return -1;
    }
    if (m->abi_major != P2P_ABI_MAJOR || m->needs_minor > P2P_ABI_MINOR) {
        snprintf(err, P2P_ERRLEN,
                 "built for plugin ABI %u.%u, this host speaks %d.%d; rebuild it against sdk/",
                 m->abi_major, m->needs_minor, P2P_ABI_MAJOR, P2P_ABI_MINOR);
        return -1;
    }
    if (check_schedulers(module_schedulers(m), err))
        return -1;
    return check_learners(module_learners(m), err);
}

static int check_entry(const struct p2p_module *m, char *err)
{
    if (module_check(m, err))
        return -1;
    if (module_schedulers(m)[0] || module_learners(m)[0])
        return 0;
    snprintf(err, P2P_ERRLEN,
             "offers no scheduler and no learner; see P2P_SCHEDULER_PLUGIN and P2P_LEARNER_PLUGIN");
    return -1;
}

/* ---- life ---- */

static void close_handle(struct module *m)
{
    const char *keep = getenv("P2P_KEEP_MODULES");
    void *still;

    if (SANITIZED || (keep && keep[0] == '1'))
        return;
    dlclose(m->handle);
    still = dlopen(m->copy, RTLD_NOW | RTLD_NOLOAD);
    if (still) {
        dlclose(still);
        pinned_modules++;
    }
}

static void destroy(struct module *m)
{
    if (m->handle) {
        close_handle(m);
        open_modules--;
    }
    if (m->copy)
        unlink(m->copy);
    free(m->file);
    free(m->copy);
    free(m);
}

/* dlerror begins with the path of the copy, which tells the user nothing. */
static const char *loader_says(const struct module *m)
{
    const char *text = dlerror();
    size_t n = strlen(m->copy);

    if (!text)
        return "unknown error";
    if (strncmp(text, m->copy, n) == 0)
        text += n + strspn(text + n, ": ");
    return text;
}

static int load(struct module *m, const char *run_dir, char *err)
{
    char why[P2P_ERRLEN];
    const char *fault;
    char *data;
    size_t size;
    int rc = -1;

    data = read_file(m->file, &size, err);
    if (!data)
        return -1;
    fault = elf_check(data, size, "p2p_plugin", INSTRUMENTED);
    if (fault) {
        snprintf(err, P2P_ERRLEN, "%s: %s", m->file, fault);
        goto end;
    }
    hash_of(data, size, m->hash);
    if (make_copy(m, run_dir, data, size, err))
        goto end;
    m->handle = dlopen(m->copy, RTLD_NOW | RTLD_LOCAL);
    if (!m->handle) {
        snprintf(err, P2P_ERRLEN, "%s: cannot be loaded: %s", m->file, loader_says(m));
        goto end;
    }
    open_modules++;
    m->entry = dlsym(m->handle, "p2p_plugin");
    if (!m->entry)
        snprintf(err, P2P_ERRLEN, "%s: p2p_plugin cannot be read: %s", m->file, loader_says(m));
    else if (check_entry(m->entry, why))
        snprintf(err, P2P_ERRLEN, "%s: %.200s", m->file, why);
    else
        rc = 0;
end:
    free(data);
    return rc;
}

struct module *module_open(const char *file, const char *run_dir, char err[P2P_ERRLEN])
{
    struct module *m = calloc(1, sizeof(*m));

    if (!m || !(m->file = strdup(file))) {
        snprintf(err, P2P_ERRLEN, "%s: out of memory", file);
        free(m);
        return NULL;
    }
    m->refs = 1;
    if (load(m, run_dir, err)) {
        destroy(m);
        return NULL;
    }
    return m;
}

struct module *module_ref(struct module *m)
{
    m->refs++;
    return m;
}

void module_unref(struct module *m)
{
    if (m && --m->refs == 0)
        destroy(m);
}
