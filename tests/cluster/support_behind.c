#include "tests/cluster/support_behind.h"

enum { PATIENCE = 20 };

void behind_deploy(const char *method, const char *name, const char *image)
{
    char text[192];

    snprintf(text, sizeof(text),
             "{\"service\":\"%s\",\"image\":\"%s\",\"annotations\":"
             "{\"p2pfaas.runtime\":\"openfaas\"}}",
             name, image);
    expect(send_method(method, 0, "/system/functions", text, strlen(text), NULL), 202, "");
}

struct reply behind_remove(const char *name)
{
    char body[96];

    snprintf(body, sizeof(body), "{\"functionName\":\"%s\"}", name);
    return send_method("DELETE", 0, "/system/functions", body, strlen(body), NULL);
}

void behind_wait_lists(void)
{
    static const char ok[] = "p2pfaas_openfaas_lists_total{answer=\"ok\"}";

    wait_metric(0, ok, metric(0, ok) + 2, PATIENCE);
}

static void *call(void *url)
{
    const struct request rq = {.url = url, .body = "x", .len = 1};
    struct reply r;

    http_call(&rq, &r);
    reply_free(&r);
    free(url);
    return NULL;
}

bool behind_is_called(const char *name)
{
    char running[96];

    snprintf(running, sizeof(running), "p2pfaas_function_slots_running{function=\"%s\"}", name);
    return metric(0, running) == 1;
}

static bool is_called(void *name)
{
    return behind_is_called(name);
}

pthread_t behind_call_slowly(const char *name)
{
    pthread_t caller;
    char path[96], *url;

    snprintf(path, sizeof(path), "/function/%s?do=slow", name);
    url = strdup(url_of(0, path));
    assert_non_null(url);
    assert_int_equal(pthread_create(&caller, NULL, call, url), 0);
    assert_true(wait_until(is_called, (void *)(uintptr_t)name, PATIENCE));
    return caller;
}
