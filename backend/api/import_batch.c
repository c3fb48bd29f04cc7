/* SPDX-License-Identifier: BSD-2-Clause */
/* import_batch: see the header. A batch goes in rounds: all that may be written is
   handed to the store; what has lost against another write meanwhile, which may be
   an earlier line of the same id, is judged again. So lines of one id take effect
   in their order. */
#include "backend/api/import_batch.h"

#include <stdlib.h>

#include "backend/api/content_apply.h"
#include "backend/json/json_write.h"
#include "backend/os/clock.h"

/* Losses of a line: to each line before it, and to others' writes. */
#define TRIES (ELO_IMPORT_BATCH + 128u)

struct elo_import_item_s {
    elo_content_write_t w;
    elo_content_row_t row;
    bool has_row;
    bool is_pending; /* it is to be written */
    uint64_t line;
    bool has_version;
    uint64_t version; /* the line's own */
    uint32_t tries;
    elo_err_t err;
    const char *why; /* NULL: the code's own words, or the fault's */
};


elo_err_t
elo_import_init(elo_import_t *m)
{
    m->_items = calloc(ELO_IMPORT_BATCH, sizeof(*m->_items));
    return m->_items == NULL ? ELO_ENOMEM : ELO_OK;
}


static void
item_dispose(elo_import_item_t *t)
{
    if (t->has_row) {
        elo_content_row_dispose(&t->row);
        t->has_row = false;
    }
    elo_content_write_dispose(&t->w);
}


static void
items_dispose(elo_import_t *m)
{
    for (uint32_t i = 0; i < m->n_items; i++) {
        item_dispose(&m->_items[i]);
    }
    m->n_items = 0;
}


void
elo_import_dispose(elo_import_t *m)
{
    items_dispose(m);
    free(m->_items);
    m->_items = NULL;
}


/* ---- judging ---- */

static void
refuse(elo_import_item_t *t, elo_err_t err, const char *why)
{
    t->is_pending = false;
    t->err = err;
    t->why = why;
}


/* What the line says of itself: its id, and its version where that counts. What is
   wrong with its text is said when the node is made. */
static void
peek(const elo_import_t *m, elo_import_item_t *t)
{
    const elo_json_t *version;
    elo_json_t *tree;
    elo_slice_t id;
    int64_t n;

    if (elo_json_parse(t->w.text, ELO_CONTENT_JSON_MAX, &tree, NULL) != ELO_OK)
    {
        return;
    }
    if (elo_json_string(elo_json_get(tree, "id"), &id) && elo_content_id_ok(id))
    {
        memcpy(t->w.id, id.p, id.len);
        t->w.id[id.len] = '\0';
    }
    version = elo_json_get(tree, "version");
    if (m->by_version && elo_json_kind(version) != ELO_JSON_NULL) {
        if (!elo_json_integer(version, &n) || n < 0) {
            refuse(t, ELO_EINVAL, "version must be a number, 0 for none");
        } else {
            t->has_version = true;
            t->version = (uint64_t) n;
        }
    }
    elo_json_free(&tree);
}


static bool
conditions_hold(const elo_import_t *m, const elo_import_item_t *t)
{
    uint64_t current = t->w.expect;
    char room[ELO_CONTENT_ETAG_ROOM];
    elo_slice_t etag =
        current == 0 ? elo_slice(NULL, 0) : elo_content_etag(current, room);

    return elo_precond_eval(&m->cond, false, etag, 0) == ELO_PRECOND_GO
           && (!t->has_version || t->version == current);
}


/* The row of what the line makes of what is current. */
static elo_err_t
make_row(elo_import_item_t *t)
{
    elo_content_write_t *w = &t->w;
    elo_err_t rc;

    if ((rc = elo_content_write_make(w)) != ELO_OK
        || (rc = elo_content_write_judge(w, &t->why)) != ELO_OK)
    {
        return rc;
    }
    if (t->has_row) {
        elo_content_row_dispose(&t->row);
        t->has_row = false;
    }
    rc = elo_content_ready(&w->node, &w->owner, elo_buf_slice(&w->json),
                           elo_clock_unix_s(), &t->row);
    t->has_row = rc == ELO_OK;
    return rc;
}


/* Another's is that before any condition, so that none tells its version. */
static void
judge(const elo_import_t *m, elo_import_item_t *t)
{
    elo_err_t rc = elo_content_write_look(&t->w);

    t->why = NULL;
    if (rc == ELO_OK && t->w.is_anothers) {
        refuse(t, ELO_EDENIED, "the content is another agent's");
    } else if (rc == ELO_OK && !conditions_hold(m, t)) {
        refuse(t, ELO_EPRECOND, "the content is not at the version asked for");
    } else if (rc == ELO_OK && (rc = make_row(t)) == ELO_OK) {
        t->is_pending = true;
    } else {
        refuse(t, rc, t->why);
    }
}


/* ---- writing ---- */

