#include "engine/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/suggest.h"

enum { MOST_FILES = 512, MOST_NAMES = 2 * MOST_FILES };

/* A file that was looked at, in whatever state it was found. */
struct file {
    char *path;
    struct stat seen;
    char hash[MODULE_HASH_LEN];
    struct module *module; /* NULL when it cannot be used */
    char error[P2P_ERRLEN];
    bool present; /* in the scan under way */
};

struct catalog {
    pthread_mutex_t lock;
    char *folder, *run_dir;
    struct file *files[MOST_FILES]; /* by path */
    unsigned n;
};

/* ---- names ---- */

bool catalog_goes_by(const struct p2p_scheduler *s, const char *name,
                     const struct p2p_alias **alias)
{
    *alias = NULL;
    if (strcmp(s->name, name) == 0)
        return true;
    for (const struct p2p_alias *a = s->aliases; a && a->name; a++)
        if (strcmp(a->name, name) == 0) {
            *alias = a;
            return true;
        }
    return false;
}

static const struct p2p_scheduler *find_in(const struct module *m, const char *name,
                                           const struct p2p_alias **alias)
{
    for (const struct p2p_scheduler *const *s = module_schedulers(m->entry); *s; s++)
        if (catalog_goes_by(*s, name, alias))
            return *s;
    return NULL;
}

static const struct p2p_learner *find_learner_in(const struct module *m, const char *name)
{
    for (const struct p2p_learner *const *l = module_learners(m->entry); *l; l++)
        if (strcmp((*l)->name, name) == 0)
            return *l;
    return NULL;
}

/* Another usable file that already answers to that name. */
static const struct file *owner_of(const struct catalog *c, const struct file *but,
                                   const char *name)
{
    const struct p2p_alias *alias;

    for (unsigned i = 0; i < c->n; i++)
        if (c->files[i] != but && c->files[i]->module && find_in(c->files[i]->module, name, &alias))
            return c->files[i];
    return NULL;
}

static const struct file *owner_of_learner(const struct catalog *c, const struct file *but,
                                           const char *name)
{
    for (unsigned i = 0; i < c->n; i++)
        if (c->files[i] != but && c->files[i]->module && find_learner_in(c->files[i]->module, name))
            return c->files[i];
    return NULL;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int taken(const struct file *f, const char *kind, const char *name, const struct file *owner,
                 char *err)
{
    if (!owner)
        return 0;
    snprintf(err, P2P_ERRLEN, "%s: %s '%s' is already provided by %s; rename one or remove a file",
             f->path, kind, name, base_of(owner->path));
    return -1;
}

/* Every name of m that is taken already makes it unusable.  A scheduler and a learner may
 * have the same. */
static int check_names(const struct catalog *c, const struct file *f, const struct module *m,
                       char *err)
{
    for (const struct p2p_scheduler *const *s = module_schedulers(m->entry); *s; s++) {
        if (taken(f, "scheduler", (*s)->name, owner_of(c, f, (*s)->name), err))
            return -1;
        for (const struct p2p_alias *a = (*s)->aliases; a && a->name; a++)
            if (taken(f, "scheduler", a->name, owner_of(c, f, a->name), err))
                return -1;
    }
    for (const struct p2p_learner *const *l = module_learners(m->entry); *l; l++)
        if (taken(f, "learner", (*l)->name, owner_of_learner(c, f, (*l)->name), err))
            return -1;
    return 0;
}

/* ---- files ---- */

static void file_free(struct file *f)
{
    module_unref(f->module);
    free(f->path);
    free(f);
}

static bool same_stat(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Takes a new or touched file in; true when that changed anything. */
static bool take(struct catalog *c, struct file *f)
{
    char hash[MODULE_HASH_LEN] = "", err[P2P_ERRLEN] = "";
    struct module *m;

    if (f->module && module_hash(f->path, hash, err) == 0 && strcmp(hash, f->hash) == 0)
        return false;
    m = module_open(f->path, c->run_dir, err);
    if (m && check_names(c, f, m, err)) {
        module_unref(m);
        m = NULL;
    }
    module_unref(f->module);
    f->module = m;
    snprintf(f->hash, sizeof(f->hash), "%s", m ? m->hash : "");
    snprintf(f->error, sizeof(f->error), "%s", m ? "" : err);
    return true;
}

static struct file *file_at(struct catalog *c, const char *path)
{
    unsigned at = 0;
    struct file *f;

    while (at < c->n && strcmp(c->files[at]->path, path) < 0)
        at++;
    if (at < c->n && strcmp(c->files[at]->path, path) == 0)
        return c->files[at];
    f = c->n < MOST_FILES ? calloc(1, sizeof(*f)) : NULL;
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return NULL;
    }
    memmove(&c->files[at + 1], &c->files[at], (c->n - at) * sizeof(struct file *));
    c->files[at] = f;
    c->n++;
    return f;
}

static bool is_plugin_name(const char *name)
{
    size_t n = strlen(name);

    return name[0] != '.' && n > 3 && strcmp(name + n - 3, ".so") == 0;
}

static int select_plugin(const struct dirent *e)
{
    return is_plugin_name(e->d_name);
}

struct report {
    void (*changed)(void *ctx, const char *file, const char *error);
    void *ctx;
    int n;
};

static void report(struct report *r, const struct file *f, const char *error)
{
    r->n++;
    if (r->changed)
        r->changed(r->ctx, f->path, error);
}

static void drop_absent(struct catalog *c, struct report *r)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < c->n; i++) {
        struct file *f = c->files[i];

        if (f->present) {
            c->files[kept++] = f;
        } else {
            report(r, f, "removed");
            file_free(f);
        }
    }
    c->n = kept;
}

