#include "host/runtimes/settings_hash.h"

#include <stdint.h>
#include <stdio.h>

int settings_hash(cJSON *settings, char out[SETTINGS_HASH])
{
    char *text = cJSON_PrintUnformatted(settings);
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (const char *at = text; at && *at; at++)
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
    snprintf(out, SETTINGS_HASH, "%016llx", (unsigned long long)hash);
    cJSON_Delete(settings);
    cJSON_free(text);
    return text ? 0 : -1;
}
