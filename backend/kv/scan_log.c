/* SPDX-License-Identifier: BSD-2-Clause */
/* scan_log: recovery of a whole log. Records follow each other without a gap in
   place and lsn; what stands where the next one should be and isn't it, is either
   torn (its batch was never acknowledged, and is the last) or rotten (a good
   record of a later batch lies behind it, and batches are written one after the
   other: (L6)). */
#include "backend/kv/scan.h"

#include <stdlib.h>

#include "common/base/num.h"

typedef struct {
    elo_log_rec_t rec; /* slices: offsets into mem until it is delivered */
    size_t at;
} held_t;

typedef struct {
    const elo_scan_src_t *src;
    elo_log_rec_fn fn;
    void *ctx;
    elo_log_scan_t *out;
    elo_scan_win_t win;
    bool is_whole; /* from the very start: compacted segments are missing */

    size_t i; /* segment */
    uint64_t off;
    uint64_t lsn;      /* of the next record; 0: not known */
    uint64_t proof;    /* all records with a lower lsn were acknowledged */
    bool is_skipping;  /* the rest of an operation that lost a record */
    uint64_t past_end; /* bytes of good records behind out->end */
    elo_log_pos_t batch;
    uint64_t batch_lsn;

    /* Records of an operation whose end hasn't been seen. */
    held_t *held;
    size_t n_held, cap_held;
    uint8_t *mem;
    size_t n_mem, cap_mem;
} scan_t;


/* (L11): a segment ends where the head of the next says. */
static void
look_at(scan_t *s, size_t i)
{
    const elo_scan_seg_t *seg = &s->src->segs[i], *next = seg + 1;
    uint64_t limit = seg->size;

    if (i + 1 < s->src->n_segs && next->head_rc == ELO_OK
        && next->head.prev_segment == seg->number)
    {
        limit = ELO_MIN(limit, next->head.prev_end);
    }
    elo_scan_win_segment(&s->win, seg, limit);
}


static void
enter(scan_t *s, size_t i, uint64_t off)
{
    s->i = i;
    s->off = off;
    if (i < s->src->n_segs) {
        look_at(s, i);
    }
}


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


static elo_err_t
hold(scan_t *s, const elo_log_rec_t *r)
{
    size_t need = s->n_mem + r->key.len + r->value.len;
    held_t *h = grow(s->held, &s->cap_held, s->n_held + 1, sizeof(held_t));
    uint8_t *mem = grow(s->mem, &s->cap_mem, need, 1);

    s->held = h != NULL ? h : s->held;
    s->mem = mem != NULL ? mem : s->mem;
    if (h == NULL || mem == NULL) {
        return ELO_ENOMEM;
    }
    h = &s->held[s->n_held++];
    h->rec = *r;
    h->at = s->n_mem;
    if (r->key.len > 0) {
        memcpy(s->mem + h->at, r->key.p, r->key.len);
    }
    if (r->value.len > 0) {
        memcpy(s->mem + h->at + r->key.len, r->value.p, r->value.len);
    }
    s->n_mem = need;
    return ELO_OK;
}


static elo_err_t
deliver(scan_t *s)
{
    elo_err_t rc = ELO_OK;

    for (size_t i = 0; i < s->n_held && rc == ELO_OK; i++) {
        elo_log_rec_t *r = &s->held[i].rec;

        r->key.p = s->mem + s->held[i].at;
        r->value.p = r->key.p + r->key.len;
        rc = s->fn(s->ctx, r);
        s->out->records++;
    }
    s->n_held = 0;
    s->n_mem = 0;
    return rc;
}


static void
drop_held(scan_t *s)
{
    s->out->rotten += s->n_held;
    s->n_held = 0;
    s->n_mem = 0;
}


/* The record at the place and with the lsn that is due. */
static elo_err_t
accept(scan_t *s, const elo_log_rec_t *r)
{
    uint64_t len = elo_rec_len(&r->head);
    elo_err_t rc = ELO_OK;

    if (r->head.batch != s->batch_lsn) {
        s->batch_lsn = r->head.batch;
        s->batch = r->pos;
    }
    if ((r->head.flags & ELO_REC_BEGIN) != 0) {
        s->is_skipping = false;
        drop_held(s);
    }
    if (s->is_skipping) {
        s->out->rotten++;
    } else if (s->n_held == 0 && (r->head.flags & ELO_REC_END) != 0) {
        s->out->records++;
        rc = s->fn(s->ctx, r);
    } else {
        rc = hold(s, r);
    }
    s->off += len;
    s->lsn = r->head.lsn + 1;
    s->past_end += len;
    if (rc == ELO_OK && (r->head.flags & ELO_REC_END) != 0) {
        s->is_skipping = false;
        s->past_end = 0;
        s->out->end = (elo_log_pos_t){ r->pos.segment, s->off };
        s->out->batch = s->batch;
        s->out->next_lsn = ELO_MAX(s->out->next_lsn, s->lsn);
        rc = deliver(s);
    }
    return rc;
}


