/*
 * remote_tls.h - a run that is one HTTPS call, by libcurl on the run's own thread.
 */
#ifndef HOST_REMOTE_TLS_H
#define HOST_REMOTE_TLS_H

#include "host/runtimes/served.h"

/* What came of the last call; any thread. */
struct remote_tls_said {
    pthread_mutex_t lock;
    char text[160]; /* "" = there was none */
};
void remote_tls_said_init(struct remote_tls_said *s);
void remote_tls_said_release(struct remote_tls_said *s);
/* "not called yet", "answered", or why it was not. */
void remote_tls_describe(struct remote_tls_said *s, char *out, size_t size);

struct remote_tls_place {
    const struct function_config *config;
    const struct served_target *target;
    struct remote_tls_said *said;
};
/* As a runtime's start and cancel; what the place points to outlives the run. */
void remote_tls_start(struct run *run, const struct remote_tls_place *at);
void remote_tls_cancel(struct run *run);

#endif
