/*
 * trace_log.h - what happened to every job, line by line, for whoever wants to follow a
 * scheduler's decisions:
 *
 *     time_s,node,job,what,peer,detail
 *     12.000250000,edge-3,17,probe,edge-8,
 *     12.000750000,edge-3,17,forward,edge-8,load 4 below 9
 *
 * The file is bounded by a number of lines, and says so at its end when that was reached.
 */
#ifndef SIM_TRACE_LOG_H
#define SIM_TRACE_LOG_H

#include <p2pfaas/plugin.h>

struct trace;

enum { TRACE_DEFAULT_LINES = 10000000 };
#define TRACE_NO_JOB UINT64_MAX

/* NULL and err. */
struct trace *trace_open(const char *path, uint64_t most_lines, char err[P2P_ERRLEN]);

/* False once nothing more is taken, and for NULL: spares the making of its words.  Ask only
 * when there is something to say. */
bool trace_wants(struct trace *t);

/* `what` is one of arrive probe probed forward queue start end refuse wait lost message fault, or
 * a word like them.  node and peer may be NULL, job TRACE_NO_JOB, `detail` NULL or printf's. */
void trace_line(struct trace *t, uint64_t now_ns, const char *node, uint64_t job, const char *what,
                const char *peer, const char *detail, ...) __attribute__((format(printf, 7, 8)));

/* -1 and err: not everything could be written. */
int trace_close(struct trace *t, char err[P2P_ERRLEN]);

#endif
