#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/peers.h"

enum { MOST = 16 };
#define SECOND 1000000000ull

static int setup(void **state)
{
    *state = malloc(sizeof(struct peers));
    return *state ? peers_init(*state) : -1;
}

static int teardown(void **state)
{
    peers_release(*state);
    free(*state);
    return 0;
}

/* The list is now "1 3": n1 at 127.0.0.1 and n3 at 127.0.0.3. */
static void list_is(struct peers *p, const char *digits)
{
    struct peer_config list[MOST] = {{0}};
    char names[MOST][8], addresses[MOST][32], err[P2P_ERRLEN];
    unsigned n = 0;

    for (; *digits; digits++) {
        snprintf(names[n], sizeof(names[n]), "n%c", *digits);
        snprintf(addresses[n], sizeof(addresses[n]), "127.0.0.%c:80", *digits);
        list[n].name = names[n];
        list[n].address = addresses[n];
        assert_int_equal(endpoint_parse(&list[n].endpoint, addresses[n], 80, err), 0);
        n++;
    }
    assert_int_equal(peers_configure(p, list, n, err), 0);
}

/* Those that are up, as the plugins see them: "013". */
static void up_are(struct peers *p, const char *ids)
{
    pthread_mutex_lock(&p->lock);
    assert_int_equal(p->n_up, strlen(ids));
    for (uint32_t i = 0; i < p->n_up; i++) {
        assert_int_equal(p->up[i].id, ids[i] - '0');
        assert_true(p->up[i].flags & P2P_PEER_UP);
        assert_true(peers_is_up_locked(p, p->up[i].id));
    }
    pthread_mutex_unlock(&p->lock);
}

/* Those that are to be revived. */
static void down_are(struct peers *p, const char *digits)
{
    struct peer_row rows[MOST];
    uint32_t n = peers_list(p, rows, MOST), at = 0;

    for (uint32_t i = 0; i < n; i++)
        if (!rows[i].up)
            assert_int_equal(rows[i].view.id, digits[at++] - '0');
    assert_int_equal(at, strlen(digits));
}

/* Those that are to be asked at that time. */
static void due_are(struct peers *p, uint64_t now_ns, const char *digits)
{
    uint32_t ids[MOST], n = peers_due(p, now_ns, ids, MOST);

    assert_int_equal(n, strlen(digits));
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(ids[i], digits[i] - '0');
}

static struct p2p_peer view(struct peers *p, uint32_t id)
{
    struct peer_row rows[MOST];
    uint32_t n = peers_list(p, rows, MOST);

    for (uint32_t i = 0; i < n; i++)
        if (rows[i].view.id == id)
            return rows[i].view;
    fail_msg("peer %u is not listed", (unsigned)id);
    return rows[0].view;
}

static void test_without_a_list_there_is_nobody(void **state)
{
    struct p2p_probe said = {.load = 1};
    struct peers *p = *state;

    up_are(p, "");
    down_are(p, "");
    assert_null(peers_get(p, 0));
    assert_int_equal(peers_find(p, "n0"), P2P_NONE);
    assert_int_equal(peers_list(p, NULL, 0), 0);
    peers_inflight(p, 0, 1);
    peers_heard(p, P2P_NONE, &said, 1);
    assert_false(peers_evidence(p, 0, PEER_ANSWERED, 0));
    assert_false(peers_evidence(p, P2P_NONE, PEER_UNREACHABLE, 0));
}

static void test_new_peers_are_up_with_ids_in_order(void **state)
{
    struct peers *p = *state;

    list_is(p, "123");
    up_are(p, "012");
    down_are(p, "");
    for (uint32_t id = 0; id < 3; id++) {
        assert_int_equal(peers_get(p, id)->id, id);
        assert_int_equal(view(p, id).heard_ns, 0);
        assert_int_equal(view(p, id).rtt_ns, 0);
    }
    assert_string_equal(peers_get(p, 1)->name, "n2");
    assert_string_equal(peers_get(p, 1)->endpoint.text, "127.0.0.2:80");
    assert_null(peers_get(p, 3));
}

static void test_peers_are_found_by_name_and_by_address(void **state)
{
    struct peers *p = *state;

    list_is(p, "123");
    assert_int_equal(peers_find(p, "n2"), 1);
    assert_int_equal(peers_find(p, "127.0.0.3:80"), 2);
    assert_int_equal(peers_find(p, "127.0.0.3"), 2);
    assert_int_equal(peers_find(p, "127.0.0"), P2P_NONE);
    assert_int_equal(peers_find(p, "N2"), P2P_NONE);
    assert_int_equal(peers_find(p, ""), P2P_NONE);
    list_is(p, "13");
    assert_int_equal(peers_find(p, "n2"), P2P_NONE);
    peers_evidence(p, 2, PEER_UNREACHABLE, 0);
    assert_int_equal(peers_find(p, "n3"), 2);
}

