/* What a caller has to show, under each configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/access.h"
#include "host/config.h"
#include "host/log.h"
#include "host/node.h"
#include "host/route.h"

static struct config c;
static struct access a;
static char err[P2P_ERRLEN];

static int teardown(void **state)
{
    (void)state;
    access_release(&a);
    config_release(&c);
    return 0;
}

#define SECRET "security.secret=sixteen bytes ok"
#define USER "security.user=admin"
#define PASSWORD "security.password=12345678"
#define TRUST "security.trust_network=true"

static void configure(const char *listen, const char *const *settings)
{
    const char *all[8] = {listen, "node.advertise=10.0.0.9"};
    unsigned n = 2;

    teardown(NULL);
    for (; *settings; settings++)
        all[n++] = *settings;
    if (config_load(&c, NULL, all, n, err) || access_init(&a, &c, err))
        fail_msg("%s", err);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NONE ((const char *const[]){NULL})

static void needs(enum access_need peers, enum access_need administration)
{
    static struct node n;

    assert_int_equal(access_need(&a, ACCESS_EVERYONE), ACCESS_NOTHING);
    assert_int_equal(access_need(&a, ACCESS_PEERS), peers);
    assert_int_equal(access_need(&a, ACCESS_ADMINISTRATION), administration);
    /* What both may call needs no less than what peers alone may. */
    assert_int_equal(access_need(&a, ACCESS_PEERS | ACCESS_ADMINISTRATION), peers);
    n.access.auth = a.auth;
    n.access.exposed = a.exposed;
    assert_int_equal(access_peers_allowed(&n), peers != ACCESS_CLOSED);
}

static void test_loopback_is_open_until_there_are_keys(void **state)
{
    static const char *const listens[] = {"node.listen=127.0.0.1", "node.listen=127.255.0.9",
                                          "node.listen=::1", "node.listen=::ffff:127.0.0.1"};

    (void)state;
    for (size_t i = 0; i < sizeof(listens) / sizeof(listens[0]); i++) {
        configure(listens[i], NONE);
        needs(ACCESS_NOTHING, ACCESS_NOTHING);
        configure(listens[i], LIST(SECRET));
        needs(ACCESS_PROOF, ACCESS_NOTHING);
        configure(listens[i], LIST(USER, PASSWORD));
        needs(ACCESS_NOTHING, ACCESS_PASSWORD);
    }
}

static void test_beyond_loopback_is_closed_until_there_are_keys(void **state)
{
    static const char *const listens[] = {
        "node.listen=0.0.0.0",   "node.listen=::",      "node.listen=10.0.0.1",
        "node.listen=128.0.0.1", "node.listen=fe80::1", "node.listen=::ffff:10.0.0.1"};

    (void)state;
    for (size_t i = 0; i < sizeof(listens) / sizeof(listens[0]); i++) {
        configure(listens[i], NONE);
        needs(ACCESS_CLOSED, ACCESS_CLOSED);
        configure(listens[i], LIST(SECRET));
        needs(ACCESS_PROOF, ACCESS_CLOSED);
        configure(listens[i], LIST(USER, PASSWORD));
        needs(ACCESS_CLOSED, ACCESS_PASSWORD);
        configure(listens[i], LIST(SECRET, USER, PASSWORD));
        needs(ACCESS_PROOF, ACCESS_PASSWORD);
    }
}

static void test_a_trusted_network_is_as_loopback(void **state)
{
    (void)state;
    configure("node.listen=0.0.0.0", LIST(TRUST));
    needs(ACCESS_NOTHING, ACCESS_NOTHING);
    configure("node.listen=0.0.0.0", LIST(TRUST, SECRET, USER, PASSWORD));
    needs(ACCESS_PROOF, ACCESS_PASSWORD);
}

static void test_only_the_right_user_and_password_log_in(void **state)
{
    (void)state;
    configure("node.listen=127.0.0.1", LIST(USER, PASSWORD));
    assert_true(access_login(&a, "admin", "12345678"));
    assert_false(access_login(&a, "admin", "12345679"));
    assert_false(access_login(&a, "admin", "1234567"));
    assert_false(access_login(&a, "admin", "123456789"));
    assert_false(access_login(&a, "admin", ""));
    assert_false(access_login(&a, "Admin", "12345678"));
    assert_false(access_login(&a, "", "12345678"));
    assert_false(access_login(&a, "admin1", "2345678")); /* the same bytes, cut elsewhere */
    configure("node.listen=127.0.0.1", NONE);
    assert_false(access_login(&a, "", ""));
}

static void test_each_node_speaks_in_a_session_of_its_own(void **state)
{
    const struct auth_field none = {NULL, 0, NULL, 0};
    char first[AUTH_TEXT], second[AUTH_TEXT];
    struct auth_proof p;

    (void)state;
    configure("node.listen=127.0.0.1", LIST(SECRET));
    assert_int_equal(auth_sign(a.auth, AUTH_REQUEST, &none, 1, "", 0, 7, first, &p), 0);
    configure("node.listen=127.0.0.1", LIST(SECRET));
    assert_int_equal(auth_sign(a.auth, AUTH_REQUEST, &none, 1, "", 0, 7, second, &p), 0);
    assert_memory_equal(first, second, 2 + 17);
    assert_memory_not_equal(first + 20, second + 20, 16);
}

