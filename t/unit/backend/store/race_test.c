/* SPDX-License-Identifier: BSD-2-Clause */
/* Everything at the same time: puts small and large, clear and sealed, of three
   agents, removals, nodes that refer and let go, readers, checkpoints and
   compaction. A reader gets right bytes or none; in the end rows, files, totals
   and usage agree, also after a start without an index. */
#include "t/unit/backend/store/store_dir.c"

#include "backend/kv/kv_care.h"
#include "backend/store/agent.h"

#define BLOBS  24u
#define ROUNDS 120u
#define WORK   5u /* threads of work, and one of care */

static elo_slice_t blobs[BLOBS];

typedef struct {
    elo_store_t *s;
    uint32_t seed;
    uint32_t working; /* atomic: of the first */
    uint32_t *n_working;
} worker_t;


static elo_reach_t
reach_of(uint32_t x)
{
    static const elo_reach_t reaches[] = { ELO_REACH_COMMONS,
                                           ELO_REACH_REGIONAL,
                                           ELO_REACH_LOCAL };

    return reaches[x % 3];
}


static void
must(bool ok, const char *what, elo_err_t rc)
{
    if (!ok) {
        fprintf(stderr, "%s: %d\n", what, rc);
        abort();
    }
}


static void
read_it(elo_store_t *s, elo_slice_t bytes, const elo_digest_t *dig)
{
    uint8_t *got = malloc(bytes.len + 1);
    elo_blob_stat_t st;
    elo_blob_t *b;
    elo_err_t rc = elo_store_stat(s, dig, NULL, &st);

    if (rc == ELO_OK && (rc = elo_blob_open(s, &st, &b)) == ELO_OK) {
        rc = elo_blob_read(b, 0, got, bytes.len);
        must(rc == ELO_OK && memcmp(got, bytes.p, bytes.len) == 0, "read", rc);
        elo_blob_close(&b);
    }
    must(rc == ELO_OK || rc == ELO_ENOTFOUND || rc == ELO_ENOKEY
             || rc == ELO_EAGAIN,
         "open", rc);
    free(got);
}


static void
step(worker_t *w, uint32_t x)
{
    uint32_t i = x / 7 % BLOBS;
    elo_put_opt_t opt = opt_of(reach_of(x / 1000), (uint8_t) (x / 100 % 3));
    elo_digest_t dig = digest_of(blobs[i]);
    char id[16];
    elo_err_t rc;

    snprintf(id, sizeof(id), "n%u", x / 50 % 5);
    switch (x % 7) {
    case 0:
    case 1:
        rc = put_opt(w->s, &opt, blobs[i], 90000, NULL, NULL);
        must(rc == ELO_OK, "put", rc);
        break;
    case 2:
        if (blobs[i].len <= DIR_INLINE) {
            rc = small_put(w->s, &opt, blobs[i], NULL, NULL);
            must(rc == ELO_OK, "small put", rc);
        }
        break;
    case 3:
        rc = elo_store_remove(w->s, &dig, x % 2 == 0 ? NULL : &opt.agent);
        must(rc == ELO_OK || rc == ELO_ENOTFOUND || rc == ELO_EBUSY, "remove",
             rc);
        break;
    case 4:
        rc = put_node(w->s, id, 1, ELO_REACH_COMMONS, &dig, "{}");
        must(rc == ELO_OK || rc == ELO_EEXISTS || rc == ELO_EPRECOND, "node",
             rc);
        break;
    case 5:
        rc = elo_store_node_remove(w->s, elo_slice_str(id), 0);
        must(rc == ELO_OK || rc == ELO_ENOTFOUND, "node removal", rc);
        break;
    default:
        read_it(w->s, blobs[i], &dig);
    }
}


static void
work_main(void *arg)
{
    worker_t *w = arg;
    uint32_t x = w->seed;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        x = x * 1664525u + 1013904223u;
        step(w, x >> 8);
    }
    __atomic_sub_fetch(w->n_working, 1, __ATOMIC_ACQ_REL);
}


typedef struct {
    uint64_t segment;
} oldest_t;


static bool
oldest(void *ctx, const elo_kv_segment_t *s)
{
    if (s->is_settled) {
        ((oldest_t *) ctx)->segment = s->segment;
    }
    return !s->is_settled;
}