/* A file that failed may have failed for a name that is free now. */
static void retry_names(struct catalog *c, struct report *r)
{
    for (unsigned i = 0; i < c->n; i++) {
        struct file *f = c->files[i];

        if (!f->module && strstr(f->error, "is already provided by") && take(c, f) && f->module)
            report(r, f, NULL);
    }
}

int catalog_scan(struct catalog *c, void (*changed)(void *ctx, const char *file, const char *error),
                 void *ctx, char err[P2P_ERRLEN])
{
    struct report r = {changed, ctx, 0};
    struct dirent **names;
    int n;

    pthread_mutex_lock(&c->lock);
    n = scandir(c->folder, &names, select_plugin, alphasort);
    if (n < 0) {
        snprintf(err, P2P_ERRLEN, "plugins.folder %s: %s", c->folder, strerror(errno));
        pthread_mutex_unlock(&c->lock);
        return -1;
    }
    for (unsigned i = 0; i < c->n; i++)
        c->files[i]->present = false;
    for (int i = 0; i < n; i++) {
        char path[4096];
        struct stat st;
        struct file *f;

        snprintf(path, sizeof(path), "%s/%s", c->folder, names[i]->d_name);
        free(names[i]);
        if (stat(path, &st))
            continue; /* it went between the listing and now */
        f = file_at(c, path);
        if (!f)
            continue;
        f->present = true;
        if (same_stat(&st, &f->seen))
            continue;
        f->seen = st;
        if (take(c, f))
            report(&r, f, f->module ? NULL : f->error);
    }
    free(names);
    drop_absent(c, &r);
    retry_names(c, &r);
    pthread_mutex_unlock(&c->lock);
    return r.n;
}

/* ---- asking ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum kind { SCHEDULER, LEARNER };
static const char *const kinds[] = {"scheduler", "learner"};

static size_t names_in(const struct module *m, enum kind kind, const char **names, size_t most)
{
    size_t n = 0;

    if (kind == SCHEDULER)
        for (const struct p2p_scheduler *const *s = module_schedulers(m->entry); *s && n < most;
             s++)
            names[n++] = (*s)->name;
    else
        for (const struct p2p_learner *const *l = module_learners(m->entry); *l && n < most; l++)
            names[n++] = (*l)->name;
    return n;
}

static size_t aliases_in(const struct module *m, const char **names, size_t most)
{
    size_t n = 0;

    for (const struct p2p_scheduler *const *s = module_schedulers(m->entry); *s; s++)
        for (const struct p2p_alias *a = (*s)->aliases; a && a->name && n < most; a++)
            names[n++] = a->name;
    return n;
}

struct names {
    const char *own[MOST_FILES + 1]; /* of all schedulers or learners, in order */
    const char *all[MOST_NAMES + 1]; /* and those by which they go too */
};

static void collect_names(const struct catalog *c, enum kind kind, struct names *names)
{
    size_t n = 0, n_all;

    for (unsigned i = 0; i < c->n; i++)
        if (c->files[i]->module)
            n += names_in(c->files[i]->module, kind, names->own + n, MOST_FILES - n);
    qsort(names->own, n, sizeof(names->own[0]), by_text);
    names->own[n] = NULL;
    memcpy(names->all, names->own, n * sizeof(names->own[0]));
    n_all = n;
    for (unsigned i = 0; i < c->n && kind == SCHEDULER; i++)
        if (c->files[i]->module)
            n_all += aliases_in(c->files[i]->module, names->all + n_all, MOST_NAMES - n_all);
    names->all[n_all] = NULL;
}

