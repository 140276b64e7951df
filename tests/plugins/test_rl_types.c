#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/plugins/mock_learner.h"
#include "tests/plugins/teacher.h"

extern const struct p2p_module rl_qlearning_plugin;

enum { FIRST = TEACHER_FIRST, REJECT = 0, HERE = 1, PEER_0 = 3 };

static struct p2p_action job_of(struct mock *m, uint32_t function)
{
    mock_arrive(m);
    m->rq.function = function;
    return mock_decide(m, P2P_EV_ARRIVAL);
}

/* It stays here, and runs or waits from now on. */
static void *stays(struct mock *m, uint32_t function)
{
    mock_is(job_of(m, function), p2p_local());
    if (m->node.load < m->node.slots)
        m->node.load++;
    else
        m->node.queue++;
    return mock_goes_on(m);
}

/* One that ran ends, and the oldest that waits takes its slot. */
static void leaves(struct mock *m, void *job, uint32_t function)
{
    if (m->node.queue)
        m->node.queue--;
    else
        m->node.load--;
    mock_ended(m, job, function, P2P_OUT_RAN, 1);
}

/* The state that the next job of a function finds, one digit a dimension. */
static void finds(struct mock *m, uint32_t function, const char *known)
{
    struct teacher *t = m->learner;
    char text[TEACHER_DIMS + 1];

    t->action = REJECT;
    job_of(m, function);
    for (uint32_t i = 0; i < t->dims; i++)
        text[i] = (char)('0' + (int)t->state[i]);
    text[t->dims] = '\0';
    t->action = HERE;
    assert_string_equal(text, known);
}

/* ---- types ---- */

static void functions_become_types_in_the_order_of_first_jobs(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("task_types=3", &t, 2);

    (void)state;
    finds(m, 77, "0000000");
    finds(m, 5, "1000000");
    finds(m, 77, "0000000");
    finds(m, 900, "2000000");
    finds(m, 5, "1000000");
    finds(m, 6, "2000000"); /* what comes after the last type counts as that */
    finds(m, 8, "2000000");
    finds(m, 900, "2000000");
    mock_free(m);
}

static void named_functions_come_first(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("task_types=4 functions=function9,function4", &t, 2);

    (void)state;
    finds(m, 1, "200000000");
    finds(m, 4, "100000000");
    finds(m, 9, "000000000");
    finds(m, 2, "300000000");
    finds(m, 3, "300000000");
    mock_free(m);
}

static void one_type_is_all_functions(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("", &t, 2);

    (void)state;
    mock_load(m, 3, 2);
    finds(m, 1, "032");
    finds(m, 2, "032");
    mock_free(m);
}

static void wrong_names_are_refused(void **state)
{
    static const char *const wrong[] = {"a,b,c", "a,a", ",a", "a,,b"};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const struct p2p_scheduler *ops = rl_qlearning_plugin.schedulers[0];
        struct teacher t;
        struct mock *m = teacher_new("task_types=2", &t, 0);
        char err[P2P_ERRLEN] = "", *self = calloc(1, ops->instance_size);

        assert_non_null(self);
        memcpy(self, m->self, ops->instance_size);
        for (const struct p2p_param *p = ops->params; p->name; p++)
            if (strcmp(p->name, "functions") == 0)
                memcpy(self + p->offset, &wrong[i], sizeof(wrong[i]));
        assert_int_equal(ops->init(self, &m->host, err), -1);
        assert_non_null(strstr(err, wrong[i]));
        assert_non_null(strstr(err, "task_types, which is 2"));
        free(self);
        mock_free(m);
    }
}

/* ---- jobs of each type ---- */

static void jobs_run_in_the_order_in_which_they_came(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("task_types=2", &t, 2);
    void *a, *b, *c, *d;

    (void)state;
    m->node.slots = 2;
    a = stays(m, 0);
    b = stays(m, 1);
    finds(m, 0, "01100");
    c = stays(m, 1);
    d = stays(m, 0);
    finds(m, 1, "11111");
    leaves(m, a, 0); /* c takes its slot */
    finds(m, 1, "10210");
    leaves(m, c, 1);
    finds(m, 0, "01100");
    leaves(m, d, 0);
    leaves(m, b, 1);
    finds(m, 0, "00000");
    mock_free(m);
}

static void only_what_stays_is_counted(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("task_types=2", &t, 2);

    (void)state;
    finds(m, 0, "00000");
    mock_outcome(m, P2P_OUT_REJECTED, 0, 0);
    t.action = PEER_0;
    mock_is(job_of(m, 1), p2p_forward(FIRST));
    job_of(m, 1);
    mock_outcome(m, P2P_OUT_FULL, 0, 0);
    finds(m, 0, "00000");
    t.action = PEER_0;
    job_of(m, 1);
    mock_is(mock_decide(m, P2P_EV_REFUSED), p2p_local());
    m->node.load = 1;
    {
        void *job = mock_goes_on(m);

        finds(m, 0, "00100");
        leaves(m, job, 1);
    }
    finds(m, 0, "00000");
    mock_free(m);
}

