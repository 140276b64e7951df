/*
 * api.h - what the REST handlers share.
 */
#ifndef HOST_API_H
#define HOST_API_H

#include <cjson/cJSON.h>

#include "engine/engine.h"
#include "host/exchange.h"
#include "host/functions.h"

/* The request's body as JSON, or NULL and the exchange answered with 400, code 4. */
cJSON *api_body(struct exchange *x);

/* Is it the node's namespace, or none?  Else false and the exchange answered with 400. */
bool api_is_own_namespace(struct exchange *x, const char *namespace);
/* The text of a field, "" when it is none. */
const char *api_text(const cJSON *json, const char *name);
struct function;
/* The function that the path names behind the route's, of a runtime that can be scaled: a
 * reference, or NULL and the exchange answered with 404, 502 or 501. */
struct function *api_scalable(struct exchange *x);

/* "name": value in a cJSON object, with the type that fits: number, boolean or string.  For
 * engine_parameters() and its like. */
void api_add_value(void *object, const struct p2p_param *p, const char *value);

/* {"name":…,"parameters":{…} or […],"function":…}; valid while `json` is. */
enum { API_PARAMETERS = 64, API_VALUE = 256 };
struct api_selection {
    const char *names[API_PARAMETERS];
    const char *values[API_PARAMETERS];
    char text[API_PARAMETERS][API_VALUE]; /* of numbers and booleans */
    struct selection selection;
    const char *function; /* whose scheduler it is to be, or NULL */
};
/* 0, or -1 with the exchange answered.  *w is zeroed. */
int api_read_selection(struct exchange *x, const cJSON *json, struct api_selection *w);
/* A value as text, as plugins.yaml would have it, or NULL. */
const char *api_value_text(const cJSON *item, char out[API_VALUE]);

/* A FunctionStatus of OpenFaaS. */
cJSON *api_function_json(const struct exchange *x, const struct function_entry *e);

#endif
