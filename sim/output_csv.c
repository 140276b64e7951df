/*
 * Results as CSV.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/output.h"
#include "sim/table.h"

enum kind { POINTS, PARTS, BATCHES, NODES, COUNTERS, WARNINGS, KINDS };
static const char *const stems[KINDS] = {"points", "parts",    "batches",
                                         "nodes",  "counters", "warnings"};

struct csv {
    FILE *file[KINDS];
    char *path[KINDS], *unfinished[KINDS];
    bool nodes;
};

static void metric_names(FILE *f, bool with_half)
{
    for (enum metric m = 0; m < METRICS; m++) {
        fprintf(f, ",%s", metric_info[m].name);
        if (with_half)
            fprintf(f, ",%s_half", metric_info[m].name);
    }
    putc('\n', f);
}

static void headers(struct csv *c, const struct output_target *to)
{
    FILE *f = c->file[POINTS];

    fputs("point", f);
    for (unsigned i = 0; i < to->n_axes; i++) {
        putc(',', f);
        table_text(f, to->axis[i]);
    }
    fputs(",intervals,samples,level,seconds,jobs,ran,full,rejected,late,failed,warnings", f);
    metric_names(f, true);
    fputs("point,part,name,jobs", c->file[PARTS]);
    metric_names(c->file[PARTS], true);
    fputs("point,replication,batch,from_s,to_s,jobs", c->file[BATCHES]);
    metric_names(c->file[BATCHES], false);
    if (c->nodes)
        fputs("point,replication,node,group,slots,arrived,answered,lost,mean,ran_here,busy_s,"
              "utilisation\n",
              c->file[NODES]);
    fputs("point,scheduler,name,count\n", c->file[COUNTERS]);
    fputs("point,warning\n", c->file[WARNINGS]);
}

static int end(struct csv *c, bool keep, char err[P2P_ERRLEN])
{
    int rc = 0;

    for (enum kind k = 0; k < KINDS; k++) {
        FILE *f = c->file[k];
        bool bad = f && ferror(f);

        if (f && (fclose(f) || bad || (keep && rc == 0 && rename(c->unfinished[k], c->path[k])))) {
            snprintf(err, P2P_ERRLEN, "%s: %s", c->unfinished[k],
                     errno ? strerror(errno) : "could not be written");
            rc = -1;
        }
        if (f && (!keep || rc))
            unlink(c->unfinished[k]);
        free(c->path[k]);
        free(c->unfinished[k]);
    }
    free(c);
    return rc;
}

static void *csv_open(const struct output_target *to, char err[P2P_ERRLEN])
{
    struct csv *c = calloc(1, sizeof(*c));

    if (!c) {
        snprintf(err, P2P_ERRLEN, "%s: no memory", to->folder);
        return NULL;
    }
    c->nodes = to->nodes;
    for (enum kind k = 0; k < KINDS; k++) {
        char path[PATH_MAX], ignored[P2P_ERRLEN];

        if (k == NODES && !to->nodes)
            continue;
        output_path(path, sizeof(path), to, stems[k], "csv");
        c->path[k] = strdup(path);
        output_path(path, sizeof(path), to, stems[k], "csv.part");
        c->unfinished[k] = strdup(path);
        if (c->path[k] && c->unfinished[k])
            c->file[k] = fopen(path, "we");
        if (!c->file[k]) {
            snprintf(err, P2P_ERRLEN, "%s: %s", path, strerror(errno));
            end(c, false, ignored);
            return NULL;
        }
    }
    headers(c, to);
    return c;
}

static void estimates(FILE *f, const struct estimate *value)
{
    for (enum metric m = 0; m < METRICS; m++) {
        putc(',', f);
        table_number(f, value[m].value);
        putc(',', f);
        table_number(f, value[m].half_width);
    }
    putc('\n', f);
}

static void write_point(FILE *f, const struct point *p, const struct summary *s)
{
    fprintf(f, "%u", p->index);
    for (unsigned i = 0; i < p->n_axes; i++) {
        putc(',', f);
        table_text(f, p->value[i]);
    }
    fprintf(f, ",%s,%u,", s->replicated ? "replications" : "batches", s->n_samples);
    table_number(f, s->level);
    putc(',', f);
    table_number(f, s->seconds);
    fprintf(f, ",%" PRIu64, s->jobs);
    for (unsigned e = 0; e < JOB_ENDS; e++)
        fprintf(f, ",%" PRIu64, s->ended[e]);
    fprintf(f, ",%u", s->n_warnings);
    estimates(f, s->value);
}

static void write_parts(FILE *f, const struct point *p, const struct summary *s)
{
    static const char *const names[] = {[PART_GROUP] = "group", [PART_FUNCTION] = "function"};

    for (unsigned kind = 0; kind < 2; kind++) {
        for (unsigned i = 0; i < s->n_parts[kind]; i++) {
            fprintf(f, "%u,%s,", p->index, names[kind]);
            table_text(f, s->part[kind][i].name);
            fprintf(f, ",%" PRIu64, s->part[kind][i].jobs);
            estimates(f, s->part[kind][i].value);
        }
    }
}

static void write_batches(FILE *f, const struct point *p, const struct result *r,
                          unsigned replication)
{
    for (unsigned b = 0; b < r->complete; b++) {
        fprintf(f, "%u,%u,%u,", p->index, replication, b);
        table_number(f, ((double)r->from_ns + b * (double)r->batch_ns) / 1e9);
        putc(',', f);
        table_number(f, ((double)r->from_ns + (b + 1.0) * (double)r->batch_ns) / 1e9);
        fprintf(f, ",%" PRIu64, tally_jobs(&r->batch[b]));
        for (enum metric m = 0; m < METRICS; m++) {
            putc(',', f);
            table_number(f, result_batch_metric(r, b, m));
        }
        putc('\n', f);
    }
}

static void write_nodes(FILE *f, const struct point *p, const struct result *r,
                        unsigned replication)
{
    for (unsigned g = 0; g < r->scenario->n_groups; g++) {
        const struct group_config *group = &r->scenario->group[g];

        for (uint32_t i = r->first_node[g]; i < r->first_node[g + 1]; i++) {
            const struct node_result *n = &r->node[i];

            fprintf(f, "%u,%u,%" PRIu32 ",", p->index, replication, i);
            table_text(f, group->name);
            fprintf(f, ",%" PRId64 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",", group->slots,
                    n->arrived, n->answered, n->lost);
            table_number(f, node_metric(r, i, METRIC_MEAN));
            fprintf(f, ",%" PRIu32 ",", n->ran_here);
            table_number(f, (double)n->busy_ns / 1e9);
            putc(',', f);
            table_number(f, node_metric(r, i, METRIC_UTILISATION));
            putc('\n', f);
        }
    }
}

static void write_counters(FILE *f, const struct point *p, const struct summary *s)
{
    for (unsigned i = 0; i < s->n_counters; i++) {
        fprintf(f, "%u,", p->index);
        table_text(f, s->counter[i].scheduler ? s->counter[i].scheduler : "");
        putc(',', f);
        table_text(f, s->counter[i].name);
        fprintf(f, ",%" PRIu64 "\n", s->counter[i].n);
    }
}

static int csv_point(void *self, const struct point *p, const struct summary *s,
                     const struct result *const *results, unsigned n, char err[P2P_ERRLEN])
{
    struct csv *c = self;

    write_point(c->file[POINTS], p, s);
    write_parts(c->file[PARTS], p, s);
    for (unsigned r = 0; r < n; r++) {
        write_batches(c->file[BATCHES], p, results[r], r);
        if (c->nodes)
            write_nodes(c->file[NODES], p, results[r], r);
    }
    write_counters(c->file[COUNTERS], p, s);
    for (unsigned i = 0; i < s->n_warnings; i++) {
        fprintf(c->file[WARNINGS], "%u,", p->index);
        table_text(c->file[WARNINGS], s->warning[i]);
        putc('\n', c->file[WARNINGS]);
    }
    for (enum kind k = 0; k < KINDS; k++) {
        if (c->file[k] && fflush(c->file[k])) {
            snprintf(err, P2P_ERRLEN, "%s: %s", c->unfinished[k], strerror(errno));
            return -1;
        }
    }
    return 0;
}

static int csv_close(void *self, bool keep, char err[P2P_ERRLEN])
{
    return end(self, keep, err);
}

const struct output output_csv = {
    .name = "csv", .open = csv_open, .point = csv_point, .close = csv_close};
