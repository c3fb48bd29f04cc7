/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/store and genpage: what a start finds after an end in
   order and a kill, totals, the generation page. Of derive: that totals are the
   same however they came about. */
#include "t/unit/backend/store/store_dir.c"

#include <sys/wait.h>

#include "backend/kv/kv_care.h"
#include "backend/store/agent.h"
#include "backend/store/task.h"

#define MIB (1u << 20)


static void
same_totals(elo_store_t *s, const elo_store_totals_t *want)
{
    elo_store_totals_t t;

    elo_store_totals(s, &t);
    assert_memory_equal(&t, want, sizeof(t));
}


/* Something in every table that is counted. */
static void
fill(dir_t *d)
{
    elo_digest_t dig = digest_of(ELO_SLICE("0"));

    for (uint32_t i = 0; i < 30; i++) {
        elo_put_opt_t opt =
            opt_of(i % 3 == 0 ? ELO_REACH_PRIVATE : ELO_REACH_COMMONS,
                   (uint8_t) (i % 4));
        elo_slice_t bytes = bytes_of(i == 7 ? 2 * MIB : 200, i % 20);
        elo_blob_stat_t st;

        assert_int_equal(put_opt(d->s, &opt, bytes, 0, &st, NULL), ELO_OK);
        if (i % 7 == 1) {
            assert_int_equal(elo_store_remove(d->s, &st.digest, &opt.agent),
                             ELO_OK);
        }
        bytes_free(bytes);
    }
    assert_int_equal(put_node(d->s, "n1", 1, ELO_REACH_COMMONS, &dig, "{}"),
                     ELO_OK);
    assert_int_equal(put_node(d->s, "n1", 2, ELO_REACH_COMMONS, NULL, "{}"),
                     ELO_OK);
    assert_int_equal(put_node(d->s, "n2", 1, ELO_REACH_COMMONS, &dig, "{}"),
                     ELO_OK);
}


static void
usage(elo_store_t *s, elo_agent_stat_t out[4])
{
    for (uint8_t i = 0; i < 4; i++) {
        elo_agent_t a = agent_of(i);

        assert_int_equal(elo_store_agent(s, &a, &out[i]), ELO_OK);
    }
}


/* Totals and usage are the same after a start, after compaction, and when the index
   was lost. */
static void
test_derived(void **state)
{
    dir_t *d = *state;
    elo_agent_stat_t held[4], again[4];
    elo_store_totals_t t;

    fill(d);
    elo_store_totals(d->s, &t);
    usage(d->s, held);
    assert_int_equal(t.nodes, 2);
    assert_true(t.blobs > 10 && t.sealed > 3 && t.tasks > 10);
    dir_reopen(d);
    same_totals(d->s, &t);
    usage(d->s, again);
    assert_memory_equal(held, again, sizeof(held));

    elo_store_close(&d->s);
    assert_int_equal(unlink(dir_path(d, "index/data.mdb")), 0);
    dir_open(d);
    same_totals(d->s, &t);
    usage(d->s, again);
    assert_memory_equal(held, again, sizeof(held));
}


