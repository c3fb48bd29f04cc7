/* SPDX-License-Identifier: BSD-2-Clause */
/* cursor: three layers as one, in views and in operations. */
#include "t/unit/backend/kv/kv_dir.c"
#include "t/unit/backend/kv/kv_fault.h"


/* A thread that asks for a checkpoint, which is held. */
static void
checkpoint_main(void *kv)
{
    assert_int_equal(elo_kv_checkpoint(kv), ELO_OK);
}


/* One cursor that is sent forth and back finds what one that was opened there finds:
   want is all rows, as "key=value key=value". */
static void
check_seeks(kvd_t *d, const char *want)
{
    static const char letters[] = { '-', 'd', 'p', 'q' };
    char from[4] = "", row[32];
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_slice_t key;
    uint32_t x = 7;

    assert_int_equal(elo_kv_view_begin(d->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_cursor_open(&v, T_OTHER, ELO_SLICE("q"), &c),
                     ELO_OK);
    for (int i = 0; i < 300; i++) {
        const char *at = want;
        elo_err_t rc;

        x = x * 1664525u + 1013904223u;
        for (int k = 0; k < 3; k++) {
            from[k] = letters[x >> (8 + 2 * k) & 3];
        }
        from[x >> 20 & 3] = '\0';
        while (at != NULL && strncmp(at, from, 3) < 0) {
            at = strchr(at, ' ');
            at = at != NULL ? at + 1 : NULL;
        }
        assert_int_equal(elo_kv_cursor_seek(c, elo_slice_str(from)), ELO_OK);
        for (uint32_t n = x >> 24 & 3; n > 0; n--) {
            rc = elo_kv_cursor_next(c, &key, &e);
            if (at == NULL) {
                assert_int_equal(rc, ELO_ENOTFOUND);
                break;
            }
            assert_int_equal(rc, ELO_OK);
            snprintf(row, sizeof(row), "%.*s=%.*s", (int) key.len,
                     (const char *) key.p, (int) e.value.len,
                     (const char *) e.value.p);
            assert_memory_equal(row, at, strlen(row));
            at = strchr(at, ' ');
            at = at != NULL ? at + 1 : NULL;
        }
    }
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
}


/* Each key's letters say what the index, the sealed and the active table have of
   it: p a put, d a deletion, - nothing; the value is that of the last put. */
static void
test_layers(void **state)
{
    static const char what[] = { '-', 'p', 'd' };
    kvd_t d;
    kvf_t f;
    elo_thread_t th;
    char key[4], value[16], want[512] = "", part[24];
    size_t i;

    (void) state;
    kvd_make(&d);
    kvf_init(&f);
    d.cfg.vfs = &f.v;
    kvd_open(&d);
    for (int layer = 0; layer < 3; layer++) {
        for (i = 0; i < 27; i++) {
            size_t k[3] = { i / 9, i / 3 % 3, i % 3 };

            snprintf(key, sizeof(key), "%c%c%c", what[k[0]], what[k[1]],
                     what[k[2]]);
            snprintf(value, sizeof(value), "%d", layer);
            if (k[layer] == 1) {
                assert_int_equal(kvd_put(&d, T_OTHER, key, value), ELO_OK);
            } else if (k[layer] == 2) {
                assert_int_equal(kvd_del(&d, T_OTHER, key), ELO_OK);
            }
        }
        if (layer == 0) {
            assert_int_equal(elo_kv_checkpoint(d.kv), ELO_OK);
        } else if (layer == 1) {
            kvf_hold(&f, &f.hold_checkpoints, true);
            assert_int_equal(
                elo_thread_create(&th, "checkpoint", checkpoint_main, d.kv),
                ELO_OK);
            kvf_await_held(&f);
        }
    }
    /* '-' < 'd' < 'p' */
    for (i = 0; i < 27; i++) {
        size_t k[3] = { i / 9, i / 3 % 3, i % 3 };
        static const char order[] = { '-', 'd', 'p' };
        int last = -1;

        snprintf(key, sizeof(key), "%c%c%c", order[k[0]], order[k[1]],
                 order[k[2]]);
        for (int layer = 0; layer < 3; layer++) {
            last = k[layer] == 2 ? layer : k[layer] == 1 ? -1 : last;
        }
        if (last >= 0) {
            snprintf(part, sizeof(part), "%s%s=%d", want[0] == '\0' ? "" : " ",
                     key, last);
            strcat(want, part);
        }
        snprintf(value, sizeof(value), "%d", last);
        kvd_check(&d, T_OTHER, key, last < 0 ? NULL : value);
    }
    kvd_check_rows(&d, T_OTHER, "", want);
    kvd_check_rows(&d, T_OTHER, "pd", strstr(want, "pdp"));
    check_seeks(&d, want);
    kvf_hold(&f, &f.hold_checkpoints, false);
    elo_thread_join(&th);
    kvd_check_rows(&d, T_OTHER, "", want);
    assert_int_equal(elo_kv_checkpoint(d.kv), ELO_OK);
    kvd_check_rows(&d, T_OTHER, "", want);
    kvd_reopen(&d);
    kvd_check_rows(&d, T_OTHER, "", want);
    kvd_end(&d);
    kvf_dispose(&f);
}


typedef struct {
    elo_kv_op_t op;
    char got[256];
} walk_t;


static elo_err_t
put(elo_kv_tx_t *tx, const char *key, const char *value)
{
    elo_slice_t k = elo_slice_str(key);

    return value == NULL
               ? elo_kv_tx_del(tx, T_OTHER, k)
               : elo_kv_tx_put(tx, T_OTHER, k, elo_slice_str(value), NULL, 0);
}


/* Writes behind, at and before where the cursor stands. */
static elo_err_t
walk_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    walk_t *w = (walk_t *) op;
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_slice_t key;
    elo_err_t rc;

    assert_int_equal(put(tx, "b", "own"), ELO_OK);
    assert_int_equal(elo_kv_tx_cursor_open(tx, T_OTHER, ELO_SLICE("a"), &c),
                     ELO_OK);
    while ((rc = elo_kv_cursor_next(c, &key, &e)) == ELO_OK) {
        strncat(w->got, (const char *) key.p, key.len);
        strcat(w->got, "=");
        strncat(w->got, (const char *) e.value.p, e.value.len);
        strcat(w->got, " ");
        if (key.p[0] == 'b') {
            assert_int_equal(put(tx, "a", "late"), ELO_OK);
            assert_int_equal(put(tx, "b", NULL), ELO_OK);
            assert_int_equal(put(tx, "c", NULL), ELO_OK);
            assert_int_equal(put(tx, "d", "changed"), ELO_OK);
            assert_int_equal(put(tx, "dd", "more"), ELO_OK);
        }
    }
    assert_int_equal(rc, ELO_ENOTFOUND);
    elo_kv_cursor_close(&c);
    assert_null(c);
    return ELO_OK;
}