/* Is r, found behind the place that is due, a record of this log that could stand
   there? A record takes at least the length of a head. */
static bool
is_plausible(const scan_t *s, const elo_log_rec_t *r)
{
    if (s->lsn == 0) {
        return true;
    }
    if (r->head.lsn < s->lsn) {
        return false;
    }
    return r->pos.segment != s->src->segs[s->i].number
           || r->head.lsn - s->lsn
                  <= (r->pos.off - s->off) / ELO_REC_HEADER_LEN;
}


/* Looks behind the place that is due for a good record, in the segments up to
   last: *first is where. Goes on until one proves that what was due was
   acknowledged; *is_proven. *torn counts bytes that aren't zeros. */
static elo_err_t
look_behind(scan_t *s, size_t last, elo_log_pos_t *first, bool *is_proven,
            uint64_t *torn)
{
    elo_log_rec_t r;
    uint64_t off = s->off, past;
    elo_err_t rc;

    *first = (elo_log_pos_t){ 0, 0 };
    *is_proven = s->lsn < s->proof;
    *torn = 0;
    for (size_t i = s->i; i <= last; i++, off = ELO_SEG_HEADER_LEN) {
        look_at(s, i);
        for (past = off;;) {
            rc = elo_scan_find(&s->win, past, &past, &r);
            if (rc != ELO_OK) {
                break;
            }
            past = r.pos.off + 8;
            if (!is_plausible(s, &r)) {
                continue;
            }
            past = r.pos.off + elo_rec_len(&r.head);
            if (first->segment == 0) {
                *first = r.pos;
                /* The very first of the log: its batch's is what was due. */
                s->lsn = s->lsn == 0 ? r.head.batch : s->lsn;
            }
            if (r.head.batch > s->lsn) {
                s->proof = ELO_MAX(s->proof, r.head.batch);
                *is_proven = true;
            }
            if (*is_proven) {
                return ELO_OK;
            }
        }
        if (rc != ELO_ENOTFOUND) {
            return rc;
        }
        *torn += past - off;
    }
    *is_proven = false;
    return ELO_OK;
}


/* Goes on at a good record behind damage. */
static elo_err_t
jump(scan_t *s, elo_log_pos_t to)
{
    elo_log_rec_t r;
    size_t i = s->i;
    elo_err_t rc;

    while (s->src->segs[i].number != to.segment) {
        i++;
    }
    enter(s, i, to.off);
    if ((rc = elo_scan_record(&s->win, to.off, false, &r)) != ELO_OK) {
        return rc == ELO_ENOTFOUND ? ELO_ECORRUPT : rc; /* it changed */
    }
    drop_held(s);
    s->out->rotten += r.head.lsn == s->lsn ? 1 : r.head.lsn - s->lsn;
    s->lsn = r.head.lsn;
    s->is_skipping = true;
    return ELO_OK;
}


/* Does next go on where the log stood at pos, with a record of this lsn due? Place
   follows place; lsn may leap (L7). */
static bool
is_end_before(const elo_scan_seg_t *next, elo_log_pos_t pos, uint64_t lsn)
{
    return next->head_rc == ELO_OK && next->head.prev_segment == pos.segment
           && next->head.prev_end == pos.off && next->head.first_lsn >= lsn;
}


/* Does the next segment go on exactly here? Its head says so; a damaged one
   doesn't matter when its first record does. */
static elo_err_t
is_next_linked(scan_t *s, bool *out)
{
    const elo_scan_seg_t *here = &s->src->segs[s->i], *next = here + 1;
    elo_log_rec_t r;
    elo_err_t rc;

    *out = false;
    if (s->i + 1 == s->src->n_segs) {
        return ELO_OK;
    }
    if (next->head_rc == ELO_OK) {
        *out = is_end_before(next, (elo_log_pos_t){ here->number, s->off },
                             s->lsn);
        s->lsn = *out ? next->head.first_lsn : s->lsn; /* (L7) */
        return ELO_OK;
    }
    look_at(s, s->i + 1);
    rc = elo_scan_record(&s->win, ELO_SEG_HEADER_LEN, false, &r);
    look_at(s, s->i);
    *out = rc == ELO_OK && r.head.lsn == s->lsn;
    return rc == ELO_ENOTFOUND || rc == ELO_ECORRUPT ? ELO_OK : rc;
}


/* Is there a next segment that doesn't follow this one, since those between have
   been compacted? (L8) */
static bool
next_is_apart(const scan_t *s)
{
    const elo_scan_seg_t *here = &s->src->segs[s->i], *next = here + 1;

    return s->is_whole && s->i + 1 < s->src->n_segs && next->head_rc == ELO_OK
           && next->head.prev_segment > here->number
           && next->head.prev_segment < next->number;
}


static void
enter_next(scan_t *s)
{
    enter(s, s->i + 1, ELO_SEG_HEADER_LEN);
    if (s->n_held == 0) {
        /* If it has no record yet, appending goes on there. */
        s->past_end = 0;
        s->out->end = (elo_log_pos_t){ s->src->segs[s->i].number, s->off };
    }
}


