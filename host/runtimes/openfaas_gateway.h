/*
 * openfaas_gateway.h - an OpenFaaS gateway as the functions of a node share it: is it there,
 * what does it list.
 *
 *   asked for its list ─► UP ─► asked again after `refresh`
 *      ▲        │ no answer, 401, no list …
 *      └─ after a back-off, `refresh` at most ◄─ DOWN: the last list stays
 *
 * A call that goes there says by a Via field through whom: two nodes behind each other may for
 * a moment believe of a function that the other has it.
 *
 * Functions that have an image are deployed there when the list does not have them with their
 * settings; what a node has deployed stays there when it forgets it, until it is removed.
 */
#ifndef HOST_OPENFAAS_GATEWAY_H
#define HOST_OPENFAAS_GATEWAY_H

#include "host/http.h"
#include "host/reactor.h"
#include "host/runtimes/openfaas_json.h"

/* NULL when memory or descriptors are short.  [home thread] */
struct openfaas *openfaas_new(struct reactor *home, const struct openfaas_config *config);
/* Asks from now on; `listed` comes on the home thread after each list. */
void openfaas_start(struct openfaas *o, void (*listed)(void *ctx), void *ctx);
/* Asks no more.  Before the home's requests by libcurl end. */
void openfaas_stop(struct openfaas *o);
/* When no function uses it any more. */
void openfaas_free(struct openfaas *o);

/* http://…/function/NAME.NAMESPACE, cut where it does not fit. */
void openfaas_url(const struct openfaas *o, const char *name, char *out, size_t size);
/* What calls say: its Via.  [any thread] */
const struct headers *openfaas_via(const struct openfaas *o);
/* Has such a call come back?  [any thread] */
bool openfaas_went_through(const struct openfaas *o, const struct headers *request);
/* The last list.  [home thread] */
const struct openfaas_list *openfaas_listed(const struct openfaas *o);

/* Is it listed?  False with the HTTP status to say so with, and the reason.  [any thread] */
bool openfaas_has(struct openfaas *o, const char *name, int *status, char *why, size_t size);
/* As a runtime's describe: "2 of 3 replicas", "the gateway does not list it" …  [any thread] */
void openfaas_describe(struct openfaas *o, const char *name, char *out, size_t size);
/* False when it is not listed.  `refusal` gets why the last wish to scale it was refused, or
 * "".  [any thread] */
bool openfaas_count(struct openfaas *o, const char *name, struct openfaas_entry *out, char *refusal,
                    size_t size);
/* Asks for the list in a moment: somebody waits for a change.  [home thread] */
void openfaas_look(struct openfaas *o);

/* Deploys it now and whenever it is missing.  `f` stays until it is forgotten; that is when the
 * node does not offer it any more, though calls of it may be at work.  0 or -1
 * (memory).  [home thread] */
int openfaas_deploy(struct openfaas *o, const struct function_config *f);
/* Nothing happens to one that is not to be deployed. */
void openfaas_forget(struct openfaas *o, const struct function_config *f);
/* Asks the gateway to scale it; of several wishes one after another, and of those that wait
 * the last.  How that ended is logged, a refusal is described until the next wish.  0, or -1
 * with a reason why it is not asked.  [home thread] */
int openfaas_scale(struct openfaas *o, const char *name, unsigned replicas, char err[P2P_ERRLEN]);

/* How a removal ended: `why` is NULL when the gateway does not have it any more, else the reason
 * and `status` the gateway's; 0 = it gave none. */
typedef void openfaas_removed(void *owner, int status, const char *why);
/* Takes it away from the gateway and from the list: `listed` comes before `done`.  `done` comes
 * once, never from inside.  0, or -1 (memory) and it does not.  What was deployed there is not
 * deployed again, also when the gateway did not have it (404).  [home thread] */
int openfaas_remove(struct openfaas *o, const char *name, openfaas_removed *done, void *owner);
/* It stays a function of this node after all: deployed again, if it is gone there. */
void openfaas_redeploy(struct openfaas *o, const char *name);
/* Those that are under way end: the node is stopping.  [home thread] */
void openfaas_end_removals(struct openfaas *o);

struct openfaas_stats {
    bool up;
    unsigned listed;
    uint64_t lists, lists_failed;
    uint64_t deployed, deployments_failed;
};
void openfaas_stats(struct openfaas *o, struct openfaas_stats *out); /* [any thread] */

#endif
