/*
 * access_check.c - what a request into this node has to show, and what it is told when
 * it does not.
 */
#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "host/access.h"
#include "host/job.h"
#include "host/log.h"
#include "host/page.h"
#include "host/proof.h"
#include "host/route.h"

#define LOGIN_SCHEME "Basic realm=\"p2pfaas\", charset=\"UTF-8\""

/* ---- addresses ---- */

enum { ADDRESS_TEXT = 64 };

/* "10.0.0.2:18080", "[::1]:18080", as struct endpoint has it. */
static void address_text(const struct sockaddr *address, char out[ADDRESS_TEXT])
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    char host[INET6_ADDRSTRLEN] = "";

    snprintf(out, ADDRESS_TEXT, "unknown");
    if (!address)
        return;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        snprintf(out, ADDRESS_TEXT, "%s:%u", host, ntohs(v4->sin_port));
    } else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], host, sizeof(host));
        snprintf(out, ADDRESS_TEXT, "%s:%u", host, ntohs(v6->sin6_port));
    } else if (address->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        snprintf(out, ADDRESS_TEXT, "[%s]:%u", host, ntohs(v6->sin6_port));
    }
}

static const struct sockaddr *client_of(const struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    return info ? info->client_addr : NULL;
}

/* The address of this node that the client called. */
static void called_address(const struct exchange *x, char out[ADDRESS_TEXT])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct sockaddr_storage here = {0};
    socklen_t size = sizeof(here);
    bool known = info && getsockname(info->connect_fd, (struct sockaddr *)&here, &size) == 0;

    address_text(known ? (struct sockaddr *)&here : NULL, out);
}

/* ---- told and counted ---- */

static void tell(struct access *a, unsigned reason, const char *why, const struct sockaddr *from)
{
    char address[ADDRESS_TEXT];
    uint64_t untold;

    if (!access_may_tell(a, reason, &untold))
        return;
    address_text(from, address);
    log_event(LOG_WARN, "refused", LOG_STR("from", address), LOG_STR("why", why),
              LOG_INT("more", untold));
}

void access_refused(struct node *n, const struct auth_finding *f, const struct sockaddr *from)
{
    char why[P2P_ERRLEN];

    n->access.messages[f->verdict]++;
    auth_explain(n->access.auth, f, why);
    tell(&n->access, f->verdict, why, from);
}

static void refuse_caller(struct exchange *x, enum access_refusal r, int status, const char *why)
{
    struct access *a = &x->shard->node->access;

    a->refusals[r]++;
    tell(a, AUTH_VERDICTS + (unsigned)r, why, client_of(x));
    exchange_error(x, status, CODE_GENERIC, "%s", why);
}

/* ---- administration ---- */

enum login { LOGIN_NONE, LOGIN_WRONG, LOGIN_RIGHT };

static void wipe(char *text)
{
    if (text)
        gnutls_memset(text, 0, strlen(text));
    MHD_free(text);
}

static enum login login_of(const struct exchange *x)
{
    char *password = NULL;
    char *user = MHD_basic_auth_get_username_password(x->connection, &password);
    enum login l = !user || !password                                      ? LOGIN_NONE
                   : access_login(&x->shard->node->access, user, password) ? LOGIN_RIGHT
                                                                           : LOGIN_WRONG;

    MHD_free(user);
    wipe(password);
    return l;
}

static void check_password(struct exchange *x)
{
    enum login l = login_of(x);

    if (l == LOGIN_RIGHT)
        return;
    exchange_header(x, MHD_HTTP_HEADER_WWW_AUTHENTICATE, LOGIN_SCHEME);
    if (l == LOGIN_WRONG)
        refuse_caller(x, ACCESS_WRONG_PASSWORD, MHD_HTTP_UNAUTHORIZED,
                      "user or password is wrong: see security.user of this node");
    else
        refuse_caller(x, ACCESS_NO_PASSWORD, MHD_HTTP_UNAUTHORIZED,
                      "administration of this node needs security.user and its password, by HTTP "
                      "basic");
}

static void refuse_closed(struct exchange *x)
{
    if (x->route->who & ACCESS_PEERS)
        refuse_caller(x, ACCESS_CLOSED_PEERS, MHD_HTTP_FORBIDDEN,
                      "peers are not served: this node listens beyond loopback and has no "
                      "security.secret; set it on all nodes, or security.trust_network");
    else
        refuse_caller(x, ACCESS_CLOSED_ADMINISTRATION, MHD_HTTP_FORBIDDEN,
                      "administration is not served: this node listens beyond loopback and has no "
                      "security.user and security.password; set them, or security.trust_network");
}

