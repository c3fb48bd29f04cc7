/* SPDX-License-Identifier: BSD-2-Clause */
/* fsck_rows: every row of every table is one that a store can read, and those that
   name each other agree. */
#include "backend/store/fsck_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/store/journal.h"
#include "backend/store/records_task.h"
#include "backend/store/records_upload.h"
#include "backend/store/setting.h"
#include "backend/store/origin.h"
#include "backend/store/purge.h"
#include "backend/store/store_internal.h"
#include "common/base/crypto.h"

typedef struct {
    elo_fsck_t *f;
    elo_kv_view_t *view;
    uint64_t refs; /* that nodes have */
    uint64_t ref_rows;
    uint64_t facets; /* that nodes are found by */
    uint64_t facet_rows;
    uint64_t agents, agent_rows;
    uint64_t last[ELO_JOURNALS]; /* entry that was seen */
    elo_digest_t head;           /* AUDIT: hash of its value */
} rows_t;

typedef struct {
    elo_slice_t key;
    const elo_kv_entry_t *e;
} row_t;

/* ELO_ECORRUPT: the row makes no sense. */
typedef elo_err_t (*row_fn)(rows_t *r, const row_t *row);


static bool
is_there(rows_t *r, uint8_t table, elo_slice_t key)
{
    elo_kv_entry_t e;

    return elo_kv_get(r->view, table, key, &e) == ELO_OK;
}


static elo_err_t
digest_of(elo_slice_t key, elo_digest_t *d)
{
    if (key.len != ELO_SHA256_LEN) {
        return ELO_ECORRUPT;
    }
    memcpy(d->b, key.p, ELO_SHA256_LEN);
    return ELO_OK;
}


static elo_err_t
add_file(elo_fsck_t *f, const elo_fsck_file_t *file)
{
    size_t cap = f->cap_files < 64 ? 64 : f->cap_files * 2;
    elo_fsck_file_t *p = f->files;

    if (f->n_files == f->cap_files) {
        if ((p = reallocarray(p, cap, sizeof(*p))) == NULL) {
            return ELO_ENOMEM;
        }
        f->files = p;
        f->cap_files = cap;
    }
    f->files[f->n_files++] = *file;
    return ELO_OK;
}


/* ---- one function a table ---- */

static elo_err_t
row_blob(rows_t *r, const row_t *row)
{
    uint8_t mem[ELO_SEALED_KEY];
    elo_fsck_file_t file = { .kind = ELO_FILE_BLOB };
    elo_rec_blob_t rec;
    char text[ELO_FSCK_KEY_TEXT];
    elo_err_t rc;

    if ((rc = digest_of(row->key, &file.digest)) != ELO_OK
        || (rc = elo_rec_blob_parse(row->e->value, row->e->data_len, &rec))
               != ELO_OK)
    {
        return rc;
    }
    r->f->out->blobs += !rec.is_object;
    if (rec.is_object
        && !is_there(r, ELO_T_SEALED,
                     elo_sealed_key(&rec.blind, rec.agent, mem)))
    {
        elo_fsck_found(r->f, ELO_FSCK_UNUSED, 1, "%s",
                       elo_fsck_key(ELO_T_BLOB, row->key, text));
    }
    if (rec.file == 0) {
        return ELO_OK;
    }
    file.id = rec.file;
    file.size = rec.size;
    file.is_bad = is_there(r, ELO_T_BAD, row->key);
    return add_file(r->f, &file);
}