/* What is logged at the start. */
static void warns(const char *peers, const char *administration, const char *trust)
{
    const char *const parts[] = {peers, administration, trust};
    char text[4096];
    int pipes[2], lines = 0;
    ssize_t n;

    assert_int_equal(pipe(pipes), 0);
    log_to(pipes[1]);
    access_warn(&a, &c);
    log_to(-1);
    close(pipes[1]);
    n = read(pipes[0], text, sizeof(text) - 1);
    close(pipes[0]);
    text[n > 0 ? n : 0] = '\0';
    for (const char *t = text; (t = strchr(t, '\n')); t++)
        lines++;
    assert_int_equal(lines, !!peers + !!administration + !!trust);
    for (size_t i = 0; i < 3; i++)
        if (parts[i] && !strstr(text, parts[i]))
            fail_msg("'%s' is not said in: %s", parts[i], text);
    assert_null(strstr(text, "12345678"));
    assert_null(strstr(text, "sixteen bytes ok"));
}

static void test_what_is_not_served_is_said_loudly(void **state)
{
    (void)state;
    configure("node.listen=127.0.0.1", NONE);
    warns(NULL, NULL, NULL);
    configure("node.listen=127.0.0.1", LIST(TRUST));
    warns(NULL, NULL, NULL);
    configure("node.listen=0.0.0.0", NONE);
    warns("security.secret_file", "security.password_file", NULL);
    configure("node.listen=0.0.0.0", LIST(SECRET));
    warns(NULL, "ADMINISTRATION IS NOT SERVED", NULL);
    configure("node.listen=0.0.0.0", LIST(USER, PASSWORD));
    warns("PEERS AND DISCOVERY ARE NOT SERVED", NULL, NULL);
    configure("node.listen=0.0.0.0", LIST(SECRET, USER, PASSWORD));
    warns(NULL, NULL, NULL);
    configure("node.listen=0.0.0.0", LIST(TRUST));
    warns(NULL, NULL, "peers=anybody administration=anybody");
    configure("node.listen=0.0.0.0", LIST(TRUST, SECRET));
    warns(NULL, NULL, "peers=\"with the secret\" administration=anybody");
    configure("node.listen=0.0.0.0", LIST(TRUST, SECRET, USER, PASSWORD));
    warns(NULL, NULL, NULL);
}

static void test_a_reason_is_told_once_in_a_while(void **state)
{
    uint64_t untold = 99;

    (void)state;
    configure("node.listen=127.0.0.1", NONE);
    assert_true(access_may_tell(&a, AUTH_FORGED, &untold));
    assert_int_equal(untold, 0);
    for (int i = 0; i < 5; i++)
        assert_false(access_may_tell(&a, AUTH_FORGED, &untold));
    assert_true(access_may_tell(&a, AUTH_LATE, &untold)); /* each reason for itself */
    assert_true(access_may_tell(&a, ACCESS_ANSWERS, &untold));
    a.told_ms[AUTH_FORGED] -= 10000;
    assert_true(access_may_tell(&a, AUTH_FORGED, &untold));
    assert_int_equal(untold, 5);
}

static void test_routes_are_for_those_who_need_them(void **state)
{
    static const struct {
        const char *path;
        unsigned who;
    } open[] = {{"/function/", ACCESS_EVERYONE},
                {"/async-function/", ACCESS_EVERYONE},
                {"/async/", ACCESS_EVERYONE},
                {"/peer/function/", ACCESS_PEERS},
                {"/peer/message/", ACCESS_PEERS},
                {"/monitoring/load", ACCESS_PEERS | ACCESS_ADMINISTRATION},
                {"/act", ACCESS_PEERS | ACCESS_ADMINISTRATION},
                {"/train", ACCESS_PEERS | ACCESS_ADMINISTRATION},
                {"/train_batch", ACCESS_PEERS | ACCESS_ADMINISTRATION},
                {"/healthz", ACCESS_EVERYONE},
                {"/readyz", ACCESS_EVERYONE},
                {"/", ACCESS_EVERYONE}};

    (void)state;
    for (unsigned i = 0; i < node_routes.n; i++) {
        unsigned who = ACCESS_ADMINISTRATION;

        for (size_t k = 0; k < sizeof(open) / sizeof(open[0]); k++)
            if (strcmp(node_routes.routes[i].path, open[k].path) == 0)
                who = open[k].who;
        if (node_routes.routes[i].who != who)
            fail_msg("%s is for %u, wanted %u", node_routes.routes[i].path,
                     node_routes.routes[i].who, who);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(test_##name, teardown)
    const struct CMUnitTest tests[] = {
        T(loopback_is_open_until_there_are_keys),
        T(beyond_loopback_is_closed_until_there_are_keys),
        T(a_trusted_network_is_as_loopback),
        T(only_the_right_user_and_password_log_in),
        T(each_node_speaks_in_a_session_of_its_own),
        T(what_is_not_served_is_said_loudly),
        T(a_reason_is_told_once_in_a_while),
        T(routes_are_for_those_who_need_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
