/* SPDX-License-Identifier: BSD-2-Clause */
/* fsck_repair: does what a check has left to be done. Files move to quarantine/;
   an index that is wrong moves there too, and opening the store makes it anew from
   the log. Where it is the log that is damaged the index has the rows: they are
   written again at the head of the log, and the segment, after a second name in
   quarantine/, is compacted away. */
#include "backend/store/fsck_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/kv/kv_care.h"
#include "backend/kv/record.h"
#include "backend/os/clock.h"
#include "backend/store/blob_row.h"
#include "backend/store/store_internal.h"
#include "common/base/rd.h"

#define SAME_NAME_MAX 1000 /* files of one name in quarantine/ */
#define MAP_BYTES     (UINT64_C(16) << 30) /* address space, not disk */
#define BODY_CRC_OFF  40                   /* in a record's head */


static void __attribute__((format(printf, 2, 3)))
say(const elo_fsck_t *f, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    if (f->cfg->did != NULL) {
        va_start(ap, fmt);
        vsnprintf(line, sizeof(line), fmt, ap);
        va_end(ap);
        f->cfg->did(f->cfg->ctx, line);
    }
}


/* ---- files ---- */

static bool
exists(const elo_fsck_t *f, const char *path)
{
    int fd;
    elo_err_t rc = f->vfs->open(f->vfs, f->root_fd, path, ELO_VFS_READ, 0, &fd);

    if (rc == ELO_OK) {
        f->vfs->close(f->vfs, fd);
    }
    return rc != ENOENT;
}


/* A free name in quarantine/ for what was called path. */
static elo_err_t
free_name(const elo_fsck_t *f, const char *path, char out[ELO_FSCK_NAME_MAX])
{
    size_t start, n;

    start = (size_t) snprintf(out, ELO_FSCK_NAME_MAX, ELO_FSCK_QUARANTINE "/");
    n = (size_t) snprintf(out + start, ELO_FSCK_NAME_MAX - start, "%s", path);
    for (char *p = out + start; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '-';
        }
    }
    n = start + n;
    for (int i = 1; i < SAME_NAME_MAX && n < ELO_FSCK_NAME_MAX - 5; i++) {
        if (!exists(f, out)) {
            return ELO_OK;
        }
        snprintf(out + n, ELO_FSCK_NAME_MAX - n, ".%d", i);
    }
    return EEXIST;
}


static elo_err_t
dir_sync(const elo_fsck_t *f, const char *path)
{
    const elo_vfs_t *v = f->vfs;
    elo_err_t rc;
    int fd;

    if ((rc = v->open(v, f->root_fd, path, ELO_VFS_DIR, 0, &fd)) != ELO_OK) {
        return rc;
    }
    rc = v->fsync_dir(v, fd);
    v->close(v, fd);
    return rc;
}


/* Moves, or gives a second name, and makes that durable. */
static elo_err_t
quarantine(const elo_fsck_t *f, const char *path, bool is_link)
{
    const elo_vfs_t *v = f->vfs;
    char to[ELO_FSCK_NAME_MAX], dir[ELO_FSCK_NAME_MAX];
    char *slash;
    elo_err_t rc;

    rc = v->mkdir(v, f->root_fd, ELO_FSCK_QUARANTINE, ELO_PRIV_MODE);
    if ((rc != ELO_OK && rc != EEXIST)
        || (rc = free_name(f, path, to)) != ELO_OK
        || (rc = is_link ? v->link(v, f->root_fd, path, to)
                         : v->rename(v, f->root_fd, path, to))
               != ELO_OK
        || (rc = dir_sync(f, ELO_FSCK_QUARANTINE)) != ELO_OK
        || (rc = dir_sync(f, ".")) != ELO_OK)
    {
        return rc;
    }
    say(f, is_link ? "%s: kept as %s" : "%s: moved to %s", path, to);
    snprintf(dir, sizeof(dir), "%s", path);
    if ((slash = strrchr(dir, '/')) != NULL) {
        *slash = '\0';
        rc = dir_sync(f, dir);
    }
    return rc;
}


