/*
 * p2p_saved.c - the members, kept over a restart: FOLDER/members.json, the old one or the
 * new one after a crash.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/whole_file.h"
#include "host/discovery/p2p.h"
#include "host/log.h"

enum { MOST_FILE_BYTES = 4 << 20 };

cJSON *p2p_read_saved(const struct discovery *d)
{
    char aside[sizeof(d->saved_to) + 8], err[P2P_ERRLEN], *text;
    cJSON *saved;
    size_t n;

    if (!d->saved_to[0] || (access(d->saved_to, F_OK) && errno == ENOENT))
        return NULL;
    text = whole_file_read(d->saved_to, MOST_FILE_BYTES, &n, err);
    if (!text) {
        log_event(LOG_WARN, "the saved members cannot be read", LOG_STR("why", err));
        return NULL;
    }
    saved = cJSON_ParseWithLength(text, n);
    free(text);
    if (cJSON_IsObject(saved))
        return saved;
    cJSON_Delete(saved);
    snprintf(aside, sizeof(aside), "%s.broken", d->saved_to);
    rename(d->saved_to, aside);
    log_event(LOG_WARN, "the saved members are no JSON object and not used; the file is kept aside",
              LOG_STR("file", aside));
    return NULL;
}

uint32_t p2p_saved_incarnation(const cJSON *saved)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(saved, "incarnation");

    return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble < UINT32_MAX - 1
               ? (uint32_t)item->valuedouble
               : 0;
}

void p2p_restore(struct discovery *d, const cJSON *saved)
{
    static const struct {
        const char *name;
        int (*join)(struct discovery *d, const char *address, char err[P2P_ERRLEN]);
    } lists[] = {{"members", p2p_add_seed}, {"originals", p2p_add_seed}, {"seeds", p2p_tell_seed}};
    const cJSON *group = cJSON_GetObjectItemCaseSensitive(saved, "group");
    char err[P2P_ERRLEN];

    if (cJSON_IsString(group) && strlen(group->valuestring) < sizeof(d->group))
        p2p_tell_group(d, group->valuestring);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const cJSON *item;

        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(saved, lists[i].name))
        {
            if (!cJSON_IsString(item) || lists[i].join(d, item->valuestring, err))
                log_event(LOG_WARN, "a saved member cannot be used", LOG_STR("file", d->saved_to),
                          LOG_STR("why", cJSON_IsString(item) ? err : "it is no text"));
        }
    }
}

static bool add_member(void *ctx, const struct swim_member *m)
{
    char where[SWIM_ADDRESS_TEXT];

    if (m->state != SWIM_LEFT)
        cJSON_AddItemToArray(ctx, cJSON_CreateString(swim_address_text(&m->address, where)));
    return true;
}

static char *write_json(struct discovery *d)
{
    struct original_row *rows = calloc(CONFIG_MAX_PEERS, sizeof(*rows));
    unsigned n = rows ? originals_list(d->originals, rows, CONFIG_MAX_PEERS) : 0;
    cJSON *json = cJSON_CreateObject(), *list;
    char *text;

    cJSON_AddNumberToObject(json, "incarnation", swim_self(d->swim)->incarnation);
    swim_each(d->swim, add_member, cJSON_AddArrayToObject(json, "members"));
    list = cJSON_AddArrayToObject(json, "originals");
    for (unsigned i = 0; i < n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(rows[i].ip));
    free(rows);
    list = cJSON_AddArrayToObject(json, "seeds");
    for (unsigned i = 0; i < d->n_told; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(d->told[i]));
    if (d->group_told)
        cJSON_AddStringToObject(json, "group", d->group);
    text = cJSON_Print(json);
    cJSON_Delete(json);
    return text;
}

/* ---- writing, on a thread of its own: a disk may take its time ---- */

static void *write_file(void *arg)
{
    struct p2p_saving *w = arg;
    char err[P2P_ERRLEN];

    w->failed = whole_file_write(w->file, w->text, strlen(w->text), S_IRUSR | S_IWUSR, err) != 0;
    if (w->failed)
        log_event(LOG_WARN, "the members cannot be saved; see node.data_dir", LOG_STR("why", err));
    cJSON_free(w->text);
    w->done = true;
    return NULL;
}

void p2p_save_end(struct discovery *d)
{
    if (d->saving.started)
        pthread_join(d->saving.thread, NULL);
    d->saving.started = false;
}

void p2p_save(struct discovery *d)
{
    struct p2p_saving *w = &d->saving;
    sigset_t all, before;

    if (!d->saved_to[0]) {
        d->changed = false;
        return;
    }
    if (w->started && !w->done)
        return; /* asked again in a second */
    p2p_save_end(d);
    w->text = write_json(d);
    if (!w->text)
        return;
    snprintf(w->file, sizeof(w->file), "%s", d->saved_to);
    w->done = false;
    /* Signals are the main thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    w->started = pthread_create(&w->thread, NULL, write_file, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (w->started)
        d->changed = false;
    else
        cJSON_free(w->text);
}
