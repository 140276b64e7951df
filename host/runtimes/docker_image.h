/*
 * docker_image.h - the image of a function: is it there, and may it be fetched?
 * Everything belongs to the home thread.
 */
#ifndef HOST_DOCKER_IMAGE_H
#define HOST_DOCKER_IMAGE_H

#include "host/runtimes/docker_daemon.h"

struct docker_image {
    /* In. */
    struct docker *docker;
    struct reactor *home;
    const struct function_config *config;
    void (*progress)(void *owner, const char *text);
    /* Once for each look, unless it was cancelled; why is NULL when it is there.  When the
     * daemon gives no answer that is told to the daemon's users instead. */
    void (*done)(void *owner, const char *why);
    void *owner;
    /* Private. */
    struct docker_request request;
    bool looking, failed;
    char why[P2P_ERRLEN];
};

void docker_image_look(struct docker_image *i);
bool docker_image_is_looking(const struct docker_image *i);
void docker_image_cancel(struct docker_image *i);

#endif
