/* Who may call what: a password for administration, and a node beyond loopback with
 * and without its keys. */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/route.h"
#include "tests/cluster/fixture.h"

#define SECRET "security.secret=the secret of this cluster"
#define USER "security.user=admin"
#define PASSWORD "security.password=open sesame"

static int init(void **state)
{
    (void)state;
    fixture_init(1, fixture_functions);
    return 0;
}

static int release(void **state)
{
    (void)state;
    fixture_stop();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    return stop_node(0) ? 0 : -1;
}

/* "Authorization: Basic …", kept until the next. */
static const char *login(const char *both)
{
    static char line[256];
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)both, (unsigned)strlen(both)}, out;

    assert_int_equal(gnutls_base64_encode2(&in, &out), 0);
    snprintf(line, sizeof(line), "Authorization: Basic %s", (char *)out.data);
    gnutls_free(out.data);
    return line;
}

static struct reply call(const char *method, const char *path, const char *header_line)
{
    const char *headers[] = {header_line, NULL};

    return send_method(method, 0, path, strcmp(method, "GET") == 0 ? NULL : "", 0, headers);
}

/* Calls each route with each method that it has. */
static void walk(void (*look)(const struct route *r, const char *method, const char *path))
{
    for (unsigned i = 0; i < node_routes.n; i++) {
        const struct route *r = &node_routes.routes[i];
        size_t n = strlen(r->path);
        bool prefix = n > 1 && r->path[n - 1] == '/';
        char path[128];

        snprintf(path, sizeof(path), "%s%s", r->path,
                 prefix ? r->kind == ROUTE_ANSWER ? "random" : "echo" : "");
        for (unsigned m = 0; m < HTTP_METHODS; m++)
            if (r->methods & 1u << m)
                look(r, http_methods[m], path);
    }
}

static long status_of(struct reply r)
{
    long status = r.status;

    reply_free(&r);
    return status;
}

/* ---- passwords ---- */

static void asks_for_the_password(const struct route *r, const char *method, const char *path)
{
    static const char *const wrong[] = {
        "admin:open sesam", "admin:open sesame2", "Admin:open sesame", "admin:", ":", "admin", "",
        ":open sesame"};
    struct reply reply = call(method, path, NULL);

    if (!(r->who & ACCESS_ADMINISTRATION) || r->who & ACCESS_PEERS) {
        if (reply.status == 401 || reply.status == 403)
            fail_msg("%s %s asks for a password", method, path);
        reply_free(&reply);
        return;
    }
    assert_non_null(strstr(header(&reply, "WWW-Authenticate"), "Basic realm="));
    expect(reply, 401, "security.user");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        if (status_of(call(method, path, login(wrong[i]))) != 401)
            fail_msg("%s %s takes %s", method, path, wrong[i]);
    assert_int_equal(status_of(call(method, path, "Authorization: Bearer x")), 401);
    assert_int_equal(status_of(call(method, path, "Authorization: Basic ====")), 401);
    assert_int_equal(status_of(call(method, path, "Authorization: Basic")), 401);
    if (status_of(call(method, path, login("admin:open sesame"))) == 401)
        fail_msg("%s %s does not take the password", method, path);
}

static void test_administration_needs_the_password_on_each_route(void **state)
{
    const char *more[] = {USER, PASSWORD, NULL};
    struct reply r;

    (void)state;
    start_node(0, more);
    walk(asks_for_the_password);
    r = call("GET", "/metrics", login("admin:open sesame"));
    assert_non_null(strstr(r.body, "p2pfaas_access_refused_total{why=\"wrong_password\"}"));
    assert_null(strstr(r.body, "p2pfaas_access_refused_total{why=\"wrong_password\"} 0"));
    reply_free(&r);
    r = call("GET", "/configuration", login("admin:open sesame"));
    assert_null(strstr(r.body, "open sesame"));
    assert_non_null(strstr(r.body, "\"password\":\"***\""));
    reply_free(&r);
    assert_false(log_has(0, "sesame"));
}

static void test_the_body_of_a_refused_call_does_nothing(void **state)
{
    const char *more[] = {USER, PASSWORD, NULL};
    static const char json[] = "{\"name\":\"reject\"}";
    char *big = calloc(1, 1 << 20);

    (void)state;
    start_node(0, more);
    expect(post_text(0, "/configuration/scheduler", json), 401, "security.user");
    expect(post(0, "/configuration", big, 1 << 20), 401, "security.user");
    free(big);
    expect(post_text(0, "/function/cat", "hello"), 200, "hello");
    expect(send_method("POST", 0, "/configuration/scheduler", json, strlen(json),
                       (const char *const[]){login("admin:open sesame"), NULL}),
           200, NULL);
    expect(post_text(0, "/function/cat", "hello"), 503, "rejected");
}

