/*
 * settings_hash.h - whether what runs was made with the settings that a function has now:
 * their hash stands beside it.
 */
#ifndef HOST_SETTINGS_HASH_H
#define HOST_SETTINGS_HASH_H

#include <cjson/cJSON.h>

enum { SETTINGS_HASH = 24 };

/* Takes the settings over.  The same JSON has the same hash in every version of the node.  0, or -1
 * when memory is short.  [any thread] */
int settings_hash(cJSON *settings, char out[SETTINGS_HASH]);

#endif
