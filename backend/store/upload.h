/* SPDX-License-Identifier: BSD-2-Clause */
/* upload: what the files of resumable uploads share.

   An upload is a put whose bytes are in uploads/<id> and whose rows in table
   UPLOAD say what of it is durable. The rows are the truth: a file that no open
   upload names goes with the next start (U1). While an upload is reserved, nobody
   else changes its rows or its file (U2).

   Sealed uploads. Whole chunks are in the file as they will stay; the plaintext of
   the last one is in memory and, in pieces, each a secret box with a nonce of its
   own, in the log. A chunk is sealed with a nonce that is its number, so that its
   bytes must never change afterwards (U3): before it is sealed, sealed_to says so
   durably; whoever finds sealed_to beyond the chunks that the rows vouch for, or
   goes back behind a sealed one, encrypts all of it again under a fresh key, in a
   fresh file (key_no). */
#ifndef ELO_STORE_UPLOAD_H
#define ELO_STORE_UPLOAD_H

#include "backend/store/put_internal.h"
#include "backend/store/records_upload.h"

#define ELO_UPLOAD_MAGIC      0x454c5550u /* "ELUP" */
#define ELO_UPLOADS_MAX       65536u /* unfinished ones: bounds their rows */
#define ELO_UPLOADS_AGENT_MAX 1024u  /* of one agent */
#define ELO_UPLOADS_IDLE      16u    /* running hashes kept: 300 KiB each */
#define ELO_UPLOAD_PIECES_MAX 64u    /* of one chunk, then they are joined */
#define ELO_UPLOAD_PIECE      (64u << 10) /* a piece fits any segment */
#define ELO_UPLOAD_CHUNK      (1u << 20)
#define ELO_UPLOAD_RESERVE    64u /* chunks that sealed_to runs ahead */

struct elo_upload_s {
    uint32_t magic;
    elo_store_t *s;
    uint8_t id[ELO_UPLOAD_ID];
    /* shared: mtx of the table */
    elo_upload_t *next;
    bool is_reserved;
    uint64_t used;
    /* of who has reserved it */
    bool is_loaded;
    elo_upload_state_t st; /* as in the log */
    elo_buf_t form_mem;
    elo_upload_form_t form; /* borrows from form_mem */
    elo_agent_t *invited;
    elo_content_key_t *key;                /* secret memory; NULL: clear */
    elo_put_t *put;                        /* NULL: begins when it is needed */
    uint64_t piece[ELO_UPLOAD_PIECES_MAX]; /* offsets, ascending */
    uint32_t n_pieces;
};

/* ---- resume_table.c: which uploads are in memory ---- */

/* Reserves an upload, which may be one that isn't loaded yet. ELO_EBUSY. */
elo_err_t elo_upload_reserve(elo_store_t *s, const uint8_t id[ELO_UPLOAD_ID],
                             elo_upload_t **out) ELO_MUST_USE;
/* Ends the reservation; keeps it in memory when is_kept. NULLs *u. */
void elo_upload_release(elo_upload_t **u, bool is_kept);

/* ---- resume_rows.c: the table ---- */

/* One change of the rows of an upload, an operation. What is NULL or 0 stays. */
typedef struct {
    elo_kv_op_t op;
    elo_upload_t *u;
    elo_upload_state_t is;       /* in the place of u->st */
    bool is_fresh;               /* a first row; else an open upload's */
    const elo_agent_t *agent;    /* of a fresh one: whose account */
    bool is_last;                /* the state goes too, and leaves nothing */
    elo_upload_part_t wipe_from; /* the parts from that one on go first */
    elo_slice_t form, key;
    const uint64_t *gone; /* pieces that go */
    uint32_t n_gone;
    const uint64_t *piece; /* n_new that come, and their boxes */
    const elo_slice_t *box;
    uint32_t n_new;
} elo_upload_change_t;

/* On success u->st is what was written. ELO_EGONE when it is no longer open;
   ELO_EQUOTA: too many are open, or more bytes would be kept than the agent may. */
elo_err_t elo_upload_change(elo_upload_change_t *c) ELO_MUST_USE;

/* [commit] The same within another's operation; u->st stays. */
elo_err_t elo_upload_change_tx(elo_upload_change_t *c,
                               elo_kv_tx_t *tx) ELO_MUST_USE;

/* State only. ELO_ENOTFOUND. */
elo_err_t elo_upload_state_get(elo_kv_view_t *v,
                               const uint8_t id[ELO_UPLOAD_ID],
                               elo_upload_state_t *out) ELO_MUST_USE;

