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
/* What the query says of `name`, unescaped and cut to `size` in `out`, which is returned; NULL:
 * nothing. */
enum { API_ARGUMENT = 256 };
const char *api_argument(const struct exchange *x, const char *name, char *out, size_t size);
struct function;
/* The function that the path names behind the route's, of a runtime that can be scaled: a
 * reference, or NULL and the exchange answered with 404, 502 or 501. */
struct function *api_scalable(struct exchange *x);

/* "name": value in a cJSON object, with the type that fits: number, boolean or string.  For
 * engine_parameters() and its like. */
void api_add_value(void *object, const struct p2p_param *p, const char *value);

/* The exchange is answered by `work` on the node's clerk, because of a disk.  `work` ends with
 * later_answer; it sees no headers of the request.  Last call of a handler. */
void api_leave_to_clerk(struct exchange *x, void (*work)(struct exchange *x));

/* {"name":…,"parameters":{…} or […],"function":…} */
enum { API_PARAMETERS = 64, API_VALUE = 256 };
struct api_selection {
    cJSON *body; /* what the texts below are of */
    const char *names[API_PARAMETERS];
    const char *values[API_PARAMETERS];
    char text[API_PARAMETERS][API_VALUE]; /* of numbers and booleans */
    struct selection selection;
    const char *function; /* whose scheduler it is to be, or NULL */
};
/* Of the request's body; NULL with the exchange answered. */
struct api_selection *api_read_selection(struct exchange *x);
void api_free_selection(struct api_selection *w); /* NULL is fine */
/* A value as text, as plugins.yaml would have it, or NULL. */
const char *api_value_text(const cJSON *item, char out[API_VALUE]);

/* A FunctionStatus of OpenFaaS. */
cJSON *api_function_json(const struct exchange *x, const struct function_entry *e);
bool api_asks_usage(const struct exchange *x);
/* Answers with it and what the function uses, once that has been measured.  Takes it over. */
void api_answer_usage(struct exchange *x, struct function *f, cJSON *json);

#endif
