/*
 * docker_frames.h - what a container wrote, as the daemon sends it: frames, each with a head
 * of 8 bytes (1 standard output or 2 standard error, three zeros, the length), that hold lines
 * with their times in front.  Without sockets.
 */
#ifndef HOST_DOCKER_FRAMES_H
#define HOST_DOCKER_FRAMES_H

#include <stdint.h>

#include "host/buf.h"

enum { DOCKER_FRAME_HEAD = 8 };

struct docker_frames {
    /* A line without its end; when_ns, since 1970, is 0 where no time stood in front.  A long
     * one is cut behind LINES_TEXT + 1 bytes at the earliest. */
    void (*each)(void *ctx, int64_t when_ns, const char *text, size_t len);
    void *ctx;
    /* Private. */
    unsigned char head[DOCKER_FRAME_HEAD];
    size_t head_len;
    uint32_t left;      /* bytes of the frame that are still to come */
    struct buf line[2]; /* of both outputs, not ended yet */
};

void docker_frames_init(struct docker_frames *f,
                        void (*each)(void *ctx, int64_t when_ns, const char *text, size_t len),
                        void *ctx);
void docker_frames_release(struct docker_frames *f);
/* 0, or -1 when that are no frames: then it is over. */
int docker_frames_feed(struct docker_frames *f, const char *bytes, size_t n);
/* What was begun is a line. */
void docker_frames_end(struct docker_frames *f);

#endif
