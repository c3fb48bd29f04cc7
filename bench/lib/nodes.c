/* SPDX-License-Identifier: BSD-2-Clause */
/* nodes: a store of many content nodes, and what it costs to read and to find them.

     nodes DIRECTORY COUNT ROUNDS

   Makes COUNT nodes in an empty directory: 20 owners, 8 reaches, 5 formats, 3 of 200
   tags each, the first tags being frequent. Then prints a line for each case: its
   name, its unit, the median and the worst of ROUNDS. A page is 100 nodes with their
   JSON from a random place on, the gate's own look left out. "opened": the first one
   of a store that was just opened; "from disk": when moreover the kernel had none of
   its pages, so that it measures the disk. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backend/os/clock.h"
#include "backend/os/thread.h"
#include "backend/store/node_find.h"
#include "common/base/num.h"

#define THREADS 64u
#define OWNERS  20u
#define TAGS    200u
#define FORMATS 5u
#define PAGE    100u
#define BUDGET  100000u
#define POINTS  2000u
#define COLD    5u

static const char *const formats[FORMATS] = { "video-file", "audio-file",
                                              "document", "markdown", "epub" };

typedef struct {
    elo_store_t *s;
    uint32_t from, n;
} worker_t;

typedef struct {
    const char *name;
    elo_node_facet_t all[3];
    uint32_t n_all;
    uint32_t owners; /* of any: his reach commons or local */
} case_t;

typedef struct {
    uint32_t n;
    elo_buf_t json;
} page_t;


static void
must(elo_err_t rc, const char *what)
{
    if (rc != ELO_OK) {
        fprintf(stderr, "nodes: %s: %s\n", what, elo_strerror(rc));
        exit(1);
    }
}


static uint32_t
hash(uint32_t x, uint32_t salt)
{
    uint64_t z = ((uint64_t) salt << 32 | x) + UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t) (z >> 32);
}


static elo_agent_t
owner_of(uint32_t n)
{
    elo_agent_t a = { { 0 } };

    a.b[0] = (uint8_t) (n + 1);
    a.b[31] = 7;
    return a;
}


static void
id_of(uint32_t n, char out[32])
{
    snprintf(out, 32, "content-%08x", hash(n, 1));
}


/* The lower a tag, the more nodes have it: the first a tenth, the last one in some
   thousands. */
static uint32_t
tag_of(uint32_t n, uint32_t k)
{
    uint64_t x = hash(n, 10 + k), y = x * x >> 32; /* of 2^32, mostly low */

    return (uint32_t) ((y * x >> 32) * TAGS >> 32);
}


static void
tag_name(uint32_t tag, char out[16])
{
    snprintf(out, 16, "tag-%u", tag);
}


static void
put_one(elo_store_t *s, uint32_t n)
{
    char id[32], tags[3][16], json[700];
    elo_node_facet_t f[4];
    elo_node_t node = { .version = 1,
                        .reach = (elo_reach_t) (hash(n, 2) % ELO_REACH_COUNT),
                        .life = hash(n, 3) % 20 == 0 ? ELO_NODE_DEPRECATED
                                                     : ELO_NODE_PUBLISHED,
                        .owner = owner_of(hash(n, 4) % OWNERS),
                        .created_at = 1700000000 + n,
                        .updated_at = 1700000000 + n,
                        .due_s = hash(n, 5) % 4 == 0 ? 1800000000 + n : 0,
                        .n_facets = 4,
                        .facets = f };
    int len;

    id_of(n, id);
    node.id = elo_slice_str(id);
    f[0] = (elo_node_facet_t){ .dim = ELO_NODE_FORMAT,
                               .text = elo_slice_str(
                                   formats[hash(n, 6) % FORMATS]) };
    for (uint32_t k = 0; k < 3; k++) {
        tag_name(tag_of(n, k), tags[k]);
        f[1 + k] = (elo_node_facet_t){ .dim = ELO_NODE_TAG,
                                       .text = elo_slice_str(tags[k]) };
    }
    len = snprintf(json, sizeof(json),
                   "{\"id\":\"%s\",\"version\":1,\"title\":\"Content %u\","
                   "\"description\":\"%0400u\",\"tags\":[\"%s\",\"%s\","
                   "\"%s\"]}",
                   id, n, n, tags[0], tags[1], tags[2]);
    node.json = elo_slice(json, (size_t) len);
    elo_err_t rc = elo_store_node_put(s, &node, 0, false);

    if (rc != ELO_EEXISTS) { /* two numbers with one hash */
        must(rc, "put");
    }
}


