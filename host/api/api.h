/*
 * api.h - what the REST handlers share.
 */
#ifndef HOST_API_H
#define HOST_API_H

#include <cjson/cJSON.h>

#include "engine/engine.h"
#include "host/exchange.h"

/* The request's body as JSON, or NULL and the exchange answered with 400, code 4. */
cJSON *api_body(struct exchange *x);

/* "name": value with the JSON type that fits: number, boolean or string. */
void api_add_value(cJSON *to, const struct p2p_param *p, const char *value);

/* What runs now: {"name":…,"parameters":[…]} as the original answers, and more. */
cJSON *api_scheduler_json(struct engine *e);

#endif