static const char *field_of(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

static bool is_on_loopback(const struct exchange *x)
{
    char here[ADDRESS_TEXT];

    called_address(x, here);
    return strncmp(here, "127.", 4) == 0 || strncmp(here, "[::1]", 5) == 0;
}

static bool check_site(struct exchange *x, enum access_need need)
{
    struct page_fields f = {.origin = field_of(x, "Origin"),
                            .site = field_of(x, "Sec-Fetch-Site"),
                            .host = field_of(x, MHD_HTTP_HEADER_HOST)};
    bool changes = strcmp(x->request.method, "GET") != 0 || x->route->methods & ROUTE_CHANGES;
    const char *why = NULL;

    /* What a peer forwards has the fields of its client. */
    if (x->route->who == ACCESS_EVERYONE || x->route->kind == ROUTE_PEER)
        return true;
    if (changes && page_is_of_other_site(&f))
        why = "a page of another site may not change this node: the request has an Origin, or a "
              "Sec-Fetch-Site, that is not this one";
    else if (need == ACCESS_NOTHING && f.host && !page_host_is_address(f.host) &&
             (page_asks(&f) || is_on_loopback(x)))
        why = "this node asks for no password, so its Host has to be an address or localhost: any "
              "site can give its name the address of this node, and have its pages ask it; set "
              "security.user and security.password for names";
    if (why)
        refuse_caller(x, ACCESS_OTHER_SITE, MHD_HTTP_FORBIDDEN, why);
    return !why;
}

/* ---- peers ---- */

static void refuse_message(struct exchange *x, const struct auth_finding *f)
{
    char why[P2P_ERRLEN];
    int status = f->verdict == AUTH_UNSIGNED ? MHD_HTTP_UNAUTHORIZED
                 : f->verdict == AUTH_FULL   ? MHD_HTTP_SERVICE_UNAVAILABLE
                                             : MHD_HTTP_FORBIDDEN;

    access_refused(x->shard->node, f, client_of(x));
    auth_explain(x->shard->node->access.auth, f, why);
    if (f->verdict == AUTH_UNSIGNED)
        exchange_header(x, MHD_HTTP_HEADER_WWW_AUTHENTICATE, PROOF_HEADER);
    exchange_error(x, status, CODE_GENERIC, "%s", why);
}

/* A peer that knows this node by another of its addresses than the one that it tells
 * everybody is a peer too. */
static void judge(const struct exchange *x, struct auth_finding *f)
{
    struct node *n = x->shard->node;
    bool of_peer = route_is_of_peer(x->route);
    const struct headers *internal = &((const struct job *)x)->peer_headers;
    struct proof_request rq = {
        .to = n->advertised.text,
        .method = x->request.method,
        .target = x->uri.data,
        .internal = of_peer ? internal : NULL,
        .headers = of_peer ? &x->request.headers : NULL,
        .text = of_peer ? headers_get(internal, PROOF_HEADER)
                        : MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, PROOF_HEADER),
    };
    char here[ADDRESS_TEXT];

    if (proof_of_request(n->access.auth, &rq, proof_now_ms(), f) != AUTH_FORGED)
        return;
    called_address(x, here);
    rq.to = here;
    if (strcmp(here, n->advertised.text) != 0)
        proof_of_request(n->access.auth, &rq, proof_now_ms(), f);
}

static void check_proof(struct exchange *x)
{
    struct auth_finding f;

    judge(x, &f);
    if (f.verdict == AUTH_OK) {
        x->proven = true;
        x->proof = f.proof;
    } else {
        refuse_message(x, &f);
    }
}

/* ---- */

void access_check(struct exchange *x)
{
    const struct access *a = &x->shard->node->access;
    unsigned both = ACCESS_PEERS | ACCESS_ADMINISTRATION;
    enum access_need need = access_need(a, x->route->who);

    if (!check_site(x, need) || need == ACCESS_NOTHING)
        return;
    if ((x->route->who & both) == both && login_of(x) == LOGIN_RIGHT)
        return;
    if (need == ACCESS_PROOF)
        check_proof(x);
    else if (need == ACCESS_PASSWORD)
        check_password(x);
    else
        refuse_closed(x);
}

void access_check_body(struct exchange *x)
{
    struct auth_finding f = {.verdict = AUTH_FORGED};

    if (!auth_body_is(&x->proof, x->request.body.data, x->request.body.len))
        refuse_message(x, &f);
}

void access_sign_answer(struct exchange *x)
{
    /* Without its proof, for want of memory, nobody believes it. */
    proof_sign_answer(x->shard->node->access.auth, &x->proof, proof_now_ms(), &x->response);
}
