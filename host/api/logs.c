/*
 * logs.c - GET /system/logs: the lines that a function wrote, as JSON, one a line; and those
 * that it will write, as they come.
 */
#include "host/logs.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "host/api/api.h"
#include "host/later.h"
#include "host/node.h"
#include "host/route.h"
#include "host/stream.h"
#include "host/timestamp.h"

enum {
    AHEAD = 16 << 10,    /* bytes that are ready before the client takes them */
    MOST_OUT = 128 << 10 /* one line more, each of its bytes escaped */
};

/* One client's log.  Its first half is the home thread's, then the shard's has it. */
struct log_stream {
    struct stream stream;
    struct exchange *x;
    struct logs_query query;
    struct function *function; /* a reference, until it is open */
    struct lines_reader *reader;
    char name[128];
    struct line line;
    struct buf out;
    size_t taken; /* of out */
};

/* ---- what is asked for ---- */

static int read_number(const char *value, int64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoll(value, &end, 10);
    return errno || *end || end == value ? -1 : 0;
}

static int read_truth(const char *value, bool *out)
{
    static const char *const words[][2] = {{"0", "1"}, {"false", "true"}, {"f", "t"}};

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        for (int truth = 0; truth < 2; truth++)
            if (strcasecmp(value, words[i][truth]) == 0) {
                *out = truth;
                return 0;
            }
    return -1;
}

/* A plus sign that the client did not escape came as a blank. */
static int read_time(const char *value, int64_t *out)
{
    char text[64], *blank;
    size_t n;

    snprintf(text, sizeof(text), "%s", value);
    blank = strrchr(text, ' ');
    if (blank)
        *blank = '+';
    n = timestamp_parse(text, out);
    return n == 0 || n != strlen(value) ? -1 : 0;
}

static int copy(char *out, size_t size, const char *value)
{
    int n = snprintf(out, size, "%s", value);

    return n < 0 || (size_t)n >= size ? -1 : 0;
}

int logs_query_set(struct logs_query *q, const char *key, const char *value, char *err)
{
    const char *right = NULL;

    if (!value[0])
        return 0;
    if (strcmp(key, "name") == 0 && copy(q->name, sizeof(q->name), value))
        right = "the name of a function";
    else if (strcmp(key, "namespace") == 0 && copy(q->namespace, sizeof(q->namespace), value))
        right = "a namespace";
    else if (strcmp(key, "instance") == 0 &&
             copy(q->wanted.instance, sizeof(q->wanted.instance), value))
        right = "an instance as the lines name it";
    else if (strcmp(key, "tail") == 0 && read_number(value, &q->wanted.tail))
        right = "a whole number of lines; 0 or less for all";
    else if (strcmp(key, "since") == 0 && read_time(value, &q->wanted.since_ns))
        right = "a time like 2026-11-27T01:02:03Z";
    else if (strcmp(key, "follow") == 0 && read_truth(value, &q->wanted.follow))
        right = "true, false, 1 or 0";
    if (!right)
        return 0;
    snprintf(err, P2P_ERRLEN, "%s '%.80s' is not understood; allowed: %s", key, value, right);
    return -1;
}

struct asked {
    struct logs_query query;
    char err[P2P_ERRLEN];
};

static enum MHD_Result take_argument(void *cls, enum MHD_ValueKind kind, const char *key,
                                     const char *value)
{
    struct asked *a = cls;
    char text[256];

    (void)kind;
    if (copy(text, sizeof(text), value ? value : "")) {
        snprintf(a->err, sizeof(a->err), "%.40s is longer than 255 characters", key);
        return MHD_NO;
    }
    MHD_http_unescape(text);
    return logs_query_set(&a->query, key, text, a->err) ? MHD_NO : MHD_YES;
}

/* ---- lines into JSON ---- */

static void write_line(struct log_stream *l, const struct line *line)
{
    struct node *n = l->x->shard->node;
    cJSON *json = cJSON_CreateObject();
    char when[TIMESTAMP], *text;

    timestamp_format(line->when_ns, 9, when);
    cJSON_AddStringToObject(json, "name", l->name);
    cJSON_AddStringToObject(json, "namespace", n->domain);
    cJSON_AddStringToObject(json, "instance", line->instance);
    cJSON_AddStringToObject(json, "timestamp", when);
    cJSON_AddStringToObject(json, "text", line->text);
    text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    if (text && buf_reserve(&l->out, strlen(text) + 1) == 0) {
        buf_puts(&l->out, text);
        buf_puts(&l->out, "\n");
    }
    cJSON_free(text);
}

static void write_missed(struct log_stream *l, uint64_t missed)
{
    l->line.when_ns = timestamp_now();
    snprintf(l->line.instance, sizeof(l->line.instance), "%s", P2PFAAS_NAME);
    snprintf(l->line.text, sizeof(l->line.text),
             "(%llu lines are missing here: they came faster than they were read)",
             (unsigned long long)missed);
    write_line(l, &l->line);
}

