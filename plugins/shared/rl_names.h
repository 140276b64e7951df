/*
 * rl_names.h - which peers and functions the numbers of a scheduler stand for, as bytes
 * for the instance that follows: its numbers must mean the same to the learner.
 *
 * A byte for the version, the peers, the functions; lists have a length byte, and so has
 * each text.
 */
#ifndef RL_NAMES_H
#define RL_NAMES_H

#include "rl_book.h"
#include "rl_peers.h"

bool rl_names_save(struct p2p_stream *out, const struct rl_peers *peers,
                   const struct rl_book *book);
/* False, and nothing changed, when it is not what was saved.  Names that the book has
 * already stand. */
bool rl_names_load(struct p2p_stream *in, struct rl_peers *peers, struct rl_book *book);

#endif
