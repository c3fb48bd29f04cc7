/* SPDX-License-Identifier: BSD-2-Clause */
#include "t/unit/backend/store/store_dir.c"

#include "backend/kv/index.h"
#include "backend/store/backup.h"
#include "backend/store/fsck.h"
#include "backend/store/journal.h"
#include "backend/store/records_node.h"
#include "common/base/num.h"

#define SMALL 12u

static elo_slice_t small[SMALL], large[2];


static void
fill(dir_t *d)
{
    elo_put_opt_t sealed = opt_of(ELO_REACH_PRIVATE, 0);
    elo_digest_t refs[2];
    elo_node_t node = { .id = ELO_SLICE("a-node"),
                        .version = 1,
                        .reach = ELO_REACH_COMMONS,
                        .life = ELO_NODE_PUBLISHED,
                        .n_refs = 2,
                        .refs = refs,
                        .json = ELO_SLICE("{}") };

    for (uint32_t i = 0; i < SMALL; i++) {
        small[i] = bytes_of(2000 + i, i);
        assert_int_equal(put_bytes(d->s, small[i], NULL, NULL), ELO_OK);
    }
    for (uint32_t i = 0; i < 2; i++) {
        large[i] = bytes_of(DIR_INLINE * 3 + i, 100 + i);
        assert_int_equal(put_bytes(d->s, large[i], NULL, NULL), ELO_OK);
    }
    assert_int_equal(
        put_opt(d->s, &sealed, ELO_SLICE("a diary"), 0, NULL, NULL), ELO_OK);
    refs[0] = digest_of(small[0]);
    refs[1] = digest_of(large[0]);
    assert_int_equal(elo_store_node_put(d->s, &node, 0, false), ELO_OK);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(elo_store_journal_append(d->s, ELO_JOURNAL_AUDIT,
                                                  ELO_SLICE("it was used"),
                                                  NULL),
                         ELO_OK);
    }
    elo_store_close(&d->s);
}


static void
forget(void)
{
    for (uint32_t i = 0; i < SMALL; i++) {
        bytes_free(small[i]);
    }
    for (uint32_t i = 0; i < 2; i++) {
        bytes_free(large[i]);
    }
}


static void
shell(const dir_t *d, const char *what)
{
    char cmd[1024];

    snprintf(cmd, sizeof(cmd), "cd %s && %s", d->root, what);
    assert_int_equal(system(cmd), 0);
}


/* Inverts a byte of what the log holds of bytes. */
static void
damage_small(const dir_t *d, elo_slice_t bytes)
{
    char path[512];
    uint8_t *p = malloc(1u << 20), *at;
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "%s/log/0000000000000001", d->root);
    assert_true((fd = open(path, O_RDWR)) >= 0);
    n = pread(fd, p, 1u << 20, 0);
    at = memmem(p, (size_t) n, bytes.p, bytes.len);
    assert_non_null(at);
    at[7] ^= 0xff;
    assert_int_equal(pwrite(fd, &at[7], 1, (off_t) (at + 7 - p)), 1);
    close(fd);
    free(p);
}


static void
damage_record(const dir_t *d)
{
    damage_small(d, small[5]);
}


/* One row is changed in the index alone. */
static void
damage_index(const dir_t *d, uint8_t table, elo_slice_t key, bool is_counter)
{
    const char *const names[ELO_T_COUNT] = {
#define T(name, number, text) [number] = (text),
        ELO_STORE_TABLES(T)
#undef T
    };
    elo_kv_cfg_t cfg = { .vfs = elo_vfs_posix(),
                         .map_bytes = 32u << 20,
                         .tables = names,
                         .n_tables = ELO_T_COUNT };
    elo_index_write_t *w;
    elo_index_t *ix;
    char path[512];

    snprintf(path, sizeof(path), "%s/index", d->root);
    cfg.index_path = path;
    assert_int_equal(elo_index_open(&cfg, &ix), ELO_OK);
    assert_int_equal(elo_index_write_begin(ix, &w), ELO_OK);
    assert_int_equal(
        is_counter ? elo_index_put_counter(w, ELO_SUM_TOTAL, ELO_TOTAL_BYTES, 5)
                   : elo_index_del(w, table, key),
        ELO_OK);
    assert_int_equal(elo_index_commit(&w), ELO_OK);
    elo_index_close(&ix);
}


static void
damage_counter(const dir_t *d)
{
    damage_index(d, 0, elo_slice(NULL, 0), true);
}


static void
damage_row(const dir_t *d)
{
    elo_digest_t digest = digest_of(small[3]);

    damage_index(d, ELO_T_BLOB, elo_digest_slice(&digest), false);
}


static void
damage_journal(const dir_t *d)
{
    static const uint8_t key[8] = { 0, 0, 0, 0, 0, 0, 0, 2 };

    damage_index(d, ELO_T_AUDIT, elo_slice(key, sizeof(key)), false);
}


static void
damage_reference(const dir_t *d)
{
    elo_digest_t digest = digest_of(small[0]);
    uint8_t mem[ELO_REF_KEY_MAX];

    damage_index(d, ELO_T_REF,
                 elo_ref_key(&digest, 0, 0, ELO_SLICE("a-node"), mem), false);
}


static void
damage_facet(const dir_t *d)
{
    uint8_t mem[ELO_NODEX_KEY_MAX];

    damage_index(d, ELO_T_NODEX,
                 elo_nodex_key(ELO_NODE_REACH, ELO_REACH_COMMONS,
                               ELO_SLICE("a-node"), mem),
                 false);
}


static void
damage_file(const dir_t *d)
{
    shell(d, "rm $(find blobs -type f | head -1)");
}


