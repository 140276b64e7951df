/* What is taken for the URL of a place, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "host/url.h"

static struct url u;
static char err[P2P_ERRLEN];

static void takes(const char *text, bool tls, const char *host, unsigned port,
                  const char *authority, const char *path)
{
    if (url_parse(&u, text, err))
        fail_msg("%s", err);
    assert_int_equal(u.tls, tls);
    assert_string_equal(u.host, host);
    assert_int_equal(u.port, port);
    assert_string_equal(u.authority, authority);
    assert_string_equal(u.path, path);
}

static void refuses(const char *text, const char *why)
{
    if (url_parse(&u, text, err) == 0)
        fail_msg("taken: %s", text);
    if (!strstr(err, why) || !strstr(err, "allowed: as in http://"))
        fail_msg("%s", err);
}

static void test_places_are_taken_apart(void **state)
{
    (void)state;
    takes("http://10.0.0.3:8080/path", false, "10.0.0.3", 8080, "10.0.0.3:8080", "/path");
    takes("http://resize", false, "resize", 80, "resize", "/");
    takes("HTTPS://Gw.example/a/../b/", true, "Gw.example", 443, "Gw.example", "/a/../b/");
    takes("https://gw:80", true, "gw", 80, "gw:80", "/");
    takes("http://[::1]:8080/", false, "::1", 8080, "[::1]:8080", "/");
    takes("http://a_b.c-d:8080/%20", false, "a_b.c-d", 8080, "a_b.c-d:8080", "/%20");
}

static void test_other_texts_are_refused_with_the_reason(void **state)
{
    static char longest[URL_PATH + 32];

    (void)state;
    refuses("", "'");
    refuses("10.0.0.3:8080", "'10.0.0.3:8080'");
    refuses("resize", "'resize'");
    refuses("ftp://a", "http:// or https://");
    refuses("file:///etc/passwd", "http:// or https://");
    refuses("http://", "'http://'");
    refuses("http://u:p@a", "a user");
    refuses("http://a?q=1", "a query");
    refuses("http://a/#x", "a fragment");
    refuses("http://a:0/", "port");
    refuses("http://a:65536/", "'http://a:65536/'");
    refuses("http://a/b c", "'http://a/b c'");
    refuses("http://a b/", "'http://a b/'");
    refuses("http://a/\r\nX: y", "'http://a/");
    snprintf(longest, sizeof(longest), "http://a/%0*d", URL_PATH - 1, 0);
    refuses(longest, "longer than 1023");
    longest[strlen(longest) - 1] = '\0';
    assert_int_equal(url_parse(&u, longest, err), 0);
    memset(longest + 7, 'a', URL_HOST);
    snprintf(longest + 7 + URL_HOST, 2, "/");
    refuses(longest, "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places_are_taken_apart),
        cmocka_unit_test(test_other_texts_are_refused_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
