/*
 * support_nasty.h - an HTTP server on 127.0.0.1 that does what a script says, for tests
 * of what talks to one.
 *
 * A connection plays one script of the list, in the order in which they are accepted;
 * the last script plays for all that come later.  Scripts are read while the server
 * lives.  Any thread.
 */
#ifndef TESTS_HOST_SUPPORT_NASTY_H
#define TESTS_HOST_SUPPORT_NASTY_H

#include <stddef.h>

enum nasty_verb {
    NASTY_END,     /* closes the connection; ends each script */
    NASTY_REQUEST, /* takes a request with its body; closes when there is none */
    NASTY_SOME,    /* takes a few bytes of it */
    NASTY_SEND,    /* `text`, `count` bytes of it, or all when 0 */
    NASTY_TRICKLE, /* the same, byte by byte */
    NASTY_REPEAT,  /* `count` times `text` */
    NASTY_ECHO,    /* 200 with the body of the request */
    NASTY_GATE,    /* waits for a pass of nasty_let_pass */
    NASTY_DRAIN,   /* takes what comes until the other side closes */
    NASTY_RESET,   /* closes, and the other side gets ECONNRESET */
    NASTY_AGAIN    /* back to the first step */
};

struct nasty_step {
    enum nasty_verb verb;
    const char *text;
    size_t count;
};

struct nasty;

/* `scripts` ends with NULL.  NULL when there is no socket or no thread. */
struct nasty *nasty_start(const struct nasty_step *const *scripts);
/* Closes what is open and waits for its threads. */
void nasty_stop(struct nasty *n);

const char *nasty_address(const struct nasty *n); /* "127.0.0.1:41234" */
void nasty_let_pass(struct nasty *n, unsigned passes);
unsigned nasty_accepted(struct nasty *n); /* connections so far */
unsigned nasty_open(struct nasty *n);     /* connections now */
unsigned nasty_most(struct nasty *n);     /* the most at once */
unsigned nasty_requests(struct nasty *n); /* taken so far */
/* The last request that was taken, cut where `out` ends; its whole length. */
size_t nasty_last(struct nasty *n, char *out, size_t size);

#endif