/* Of a scheduler before, or let in by a client's header. */
static void jobs_of_others_count_as_the_oldest_of_type_0(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("task_types=2", &t, 2);
    void *mine;

    (void)state;
    finds(m, 0, "00000");
    finds(m, 1, "10000");
    m->node.slots = 2;
    mock_load(m, 2, 3);
    finds(m, 1, "12030");
    mine = stays(m, 1);
    finds(m, 0, "02031");
    mock_load(m, 2, 0); /* one of them is left */
    finds(m, 0, "01100");
    mock_load(m, 1, 0); /* it left before the host says so */
    finds(m, 0, "00100");
    leaves(m, mine, 1);
    finds(m, 0, "00000");
    mock_load(m, 1, 0);
    {
        void *first = stays(m, 1), *second = stays(m, 1);

        finds(m, 0, "01101"); /* theirs and the first run */
        free(first);
        free(second);
    }
    mock_free(m);
}

/* Jobs come, start, and end in random order, beside a book that is kept by hand. */
static void the_counts_are_those_of_the_host(void **state)
{
    enum { JOBS = 40, TYPES = 3 };
    struct teacher t;
    struct mock *m = teacher_new("task_types=3", &t, 2);
    struct {
        void *job;
        uint32_t type;
    } here[JOBS];
    unsigned n = 0;

    (void)state;
    m->node.slots = 5;
    t.action = REJECT;
    for (uint32_t f = 0; f < TYPES; f++)
        job_of(m, f);
    for (int round = 0; round < 20000; round++) {
        unsigned running[TYPES] = {0}, waiting[TYPES] = {0};

        if (n < JOBS && p2p_rand_below(&m->host, 2)) {
            here[n].type = (uint32_t)p2p_rand_below(&m->host, TYPES);
            t.action = HERE;
            here[n].job = stays(m, here[n].type);
            n++;
        } else if (n > 0) {
            unsigned k = (unsigned)p2p_rand_below(&m->host, n < 5 ? n : 5);

            leaves(m, here[k].job, here[k].type);
            memmove(&here[k], &here[k + 1], (n - k - 1) * sizeof(here[0]));
            n--;
        }
        t.action = REJECT;
        job_of(m, 0);
        for (unsigned i = 0; i < n; i++)
            (i < 5 ? running : waiting)[here[i].type]++;
        for (uint32_t i = 0; i < TYPES; i++)
            assert_true(t.state[1 + i] == (float)running[i] &&
                        t.state[1 + TYPES + i] == (float)waiting[i]);
    }
    while (n > 0)
        free(here[--n].job);
    mock_free(m);
}

/* Those that find no room in the book are as those of others. */
static void more_jobs_than_the_book_has_room_for(void **state)
{
    enum { JOBS = 1100 };
    struct teacher t;
    struct mock *m = teacher_new("task_types=2", &t, 2);
    static void *jobs[JOBS];

    (void)state;
    m->node.slots = 3;
    m->node.queue_limit = JOBS;
    finds(m, 0, "00000");
    for (int i = 0; i < JOBS; i++)
        jobs[i] = stays(m, 1);
    job_of(m, 1);
    assert_true(t.state[1] + t.state[2] == 3 && t.state[3] + t.state[4] == JOBS - 3);
    assert_true(t.state[2] + t.state[4] == 1024);
    for (int i = 0; i < JOBS; i++)
        leaves(m, jobs[i], 1);
    finds(m, 0, "00000");
    mock_free(m);
}

/* ---- what goes over to the instance that follows ---- */

static void save(const struct mock *m, struct bytes *b)
{
    struct p2p_stream out = bytes_writer(b);

    assert_true(m->ops->save(m->self, &out));
}

static bool load(struct mock *m, struct bytes *b)
{
    struct p2p_stream in = bytes_reader(b);

    return m->ops->load(m->self, &in);
}

static void numbers_and_types_go_over(void **state)
{
    struct teacher t, u;
    struct mock *old = teacher_new("task_types=3", &t, 4), *fresh;
    struct bytes b = {0};

    (void)state;
    t.action = HERE;
    finds(old, 12, "0000000");
    finds(old, 3, "1000000");
    mock_peers(old, FIRST, 6);
    finds(old, 3, "1000000");
    save(old, &b);

    fresh = teacher_new("task_types=3", &u, 0);
    assert_true(load(fresh, &b));
    mock_peers(fresh, FIRST + 3, 4); /* peers 0 to 2 are away, 6 is new */
    u.action = HERE;
    finds(fresh, 7, "2000000");
    finds(fresh, 3, "1000000");
    finds(fresh, 12, "0000000");
    assert_true(u.mask == (7 | UINT64_C(0x78) << PEER_0));
    mock_is(teacher_does(fresh, PEER_0 + 3), p2p_forward(FIRST + 3));
    mock_is(teacher_does(fresh, PEER_0 + 6), p2p_forward(FIRST + 6));
    bytes_free(&b);
    mock_free(old);
    mock_free(fresh);
}

