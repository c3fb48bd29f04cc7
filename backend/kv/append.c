/* SPDX-License-Identifier: BSD-2-Clause */
/* append: the batch in memory. Heads, keys, values and padding are copied one
   after the other into mem; data is borrowed. Nothing is written here. */
#include "backend/kv/segment_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/num.h"

#define MEM_KEEP      (4u << 20) /* kept from one batch to the next */
#define SPACE_EVERY   (4u << 20) /* bytes between two looks at free space */
#define RESERVE_SHARE 4u /* of min_free: left to what takes no new data */


/* p with room for need items, or NULL and p as it was. */
static void *
grow(void *p, size_t *cap, size_t need, size_t size)
{
    size_t n = ELO_MAX(*cap * 2, ELO_MAX(need, (size_t) 64));

    if (p != NULL && need <= *cap) {
        return p;
    }
    if ((p = reallocarray(p, n, size)) != NULL) {
        *cap = n;
    }
    return p;
}


/* Room for a record of n_data pieces of data and n bytes of the rest. */
static elo_err_t
make_room(elo_seglog_t *l, size_t n, uint32_t n_data)
{
    elo_part_t *parts;
    uint8_t *mem;

    parts =
        grow(l->parts, &l->cap_parts, l->n_parts + n_data + 2, sizeof(*parts));
    if (parts == NULL) {
        return ELO_ENOMEM;
    }
    l->parts = parts;
    if ((mem = grow(l->mem, &l->cap_mem, l->n_mem + n, 1)) == NULL) {
        return ELO_ENOMEM;
    }
    l->mem = mem;
    return ELO_OK;
}


/* n bytes at the end of mem that are to be written next; there is room. */
static uint8_t *
put_mem(elo_seglog_t *l, size_t n)
{
    uint8_t *p = l->mem + l->n_mem;
    bool is_first = l->n_parts == l->pieces[l->n_pieces - 1].first_part;

    assert(l->parts != NULL);
    if (!is_first && l->parts[l->n_parts - 1].p == NULL) {
        l->parts[l->n_parts - 1].len += n;
    } else {
        l->parts[l->n_parts++] = (elo_part_t){ NULL, l->n_mem, n };
    }
    l->n_mem += n;
    return p;
}


static elo_err_t
add_piece(elo_seglog_t *l, const elo_piece_t *piece)
{
    elo_piece_t *p =
        grow(l->pieces, &l->cap_pieces, l->n_pieces + 1, sizeof(*p));

    if (p == NULL) {
        return ELO_ENOMEM;
    }
    l->pieces = p;
    p[l->n_pieces++] = *piece;
    return ELO_OK;
}


elo_err_t
elo_seglog_roll(elo_seglog_t *l)
{
    elo_seg_t *seg = calloc(1, sizeof(*seg));
    elo_piece_t piece = { .seg = seg,
                          .from = ELO_SEG_HEADER_LEN,
                          .to = ELO_SEG_HEADER_LEN,
                          .first_part = (uint32_t) l->n_parts };
    elo_err_t rc;

    if (seg == NULL) {
        return ELO_ENOMEM;
    }
    seg->fd = -1;
    seg->size = l->segment_bytes;
    seg->number = elo_seg_number_take(l);
    seg->head = (elo_seg_head_t){ .store_id = l->store_id,
                                  .segment = seg->number,
                                  .first_lsn = l->next_lsn,
                                  .file_len = l->segment_bytes,
                                  .prev_segment = l->pos.segment,
                                  .prev_end = l->pos.off };
    piece.segment = seg->number;
    rc = seg->number > ELO_SEG_NUMBER_MAX ? ELO_ENOSPC : ELO_OK;
    if (rc == ELO_OK) {
        rc = add_piece(l, &piece);
    }
    if (rc != ELO_OK) {
        elo_seg_number_give(l, seg->number);
        free(seg);
        return rc;
    }
    l->pos = (elo_log_pos_t){ seg->number, ELO_SEG_HEADER_LEN };
    return ELO_OK;
}


