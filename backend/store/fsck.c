/* SPDX-License-Identifier: BSD-2-Clause */
/* fsck: the run of a check, from the lock to the report. The order is that of what
   stands on what: format, segments, index, log against index, rows, files,
   counters. */
#include "backend/store/fsck_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/kv/index_look.h"
#include "backend/os/probe.h"
#include "backend/store/backup.h"
#include "backend/store/store_internal.h"

#define FORMAT_MAX 128u
#define BY_SIGNAL  128 /* of elo_probe */

const elo_fsck_info_t elo_fsck_infos[ELO_FSCK_COUNT] = {
#define FSCK(NAME, name, is_problem, text)                                     \
    [ELO_FSCK_##NAME] = { name, text, is_problem },
    ELO_FSCK_KINDS(FSCK)
#undef FSCK
};

const char *const elo_store_tables[ELO_T_COUNT] = {
#define T(name, number, text) [number] = (text),
    ELO_STORE_TABLES(T)
#undef T
};


/* ---- findings ---- */

void
elo_fsck_found(elo_fsck_t *f, elo_fsck_kind_t kind, uint64_t n, const char *fmt,
               ...)
{
    elo_fsck_report_t *r = f->out;
    va_list ap;

    r->kinds[kind].n += n;
    if (elo_fsck_infos[kind].is_problem) {
        r->problems += n;
    }
    if (r->kinds[kind].n_named == ELO_FSCK_NAMED) {
        return;
    }
    va_start(ap, fmt);
    vsnprintf(r->kinds[kind].named[r->kinds[kind].n_named++], ELO_FSCK_TEXT,
              fmt, ap);
    va_end(ap);
}


elo_err_t
elo_fsck_cure(elo_fsck_t *f, const elo_cure_t *c)
{
    size_t cap = f->cap_cures < 16 ? 16 : f->cap_cures * 2;
    elo_cure_t *p = f->cures;
    uint8_t *key = NULL;
    char *name = NULL;

    if (f->n_cures == f->cap_cures) {
        if ((p = reallocarray(p, cap, sizeof(*p))) == NULL) {
            return ELO_ENOMEM;
        }
        f->cures = p;
        f->cap_cures = cap;
    }
    if ((c->name != NULL && (name = strdup(c->name)) == NULL)
        || (c->key.len != 0 && (key = malloc(c->key.len)) == NULL))
    {
        free(name);
        return ELO_ENOMEM;
    }
    if (key != NULL) {
        memcpy(key, c->key.p, c->key.len);
    }
    p = &f->cures[f->n_cures++];
    *p = *c;
    p->name = name;
    p->key = elo_slice(key, c->key.len);
    return ELO_OK;
}


const char *
elo_fsck_key(uint8_t table, elo_slice_t key, char out[ELO_FSCK_KEY_TEXT])
{
    const char *name = table < ELO_T_COUNT ? elo_store_tables[table] : NULL;
    int n = snprintf(out, ELO_FSCK_KEY_TEXT, "%s ",
                     name != NULL ? name : "unknown");
    bool is_text =
        table == ELO_T_NODE || table == ELO_T_CARE || table == ELO_T_SETTING;

    if (is_text) {
        snprintf(out + n, ELO_FSCK_KEY_TEXT - (size_t) n, "%.*s",
                 (int) (key.len > 40 ? 40 : key.len), (const char *) key.p);
        return out;
    }
    for (size_t i = 0; i < key.len && i < 8; i++) {
        n +=
            snprintf(out + n, ELO_FSCK_KEY_TEXT - (size_t) n, "%02x", key.p[i]);
    }
    return out;
}


/* ---- format and lock ---- */

static elo_err_t
format_check(elo_fsck_t *f)
{
    const elo_vfs_t *v = f->vfs;
    uint8_t text[FORMAT_MAX];
    size_t n = 0;
    elo_err_t rc;
    int fd;

    rc = v->open(v, f->root_fd, ELO_STORE_FORMAT_FILE, ELO_VFS_READ, 0, &fd);
    if (rc == ELO_OK) {
        rc = v->pread(v, fd, text, sizeof(text), 0, &n);
        v->close(v, fd);
    }
    if (rc == ELO_OK) {
        rc = elo_format_parse(elo_slice(text, n), &f->store_id);
    }
    if (rc == ELO_OK) {
        f->has_id = true;
    } else if (rc == ENOENT || rc == ELO_ECORRUPT) {
        f->format_is_bad = true;
        elo_fsck_found(f, ELO_FSCK_FORMAT, 1, "%s",
                       rc == ENOENT ? "missing" : "damaged");
        rc = ELO_OK;
    }
    return rc;
}


/* Is there a log, at least? Nothing is made in a directory that is no store. */
static bool
is_store(elo_fsck_t *f)
{
    const elo_vfs_t *v = f->vfs;
    int fd;

    if (!f->format_is_bad) {
        return true;
    }
    if (v->open(v, f->root_fd, "log", ELO_VFS_DIR, 0, &fd) != ELO_OK) {
        return false;
    }
    v->close(v, fd);
    return true;
}


/* A backup that was interrupted is no store: it is to be made again. */
static bool
is_incomplete(elo_fsck_t *f)
{
    int fd;

    if (f->vfs->open(f->vfs, f->root_fd, ELO_BACKUP_MARK, ELO_VFS_READ, 0, &fd)
        != ELO_OK)
    {
        return false;
    }
    f->vfs->close(f->vfs, fd);
    elo_fsck_found(f, ELO_FSCK_INCOMPLETE, 1, "file \"" ELO_BACKUP_MARK "\"");
    f->out->is_cut = true;
    return true;
}


static elo_err_t
lock_take(elo_fsck_t *f)
{
    const elo_vfs_t *v = f->vfs;
    elo_err_t rc = v->open(v, f->root_fd, "lock", ELO_VFS_WRITE, ELO_FILE_MODE,
                           &f->lock_fd);

    if (rc != ELO_OK) {
        f->lock_fd = -1;
        return rc;
    }
    rc = v->lock(v, f->lock_fd);
    return rc == EWOULDBLOCK ? ELO_EBUSY : rc;
}


/* ---- names in log/ ---- */

typedef struct {
    elo_fsck_t *f;
    elo_err_t err;
} names_t;


static bool
segment_name(void *ctx, const char *name)
{
    names_t *ns = ctx;
    elo_fsck_t *f = ns->f;
    char path[ELO_FSCK_NAME_MAX];
    elo_cure_t cure = { .what = ELO_CURE_MOVE, .name = path };
    uint64_t id = 0;
    elo_err_t rc = elo_inspect_head(f->vfs, f->root_fd, name, &id);
    bool is_segment =
        strlen(name) == 16 && strspn(name, "0123456789abcdef") == 16;

    snprintf(path, sizeof(path), "log/%s", name);
    if (rc == ELO_OK && !f->has_id) {
        f->store_id = id; /* of the first one */
        f->has_id = true;
    }
    if (is_segment && rc != ELO_EINVAL && (rc != ELO_OK || id == f->store_id)) {
        ns->err = rc > 0 ? rc : ELO_OK; /* damage is told by the scan */
        return ns->err == ELO_OK;
    }
    elo_fsck_found(f, ELO_FSCK_STRANGE, 1, "%s%s", path,
                   is_segment ? ": of another store, or renamed" : "");
    ns->err = elo_fsck_cure(f, &cure);
    f->out->is_cut = f->out->is_cut || is_segment; /* no start with this one */
    return ns->err == ELO_OK;
}


static elo_err_t
segments_check(elo_fsck_t *f)
{
    names_t ns = { .f = f };
    elo_err_t rc = f->vfs->list(f->vfs, f->root_fd, "log", segment_name, &ns);

    return rc == ENOENT ? ELO_OK : (rc != ELO_OK ? rc : ns.err);
}


/* ---- index ---- */

/* What the walk of a child process ends with. */
enum { INDEX_MISSING = 1, INDEX_BAD, INDEX_OTHER };


static int
walk(void *ctx)
{
    elo_err_t rc = elo_index_walk(ctx);

    return rc == ELO_OK             ? 0
           : rc == ELO_ENOTFOUND    ? INDEX_MISSING
           : rc == ELO_EUNSUPPORTED ? INDEX_OTHER
                                    : INDEX_BAD;
}


static void
index_is_bad(elo_fsck_t *f, const char *why)
{
    elo_fsck_found(f, ELO_FSCK_INDEX, 1, "%s", why);
    f->wants_index = true;
    f->has_index = false;
}


static elo_err_t
index_check(elo_fsck_t *f, elo_kv_cfg_t *kv)
{
    int status = 0;
    elo_err_t rc = elo_probe(walk, kv, &status);

    if (rc != ELO_OK) {
        return rc;
    }
    f->has_index = true;
    if (status == INDEX_OTHER) {
        f->has_index = false; /* no damage: a start makes it anew */
        f->wants_index = true;
    } else if (status == INDEX_MISSING) {
        index_is_bad(f, "index/data.mdb is missing");
    } else if (status >= BY_SIGNAL) {
        index_is_bad(f, "index/data.mdb: pages are damaged");
    } else if (status != 0) {
        index_is_bad(f, "index/data.mdb: rows are damaged");
    }
    return ELO_OK;
}


/* An empty directory for an index that stands for a lost one. */
static elo_err_t
scratch_make(elo_fsck_t *f)
{
    const char *tmp = getenv("TMPDIR");

    if (tmp == NULL || tmp[0] == '\0' || strlen(tmp) > 40) {
        tmp = "/tmp";
    }
    snprintf(f->scratch, sizeof(f->scratch), "%s/elohim-fsck-XXXXXX", tmp);
    if (mkdtemp(f->scratch) == NULL) {
        f->scratch[0] = '\0';
        return errno;
    }
    return ELO_OK;
}


static void
scratch_remove(elo_fsck_t *f)
{
    static const char *const files[] = { "/data.mdb", "/lock.mdb", "" };
    char path[sizeof(f->scratch) + 16];

    for (size_t i = 0; f->scratch[0] != '\0' && i < 3; i++) {
        snprintf(path, sizeof(path), "%s%s", f->scratch, files[i]);
        (void) remove(path);
    }
    f->scratch[0] = '\0';
}


static elo_err_t
engine_open(elo_fsck_t *f, const elo_kv_cfg_t *kv)
{
    elo_kv_recovery_t found = { 0 };
    elo_err_t rc = ELO_ECORRUPT;

    if (f->has_index) {
        rc = elo_inspect_open(kv, NULL, &f->kv, &found);
        if (rc == ELO_ECORRUPT) {
            index_is_bad(f, "index/ and log/ do not go together");
        }
    }
    if (rc == ELO_ECORRUPT && (rc = scratch_make(f)) == ELO_OK) {
        rc = elo_inspect_open(kv, f->scratch, &f->kv, &found);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    if (found.records > 0) {
        elo_fsck_found(f, ELO_FSCK_REPLAY, found.records, "%llu bytes of log",
                       (unsigned long long) found.bytes);
    }
    if (found.torn_bytes > 0) {
        elo_fsck_found(f, ELO_FSCK_TORN, found.torn_bytes,
                       "never acknowledged");
    }
    return ELO_OK;
}


/* ---- the log against the index ---- */

static elo_err_t
on_finding(void *ctx, const elo_inspect_finding_t *i)
{
    elo_fsck_t *f = ctx;
    unsigned long long seg = i->segment, off = i->off;
    elo_cure_t cure = { .what = ELO_CURE_COMPACT,
                        .segment = i->segment,
                        .off = i->off };
    char key[ELO_FSCK_KEY_TEXT];

    switch (i->what) {
    case ELO_INSPECT_HEAD:
        elo_fsck_found(f, ELO_FSCK_HEAD, 1, "log/%016llx", seg);
        return elo_fsck_cure(f, &cure);
    case ELO_INSPECT_DAMAGED:
        elo_fsck_found(f, ELO_FSCK_RECORD, i->n, "log/%016llx: %llu", seg,
                       (unsigned long long) i->n);
        return elo_fsck_cure(f, &cure);
    case ELO_INSPECT_LACKS:
        /* with damage in the log this may be a deletion that was lost: then the
           index is right, and the segment is written anew without the record */
        elo_fsck_found(f, ELO_FSCK_LACKS, 1, "log/%016llx at %llu%s%s", seg,
                       off, i->key.len != 0 ? ": " : "",
                       i->key.len != 0 ? elo_fsck_key(i->table, i->key, key)
                                       : "");
        return elo_fsck_cure(f, &cure);
    default:
        elo_fsck_found(f, ELO_FSCK_LOST, 1, "log/%016llx at %llu: %s", seg, off,
                       elo_fsck_key(i->table, i->key, key));
        cure.what = ELO_CURE_ROW;
        cure.table = i->table;
        cure.key = i->key;
        return elo_fsck_cure(f, &cure);
    }
}


static elo_err_t
log_check(elo_fsck_t *f)
{
    elo_inspect_log_t log;
    elo_err_t rc = elo_inspect_log(f->kv, on_finding, f, &log);

    f->out->segments = log.segments;
    f->out->records = log.records;
    f->out->bytes = log.bytes;
    if (rc == ELO_OK && f->out->kinds[ELO_FSCK_LACKS].n > 0 && log.damaged == 0)
    {
        f->wants_index = true; /* the log is whole, and is the truth */
    }
    return rc;
}


static void
on_sum(void *ctx, uint8_t space, uint64_t id, int64_t is, int64_t should)
{
    elo_fsck_t *f = ctx;

    elo_fsck_found(f, ELO_FSCK_COUNTER, 1,
                   "space %u, id %llu: it says %lld, counted are %lld", space,
                   (unsigned long long) id, (long long) is, (long long) should);
    f->wants_index = true;
}


/* ---- the run ---- */

static elo_err_t
check_inside(elo_fsck_t *f)
{
    char index[4096];
    elo_kv_cfg_t kv = {
        .vfs = f->vfs,
        .root_fd = f->root_fd,
        .index_path = index,
        .store_id = f->store_id,
        .map_bytes = UINT64_C(1) << 30,
        .group = -1,
        .tables = elo_store_tables,
        .n_tables = ELO_T_COUNT,
        .derive = elo_store_derive,
    };
    elo_err_t rc;
    int n = snprintf(index, sizeof(index), "%s/index", f->cfg->root);

    if (n < 0 || (size_t) n >= sizeof(index)) {
        return ELO_EINVAL;
    }
    if ((rc = index_check(f, &kv)) != ELO_OK
        || (rc = engine_open(f, &kv)) != ELO_OK || (rc = log_check(f)) != ELO_OK
        || (rc = elo_fsck_rows(f)) != ELO_OK
        || (rc = elo_fsck_files(f)) != ELO_OK
        || (f->cfg->deep && (rc = elo_fsck_deep(f)) != ELO_OK))
    {
        return rc;
    }
    return elo_inspect_sums(f->kv, on_sum, f);
}


static elo_err_t
check(elo_fsck_t *f)
{
    char root[4096];
    elo_err_t rc;
    int n = snprintf(root, sizeof(root), "%s/.", f->cfg->root);

    if (n < 0 || (size_t) n >= sizeof(root)) {
        return ELO_EINVAL;
    }
    rc = f->vfs->open(f->vfs, ELO_VFS_CWD, root, ELO_VFS_DIR, 0, &f->root_fd);
    if (rc != ELO_OK) {
        f->root_fd = -1;
        return rc == ENOENT || rc == ENOTDIR ? ELO_ENOTFOUND : rc;
    }
    if (is_incomplete(f)) {
        return ELO_OK;
    }
    if ((rc = format_check(f)) != ELO_OK) {
        return rc;
    }
    if (!is_store(f)) {
        return ELO_ENOTFOUND;
    }
    if ((rc = lock_take(f)) != ELO_OK || (rc = segments_check(f)) != ELO_OK) {
        return rc;
    }
    if (!f->has_id) {
        f->out->is_cut = true;
    }
    return f->out->is_cut ? ELO_OK : check_inside(f);
}


/* Ends the looking; what was found stays. */
static void
leave(elo_fsck_t *f)
{
    elo_inspect_close(&f->kv);
    scratch_remove(f);
    if (f->lock_fd != -1) {
        f->vfs->close(f->vfs, f->lock_fd);
        f->lock_fd = -1;
    }
}


static void
dispose(elo_fsck_t *f)
{
    leave(f);
    if (f->root_fd != -1) {
        f->vfs->close(f->vfs, f->root_fd);
    }
    for (size_t i = 0; i < f->n_cures; i++) {
        free(f->cures[i].name);
        free((void *) (uintptr_t) f->cures[i].key.p);
    }
    free(f->cures);
    free(f->files);
}


static void
init(elo_fsck_t *f, const elo_fsck_cfg_t *cfg, elo_fsck_report_t *out)
{
    memset(out, 0, sizeof(*out));
    *f = (elo_fsck_t){ .cfg = cfg,
                       .vfs = cfg->vfs != NULL ? cfg->vfs : elo_vfs_posix(),
                       .out = out,
                       .root_fd = -1,
                       .lock_fd = -1 };
}


elo_err_t
elo_fsck_check(const elo_fsck_cfg_t *cfg, elo_fsck_report_t *out)
{
    elo_fsck_t f;
    elo_err_t rc;

    init(&f, cfg, out);
    rc = check(&f);
    dispose(&f);
    return rc;
}


/* What stands in the way of a whole check is cured first. */
#define ROUNDS_MAX 3

elo_err_t
elo_fsck_repair(const elo_fsck_cfg_t *cfg, elo_fsck_report_t *before,
                elo_fsck_report_t *after)
{
    elo_fsck_t f;
    elo_err_t rc = ELO_OK;

    for (int i = 0; i < ROUNDS_MAX && rc == ELO_OK; i++) {
        init(&f, cfg, i == 0 ? before : after);
        rc = check(&f);
        leave(&f);
        if (i == 0) {
            *after = *before;
        }
        if (rc != ELO_OK || f.out->problems == 0) {
            dispose(&f);
            return rc;
        }
        rc = elo_fsck_apply(&f);
        dispose(&f);
    }
    return rc != ELO_OK ? rc : elo_fsck_check(cfg, after);
}
