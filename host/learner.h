/*
 * learner.h - the learner of a node: its file, and the time that it gets to learn.
 *
 * What it knows is kept in learner.file: every save_interval, before another one takes over,
 * and when the node stops; while it runs, by its clerk.  A file of another learner or of another
 * space is not overwritten: it is kept beside, by its name, and taken back with its owner.
 */
#ifndef HOST_LEARNER_H
#define HOST_LEARNER_H

#include <ev.h>

#include "engine/learning.h"
#include "host/config.h"
#include "host/reactor.h"
#include "host/training.h"

struct node;

struct node_learner {
    /* Under node.selection. */
    bool opened;                 /* the node runs; its file may be touched */
    struct engine_learner known; /* the instance that was last seen at work */
    struct learner_settings settings;
    _Atomic unsigned saves, save_failures;
    struct training training;     /* of choices that were not made here */
    _Atomic uint64_t bad_rewards; /* from outside, that could not be read or not be used */
    /* Main thread. */
    ev_timer pace;
    uint64_t saved_ns; /* when it was saved last, or looked at */
    uint64_t saved_at; /* choices and transitions at that time */
    struct {
        struct task task;
        _Atomic bool posted; /* to the clerk, and not done yet */
    } saving;
};

void node_learner_init(struct node_learner *l);
void node_learner_release(struct node_learner *l);
/* Opens learner.port when plugins.yaml names a learner: learner_port.c.  0 or -1. */
int node_learner_listen(struct node *n, char err[P2P_ERRLEN]);
/* Saves it now; under node.selection.  0, or -1 with a reason. */
int node_learner_save(struct node *n, char err[P2P_ERRLEN]);
/* Tells the engine the settings; `first` before anything is selected. */
void node_learner_configure(struct node *n, const struct config *c, bool first);
/* Around a selection, under node.selection: saves the one that may be replaced; opens the file
 * for the one that was not there before. */
void node_learner_leaves(struct node *n);
void node_learner_comes(struct node *n, const struct config *c);

/* The node begins, goes on (now and then), and has stopped.  [main thread] */
void node_learner_start(struct node *n);
void node_learner_housekeep(struct node *n);
void node_learner_stop(struct node *n);

#endif
