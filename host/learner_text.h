/*
 * learner_text.h - how the learner of the original P2PFaaS is told states, actions and rewards,
 * and how it tells numbers: bytes in, bytes out, no node.
 */
#ifndef HOST_LEARNER_TEXT_H
#define HOST_LEARNER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LEARNER_MOST_STATE = 4096, /* numbers of a state */
    TRAIN_MOST = 4096,         /* items of a batch */
    TRAIN_NUMBERS = 1 << 20    /* of all its states */
};

/* "0.0,1.0,2.0": the count of its numbers, all finite, or -1 when there is anything else or more
 * than `most`. */
int learner_read_state(const char *text, float *out, uint32_t most);
/* "12", up to 2^63 - 1. */
bool learner_read_eid(const char *text, uint64_t *out);
/* "1.0" or "1". */
bool learner_read_action(const char *text, uint32_t *out);
/* A finite number. */
bool learner_read_reward(const char *text, float *out);

/* One finished choice. */
struct train_item {
    bool sound; /* all of it could be read; else it is to be counted and left out */
    uint64_t eid;
    uint32_t action, n_state;
    float reward;
    const float *state;
};
/* Of the texts; NULL makes it unsound.  `state` has room for `most`. */
struct train_item train_item_read(const char *eid, const char *state, const char *action,
                                  const char *reward, float *room, uint32_t most);

enum train_result {
    TRAIN_READ,
    TRAIN_NOT_JSON,
    TRAIN_EMPTY,     /* or no list, or longer than TRAIN_MOST */
    TRAIN_INCOMPLETE /* an item is no object or lacks a key; the others were read */
};
struct train_batch {
    struct train_item *items;
    uint32_t n;
    float *states;
};
/* [{"eid":"2","state":"0.0,1.0","action":"1.0","reward":1.0},…]; numbers may be texts and the
 * other way round.  train_batch_release is due whatever it returns. */
enum train_result train_batch_read(struct train_batch *b, const char *json, size_t len);
void train_batch_release(struct train_batch *b);

/* The shortest text that is read as the same float, always with a point or an exponent: "0.9",
 * "1.0", "1e-05". */
enum { LEARNER_NUMBER = 32 };
void learner_write_number(char out[LEARNER_NUMBER], float value);

#endif
