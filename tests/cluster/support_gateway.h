/*
 * support_gateway.h - calls as faas-cli makes them: what was recorded of 0.16, byte for byte.
 */
#ifndef TESTS_CLUSTER_SUPPORT_GATEWAY_H
#define TESTS_CLUSTER_SUPPORT_GATEWAY_H

#include <cjson/cJSON.h>

#include "tests/cluster/fixture.h"

/* Settings of a node that keeps what is deployed, with the folder in which it does. */
const char *gateway_data(char setting[160]);
/* Is FOLDER/NAME there? */
bool gateway_has_file(const char *folder, const char *name);
void gateway_write_file(const char *folder, const char *name, const char *text);

/* One call; `login` is the value of Authorization.  NULL = as without a login. */
struct reply cli(unsigned node, const char *method, const char *path, const char *login,
                 const char *body);
/* Expects this status and a body that has the part, or that is empty: "". */
void cli_expect(unsigned node, const char *method, const char *path, const char *body, long status,
                const char *part);
/* POSTs the deployment of a process: its command, and more fields ("" or ",\"labels\":{…}"). */
long cli_deploy(unsigned node, const char *method, const char *name, const char *command,
                const char *more);
long cli_remove(unsigned node, const char *name);
/* The JSON that a GET answers with 200; the caller's. */
cJSON *cli_json(unsigned node, const char *path);
/* A text inside, "" when it is not there. */
const char *json_text(const cJSON *json, const char *name);
/* That function of GET /system/functions; NULL = it is not there. */
const cJSON *find_listed(const cJSON *list, const char *name);

/* SIGKILL, and another start. */
void kill_and_start(unsigned node, const char *const *more);

#endif
