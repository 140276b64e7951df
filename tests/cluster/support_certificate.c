#include "tests/cluster/support_certificate.h"

#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DAY_SECONDS = 86400 };

static int write_file(const char *path, const gnutls_datum_t *pem)
{
    FILE *f = fopen(path, "we");
    int rc = -1;

    if (f && fwrite(pem->data, 1, pem->size, f) == pem->size)
        rc = 0;
    if (f && fclose(f))
        rc = -1;
    return rc;
}

static int fill(gnutls_x509_crt_t c, gnutls_x509_privkey_t key, const char *name)
{
    const unsigned char serial = 1;
    time_t now = time(NULL);

    return gnutls_x509_crt_set_version(c, 3) || gnutls_x509_crt_set_key(c, key) ||
           gnutls_x509_crt_set_serial(c, &serial, 1) ||
           gnutls_x509_crt_set_activation_time(c, now - DAY_SECONDS) ||
           gnutls_x509_crt_set_expiration_time(c, now + DAY_SECONDS) ||
           gnutls_x509_crt_set_dn_by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                         (unsigned)strlen(name)) ||
           gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name),
                                                GNUTLS_FSAN_SET) ||
           gnutls_x509_crt_set_basic_constraints(c, 1, -1) ||
           gnutls_x509_crt_sign2(c, c, key, GNUTLS_DIG_SHA256, 0);
}

int certificate_make(const char *name, const char *certificate_file, const char *key_file)
{
    gnutls_datum_t pem = {NULL, 0}, key_pem = {NULL, 0};
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t c = NULL;
    int rc = -1;

    if (gnutls_x509_privkey_init(&key) || gnutls_x509_crt_init(&c) ||
        gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) ||
        fill(c, key, name) || gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &pem) ||
        gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem))
        goto end;
    rc = write_file(certificate_file, &pem) || write_file(key_file, &key_pem) ? -1 : 0;
end:
    gnutls_free(pem.data);
    gnutls_free(key_pem.data);
    gnutls_x509_crt_deinit(c);
    gnutls_x509_privkey_deinit(key);
    return rc;
}
