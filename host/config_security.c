/*
 * config_security.c - the section security and the login of openfaas, once all is read:
 * secrets that are kept in files of their own, and what would be no protection.  And how
 * secrets are shown: not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/config_yaml.h"
#include "host/url.h"

enum { LEAST_SECRET = 16, LEAST_PASSWORD = 8, MOST_LINE = 4096 };

/* ---- never shown ---- */

bool config_is_secret(const char *section, const char *key)
{
    static const char *const secrets[][2] = {{"security", "secret"},
                                             {"security", "password"},
                                             {"discovery", "etcd_password"},
                                             {"openfaas", "password"}};

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        if (strcmp(section, secrets[i][0]) == 0 && strcmp(key, secrets[i][1]) == 0)
            return true;
    return false;
}

void config_show(const struct config *c, const char *section, const struct p2p_param *p, char *out,
                 size_t size)
{
    params_format(p, config_section(c, section), out, size);
    if (out[0] && config_is_secret(section, p->name))
        snprintf(out, size, "***");
}

/* ---- files ---- */

/* Opens it when nobody else could read or change it. */
static int open_private(const char *file, char *why)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st)) {
        snprintf(why, P2P_ERRLEN, "%.100s: %s", file, strerror(errno));
        goto fail;
    }
    if (!S_ISREG(st.st_mode)) {
        snprintf(why, P2P_ERRLEN, "%.100s: is no plain file", file);
        goto fail;
    }
    if (st.st_mode & (S_IRWXO | S_IWGRP)) {
        snprintf(why, P2P_ERRLEN,
                 "%.100s: has mode %03o, so that others can use it; allowed: 600 or 640, see chmod",
                 file, (unsigned)st.st_mode & 0777);
        goto fail;
    }
    return fd;
fail:
    if (fd >= 0)
        close(fd);
    return -1;
}

/* The first line without its end, malloc'ed; NULL with a reason that does not show it. */
static char *first_line(const char *file, char *why)
{
    char *line = malloc(MOST_LINE + 1);
    int fd = line ? open_private(file, why) : -1;
    ssize_t n;

    if (fd < 0) {
        if (!line)
            snprintf(why, P2P_ERRLEN, "out of memory");
        free(line);
        return NULL;
    }
    n = read(fd, line, MOST_LINE + 1);
    close(fd);
    if (n >= 0) {
        char *end = memchr(line, '\n', (size_t)n);

        if (end)
            n = end - line;
        if (n <= MOST_LINE) {
            line[n] = '\0';
            if (n > 0 && line[n - 1] == '\r')
                line[--n] = '\0';
            if (n > 0 && strlen(line) == (size_t)n)
                return line;
        }
    }
    snprintf(why, P2P_ERRLEN,
             n < 0            ? "%.100s: cannot be read"
             : n == 0         ? "%.100s: its first line is empty"
             : n <= MOST_LINE ? "%.100s: its first line has a zero byte"
                              : "%.100s: its first line is longer than 4096 bytes",
             file);
    free(line);
    return NULL;
}

/* KEY itself, or what the file that KEY_file names has. */
static int read_secret(const char *key, const char **value, const char *file, char *why)
{
    char *line;

    if (!file[0])
        return 0;
    if ((*value)[0]) {
        snprintf(why, P2P_ERRLEN, "%s: is given and %s_file too; allowed: one of them", key, key);
        return -1;
    }
    line = first_line(file, why);
    if (!line) {
        char reason[P2P_ERRLEN];

        snprintf(reason, sizeof(reason), "%s", why);
        snprintf(why, P2P_ERRLEN, "%s_file: %.200s", key, reason);
        return -1;
    }
    free((char *)(uintptr_t)*value);
    *value = line;
    return 0;
}

static int check(const struct security_config *s, char *why)
{
    size_t secret = strlen(s->secret), password = strlen(s->password);

    if (secret && secret < LEAST_SECRET)
        snprintf(why, P2P_ERRLEN,
                 "secret: has %zu bytes; allowed: at least %d, as from openssl rand -base64 24",
                 secret, LEAST_SECRET);
    else if (!s->user[0] && password)
        snprintf(why, P2P_ERRLEN, "password: is given without security.user; allowed: both");
    else if (s->user[0] && !password)
        snprintf(why, P2P_ERRLEN,
                 "user: is given without security.password or password_file; allowed: both");
    else if (strchr(s->user, ':'))
        snprintf(why, P2P_ERRLEN, "user: has a colon, which HTTP basic cannot carry");
    else if (password && password < LEAST_PASSWORD)
        snprintf(why, P2P_ERRLEN, "password: has %zu bytes; allowed: at least %d", password,
                 LEAST_PASSWORD);
    else
        return 0;
    return -1;
}

static const char *of_gateway(const struct config *c)
{
    for (unsigned i = 0; i < c->n_functions; i++)
        if (c->function[i].runtime == FUNCTION_OPENFAAS)
            return c->function[i].name;
    return NULL;
}

/* Of the login at a gateway, and where that is. */
static int finish_openfaas(struct config *c, char *why)
{
    struct openfaas_config *o = &c->openfaas;
    char reason[P2P_ERRLEN];
    struct url url;

    if (read_secret("password", &o->password, o->password_file, why))
        return -1;
    if (o->gateway[0] && url_parse(&url, o->gateway, reason))
        snprintf(why, P2P_ERRLEN, "gateway: %.200s", reason);
    else if (!o->gateway[0] && of_gateway(c))
        snprintf(why, P2P_ERRLEN,
                 "gateway is missing: functions.%s has runtime openfaas; allowed: the URL of a "
                 "gateway",
                 of_gateway(c));
    else if (!o->user[0] != !o->password[0])
        snprintf(why, P2P_ERRLEN,
                 "user: and openfaas.password, or password_file, go together; "
                 "allowed: both, or neither");
    else if (strchr(o->user, ':'))
        snprintf(why, P2P_ERRLEN, "user: has a colon, which HTTP basic cannot carry");
    else if (!config_is_function_name(o->namespace) || strchr(o->namespace, '.'))
        snprintf(why, P2P_ERRLEN, "namespace: '%.64s' is none; allowed: as in openfaas-fn",
                 o->namespace);
    else
        return 0;
    return -1;
}

int config_finish_security(struct config *c, char err[P2P_ERRLEN])
{
    struct security_config *s = &c->security;
    char why[P2P_ERRLEN];

    if (finish_openfaas(c, why)) {
        snprintf(err, P2P_ERRLEN, "%.60s: openfaas.%.190s", c->file ? c->file : "defaults", why);
        return -1;
    }
    if (read_secret("secret", &s->secret, s->secret_file, why) ||
        read_secret("password", &s->password, s->password_file, why) || check(s, why)) {
        snprintf(err, P2P_ERRLEN, "%.60s: security.%.190s", c->file ? c->file : "defaults", why);
        return -1;
    }
    return 0;
}
