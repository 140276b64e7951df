/*
 * server.c - a function is a long-lived program that listens on PORT, reached over
 * keep-alive connections of whatever thread has the call.
 */
#include "host/runtimes/program.h"

static void server_start(struct run *run)
{
    served_start(run, &program_supply);
}

const struct runtime runtime_server = {
    .name = "process/http",
    .open = program_open,
    .close = program_close,
    .start = server_start,
    .cancel = served_cancel,
    .describe = program_describe,
    .count = program_count,
    .scale = program_scale,
    .logs = program_logs,
    .usage = program_usage,
};
