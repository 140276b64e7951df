#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/upstream.h"

enum { DEFAULT_PORT = 18080 };

/* Reads `text` and prints it again. */
static void reads(const char *text, const char *printed)
{
    char err[P2P_ERRLEN] = "";
    struct endpoint e;

    if (endpoint_parse(&e, text, DEFAULT_PORT, err))
        fail_msg("'%s' was refused: %s", text, err);
    assert_string_equal(e.text, printed);
}

static void refuses(const char *text)
{
    char err[P2P_ERRLEN] = "", begin[64];
    struct endpoint e;

    if (!endpoint_parse(&e, text, DEFAULT_PORT, err))
        fail_msg("'%s' was taken as %s", text, e.text);
    snprintf(begin, sizeof(begin), "'%.40s", text);
    assert_memory_equal(err, begin, strlen(begin));
    assert_non_null(strstr(err, "numeric address"));
    assert_non_null(strstr(err, "allowed: "));
    assert_non_null(strstr(err, "127.0.0.2:18080"));
    assert_non_null(strstr(err, "[::1]:18080"));
}

static void test_an_address_alone_gets_the_default_port(void **state)
{
    (void)state;
    reads("127.0.0.1", "127.0.0.1:18080");
    reads("0.0.0.0", "0.0.0.0:18080");
    reads("255.255.255.255", "255.255.255.255:18080");
    reads("::1", "[::1]:18080");
    reads("[::1]", "[::1]:18080");
    reads("::", "[::]:18080");
    reads("fe80::1:2", "[fe80::1:2]:18080");
}

static void test_a_port_is_taken_from_1_to_65535(void **state)
{
    (void)state;
    reads("127.0.0.1:1", "127.0.0.1:1");
    reads("127.0.0.1:65535", "127.0.0.1:65535");
    reads("[::1]:1", "[::1]:1");
    reads("[::1]:65535", "[::1]:65535");
    refuses("127.0.0.1:0");
    refuses("127.0.0.1:65536");
    refuses("127.0.0.1:99999");
    refuses("127.0.0.1:100000");
    refuses("127.0.0.1:18446744073709551697");
    refuses("[::1]:0");
    refuses("[::1]:65536");
}

static void test_a_port_is_digits_only(void **state)
{
    (void)state;
    refuses("127.0.0.1:");
    refuses("[::1]:");
    refuses("127.0.0.1:http");
    refuses("127.0.0.1:+80");
    refuses("127.0.0.1:-80");
    refuses("127.0.0.1: 80");
    refuses("127.0.0.1:80 ");
    refuses("127.0.0.1:8 0");
    refuses("127.0.0.1:0x50");
    refuses("127.0.0.1:80/path");
    refuses("127.0.0.1:80\n");
}

static void test_colons_of_a_bare_ipv6_address_are_no_port(void **state)
{
    (void)state;
    reads("fe80::1:80", "[fe80::1:80]:18080");
    reads("2001:db8::8:80", "[2001:db8::8:80]:18080");
}

static void test_one_address_has_one_text(void **state)
{
    (void)state;
    reads("0:0:0:0:0:0:0:1", "[::1]:18080");
    reads("[2001:DB8::A]:80", "[2001:db8::a]:80");
    reads("::ffff:1.2.3.4", "[::ffff:1.2.3.4]:18080");
    reads("127.0.0.1:00080", "127.0.0.1:80");
}

static void test_names_are_refused(void **state)
{
    (void)state;
    refuses("localhost");
    refuses("localhost:80");
    refuses("example.org:80");
    refuses("http://127.0.0.1");
    refuses("fe80::1%lo");
}

static void test_half_addresses_are_refused(void **state)
{
    (void)state;
    refuses("");
    refuses(":");
    refuses(":80");
    refuses("127.0.0");
    refuses("127.0.0.256");
    refuses("127.0.0.1.1");
    refuses("127.1");
    refuses(" 127.0.0.1");
    refuses("127.0.0.1 ");
    refuses("1:2:3:4:5:6:7");
    refuses("1:2:3:4:5:6:7:8:9");
    refuses(":::");
    refuses("::12345");
}

static void test_brackets_must_match(void **state)
{
    (void)state;
    refuses("[");
    refuses("]");
    refuses("[]");
    refuses("[]:80");
    refuses("[::1");
    refuses("[::1:80");
    refuses("::1]");
    refuses("::1]:80");
    refuses("[::1]80");
    refuses("[::1]]:80");
    refuses("[[::1]]:80");
    refuses("[::1]:80:90");
}

static void test_long_texts_stay_inside(void **state)
{
    char text[4096];

    (void)state;
    for (size_t n = 40; n < sizeof(text) - 1; n = n < 60 ? n + 1 : n * 2) {
        memset(text, '1', sizeof(text));
        text[n] = '\0';
        refuses(text);
        text[0] = '[';
        refuses(text);
        text[n - 1] = ']';
        refuses(text);
        memset(text, ':', n);
        refuses(text);
    }
}

