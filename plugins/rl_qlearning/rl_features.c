/*
 * From a state to rows of values.
 *
 * table: each dimension is a whole number: the value rounded, or, with `bins`, the number
 * of the part of its range that it lies in.  tiles: `tilings` grids of `tiles` tiles a
 * dimension, each shifted against the others by a part of a tile; asymmetric shifts are
 * the first odd numbers, one a dimension, times the number of the tiling, which keeps the
 * shifted grids from lying along a diagonal (Sutton and Barto, 2nd edition, 9.5.4).
 * Values outside of the bounds count as the bound, what is no number as the lower one.
 */
#include <math.h>
#include <string.h>

#include "rl.h"

/* Floats have no more whole numbers than these without gaps. */
#define MOST_WHOLE 16777216.0F

static float within(float value, float lo, float hi)
{
    return value > lo ? (value < hi ? value : hi) : lo;
}

/* Of the range, from 0 to 1. */
static double share(const struct rl *r, double x, uint32_t d)
{
    double lo = r->lo[d], hi = r->hi[d];

    return (x - lo) / (hi - lo);
}

static int32_t whole(const struct rl *r, const float *state, uint32_t d)
{
    float x = within(state[d], r->lo[d], r->hi[d]);
    double part;

    if (r->bins == 0)
        return (int32_t)lrintf(x);
    part = share(r, x, d) * (double)r->bins;
    return part < (double)r->bins ? (int32_t)part : (int32_t)r->bins - 1;
}

/* How far a tiling is shifted, in tiles, below 1. */
static double shift(const struct rl *r, uint32_t tiling, uint32_t d)
{
    uint32_t n = r->n_features, step = r->offsets == RL_ASYMMETRIC ? 2 * d + 1 : 1;

    return (double)(tiling * step % n) / n;
}

static int32_t tile(const struct rl *r, const float *state, uint32_t tiling, uint32_t d)
{
    float x = within(state[d], r->lo[d], r->hi[d]);

    return (int32_t)(share(r, x, d) * (double)r->tiles + shift(r, tiling, d));
}

static const int32_t *key_of(struct rl *r, const float *state, uint32_t feature)
{
    for (uint32_t d = 0; d < r->n_dims; d++)
        r->key[d] = r->approximation == RL_TABLE ? whole(r, state, d) : tile(r, state, feature, d);
    r->key[r->n_dims] = (int32_t)feature;
    return r->key;
}

bool rl_key_is_sound(const struct rl *r, const int32_t *key)
{
    for (uint32_t d = 0; d < r->n_dims; d++) {
        double lo = 0, hi = (double)r->bins - 1;

        if (r->approximation == RL_TILES) {
            hi = (double)r->tiles;
        } else if (r->bins == 0) {
            lo = rintf(r->lo[d]);
            hi = rintf(r->hi[d]);
        }
        if (key[d] < lo || key[d] > hi)
            return false;
    }
    return key[r->n_dims] >= 0 && (uint32_t)key[r->n_dims] < r->n_features;
}

void rl_state_of(const struct rl *r, const int32_t *key, float *state)
{
    for (uint32_t d = 0; d < r->n_dims; d++) {
        double lo = r->lo[d], hi = r->hi[d];

        state[d] = r->bins ? (float)(lo + (key[d] + 0.5) / (double)r->bins * (hi - lo))
                           : within((float)key[d], r->lo[d], r->hi[d]);
    }
}

static void is_full(struct rl *r)
{
    ++*r->full;
    if (r->said_full)
        return;
    r->said_full = true;
    p2p_logf(r->host, P2P_LOG_WARN,
             "the table of values is full with %u rows: states that are new are not learned; a "
             "larger `memory`, fewer `bins` or `tiles`, or tighter bounds would help",
             r->table.n);
}

void rl_rows_add(struct rl *r, const float *state, struct rl_rows *out)
{
    bool whole_state = true;

    for (uint32_t i = 0; i < r->n_features; i++) {
        out->row[i] = rl_table_add(&r->table, key_of(r, state, i), r->initial / r->n_features);
        whole_state = whole_state && out->row[i] != RL_NO_ROW;
    }
    *r->entries = r->table.n;
    if (!whole_state)
        is_full(r);
}

void rl_rows_find(struct rl *r, const float *state, struct rl_rows *out)
{
    for (uint32_t i = 0; i < r->n_features; i++)
        out->row[i] = rl_table_find(&r->table, key_of(r, state, i));
}

double *rl_values(const struct rl *r, uint32_t row, uint32_t table)
{
    return rl_table_values(&r->table, row) + (size_t)table * r->n_actions;
}