static elo_err_t
format_write(elo_fsck_t *f)
{
    const char *tmp = ELO_FSCK_QUARANTINE "/format.new";
    const elo_vfs_t *v = f->vfs;
    uint8_t mem[128];
    elo_buf_t buf;
    elo_err_t rc;
    size_t n;
    int fd;

    if (exists(f, ELO_STORE_FORMAT_FILE)
        && (rc = quarantine(f, ELO_STORE_FORMAT_FILE, false)) != ELO_OK)
    {
        return rc;
    }
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_format_encode(f->store_id, &buf);
    rc = v->mkdir(v, f->root_fd, ELO_FSCK_QUARANTINE, ELO_PRIV_MODE);
    if ((rc != ELO_OK && rc != EEXIST)
        || (rc = v->open(v, f->root_fd, tmp, ELO_VFS_WRITE, ELO_FILE_MODE, &fd))
               != ELO_OK)
    {
        return rc;
    }
    if ((rc = v->truncate(v, fd, 0)) == ELO_OK
        && (rc = v->pwrite(v, fd, buf.p, buf.len, 0, &n)) == ELO_OK)
    {
        rc = n == buf.len ? v->fdatasync(v, fd) : ELO_ENOSPC;
    }
    v->close(v, fd);
    if (rc == ELO_OK
        && (rc = v->rename(v, f->root_fd, tmp, ELO_STORE_FORMAT_FILE))
               == ELO_OK)
    {
        rc = dir_sync(f, ".");
    }
    if (rc == ELO_OK) {
        say(f, "format: written again, with the id that the log has");
    }
    return rc;
}


static elo_err_t
move_files(elo_fsck_t *f)
{
    elo_err_t rc = ELO_OK;

    if (f->format_is_bad && f->has_id) {
        rc = format_write(f);
    }
    for (size_t i = 0; i < f->n_cures && rc == ELO_OK; i++) {
        if (f->cures[i].what == ELO_CURE_MOVE) {
            rc = quarantine(f, f->cures[i].name, false);
            rc = rc == ENOENT ? ELO_OK : rc;
        }
    }
    return rc;
}


/* ---- rows ---- */

typedef struct {
    elo_kv_op_t op;
    uint8_t table;
    elo_slice_t key;
    elo_slice_t value; /* p NULL: delete */
    elo_slice_t data;
} put_op_t;


static elo_err_t
put_run(elo_kv_op_t *op, elo_kv_tx_t *tx)
{
    put_op_t *o = (put_op_t *) op;

    if (o->value.p == NULL) {
        return elo_kv_tx_del(tx, o->table, o->key);
    }
    return elo_kv_tx_put(tx, o->table, o->key, o->value, &o->data,
                         o->data.len != 0 ? 1 : 0);
}


static elo_err_t
put(elo_store_t *s, uint8_t table, elo_slice_t key, elo_slice_t value,
    elo_slice_t data)
{
    put_op_t o = { .op.run = put_run,
                   .table = table,
                   .key = key,
                   .value = value,
                   .data = data };

    return elo_store_exec(s, &o.op);
}


static bool
is_known(elo_store_t *s, const elo_digest_t *d)
{
    elo_kv_entry_t e;
    elo_kv_view_t v;
    bool is;

    if (elo_kv_view_begin(s->kv, &v) != ELO_OK) {
        return false;
    }
    is = elo_kv_get(&v, ELO_T_BAD, elo_digest_slice(d), &e) == ELO_OK;
    elo_kv_view_end(&v);
    return is;
}


static elo_err_t
mark_bad(const elo_fsck_t *f, elo_store_t *s, const elo_digest_t *d,
         const char *why)
{
    elo_rec_bad_t rec = { .since = elo_clock_unix_s(),
                          .why = elo_slice_str(why) };
    uint8_t mem[ELO_BAD_REC_MAX];
    elo_buf_t buf;
    elo_err_t rc;

    if (is_known(s, d)) {
        return ELO_OK;
    }
    elo_buf_init_fixed(&buf, mem, sizeof(mem));
    elo_rec_bad_encode(&rec, &buf);
    if ((rc = elo_buf_err(&buf)) != ELO_OK
        || (rc = put(s, ELO_T_BAD, elo_digest_slice(d), elo_buf_slice(&buf),
                     elo_slice(NULL, 0)))
               != ELO_OK)
    {
        return rc;
    }
    say(f,
        "blob %02x%02x%02x%02x…: not served until it is put again or"
        " repaired (%s)",
        d->b[0], d->b[1], d->b[2], d->b[3], why);
    rc = elo_task_add(s, ELO_TASK_REPAIR, d);
    return rc == ELO_EEXISTS || rc == ELO_EQUEUEFULL ? ELO_OK : rc;
}


/* What the row's record holds behind its head, as far as it can be read, zeros for
   the rest: key, value as the index has it, data. *is_good: it is what was written.
   Freed by the caller. */