/* The parameters stand; what was learned follows, as far as there is room. */
static void named_functions_stand(void **state)
{
    struct teacher t, u;
    struct mock *old = teacher_new("task_types=3", &t, 3), *fresh;
    struct bytes b = {0};

    (void)state;
    finds(old, 1, "0000000");
    finds(old, 2, "1000000");
    finds(old, 3, "2000000");
    save(old, &b);
    fresh = teacher_new("task_types=3 functions=function2 peers=1", &u, 3);
    assert_true(load(fresh, &b));
    finds(fresh, 3, "2000000");
    finds(fresh, 1, "1000000");
    finds(fresh, 2, "0000000");
    assert_true(u.mask == 15);
    mock_is(teacher_does(fresh, PEER_0), p2p_forward(FIRST));
    bytes_free(&b);
    mock_free(old);
    mock_free(fresh);
}

static void refuses(struct mock *m, struct bytes *bad)
{
    struct bytes before = {0}, after = {0};

    save(m, &before);
    assert_false(load(m, bad));
    save(m, &after);
    assert_int_equal(before.n, after.n);
    assert_memory_equal(before.data, after.data, before.n);
    bytes_free(&before);
    bytes_free(&after);
}

static void a_bad_state_changes_nothing(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        {"\2\0\0", 3},       /* another version */
        {"\1\1\0\0", 4},     /* an address of no letters */
        {"\1\2\1a\1a\0", 7}, /* the same one twice */
        {"\1\1\2a\0\0", 6},  /* an end inside of it */
        {"\1\0\1\0", 4},     /* a function of no letters */
        {"\1\0\21", 3},      /* 17 functions */
        {"\1\76", 2},        /* 62 peers that do not follow */
        {"\1\0\0\0", 4},     /* more than there should be */
    };
    struct teacher t;
    struct mock *m = teacher_new("task_types=3", &t, 3), *old;
    struct bytes b = {0};
    size_t n;

    (void)state;
    finds(m, 4, "0000000");
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        b.data = malloc(bad[i].n);
        assert_non_null(b.data);
        memcpy(b.data, bad[i].bytes, b.n = bad[i].n);
        refuses(m, &b);
        bytes_free(&b);
    }
    for (int what = 0; what < 2; what++) { /* an address and a function that are too long */
        b = (struct bytes){.data = malloc(259), .n = 0};
        assert_non_null(b.data);
        memset(b.data, 'a', 259);
        b.data[b.n++] = 1;
        b.data[b.n++] = what == 0;
        if (what == 1)
            b.data[b.n++] = 1;
        b.data[b.n] = what == 0 ? 124 : 128;
        b.n += 1 + (size_t)b.data[b.n];
        if (what == 0)
            b.data[b.n++] = 0;
        refuses(m, &b);
        bytes_free(&b);
    }
    old = teacher_new("task_types=3", &t, 3);
    finds(old, 8, "0000000");
    save(old, &b);
    n = b.n;
    for (b.n = 0; b.n < n; b.n++)
        refuses(m, &b);
    mock_free(old);
    bytes_free(&b);
    mock_free(m);
}

static void a_write_that_fails_is_told(void **state)
{
    struct teacher t;
    struct mock *m = teacher_new("task_types=3", &t, 3);
    struct bytes whole = {0}, b = {0};

    (void)state;
    finds(m, 8, "0000000");
    save(m, &whole);
    for (size_t i = 1; i < whole.n; i++) {
        struct p2p_stream out = bytes_writer(&b);

        b.fails_at = i;
        assert_false(m->ops->save(m->self, &out));
    }
    bytes_free(&whole);
    bytes_free(&b);
    mock_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_become_types_in_the_order_of_first_jobs),
        cmocka_unit_test(named_functions_come_first),
        cmocka_unit_test(one_type_is_all_functions),
        cmocka_unit_test(wrong_names_are_refused),
        cmocka_unit_test(jobs_run_in_the_order_in_which_they_came),
        cmocka_unit_test(only_what_stays_is_counted),
        cmocka_unit_test(jobs_of_others_count_as_the_oldest_of_type_0),
        cmocka_unit_test(the_counts_are_those_of_the_host),
        cmocka_unit_test(more_jobs_than_the_book_has_room_for),
        cmocka_unit_test(numbers_and_types_go_over),
        cmocka_unit_test(named_functions_stand),
        cmocka_unit_test(a_bad_state_changes_nothing),
        cmocka_unit_test(a_write_that_fails_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