/* Short enough for the place in a file that is put before it. */
static void say_unknown(const struct catalog *c, enum kind kind, const char *name, char *err)
{
    enum { MOST = 180 };
    struct names names;
    const char *near;
    size_t at;

    collect_names(c, kind, &names);
    near = suggest_nearest(name, names.all);
    at = (size_t)snprintf(err, MOST, "no %s '%.48s'; ", kinds[kind], name);
    if (near)
        at += (size_t)snprintf(err + at, MOST - at, "did you mean '%s'? ", near);
    at += (size_t)snprintf(err + at, MOST - at, "known: ");
    if (names.own[0])
        suggest_list(err + at, MOST - at, names.own);
    else
        snprintf(err + at, MOST - at, "none");
}

/* The reason of a file that failed and is called like the name. */
static const struct file *failed_file(const struct catalog *c, const char *name)
{
    size_t n = strlen(name);

    for (unsigned i = 0; i < c->n; i++) {
        const char *base = base_of(c->files[i]->path);

        if (!c->files[i]->module && strncmp(base, name, n) == 0 && strcmp(base + n, ".so") == 0)
            return c->files[i];
    }
    return NULL;
}

static void not_found(const struct catalog *c, enum kind kind, const char *name, char *err)
{
    const struct file *failed = failed_file(c, name);

    if (failed)
        snprintf(err, P2P_ERRLEN, "no %s '%.48s': %.190s", kinds[kind], name, failed->error);
    else
        say_unknown(c, kind, name, err);
}

int catalog_find(struct catalog *c, const char *name, struct catalog_hit *hit, char err[P2P_ERRLEN])
{
    int rc = -1;

    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < c->n && rc; i++) {
        struct module *m = c->files[i]->module;

        hit->scheduler = m ? find_in(m, name, &hit->alias) : NULL;
        if (hit->scheduler) {
            hit->module = module_ref(m);
            rc = 0;
        }
    }
    if (rc)
        not_found(c, SCHEDULER, name, err);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

int catalog_find_learner(struct catalog *c, const char *name, struct catalog_learner *hit,
                         char err[P2P_ERRLEN])
{
    int rc = -1;

    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < c->n && rc; i++) {
        struct module *m = c->files[i]->module;

        hit->learner = m ? find_learner_in(m, name) : NULL;
        if (hit->learner) {
            hit->module = module_ref(m);
            rc = 0;
        }
    }
    if (rc)
        not_found(c, LEARNER, name, err);
    pthread_mutex_unlock(&c->lock);
    return rc;
}

void catalog_each(struct catalog *c, void (*row)(void *ctx, const struct catalog_row *), void *ctx)
{
    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < c->n; i++) {
        const struct file *f = c->files[i];

        row(ctx, &(struct catalog_row){f->path, f->module ? NULL : f->error, f->module});
    }
    pthread_mutex_unlock(&c->lock);
}

/* ---- life ---- */

static int make_run_dir(const char *run_dir, char *err)
{
    struct stat st;

    if (mkdir(run_dir, 0700) && errno != EEXIST) {
        snprintf(err, P2P_ERRLEN, "cannot make %s: %s; set node.run_dir", run_dir, strerror(errno));
        return -1;
    }
    if (lstat(run_dir, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        chmod(run_dir, 0700)) {
        snprintf(err, P2P_ERRLEN, "%s is not a folder of this user; set node.run_dir", run_dir);
        return -1;
    }
    return 0;
}

struct catalog *catalog_new(const char *folder, const char *run_dir, char err[P2P_ERRLEN])
{
    struct catalog *c;

    if (make_run_dir(run_dir, err))
        return NULL;
    c = calloc(1, sizeof(*c));
    if (!c || !(c->folder = strdup(folder)) || !(c->run_dir = strdup(run_dir))) {
        snprintf(err, P2P_ERRLEN, "out of memory");
        if (c)
            free(c->folder);
        free(c);
        return NULL;
    }
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

void catalog_free(struct catalog *c)
{
    for (unsigned i = 0; i < c->n; i++)
        file_free(c->files[i]);
    rmdir(c->run_dir);
    pthread_mutex_destroy(&c->lock);
    free(c->folder);
    free(c->run_dir);
    free(c);
}