void rl_read(const struct rl *r, const struct rl_rows *rows, uint32_t table, double *q)
{
    memset(q, 0, r->n_actions * sizeof(*q));
    for (uint32_t i = 0; i < r->n_features; i++) {
        const double *v = rows->row[i] == RL_NO_ROW ? NULL : rl_values(r, rows->row[i], table);

        for (uint32_t a = 0; a < r->n_actions; a++)
            q[a] += v ? v[a] : r->initial / r->n_features;
    }
}

double rl_read_one(const struct rl *r, const struct rl_rows *rows, uint32_t table, uint32_t action)
{
    double q = 0;

    for (uint32_t i = 0; i < r->n_features; i++)
        q += rows->row[i] == RL_NO_ROW ? r->initial / r->n_features
                                       : rl_values(r, rows->row[i], table)[action];
    return q;
}

void rl_allow(struct rl *r, const struct rl_rows *rows, uint64_t actions)
{
    for (uint32_t i = 0; i < r->n_features; i++)
        if (rows->row[i] != RL_NO_ROW)
            *rl_table_allowed(&r->table, rows->row[i]) |= actions;
}

/* A tile has seen other states too; what no tile has seen, this state has not. */
uint64_t rl_allowed(const struct rl *r, const struct rl_rows *rows)
{
    uint64_t allowed = r->all;

    for (uint32_t i = 0; i < r->n_features; i++)
        if (rows->row[i] != RL_NO_ROW && *rl_table_allowed(&r->table, rows->row[i]))
            allowed &= *rl_table_allowed(&r->table, rows->row[i]);
    return allowed ? allowed : r->all;
}

/* ---- start ---- */

static int copy_bounds(struct rl *r, const struct p2p_space *space, char *err)
{
    r->lo = r->host->alloc(r->host, 2 * sizeof(float) * space->n_dims);
    if (!r->lo) {
        snprintf(err, P2P_ERRLEN, "no memory for the bounds of %u dimensions", space->n_dims);
        return -1;
    }
    r->hi = r->lo + space->n_dims;
    for (uint32_t d = 0; d < space->n_dims; d++) {
        bool whole_numbers = r->approximation == RL_TABLE && r->bins == 0;

        if (!isfinite(space->lo[d]) || !isfinite(space->hi[d]) || space->lo[d] >= space->hi[d]) {
            snprintf(err, P2P_ERRLEN,
                     "the scheduler bounds dimension %u of its state by %g and %g; right would "
                     "be finite numbers, the lower one first",
                     d, (double)space->lo[d], (double)space->hi[d]);
            return -1;
        }
        r->lo[d] = whole_numbers ? within(space->lo[d], -MOST_WHOLE, MOST_WHOLE) : space->lo[d];
        r->hi[d] = whole_numbers ? within(space->hi[d], -MOST_WHOLE, MOST_WHOLE) : space->hi[d];
    }
    return 0;
}

static int make_tables(struct rl *r, char *err)
{
    uint32_t values = r->n_actions * (r->double_q ? 2 : 1);
    size_t half = (size_t)r->memory / 2;

    if (!rl_table_init(&r->table, r->host, half, r->n_dims + 1, values) ||
        !rl_table_init(&r->spare, r->host, half, r->n_dims + 1, values))
        goto none;
    if (r->table.most < r->n_features)
        goto none;
    r->line = r->host->alloc(r->host, r->table.stride);
    r->key = r->host->alloc(r->host, (r->n_dims + 1) * sizeof(*r->key));
    if (r->line && r->key)
        return 0;
none:
    if (r->table.most < r->n_features)
        snprintf(err, P2P_ERRLEN,
                 "memory is %lld bytes, which has no room for one state of %u rows of %zu bytes; "
                 "allowed: at least %zu",
                 (long long)r->memory, r->n_features, r->table.stride,
                 2 * rl_table_bytes(&r->table, r->n_features));
    else
        snprintf(err, P2P_ERRLEN, "memory is %lld bytes, which the host does not have",
                 (long long)r->memory);
    return -1;
}

int rl_features_init(struct rl *r, const struct p2p_space *space, char *err)
{
    if (space->n_dims == 0 || space->n_dims > RL_DIMS || space->n_actions == 0 ||
        space->n_actions > RL_ACTIONS) {
        snprintf(err, P2P_ERRLEN,
                 "the scheduler asks for %u dimensions and %u actions; allowed: 1 to %d and 1 to "
                 "%d",
                 space->n_dims, space->n_actions, RL_DIMS, RL_ACTIONS);
        return -1;
    }
    r->n_dims = space->n_dims;
    r->n_actions = space->n_actions;
    r->all = r->n_actions == RL_ACTIONS ? UINT64_MAX : (UINT64_C(1) << r->n_actions) - 1;
    r->n_features = r->approximation == RL_TABLE ? 1 : (uint32_t)r->tilings;
    return copy_bounds(r, space, err) ? -1 : make_tables(r, err);
}
