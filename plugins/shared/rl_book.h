/*
 * rl_book.h - of which type a job is, and how many of each type run and wait here.
 *
 * The host tells how many jobs run and wait, not which.  The jobs that the scheduler kept
 * here start in the order in which it did, so those that run are its oldest ones.  Jobs
 * that it did not keep, of a scheduler before it, count as the oldest, and as type 0.
 */
#ifndef RL_BOOK_H
#define RL_BOOK_H

#include <p2pfaas/plugin.h>

enum { RL_TYPES = 16, RL_NAME = 128, RL_ROOM = 1024 };

struct rl_job {
    uint32_t before, after; /* 1 + their numbers, or 0 */
    uint32_t type;
    bool running;
};

struct rl_book {
    uint32_t types;
    /* Type i is the function of that name, the last type all others as well. */
    uint32_t n_named;
    struct {
        uint32_t id; /* P2P_NONE: not seen yet by this instance */
        char name[RL_NAME];
    } function[RL_TYPES];
    /* Jobs in the order in which they were kept; numbers are 1 + the place in job[]. */
    uint32_t oldest, newest, first_waiting, free, n_used;
    uint32_t n_running, n_waiting;
    uint32_t running[RL_TYPES], waiting[RL_TYPES];
    struct rl_job job[RL_ROOM];
};

/* What the client said, or by the function. */
uint32_t rl_book_type(struct rl_book *b, const struct p2p_request *rq);
/* The next type is that function; false when there is no type left, or it is no name or
 * one that is there already. */
bool rl_book_name(struct rl_book *b, const char *name);
/* So are those with commas between them; 0, or -1 with a reason in err[P2P_ERRLEN]. */
int rl_book_name_all(struct rl_book *b, const char *names, char *err);

/* A job that stays here; returns its number, 0 when the book is full. */
uint32_t rl_book_enter(struct rl_book *b, uint32_t type);
void rl_book_leave(struct rl_book *b, uint32_t number);
/* Running and waiting jobs of each type; the sums are what the host says. */
void rl_book_count(struct rl_book *b, const struct p2p_node *node, float *running, float *waiting);

#endif