/* True when all has been said. */
static bool fill(struct log_stream *l)
{
    uint64_t missed;

    while (l->out.len < AHEAD) {
        switch (lines_next(l->reader, &l->line, &missed)) {
        case LINES_LINE:
            write_line(l, &l->line);
            break;
        case LINES_MISSED:
            write_missed(l, missed);
            break;
        case LINES_NONE:
            return false;
        case LINES_OVER:
            return true;
        }
    }
    return false;
}

static ssize_t on_read(struct stream *s, char *to, size_t size)
{
    struct log_stream *l = (struct log_stream *)s;
    bool is_over = false;
    size_t n;

    if (l->taken == l->out.len) {
        buf_clear(&l->out);
        l->taken = 0;
        is_over = s->stopping || fill(l);
    }
    n = l->out.len - l->taken < size ? l->out.len - l->taken : size;
    if (n == 0)
        return is_over ? -1 : 0;
    memcpy(to, l->out.data + l->taken, n);
    l->taken += n;
    return (ssize_t)n;
}

static void on_ready(void *owner)
{
    stream_wake(&((struct log_stream *)owner)->stream);
}

static void on_over(struct stream *s)
{
    struct log_stream *l = (struct log_stream *)s;

    lines_close(l->reader);
    function_unref(l->function);
    buf_release(&l->out);
    free(l);
}

/* ---- the beginning ---- */

static void refuse(struct log_stream *l, int status, const char *why)
{
    exchange_error(l->x, status, status, "%s", why);
    on_over(&l->stream);
}

/* Opens the function's lines, where programs live. */
static void open_lines(struct exchange *x)
{
    struct log_stream *l = x->later.held;
    const struct function *f = l->function;
    char err[P2P_ERRLEN] = "out of memory";
    struct lines *lines = f->runtime->logs(f->program, &l->query.wanted, err);

    if (lines)
        l->reader = lines_open(lines, &l->query.wanted, &x->shard->reactor, on_ready, l);
    lines_unref(lines);
    function_unref(l->function); /* it may be taken away while it is followed */
    l->function = NULL;
    if (!l->reader) {
        refuse(l, MHD_HTTP_SERVICE_UNAVAILABLE, err);
    } else if (stream_attach(x, &l->stream)) {
        snprintf(err, sizeof(err), "%d logs are being read already; try again later", STREAMS_MOST);
        refuse(l, MHD_HTTP_SERVICE_UNAVAILABLE, err);
    } else {
        x->response.status = MHD_HTTP_OK;
        exchange_header(x, MHD_HTTP_HEADER_CONTENT_TYPE, "application/x-ndjson");
    }
    later_answer(x);
}

static struct function *find(struct exchange *x, const struct logs_query *q)
{
    struct shard *s = x->shard;
    const char *own = s->node->domain;
    struct function *f = function_table_resolve(s->functions, q->name, strlen(q->name), own);
    char names[400];

    if (!api_is_own_namespace(x, q->namespace))
        return NULL;
    if (!q->name[0]) {
        exchange_error(x, MHD_HTTP_UNPROCESSABLE_CONTENT, MHD_HTTP_UNPROCESSABLE_CONTENT,
                       "the request does not say whose log: ?name=FUNCTION");
    } else if (!f) {
        function_table_names(s->functions, names, sizeof(names));
        exchange_error(x, MHD_HTTP_NOT_FOUND, MHD_HTTP_NOT_FOUND, "no function '%s'; there are: %s",
                       q->name, names);
    } else if (!f->program) {
        exchange_error(x, MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_SERVICE_UNAVAILABLE, "%s",
                       f->error);
    } else if (!f->runtime->logs) {
        exchange_error(x, MHD_HTTP_NOT_IMPLEMENTED, MHD_HTTP_NOT_IMPLEMENTED,
                       "this node sees no log of '%s': it runs elsewhere (%s)", f->config->name,
                       f->runtime->name);
    } else {
        return f;
    }
    return NULL;
}

void api_logs(struct exchange *x)
{
    struct asked asked = {0};
    struct function *f;
    struct log_stream *l;

    MHD_get_connection_values(x->connection, MHD_GET_ARGUMENT_KIND, take_argument, &asked);
    if (asked.err[0]) {
        exchange_error(x, MHD_HTTP_UNPROCESSABLE_CONTENT, MHD_HTTP_UNPROCESSABLE_CONTENT, "%s",
                       asked.err);
        return;
    }
    f = find(x, &asked.query);
    if (!f)
        return;
    l = calloc(1, sizeof(*l));
    if (!l) {
        exchange_error(x, MHD_HTTP_SERVICE_UNAVAILABLE, MHD_HTTP_SERVICE_UNAVAILABLE,
                       "out of memory");
        return;
    }
    l->x = x;
    l->query = asked.query;
    l->stream.read = on_read;
    l->stream.over = on_over;
    buf_init(&l->out, MOST_OUT);
    snprintf(l->name, sizeof(l->name), "%s", f->config->name);
    l->function = function_ref(f);
    x->later.held = l;
    later_begin(x, NULL);
    later_move(x, f->home, open_lines);
}
