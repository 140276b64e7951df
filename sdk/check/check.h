/*
 * check.h - what the cases of the plugin checker share.
 *
 * A case is a function that ends by returning (it passed), or by check_fail() or
 * check_skip(), which do not return.  Each runs in a process of its own that the plugin
 * may take down; what is known of it then stands in the report, which lies in memory
 * that the two processes share.
 */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include <p2pfaas/plugin.h>
#include <setjmp.h>

enum { CHECK_UNITS = 64, CHECK_TEXT = 1200 };

struct options {
    uint64_t seed;
    unsigned worlds;         /* jobs in random worlds, a case */
    unsigned seconds;        /* that one case may take */
    bool in_process;         /* no child processes, for a debugger */
    const char *only;        /* the name of a case, or NULL */
    const char *const *sets; /* "NAME=VALUE": parameters that are not to be varied */
    unsigned n_sets;
};

enum verdict { VERDICT_NONE, PASSED, FAILED, SKIPPED };

struct report {
    enum verdict verdict;
    char text[CHECK_TEXT]; /* what was seen; of a case that passed, what is worth knowing */
    char right[512];       /* what would be right */
    /* Where the plugin is, or was when it took the process down. */
    const char *call; /* "decide", NULL outside of the plugin */
    uint64_t world;   /* the number of the random world; 0 = none yet */
    uint32_t step, event;
    char params[400];
    char hint[120];      /* what the world did to it just now */
    const char *touched; /* memory behind or before which it wrote or read */
    size_t touched_size;
    long touched_at;  /* from the start of it */
    char folder[128]; /* of files of ours; removed, with what is in it, after the case */
};

/* What a file offers; found by the case "entry". */
struct roster {
    unsigned n_schedulers, n_learners;
    char schedulers[CHECK_UNITS][64], learners[CHECK_UNITS][64];
};

struct check {
    const struct options *options;
    struct report *report;
    struct roster *roster;
    const char *file;
    const char *data; /* its content */
    size_t size;
    uint64_t seed; /* of this case alone */
    jmp_buf end;
    /* The plugin in this process, where the case is about one of its parts. */
    void *handle;
    const struct p2p_module *entry;
    struct p2p_scheduler scheduler; /* the part that its SDK knew, the rest zero */
    struct p2p_learner learner;
    bool is_learner;
    struct unit *units; /* that live */
    const void *shown;  /* whose parameters the report has */
};

/* Ends the case.  `right`: what would be right, "" when the text says it all. */
_Noreturn void check_fail(struct check *c, const char *right, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
_Noreturn void check_skip(struct check *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Shown behind the name of a case that passes. */
void check_note(struct check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The plugin is entered and left: between them a crash is its own. */
void check_enter(struct check *c, const char *call);
void check_leave(struct check *c);

enum scope { OF_FILE, OF_SCHEDULER, OF_LEARNER };
struct check_case {
    const char *name;
    enum scope scope;
    const char *about; /* for --list */
    void (*run)(struct check *c);
};
extern const struct check_case check_cases[];
extern const unsigned check_n_cases;

/* case_file.c: the object as it lies on the disk.  case_entry.c: what it lists. */
void case_file(struct check *c);
void case_exports(struct check *c);
void case_imports(struct check *c);
void case_libraries(struct check *c);
void case_globals(struct check *c);
void case_entry(struct check *c);
void case_ops(struct check *c);
void case_space(struct check *c);
void case_params(struct check *c);
void case_live(struct check *c);
/* case_decide.c */
void case_decide(struct check *c);
void case_events(struct check *c);
void case_tick(struct check *c);
void case_outcome(struct check *c);
void case_heard(struct check *c);
void case_probes(struct check *c);
void case_determinism(struct check *c);
void case_memory(struct check *c);
void case_state(struct check *c);
void case_garbage(struct check *c);
void case_swap(struct check *c);
void case_speed(struct check *c);
/* case_learner.c */
void case_act(struct check *c);
void case_learn(struct check *c);
void case_known(struct check *c);
void case_learner_determinism(struct check *c);
void case_learner_speed(struct check *c);

/* Is the file built with a sanitizer or for coverage, and so has symbols, code and
 * memory of these? */
bool is_instrumented(const struct check *c);

#endif
