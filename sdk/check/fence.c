#include "sdk/check/fence.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGN = 16, BEFORE = 64, FILL = 0xa5 };

struct fence {
    struct fence *next;
    unsigned char *map, *block, *wall;
    size_t mapped, size;
    const char *what;
    const void *owner;
};

/* So many are looked at in turn: a plugin may hold thousands. */
enum { AT_ONCE = 48 };

static struct fence *fences, *next_look;

void *fence_new(const void *owner, size_t size, const char *what)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room;
    struct fence *f = calloc(1, sizeof(*f));

    if (!f || size > SIZE_MAX / 2)
        goto fail;
    room = (size + BEFORE + ALIGN + page - 1) / page * page;
    f->mapped = room + page;
    f->map = mmap(NULL, f->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (f->map == MAP_FAILED)
        goto fail;
    f->wall = f->map + room;
    f->block = f->wall - (size + ALIGN - 1) / ALIGN * ALIGN;
    f->size = size;
    f->what = what;
    f->owner = owner;
    memset(f->block - BEFORE, FILL, BEFORE);
    memset(f->block + size, FILL, (size_t)(f->wall - f->block) - size);
    if (mprotect(f->wall, page, PROT_NONE)) {
        munmap(f->map, f->mapped);
        goto fail;
    }
    f->next = fences;
    fences = f;
    return f->block;
fail:
    free(f);
    return NULL;
}

static void drop(struct fence *f)
{
    if (next_look == f)
        next_look = f->next;
    munmap(f->map, f->mapped);
    free(f);
}

void fence_free(const void *owner)
{
    struct fence **at = &fences;

    while (*at) {
        struct fence *f = *at;

        if (f->owner == owner) {
            *at = f->next;
            drop(f);
        } else {
            at = &f->next;
        }
    }
}

void fence_free_all(void)
{
    while (fences) {
        struct fence *f = fences;

        fences = f->next;
        drop(f);
    }
}

static bool is_filled(const unsigned char *from, const unsigned char *to,
                      const unsigned char **where)
{
    for (; from < to; from++)
        if (*from != FILL) {
            *where = from;
            return false;
        }
    return true;
}

bool fence_broken(struct fence_hit *hit)
{
    const unsigned char *where;

    if (!next_look)
        next_look = fences;
    for (unsigned n = 0; next_look && n < AT_ONCE; n++, next_look = next_look->next) {
        const struct fence *f = next_look;

        if (is_filled(f->block - BEFORE, f->block, &where) &&
            is_filled(f->block + f->size, f->wall, &where))
            continue;
        *hit = (struct fence_hit){f->what, f->size, (long)(where - f->block)};
        return true;
    }
    return false;
}

bool fence_find(const void *address, struct fence_hit *hit)
{
    const unsigned char *at = address;

    for (const struct fence *f = fences; f; f = f->next)
        if (at >= f->wall && at < f->map + f->mapped) {
            *hit = (struct fence_hit){f->what, f->size, (long)(at - f->block)};
            return true;
        }
    return false;
}