static elo_err_t
body_read(elo_store_t *s, elo_slice_t key, const elo_kv_entry_t *e,
          uint8_t **out, bool *is_good)
{
    size_t head = ELO_REC_HEADER_LEN + key.len + e->value.len;
    size_t len = head + e->data_len;
    uint64_t at = e->data_off - head;
    uint8_t *p = calloc(1, len);
    uint32_t sum = 0;
    elo_err_t rc;

    if (p == NULL) {
        return ELO_ENOMEM;
    }
    *out = p;
    rc = elo_kv_read(s->kv, e->segment, at, p, len);
    for (size_t off = 0; rc != ELO_OK && off < len; off += 512) {
        /* piece by piece: what can't be read stays zeros */
        elo_ignore(elo_kv_read(s->kv, e->segment, at + off, p + off,
                               len - off < 512 ? len - off : 512));
    }
    elo_rd_be32(p + BODY_CRC_OFF, p + len, &sum);
    *is_good = rc == ELO_OK
               && sum
                      == elo_crc32c(0, elo_slice(p + ELO_REC_HEADER_LEN,
                                                 len - ELO_REC_HEADER_LEN));
    return ELO_OK;
}


/* What is left without its data: a blob is marked, what is derived goes. */
static elo_err_t
data_is_lost(elo_fsck_t *f, elo_store_t *s, const elo_cure_t *c,
             elo_slice_t value)
{
    char text[ELO_FSCK_KEY_TEXT];
    elo_rec_sealed_t sealed;
    elo_digest_t d;

    elo_fsck_key(c->table, c->key, text);
    switch (c->table) {
    case ELO_T_BLOB:
        memcpy(d.b, c->key.p, ELO_SHA256_LEN);
        return mark_bad(f, s, &d, "its record in the log is damaged");
    case ELO_T_SEALED:
        if (elo_rec_sealed_parse(value, &sealed) != ELO_OK) {
            return ELO_OK;
        }
        return mark_bad(f, s, &sealed.object, "its envelope is damaged");
    case ELO_T_TREE:
    case ELO_T_MEDIA:
        say(f, "%s: forgotten, it is made again", text);
        return put(s, c->table, c->key, elo_slice(NULL, 0), elo_slice(NULL, 0));
    default:
        say(f, "%s: its data is damaged, and stays as it is", text);
        return ELO_OK;
    }
}


static elo_err_t
row_again(elo_fsck_t *f, elo_store_t *s, const elo_cure_t *c)
{
    char text[ELO_FSCK_KEY_TEXT];
    uint8_t *body = NULL, *value;
    bool is_good = false;
    elo_slice_t copy;
    elo_kv_entry_t e;
    elo_kv_view_t v;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(s->kv, &v)) != ELO_OK) {
        return rc;
    }
    rc = elo_kv_get(&v, c->table, c->key, &e);
    if (rc == ELO_OK && e.segment != 0) {
        rc = body_read(s, c->key, &e, &body, &is_good);
    }
    if (rc != ELO_OK || body == NULL) {
        elo_kv_view_end(&v);
        return rc == ELO_ENOTFOUND ? ELO_OK : rc;
    }
    value = body + ELO_REC_HEADER_LEN + c->key.len;
    if (e.value.len != 0) {
        memcpy(value, e.value.p, e.value.len); /* the index has a checksum */
    }
    copy = elo_slice(value, e.value.len);
    elo_kv_view_end(&v);
    rc =
        put(s, c->table, c->key, copy, elo_slice(value + copy.len, e.data_len));
    if (rc == ELO_OK) {
        say(f, "%s: written again", elo_fsck_key(c->table, c->key, text));
        if (e.data_len != 0 && !is_good) {
            rc = data_is_lost(f, s, c, copy);
        }
    }
    free(body);
    return rc;
}


static elo_err_t
unseal(elo_fsck_t *f, elo_store_t *s, const elo_cure_t *c)
{
    char text[ELO_FSCK_KEY_TEXT];
    elo_err_t rc =
        put(s, ELO_T_SEALED, c->key, elo_slice(NULL, 0), elo_slice(NULL, 0));

    if (rc == ELO_OK) {
        say(f, "%s: removed, there is nothing that it describes",
            elo_fsck_key(ELO_T_SEALED, c->key, text));
    }
    return rc;
}


static elo_err_t
cure_bad(elo_fsck_t *f, elo_store_t *s, const elo_cure_t *c)
{
    char text[ELO_FSCK_KEY_TEXT];
    elo_digest_t d;

    if (c->table == ELO_T_MEDIA) {
        say(f, "%s: forgotten, it is made again",
            elo_fsck_key(c->table, c->key, text));
        return put(s, c->table, c->key, elo_slice(NULL, 0), elo_slice(NULL, 0));
    }
    memcpy(d.b, c->key.p, ELO_SHA256_LEN);
    return mark_bad(f, s, &d, c->name);
}


/* ---- segments ---- */

