#include "tests/cluster/support_outside.h"

#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const double PATIENCE = 20;

void outside_find_port(struct outside *o)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    snprintf(o->port, sizeof(o->port), "%u", ntohs(a.sin_port));
}

static struct reply ask(const struct outside *o, const char *path, const char *body)
{
    char url[64];
    const struct request rq = {
        .url = url, .body = body, .len = body ? strlen(body) : 0, .timeout = 10};
    struct reply reply;

    snprintf(url, sizeof(url), "http://127.0.0.1:%s%s", o->port, path);
    http_call(&rq, &reply);
    return reply;
}

static bool answers(void *arg)
{
    return outside_has_seen(arg, "");
}

void outside_start_tls(struct outside *o, const char *certificate, const char *key)
{
    char script[4096];
    char *const args[] = {
        "python3", "-B", script, o->port, (char *)(uintptr_t)certificate, (char *)(uintptr_t)key,
        NULL};

    /* -B: no compiled files are left in the tree. */
    snprintf(script, sizeof(script), "%s/tests/cluster/%s", getenv("P2P_TEST_TREE"), o->script);
    assert_int_equal(posix_spawnp(&o->pid, "python3", NULL, NULL, args, environ), 0);
}

void outside_start(struct outside *o)
{
    outside_start_tls(o, NULL, NULL);
    assert_true(wait_until(answers, o, PATIENCE));
}

void outside_kill(struct outside *o)
{
    if (o->pid <= 0)
        return;
    kill(o->pid, SIGKILL);
    waitpid(o->pid, NULL, 0);
    o->pid = 0;
}

void outside_rule(const struct outside *o, const char *word)
{
    expect(ask(o, "/rule", word), 200, "ok");
}

bool outside_has_seen(const struct outside *o, const char *part)
{
    struct reply reply = ask(o, "/seen", NULL);
    bool has = reply.status == 200 && strstr(reply.body, part);

    reply_free(&reply);
    return has;
}
