/*
 * recorder.h - stands between two nodes: passes bytes on, keeps those of requests, and
 * can change what passes.
 */
#ifndef TESTS_CLUSTER_RECORDER_H
#define TESTS_CLUSTER_RECORDER_H

#include <stdbool.h>
#include <stddef.h>

struct recorder;

/* Listens there and passes on to the other, both as "127.0.0.9:18080"; NULL when it
 * cannot. */
struct recorder *recorder_start(const char *listen, const char *to);
void recorder_stop(struct recorder *r);

/* The last bytes that a client sent in one piece that begins with `begins`, malloc'ed;
 * NULL when there were none. */
char *recorder_last(struct recorder *r, const char *begins, size_t *len);
/* From now on each occurrence of `text` in requests, or in answers, is sent as `other`,
 * of the same length; NULL = nothing is changed. */
void recorder_change(struct recorder *r, bool requests, const char *text, const char *other);

#endif