/* Nothing good stands where the next record is due. *is_end: the log ends. */
static elo_err_t
pass(scan_t *s, bool is_zero, bool *is_end)
{
    elo_log_pos_t first;
    uint64_t torn;
    bool is_proven, is_linked = false, is_apart = next_is_apart(s);
    elo_err_t rc;

    *is_end = false;
    if (is_zero && (rc = is_next_linked(s, &is_linked)) != ELO_OK) {
        return rc;
    }
    if (is_linked) {
        enter_next(s);
        return ELO_OK;
    }
    rc = look_behind(s, is_apart ? s->i : s->src->n_segs - 1, &first,
                     &is_proven, &torn);
    if (rc != ELO_OK) {
        return rc;
    }
    if (first.segment != 0 && (is_proven || is_apart)) {
        return jump(s, first);
    }
    if (is_apart) {
        /* All of this segment was acknowledged, and so was the operation whose
           rest has been compacted. */
        s->out->rotten += is_zero ? 0 : 1;
        if ((rc = deliver(s)) != ELO_OK) {
            return rc;
        }
        s->is_skipping = false;
        s->lsn = s->src->segs[s->i + 1].head.first_lsn;
        s->out->next_lsn = ELO_MAX(s->out->next_lsn, s->lsn);
        enter_next(s);
        return ELO_OK;
    }
    s->out->torn_bytes = s->past_end + torn;
    *is_end = true;
    return ELO_OK;
}


static elo_err_t
run(scan_t *s)
{
    elo_log_rec_t r;
    bool is_end = false;
    elo_err_t rc;

    while (!is_end) {
        rc = elo_scan_record(&s->win, s->off, false, &r);
        if (rc == ELO_OK && (s->lsn == 0 || r.head.lsn == s->lsn)) {
            rc = accept(s, &r);
        } else if (rc == ELO_OK || rc == ELO_ECORRUPT || rc == ELO_ENOTFOUND) {
            rc = pass(s, rc == ELO_ENOTFOUND, &is_end);
        }
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return ELO_OK;
}


/* Where the scan begins: at from, or, when that was the end of a segment that is
   gone, in the next. ELO_ECORRUPT: there is no such place in this log. */
static elo_err_t
begin(scan_t *s, elo_log_pos_t from)
{
    const elo_scan_seg_t *seg = s->src->segs, *end = seg + s->src->n_segs;
    size_t i;

    while (seg < end && seg->number < from.segment) {
        seg++;
    }
    i = (size_t) (seg - s->src->segs);
    if (seg == end) {
        enter(s, i, 0);
        return s->is_whole ? ELO_OK : ELO_ECORRUPT;
    }
    if (seg->number == from.segment) {
        if (from.off < ELO_SEG_HEADER_LEN || from.off > seg->size
            || (seg + 1 < end && seg[1].head_rc == ELO_OK
                && seg[1].head.prev_segment == seg->number
                && seg[1].head.prev_end < from.off))
        {
            return ELO_ECORRUPT;
        }
        enter(s, i, from.off);
    } else {
        if (!s->is_whole && !is_end_before(seg, from, s->lsn)) {
            return ELO_ECORRUPT;
        }
        enter(s, i, ELO_SEG_HEADER_LEN);
        s->lsn = seg->head.first_lsn;
    }
    if (s->is_whole) {
        s->lsn = seg->head_rc == ELO_OK ? seg->head.first_lsn : 0;
        s->out->next_lsn = ELO_MAX(s->out->next_lsn, s->lsn);
    }
    if (!s->is_whole || seg->head_rc == ELO_OK) {
        s->out->end = (elo_log_pos_t){ seg->number, s->off };
        s->out->batch = s->out->end;
    }
    return ELO_OK;
}


elo_err_t
elo_scan_log(const elo_scan_src_t *src, elo_log_pos_t from, uint64_t min_lsn,
             elo_log_rec_fn fn, void *ctx, elo_log_scan_t *out)
{
    scan_t s = { .src = src, .fn = fn, .ctx = ctx, .out = out, .lsn = min_lsn };
    elo_err_t rc;

    *out = (elo_log_scan_t){ .end = from,
                             .batch = from,
                             .next_lsn = ELO_MAX(min_lsn, (uint64_t) 1) };
    s.is_whole = from.segment == 0;
    if (from.off % ELO_REC_ALIGN != 0 || (!s.is_whole && min_lsn == 0)) {
        return ELO_ECORRUPT;
    }
    if ((rc = elo_scan_win_init(&s.win, src, ELO_SCAN_WINDOW)) != ELO_OK) {
        return rc;
    }
    rc = begin(&s, from);
    if (rc == ELO_OK && s.i < src->n_segs) {
        rc = run(&s);
    }
    /* (L7): never one that an acknowledged record has had. */
    out->next_lsn = ELO_MAX(out->next_lsn, s.proof);
    out->bytes = s.win.bytes;
    elo_scan_win_dispose(&s.win);
    free(s.held);
    free(s.mem);
    return rc;
}
