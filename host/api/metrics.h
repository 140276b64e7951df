/*
 * metrics.h - what the files that write GET /metrics share.
 */
#ifndef HOST_API_METRICS_H
#define HOST_API_METRICS_H

#include "host/buf.h"

struct shard;

/* # HELP and # TYPE of p2pfaas_NAME. */
void metrics_say(struct buf *b, const char *name, const char *type, const char *help);
/* The same, and its one value. */
void metrics_single(struct buf *b, const char *name, const char *type, const char *help,
                    double value);

/* metrics_schedulers.c: the node's scheduler and those that functions have of their own, these
 * with a label function="NAME"; what they did, and their plugins' own metrics. */
void metrics_schedulers(struct buf *b, const struct shard *s);
void metrics_of_schedulers(struct buf *b, const struct shard *s);
/* "scheduler_metric_NAME" and the help as one line; for those of plugins. */
enum { METRICS_OWN_NAME = 96, METRICS_OWN_HELP = 512 };
void metrics_own(const char *whose, const char *name, const char *help, char full[METRICS_OWN_NAME],
                 char clean[METRICS_OWN_HELP]);

#endif
