/*
 * retry.h - when what failed is tried again: exponential back-off with full jitter.
 *
 * Pure: time and randomness are the caller's.  Any thread.
 */
#ifndef HOST_ASYNC_RETRY_H
#define HOST_ASYNC_RETRY_H

#include <p2pfaas/plugin.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { RETRY_LEAST_CODE = 100, RETRY_MOST_CODE = 599 };

struct retry_codes {
    uint64_t bits[(RETRY_MOST_CODE + 64) / 64];
};
/* "408,429,500", or "" for none; 0, or -1 with what would be right. */
int retry_codes_read(struct retry_codes *codes, const char *text, char err[P2P_ERRLEN]);
bool retry_codes_have(const struct retry_codes *codes, int status);

struct retry_policy {
    unsigned attempts; /* in all, from 1 */
    uint64_t min_wait_ns, max_wait_ns;
};
struct retry_rules {
    struct retry_policy policy;
    struct retry_codes codes; /* statuses of a function after which it is called again */
};
/* What a function says of its own: 0, and has_codes false, are as the node's. */
struct retry_own {
    struct retry_policy policy;
    struct retry_codes codes;
    bool has_codes;
};
void retry_rules_merge(struct retry_rules *rules, const struct retry_own *own);

/* What is waited after `made` attempts, from 1: any time up to min_wait * 2^(made-1), or to
 * max_wait if that is less.  `unit` is a random number from 0 to 1. */
uint64_t retry_wait_ns(const struct retry_policy *p, unsigned made, double unit);

/* Longer than any wait between two attempts. */
uint64_t retry_longest_ns(const struct retry_policy *p);

/* The value of a Retry-After field, seconds or a date; an hour at most.  False when it is
 * neither. */
bool retry_after_ns(const char *text, time_t now, uint64_t *wait_ns);

#endif
