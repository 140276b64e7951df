/*
 * fake_peer.h - a peer to the byte: a thread with a socket that keeps what it was sent
 * and answers what the test says.
 */
#ifndef TESTS_CLUSTER_FAKE_PEER_H
#define TESTS_CLUSTER_FAKE_PEER_H

#include <stdbool.h>
#include <stddef.h>

struct fake_peer;

/* Listens on 127.0.0.HOST, any port.  Fails the program when it cannot. */
struct fake_peer *fake_peer_new(unsigned host);
void fake_peer_free(struct fake_peer *f);
const char *fake_peer_address(const struct fake_peer *f);

/* To a probe, GET /monitoring/load, from now on; load below 0: without the headers. */
void fake_peer_has_load(struct fake_peer *f, int load, int queue);
/* To all else: these bytes; NULL: it closes without an answer. */
void fake_peer_answers(struct fake_peer *f, const void *bytes, size_t len);
/* To all else: nothing, and the connection stays. */
void fake_peer_hangs(struct fake_peer *f);
/* Connections stay open after an answer. */
void fake_peer_keeps_alive(struct fake_peer *f);
/* Takes no connections any more, and takes them again on the same port. */
void fake_peer_close(struct fake_peer *f);
void fake_peer_open(struct fake_peer *f);

/* Since the last fake_peer_forget. */
unsigned fake_peer_calls(struct fake_peer *f);
unsigned fake_peer_probes(struct fake_peer *f);
unsigned fake_peer_connections(struct fake_peer *f);
void fake_peer_forget(struct fake_peer *f);
/* The last request of each kind as it came, zero-terminated; "" when there was none.
 * Kept until the next. */
const char *fake_peer_last_call(struct fake_peer *f);
const char *fake_peer_last_probe(struct fake_peer *f);

/* ---- the other direction ---- */

struct raw_reply {
    size_t len;
    char text[256 << 10]; /* zero-terminated */
};
/* Connects, sends the bytes, reads until the other side closes, 20 s at most. */
void raw_call(const char *address, const void *bytes, size_t len, struct raw_reply *out);
/* In two steps, with something between them. */
int raw_connect(const char *address);
void raw_send(int fd, const void *bytes, size_t len);
void raw_expect(int fd, const char *text);    /* exactly these bytes come next */
void raw_read(int fd, struct raw_reply *out); /* closes */

#endif