/* A place for len bytes of the next record, in a piece of the batch. */
static elo_err_t
make_place(elo_seglog_t *l, uint64_t len)
{
    uint64_t size =
        l->n_pieces == 0 && l->head != NULL ? l->head->size : l->segment_bytes;
    elo_piece_t piece = { .segment = l->pos.segment,
                          .from = l->pos.off,
                          .to = l->pos.off,
                          .first_part = (uint32_t) l->n_parts };

    if (l->n_pieces > 0) {
        const elo_piece_t *last = &l->pieces[l->n_pieces - 1];

        size = last->seg == NULL ? l->head->size : last->seg->size;
    } else if (l->head == NULL) {
        return elo_seglog_roll(l);
    }
    if (l->pos.off > size || size - l->pos.off < len) {
        return elo_seglog_roll(l);
    }
    return l->n_pieces > 0 ? ELO_OK : add_piece(l, &piece);
}


/* ELO_ENOSPC when len more bytes would leave less than floor free. */
static elo_err_t
check_space(elo_seglog_t *l, uint64_t len, uint64_t floor)
{
    uint64_t need;
    elo_err_t rc;

    if (floor == 0) {
        return ELO_OK;
    }
    if (!elo_add_u64(floor, len, &need)) {
        return ELO_ENOSPC;
    }
    if (l->space_since >= SPACE_EVERY || l->space < need
        || l->space - need < l->space_since)
    {
        rc = l->vfs->free_space(l->vfs, l->dir_fd, &l->space);
        if (rc != ELO_OK) {
            l->space_since = UINT64_MAX;
            return rc;
        }
        l->space_since = elo_seglog_pending(l); /* not written yet */
    }
    if (l->space < need || l->space - need < l->space_since) {
        return ELO_ENOSPC;
    }
    l->space_since += len;
    return ELO_OK;
}


/* Completes the head; *rest: key, value and head together. */
static elo_err_t
fill_head(const elo_seglog_t *l, elo_slice_t key, elo_slice_t value,
          const elo_slice_t *data, uint32_t n_data, elo_rec_head_t *h,
          size_t *rest)
{
    uint64_t n = 0, most = l->segment_bytes - ELO_SEG_HEADER_LEN;

    for (uint32_t i = 0; i < n_data; i++) {
        if (!elo_add_u64(n, data[i].len, &n)) {
            return ELO_ETOOBIG;
        }
    }
    if (key.len > ELO_KV_KEY_MAX || h->table >= ELO_KV_TABLES_MAX) {
        return ELO_EINVAL;
    }
    if (value.len > most || n > most) {
        return ELO_ETOOBIG;
    }
    h->key_len = (uint16_t) key.len;
    h->value_len = (uint32_t) value.len;
    h->data_len = (uint32_t) n;
    if (elo_rec_len(h) > most) {
        return ELO_ETOOBIG;
    }
    h->flags &= ELO_REC_DELETE | ELO_REC_MOVED;
    if (!l->in_op) {
        h->flags |= ELO_REC_BEGIN;
    }
    h->lsn = l->next_lsn;
    h->batch = l->batch_lsn;
    h->body_crc = elo_crc32c(elo_crc32c(0, key), value);
    for (uint32_t i = 0; i < n_data; i++) {
        h->body_crc = elo_crc32c(h->body_crc, data[i]);
    }
    *rest = ELO_REC_HEADER_LEN + key.len + value.len;
    return ELO_OK;
}


elo_err_t
elo_seglog_add(elo_seglog_t *l, const elo_rec_head_t *head, elo_slice_t key,
               elo_slice_t value, const elo_slice_t *data, uint32_t n_data,
               elo_log_pos_t *pos)
{
    elo_rec_head_t h = *head;
    bool is_new_data;
    uint64_t len;
    elo_err_t rc;
    size_t rest, pad;
    uint8_t *p;

    if (l->is_broken) {
        return ELO_EREADONLY;
    }
    if ((rc = fill_head(l, key, value, data, n_data, &h, &rest)) != ELO_OK) {
        return rc;
    }
    len = elo_rec_len(&h);
    is_new_data = h.data_len > 0 && (h.flags & ELO_REC_MOVED) == 0;
    if ((rc = check_space(
             l, len, is_new_data ? l->min_free : l->min_free / RESERVE_SHARE))
            != ELO_OK
        || (rc = make_room(l, rest + ELO_REC_ALIGN, n_data)) != ELO_OK
        || (rc = make_place(l, len)) != ELO_OK)
    {
        return rc;
    }
    l->last = l->pos;
    l->last_mem = l->n_mem;
    p = put_mem(l, rest);
    elo_rec_head_encode(&h, l->store_id, l->pos.segment, l->pos.off, p);
    if (key.len > 0) {
        memcpy(p + ELO_REC_HEADER_LEN, key.p, key.len);
    }
    if (value.len > 0) {
        memcpy(p + ELO_REC_HEADER_LEN + key.len, value.p, value.len);
    }
    for (uint32_t i = 0; i < n_data; i++) {
        if (data[i].len > 0) {
            l->parts[l->n_parts++] = (elo_part_t){ data[i].p, 0, data[i].len };
        }
    }
    pad = (size_t) (len - rest - h.data_len);
    if (pad > 0) {
        memset(put_mem(l, pad), 0, pad);
    }
    *pos = l->pos;
    l->pos.off += len;
    l->pieces[l->n_pieces - 1].to = l->pos.off;
    l->next_lsn++;
    l->in_op = true;
    return ELO_OK;
}


