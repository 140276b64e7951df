/*
 * swim_wire.c - the bytes of datagrams and full exchanges.
 *
 *   head     "P2S" or "P2X", version, address of the sender
 *   message  type, length of the body as varint, body; a type that is not known is skipped,
 *            so is what follows in a body behind what is known
 *   address  4 or 6, then 4 or 16 bytes and the port
 *   text     length, bytes, no control characters
 *   numbers  big-endian, or LEB128 ("varint") where most are small
 */
#include <string.h>

#include "host/discovery/swim_private.h"

enum {
    VERSION = 1,
    FLAG_STATE = 0x03,
    FLAG_REFUTES = 0x04,
    FLAG_ACCUSED = 0x08,
    VAR_BYTES = 5 /* of 32 bits */
};

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const struct swim_address *a)
{
    return memcmp(a->ip, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool swim_address_valid(const struct swim_address *a)
{
    static const uint8_t zero[16];
    bool v4 = is_v4(a);

    if (a->port == 0 || memcmp(a->ip, zero, sizeof(zero)) == 0)
        return false;
    if (v4)
        return memcmp(a->ip + 12, zero, 4) != 0 && a->ip[12] < 224;
    return a->ip[0] != 0xff;
}

bool swim_text_valid(const char *text, size_t len)
{
    if (len > SWIM_TEXT_MOST)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return true;
}

/* ---- out */

static void put(struct swim_writer *w, const void *bytes, size_t n)
{
    if (w->full || n > w->size - w->len) {
        w->full = true;
        return;
    }
    memcpy(w->data + w->len, bytes, n);
    w->len += n;
}

static void put_u8(struct swim_writer *w, uint8_t v)
{
    put(w, &v, 1);
}

static void put_u16(struct swim_writer *w, uint16_t v)
{
    put(w, (const uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put_u32(struct swim_writer *w, uint32_t v)
{
    put_u16(w, (uint16_t)(v >> 16));
    put_u16(w, (uint16_t)v);
}

static size_t var_bytes(uint32_t v, uint8_t out[VAR_BYTES])
{
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        out[n++] = (uint8_t)(v | 0x80);
    out[n++] = (uint8_t)v;
    return n;
}

static void put_var(struct swim_writer *w, uint32_t v)
{
    uint8_t bytes[VAR_BYTES];

    put(w, bytes, var_bytes(v, bytes));
}

static void put_address(struct swim_writer *w, const struct swim_address *a)
{
    bool v4 = is_v4(a);

    put_u8(w, v4 ? 4 : 6);
    put(w, v4 ? a->ip + 12 : a->ip, v4 ? 4 : 16);
    put_u16(w, a->port);
}

static void put_text(struct swim_writer *w, const char *text)
{
    size_t n = strlen(text);

    put_u8(w, (uint8_t)n);
    put(w, text, n);
}

static size_t begin(struct swim_writer *w, enum swim_message type)
{
    size_t mark = w->len;

    w->full = false;
    put_u8(w, (uint8_t)type);
    return mark;
}

/* The length goes between type and body once it is known. */
static bool end(struct swim_writer *w, size_t mark)
{
    uint8_t length[VAR_BYTES];
    size_t body = w->full ? 0 : w->len - mark - 1;
    size_t n = var_bytes((uint32_t)body, length);

    if (w->full || n > w->size - w->len) {
        w->len = mark;
        return false;
    }
    memmove(w->data + mark + 1 + n, w->data + mark + 1, body);
    memcpy(w->data + mark + 1, length, n);
    w->len += n;
    return true;
}

bool swim_put_head(struct swim_writer *w, bool exchange, const struct swim_address *sender)
{
    w->len = 0;
    w->full = false;
    put(w, exchange ? "P2X" : "P2S", 3);
    put_u8(w, VERSION);
    put_address(w, sender);
    return !w->full;
}

bool swim_put_number(struct swim_writer *w, enum swim_message type, uint32_t number)
{
    size_t mark = begin(w, type);

    put_u32(w, number);
    return end(w, mark);
}

bool swim_put_target(struct swim_writer *w, enum swim_message type, uint32_t seq,
                     const struct swim_address *target)
{
    size_t mark = begin(w, type);

    put_u32(w, seq);
    put_address(w, target);
    return end(w, mark);
}

bool swim_put_record(struct swim_writer *w, const struct swim_entry *e)
{
    const struct swim_member *m = &e->m;
    bool accused = m->state == SWIM_SUSPECT && e->n_accusers;
    size_t mark = begin(w, MESSAGE_MEMBER);

    put_u8(w, (uint8_t)((unsigned)m->state | (e->refutes ? FLAG_REFUTES : 0) |
                        (accused ? FLAG_ACCUSED : 0)));
    put_address(w, &m->address);
    put_u16(w, m->http_port);
    put_u32(w, m->incarnation);
    put_var(w, m->slots);
    put_u32(w, m->functions_hash);
    put_text(w, m->id);
    put_text(w, m->group);
    if (accused)
        put_address(w, &e->accusers[e->n_accusers - 1]);
    return end(w, mark);
}

static void put_load_numbers(struct swim_writer *w, const struct swim_load *load)
{
    put_var(w, load->load);
    put_var(w, load->queue);
    put_var(w, load->slots);
}

bool swim_put_own_load(struct swim_writer *w, const struct swim_load *load)
{
    size_t mark = begin(w, MESSAGE_OWN_LOAD);

    put_load_numbers(w, load);
    return end(w, mark);
}

/* The age is rounded up, so that what goes round never seems younger than it is. */
bool swim_put_load(struct swim_writer *w, const struct swim_member *m, uint64_t now)
{
    uint64_t age_ms = (now - m->load.heard_ns) / SWIM_MS + 1;
    size_t mark = begin(w, MESSAGE_LOAD);

    put_address(w, &m->address);
    put_var(w, (uint32_t)age_ms);
    put_load_numbers(w, &m->load);
    return end(w, mark);
}

bool swim_put_functions(struct swim_writer *w, const struct swim_set *set)
{
    size_t mark = begin(w, MESSAGE_FUNCTIONS);

    put_u32(w, set->hash);
    put_var(w, set->n);
    for (uint32_t i = 0; i < set->n; i++)
        put_text(w, set->names[i]);
    return end(w, mark);
}

/* ---- in */

static const uint8_t *get(struct swim_reader *r, size_t n)
{
    const uint8_t *at = r->at;

    if (r->bad || n > (size_t)(r->end - r->at)) {
        r->bad = true;
        return NULL;
    }
    r->at += n;
    return at;
}

static uint8_t get_u8(struct swim_reader *r)
{
    const uint8_t *p = get(r, 1);

    return p ? p[0] : 0;
}

static uint16_t get_u16(struct swim_reader *r)
{
    const uint8_t *p = get(r, 2);

    return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

uint32_t swim_get_u32(struct swim_reader *r)
{
    const uint8_t *p = get(r, 4);

    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

uint32_t swim_get_var(struct swim_reader *r)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < VAR_BYTES; i++) {
        uint8_t b = get_u8(r);

        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (!(b & 0x80)) {
            r->bad |= v > UINT32_MAX;
            return r->bad ? 0 : (uint32_t)v;
        }
    }
    r->bad = true;
    return 0;
}

void swim_get_address(struct swim_reader *r, struct swim_address *a)
{
    unsigned family = get_u8(r);
    const uint8_t *ip = get(r, family == 4 ? 4 : 16);

    memset(a, 0, sizeof(*a));
    if (family != 4 && family != 6)
        r->bad = true;
    if (!ip)
        return;
    if (family == 4) {
        memcpy(a->ip, v4_prefix, sizeof(v4_prefix));
        memcpy(a->ip + 12, ip, 4);
    } else {
        memcpy(a->ip, ip, 16);
    }
    a->port = get_u16(r);
    if (!swim_address_valid(a))
        r->bad = true;
}

void swim_get_text(struct swim_reader *r, char text[SWIM_TEXT_MOST + 1])
{
    size_t n = get_u8(r);
    const uint8_t *p = get(r, n);

    text[0] = '\0';
    if (!p)
        return;
    if (!swim_text_valid((const char *)p, n)) {
        r->bad = true;
        return;
    }
    memcpy(text, p, n);
    text[n] = '\0';
}

void swim_get_head(struct swim_reader *r, bool exchange, struct swim_address *sender)
{
    const uint8_t *magic = get(r, 4);

    if (magic && (memcmp(magic, exchange ? "P2X" : "P2S", 3) != 0 || magic[3] != VERSION))
        r->bad = true;
    swim_get_address(r, sender);
}

unsigned swim_get_message(struct swim_reader *r, struct swim_reader *body)
{
    unsigned type;
    size_t n;

    if (r->bad || r->at == r->end)
        return 0;
    type = get_u8(r);
    n = swim_get_var(r);
    body->at = get(r, n);
    if (!body->at || type == 0) {
        r->bad = true;
        return 0;
    }
    body->end = body->at + n;
    body->bad = false;
    return type;
}

void swim_get_record(struct swim_reader *r, struct swim_record *record)
{
    unsigned flags = get_u8(r);

    memset(record, 0, sizeof(*record));
    record->m.state = (enum swim_state)(flags & FLAG_STATE);
    record->refutes = flags & FLAG_REFUTES;
    record->accused = flags & FLAG_ACCUSED;
    swim_get_address(r, &record->m.address);
    record->m.http_port = get_u16(r);
    record->m.incarnation = swim_get_u32(r);
    record->m.slots = swim_get_var(r);
    record->m.functions_hash = swim_get_u32(r);
    swim_get_text(r, record->m.id);
    swim_get_text(r, record->m.group);
    if (record->accused)
        swim_get_address(r, &record->accuser);
    if (record->m.incarnation > SWIM_INCARNATION_MOST)
        r->bad = true;
}

void swim_get_load(struct swim_reader *r, struct swim_load *load)
{
    load->load = swim_get_var(r);
    load->queue = swim_get_var(r);
    load->slots = swim_get_var(r);
}