static void
work(void *arg)
{
    worker_t *w = arg;

    for (uint32_t i = 0; i < w->n; i++) {
        put_one(w->s, w->from + i);
    }
}


static void
fill(elo_store_t *s, uint32_t count)
{
    elo_thread_t t[THREADS];
    worker_t w[THREADS];

    for (uint32_t i = 0; i < THREADS; i++) {
        uint32_t from = (uint32_t) ((uint64_t) count * i / THREADS);
        uint32_t to = (uint32_t) ((uint64_t) count * (i + 1) / THREADS);

        w[i] = (worker_t){ s, from, to - from };
        must(elo_thread_create(&t[i], "put", work, &w[i]), "thread");
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        elo_thread_join(&t[i]);
    }
}


static elo_store_t *
store_open(const char *dir)
{
    elo_store_cfg_t cfg = { .root = dir,
                            .map_bytes = UINT64_C(8) << 30,
                            .group = -1 };
    elo_store_t *s;

    must(elo_store_open(&cfg, &s, NULL), "open");
    return s;
}


/* ---- measuring ---- */

static int
double_cmp(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}


static void
print(const char *name, const char *unit, double *took, uint32_t n)
{
    qsort(took, n, sizeof(*took), double_cmp);
    printf("%s\t%s\t%.4f\t%.4f\n", name, unit, took[n / 2], took[n - 1]);
    fflush(stdout);
}


static double
us_since(uint64_t start)
{
    return (double) (elo_clock_mono_ns() - start) / 1000;
}


static void
points(elo_store_t *s, uint32_t count)
{
    static double get[POINTS], head[POINTS];
    elo_node_head_t h;
    elo_buf_t json;
    char id[32];

    elo_buf_init(&json, ELO_CONTENT_JSON_MAX);
    for (uint32_t i = 0; i < POINTS; i++) {
        uint64_t start;

        id_of(hash(i, 20) % count, id);
        start = elo_clock_mono_ns();
        must(elo_store_node_head(s, elo_slice_str(id), &h), "head");
        head[i] = us_since(start);
        id_of(hash(i, 21) % count, id);
        elo_buf_clear(&json);
        start = elo_clock_mono_ns();
        must(elo_store_node_get(s, elo_slice_str(id), 0, &json, NULL, NULL),
             "get");
        get[i] = us_since(start);
    }
    elo_buf_dispose(&json);
    print("get", "us", get, POINTS);
    print("head", "us", head, POINTS);
}


static bool
add(void *ctx, const elo_node_hit_t *hit)
{
    page_t *p = ctx;

    must(elo_node_hit_json(hit, &p->json), "json");
    return ++p->n < PAGE;
}


static double
page(elo_store_t *s, const case_t *c, uint32_t round)
{
    elo_node_facet_t any[2 * OWNERS];
    elo_node_query_t q = {
        .all = c->all, .n_all = c->n_all, .is_some = c->owners > 0, .any = any
    };
    elo_node_at_t at = { .budget = BUDGET };
    page_t p = { .n = 0 };
    uint64_t start;
    double took;

    for (uint32_t i = 0; i < c->owners; i++) {
        any[q.n_any++] =
            (elo_node_facet_t){ .dim = ELO_NODE_OWNER_REACH,
                                .agent = owner_of(i / 2),
                                .reach = i % 2 == 0 ? ELO_REACH_LOCAL
                                                    : ELO_REACH_REGIONAL };
    }
    if (round % 2 == 1) { /* half of them begin somewhere */
        snprintf(at.id, sizeof(at.id), "content-%08x", hash(round, 30) / 2);
    }
    elo_buf_init(&p.json, UINT64_C(64) << 20);
    start = elo_clock_mono_ns();
    must(elo_store_node_find(s, &q, &at, add, &p), c->name);
    took = us_since(start) / 1000;
    elo_buf_dispose(&p.json);
    if (p.n < PAGE && !at.is_end) {
        fprintf(stderr, "nodes: %s: %u of a page in %u candidates\n", c->name,
                p.n, BUDGET);
    }
    return took;
}


