#include "host/async/queue.h"

#include <stdlib.h>
#include <string.h>

/* ---- a heap: the first is due first, and of those the one accepted first ---- */

static bool is_before(const struct queue_entry *a, const struct queue_entry *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->row < b->row;
}

static void put(struct queue_heap *h, uint32_t place, struct queue_entry *e)
{
    h->entry[place] = e;
    e->place = place;
}

static void rise(struct queue_heap *h, uint32_t place, struct queue_entry *e)
{
    while (place > 0 && is_before(e, h->entry[(place - 1) / 2])) {
        put(h, place, h->entry[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(h, place, e);
}

static void sink(struct queue_heap *h, uint32_t place, struct queue_entry *e)
{
    for (;;) {
        uint32_t child = 2 * place + 1;

        if (child + 1 < h->n && is_before(h->entry[child + 1], h->entry[child]))
            child++;
        if (child >= h->n || !is_before(h->entry[child], e))
            break;
        put(h, place, h->entry[child]);
        place = child;
    }
    put(h, place, e);
}

static int heap_add(struct queue_heap *h, struct queue_entry *e)
{
    if (h->n == h->room) {
        uint32_t room = h->room ? 2 * h->room : 16;
        struct queue_entry **grown = realloc(h->entry, room * sizeof(struct queue_entry *));

        if (!grown)
            return -1;
        h->entry = grown;
        h->room = room;
    }
    rise(h, h->n++, e);
    return 0;
}

static void heap_remove(struct queue_heap *h, const struct queue_entry *e)
{
    uint32_t place = e->place;
    struct queue_entry *last = h->entry[--h->n];

    if (last == e)
        return;
    if (is_before(last, e))
        rise(h, place, last);
    else
        sink(h, place, last);
}

/* ---- groups ---- */

static struct queue_group *group_of(struct async_queue *q, const char *name)
{
    size_t n = strnlen(name, QUEUE_NAME - 1);
    struct queue_group *g;

    HASH_FIND(hh, q->groups, name, n, g);
    if (g || !(g = calloc(1, sizeof(*g))))
        return g;
    memcpy(g->name, name, n);
    g->limit = UINT32_MAX;
    HASH_ADD_KEYPTR(hh, q->groups, g->name, n, g);
    return g;
}

static void group_free(struct async_queue *q, struct queue_group *g)
{
    HASH_DEL(q->groups, g);
    for (int i = 0; i < QUEUE_LINES; i++)
        free(g->waits[i].entry);
    free(g);
}

/* ---- entries ---- */

void queue_init(struct async_queue *q)
{
    memset(q, 0, sizeof(*q));
}

void queue_release(struct async_queue *q)
{
    struct queue_entry *e, *next;
    struct queue_group *g, *next_group;

    /* NOLINTNEXTLINE(clang-analyzer-*): it loses track in uthash */
    HASH_ITER(hh, q->by_row, e, next)
    {
        HASH_DEL(q->by_row, e);
        free(e);
    }
    HASH_ITER(hh, q->groups, g, next_group)
    group_free(q, g);
    queue_init(q);
}

uint32_t queue_size(const struct async_queue *q)
{
    return HASH_COUNT(q->by_row);
}

int64_t queue_bytes(const struct async_queue *q)
{
    return q->line[LINE_RUN].bytes + q->line[LINE_CALLBACK].bytes;
}

static void count_tried(struct async_queue *q, const struct queue_entry *e, bool comes)
{
    if (e->line != LINE_RUN || e->attempts == 0)
        return;
    if (comes)
        q->tried_before++;
    else
        q->tried_before--;
}

static int wait_in(struct async_queue *q, struct queue_entry *e, enum queue_line line,
                   uint64_t due_ns)
{
    q->line[e->line].bytes -= e->bytes;
    q->line[line].bytes += e->bytes;
    e->line = (uint8_t)line;
    e->due_ns = due_ns;
    if (heap_add(&e->group->waits[line], e))
        return -1;
    q->line[line].n++;
    e->stage = STAGE_WAITS;
    count_tried(q, e, true);
    return 0;
}

struct queue_entry *queue_add(struct async_queue *q, int64_t row, const char *group,
                              enum queue_line line, unsigned attempts, uint64_t due_ns)
{
    struct queue_entry *e = calloc(1, sizeof(*e));
    struct queue_group *g = e ? group_of(q, group) : NULL;

    if (!g) {
        free(e);
        return NULL;
    }
    e->row = row;
    e->group = g;
    e->attempts = (uint16_t)attempts;
    if (wait_in(q, e, line, due_ns)) {
        if (g->entries == 0)
            group_free(q, g);
        free(e);
        return NULL;
    }
    g->entries++;
    HASH_ADD(hh, q->by_row, row, sizeof(e->row), e);
    return e;
}

struct queue_entry *queue_find(const struct async_queue *q, int64_t row)
{
    struct queue_entry *e;

    HASH_FIND(hh, q->by_row, &row, sizeof(row), e);
    return e;
}

void queue_set_bytes(struct async_queue *q, struct queue_entry *e, int64_t bytes)
{
    q->line[e->line].bytes += bytes - e->bytes;
    e->bytes = bytes;
}

static void leave(struct async_queue *q, struct queue_entry *e)
{
    heap_remove(&e->group->waits[e->line], e);
    q->line[e->line].n--;
    count_tried(q, e, false);
}

/* When the first of a group may be next. */
static uint64_t ready_ns(const struct queue_group *g, enum queue_line line)
{
    const struct queue_heap *h = &g->waits[line];

    if (h->n == 0 || (line == LINE_RUN && g->at_work >= g->limit))
        return QUEUE_NEVER;
    return line == LINE_RUN && g->paused_until_ns > h->entry[0]->due_ns ? g->paused_until_ns
                                                                        : h->entry[0]->due_ns;
}

struct queue_entry *queue_next(struct async_queue *q, enum queue_line line, uint64_t now_ns)
{
    struct queue_entry *e = NULL;

    if (q->line[line].n == 0 || q->line[line].at_work >= q->line[line].limit)
        return NULL;
    for (struct queue_group *g = q->groups; g; g = g->hh.next)
        if (ready_ns(g, line) <= now_ns && (!e || is_before(g->waits[line].entry[0], e)))
            e = g->waits[line].entry[0];
    if (!e)
        return NULL;
    leave(q, e);
    e->stage = STAGE_AT_WORK;
    q->line[line].at_work++;
    e->group->at_work += line == LINE_RUN;
    return e;
}

void queue_withdraw(struct async_queue *q, struct queue_entry *e)
{
    leave(q, e);
    e->stage = STAGE_ENDED;
}

void queue_ended(struct async_queue *q, struct queue_entry *e)
{
    q->line[e->line].at_work--;
    e->group->at_work -= e->line == LINE_RUN;
    e->stage = STAGE_ENDED;
}

int queue_later(struct async_queue *q, struct queue_entry *e, enum queue_line line, uint64_t due_ns)
{
    return wait_in(q, e, line, due_ns);
}

void queue_remove(struct async_queue *q, struct queue_entry *e)
{
    if (e->stage == STAGE_WAITS)
        leave(q, e);
    queue_set_bytes(q, e, 0);
    /* NOLINTNEXTLINE(clang-analyzer-*): it loses track in uthash */
    HASH_DEL(q->by_row, e);
    if (--e->group->entries == 0)
        group_free(q, e->group);
    free(e);
}

/* ---- when ---- */

void queue_pause(struct queue_group *g, uint64_t until_ns)
{
    g->paused_until_ns = until_ns;
}

uint64_t queue_wakes(const struct async_queue *q, enum queue_line line)
{
    uint64_t at = QUEUE_NEVER;

    if (q->line[line].n == 0 || q->line[line].at_work >= q->line[line].limit)
        return QUEUE_NEVER;
    for (const struct queue_group *g = q->groups; g; g = g->hh.next) {
        uint64_t ready = ready_ns(g, line);

        at = ready < at ? ready : at;
    }
    return at;
}
