/*
 * support_jobs.h - clients that count: how many answers each job got, and whether it
 * was its own.  They speak HTTP by hand, so that an answer too many is seen too.
 */
#ifndef TESTS_CLUSTER_SUPPORT_JOBS_H
#define TESTS_CLUSTER_SUPPORT_JOBS_H

#include <stddef.h>

enum { MOST_JOBS = 8192, MOST_CLIENTS = 16 };

struct tally {
    unsigned jobs, answers;           /* complete ones; a job with none or two is in `wrong` */
    unsigned ok, refused, lost, late; /* 200; 500 and 503; 502; 504 */
    unsigned wrong;                   /* anything else */
    char first_wrong[400];
};

/* `clients` threads send `each` jobs one after the other, with so many bytes behind
 * the line "job-NUMBER"; numbers begin with `first`.  Returns when all are answered. */
void send_jobs(const char *address, const char *path, unsigned first, unsigned clients,
               unsigned each, size_t padding, struct tally *out);

/* The same in the background. */
struct sending;
struct sending *sending_start(const char *address, const char *path, unsigned first,
                              unsigned clients, unsigned each, size_t padding);
unsigned sending_answered(const struct sending *s);
void sending_end(struct sending *s, struct tally *out);

/* Times that job `number` is in a file of lines "job-NUMBER"; counts[number] of all. */
void count_runs(const char *file, unsigned counts[MOST_JOBS]);

#endif
