/* Keys of etcd, and the peers that they make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "host/discovery/etcd_members.h"
#include "tests/host/discovery/support_node.h"

#define PREFIX "/p2pfaas/"
#define TWO "10.0.0.2:18080"
#define VALUE(id, address) "{\"id\":\"" id "\",\"address\":\"" address "\"}"

enum { GRACE = 1000 };

static struct node node;
static struct etcd_members members;

static int setup(void **state)
{
    (void)state;
    support_log_begin();
    if (support_node_init(&node, NULL, 0))
        return -1;
    etcd_members_init(&members, &node, PREFIX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    etcd_members_release(&members);
    support_node_release(&node);
    support_log_end();
    return 0;
}

static void put(const char *name, const char *value, int64_t revision)
{
    char full[256];
    struct etcd_key k = {.name = full, .value = value, .revision = revision};

    snprintf(full, sizeof(full), PREFIX "%s", name);
    k.name_len = strlen(full);
    k.value_len = strlen(value);
    etcd_members_take(&members, &k);
}

static void take_away(const char *name, int64_t revision)
{
    char full[256];
    struct etcd_key k = {.name = full, .value = "", .revision = revision, .gone = true};

    snprintf(full, sizeof(full), PREFIX "%s", name);
    k.name_len = strlen(full);
    etcd_members_take(&members, &k);
}

static bool is_peer(const char *address)
{
    struct peer_row row;

    return support_peer(&node, address, &row);
}

static bool is_up(const char *address)
{
    struct peer_row row;

    return support_peer(&node, address, &row) && row.up;
}

/* The text that GET /cluster would have. */
static bool described(const char *text)
{
    cJSON *json = cJSON_CreateObject();
    char *out;
    bool has;

    etcd_members_describe(&members, json);
    out = cJSON_PrintUnformatted(json);
    has = strstr(out, text) != NULL;
    free(out);
    cJSON_Delete(json);
    return has;
}

/* ---- keys that fit ---- */

static void key_makes_a_peer_and_its_end_ends_it(void **state)
{
    struct peer_row row;

    (void)state;
    put(TWO,
        "{\"id\":\"n2\",\"address\":\"" TWO "\",\"group\":\"lab\",\"slots\":3,\"functions\":"
        "[\"echo\"],\"version\":\"9\"}",
        1);
    assert_true(support_peer(&node, TWO, &row));
    assert_string_equal(row.name, "n2");
    assert_string_equal(row.group, "lab");
    assert_int_equal(row.view.slots, 3);
    assert_true(row.up && row.joined);
    assert_true(described("\"id\":\"n2\",\"address\":\"" TWO "\",\"group\":\"lab\",\"state\":"
                          "\"alive\""));
    assert_true(described("\"slots\":3,\"version\":\"9\",\"functions\":[\"echo\"]"));
    take_away(TWO, 2);
    assert_false(is_peer(TWO));
    assert_true(described("\"members\":[]"));
    take_away(TWO, 3);
    put(TWO, VALUE("n2", TWO), 4);
    assert_true(is_up(TWO));
}

static void news_replace_what_was_known(void **state)
{
    struct peer_row row;

    (void)state;
    put(TWO, VALUE("n2", TWO), 1);
    put(TWO, "{\"id\":\"n2\",\"address\":\"" TWO "\",\"slots\":7}", 2);
    assert_true(support_peer(&node, TWO, &row));
    assert_int_equal(row.view.slots, 7);
    put(TWO, VALUE("other", TWO), 3);
    assert_true(support_peer(&node, TWO, &row));
    assert_string_equal(row.name, "other");
    assert_int_equal(etcd_members_count(&members), 1);
}