static int
give_back(const char *path, const struct stat *st, int type, struct FTW *at)
{
    int fd;

    (void) st;
    (void) at;
    if (type == FTW_F && (fd = open(path, O_RDONLY | O_CLOEXEC)) != -1) {
        elo_ignore(fdatasync(fd)); /* dirty pages aren't given back */
        elo_ignore(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
        close(fd);
    }
    return 0;
}


/* The first page of a store that was just opened. */
static double
page_of_new(elo_store_t **s, const char *dir, const case_t *c, uint32_t round,
            bool is_from_disk)
{
    elo_store_close(s);
    if (is_from_disk) {
        nftw(dir, give_back, 16, FTW_PHYS);
    }
    *s = store_open(dir);
    return page(*s, c, round);
}


#define TEXT(d, s)                                                             \
    {                                                                          \
        .dim = (d), .text = {(const uint8_t *) (s), sizeof(s) - 1 }            \
    }

static const case_t cases[] = {
    { .name = "everything" },
    { .name = "tag", .all = { TEXT(ELO_NODE_TAG, "tag-7") }, .n_all = 1 },
    { .name = "tag+format",
      .all = { TEXT(ELO_NODE_TAG, "tag-7"),
               TEXT(ELO_NODE_FORMAT, "video-file") },
      .n_all = 2 },
    { .name = "owner+reach of 10", .owners = 10 },
    { .name = "tag, owner+reach of 10",
      .all = { TEXT(ELO_NODE_TAG, "tag-2") },
      .n_all = 1,
      .owners = 10 },
    { .name = "rare",
      .all = { TEXT(ELO_NODE_TAG, "tag-190"), TEXT(ELO_NODE_TAG, "tag-150"),
               TEXT(ELO_NODE_FORMAT, "epub") },
      .n_all = 3 },
};


int
main(int argc, char **argv)
{
    uint32_t count, rounds;
    elo_store_t *s;

    if (argc != 4) {
        fprintf(stderr, "usage: nodes DIRECTORY COUNT ROUNDS\n");
        return 2;
    }
    count = (uint32_t) strtoul(argv[2], NULL, 10);
    rounds = (uint32_t) strtoul(argv[3], NULL, 10);
    rounds = ELO_MAX(ELO_MIN(rounds, 1000), 2);
    s = store_open(argv[1]);
    fill(s, count);
    for (size_t i = 0; i < ELO_COUNT(cases); i++) {
        double none[COLD], opened[COLD], warm[1000];
        char name[64];

        for (uint32_t k = 0; k < COLD; k++) {
            none[k] = page_of_new(&s, argv[1], &cases[i], k, true);
        }
        for (uint32_t k = 0; k < COLD; k++) {
            opened[k] = page_of_new(&s, argv[1], &cases[i], k, false);
        }
        for (uint32_t k = 0; k < rounds; k++) {
            warm[k] = page(s, &cases[i], k);
        }
        snprintf(name, sizeof(name), "page %s", cases[i].name);
        print(name, "ms", warm, rounds);
        snprintf(name, sizeof(name), "page %s, opened", cases[i].name);
        print(name, "ms", opened, COLD);
        snprintf(name, sizeof(name), "page %s, from disk", cases[i].name);
        print(name, "disk ms", none, COLD);
    }
    points(s, count);
    elo_store_close(&s);
    return 0;
}