static void test_a_refused_connection_takes_a_peer_down_at_once(void **state)
{
    struct peers *p = *state;

    list_is(p, "123");
    assert_true(peers_evidence(p, 1, PEER_UNREACHABLE, 0));
    up_are(p, "02");
    down_are(p, "1");
    assert_false(peers_evidence(p, 1, PEER_UNREACHABLE, 0));
    assert_false(peers_evidence(p, 1, PEER_LOST, 0));
    up_are(p, "02");
}

static void test_three_losses_in_a_row_take_a_peer_down(void **state)
{
    struct peers *p = *state;

    list_is(p, "12");
    for (uint32_t i = 0; i < 4; i++) /* those of another do not count */
        assert_false(peers_evidence(p, i % 2, PEER_LOST, 0));
    up_are(p, "01");
    assert_true(peers_evidence(p, 0, PEER_LOST, 0));
    up_are(p, "1");
    assert_false(peers_evidence(p, 0, PEER_LOST, 0));
}

static void test_an_answer_between_losses_starts_the_count_again(void **state)
{
    struct peers *p = *state;

    list_is(p, "1");
    for (int i = 0; i < 10; i++) {
        assert_false(peers_evidence(p, 0, PEER_LOST, 0));
        assert_false(peers_evidence(p, 0, PEER_LOST, 0));
        assert_false(peers_evidence(p, 0, PEER_ANSWERED, 0));
    }
    up_are(p, "0");
}

static void test_the_first_answer_revives_a_peer(void **state)
{
    struct peers *p = *state;

    list_is(p, "123");
    peers_evidence(p, 0, PEER_UNREACHABLE, 0);
    peers_evidence(p, 2, PEER_UNREACHABLE, 0);
    down_are(p, "02");
    assert_true(peers_evidence(p, 2, PEER_ANSWERED, 0));
    assert_false(peers_evidence(p, 2, PEER_ANSWERED, 0));
    assert_true(peers_evidence(p, 0, PEER_ANSWERED, 0));
    up_are(p, "012");
}

static void test_the_revive_list_is_cut_at_its_size(void **state)
{
    uint32_t ids[MOST] = {99, 99, 99};
    struct peers *p = *state;

    list_is(p, "123");
    for (uint32_t id = 0; id < 3; id++)
        peers_evidence(p, id, PEER_UNREACHABLE, 0);
    assert_int_equal(peers_due(p, SECOND, ids, 2), 2);
    assert_int_equal(ids[0], 0);
    assert_int_equal(ids[1], 1);
    assert_int_equal(ids[2], 99);
    assert_int_equal(peers_due(p, SECOND, ids, 0), 0);
    assert_int_equal(peers_due(p, SECOND, ids, 3), 1); /* the others were just asked */
    assert_int_equal(ids[0], 2);
}

static void test_who_is_down_is_asked_less_and_less_often_forever(void **state)
{
    struct peers *p = *state;
    uint64_t now = 0, gap = SECOND;

    list_is(p, "123");
    peers_evidence(p, 1, PEER_UNREACHABLE, now);
    due_are(p, now, "");
    for (int i = 0; i < 20; i++) {
        now += gap;
        due_are(p, now - 1, "");
        due_are(p, now, "1");
        gap = gap < 64 * SECOND ? 2 * gap : gap;
    }
    peers_evidence(p, 1, PEER_ANSWERED, now);
    peers_evidence(p, 1, PEER_UNREACHABLE, now);
    due_are(p, now + SECOND - 1, "");
    due_are(p, now + SECOND, "1");
}

/* ---- what discovery tells ---- */

static uint32_t join(struct peers *p, const char *name, const char *address, const uint64_t *offers)
{
    struct peer_member m = {.name = name, .group = "g", .slots = 8, .offers = offers};
    char err[P2P_ERRLEN];

    assert_int_equal(endpoint_parse(&m.endpoint, address, 80, err), 0);
    return peers_join(p, &m, err);
}

