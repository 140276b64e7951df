/*
 * docker_api.h - one request to the Docker daemon and its answer as JSON.
 * Everything belongs to the reactor's thread.
 */
#ifndef HOST_DOCKER_API_H
#define HOST_DOCKER_API_H

#include "host/curl_loop.h"
#include "host/runtimes/docker_json.h"

enum { DOCKER_URL = 640 };

struct docker_api {
    struct curl_loop *curl;
    const char *socket;
    char version[16]; /* "/v1.41"; "" until it is agreed on */
};

struct docker_request {
    /* Set before the start. */
    /* Exactly once, unless it was cancelled.  `answer` is NULL when it is no JSON, and
     * gone when it returns. */
    void (*done)(struct docker_request *, int status, const cJSON *answer);
    /* An answer that is a stream: each of its values; done has no answer then.  NULL = none. */
    void (*each)(void *owner, const cJSON *json);
    /* An answer that is a stream of something else, as it comes, if its status is 200. */
    void (*piece)(void *owner, const char *bytes, size_t n);
    void *owner;
    /* Out. */
    char err[P2P_ERRLEN]; /* why, unless the status is 2xx; then what the daemon says */
    /* Private. */
    struct curl_request curl;
    struct docker_lines lines;
    char url[DOCKER_URL];
    char *body;
    ev_timer later; /* done, when it could not be started or is no JSON */
    struct ev_loop *loop;
};

/* Takes `body`, which may be NULL.  done never comes from inside; status 0 = the daemon
 * gave no answer.  timeout_ns 0 = as long as it takes. */
void docker_start(struct docker_api *api, struct reactor *home, struct docker_request *r,
                  const char *method, cJSON *body, uint64_t timeout_ns, const char *path, ...)
    __attribute__((format(printf, 7, 8)));
/* No done comes any more; nothing happens to one that is not open. */
void docker_cancel(struct docker_request *r);
/* One with `piece` has no piece and no done until it goes on. */
void docker_hold(struct docker_request *r);
void docker_go_on(struct docker_request *r);

#endif
