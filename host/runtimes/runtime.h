/*
 * runtime.h - how a function is run.  One runtime is one file with one vtable:
 * fork.c (a program a call), server.c (a long-lived program reached by HTTP),
 * docker.c (containers reached by HTTP), http.c (whatever serves at a URL), openfaas.c (a
 * function of an OpenFaaS gateway).
 *
 * A runtime never decides whether a job runs: when run() is called the slot is
 * taken and the answer comes by done().
 */
#ifndef HOST_RUNTIME_H
#define HOST_RUNTIME_H

#include "host/config.h"
#include "host/http.h"
#include "host/lines.h"
#include "host/reactor.h"

enum { RUN_MEMORY = 1024 };

struct program; /* a runtime's own state for one function */

enum run_result {
    RUN_ANSWERED, /* response is the function's own answer, any status */
    RUN_FAILED,   /* crashed, exit code, no such program: status and err say more */
    RUN_TIMEOUT,
    RUN_TOO_LARGE, /* the answer passes the output limit */
    RUN_CANCELLED  /* by runtime->cancel */
};

/* How long a run waited for a place of its own making, phase by phase. */
enum cold_phase { COLD_CREATE, COLD_START, COLD_READY, COLD_ANSWER, COLD_PHASES };
struct cold_start {
    uint64_t phase_ns[COLD_PHASES]; /* all 0: it waited for nothing, or that is not known */
};

/* One run.  Embedded in the job; belongs to the reactor's thread. */
struct run {
    /* In. */
    struct program *program;
    struct reactor *reactor;
    const struct http_request *request; /* unchanged until done */
    uint64_t started_ns, timeout_ns;
    void (*done)(struct run *, enum run_result); /* exactly once; never inside start() */
    void *owner;
    /* Out. */
    struct http_response *response; /* initialised and empty */
    int status;                     /* HTTP status to give unless RUN_ANSWERED: 500 to 504 */
    char err[P2P_ERRLEN];           /* the reason, with the tail of stderr */
    uint64_t ended_ns;
    bool may_have_run; /* false: no byte reached the function */
    bool cold;         /* it waited for the program to start */
    struct cold_start cold_start;
    /* Private to the runtime: `memory` saves it an allocation a run. */
    void *state;
    struct task task;
    _Alignas(16) unsigned char memory[RUN_MEMORY];
};

/* The places where a function runs. */
struct replica_count {
    unsigned replicas;  /* those that are, are on their way to, or on their way out */
    unsigned available; /* of them, that serve now */
    /* How long the last one took to be available; all 0: not known.  COLD_ANSWER is 0. */
    struct cold_start last;
    char refusal[128]; /* why what was asked for last is not to be had; "" = it is */
};

struct usage {
    double cpu_millicores; /* thousandths of a processor */
    double memory_bytes;
};

struct runtime {
    const char *name;
    /* Checks what can be checked now (program exists, may be executed) and makes
     * the state.  `home` is the reactor that watches long-lived programs.  NULL
     * with a reason.  Reads `f` while the program lives.  [home thread] */
    struct program *(*open)(const struct function_config *f, struct reactor *home,
                            char err[P2P_ERRLEN]);
    /* Stops what runs: SIGTERM, after a grace SIGKILL; calls closed(arg) when
     * nothing is left.  No run may be open.  [home thread] */
    void (*close)(struct program *p, void (*closed)(void *arg), void *arg);
    void (*start)(struct run *run);  /* [run's thread] */
    void (*cancel)(struct run *run); /* kill or give up; done comes with RUN_CANCELLED */
    /* For GET /configuration and metrics: "ready", "starting", "back-off 2s", … */
    void (*describe)(struct program *p, char *out, size_t size); /* [any thread] */
    /* The rest may be NULL. */
    /* How many places the function has; NULL: one, always there.  Ask by runtime_count().
     * [any thread] */
    void (*count)(struct program *p, struct replica_count *out);
    /* So many are wanted from now on; count() tells what came of it.  What is too many ends
     * once its calls have ended, unless calls that wait need it.  As long as calls come there
     * are at least so many; 0 = none until the next call.  0, or -1 with the number that would
     * be right; NULL: it cannot be scaled.  [home thread] */
    int (*scale)(struct program *p, unsigned replicas, char err[P2P_ERRLEN]);
    /* Somebody waits for what count() tells to change: it is to be true soon.  NULL: it always
     * is.  [home thread] */
    void (*look)(struct program *p);
    /* The lines that its instances write, with a reference for the caller, who opens one
     * reader at once.  What the runtime chooses itself it takes out of *w.  NULL with a reason;
     * NULL: it sees none.  [home thread] */
    struct lines *(*logs)(struct program *p, struct lines_wanted *w, char err[P2P_ERRLEN]);
    /* What it uses, all instances together: `done` comes once, within seconds, perhaps from
     * inside; NULL = that is not known.  The asker holds the function until then.  NULL: it
     * cannot be seen.  Ask by function_usage().  [home thread] */
    void (*usage)(struct program *p, void (*done)(void *owner, const struct usage *u), void *owner);
};

/* `p` is NULL for a function that could not be set up: it has none.  [any thread] */
static inline void runtime_count(const struct runtime *t, struct program *p,
                                 struct replica_count *out)
{
    *out = (struct replica_count){.replicas = p != NULL, .available = p != NULL};
    if (p && t->count)
        t->count(p, out);
}

extern const struct runtime runtime_fork, runtime_server, runtime_docker, runtime_http,
    runtime_openfaas;

#endif