static void test_a_member_joins_dies_returns_and_leaves(void **state)
{
    struct peers *p = *state;
    struct peer_row rows[MOST];
    struct endpoint e;
    char err[P2P_ERRLEN];

    assert_int_equal(join(p, "n9", "127.0.0.9:80", NULL), 0);
    up_are(p, "0");
    assert_int_equal(view(p, 0).slots, 8);
    assert_int_equal(peers_list(p, rows, MOST), 1);
    assert_true(rows[0].joined);
    assert_string_equal(rows[0].group, "g");
    e = peers_get(p, 0)->endpoint;
    peers_dead(p, &e, 0);
    down_are(p, "0");
    due_are(p, SECOND, "0");
    assert_int_equal(join(p, "n9", "127.0.0.9:80", NULL), 0);
    up_are(p, "0");
    peers_left(p, &e);
    up_are(p, "");
    down_are(p, "");
    due_are(p, 100 * SECOND, "");
    assert_int_equal(endpoint_parse(&e, "127.0.0.77:80", 80, err), 0);
    peers_left(p, &e);
    peers_dead(p, &e, 0);
}

static void test_another_name_at_an_address_is_another_peer(void **state)
{
    struct peers *p = *state;

    assert_int_equal(join(p, "old", "127.0.0.9:80", NULL), 0);
    assert_int_equal(join(p, "new", "127.0.0.9:80", NULL), 1);
    up_are(p, "1");
    assert_int_equal(peers_find(p, "old"), P2P_NONE);
    assert_int_equal(peers_find(p, "127.0.0.9:80"), 1);
    assert_int_equal(peers_find(p, "127.0.0.9"), 1);
    assert_int_equal(peers_find(p, "127.0.0"), P2P_NONE);
}

static void test_a_listed_peer_keeps_its_name_and_its_place(void **state)
{
    struct peers *p = *state;

    list_is(p, "1");
    assert_int_equal(join(p, "other", "127.0.0.1:80", NULL), 0);
    assert_int_equal(peers_find(p, "n1"), 0);
    peers_left(p, &peers_get(p, 0)->endpoint);
    up_are(p, "0");
    assert_int_equal(join(p, "other", "127.0.0.1:80", NULL), 0);
    list_is(p, "");
    up_are(p, "0");
}

static void test_what_the_configuration_says_of_a_protocol_stays(void **state)
{
    struct peer_config list = {.name = "n2", .has_protocol = true, .protocol = PEER_ORIGINAL};
    struct peers *p = *state;
    char err[P2P_ERRLEN];

    assert_int_equal(endpoint_parse(&list.endpoint, "127.0.0.2:80", 80, err), 0);
    assert_int_equal(peers_configure(p, &list, 1, err), 0);
    assert_int_equal(peers_get(p, 0)->protocol, PEER_ORIGINAL);
    join(p, "n2", "127.0.0.2:80", NULL);
    assert_int_equal(peers_get(p, 0)->protocol, PEER_ORIGINAL);
    /* Without a word there, discovery knows. */
    list.has_protocol = false;
    list.protocol = PEER_OURS;
    assert_int_equal(peers_configure(p, &list, 1, err), 0);
    assert_int_equal(peers_get(p, 0)->protocol, PEER_ORIGINAL);
    join(p, "n2", "127.0.0.2:80", NULL);
    assert_int_equal(peers_get(p, 0)->protocol, PEER_OURS);
    /* And without discovery it is ours. */
    list.has_protocol = true;
    list.protocol = PEER_ORIGINAL;
    assert_int_equal(peers_configure(p, &list, 1, err), 0);
    peers_left(p, &list.endpoint);
    list.has_protocol = false;
    list.protocol = PEER_OURS;
    assert_int_equal(peers_configure(p, &list, 1, err), 0);
    assert_int_equal(peers_get(p, 0)->protocol, PEER_OURS);
}

static void view_is(struct peers *p, uint32_t function, const char *ids)
{
    const struct p2p_peer *v;
    uint32_t n;

    pthread_mutex_lock(&p->lock);
    v = peers_view_locked(p, function, &n);
    assert_int_equal(n, strlen(ids));
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(v[i].id, ids[i] - '0');
    pthread_mutex_unlock(&p->lock);
}

static void test_a_scheduler_sees_only_who_offers_the_function(void **state)
{
    uint64_t first[PEER_OFFER_WORDS] = {1 << 3}, second[PEER_OFFER_WORDS] = {0, 1 << 1};
    struct peers *p = *state;

    list_is(p, "1");
    join(p, "n2", "127.0.0.2:80", first);
    join(p, "n3", "127.0.0.3:80", second);
    view_is(p, 0, "012");
    view_is(p, 3, "01");
    view_is(p, 65, "02");
    view_is(p, 4, "0");
    view_is(p, 100000, "012");
    join(p, "n3", "127.0.0.3:80", NULL);
    view_is(p, 3, "012");
    peers_dead(p, &peers_get(p, 1)->endpoint, 0);
    assert_int_equal(p->n_partial, 0);
    view_is(p, 4, "02");
}

