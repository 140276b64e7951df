/*
 * remote_text.h - the words of the learner protocol of the original P2PFaaS.
 */
#ifndef REMOTE_TEXT_H
#define REMOTE_TEXT_H

#include <p2pfaas/plugin.h>

enum {
    REMOTE_NUMBER = 24, /* bytes that a number of a state takes at most */
    REMOTE_ITEM = 160   /* bytes of a transition without its state, at most */
};

/* "1.000000,0.000000" into n * REMOTE_NUMBER + 1 bytes; returns its length. */
size_t remote_write_state(char *out, const float *state, uint32_t n);
/* One object of a /train_batch, at most REMOTE_ITEM bytes besides its state. */
size_t remote_write_transition(char *out, size_t size, const struct p2p_transition *t,
                               uint32_t n_dims);

/* The action that a body tells, as "3", "3.00000" or "3\n"; false when it tells none. */
bool remote_read_action(const void *body, uint64_t len, uint32_t *action);
/* X-P2pfaas-Eps; 0 when it is not there, or no probability. */
float remote_read_epsilon(const char *headers);

/* "http://192.0.2.7:19020" into `out`, without a slash at its end.  0, or -1 with what would
 * be right. */
int remote_read_url(const char *url, char *out, size_t size, char err[P2P_ERRLEN]);

#endif