static elo_err_t
row_sealed(rows_t *r, const row_t *row)
{
    elo_cure_t cure = { .what = ELO_CURE_UNSEAL, .key = row->key };
    char text[ELO_FSCK_KEY_TEXT];
    elo_rec_sealed_t rec;
    elo_digest_t blind;
    uint32_t agent;
    elo_err_t rc;

    if ((rc = elo_sealed_key_parse(row->key, &blind, &agent)) != ELO_OK
        || (rc = elo_rec_sealed_parse(row->e->value, &rec)) != ELO_OK)
    {
        return rc;
    }
    r->f->out->sealed++;
    if (is_there(r, ELO_T_BLOB, elo_digest_slice(&rec.object))) {
        return ELO_OK;
    }
    elo_fsck_found(r->f, ELO_FSCK_SEALED, 1, "%s",
                   elo_fsck_key(ELO_T_SEALED, row->key, text));
    return elo_fsck_cure(r->f, &cure);
}


static elo_err_t
row_agent(rows_t *r, const row_t *row)
{
    uint8_t mem[ELO_AGENTNO_KEY];
    elo_rec_agent_t rec;
    elo_kv_entry_t e;
    elo_err_t rc;

    if (row->key.len != ELO_AGENT_LEN) {
        return ELO_ECORRUPT;
    }
    if ((rc = elo_rec_agent_parse(row->e->value, &rec)) != ELO_OK) {
        return rc;
    }
    r->agents++;
    rc = elo_kv_get(r->view, ELO_T_AGENTNO, elo_agentno_key(rec.no, mem), &e);
    if (rc != ELO_OK || !elo_slice_eq(e.value, row->key)) {
        elo_fsck_found(r->f, ELO_FSCK_REFERENCE, 1, "agent number %u", rec.no);
        r->f->wants_index = true;
    }
    return ELO_OK;
}


static elo_err_t
row_agentno(rows_t *r, const row_t *row)
{
    uint32_t no;

    r->agent_rows++;
    return elo_agentno_parse(row->key, &no);
}


static elo_err_t
row_own(rows_t *r, const row_t *row)
{
    elo_rec_own_t rec;
    elo_digest_t d;
    uint32_t agent;
    elo_err_t rc = elo_own_key_parse(row->key, &d, &agent);

    (void) r;
    return rc != ELO_OK ? rc : elo_rec_own_parse(row->e->value, &rec);
}


static elo_err_t
row_file(rows_t *r, const row_t *row)
{
    elo_fsck_file_t file = { .is_mark = true };
    elo_rec_file_t rec;
    elo_err_t rc;

    if ((rc = elo_file_key_parse(row->key, &file.id)) != ELO_OK
        || (rc = elo_rec_file_parse(row->e->value, &rec)) != ELO_OK)
    {
        return rc;
    }
    file.kind = rec.kind;
    return add_file(r->f, &file);
}


/* An entry that must be there for a node. */
static void
derived(rows_t *r, const row_t *row, uint8_t table, elo_slice_t key)
{
    char text[ELO_FSCK_KEY_TEXT];

    if (!is_there(r, table, key)) {
        elo_fsck_found(r->f, ELO_FSCK_REFERENCE, 1, "missing: of %s",
                       elo_fsck_key(ELO_T_NODE, row->key, text));
        r->f->wants_index = true;
    }
}


static void
node_derived(rows_t *r, const row_t *row, const elo_rec_node_t *rec)
{
    uint8_t ref[ELO_REF_KEY_MAX], mem[ELO_NODEX_KEY_MAX];
    elo_node_dim_t dim;
    uint64_t value;

    for (uint32_t i = 0; i < rec->n_refs; i++) {
        r->refs++;
        derived(r, row, ELO_T_REF,
                elo_ref_key(&rec->refs[i], rec->owner, elo_ref_rank(rec),
                            row->key, ref));
    }
    for (uint32_t at = 0; elo_rec_node_facet(rec, &at, &dim, &value);) {
        r->facets++;
        derived(r, row, ELO_T_NODEX, elo_nodex_key(dim, value, row->key, mem));
    }
}


