/* SPDX-License-Identifier: BSD-2-Clause */
/* sample_iter: all sample tables of a track, walked together. */
#include "backend/media/sample_iter.h"

#include "backend/media/box.h"

#define DTS_MAX    ((uint64_t) 1 << 62)
#define STSC_ENTRY 12


void
elo_sample_iter_init(elo_sample_iter_t *it, const elo_mp4_track_t *track,
                     uint64_t file_len)
{
    *it = (elo_sample_iter_t){ ._track = track, ._file_len = file_len };
}


static bool
next_duration(elo_sample_iter_t *it)
{
    const elo_mp4_table_t *t = &it->_track->stts;

    while (it->_stts_left == 0) {
        if (it->_stts_at == t->n) {
            return false;
        }
        it->_stts_left = elo_be32(t->p + (size_t) it->_stts_at * 8);
        it->_delta = elo_be32(t->p + (size_t) it->_stts_at * 8 + 4);
        it->_stts_at++;
    }
    it->_stts_left--;
    return true;
}


/* Version 0 says unsigned, but writers put negative offsets there too, and no
   honest one is above 2^31. A table that ends early stands for zeros. */
static void
next_cts(elo_sample_iter_t *it)
{
    const elo_mp4_table_t *t = &it->_track->ctts;

    while (it->_ctts_left == 0) {
        if (it->_ctts_at == t->n) {
            it->_cts = 0;
            return;
        }
        it->_ctts_left = elo_be32(t->p + (size_t) it->_ctts_at * 8);
        it->_cts = (int32_t) elo_be32(t->p + (size_t) it->_ctts_at * 8 + 4);
        it->_ctts_at++;
    }
    it->_ctts_left--;
}


/* Sample numbers from 1 in stss, which must rise. */
static bool
next_sync(elo_sample_iter_t *it, bool *is_sync, const char **reason)
{
    const elo_mp4_table_t *t = &it->_track->stss;
    uint32_t number;

    if (!it->_track->has_stss || it->_track->kind != ELO_TRACK_VIDEO) {
        *is_sync = true;
        return true;
    }
    *is_sync = false;
    if (it->_stss_at < t->n) {
        number = elo_be32(t->p + (size_t) it->_stss_at * 4);
        if (number <= it->_i) {
            *reason = "malformed table of keyframes";
            return false;
        }
        if (number == it->_i + 1) {
            *is_sync = true;
            it->_stss_at++;
        }
    }
    return true;
}


/* Goes to the next chunk: its offset, and from stsc how many samples it has. */
static bool
next_chunk(elo_sample_iter_t *it)
{
    const elo_mp4_track_t *t = it->_track;
    const uint8_t *entry;
    uint32_t first;

    if (it->_chunk == t->stco.n || t->stsc.n == 0) {
        return false;
    }
    it->_offset = t->chunk_bits == 64
                      ? elo_be64(t->stco.p + (size_t) it->_chunk * 8)
                      : elo_be32(t->stco.p + (size_t) it->_chunk * 4);
    it->_chunk++;
    if (it->_stsc_at < t->stsc.n) {
        entry = t->stsc.p + (size_t) it->_stsc_at * STSC_ENTRY;
        first = elo_be32(entry);
        if (first < it->_chunk || (it->_stsc_at == 0 && first != 1)) {
            return false; /* not rising from 1 */
        }
        if (first == it->_chunk) {
            it->_stsc_at++;
        }
    }
    entry = t->stsc.p + (size_t) (it->_stsc_at - 1) * STSC_ENTRY;
    it->_chunk_left = elo_be32(entry + 4);
    return it->_chunk_left != 0;
}


static uint32_t
sample_size(const elo_mp4_track_t *t, uint32_t i)
{
    switch (t->size_bits) {
    case 0:
        return t->size_all;
    case 4:
        return i % 2 == 0 ? t->sizes[i / 2] >> 4 : t->sizes[i / 2] & 0x0fu;
    case 8:
        return t->sizes[i];
    case 16:
        return (uint32_t) t->sizes[(size_t) i * 2] << 8
               | t->sizes[(size_t) i * 2 + 1];
    default:
        return elo_be32(t->sizes + (size_t) i * 4);
    }
}


elo_err_t
elo_sample_iter_next(elo_sample_iter_t *it, elo_sample_t *s,
                     const char **reason)
{
    uint32_t size;

    if (it->_i == it->_track->n_samples) {
        return ELO_ENOTFOUND;
    }
    if (!next_duration(it)) {
        return elo_media_fail(reason, ELO_EINVAL,
                              "the sample times end before the samples");
    }
    next_cts(it);
    if (!next_sync(it, &s->is_sync, reason)) {
        return ELO_EINVAL;
    }
    if (it->_chunk_left == 0 && !next_chunk(it)) {
        return elo_media_fail(reason, ELO_EINVAL,
                              "the chunk table doesn't cover the samples");
    }
    size = sample_size(it->_track, it->_i);
    if (it->_offset > it->_file_len || size > it->_file_len - it->_offset) {
        return elo_media_fail(reason, ELO_EINVAL,
                              "truncated: a sample lies outside the file");
    }
    it->_bytes += size; /* (I2) keeps it below 2^64 */
    if (it->_bytes > it->_file_len) {
        return elo_media_fail(reason, ELO_EINVAL, "samples overlap");
    }
    s->offset = it->_offset;
    s->size = size;
    s->dts = it->_dts;
    s->duration = it->_delta;
    s->cts = it->_cts;
    it->_offset += size;
    it->_dts += it->_delta;
    it->_chunk_left--;
    it->_i++;
    return it->_dts > DTS_MAX
               ? elo_media_fail(reason, ELO_EINVAL, "times out of range")
               : ELO_OK;
}
