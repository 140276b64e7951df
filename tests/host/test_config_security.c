/* The section security: secrets in files, what would be no protection, and that no
 * secret is ever shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "host/config_yaml.h"

static char dir[] = "/tmp/p2p-security-XXXXXX", file[64];
static struct config c;
static char err[P2P_ERRLEN];

static int setup(void **state)
{
    (void)state;
    memset(dir + strlen(dir) - 6, 'X', 6);
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof(file), "%s/key", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_release(&c);
    unlink(file);
    rmdir(dir);
    return 0;
}

static int load(const char *const *settings)
{
    unsigned n = 0;

    while (settings[n])
        n++;
    config_release(&c);
    snprintf(err, sizeof(err), "no error was told");
    return config_load(&c, NULL, settings, n, err);
}

static void takes(const char *const *settings)
{
    if (load(settings))
        fail_msg("refused: %s", err);
}

/* Says both, and never the value. */
static void refuses(const char *const *settings, const char *key, const char *part)
{
    if (!load(settings))
        fail_msg("taken: %s", settings[0]);
    if (!strstr(err, key) || !strstr(err, part))
        fail_msg("'%s' and '%s' are not both said in: %s", key, part, err);
    assert_null(strstr(err, "hunter2"));
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static void write_file(const void *bytes, size_t n, mode_t mode)
{
    FILE *f = fopen(file, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
    assert_int_equal(chmod(file, mode), 0);
}

static const char *file_setting(const char *key)
{
    static char text[2][128];
    static unsigned next;
    char *out = text[next++ % 2];

    snprintf(out, 128, "security.%s=%s", key, file);
    return out;
}

static void test_secrets_have_a_least_length(void **state)
{
    (void)state;
    takes(LIST("security.secret=hunter2hunter2h2"));
    refuses(LIST("security.secret=hunter2hunter2h"), "security.secret", "at least 16");
    takes(LIST("security.user=u", "security.password=hunter2h"));
    refuses(LIST("security.user=u", "security.password=hunter2"), "security.password",
            "at least 8");
}

static void test_user_and_password_belong_together(void **state)
{
    (void)state;
    refuses(LIST("security.user=u"), "security.user", "security.password");
    refuses(LIST("security.password=hunter2h"), "security.password", "security.user");
    refuses(LIST("security.user=a:b", "security.password=hunter2h"), "security.user", "colon");
}

static void test_a_secret_comes_from_the_first_line_of_a_file(void **state)
{
    static const char *const texts[] = {"hunter2hunter2h2", "hunter2hunter2h2\n",
                                        "hunter2hunter2h2\r\nmore\n"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        write_file(texts[i], strlen(texts[i]), 0600);
        takes(LIST(file_setting("secret_file")));
        assert_string_equal(c.security.secret, "hunter2hunter2h2");
    }
    takes(LIST("security.user=u", file_setting("password_file")));
    assert_string_equal(c.security.password, "hunter2hunter2h2");
    assert_int_equal(chmod(file, 0440), 0);
    takes(LIST(file_setting("secret_file")));
}

static void test_a_file_that_others_can_use_is_refused(void **state)
{
    static const mode_t modes[] = {0604, 0644, 0602, 0620, 0601, 0666};

    (void)state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        write_file("hunter2hunter2h2\n", 17, modes[i]);
        refuses(LIST(file_setting("secret_file")), "security.secret_file", "allowed: 600 or 640");
    }
    refuses(LIST("security.user=u", file_setting("password_file")), "security.password_file",
            "allowed: 600 or 640");
}

static void test_a_file_without_a_right_first_line_is_refused(void **state)
{
    static char big[5000];

    (void)state;
    refuses(LIST(file_setting("secret_file")), "security.secret_file", "No such file");
    write_file("", 0, 0600);
    refuses(LIST(file_setting("secret_file")), "security.secret_file", "empty");
    write_file("\nhunter2hunter2h2\n", 18, 0600);
    refuses(LIST(file_setting("secret_file")), "security.secret_file", "empty");
    write_file("hunter2\0hunter2hunter2\n", 23, 0600);
    refuses(LIST(file_setting("secret_file")), "security.secret_file", "zero byte");
    memset(big, 'x', sizeof(big));
    write_file(big, 4097, 0600);
    refuses(LIST(file_setting("secret_file")), "security.secret_file", "longer than 4096");
    write_file(big, 4096, 0600);
    takes(LIST(file_setting("secret_file")));
    write_file("hunter2\n", 8, 0600);
    refuses(LIST(file_setting("secret_file")), "security.secret", "at least 16");
    refuses(LIST("security.secret_file=/tmp"), "security.secret_file", "plain file");
    refuses(LIST("security.secret_file=/dev/null"), "security.secret_file", "plain file");
}

static void test_a_login_of_a_gateway_is_read_as_those_are(void **state)
{
    char setting[160];

    (void)state;
    snprintf(setting, sizeof(setting), "openfaas.password_file=%s", file);
    write_file("hunter2\n", 8, 0600);
    takes(LIST("openfaas.user=u", setting));
    assert_string_equal(c.openfaas.password, "hunter2");
    refuses(LIST(setting), "openfaas.user", "both");
    refuses(LIST("openfaas.user=u"), "openfaas.user", "both");
    refuses(LIST("openfaas.user=u", "openfaas.password=hunter2", setting), "openfaas.password",
            "password_file too");
    refuses(LIST("openfaas.user=a:b", "openfaas.password=hunter2"), "openfaas.user", "colon");
    assert_int_equal(chmod(file, 0644), 0);
    refuses(LIST("openfaas.user=u", setting), "openfaas.password_file", "allowed: 600 or 640");
    refuses(LIST("openfaas.gateway=gw:8080"), "openfaas.gateway: 'gw:8080'", "http://");
    refuses(LIST("openfaas.gateway=http://u:p@gw"), "openfaas.gateway", "a user");
    refuses(LIST("openfaas.namespace=a.b"), "openfaas.namespace: 'a.b'", "allowed");
}

static void test_only_one_of_both_may_be_given(void **state)
{
    (void)state;
    write_file("hunter2hunter2h2\n", 17, 0600);
    refuses(LIST("security.secret=hunter2hunter2h2", file_setting("secret_file")),
            "security.secret", "secret_file too");
    refuses(LIST("security.user=u", "security.password=hunter2h", file_setting("password_file")),
            "security.password", "password_file too");
}

static void test_a_wrong_setting_does_not_show_its_value(void **state)
{
    (void)state;
    refuses(LIST("security_secret=hunter2hunter2"), "--set security_secret", "allowed");
    refuses(LIST("security.secert=hunter2hunter2"), "--set security.secert", "secret");
}

static void look(void *ctx, const char *section, const struct p2p_param *p)
{
    unsigned *hidden = ctx;
    char shown[256];

    config_show(&c, section, p, shown, sizeof(shown));
    assert_null(strstr(shown, "hunter2"));
    *hidden += strcmp(shown, "***") == 0;
}

static void test_no_secret_is_shown(void **state)
{
    unsigned hidden = 0;

    (void)state;
    takes(LIST("security.secret=hunter2hunter2h2", "security.user=u", "security.password=hunter2h",
               "discovery.etcd_password=hunter2", "openfaas.user=u", "openfaas.password=hunter2"));
    config_each_key(look, &hidden);
    assert_int_equal(hidden, 4);
    takes(LIST("node.port=1"));
    hidden = 0;
    config_each_key(look, &hidden);
    assert_int_equal(hidden, 0); /* what is not set is seen not to be */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(secrets_have_a_least_length),
        T(user_and_password_belong_together),
        T(a_secret_comes_from_the_first_line_of_a_file),
        T(a_file_that_others_can_use_is_refused),
        T(a_file_without_a_right_first_line_is_refused),
        T(a_login_of_a_gateway_is_read_as_those_are),
        T(only_one_of_both_may_be_given),
        T(a_wrong_setting_does_not_show_its_value),
        T(no_secret_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