static elo_err_t
row_node(rows_t *r, const row_t *row)
{
    uint8_t mem[ELO_NODEV_KEY_MAX], no[ELO_AGENTNO_KEY];
    char text[ELO_FSCK_KEY_TEXT];
    elo_rec_node_t rec;
    bool is_tomb;
    elo_err_t rc;

    if (!elo_content_id_ok(row->key)) {
        return ELO_ECORRUPT;
    }
    if ((rc = elo_rec_node_parse(row->e->value, &rec)) != ELO_OK) {
        return rc;
    }
    is_tomb = (rec.flags & ELO_NODE_IS_TOMB) != 0;
    r->f->out->nodes += !is_tomb;
    if (!is_tomb
        && !is_there(r, ELO_T_NODEV, elo_nodev_key(row->key, rec.current, mem)))
    {
        elo_fsck_found(r->f, ELO_FSCK_NODE, 1, "%s version %llu",
                       elo_fsck_key(ELO_T_NODE, row->key, text),
                       (unsigned long long) rec.current);
    }
    if (rec.owner != 0
        && !is_there(r, ELO_T_AGENTNO, elo_agentno_key(rec.owner, no)))
    {
        elo_fsck_found(r->f, ELO_FSCK_NODE, 1, "%s owner %u",
                       elo_fsck_key(ELO_T_NODE, row->key, text), rec.owner);
    }
    node_derived(r, row, &rec);
    return ELO_OK;
}


static elo_err_t
row_nodev(rows_t *r, const row_t *row)
{
    elo_rec_nodev_t rec;
    elo_slice_t id;
    uint64_t version;
    elo_err_t rc = elo_nodev_key_parse(row->key, &id, &version);

    (void) r;
    return rc != ELO_OK
               ? rc
               : elo_rec_nodev_parse(row->e->value, row->e->data_len, &rec);
}


static elo_err_t
row_ref(rows_t *r, const row_t *row)
{
    elo_digest_t d;
    elo_slice_t id;
    uint32_t owner;
    uint8_t rank;

    r->ref_rows++;
    return elo_ref_key_parse(row->key, &d, &owner, &rank, &id);
}


static elo_err_t
row_nodex(rows_t *r, const row_t *row)
{
    elo_node_dim_t dim;
    uint64_t value;
    elo_slice_t id;

    r->facet_rows++;
    return elo_nodex_key_parse(row->key, &dim, &value, &id);
}


static elo_err_t
row_media(rows_t *r, const row_t *row)
{
    elo_fsck_file_t file = { .kind = ELO_FILE_MEDIA };
    elo_rec_media_t rec;
    elo_err_t rc;

    if ((rc = digest_of(row->key, &file.digest)) != ELO_OK
        || (rc = elo_rec_media_parse(row->e->value, row->e->data_len, &rec))
               != ELO_OK
        || rec.where != ELO_MEDIA_FILE)
    {
        return rc;
    }
    file.id = rec.file;
    file.size = rec.size;
    return add_file(r->f, &file);
}


static elo_err_t
row_tree(rows_t *r, const row_t *row)
{
    elo_digest_t d;
    elo_err_t rc = digest_of(row->key, &d);

    (void) r;
    return rc != ELO_OK ? rc : elo_rec_tree_parse(row->e->value, &d);
}


static elo_err_t
row_upload(rows_t *r, const row_t *row)
{
    uint8_t id[ELO_UPLOAD_ID];
    elo_upload_part_t part;
    elo_upload_state_t state;
    elo_upload_form_t form;
    uint64_t at;
    elo_err_t rc = elo_upload_key_parse(row->key, id, &part, &at);

    if (rc == ELO_OK && part == ELO_UPLOAD_PART_STATE) {
        rc = elo_upload_state_parse(row->e->value, &state);
        r->f->out->uploads += rc == ELO_OK && state.phase == ELO_UPLOAD_OPEN;
    } else if (rc == ELO_OK && part == ELO_UPLOAD_PART_FORM) {
        rc = elo_upload_form_parse(row->e->value, &form);
    }
    return rc;
}


