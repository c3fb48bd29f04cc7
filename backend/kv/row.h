/* SPDX-License-Identifier: BSD-2-Clause */
/* row: what a layer (memory table, index) says of a key, and the place of a record
   in one number. Pure. */
#ifndef ELO_KV_ROW_H
#define ELO_KV_ROW_H

#include "backend/kv/kv.h"
#include "backend/kv/segment.h"

/* A place is segment << 23 | offset / 8 of a record; 0 for derived entries. */
#define ELO_PLACE_OFF_BITS    23u
#define ELO_PLACE_SEGMENT_MAX (UINT64_MAX >> ELO_PLACE_OFF_BITS)

/* Segments may not be longer than a place can say. */
#define ELO_SEGMENT_BYTES_MAX ((uint64_t) ELO_REC_ALIGN << ELO_PLACE_OFF_BITS)

/* Slices are borrowed from the layer that gave the row. */
typedef struct {
    elo_slice_t key;
    elo_slice_t value;
    uint64_t place;
    uint32_t data_len;
    bool is_deleted; /* a tombstone: value, place and data_len say nothing */
    bool is_fresh; /* of a memory table: the layers below it have no such key */
} elo_kv_row_t;

static inline uint64_t
elo_place_of(elo_log_pos_t pos)
{
    return pos.segment << ELO_PLACE_OFF_BITS | pos.off / ELO_REC_ALIGN;
}


static inline uint64_t
elo_place_segment(uint64_t place)
{
    return place >> ELO_PLACE_OFF_BITS;
}


static inline uint64_t
elo_place_off(uint64_t place)
{
    return (place & ((UINT64_C(1) << ELO_PLACE_OFF_BITS) - 1)) * ELO_REC_ALIGN;
}


/* Length of the row's record in the log, with padding; 0 for derived ones. */
static inline uint64_t
elo_row_rec_len(const elo_kv_row_t *r)
{
    elo_rec_head_t h = { .key_len = (uint16_t) r->key.len,
                         .value_len = (uint32_t) r->value.len,
                         .data_len = r->data_len };

    return r->place == 0 ? 0 : elo_rec_len(&h);
}


static inline elo_kv_entry_t
elo_row_entry(const elo_kv_row_t *r)
{
    return (elo_kv_entry_t){
        .value = r->value,
        .segment = elo_place_segment(r->place),
        .data_off = r->place == 0 ? 0
                                  : elo_place_off(r->place) + ELO_REC_HEADER_LEN
                                        + r->key.len + r->value.len,
        .data_len = r->data_len,
    };
}

#endif