/* A list does not know that a call just failed; a node that registers is there. */
static void only_what_is_put_again_is_up_again(void **state)
{
    struct endpoint e;
    char err[P2P_ERRLEN];

    (void)state;
    put(TWO, VALUE("n2", TWO), 1);
    assert_int_equal(endpoint_parse(&e, TWO, 1, err), 0);
    peers_dead(&node.peers, &e, clock_ns());
    etcd_members_list_begin(&members);
    put(TWO, VALUE("n2", TWO), 1);
    etcd_members_list_end(&members, 1);
    assert_true(is_peer(TWO) && !is_up(TWO));
    put(TWO, VALUE("n2", TWO), 2);
    assert_true(is_up(TWO));
}

static void other_prefixes_are_not_asked_for(void **state)
{
    struct etcd_key k = {.name = "/other/" TWO, .value = VALUE("n2", TWO)};
    struct etcd_key cut = {.name = "/p2p", .name_len = 4, .value = ""};

    (void)state;
    k.name_len = strlen(k.name);
    k.value_len = strlen(k.value);
    etcd_members_take(&members, &k);
    etcd_members_take(&members, &cut);
    assert_int_equal(etcd_members_count(&members), 0);
    assert_true(described("\"ignored\":[]"));
}

/* ---- keys that do not fit ---- */

static void bad_keys_are_ignored_and_said_once(void **state)
{
    static const char *const bad[][2] = {{TWO, "no JSON"},
                                         {TWO, VALUE("n2", "10.0.0.3:18080")},
                                         {"attic", VALUE("n2", TWO)},
                                         {"10.0.0.2:018080", VALUE("n2", TWO)},
                                         {"", VALUE("n2", TWO)},
                                         {"\x1b[31m\xff", "{}"}};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put(bad[i][0], bad[i][1], 10 + i);
        put(bad[i][0], bad[i][1], 10 + i);
        assert_int_equal(support_log_count("a key in etcd is ignored"), i + 1);
    }
    assert_int_equal(etcd_members_count(&members), 0);
    assert_int_equal(support_log_count("\x1b"), 0);
    assert_true(described("{\"key\":\"" TWO "\",\"why\":\"its \\\"address\\\" is not that"));
    put(TWO, VALUE("n2", TWO), 30);
    assert_false(described("{\"key\":\"" TWO));
    take_away("attic", 31);
    assert_false(described("\"key\":\"attic\""));
    etcd_members_list_begin(&members);
    put("", VALUE("n2", TWO), 14);
    etcd_members_list_end(&members, 1);
    assert_true(described("\"ignored\":[{\"key\":\"\","));
    assert_false(described("31m"));
    assert_int_equal(support_log_count("a key in etcd is ignored"), 6);
}

static void bad_news_change_nothing(void **state)
{
    (void)state;
    put(TWO, VALUE("n2", TWO), 1);
    put(TWO, "{\"id\":7}", 2);
    assert_true(is_up(TWO));
    etcd_members_list_begin(&members);
    put(TWO, "{\"id\":7}", 2);
    etcd_members_list_end(&members, 1);
    assert_false(described("missing"));
    assert_int_equal(support_log_count("a key in etcd is ignored"), 1);
    take_away(TWO, 3);
    assert_false(is_peer(TWO));
}

static void zero_byte_makes_no_other_of_a_name(void **state)
{
    static const char name[] = PREFIX TWO "\0x";
    struct etcd_key k = {.name = name, .name_len = sizeof(name) - 1, .value = VALUE("n2", TWO)};

    (void)state;
    k.value_len = strlen(k.value);
    etcd_members_take(&members, &k);
    assert_false(is_peer(TWO));
    assert_int_equal(support_log_count("has a zero byte"), 1);
    put(TWO, VALUE("n2", TWO), 2);
    k.gone = true;
    etcd_members_take(&members, &k);
    assert_true(is_up(TWO));
}

