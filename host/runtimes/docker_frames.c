#include "host/runtimes/docker_frames.h"

#include <string.h>

#include "host/lines.h"
#include "host/timestamp.h"

enum { STDERR = 2, SYSTEM = 3 }; /* the daemon's own words are 3 */

void docker_frames_init(struct docker_frames *f,
                        void (*each)(void *ctx, int64_t when_ns, const char *text, size_t len),
                        void *ctx)
{
    *f = (struct docker_frames){.each = each, .ctx = ctx};
    for (int i = 0; i < 2; i++)
        buf_init(&f->line[i], LINES_TEXT + TIMESTAMP + 2);
}

void docker_frames_release(struct docker_frames *f)
{
    for (int i = 0; i < 2; i++)
        buf_release(&f->line[i]);
}

static void end_line(struct docker_frames *f, struct buf *line)
{
    const char *text = buf_text(line);
    int64_t when_ns = 0;
    size_t n = text ? timestamp_parse(text, &when_ns) : 0;

    if (text && n > 0 && text[n] == ' ')
        f->each(f->ctx, when_ns, text + n + 1, line->len - n - 1);
    else if (text)
        f->each(f->ctx, 0, text, line->len);
    buf_clear(line);
}

static void take_text(struct docker_frames *f, const char *bytes, size_t n)
{
    struct buf *line = &f->line[f->head[0] >= STDERR];

    while (n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t part = end ? (size_t)(end - bytes) : n;
        size_t room = line->limit - 1 - line->len; /* 1: the zero of buf_text */

        buf_append(line, bytes, part < room ? part : room);
        if (end)
            end_line(f, line);
        part += end != NULL;
        bytes += part;
        n -= part;
    }
}

static bool is_head(const unsigned char *head)
{
    return head[0] <= SYSTEM && !head[1] && !head[2] && !head[3];
}

int docker_frames_feed(struct docker_frames *f, const char *bytes, size_t n)
{
    while (n > 0) {
        size_t part;

        if (f->left == 0) {
            f->head[f->head_len++] = (unsigned char)*bytes++;
            n--;
            if (f->head_len < DOCKER_FRAME_HEAD)
                continue;
            if (!is_head(f->head))
                return -1;
            f->head_len = 0;
            f->left = (uint32_t)f->head[4] << 24 | (uint32_t)f->head[5] << 16 |
                      (uint32_t)f->head[6] << 8 | f->head[7];
            continue;
        }
        part = n < f->left ? n : f->left;
        take_text(f, bytes, part);
        bytes += part;
        n -= part;
        f->left -= (uint32_t)part;
    }
    return 0;
}

void docker_frames_end(struct docker_frames *f)
{
    for (int i = 0; i < 2; i++)
        if (f->line[i].len > 0)
            end_line(f, &f->line[i]);
}