static void test_there_is_a_most_of_peers(void **state)
{
    struct peers *p = *state;
    char name[32], err[P2P_ERRLEN] = "";
    struct peer_member m = {.name = name};

    for (int i = 0; i < CONFIG_MAX_PEERS; i++) {
        snprintf(name, sizeof(name), "127.1.%d.%d", i / 256, i % 256);
        assert_int_equal(join(p, name, name, NULL), i);
    }
    assert_int_equal(endpoint_parse(&m.endpoint, "127.2.0.1", 80, err), 0);
    assert_int_equal(peers_join(p, &m, err), P2P_NONE);
    assert_non_null(strstr(err, "there are 4096 peers already"));
    peers_left(p, &peers_get(p, 7)->endpoint);
    assert_int_equal(peers_join(p, &m, err), CONFIG_MAX_PEERS);
}

static void test_a_reload_keeps_ids(void **state)
{
    struct peers *p = *state;
    const struct peer *before;

    list_is(p, "123");
    before = peers_get(p, 1);
    list_is(p, "321");
    up_are(p, "012");
    assert_ptr_equal(peers_get(p, 1), before);
    assert_int_equal(peers_find(p, "n1"), 0);
    assert_int_equal(peers_find(p, "n3"), 2);
}

static void test_ids_are_never_used_again(void **state)
{
    struct peers *p = *state;

    list_is(p, "123");
    list_is(p, "14");
    up_are(p, "03");
    assert_int_equal(peers_find(p, "n4"), 3);
    assert_string_equal(peers_get(p, 1)->name, "n2");
    list_is(p, "4321");
    up_are(p, "0123");
    assert_int_equal(peers_find(p, "n2"), 1);
}

static void test_another_address_is_another_peer(void **state)
{
    struct peer_config moved = {.name = (char[]){"n1"}};
    struct peers *p = *state;
    char err[P2P_ERRLEN];

    list_is(p, "1");
    assert_int_equal(endpoint_parse(&moved.endpoint, "127.0.0.9:80", 80, err), 0);
    assert_int_equal(peers_configure(p, &moved, 1, err), 0);
    up_are(p, "1");
    assert_int_equal(peers_find(p, "n1"), 1);
    assert_int_equal(peers_find(p, "127.0.0.1:80"), P2P_NONE);
    assert_string_equal(peers_get(p, 0)->endpoint.text, "127.0.0.1:80");
}

static void test_a_removed_peer_is_neither_up_nor_to_be_revived(void **state)
{
    struct peer_row rows[MOST];
    struct peers *p = *state;

    list_is(p, "123");
    peers_evidence(p, 0, PEER_UNREACHABLE, 0);
    list_is(p, "3");
    up_are(p, "2");
    down_are(p, "");
    assert_false(peers_evidence(p, 0, PEER_ANSWERED, 0));
    assert_false(peers_evidence(p, 1, PEER_UNREACHABLE, 0));
    up_are(p, "2");
    assert_int_equal(peers_list(p, rows, MOST), 1);
}

static void test_a_reload_does_not_revive_who_is_down(void **state)
{
    struct peers *p = *state;

    list_is(p, "12");
    peers_evidence(p, 0, PEER_UNREACHABLE, 0);
    list_is(p, "123");
    up_are(p, "12");
    down_are(p, "0");
    list_is(p, "23");
    list_is(p, "123");
    down_are(p, "0");
    assert_true(peers_evidence(p, 0, PEER_ANSWERED, 0));
    up_are(p, "012");
}

static void test_what_was_heard_stays_over_down_and_reload(void **state)
{
    struct p2p_probe said = {.load = 3, .queue = 2, .slots = 4, .rtt_ns = 800};
    struct peers *p = *state;

    list_is(p, "12");
    peers_heard(p, 1, &said, 77);
    peers_inflight(p, 1, 5);
    peers_evidence(p, 1, PEER_UNREACHABLE, 0);
    peers_inflight(p, 1, -1);
    said.load = 9;
    peers_heard(p, 1, &said, 88);
    list_is(p, "1");
    peers_inflight(p, 1, -1);
    list_is(p, "12");
    peers_evidence(p, 1, PEER_ANSWERED, 0);
    up_are(p, "01");
    assert_int_equal(view(p, 1).load, 9);
    assert_int_equal(view(p, 1).queue, 2);
    assert_int_equal(view(p, 1).slots, 4);
    assert_int_equal(view(p, 1).heard_ns, 88);
    assert_int_equal(view(p, 1).inflight, 3);
    assert_int_equal(view(p, 0).heard_ns, 0);
}