static elo_err_t
row_task(rows_t *r, const row_t *row)
{
    elo_task_place_t place;
    elo_task_t t = { .kind = ELO_TASK_REPLICATE };
    elo_err_t rc = elo_task_key_parse(row->key, &t, &place);

    if (rc == ELO_OK) {
        r->f->out->tasks++;
        rc = elo_rec_task_parse(row->e->value, &t);
    }
    return rc;
}


static elo_err_t
row_wait(rows_t *r, const row_t *row)
{
    uint64_t due;

    (void) r;
    return row->key.len != ELO_WAIT_KEY ? ELO_ECORRUPT
                                        : elo_wait_parse(row->e->value, &due);
}


static elo_err_t
row_pin(rows_t *r, const row_t *row)
{
    elo_digest_t d;
    int64_t since;
    elo_err_t rc = digest_of(row->key, &d);

    (void) r;
    return rc != ELO_OK ? rc : elo_rec_pin_parse(row->e->value, &since);
}


static elo_err_t
row_orphan(rows_t *r, const row_t *row)
{
    elo_digest_t d;
    uint32_t agent;
    int64_t due;
    elo_err_t rc = elo_orphan_key_parse(row->key, &due, &d, &agent);

    (void) r;
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


static elo_err_t
row_bad(rows_t *r, const row_t *row)
{
    char text[ELO_FSCK_KEY_TEXT];
    elo_rec_bad_t rec;
    elo_digest_t d;
    elo_err_t rc;

    if ((rc = digest_of(row->key, &d)) != ELO_OK
        || (rc = elo_rec_bad_parse(row->e->value, &rec)) != ELO_OK)
    {
        return rc;
    }
    elo_fsck_found(r->f, ELO_FSCK_BAD, 1, "%s: %.*s",
                   elo_fsck_key(ELO_T_BLOB, row->key, text), (int) rec.why.len,
                   (const char *) rec.why.p);
    return ELO_OK;
}


/* Numbers follow on each other, and in AUDIT each value has the hash of the one
   before. A gap is one finding, not another one for the chain. */
static elo_err_t
row_journal(rows_t *r, const row_t *row, elo_journal_t which)
{
    const char *name = elo_store_tables[elo_journal_table(which)];
    uint64_t number, due = r->last[which] + 1;
    elo_journal_entry_t entry;
    elo_digest_t before;
    elo_err_t rc = elo_journal_key_parse(row->key, &number);

    if (rc != ELO_OK) {
        return rc;
    }
    r->last[which] = number;
    if (number != due) {
        elo_fsck_found(r->f, ELO_FSCK_JOURNAL, number - due,
                       "%s: %llu to %llu are missing", name,
                       (unsigned long long) due,
                       (unsigned long long) number - 1);
    }
    rc = elo_journal_value_parse(which, row->e->value, &entry, &before);
    if (which == ELO_JOURNAL_RECORD) {
        return rc;
    }
    if (rc == ELO_OK && number == due
        && memcmp(before.b, r->head.b, ELO_SHA256_LEN) != 0)
    {
        elo_fsck_found(r->f, ELO_FSCK_JOURNAL, 1,
                       "%s: %llu is not chained to the one before", name,
                       (unsigned long long) number);
    }
    if (rc != ELO_OK) {
        elo_ignore(elo_sha256(row->e->value, &r->head)); /* told already */
        return rc;
    }
    return elo_sha256(row->e->value, &r->head);
}


static elo_err_t
row_record(rows_t *r, const row_t *row)
{
    return row_journal(r, row, ELO_JOURNAL_RECORD);
}


static elo_err_t
row_audit(rows_t *r, const row_t *row)
{
    return row_journal(r, row, ELO_JOURNAL_AUDIT);
}


static elo_err_t
row_setting(rows_t *r, const row_t *row)
{
    elo_slice_t value;

    (void) r;
    return elo_setting_parse(row->e->value, &value);
}


static elo_err_t
row_origin(rows_t *r, const row_t *row)
{
    elo_origin_t src;

    (void) r;
    return row->key.len != ELO_SHA256_LEN
               ? ELO_ECORRUPT
               : elo_origin_parse(row->e->value, &src);
}


static elo_err_t
row_purge(rows_t *r, const row_t *row)
{
    elo_purge_t p;
    uint64_t seq;
    bool is_head;

    (void) r;
    return elo_purge_row_parse(row->key, row->e->value, &is_head, &seq, &p);
}


/* USE and CARE are hints: whoever reads one that makes no sense goes without. */
static const row_fn row_fns[ELO_T_COUNT] = {
    [ELO_T_BLOB] = row_blob,   [ELO_T_SEALED] = row_sealed,
    [ELO_T_AGENT] = row_agent, [ELO_T_AGENTNO] = row_agentno,
    [ELO_T_OWN] = row_own,     [ELO_T_FILE] = row_file,
    [ELO_T_NODE] = row_node,   [ELO_T_NODEV] = row_nodev,
    [ELO_T_REF] = row_ref,     [ELO_T_MEDIA] = row_media,
    [ELO_T_TREE] = row_tree,   [ELO_T_UPLOAD] = row_upload,
    [ELO_T_TASK] = row_task,   [ELO_T_WAIT] = row_wait,
    [ELO_T_PIN] = row_pin,     [ELO_T_ORPHAN] = row_orphan,
    [ELO_T_BAD] = row_bad,     [ELO_T_RECORD] = row_record,
    [ELO_T_AUDIT] = row_audit, [ELO_T_SETTING] = row_setting,
    [ELO_T_NODEX] = row_nodex, [ELO_T_ORIGIN] = row_origin,
    [ELO_T_PURGE] = row_purge,
};


/* ---- all of them ---- */

static elo_err_t
table(rows_t *r, uint8_t no)
{
    char text[ELO_FSCK_KEY_TEXT];
    elo_kv_cursor_t *c = NULL;
    elo_kv_entry_t e;
    row_t row = { .e = &e };
    elo_err_t rc;

    rc = elo_kv_cursor_open(r->view, no, elo_slice(NULL, 0), &c);
    while (rc == ELO_OK && (rc = elo_kv_cursor_next(c, &row.key, &e)) == ELO_OK)
    {
        rc = row_fns[no](r, &row);
        if (rc == ELO_ECORRUPT || rc == ELO_EINVAL) {
            elo_fsck_found(r->f, ELO_FSCK_ROW, 1, "%s",
                           elo_fsck_key(no, row.key, text));
            rc = ELO_OK;
        }
    }
    elo_kv_cursor_close(&c);
    return rc == ELO_ENOTFOUND ? ELO_OK : rc;
}


/* Derived entries that nothing accounts for. */
static void
too_many(elo_fsck_t *f, uint64_t rows, uint64_t due, const char *what)
{
    if (rows > due) {
        elo_fsck_found(f, ELO_FSCK_REFERENCE, rows - due, "%s", what);
        f->wants_index = true;
    }
}


elo_err_t
elo_fsck_rows(elo_fsck_t *f)
{
    rows_t r = { .f = f };
    elo_kv_view_t v;
    elo_err_t rc;

    if ((rc = elo_kv_view_begin(f->kv, &v)) != ELO_OK) {
        return rc;
    }
    r.view = &v;
    for (uint8_t i = 1; i < ELO_T_COUNT && rc == ELO_OK; i++) {
        if (row_fns[i] != NULL) {
            rc = table(&r, i);
        }
    }
    elo_kv_view_end(&v);
    if (rc == ELO_OK) {
        too_many(f, r.ref_rows, r.refs, "without a node");
        too_many(f, r.facet_rows, r.facets, "facets without a node");
        too_many(f, r.agent_rows, r.agents, "numbers without an agent");
    }
    return rc;
}
