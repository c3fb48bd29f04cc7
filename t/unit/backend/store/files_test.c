/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/store/files: marks of files, and what a start makes of them at
   each point where there may be nothing more. */
#include "t/unit/backend/store/store_dir.c"

#include <sys/wait.h>

#include "backend/store/files.h"

typedef struct {
    elo_kv_op_t op;
    elo_newfile_t *nf;
    uint64_t kill; /* id */
    elo_err_t rc;
} op_t;


static elo_err_t
keep_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    op_t *o = (op_t *) op;
    elo_err_t rc;

    if (o->kill != 0) {
        return elo_file_kill_tx(tx, ELO_FILE_BLOB, o->kill);
    }
    rc = elo_file_keep_tx(tx, o->nf);
    return rc != ELO_OK ? rc : o->rc;
}


static void
publish(elo_store_t *s, elo_file_kind_t kind, const char *text,
        elo_newfile_t *nf)
{
    assert_int_equal(elo_newfile_open(s, kind, nf), ELO_OK);
    assert_int_equal(elo_newfile_write(nf, elo_slice_str(text)), ELO_OK);
    assert_int_equal(elo_newfile_publish(nf), ELO_OK);
}


static bool
is_there(const dir_t *d, elo_file_kind_t kind, uint64_t id)
{
    char name[ELO_STORE_NAME_MAX + 1];

    elo_file_name(kind, id, name);
    return access(dir_path(d, name), F_OK) == 0;
}


static void
test_kept(void **state)
{
    dir_t *d = *state;
    elo_newfile_t nf;
    op_t o = { .op.run = keep_run, .nf = &nf };
    uint64_t id;

    publish(d->s, ELO_FILE_BLOB, "kept", &nf);
    id = nf.id;
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 1);
    assert_int_equal(elo_store_exec(d->s, &o.op), ELO_OK);
    elo_newfile_end(&nf, ELO_OK);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 0);
    dir_reopen(d);
    assert_true(is_there(d, ELO_FILE_BLOB, id));

    /* Then it goes: the mark first, the file, the mark again. */
    o = (op_t){ .op.run = keep_run, .kill = id };
    assert_int_equal(elo_store_exec(d->s, &o.op), ELO_OK);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 1);
    assert_true(is_there(d, ELO_FILE_BLOB, id));
    elo_file_bury(d->s, ELO_FILE_BLOB, id);
    assert_false(is_there(d, ELO_FILE_BLOB, id));
    elo_file_bury(d->s, ELO_FILE_BLOB, id);
    elo_file_bury(d->s, ELO_FILE_BLOB, 0);
    dir_reopen(d);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 0);
}


/* Nobody keeps it; the operation says no; nobody knows. */
static void
test_not_kept(void **state)
{
    dir_t *d = *state;
    elo_newfile_t nf;
    op_t o = { .op.run = keep_run, .nf = &nf, .rc = ELO_EQUOTA };
    uint64_t id;

    publish(d->s, ELO_FILE_MEDIA, "not asked", &nf);
    id = nf.id;
    assert_true(is_there(d, ELO_FILE_MEDIA, id));
    elo_newfile_end(&nf, ELO_OK);
    assert_false(is_there(d, ELO_FILE_MEDIA, id));

    publish(d->s, ELO_FILE_BLOB, "refused", &nf);
    assert_true(nf.id > id); /* a number is never given twice */
    id = nf.id;
    assert_int_equal(elo_store_exec(d->s, &o.op), ELO_EQUOTA);
    elo_newfile_end(&nf, ELO_EQUOTA);
    assert_false(is_there(d, ELO_FILE_BLOB, id));

    publish(d->s, ELO_FILE_BLOB, "unknown", &nf);
    id = nf.id;
    elo_newfile_end(&nf, ELO_EREADONLY);
    assert_true(is_there(d, ELO_FILE_BLOB, id));
    dir_reopen(d); /* it was not kept, as the log says */
    assert_false(is_there(d, ELO_FILE_BLOB, id));
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 0);
    nf = ELO_NEWFILE_NONE;
    elo_newfile_end(&nf, ELO_OK);
}


typedef enum {
    AT_WRITTEN,
    AT_PUBLISHED,
    AT_KEPT,
    AT_KILLED,
    AT_BURIED,
    AT_COUNT
} point_t;


/* In a process of its own, which ends at the point. */
static void
die_at(const dir_t *d, elo_file_kind_t kind, point_t at, bool has_tmpfile)
{
    elo_newfile_t nf;
    op_t o = { .op.run = keep_run, .nf = &nf };
    elo_store_t *s;
    bool ok;

    if (elo_store_open(&d->cfg, &s, NULL) != ELO_OK) {
        _exit(1);
    }
    s->nameless = has_tmpfile && s->nameless;
    ok = elo_newfile_open(s, kind, &nf) == ELO_OK
         && elo_newfile_write(&nf, ELO_SLICE("bytes")) == ELO_OK
         && elo_newfile_sync(&nf) == ELO_OK;
    if (ok && at >= AT_PUBLISHED) {
        ok = elo_newfile_publish(&nf) == ELO_OK;
    }
    if (ok && at >= AT_KEPT) {
        ok = elo_store_exec(s, &o.op) == ELO_OK;
    }
    if (ok && at >= AT_KILLED) {
        o = (op_t){ .op.run = keep_run, .kill = nf.id };
        ok = kind == ELO_FILE_MEDIA || elo_store_exec(s, &o.op) == ELO_OK;
    }
    if (ok && at >= AT_BURIED) {
        elo_file_bury(s, kind, nf.id);
    }
    _exit(ok ? 0 : 1);
}