static void
test_in_operation(void **state)
{
    kvd_t *d = *state;
    walk_t w = { .op.run = walk_run };

    assert_int_equal(kvd_put(d, T_OTHER, "c", "index"), ELO_OK);
    assert_int_equal(kvd_put(d, T_OTHER, "d", "index"), ELO_OK);
    assert_int_equal(kvd_put(d, T_OTHER, "f", "index"), ELO_OK);
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
    assert_int_equal(kvd_put(d, T_OTHER, "e", "table"), ELO_OK);
    assert_int_equal(elo_kv_exec(d->kv, &w.op), ELO_OK);
    assert_string_equal(w.got, "b=own d=changed dd=more e=table f=index ");
    kvd_check_rows(d, T_OTHER, "", "a=late d=changed dd=more e=table f=index");
}


/* A view stands still. */
static void
test_view_stays(void **state)
{
    kvd_t *d = *state;
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    char got[256];

    for (int i = 0; i < 2; i++) {
        assert_int_equal(kvd_put(d, T_OTHER, "a", "1"), ELO_OK);
        assert_int_equal(kvd_put(d, T_OTHER, "b", "1"), ELO_OK);
        assert_int_equal(elo_kv_view_begin(d->kv, &v), ELO_OK);
        assert_int_equal(kvd_put(d, T_OTHER, "b", "2"), ELO_OK);
        assert_int_equal(kvd_put(d, T_OTHER, "c", "2"), ELO_OK);
        assert_int_equal(kvd_del(d, T_OTHER, "a"), ELO_OK);
        if (i == 1) {
            assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
            assert_int_equal(kvd_del(d, T_OTHER, "b"), ELO_OK);
            assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
        }
        assert_int_equal(elo_kv_cursor_open(&v, T_OTHER, ELO_SLICE(""), &c),
                         ELO_OK);
        kvd_list(c, got, sizeof(got));
        elo_kv_cursor_close(&c);
        assert_string_equal(got, "a=1 b=1");
        assert_int_equal(elo_kv_get(&v, T_OTHER, ELO_SLICE("c"), &e),
                         ELO_ENOTFOUND);
        elo_kv_view_end(&v);
        assert_int_equal(kvd_del(d, T_OTHER, "c"), ELO_OK);
    }
}


