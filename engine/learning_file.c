/*
 * learning_file.c - what the learner knows, to a file and back.
 */
#include <string.h>

#include "engine/learner_file.h"
#include "engine/private.h"

/* Under lock: what it knows, after it learned what waits.  NULL, or why not. */
static const char *save_locked(struct engine *e, struct learner *l, struct learner_file *f)
{
    if (!l)
        return "there is no learner at work";
    if (!l->ops.save || !l->ops.state_format)
        return "the learner cannot save: it has no save() or no state_format";
    if (strlen(l->ops.state_format) >= sizeof(f->format))
        return "the learner's state_format is too long for a file";
    learning_learn(e, l);
    if (!state_save(&f->state, &l->g))
        return "the learner did not save its state";
    snprintf(f->format, sizeof(f->format), "%s", l->ops.state_format);
    snprintf(f->plugin, sizeof(f->plugin), "%s", l->ops.name);
    snprintf(f->version, sizeof(f->version), "%s", l->ops.version ? l->ops.version : "");
    f->n_dims = l->space.n_dims;
    f->n_actions = l->space.n_actions;
    return NULL;
}

int engine_learner_save(struct engine *e, const char *path, char err[P2P_ERRLEN])
{
    struct learner_file f = {.n_dims = 0};
    const char *wrong;
    int rc = -1;

    pthread_mutex_lock(&e->learning.saving);
    e->world->enter(e->ctx, NULL);
    wrong = save_locked(e, e->learning.learner, &f);
    e->world->leave(e->ctx);
    if (wrong)
        snprintf(err, P2P_ERRLEN, "%.160s: %s", path, wrong);
    else
        rc = learner_file_write(path, &f, err);
    pthread_mutex_unlock(&e->learning.saving);
    state_release(&f.state);
    return rc;
}

static int check_file(const struct learner *l, const struct learner_file *f, const char *path,
                      char *err)
{
    const char *format = l->ops.state_format;

    if (!l->ops.load || !format) {
        snprintf(err, P2P_ERRLEN, "%.120s: %s cannot load: it has no load() or no state_format",
                 path, l->g.name);
        return -1;
    }
    if (strcmp(format, f->format) != 0) {
        snprintf(err, P2P_ERRLEN, "%.80s: %s saved it in the format '%s', %s reads '%.63s'", path,
                 f->plugin, f->format, l->g.name, format);
        return -1;
    }
    if (f->n_dims != l->space.n_dims || f->n_actions != l->space.n_actions) {
        snprintf(err, P2P_ERRLEN,
                 "%.100s: it is of %u dimensions and %u actions, the scheduler's space has %u and "
                 "%u",
                 path, f->n_dims, f->n_actions, l->space.n_dims, l->space.n_actions);
        return -1;
    }
    return 0;
}

/* While selecting. */
static int load_file(struct engine *e, struct learner_file *f, const char *path, char *err)
{
    struct selection s = learning_selection(&e->learning.wanted);
    struct learner *now = e->learning.learner, *made;

    if (!now) {
        snprintf(err, P2P_ERRLEN, "%.160s: there is no learner at work", path);
        return -1;
    }
    if (check_file(now, f, path, err))
        return -1;
    made = learning_make(e, &s, &now->space, err);
    if (!made)
        return -1;
    if (!state_load(&f->state, &made->g)) {
        snprintf(err, P2P_ERRLEN, "%.120s: %s did not load the %zu bytes of state", path,
                 made->g.name, f->state.len);
        learner_free(made);
        return -1;
    }
    guest_say(&made->g, P2P_LOG_INFO, "loaded %zu bytes of state that %s %s saved", f->state.len,
              f->plugin, f->version);
    learning_replace(e, made, NULL);
    return 0;
}

int engine_learner_load(struct engine *e, const char *path, char err[P2P_ERRLEN])
{
    struct learner_file f;
    int rc;

    if (learner_file_read(path, &f, err))
        return -1;
    pthread_mutex_lock(&e->selecting);
    rc = load_file(e, &f, path, err);
    pthread_mutex_unlock(&e->selecting);
    state_release(&f.state);
    return rc;
}