uint64_t
elo_seglog_next_lsn(const elo_seglog_t *l)
{
    return l->next_lsn;
}


void
elo_seglog_mark(const elo_seglog_t *l, elo_seglog_mark_t *m)
{
    *m = (elo_seglog_mark_t){ .lsn = l->next_lsn,
                              .segment = l->pos.segment,
                              .off = l->pos.off,
                              .n_iov = (uint32_t) l->n_parts,
                              .in_op = l->in_op,
                              .n_mem = l->n_mem,
                              .last = l->last,
                              .last_mem = l->last_mem };
}


/* Drops the last piece; its segment isn't made. */
static void
pop_piece(elo_seglog_t *l)
{
    elo_piece_t *piece = &l->pieces[--l->n_pieces];

    if (piece->seg != NULL) {
        assert(piece->seg->fd == -1);
        elo_seg_number_give(l, piece->segment);
        free(piece->seg);
    }
}


void
elo_seglog_rewind(elo_seglog_t *l, const elo_seglog_mark_t *m)
{
    elo_part_t *last;

    while (l->n_pieces > 0 && l->pieces[l->n_pieces - 1].segment != m->segment)
    {
        pop_piece(l);
    }
    if (l->n_pieces > 0) {
        l->pieces[l->n_pieces - 1].to = m->off;
    }
    l->n_parts = m->n_iov;
    l->n_mem = m->n_mem;
    if (l->n_parts > 0 && l->parts[l->n_parts - 1].p == NULL) {
        last = &l->parts[l->n_parts - 1]; /* it may have grown since */
        last->len = l->n_mem - last->off;
    }
    l->pos = (elo_log_pos_t){ m->segment, m->off };
    l->next_lsn = m->lsn;
    l->in_op = m->in_op;
    l->last = m->last;
    l->last_mem = m->last_mem;
}


void
elo_seglog_end_op(elo_seglog_t *l)
{
    elo_rec_head_t h;
    uint8_t *p;
    elo_err_t rc;

    if (!l->in_op) {
        return;
    }
    p = l->mem + l->last_mem;
    rc = elo_rec_head_parse(p, l->store_id, l->last.segment, l->last.off, &h);
    assert(rc == ELO_OK);
    h.flags |= ELO_REC_END;
    elo_rec_head_encode(&h, l->store_id, l->last.segment, l->last.off, p);
    l->in_op = false;
}


uint64_t
elo_seglog_pending(const elo_seglog_t *l)
{
    uint64_t n = 0;

    for (size_t i = 0; i < l->n_pieces; i++) {
        n += l->pieces[i].to - l->pieces[i].from;
    }
    return n;
}


elo_log_pos_t
elo_seglog_end(const elo_seglog_t *l)
{
    return l->pos;
}


void
elo_seglog_batch_reset(elo_seglog_t *l)
{
    while (l->n_pieces > 0) {
        pop_piece(l);
    }
    l->n_parts = 0;
    l->n_mem = 0;
    l->in_op = false;
    l->pos = l->done;
    l->next_lsn = l->batch_lsn;
    if (l->cap_mem > MEM_KEEP) {
        free(l->mem);
        l->mem = NULL;
        l->cap_mem = 0;
    }
}