static void
test_death(void **state)
{
    (void) state;
    for (int i = 0; i < 4 * AT_COUNT; i++) {
        elo_file_kind_t kind = i % 2 == 0 ? ELO_FILE_BLOB : ELO_FILE_MEDIA;
        const char *top = i % 2 == 0 ? "blobs" : "media";
        point_t at = (point_t) (i / 4);
        int status;
        dir_t d;
        pid_t pid;

        if (kind == ELO_FILE_MEDIA && at >= AT_KILLED) {
            continue; /* keep_run kills blobs */
        }
        dir_make_root(&d);
        pid = fork();
        if (pid == 0) {
            die_at(&d, kind, at, i / 2 % 2 == 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        dir_open(&d);
        assert_int_equal(dir_count(&d, "tmp"), 0);
        assert_int_equal(dir_count(&d, top), at == AT_KEPT);
        assert_int_equal(rows_of(d.s, ELO_T_FILE), 0);
        dir_end(&d);
    }
}


/* More marks than one operation takes away. */
static void
test_many_marks(void **state)
{
    dir_t *d = *state;

    for (int i = 0; i < 600; i++) {
        elo_newfile_t nf;

        publish(d->s, ELO_FILE_BLOB, "x", &nf);
        elo_newfile_end(&nf, ELO_EREADONLY);
    }
    assert_int_equal(dir_count(d, "blobs"), 600);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 600);
    dir_reopen(d);
    assert_int_equal(dir_count(d, "blobs"), 0);
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 0);
}


/* Where the log has lost records, what is undecided may be one of their files. */
static void
test_doubtful(void **state)
{
    dir_t *d = *state;
    elo_newfile_t nf, dead;
    op_t o = { .op.run = keep_run };

    publish(d->s, ELO_FILE_BLOB, "doubtful", &nf);
    publish(d->s, ELO_FILE_BLOB, "dead", &dead);
    o.kill = dead.id;
    assert_int_equal(elo_store_exec(d->s, &o.op), ELO_OK);
    assert_int_equal(elo_files_clean(d->s, true), ELO_OK);
    assert_true(is_there(d, ELO_FILE_BLOB, nf.id));
    assert_false(is_there(d, ELO_FILE_BLOB, dead.id));
    assert_int_equal(rows_of(d->s, ELO_T_FILE), 1);
    d->s->vfs->close(d->s->vfs, nf.fd);
    d->s->vfs->close(d->s->vfs, dead.fd);
    for (int i = 0; i < 2; i++) {
        dir_reopen(d);
        assert_true(is_there(d, ELO_FILE_BLOB, nf.id));
        assert_int_equal(rows_of(d->s, ELO_T_FILE), 1);
    }
}


/* A file with a name of its own: cut off where it counts, kept or not. */
static void
test_named(void **state)
{
    dir_t *d = *state;
    elo_newfile_t nf;
    op_t o = { .op.run = keep_run, .nf = &nf };
    uint8_t got[8];
    uint64_t id;

    assert_int_equal(
        elo_newfile_open_at(d->s, ELO_FILE_BLOB, "uploads/a", 0, &nf), ELO_OK);
    assert_int_equal(elo_newfile_write(&nf, ELO_SLICE("0123456789")), ELO_OK);
    elo_newfile_end(&nf, ELO_OK);
    assert_int_equal(
        elo_newfile_open_at(d->s, ELO_FILE_BLOB, "uploads/a", 11, &nf),
        ELO_ECORRUPT);
    assert_int_equal(
        elo_newfile_open_at(d->s, ELO_FILE_BLOB, "uploads/a", 4, &nf), ELO_OK);
    assert_int_equal(nf.size, 4);
    assert_int_equal(elo_newfile_write(&nf, ELO_SLICE("xy")), ELO_OK);
    assert_int_equal(elo_newfile_read(&nf, 1, got, 5), ELO_OK);
    assert_memory_equal(got, "123xy", 5);
    assert_int_equal(elo_newfile_read(&nf, 1, got, 6), ELO_ECORRUPT);
    assert_int_equal(elo_newfile_publish(&nf), ELO_OK);
    id = nf.id;
    assert_int_equal(elo_store_exec(d->s, &o.op), ELO_OK);
    nf.is_kept_name = false;
    elo_newfile_end(&nf, ELO_OK);
    assert_true(is_there(d, ELO_FILE_BLOB, id));
    assert_int_equal(access(dir_path(d, "uploads/a"), F_OK), -1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_not_kept, dir_setup, dir_teardown),
        cmocka_unit_test(test_death),
        cmocka_unit_test_setup_teardown(test_many_marks, dir_setup,
                                        dir_teardown),
        cmocka_unit_test_setup_teardown(test_doubtful, dir_setup, dir_teardown),
        cmocka_unit_test_setup_teardown(test_named, dir_setup, dir_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