static void
care_main(void *arg)
{
    worker_t *w = arg;
    elo_kv_t *kv = elo_store_kv(w->s);

    while (__atomic_load_n(w->n_working, __ATOMIC_ACQUIRE) > 0) {
        oldest_t o = { 0 };
        bool is_gone = false;
        elo_err_t rc = elo_kv_checkpoint(kv);

        must(rc == ELO_OK, "checkpoint", rc);
        rc = elo_kv_segments(kv, oldest, &o);
        must(rc == ELO_OK, "segments", rc);
        for (int i = 0; i < 100 && o.segment != 0 && !is_gone; i++) {
            rc = elo_kv_compact(kv, o.segment, 256 << 10, NULL, NULL, &is_gone);
            must(rc == ELO_OK, "compaction", rc);
        }
        if (o.segment == 0) {
            rc = elo_kv_seal(kv);
            must(rc == ELO_OK, "seal", rc);
        }
    }
}


static bool
sum(void *ctx, const elo_agent_stat_t *a)
{
    *(uint64_t *) ctx += a->bytes;
    return true;
}


typedef struct {
    uint64_t n, bytes, files;
} found_t;


static bool
add(void *ctx, const elo_blob_stat_t *st)
{
    found_t *f = ctx;

    f->n++;
    f->bytes += st->size;
    f->files += st->_file != 0;
    return true;
}


static bool
add_node(void *ctx, const elo_node_t *node)
{
    (void) node;
    *(uint64_t *) ctx += 1;
    return true;
}


/* What is listed is what is counted, and each file is somebody's. */
static void
agree(const dir_t *d, elo_store_totals_t *t, uint64_t *held)
{
    found_t f = { 0 };
    uint64_t nodes = 0;

    assert_int_equal(elo_store_each(d->s, NULL, add, &f), ELO_OK);
    assert_int_equal(elo_store_each_sealed(d->s, NULL, add, &f), ELO_OK);
    elo_store_totals(d->s, t);
    assert_int_equal(f.n, t->blobs);
    assert_int_equal(f.bytes, t->bytes);
    assert_int_equal(rows_of(d->s, ELO_T_BLOB), t->blobs);
    assert_int_equal(rows_of(d->s, ELO_T_SEALED), t->sealed);
    assert_int_equal(rows_of(d->s, ELO_T_TASK), t->tasks);
    assert_int_equal(
        elo_store_node_each(d->s, elo_slice("", 0), add_node, &nodes), ELO_OK);
    assert_int_equal(nodes, t->nodes); /* tombstones are none */
    assert_int_equal(dir_count(d, "blobs"), f.files);
    assert_int_equal(dir_count(d, "tmp"), 0);
    *held = 0;
    assert_int_equal(elo_store_each_agent(d->s, sum, held), ELO_OK);
    assert_true(*held >= t->bytes);
}


static void
test_all(void **state)
{
    dir_t *d = *state;
    elo_thread_t t[WORK + 1];
    worker_t w[WORK + 1];
    uint32_t n_working = WORK;
    elo_store_totals_t before, after;
    uint64_t held, again;

    for (uint8_t i = 1; i < 3; i++) { /* their sealed blobs are to be read */
        uint8_t seed[ELO_SEED_LEN] = { i };

        assert_int_equal(
            elo_keyring_add(d->keyring, seed, ELO_SLICE("x"), false), ELO_OK);
    }
    for (uint32_t i = 0; i < BLOBS; i++) {
        blobs[i] = bytes_of(i % 4 == 3 ? 200000 + i : 300 * i, i);
    }
    for (uint32_t i = 0; i <= WORK; i++) {
        w[i] = (worker_t){ .s = d->s,
                           .seed = i * 7919u + 1,
                           .n_working = &n_working };
        assert_int_equal(elo_thread_create(&t[i], "work",
                                           i < WORK ? work_main : care_main,
                                           &w[i]),
                         ELO_OK);
    }
    for (uint32_t i = 0; i <= WORK; i++) {
        elo_thread_join(&t[i]);
    }
    agree(d, &before, &held);
    dir_reopen(d);
    agree(d, &after, &again);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(held, again);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 0);

    elo_store_close(&d->s);
    assert_int_equal(unlink(dir_path(d, "index/data.mdb")), 0);
    dir_open(d);
    agree(d, &after, &again);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(held, again);
    for (uint32_t i = 0; i < BLOBS; i++) {
        bytes_free(blobs[i]);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all, dir_setup_keys, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
