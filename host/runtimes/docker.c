/*
 * docker.c - a function is an image: containers of it are started and removed as calls
 * come, each reached over a port that it publishes on 127.0.0.1.
 */
#include "host/runtimes/docker_pool.h"

static void docker_start_run(struct run *run)
{
    served_start(run, &docker_pool_supply);
}

const struct runtime runtime_docker = {
    .name = "docker",
    .open = docker_pool_open,
    .close = docker_pool_close,
    .start = docker_start_run,
    .cancel = served_cancel,
    .describe = docker_pool_describe,
    .count = docker_pool_count,
    .scale = docker_pool_scale,
    .logs = docker_pool_logs,
    .usage = docker_pool_usage,
};
