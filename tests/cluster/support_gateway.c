#include "tests/cluster/support_gateway.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 4 << 20 };

const char *gateway_data(char setting[160])
{
    static char folder[96];

    snprintf(folder, sizeof(folder), "%s/data", cluster.dir);
    snprintf(setting, 160, "node.data_dir=%s", folder);
    return folder;
}

bool gateway_has_file(const char *folder, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

void gateway_write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "we");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int dial(unsigned node)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)cluster.port)};
    struct timeval limit = {30, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, cluster.node[node].ip, &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* An answer that says how long it is; the connection stays open. */
static struct reply receive(int fd)
{
    struct reply r = {.headers = calloc(1, MOST)};
    size_t n = 0, whole = SIZE_MAX;
    char *end = NULL, length[32];
    ssize_t got;

    assert_non_null(r.headers);
    while (n < whole && n < MOST - 1 && (got = recv(fd, r.headers + n, MOST - 1 - n, 0)) > 0) {
        n += (size_t)got;
        if (whole == SIZE_MAX && (end = strstr(r.headers, "\r\n\r\n"))) {
            if (!reply_header(&r, "Content-Length", length, sizeof(length)))
                fail_msg("an answer without a length: %.200s", r.headers);
            whole = (size_t)(end + 4 - r.headers) + strtoul(length, NULL, 10);
        }
    }
    if (n < whole)
        fail_msg("an answer that ends early: %.300s", r.headers);
    r.status = strtol(r.headers + strlen("HTTP/1.1 "), NULL, 10);
    r.body = strdup(end + 4);
    r.len = strlen(r.body);
    end[2] = '\0';
    return r;
}

struct reply cli(unsigned node, const char *method, const char *path, const char *login,
                 const char *body)
{
    char head[4096], length[96] = "", type[64] = "";
    int fd = dial(node), n;
    struct reply r;

    if (body) {
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", strlen(body));
        snprintf(type, sizeof(type), "Content-Type: application/json\r\n");
    }
    n = snprintf(head, sizeof(head),
                 "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: faas-cli/0.16.9\r\n%sAuthorization: "
                 "%s\r\n%sAccept-Encoding: gzip\r\n\r\n",
                 method, path, cluster.node[node].address, length, login ? login : "Bearer ", type);
    assert_true(n > 0 && (size_t)n < sizeof(head));
    assert_int_equal(send(fd, head, (size_t)n, MSG_NOSIGNAL), n);
    for (size_t at = 0, all = body ? strlen(body) : 0; at < all;) {
        ssize_t sent = send(fd, body + at, all - at, MSG_NOSIGNAL);

        assert_true(sent > 0);
        at += (size_t)sent;
    }
    r = receive(fd);
    close(fd);
    return r;
}

void cli_expect(unsigned node, const char *method, const char *path, const char *body, long status,
                const char *part)
{
    struct reply r = cli(node, method, path, NULL, body);

    if (part && !part[0] && r.len)
        fail_msg("%s %s %s: wanted nothing, got %ld %s", method, path, body, r.status, r.body);
    if (r.status != status || (part && !strstr(r.body, part)))
        fail_msg("%s %s %.200s: wanted %ld \"%s\", got %ld %.300s", method, path, body ? body : "",
                 status, part ? part : "", r.status, r.body);
    reply_free(&r);
}

static long status_of(struct reply r)
{
    long status = r.status;

    reply_free(&r);
    return status;
}

long cli_deploy(unsigned node, const char *method, const char *name, const char *command,
                const char *more)
{
    char body[2048];

    snprintf(body, sizeof(body),
             "{\"service\":\"%s\",\"image\":\"tr\",\"annotations\":{\"p2pfaas.command\":\"%s\","
             "\"p2pfaas.runtime\":\"process\"}%s}",
             name, command, more);
    return status_of(cli(node, method, "/system/functions", NULL, body));
}

long cli_remove(unsigned node, const char *name)
{
    char body[160];

    snprintf(body, sizeof(body), "{\"functionName\":\"%s\"}", name);
    return status_of(cli(node, "DELETE", "/system/functions", NULL, body));
}

cJSON *cli_json(unsigned node, const char *path)
{
    struct reply r = cli(node, "GET", path, NULL, NULL);
    cJSON *json = cJSON_Parse(r.body);

    if (r.status != 200 || !json || strcmp(header(&r, "Content-Type"), "application/json") != 0)
        fail_msg("GET %s: %ld %.300s", path, r.status, r.body);
    reply_free(&r);
    return json;
}

const char *json_text(const cJSON *json, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    return text ? text : "";
}

const cJSON *find_listed(const cJSON *list, const char *name)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list) if (strcmp(json_text(item, "name"), name) == 0) return item;
    return NULL;
}

void kill_and_start(unsigned node, const char *const *more)
{
    cluster_stop(&cluster, node, SIGKILL, 20);
    start_node(node, more);
}
