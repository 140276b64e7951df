/*
 * fixture.h - what the cluster tests share: a cluster a test program, short calls,
 * readings of /metrics.  A failing helper fails the test with what it saw.
 */
#ifndef TESTS_CLUSTER_FIXTURE_H
#define TESTS_CLUSTER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench/cluster.h"

extern struct cluster cluster;

/* Makes the folder and the configuration of a cluster, for tests that start nodes
 * themselves. */
void fixture_init(unsigned n, const char *config);
/* Makes the cluster and starts its nodes; ends the test program when it cannot. */
void fixture_start(unsigned n, const char *config, const char *const *settings);
/* Stops all; every node must end by itself with status 0. */
void fixture_stop(void);

/* Starts one node; fails the test when it does not serve. */
void start_node(unsigned node, const char *const *more);
/* Sends SIGTERM; true when it ended by itself with status 0, else its log is shown. */
bool stop_node(unsigned node);
/* What a node wrote so far; the second waits for it. */
bool log_has(unsigned node, const char *text);
void wait_log(unsigned node, const char *text);

/* The text of a configuration with the functions that the tests use. */
extern const char fixture_functions[];

/* http://NODE/PATH, kept until the next but seven. */
const char *url_of(unsigned node, const char *path);

struct reply get(unsigned node, const char *path);
struct reply post(unsigned node, const char *path, const void *body, size_t len);
struct reply post_text(unsigned node, const char *path, const char *body);
struct reply send_method(const char *method, unsigned node, const char *path, const void *body,
                         size_t len, const char *const *headers);
/* POSTs the scheduler and expects 200. */
void select_scheduler(unsigned node, const char *json);

/* Expects this status and this part of the body; frees the reply. */
void expect(struct reply r, long status, const char *part);
/* The header's value, "" when it is not there; kept until the next but seven. */
const char *header(const struct reply *r, const char *name);

/* Sum of the samples of a metric whose line begins with this text. */
double metric(unsigned node, const char *begins);
/* Waits until it has at least that value; fails after `seconds`. */
void wait_metric(unsigned node, const char *begins, double least, double seconds);

/* A plugin folder of the cluster's own with copies of all plugins, and the setting
 * that selects it. */
const char *private_plugins(char setting[160]);
/* Builds a plugin from source text into FOLDER/NAME.so, first beside it, then
 * renamed: as a user should. */
void build_plugin(const char *folder, const char *name, const char *source);

/* Load in the background: `threads` clients send `path` with `body` until stopped and
 * check each answer. */
struct load;
struct load *load_start(unsigned node, unsigned threads, const char *path, const char *body,
                        bool (*is_right)(const struct reply *r));
/* Right answers so far. */
unsigned load_right(const struct load *l);
/* Returns how many were right; *wrong tells the rest and *why the first of them. */
unsigned load_stop(struct load *l, unsigned *wrong, char why[256]);

#endif
