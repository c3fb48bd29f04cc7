/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/sink: pieces of any length become one file, one digest, one
   tree, whoever has hashed them; a failed write is told at the end of its piece. */
#include "t/unit/backend/store/store_dir.c"
#include "t/unit/backend/store/fault_vfs.c"

#include <errno.h>

#include "backend/store/sink.h"

#define MIB (1u << 20)


static void
test_whole(void **state)
{
    static const size_t steps[] = { 1, 70000, 65536, 65535, 3 * MIB, 200000 };
    dir_t *d = *state;
    elo_slice_t bytes = bytes_of(9 * MIB + 77, 1);
    elo_digest_t want, digest, root, want_root;
    elo_buf_t layer, want_layer;
    elo_newfile_t nf;
    elo_sink_t k;
    bool has_root, has_want;
    elo_tree_t *t;

    want = digest_of(bytes);
    elo_buf_init(&layer, MIB);
    elo_buf_init(&want_layer, MIB);
    assert_int_equal(elo_tree_create(&t), ELO_OK);
    assert_int_equal(elo_tree_update(t, bytes), ELO_OK);
    assert_int_equal(elo_tree_final(t, &want_root, &has_want, &want_layer),
                     ELO_OK);
    elo_tree_free(&t);
    assert_int_equal(elo_newfile_open(d->s, ELO_FILE_BLOB, &nf), ELO_OK);
    assert_int_equal(elo_sink_init(&k, &nf, true), ELO_OK);
    assert_int_equal(elo_sink_end(&k), ELO_OK); /* of nothing */
    for (size_t at = 0, i = 0; at < bytes.len; i++) {
        size_t n =
            steps[i % 6] < bytes.len - at ? steps[i % 6] : bytes.len - at;

        elo_sink_begin(&k, elo_slice(bytes.p + at, n));
        assert_int_equal(elo_sink_end(&k), ELO_OK);
        at += n;
    }
    assert_int_equal(elo_sink_final(&k, &digest, &root, &has_root, &layer),
                     ELO_OK);
    assert_int_equal(nf.size, bytes.len);
    assert_memory_equal(digest.b, want.b, ELO_SHA256_LEN);
    assert_true(has_root);
    assert_memory_equal(root.b, want_root.b, ELO_SHA256_LEN);
    assert_int_equal(layer.len, want_layer.len);
    assert_memory_equal(layer.p, want_layer.p, layer.len);
    elo_sink_dispose(&k);
    elo_sink_dispose(&k);
    elo_newfile_end(&nf, ELO_OK);
    elo_buf_dispose(&layer);
    elo_buf_dispose(&want_layer);
    bytes_free(bytes);
}


static void
test_failed(void **state)
{
    static const size_t sizes[] = { 100, 300000 };
    elo_slice_t bytes = bytes_of(300000, 1);

    (void) state;
    for (size_t i = 0; i < 2; i++) {
        elo_newfile_t nf;
        elo_sink_t k;
        fault_t f;
        dir_t d;

        dir_make_root(&d);
        fault_init(&f, FAULT_ZERO, 0, false);
        d.cfg.vfs = &f.v;
        dir_open(&d);
        assert_int_equal(elo_newfile_open(d.s, ELO_FILE_BLOB, &nf), ELO_OK);
        assert_int_equal(elo_sink_init(&k, &nf, false), ELO_OK);
        fault_arm(&f, 1);
        elo_sink_begin(&k, elo_slice(bytes.p, sizes[i]));
        assert_int_equal(elo_sink_end(&k), ELO_ENOSPC);
        fault_arm(&f, 0);
        elo_sink_dispose(&k);
        elo_newfile_end(&nf, ELO_OK);
        dir_end(&d);
    }
    bytes_free(bytes);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole, dir_setup, dir_teardown),
        cmocka_unit_test(test_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
