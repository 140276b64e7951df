/*
 * spawn.h - starts a program: own process group, clean signals, killed with the
 * node.  vfork-fast, so that a large node does not pay for its size.
 */
#ifndef HOST_SPAWN_H
#define HOST_SPAWN_H

#include <p2pfaas/plugin.h>
#include <sys/types.h>

struct spawn {
    const char *const *argv; /* argv[0] is a path, or a name sought in PATH */
    const char *const *envp;
    const char *directory; /* working directory; NULL = the node's */
    int in, out, err;      /* descriptors for 0, 1, 2; -1 = /dev/null */
};

struct child {
    pid_t pid; /* also the process group; 0 = none */
    int pidfd; /* readable when it has ended; close-on-exec */
};

/* Names of the variables that programs get from the node; NULL ends. */
extern const char *const spawn_inherited[];

/* Has the list, which ends with NULL and may be NULL, a variable of the name of
 * "NAME=value"? */
bool spawn_has_variable(char *const *list, const char *entry);

/* Can it be run in that directory (NULL or "": the node's), as far as can be seen now?
 * 0 or -1 with "cannot run …". */
int spawn_check(const char *program, const char *directory, char err[P2P_ERRLEN]);
/* 0, or -1 with "cannot run 'x': No such file or directory". */
int spawn_start(const struct spawn *s, struct child *child, char err[P2P_ERRLEN]);
/* Signals the whole group; harmless when it has gone. */
void spawn_kill(const struct child *child, int signal);
/* After pidfd became readable: takes the exit status (as of waitpid), closes
 * pidfd, kills what is left of the group.  Words it in `why`: "exit code 3",
 * "killed by SIGSEGV". */
int spawn_reap(struct child *child, char *why, size_t size);

#endif