/* Keys that nobody can have put. */
static void
test_bounds(void **state)
{
    kvd_t *d = *state;
    static uint8_t big[ELO_KV_KEY_MAX + 1];
    elo_kv_cursor_t *c;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    kvd_op_t o = { .op.run = kvd_run, .table = T_OTHER };

    memset(big, 0xff, sizeof(big));
    o.key = elo_slice(big, sizeof(big));
    assert_int_equal(elo_kv_exec(d->kv, &o.op), ELO_EINVAL);
    o.key.len = 0;
    assert_int_equal(elo_kv_exec(d->kv, &o.op), ELO_EINVAL);
    o.key.len = ELO_KV_KEY_MAX;
    assert_int_equal(elo_kv_exec(d->kv, &o.op), ELO_OK);
    assert_int_equal(elo_kv_checkpoint(d->kv), ELO_OK);
    assert_int_equal(elo_kv_view_begin(d->kv, &v), ELO_OK);
    assert_int_equal(elo_kv_get(&v, T_OTHER, o.key, &e), ELO_OK);
    assert_int_equal(elo_kv_get(&v, T_OTHER, elo_slice(big, sizeof(big)), &e),
                     ELO_ENOTFOUND);
    assert_int_equal(elo_kv_get(&v, T_OTHER, ELO_SLICE(""), &e), ELO_ENOTFOUND);
    assert_int_equal(
        elo_kv_cursor_open(&v, T_OTHER, elo_slice(big, sizeof(big)), &c),
        ELO_EINVAL);
    assert_int_equal(elo_kv_cursor_open(&v, T_OTHER, o.key, &c), ELO_OK);
    assert_int_equal(elo_kv_cursor_next(c, &o.key, &e), ELO_OK);
    assert_int_equal(o.key.len, ELO_KV_KEY_MAX);
    assert_int_equal(elo_kv_cursor_next(c, &o.key, &e), ELO_ENOTFOUND);
    assert_int_equal(elo_kv_cursor_next(c, &o.key, &e), ELO_ENOTFOUND);
    elo_kv_cursor_close(&c);
    elo_kv_view_end(&v);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),
        cmocka_unit_test_setup_teardown(test_in_operation, kvd_setup,
                                        kvd_teardown),
        cmocka_unit_test_setup_teardown(test_view_stays, kvd_setup,
                                        kvd_teardown),
        cmocka_unit_test_setup_teardown(test_bounds, kvd_setup, kvd_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