/* Everything so far is in sealed segments, and in the index. */
static elo_err_t
settle(elo_store_t *s)
{
    elo_slice_t key = ELO_SLICE("fsck"), none = { NULL, 0 };
    elo_err_t rc;

    /* a first record begins a segment: the one before is sealed by it */
    if ((rc = put(s, ELO_T_CARE, key, key, none)) != ELO_OK
        || (rc = put(s, ELO_T_CARE, key, none, none)) != ELO_OK
        || (rc = elo_kv_seal(s->kv)) != ELO_OK)
    {
        return rc;
    }
    return elo_kv_checkpoint(s->kv);
}


static elo_err_t
compact(elo_fsck_t *f, elo_store_t *s, uint64_t segment)
{
    char name[ELO_STORE_NAME_MAX + 1];
    bool is_gone = false;
    elo_err_t rc;

    elo_kv_segment_name(segment, name);
    if (!exists(f, name)) {
        return ELO_OK; /* done already */
    }
    if ((rc = quarantine(f, name, true)) != ELO_OK) {
        return rc;
    }
    while (rc == ELO_OK && !is_gone) {
        rc = elo_kv_compact(s->kv, segment, UINT64_MAX, NULL, NULL, &is_gone);
    }
    if (rc == ELO_OK) {
        say(f, "%s: what is needed of it was written anew", name);
    }
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
compact_all(elo_fsck_t *f, elo_store_t *s)
{
    const elo_fsck_report_t *r = f->out;
    elo_err_t rc = ELO_OK;
    bool is_settled = false;

    if (r->kinds[ELO_FSCK_RECORD].n + r->kinds[ELO_FSCK_HEAD].n == 0) {
        return ELO_OK; /* the log is whole */
    }
    for (size_t i = 0; i < f->n_cures && rc == ELO_OK; i++) {
        if (f->cures[i].what != ELO_CURE_COMPACT) {
            continue;
        }
        if (!is_settled) {
            rc = settle(s);
            is_settled = true;
        }
        if (rc == ELO_OK) {
            rc = compact(f, s, f->cures[i].segment);
        }
    }
    return rc;
}


/* ---- all of it ---- */

static bool
has_cure(const elo_fsck_t *f, elo_cure_what_t what)
{
    for (size_t i = 0; i < f->n_cures; i++) {
        if (f->cures[i].what == what) {
            return true;
        }
    }
    return false;
}


static elo_err_t
cure_rows(elo_fsck_t *f, elo_store_t *s)
{
    elo_err_t rc = ELO_OK;

    for (size_t i = 0; i < f->n_cures && rc == ELO_OK; i++) {
        const elo_cure_t *c = &f->cures[i];

        switch (c->what) {
        case ELO_CURE_ROW:
            rc = row_again(f, s, c);
            break;
        case ELO_CURE_BAD:
            rc = cure_bad(f, s, c);
            break;
        case ELO_CURE_UNSEAL:
            rc = unseal(f, s, c);
            break;
        default:
            break;
        }
    }
    return rc;
}


static elo_err_t
within_store(elo_fsck_t *f)
{
    elo_store_cfg_t cfg = {
        .root = f->cfg->root, .vfs = f->vfs, .map_bytes = MAP_BYTES, .group = -1
    };
    elo_kv_recovery_t found = { 0 };
    elo_store_t *s = NULL;
    elo_err_t rc;

    if ((rc = elo_store_open(&cfg, &s, &found)) != ELO_OK) {
        return rc;
    }
    if (found.is_rebuilt) {
        say(f, "index: made anew from %llu records of the log",
            (unsigned long long) found.records);
    }
    rc = cure_rows(f, s);
    if (rc == ELO_OK) {
        rc = compact_all(f, s);
    }
    elo_store_close(&s);
    return rc;
}


elo_err_t
elo_fsck_apply(elo_fsck_t *f)
{
    bool needs_store = has_cure(f, ELO_CURE_ROW) || has_cure(f, ELO_CURE_BAD)
                       || has_cure(f, ELO_CURE_UNSEAL)
                       || has_cure(f, ELO_CURE_COMPACT);
    elo_err_t rc;

    if ((rc = move_files(f)) != ELO_OK || f->out->is_cut) {
        return rc;
    }
    /* While rows of the index are all that is left of some records, it stays; the
       next round makes it anew. */
    if (f->wants_index && !(f->has_index && has_cure(f, ELO_CURE_ROW))) {
        needs_store = true;
        if (exists(f, "index")
            && (rc = quarantine(f, "index", false)) != ELO_OK) {
            return rc;
        }
    }
    return needs_store ? within_store(f) : ELO_OK;
}