static void test_the_round_trip_is_smoothed_by_an_eighth(void **state)
{
    struct p2p_probe said = {.rtt_ns = 8000};
    struct peers *p = *state;

    list_is(p, "1");
    peers_heard(p, 0, &said, 1);
    assert_int_equal(view(p, 0).rtt_ns, 8000);
    said.rtt_ns = 16000;
    peers_heard(p, 0, &said, 2);
    assert_int_equal(view(p, 0).rtt_ns, 9000);
}

static void test_rows_are_cut_at_their_size_and_bounded(void **state)
{
    struct peer_config one = {.name = (char[100]){0}};
    struct peers *p = *state;
    struct peer_row rows[2];
    char err[P2P_ERRLEN];

    memset(one.name, 'n', 99);
    assert_int_equal(endpoint_parse(&one.endpoint, "127.0.0.9:80", 80, err), 0);
    assert_int_equal(peers_configure(p, &one, 1, err), 0);
    assert_int_equal(peers_list(p, rows, 1), 1);
    assert_int_equal(strlen(rows[0].name), sizeof(rows[0].name) - 1);
    assert_string_equal(rows[0].address, "127.0.0.9:80");
    list_is(p, "123");
    peers_evidence(p, 1, PEER_UNREACHABLE, 0);
    assert_int_equal(peers_list(p, rows, 2), 2);
    assert_string_equal(rows[0].name, "n1");
    assert_false(rows[0].up);
    assert_false(rows[0].view.flags & P2P_PEER_UP);
    assert_true(rows[1].up);
}

enum { THREADS = 3, ROUNDS = 300 };

static void *use_peers(void *arg)
{
    const struct p2p_probe said = {.load = 1, .rtt_ns = 1000};
    struct peers *p = arg;
    uint32_t ids[MOST];

    for (uint32_t i = 0; i < ROUNDS; i++) {
        peers_inflight(p, i % 3, 1);
        peers_evidence(p, i % 3, (enum peer_evidence)(i % 4 % 3), i);
        peers_heard(p, i % 3, &said, i);
        peers_due(p, UINT64_MAX / 2, ids, MOST);
        peers_find(p, peers_get(p, i % 3)->name);
        peers_inflight(p, i % 3, -1);
    }
    return NULL;
}

static void test_threads_may_use_a_list_that_is_reloaded(void **state)
{
    pthread_t threads[THREADS];
    struct peers *p = *state;

    list_is(p, "123");
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, use_peers, p), 0);
    for (int i = 0; i < 50; i++)
        list_is(p, i % 2 ? "1" : "2345");
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    list_is(p, "123");
    for (uint32_t id = 0; id < 3; id++) {
        peers_evidence(p, id, PEER_ANSWERED, 0);
        assert_int_equal(view(p, id).inflight, 0);
    }
    up_are(p, "012");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
        T(test_without_a_list_there_is_nobody),
        T(test_new_peers_are_up_with_ids_in_order),
        T(test_peers_are_found_by_name_and_by_address),
        T(test_a_refused_connection_takes_a_peer_down_at_once),
        T(test_three_losses_in_a_row_take_a_peer_down),
        T(test_an_answer_between_losses_starts_the_count_again),
        T(test_the_first_answer_revives_a_peer),
        T(test_the_revive_list_is_cut_at_its_size),
        T(test_who_is_down_is_asked_less_and_less_often_forever),
        T(test_a_member_joins_dies_returns_and_leaves),
        T(test_another_name_at_an_address_is_another_peer),
        T(test_what_the_configuration_says_of_a_protocol_stays),
        T(test_a_listed_peer_keeps_its_name_and_its_place),
        T(test_a_scheduler_sees_only_who_offers_the_function),
        T(test_there_is_a_most_of_peers),
        T(test_a_reload_keeps_ids),
        T(test_ids_are_never_used_again),
        T(test_another_address_is_another_peer),
        T(test_a_removed_peer_is_neither_up_nor_to_be_revived),
        T(test_a_reload_does_not_revive_who_is_down),
        T(test_what_was_heard_stays_over_down_and_reload),
        T(test_the_round_trip_is_smoothed_by_an_eighth),
        T(test_rows_are_cut_at_their_size_and_bounded),
        T(test_threads_may_use_a_list_that_is_reloaded),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