static void
damage_length(const dir_t *d)
{
    shell(d, "truncate -s 100 $(find blobs -type f | head -1)");
}


static void
damage_bytes(const dir_t *d)
{
    shell(d, "printf x | dd of=$(find blobs -type f | head -1) bs=1 seek=999 "
             "conv=notrunc status=none");
}


static void
damage_orphan(const dir_t *d)
{
    shell(d, "mkdir -p blobs/77 && echo x >blobs/77/0000000000000077");
}


static void
damage_strange(const dir_t *d)
{
    shell(d, "echo x >log/x && mkdir media/strange");
}


static void
damage_head(const dir_t *d)
{
    shell(d, "printf x | dd of=log/0000000000000001 bs=1 seek=20 conv=notrunc "
             "status=none");
}


static void
damage_no_index(const dir_t *d)
{
    shell(d, "rm -r index");
}


static void
damage_format(const dir_t *d)
{
    shell(d, "rm format");
}


static const struct {
    const char *name;
    void (*damage)(const dir_t *d);
    elo_fsck_kind_t kind;
    uint64_t bad; /* blobs that are known to be damaged afterwards */
} table[] = {
    { "a record", damage_record, ELO_FSCK_RECORD, 1 },
    { "a counter", damage_counter, ELO_FSCK_COUNTER, 0 },
    { "a row is missing", damage_row, ELO_FSCK_LACKS, 0 },
    { "an entry is missing", damage_journal, ELO_FSCK_JOURNAL, 0 },
    { "a reference is missing", damage_reference, ELO_FSCK_REFERENCE, 0 },
    { "a facet is missing", damage_facet, ELO_FSCK_REFERENCE, 0 },
    { "a file is missing", damage_file, ELO_FSCK_MISSING, 1 },
    { "a file is short", damage_length, ELO_FSCK_SIZE, 1 },
    { "bytes of a file", damage_bytes, ELO_FSCK_HASH, 1 },
    { "a file of nobody", damage_orphan, ELO_FSCK_ORPHAN, 0 },
    { "what is none of ours", damage_strange, ELO_FSCK_STRANGE, 0 },
    { "the head of a segment", damage_head, ELO_FSCK_HEAD, 0 },
    { "no index", damage_no_index, ELO_FSCK_INDEX, 0 },
    { "no format file", damage_format, ELO_FSCK_FORMAT, 0 },
};

static unsigned n_lines;


static void
on_did(void *ctx, const char *line)
{
    (void) ctx;
    print_message("    %s\n", line);
    n_lines++;
}


static void
test_damage_is_found_and_repaired(void **state)
{
    elo_fsck_report_t *r = calloc(3, sizeof(*r));

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(table); i++) {
        elo_fsck_cfg_t cfg = { .deep = true, .did = on_did };
        size_t whole = 0;
        dir_t d;

        print_message("%s\n", table[i].name);
        dir_make_root(&d);
        dir_keyring(&d);
        dir_open(&d);
        fill(&d);
        cfg.root = d.root;
        assert_int_equal(elo_fsck_check(&cfg, r), ELO_OK);
        assert_int_equal(r->problems, 0);
        table[i].damage(&d);
        assert_int_equal(elo_fsck_check(&cfg, r), ELO_OK);
        assert_true(r->kinds[table[i].kind].n > 0);
        assert_true(r->kinds[table[i].kind].n_named > 0);
        n_lines = 0;
        assert_int_equal(elo_fsck_repair(&cfg, r, r + 1), ELO_OK);
        assert_true(n_lines > 0);
        assert_true(r->problems > 0);
        assert_int_equal(r[1].problems, 0);
        assert_int_equal(r[1].kinds[ELO_FSCK_BAD].n, table[i].bad);
        assert_int_equal(elo_fsck_repair(&cfg, r + 1, r + 2), ELO_OK);
        assert_int_equal(r[1].problems, 0);

        dir_open(&d);
        for (uint32_t n = 0; n < SMALL; n++) {
            whole += reads_back(d.s, small[n]);
        }
        whole += reads_back(d.s, large[0]) + reads_back(d.s, large[1]);
        assert_int_equal(whole, SMALL + 2 - table[i].bad);
        assert_true(reads_back(d.s, ELO_SLICE("a diary")));
        dir_end(&d);
        forget();
    }
    free(r);
}


static void
test_what_cannot_be_looked_at(void **state)
{
    elo_fsck_report_t *r = calloc(1, sizeof(*r));
    elo_fsck_cfg_t cfg = { .root = "/nowhere/at/all" };
    dir_t *d = *state;

    assert_int_equal(elo_fsck_check(&cfg, r), ELO_ENOTFOUND);
    cfg.root = d->root;
    assert_int_equal(elo_fsck_check(&cfg, r), ELO_EBUSY);
    assert_int_equal(elo_fsck_repair(&cfg, r, r), ELO_EBUSY);
    elo_store_close(&d->s);
    assert_int_equal(elo_fsck_check(&cfg, r), ELO_OK);
    shell(d, "printf 'elohim-store 1\\nid 0123456789abcdef\\n' >format");
    assert_int_equal(elo_fsck_check(&cfg, r), ELO_EUNSUPPORTED);
    shell(d, "rm -r format log");
    assert_int_equal(elo_fsck_check(&cfg, r), ELO_ENOTFOUND);
    shell(d, "touch " ELO_BACKUP_MARK);
    assert_int_equal(elo_fsck_check(&cfg, r), ELO_OK);
    assert_int_equal(r->kinds[ELO_FSCK_INCOMPLETE].n, 1);
    assert_true(r->is_cut);
    free(r);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_is_found_and_repaired),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_looked_at,
                                        dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