static void there_is_no_room_for_more_than_can_be_peers(void **state)
{
    enum { MOST = 50 };

    (void)state;
    assert_int_equal(members.most, CONFIG_MAX_PEERS);
    members.most = MOST;
    for (unsigned i = 0; i < MOST + 1; i++) {
        char address[32], value[96];

        snprintf(address, sizeof(address), "10.1.%u.%u:1", i / 256, i % 256);
        snprintf(value, sizeof(value), "{\"id\":\"x%u\",\"address\":\"%s\"}", i, address);
        put(address, value, i + 1);
    }
    assert_int_equal(etcd_members_count(&members), MOST);
    assert_int_equal(support_log_count("there is no room"), 1);
    take_away("10.1.0.0:1", 9999);
    put(TWO, VALUE("n2", TWO), 10000);
    assert_int_equal(etcd_members_count(&members), MOST);
}

/* ---- its own ---- */

static void own_key_makes_no_peer(void **state)
{
    (void)state;
    etcd_members_list_begin(&members);
    assert_false(etcd_members_list_end(&members, 1));
    etcd_members_list_begin(&members);
    put("127.0.0.1:18080", VALUE("n1", "127.0.0.1:18080"), 1);
    assert_true(etcd_members_list_end(&members, 1));
    assert_int_equal(etcd_members_count(&members), 0);
    assert_false(members.own_gone || members.own_taken);
    take_away("127.0.0.1:18080", 2);
    assert_true(members.own_gone);
    assert_int_equal(support_log_count("another node"), 0);
    put("127.0.0.1:18080", VALUE("thief", "127.0.0.1:18080"), 3);
    assert_int_equal(support_log_count("another node"), 1);
    assert_true(members.own_taken);
    members.own_taken = false;
    put("127.0.0.1:18080", "garbage", 4);
    assert_true(members.own_taken);
    assert_true(described("\"key\":\"127.0.0.1:18080\""));
    assert_int_equal(etcd_members_count(&members), 0);
}

/* ---- missing ---- */

static void who_is_missing_stays_for_the_grace(void **state)
{
    (void)state;
    put(TWO, VALUE("n2", TWO), 1);
    put("10.0.0.3:1", VALUE("n3", "10.0.0.3:1"), 2);
    assert_int_equal(etcd_members_expire(&members, 50, GRACE), 0);
    etcd_members_list_begin(&members);
    put("10.0.0.3:1", VALUE("n3", "10.0.0.3:1"), 2);
    etcd_members_list_end(&members, 100);
    assert_true(is_up(TWO));
    assert_true(described("\"state\":\"missing\""));
    assert_int_equal(etcd_members_expire(&members, 100, GRACE), 1100);
    assert_int_equal(etcd_members_expire(&members, 1099, GRACE), 1100);
    assert_true(is_up(TWO));
    assert_int_equal(etcd_members_expire(&members, 1100, GRACE), 0);
    assert_false(is_peer(TWO));
    assert_true(is_up("10.0.0.3:1"));
    assert_int_equal(support_log_count("did not come back"), 1);
}

static void who_comes_back_is_not_missing(void **state)
{
    (void)state;
    put(TWO, VALUE("n2", TWO), 1);
    etcd_members_list_begin(&members);
    etcd_members_list_end(&members, 100);
    put(TWO, VALUE("n2", TWO), 1);
    assert_int_equal(etcd_members_expire(&members, 5000, GRACE), 0);
    assert_true(is_up(TWO));
    etcd_members_list_begin(&members);
    etcd_members_list_end(&members, 6000);
    etcd_members_list_begin(&members);
    etcd_members_list_end(&members, 6500);
    assert_int_equal(etcd_members_expire(&members, 6600, GRACE), 7000);
    take_away(TWO, 3);
    assert_int_equal(etcd_members_expire(&members, 6600, GRACE), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(key_makes_a_peer_and_its_end_ends_it),
        TEST(news_replace_what_was_known),
        TEST(only_what_is_put_again_is_up_again),
        TEST(other_prefixes_are_not_asked_for),
        TEST(bad_keys_are_ignored_and_said_once),
        TEST(bad_news_change_nothing),
        TEST(zero_byte_makes_no_other_of_a_name),
        TEST(there_is_no_room_for_more_than_can_be_peers),
        TEST(own_key_makes_no_peer),
        TEST(who_is_missing_stays_for_the_grace),
        TEST(who_comes_back_is_not_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