/* Hands over what is pending; what has lost stays that, judged anew. False: nothing
   is pending any more. */
static bool
write_round(const elo_import_t *m)
{
    elo_node_put_t puts[ELO_IMPORT_BATCH];
    elo_import_item_t *of[ELO_IMPORT_BATCH];
    bool is_left = false;
    uint32_t n = 0;

    for (uint32_t i = 0; i < m->n_items; i++) {
        elo_import_item_t *t = &m->_items[i];

        if (t->is_pending) {
            puts[n] =
                (elo_node_put_t){ .node = &t->row.node, .expect = t->w.expect };
            of[n++] = t;
        }
    }
    if (n == 0) {
        return false;
    }
    elo_store_node_put_many(m->call.api->cfg.store, puts, n);
    for (uint32_t i = 0; i < n; i++) {
        elo_import_item_t *t = of[i];

        refuse(t, puts[i].err, NULL);
        if ((t->err == ELO_EPRECOND || t->err == ELO_EEXISTS)
            && t->w.id[0] != '\0' && ++t->tries < TRIES)
        {
            judge(m, t);
        }
        is_left = is_left || t->is_pending;
    }
    return is_left;
}


/* ---- answers ---- */

static void
put_failure(const elo_import_item_t *t, elo_json_writer_t *w)
{
    const elo_content_fault_t *f = &t->w.fault;
    const char *what = t->why;

    if (what == NULL) {
        what = f->detail[0] != '\0' ? f->detail : elo_err_public(t->err);
    }
    elo_json_put_cstr(w, "error", what);
    elo_json_put_cstr(w, "code", elo_err_code(t->err));
    if (f->field[0] != '\0') {
        elo_json_put_cstr(w, "field", f->field);
    }
}


static void
put_answer(elo_import_t *m, const elo_import_item_t *t, elo_buf_t *out)
{
    bool is_good = t->err == ELO_OK, is_new = t->w.expect == 0;
    char etag[ELO_CONTENT_ETAG_ROOM];
    elo_json_writer_t w;

    m->n_created += is_good && is_new;
    m->n_changed += is_good && !is_new;
    m->n_failed += !is_good;
    if (is_good && m->only_failures) {
        return;
    }
    elo_json_writer_init(&w, out);
    elo_json_put_object(&w, NULL);
    elo_json_put_u64(&w, "line", t->line);
    if (is_good) {
        elo_json_put_string(&w, "id", t->w.node.id);
        elo_json_put_u64(&w, "status", is_new ? 201 : 200);
        elo_json_put_string(&w, "etag",
                            elo_content_etag(t->w.node.version, etag));
    } else {
        if (t->w.id[0] != '\0') {
            elo_json_put_cstr(&w, "id", t->w.id);
        }
        elo_json_put_u64(&w, "status", (uint64_t) elo_err_status(t->err));
        put_failure(t, &w);
    }
    elo_json_end_object(&w);
    elo_buf_put_u8(out, '\n');
}


void
elo_import_put_sum(const elo_import_t *m, elo_buf_t *out)
{
    elo_json_writer_t w;

    elo_json_writer_init(&w, out);
    elo_json_put_object(&w, NULL);
    elo_json_put_u64(&w, "created", m->n_created);
    elo_json_put_u64(&w, "changed", m->n_changed);
    elo_json_put_u64(&w, "failed", m->n_failed);
    elo_json_end_object(&w);
    elo_buf_put_u8(out, '\n');
}


/* ---- a batch ---- */

static void
take_line(elo_import_t *m, elo_ndjson_step_t step, elo_slice_t line)
{
    elo_import_item_t *t = &m->_items[m->n_items++];

    *t = (elo_import_item_t){ .line = m->lines.line };
    elo_content_write_init(&t->w, &m->call);
    t->w.text = line;
    if (step == ELO_NDJSON_TOO_LONG) {
        refuse(t, ELO_ETOOBIG, "the line is too long");
        return;
    }
    peek(m, t);
    if (t->err == ELO_OK) {
        judge(m, t);
    }
}


bool
elo_import_run(elo_import_t *m, elo_slice_t *in, bool is_end, elo_buf_t *out)
{
    elo_ndjson_step_t step = ELO_NDJSON_LINE;
    elo_slice_t line = elo_slice(NULL, 0);

    items_dispose(m);
    while (m->n_items < ELO_IMPORT_BATCH) {
        step = elo_ndjson_next(&m->lines, in, is_end, &line);
        if (step == ELO_NDJSON_MORE) {
            break;
        }
        take_line(m, step, line);
    }
    while (write_round(m)) {
    }
    for (uint32_t i = 0; i < m->n_items; i++) {
        put_answer(m, &m->_items[i], out);
    }
    return step != ELO_NDJSON_MORE;
}


const elo_content_t *
elo_import_written(const elo_import_t *m, uint32_t i)
{
    const elo_import_item_t *t = &m->_items[i];

    return t->err == ELO_OK ? &t->w.node : NULL;
}
