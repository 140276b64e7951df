/*
 * support_pool.h - one function of runtime docker, the daemon of support_docker.h, and one
 * server for all of its containers.
 */
#ifndef TESTS_HOST_RUNTIMES_SUPPORT_POOL_H
#define TESTS_HOST_RUNTIMES_SUPPORT_POOL_H

#include "host/runtimes/docker_json.h"
#include "tests/host/runtimes/support_docker.h"
#include "tests/host/runtimes/support_runs.h"
#include "tests/host/support_nasty.h"

#define API "/v1.41"
#define CREATE "POST " API "/containers/create"

static const struct nasty_step echo[] = {
    {NASTY_REQUEST, NULL, 0}, {NASTY_ECHO, NULL, 0}, {NASTY_AGAIN, NULL, 0}};
static const struct nasty_step mute[] = {
    {NASTY_REQUEST, NULL, 0},
    {NASTY_SEND, "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", 0},
    {NASTY_AGAIN, NULL, 0}};
static const struct nasty_step *const echoing[] = {echo, NULL}, *const muttering[] = {mute, NULL};

static struct docker_config docker;
static struct nasty *container;
static char running[256];

static inline void serve(const struct nasty_step *const *scripts)
{
    container = nasty_start(scripts);
    assert_non_null(container);
    snprintf(running, sizeof(running),
             "{\"State\":{\"Running\":true},\"NetworkSettings\":{\"Ports\":{\"8080/tcp\":[{"
             "\"HostPort\":\"%s\"}]}}}",
             strchr(nasty_address(container), ':') + 1);
}

static inline int setup_docker(void **state)
{
    if (setup(state))
        return -1;
    runtime = &runtime_docker;
    fake_make();
    docker = (struct docker_config){
        .socket = fake.socket, .pull_timeout = LONG_NS, .pull = PULL_MISSING, .node = "n1"};
    function.runtime = FUNCTION_DOCKER;
    function.image = "img";
    function.network = "";
    function.port = 8080;
    function.pids = 64;
    function.replicas_max = 1;
    function.concurrency = 4;
    function.idle_timeout = LONG_NS;
    function.docker = &docker;
    container = NULL;
    return 0;
}

static inline int teardown_docker(void **state)
{
    if (program)
        close_program();
    fake_stop();
    if (container)
        nasty_stop(container);
    return teardown(state);
}

/* A daemon where all goes well, but what is said after it. */
static inline void daemon_that_works(void)
{
    serve(echoing);
    fake_says("GET /version", 200, "{\"ApiVersion\":\"1.47\",\"MinAPIVersion\":\"1.24\"}");
    fake_says("GET " API "/containers/json", 200, "[]");
    fake_says("GET " API "/events", 200, "");
    fake_says("GET " API "/images/img/json", 200, "{}");
    fake_says(CREATE, 201, "ID");
    fake_says("POST " API "/containers/ab", 204, "");
    fake_says("GET " API "/containers/ab", 200, running);
    fake_says("DELETE " API "/containers/", 204, "");
}

static inline void open_docker(void)
{
    char err[P2P_ERRLEN] = "";

    fake_start();
    program = runtime->open(&function, &home, err);
    if (!program)
        fail_msg("not opened: %s", err);
}

static inline bool is(const char *words_of_it)
{
    char text[P2P_ERRLEN];

    runtime->describe(program, text, sizeof(text));
    return strstr(text, words_of_it) != NULL;
}

#endif