/* The longest that there is must fit into `text` with brackets and port. */
static void test_the_longest_address_fits(void **state)
{
    (void)state;
    reads("[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
          "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
    reads("1111:2222:3333:4444:5555:6666:177.177.177.177",
          "[1111:2222:3333:4444:5555:6666:b1b1:b1b1]:18080");
}

static void test_the_socket_address_is_as_the_kernel_wants_it(void **state)
{
    char err[P2P_ERRLEN];
    struct endpoint e;
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&e.address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&e.address;

    (void)state;
    assert_int_equal(endpoint_parse(&e, "127.0.0.2:80", 1, err), 0);
    assert_int_equal(e.length, sizeof(*v4));
    assert_int_equal(v4->sin_family, AF_INET);
    assert_int_equal(v4->sin_port, htons(80));
    assert_int_equal(v4->sin_addr.s_addr, htonl(0x7f000002));
    assert_int_equal(endpoint_parse(&e, "[::1]:80", 1, err), 0);
    assert_int_equal(e.length, sizeof(*v6));
    assert_int_equal(v6->sin6_family, AF_INET6);
    assert_int_equal(v6->sin6_port, htons(80));
    assert_memory_equal(&v6->sin6_addr, &in6addr_loopback, sizeof(in6addr_loopback));
}

/* Endpoints are compared by their bytes, so what was in them must not show. */
static void test_equal_endpoints_have_equal_bytes(void **state)
{
    char err[P2P_ERRLEN];
    struct endpoint a, b;

    (void)state;
    memset(&a, 0x55, sizeof(a));
    memset(&b, 0xaa, sizeof(b));
    assert_int_equal(endpoint_parse(&a, "127.0.0.1:80", 1, err), 0);
    assert_int_equal(endpoint_parse(&b, "127.0.0.1", 80, err), 0);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_int_equal(endpoint_parse(&a, "[::1]:80", 1, err), 0);
    assert_int_equal(endpoint_parse(&b, "0::1", 80, err), 0);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_int_equal(endpoint_parse(&b, "::2", 80, err), 0);
    assert_memory_not_equal(&a, &b, sizeof(a));
}

static void names(const char *text, const char *host, uint16_t port)
{
    char got[ENDPOINT_HOST];
    uint16_t got_port;

    if (endpoint_split_name(text, DEFAULT_PORT, got, &got_port))
        fail_msg("'%s' was refused", text);
    assert_string_equal(got, host);
    assert_int_equal(got_port, port);
}

static void test_a_name_is_what_cannot_be_an_address(void **state)
{
    static const char *const none[] = {"",     ":1",  "n1:",   "n1:0",   "n1:65536",     "n1:x",
                                       "-n1",  ".n1", "n..1x", "1.2.3",  "1.2.3.400",    "n1.7",
                                       "[n1]", "n 1", "n1/x",  "n1:1:2", "\303\244.org", "n1."};
    char longest[ENDPOINT_HOST + 1], host[ENDPOINT_HOST];
    uint16_t port;

    (void)state;
    names("n1", "n1", DEFAULT_PORT);
    names("n1:9", "n1", 9);
    names("a-b_c.7x", "a-b_c.7x", DEFAULT_PORT);
    names("7.n.example.org:65535", "7.n.example.org", 65535);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        if (!endpoint_split_name(none[i], DEFAULT_PORT, host, &port))
            fail_msg("'%s' was taken as %s", none[i], host);
    memset(longest, 'a', sizeof(longest) - 2);
    longest[sizeof(longest) - 2] = '\0';
    assert_int_equal(endpoint_split_name(longest, 1, host, &port), 0);
    memcpy(longest + sizeof(longest) - 2, "a", 2);
    assert_int_equal(endpoint_split_name(longest, 1, host, &port), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_address_alone_gets_the_default_port),
        cmocka_unit_test(test_a_port_is_taken_from_1_to_65535),
        cmocka_unit_test(test_a_port_is_digits_only),
        cmocka_unit_test(test_colons_of_a_bare_ipv6_address_are_no_port),
        cmocka_unit_test(test_one_address_has_one_text),
        cmocka_unit_test(test_names_are_refused),
        cmocka_unit_test(test_a_name_is_what_cannot_be_an_address),
        cmocka_unit_test(test_half_addresses_are_refused),
        cmocka_unit_test(test_brackets_must_match),
        cmocka_unit_test(test_long_texts_stay_inside),
        cmocka_unit_test(test_the_longest_address_fits),
        cmocka_unit_test(test_the_socket_address_is_as_the_kernel_wants_it),
        cmocka_unit_test(test_equal_endpoints_have_equal_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
