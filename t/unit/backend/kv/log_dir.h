/* SPDX-License-Identifier: BSD-2-Clause */
/* log_dir: a log in a temporary directory, and what was found in it, for tests of
   backend/kv. One thread. */
#ifndef ELO_T_UNIT_LOG_DIR_H
#define ELO_T_UNIT_LOG_DIR_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "backend/kv/segment_internal.h"
#include "common/base/num.h"

#define STORE_ID UINT64_C(0x1122334455667788)

typedef struct {
    char path[64];
    elo_kv_cfg_t cfg;
    elo_seglog_t *l;
    elo_log_scan_t at; /* of the last log_dir_open */
    /* what it found, as text: "key=value/data length;" each */
    char found[1u << 16];
    size_t n_found;
} log_dir_t;


static inline void
log_dir_make(log_dir_t *d, uint64_t segment_bytes)
{
    *d = (log_dir_t){ .path = "/tmp/elo-log-XXXXXX" };
    assert_non_null(mkdtemp(d->path));
    d->cfg = (elo_kv_cfg_t){ .vfs = elo_vfs_posix(),
                             .root_fd = open(d->path, O_RDONLY | O_DIRECTORY),
                             .store_id = STORE_ID,
                             .segment_bytes = segment_bytes,
                             .group = -1 };
    assert_true(d->cfg.root_fd >= 0);
}


static inline void
log_dir_end(log_dir_t *d)
{
    char cmd[128];

    elo_seglog_close(&d->l);
    close(d->cfg.root_fd);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", d->path);
    assert_int_equal(system(cmd), 0);
}


static inline elo_err_t
log_dir_note(void *ctx, const elo_log_rec_t *r)
{
    log_dir_t *d = ctx;
    size_t room = sizeof(d->found) - d->n_found;
    int n =
        snprintf(d->found + d->n_found, room, "%s%.*s=%.*s/%zu;",
                 (r->head.flags & ELO_REC_DELETE) != 0 ? "-" : "",
                 (int) r->key.len, (const char *) r->key.p, (int) r->value.len,
                 (const char *) r->value.p, r->data.len);

    assert_true(n > 0 && (size_t) n < room);
    d->n_found += (size_t) n;
    return ELO_OK;
}


/* Opens and recovers; does not resume. */
static inline elo_err_t
log_dir_recover(log_dir_t *d, elo_log_pos_t from, uint64_t min_lsn)
{
    elo_err_t rc = elo_seglog_open(&d->cfg, &d->l);

    d->n_found = 0;
    d->found[0] = '\0';
    if (rc != ELO_OK) {
        return rc;
    }
    return elo_seglog_recover(d->l, from, min_lsn, log_dir_note, d, &d->at);
}


/* From the very start, and resumes. */
static inline void
log_dir_open(log_dir_t *d)
{
    elo_seglog_close(&d->l);
    assert_int_equal(log_dir_recover(d, (elo_log_pos_t){ 0, 0 }, 0), ELO_OK);
    assert_int_equal(elo_seglog_resume(d->l, &d->at), ELO_OK);
}


static inline elo_err_t
log_add(log_dir_t *d, const char *key, const char *value, elo_slice_t data,
        elo_log_pos_t *pos)
{
    elo_rec_head_t h = { .table = 1 };
    elo_log_pos_t unused;

    return elo_seglog_add(d->l, &h, elo_slice_str(key), elo_slice_str(value),
                          &data, data.len > 0 ? 1 : 0,
                          pos != NULL ? pos : &unused);
}


/* One operation of one record in a batch of its own. */
static inline elo_err_t
log_put(log_dir_t *d, const char *key, const char *value, elo_slice_t data)
{
    elo_err_t rc = log_add(d, key, value, data, NULL);

    if (rc != ELO_OK) {
        elo_seglog_batch_reset(d->l);
        return rc;
    }
    elo_seglog_end_op(d->l);
    return elo_seglog_commit(d->l);
}


/* The file of a segment, for harm. */
static inline int
log_dir_file(const log_dir_t *d, uint64_t segment)
{
    char name[ELO_STORE_NAME_MAX + 1];
    int fd;

    elo_seg_name(segment, name);
    fd = openat(d->cfg.root_fd, name, O_RDWR);
    assert_true(fd >= 0);
    return fd;
}


static inline bool
log_dir_has(const log_dir_t *d, uint64_t segment)
{
    char name[ELO_STORE_NAME_MAX + 1];

    elo_seg_name(segment, name);
    return faccessat(d->cfg.root_fd, name, F_OK, 0) == 0;
}

#endif