/* State, form and key of a reserved one. ELO_ENOTFOUND. */
elo_err_t elo_upload_load(elo_upload_t *u) ELO_MUST_USE;

/* Of a sealed one: the plaintext of the last chunk into tail (ELO_UPLOAD_CHUNK), and
   u->piece. */
elo_err_t elo_upload_load_tail(elo_upload_t *u, uint8_t *tail,
                               size_t *len) ELO_MUST_USE;

/* ---- resume_seal.c: sealed uploads ---- */

/* The upload's own key, wrapped so that this node can open it. */
elo_err_t elo_upload_key_wrap(elo_store_t *s, const elo_content_key_t *key,
                              elo_buf_t *out) ELO_MUST_USE;
elo_err_t elo_upload_key_open(elo_store_t *s, elo_slice_t wrapped,
                              elo_content_key_t **out) ELO_MUST_USE;

/* The form as its row will have it: in a box when key isn't NULL. */
elo_err_t elo_upload_form_wrap(const uint8_t id[ELO_UPLOAD_ID],
                               const elo_content_key_t *key,
                               const elo_put_opt_t *opt, elo_slice_t meta,
                               elo_buf_t *out) ELO_MUST_USE;
/* The form of a row. What form borrows from is copied to mem, which the caller
   disposes of. key NULL: only of a clear one, else ELO_ECORRUPT. */
elo_err_t elo_upload_form_open(const uint8_t id[ELO_UPLOAD_ID],
                               const elo_content_key_t *key, elo_slice_t row,
                               elo_buf_t *mem,
                               elo_upload_form_t *out) ELO_MUST_USE;

/* A piece of plaintext at an offset as a secret box, and back. out: in.len and
   ELO_SBOX_OVERHEAD more, or less. */
elo_err_t elo_upload_box(const elo_upload_t *u, const elo_content_key_t *key,
                         uint64_t off, elo_slice_t in,
                         uint8_t *out) ELO_MUST_USE;
elo_err_t elo_upload_unbox(const elo_upload_t *u, uint64_t off, elo_slice_t in,
                           uint8_t *out) ELO_MUST_USE;

/* Encrypts the first off bytes again under a fresh key: u->put goes on with them.
   at: what the file has, and the plaintext behind it. */
elo_err_t elo_upload_rekey(elo_upload_t *u, uint64_t off,
                           const elo_put_at_t *at) ELO_MUST_USE;

/* Chunks that are sealed once a byte behind them has come. */
static inline uint64_t
elo_upload_chunks(uint64_t off)
{
    return off == 0 ? 0 : (off - 1) / ELO_UPLOAD_CHUNK;
}


/* ---- resume_sync.c ---- */

/* What an upload goes on with. */
typedef struct {
    elo_put_t *put;
    const elo_content_key_t *key; /* NULL: clear */
    uint32_t key_no;
    elo_slice_t wrapped; /* of a fresh key; p NULL: it is the old one */
} elo_upload_run_t;

/* Makes all that run has durable: file, rows. */
elo_err_t elo_upload_keep(elo_upload_t *u,
                          const elo_upload_run_t *run) ELO_MUST_USE;

/* The same of u->put, if something has come since. */
elo_err_t elo_upload_keep_all(elo_upload_t *u) ELO_MUST_USE;

/* Durably says that chunks below may be sealed (U3). */
elo_err_t elo_upload_keep_chunks(elo_upload_t *u, uint64_t n) ELO_MUST_USE;

/* ---- resume.c ---- */

/* Begins u->put where the rows say. */
elo_err_t elo_upload_begin(elo_upload_t *u) ELO_MUST_USE;

/* Reserved and loaded, whatever its phase. ELO_EBUSY, ELO_ENOTFOUND. */
elo_err_t elo_upload_acquire(elo_store_t *s, const uint8_t id[ELO_UPLOAD_ID],
                             elo_upload_t **out) ELO_MUST_USE;

/* Reserved, and its state read: enough to end it, also without its key. */
elo_err_t elo_upload_acquire_state(elo_store_t *s,
                                   const uint8_t id[ELO_UPLOAD_ID],
                                   elo_upload_t **out) ELO_MUST_USE;

/* What the put wants to know. */
void elo_upload_opt(const elo_upload_t *u, elo_put_opt_t *out);

/* Forgets what is in memory of a reserved upload; its file stays. */
void elo_upload_unload(elo_upload_t *u);

#endif