static void test_an_administrator_may_see_the_load(void **state)
{
    const char *more[] = {USER, PASSWORD, SECRET, NULL};

    (void)state;
    start_node(0, more);
    expect(call("GET", "/monitoring/load", NULL), 401, "unsigned");
    expect(call("GET", "/monitoring/load", login("admin:wrong")), 401, "unsigned");
    expect(call("GET", "/monitoring/load", login("admin:open sesame")), 200, "");
    expect(call("POST", "/peer/function/cat", login("admin:open sesame")), 401, "unsigned");
}

/* ---- beyond loopback ---- */

static void start_exposed(const char *const *keys)
{
    const char *more[8] = {"node.listen=0.0.0.0", "node.advertise=127.0.0.1"};

    for (unsigned i = 2; *keys; keys++)
        more[i++] = *keys;
    start_node(0, more);
}

#define START(...) start_exposed((const char *const[]){__VA_ARGS__, NULL})

static void is_closed(const struct route *r, const char *method, const char *path)
{
    struct reply reply = call(method, path, NULL);

    if (r->who == ACCESS_EVERYONE)
        assert_true(reply.status != 401 && reply.status != 403);
    else if (r->who & ACCESS_PEERS)
        assert_non_null(strstr(reply.body, "security.secret"));
    else
        assert_non_null(strstr(reply.body, "security.user"));
    if (r->kind == ROUTE_PEER)
        assert_string_equal(header(&reply, "X-P2pfaas-Outcome"), "refused");
    if (r->who != ACCESS_EVERYONE)
        assert_int_equal(reply.status, 403);
    reply_free(&reply);
}

static void test_without_keys_only_invocations_are_served(void **state)
{
    (void)state;
    start_exposed((const char *const[]){NULL});
    expect(post_text(0, "/function/cat", "hello"), 200, "hello");
    walk(is_closed);
    expect(call("GET", "/metrics", login(":")), 403, "security.trust_network");
    wait_log(0, "PEERS AND DISCOVERY ARE NOT SERVED");
    wait_log(0, "ADMINISTRATION IS NOT SERVED");
}

static void test_each_key_opens_its_part(void **state)
{
    (void)state;
    START(SECRET);
    expect(post_text(0, "/peer/function/cat", "hello"), 401, "unsigned");
    expect(get(0, "/metrics"), 403, "security.user");
    assert_true(stop_node(0));
    START(USER, PASSWORD);
    expect(post_text(0, "/peer/function/cat", "hello"), 403, "security.secret");
    expect(get(0, "/metrics"), 401, "security.user");
    expect(call("GET", "/metrics", login("admin:open sesame")), 200, "p2pfaas_slots");
    expect(call("GET", "/monitoring/load", login("admin:open sesame")), 200, "");
}

static void is_open(const struct route *r, const char *method, const char *path)
{
    long status = status_of(call(method, path, NULL));

    (void)r;
    assert_true(status != 401 && status != 403);
}

static void test_a_trusted_network_is_served_with_a_warning(void **state)
{
    (void)state;
    START("security.trust_network=true");
    walk(is_open);
    wait_log(0, "SERVED TO WHOEVER REACHES THIS ADDRESS");
}

/* ---- the start and the reload ---- */

static void test_a_changed_secret_is_not_logged(void **state)
{
    FILE *f = fopen(cluster.config, "ae");
    const char *more[] = {NULL};

    (void)state;
    start_node(0, more);
    fputs("security: {secret: open sesame open sesame}\n", f);
    fclose(f);
    kill(cluster.node[0].pid, SIGHUP);
    wait_log(0, "a changed setting needs a restart");
    wait_log(0, "reloaded");
    assert_true(log_has(0, "section=security key=secret now=\"\" wanted=***"));
    assert_false(log_has(0, "sesame"));
    expect(get(0, "/metrics"), 200, "p2pfaas_slots");
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(test_##name, stop)
    const struct CMUnitTest tests[] = {
        T(administration_needs_the_password_on_each_route),
        T(the_body_of_a_refused_call_does_nothing),
        T(an_administrator_may_see_the_load),
        T(without_keys_only_invocations_are_served),
        T(each_key_opens_its_part),
        T(a_trusted_network_is_served_with_a_warning),
        T(a_changed_secret_is_not_logged),
    };

    return cmocka_run_group_tests(tests, init, release);
}