/* A process of its own puts, and is gone without a word. */
static void
test_killed(void **state)
{
    dir_t d;

    (void) state;
    dir_make_root(&d);
    for (int round = 0; round < 3; round++) {
        elo_kv_recovery_t found;
        int status;
        pid_t pid = fork();

        if (pid == 0) {
            if (elo_store_open(&d.cfg, &d.s, NULL) != ELO_OK) {
                _exit(1);
            }
            for (int i = 0; i < 50; i++) {
                elo_slice_t b = bytes_of(i % 10 == 9 ? DIR_INLINE + 1 : 500,
                                         (uint32_t) (round * 100 + i));

                if (put_bytes(d.s, b, NULL, NULL) != ELO_OK) {
                    _exit(2);
                }
                bytes_free(b);
            }
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        assert_int_equal(elo_store_open(&d.cfg, &d.s, &found), ELO_OK);
        assert_int_equal(found.torn_bytes, 0);
        assert_int_equal(found.rotten, 0);
        for (int i = 0; i < (round + 1) * 50; i++) {
            int r = i / 50, k = i % 50;
            elo_slice_t b = bytes_of(k % 10 == 9 ? DIR_INLINE + 1 : 500,
                                     (uint32_t) (r * 100 + k));

            assert_true(reads_back(d.s, b));
            bytes_free(b);
        }
        assert_int_equal(dir_count(&d, "blobs"), (round + 1) * 5);
        elo_store_close(&d.s);
    }
    dir_end(&d);
}


/* The page is one inode for ever; each start has an epoch of its own and bumps all;
   an end in order stops the heart. */
static void
test_generation(void **state)
{
    dir_t *d = *state;
    elo_gen_page_t *page = elo_store_gen(d->s);
    uint64_t epoch = page->epoch, slot = page->slot[7], id = page->store_id;
    struct stat a, b;
    int fd;

    assert_true(elo_gen_page_ok(page, sizeof(*page)));
    assert_int_equal(stat(dir_path(d, ELO_GEN_FILE), &a), 0);
    elo_store_close(&d->s);
    fd = open(dir_path(d, ELO_GEN_FILE), O_RDONLY);
    page = malloc(sizeof(*page));
    assert_int_equal(read(fd, page, sizeof(*page)), sizeof(*page));
    assert_int_equal(page->heartbeat_ns, 0);
    free(page);
    close(fd);
    dir_open(d);
    page = elo_store_gen(d->s);
    assert_int_equal(stat(dir_path(d, ELO_GEN_FILE), &b), 0);
    assert_int_equal(a.st_ino, b.st_ino);
    assert_int_not_equal(page->epoch, epoch);
    assert_int_equal(page->slot[7], slot + 1);
    assert_int_equal(page->store_id, id);
    assert_true(page->heartbeat_ns != 0);
}


/* A page of another store, or cut: no value comes again. */
static void
test_generation_damaged(void **state)
{
    dir_t *d = *state;
    uint64_t slot;

    slot = elo_store_gen(d->s)->slot[5];
    elo_store_close(&d->s);
    assert_int_equal(truncate(dir_path(d, ELO_GEN_FILE), 100), 0);
    dir_open(d);
    assert_true(elo_gen_page_ok(elo_store_gen(d->s), sizeof(elo_gen_page_t)));
    assert_true(elo_store_gen(d->s)->slot[5] != slot);
}


/* A blob in the log leaves room for others in its segment. */
static void
test_inline_bound(void **state)
{
    static const struct {
        uint32_t in;
        uint64_t segment;
        uint32_t want;
    } rows[] = {
        { 0, 0, ELO_INLINE_DEFAULT },
        { 1000, 0, 1000 },
        { UINT32_MAX, 0, ELO_INLINE_MAX },
        { 0, 1u << 18, 1u << 16 },
    };

    (void) state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        dir_t d;

        dir_make_root(&d);
        d.cfg.inline_bytes = rows[i].in;
        d.cfg.segment_bytes = rows[i].segment;
        dir_open(&d);
        assert_int_equal(d.s->inline_bytes, rows[i].want);
        dir_end(&d);
    }
}


static void
test_bad_config(void **state)
{
    elo_store_t *s = NULL;
    dir_t d;

    (void) state;
    dir_make_root(&d);
    d.cfg.map_bytes = 4096;
    assert_int_equal(elo_store_open(&d.cfg, &s, NULL), ELO_EINVAL);
    assert_null(s);
    d.cfg.map_bytes = UINT64_MAX;
    assert_int_equal(elo_store_open(&d.cfg, &s, NULL), ELO_EINVAL);
    d.cfg.map_bytes = 0;
    dir_open(&d);
    dir_end(&d);
}


/* Slots are bumped once each, and no others. */
static void
test_slots(void **state)
{
    dir_t *d = *state;
    elo_slots_t m = { { 0 } };
    uint64_t *before = malloc(ELO_GEN_SLOTS * sizeof(*before));
    elo_gen_page_t *page = elo_store_gen(d->s);
    uint32_t n = 0;

    memcpy(before, page->slot, ELO_GEN_SLOTS * sizeof(*before));
    elo_slots_mark(&m, ELO_SLICE("one"));
    elo_slots_mark(&m, ELO_SLICE("two"));
    elo_slots_mark(&m, ELO_SLICE("one"));
    elo_slots_bump(d->s, &m);
    for (uint32_t i = 0; i < ELO_GEN_SLOTS; i++) {
        n += page->slot[i] != before[i];
        assert_in_range(page->slot[i] - before[i], 0, 1);
    }
    assert_int_equal(n, 2);
    assert_int_equal(page->slot[elo_gen_slot(ELO_SLICE("two"))],
                     before[elo_gen_slot(ELO_SLICE("two"))] + 1);
    free(before);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_derived, dir_setup_keys,
                                        dir_teardown),
        cmocka_unit_test(test_killed),
        cmocka_unit_test_setup_teardown(test_generation, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_generation_damaged, dir_setup,
                                        dir_teardown),
        cmocka_unit_test(test_inline_bound),
        cmocka_unit_test(test_bad_config),
        cmocka_unit_test_setup_teardown(test_slots, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
