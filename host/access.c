#include "host/access.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "host/log.h"
#include "host/node.h"
#include "host/proof.h"

static const uint64_t TELL_EVERY_MS = 10000; /* of each reason */

const char *access_refusal_name(enum access_refusal r)
{
    static const char *const names[ACCESS_REFUSALS] = {
        "no_password", "wrong_password", "closed_peers", "closed_administration", "other_site"};

    return names[r];
}

/* ---- from the configuration ---- */

static bool is_loopback(const char *address)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, address, &v6) != 1)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

/* A digest of both, so that they are compared whole, whatever their lengths. */
static int login_of(const char *user, const char *password, unsigned char out[AUTH_DIGEST])
{
    gnutls_hash_hd_t h;
    int rc;

    if (gnutls_hash_init(&h, GNUTLS_DIG_SHA256))
        return -1;
    rc = gnutls_hash(h, user, strlen(user) + 1);
    rc |= gnutls_hash(h, password, strlen(password));
    gnutls_hash_deinit(h, out);
    return rc ? -1 : 0;
}

int access_init(struct access *a, const struct config *c, char err[P2P_ERRLEN])
{
    const struct security_config *s = &c->security;
    struct auth_settings settings = {.skew_ms = (uint64_t)s->clock_skew / 1000000,
                                     .start_ms = proof_now_ms()};

    memset(a, 0, sizeof(*a));
    a->exposed = !is_loopback(c->node.listen) && !s->trust_network;
    a->has_user = s->user[0] != '\0';
    if (a->has_user && login_of(s->user, s->password, a->login))
        goto fail;
    if (!s->secret[0])
        return 0;
    if (gnutls_rnd(GNUTLS_RND_NONCE, &settings.session, sizeof(settings.session)))
        goto fail;
    a->auth = auth_new(s->secret, &settings);
    if (a->auth)
        return 0;
fail:
    snprintf(err, P2P_ERRLEN, "security: out of memory, or no random numbers");
    return -1;
}

void access_release(struct access *a)
{
    auth_free(a->auth);
    a->auth = NULL;
}

void access_warn(const struct access *a, const struct config *c)
{
    const char *listen = c->node.listen;

    if (a->exposed && !a->auth)
        log_event(LOG_WARN,
                  "PEERS AND DISCOVERY ARE NOT SERVED: this node listens beyond loopback and the "
                  "cluster has no secret; set security.secret or security.secret_file on all "
                  "nodes, or security.trust_network if nobody else is on this network",
                  LOG_STR("listen", listen));
    if (a->exposed && !a->has_user)
        log_event(LOG_WARN,
                  "ADMINISTRATION IS NOT SERVED: this node listens beyond loopback and has no "
                  "password; set security.user and security.password or security.password_file, "
                  "or security.trust_network if nobody else is on this network",
                  LOG_STR("listen", listen));
    if (c->security.trust_network && !is_loopback(listen) && (!a->auth || !a->has_user))
        log_event(
            LOG_WARN, "SERVED TO WHOEVER REACHES THIS ADDRESS, because of security.trust_network",
            LOG_STR("listen", listen), LOG_STR("peers", a->auth ? "with the secret" : "anybody"),
            LOG_STR("administration", a->has_user ? "with the password" : "anybody"));
}

/* ---- the decision ---- */

enum access_need access_need(const struct access *a, enum access_who who)
{
    if (who & ACCESS_PEERS)
        return a->auth ? ACCESS_PROOF : a->exposed ? ACCESS_CLOSED : ACCESS_NOTHING;
    if (who & ACCESS_ADMINISTRATION)
        return a->has_user ? ACCESS_PASSWORD : a->exposed ? ACCESS_CLOSED : ACCESS_NOTHING;
    return ACCESS_NOTHING;
}

bool access_login(const struct access *a, const char *user, const char *password)
{
    unsigned char login[AUTH_DIGEST];

    return a->has_user && login_of(user, password, login) == 0 &&
           gnutls_memcmp(login, a->login, sizeof(login)) == 0;
}

bool access_peers_allowed(const struct node *n)
{
    return access_need(&n->access, ACCESS_PEERS) != ACCESS_CLOSED;
}

/* ---- calls to other nodes ---- */

int access_sign_call(struct node *n, const struct endpoint *to, const struct call *c,
                     struct headers *into, struct auth_proof *asked)
{
    if (!n->access.auth)
        return 0;
    return proof_sign_call(n->access.auth, to->text, c, proof_now_ms(), into, asked);
}

bool access_may_tell(struct access *a, unsigned reason, uint64_t *untold)
{
    uint64_t now = proof_now_ms(), told = a->told_ms[reason];

    if (told && now - told < TELL_EVERY_MS) {
        a->untold[reason]++;
        return false;
    }
    if (!atomic_compare_exchange_strong(&a->told_ms[reason], &told, now))
        return false;
    *untold = atomic_exchange(&a->untold[reason], 0);
    return true;
}

bool access_is_answer(struct node *n, const struct endpoint *from, const struct auth_proof *asked,
                      const struct http_response *r, char why[P2P_ERRLEN])
{
    struct access *a = &n->access;
    enum auth_verdict v = proof_of_answer(a->auth, asked, r, why);
    uint64_t untold;

    if (v == AUTH_OK)
        return true;
    a->answers[v]++;
    if (access_may_tell(a, ACCESS_ANSWERS, &untold))
        log_event(LOG_WARN, "answer of a peer not taken", LOG_STR("peer", from->text),
                  LOG_STR("why", why), LOG_INT("more", untold));
    return false;
}
