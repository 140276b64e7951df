#include "tests/cluster/support_async.h"

#include <unistd.h>

#include "tests/cluster/fixture.h"
#include "tests/cluster/support_hooks.h"

char async_notes[64], async_config[1600], async_data[2][128];

static const char *const retries[] = {"async.min_wait=20ms", "async.max_wait=100ms",
                                      "async.attempts=3", NULL};

/* ---- nodes ---- */

void async_start_node(unsigned node, const char *const *more)
{
    const char *settings[16] = {NULL};
    unsigned n = 0;

    if (node != BARE)
        settings[n++] = async_data[node];
    for (unsigned i = 0; retries[i]; i++)
        settings[n++] = retries[i];
    while (more && *more)
        settings[n++] = *more++;
    start_node(node, settings);
    select_scheduler(node, "{\"name\":\"local\"}");
}

int async_teardown(void **state)
{
    char command[160];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        if (cluster.node[i].pid && !stop_node(i))
            return -1;
    snprintf(command, sizeof(command), "rm -rf %s/data? && mkdir %s/data0 %s/data1", cluster.dir,
             cluster.dir, cluster.dir);
    unlink(async_notes);
    return system(command);
}

/* ---- calls ---- */

const char *async_call(const char *path, const char *body, const char *const *headers)
{
    static char kept[8][64];
    static unsigned next;
    char *id = kept[next++ % 8];
    struct reply r = send_method("POST", NODE, path, body, strlen(body), headers);

    if (r.status != 202)
        fail_msg("%s: %ld %s", path, r.status, r.body);
    assert_int_equal(r.len, 0);
    snprintf(id, 64, "%s", header(&r, "X-Call-Id"));
    assert_true(id[0] != '\0');
    assert_true(strtod(header(&r, "X-Start-Time"), NULL) > 1.7e18);
    reply_free(&r);
    return id;
}

struct wanted {
    const char *id, *text;
    char last[600];
};

static bool says(void *arg)
{
    struct wanted *w = arg;
    char path[160];
    struct reply r;

    snprintf(path, sizeof(path), "/async/%s", w->id);
    r = get(NODE, path);
    snprintf(w->last, sizeof(w->last), "%ld %s", r.status, r.body);
    reply_free(&r);
    return strstr(w->last, w->text) != NULL;
}

void wait_state(const char *id, const char *text)
{
    struct wanted w = {id, text, ""};

    if (!wait_until(says, &w, 20))
        fail_msg("wanted %s, it is %s", text, w.last);
}

struct reply async_result(const char *id)
{
    char path[160];

    snprintf(path, sizeof(path), "/async/%s?result=1", id);
    return get(NODE, path);
}

struct reply async_cancel_call(const char *id)
{
    char path[160];

    snprintf(path, sizeof(path), "/async-function/%s", id);
    return send_method("DELETE", NODE, path, NULL, 0, NULL);
}

void let_nothing_run(void)
{
    select_scheduler(NODE, "{\"name\":\"reject\"}");
}

void let_run(void)
{
    select_scheduler(NODE, "{\"name\":\"local\"}");
}

/* ---- all of it ---- */

void async_init_nodes(void)
{
    snprintf(async_notes, sizeof(async_notes), "/tmp/p2pfaas-async.%d", (int)getpid());
    snprintf(async_config, sizeof(async_config),
             "functions:\n"
             "  record: {mode: http, command: %s}\n"
             "  hold: {command: [sleep, '0.7'], slots: 1}\n"
             "  picky: {command: [printf, 'Status: 418\\n\\nx'], cgi_headers: true,\n"
             "    retry_codes: '418', retry_attempts: 2}\n"
             "  behind: {command: [printf, 'Status: 418\\nX-OpenFaaS-Internal: x\\n\\nx'],\n"
             "    cgi_headers: true}\n"
             "  large: {command: [head, -c, 300000, /dev/zero]}\n"
             "  forge: {command: [printf, 'Status: 200 OK\\nX-Call-Id: forged\\n"
             "X-Function-Status: 1\\nX-Function-Name: forged\\nX-Duration-Seconds: 7\\n"
             "Sec-Fetch-Site: same-origin\\nHost: elsewhere\\n\\nbody'],\n"
             "    cgi_headers: true}\n",
             hooks_command(async_notes));
    fixture_init(3, async_config);
    for (int i = 0; i < 2; i++)
        snprintf(async_data[i], sizeof(async_data[i]), "node.data_dir=%s/data%d", cluster.dir, i);
    async_teardown(NULL);
}
