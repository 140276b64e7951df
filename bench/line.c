#include "bench/line.h"

#include <stdlib.h>
#include <string.h>

static int grow(struct line *l)
{
    unsigned room = l->room ? l->room * 2 : 64;
    struct planned *bigger = room <= LINE_MAX ? malloc(room * sizeof(*bigger)) : NULL;

    if (!bigger)
        return -1;
    for (unsigned i = 0; i < l->n; i++)
        bigger[i] = l->call[(l->first + i) & (l->room - 1)];
    free(l->call);
    l->call = bigger;
    l->first = 0;
    l->room = room;
    return 0;
}

int line_add(struct line *l, const struct planned *c)
{
    if (l->n == l->room && grow(l))
        return -1;
    l->call[(l->first + l->n++) & (l->room - 1)] = *c;
    return 0;
}

const struct planned *line_first(const struct line *l)
{
    return l->n ? &l->call[l->first] : NULL;
}

void line_take(struct line *l)
{
    l->first = (l->first + 1) & (l->room - 1);
    l->n--;
}

void line_release(struct line *l)
{
    free(l->call);
    memset(l, 0, sizeof(*l));
}
