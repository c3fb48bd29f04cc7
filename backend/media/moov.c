/* SPDX-License-Identifier: BSD-2-Clause */
/* moov: the file's top level and the movie box. Spec: ISO/IEC 14496-12, 8.2. */
#include "backend/media/moov.h"

#include "backend/media/box.h"

/* A progressive file has about five; each costs a read from a cold page. */
#define TOP_BOXES_MAX 65536

typedef struct {
    elo_box_t moov;
    bool has_moov;
    bool has_moof;
    bool is_truncated; /* what follows is no box: harmless behind the moov,
                          for each sample is checked */
} top_t;


static bool
is_top_type(uint32_t type)
{
    switch (type) {
    case ELO_FOURCC('f', 't', 'y', 'p'):
    case ELO_FOURCC('s', 't', 'y', 'p'):
    case ELO_FOURCC('m', 'o', 'o', 'v'):
    case ELO_FOURCC('m', 'o', 'o', 'f'):
    case ELO_FOURCC('m', 'd', 'a', 't'):
    case ELO_FOURCC('s', 'i', 'd', 'x'):
    case ELO_FOURCC('f', 'r', 'e', 'e'):
    case ELO_FOURCC('s', 'k', 'i', 'p'):
    case ELO_FOURCC('w', 'i', 'd', 'e'):
    case ELO_FOURCC('p', 'n', 'o', 't'):
    case ELO_FOURCC('u', 'u', 'i', 'd'):
        return true;
    default:
        return false;
    }
}


static elo_err_t
read_top(elo_slice_t file, top_t *top, const char **reason)
{
    elo_slice_t rest = file;
    elo_box_t box;
    elo_err_t rc;
    int n;

    if (file.len < ELO_BOX_HEADER || !is_top_type(elo_be32(file.p + 4))) {
        return elo_media_fail(reason, ELO_EUNSUPPORTED, "not an MP4 file");
    }
    *top = (top_t){ 0 };
    for (n = 0; (rc = elo_box_next(&rest, true, &box)) == ELO_OK; n++) {
        if (n == TOP_BOXES_MAX) {
            return elo_media_fail(reason, ELO_ETOOBIG,
                                  "too many boxes at the top level");
        }
        if (box.type == ELO_FOURCC('m', 'o', 'o', 'f')) {
            top->has_moof = true;
            break;
        }
        if (box.type == ELO_FOURCC('m', 'o', 'o', 'v') && !top->has_moov) {
            top->moov = box;
            top->has_moov = true;
        }
    }
    top->is_truncated = rc == ELO_EINVAL;
    return ELO_OK;
}


static elo_err_t
read_mvhd(elo_slice_t moov, uint32_t *timescale, const char **reason)
{
    elo_box_t box;
    elo_slice_t s;
    uint32_t flags;
    uint8_t version;

    if (elo_box_find(moov, ELO_FOURCC('m', 'v', 'h', 'd'), &box) != ELO_OK
        || !elo_box_full(box.body, &version, &flags, &s) || version > 1
        || s.len < (version == 1 ? 28u : 16u))
    {
        return elo_media_fail(reason, ELO_EINVAL,
                              "malformed or missing movie header");
    }
    *timescale = elo_be32(s.p + (version == 1 ? 16 : 8));
    if (*timescale == 0) {
        return elo_media_fail(reason, ELO_EINVAL, "movie timescale of zero");
    }
    return ELO_OK;
}


/* Fills out from the traks of moov; *skipped is why the first one that can't
   be streamed was left out. */
static elo_err_t
read_traks(elo_slice_t moov, uint32_t timescale, elo_moov_t *out,
           const char **skipped, const char **reason)
{
    elo_slice_t rest = moov;
    const char *why = NULL;
    uint32_t n_samples = 0;
    elo_box_t box;
    elo_err_t rc;
    int n = 0;

    while ((rc = elo_box_next(&rest, false, &box)) == ELO_OK) {
        if (box.type != ELO_FOURCC('t', 'r', 'a', 'k')) {
            continue;
        }
        if (n++ == ELO_MP4_MAX_TRACKS) {
            return elo_media_fail(reason, ELO_ETOOBIG, "too many tracks");
        }
        if (out->n_tracks == ELO_MEDIA_MAX_TRACKS) {
            continue;
        }
        rc = elo_trak_read(box.body, timescale, &out->tracks[out->n_tracks],
                           &why);
        if (rc == ELO_OK) {
            n_samples += out->tracks[out->n_tracks++].n_samples;
            if (n_samples > ELO_MP4_MAX_SAMPLES) {
                return elo_media_fail(reason, ELO_ETOOBIG, "too many samples");
            }
        } else if (rc != ELO_EUNSUPPORTED) {
            return elo_media_fail(reason, rc, why);
        } else if (*skipped == NULL) {
            *skipped = why;
        }
    }
    if (rc != ELO_ENOTFOUND) {
        return elo_media_fail(reason, ELO_EINVAL, "malformed movie box");
    }
    return ELO_OK;
}


/* Errors that depend on the top level alone. */
static elo_err_t
check_top(const top_t *top, const char **reason)
{
    if (top->has_moof) {
        return elo_media_fail(reason, ELO_EUNSUPPORTED,
                              "fragmented MP4 can't be streamed yet");
    }
    if (!top->has_moov) {
        return elo_media_fail(reason, ELO_EINVAL,
                              top->is_truncated
                                  ? "truncated: a box reaches past the end of "
                                    "the file"
                                  : "truncated: the file has no movie box");
    }
    if (top->moov.whole.len > ELO_MP4_MOOV_MAX) {
        return elo_media_fail(reason, ELO_ETOOBIG, "movie box too large");
    }
    return ELO_OK;
}


elo_err_t
elo_moov_read(elo_slice_t file, elo_scratch_t *scratch, elo_moov_t *out,
              const char **reason)
{
    const char *skipped = NULL;
    uint32_t timescale = 0;
    elo_box_t box;
    elo_err_t rc;
    top_t top;

    *out = (elo_moov_t){ 0 };
    if ((rc = read_top(file, &top, reason)) != ELO_OK
        || (rc = check_top(&top, reason)) != ELO_OK)
    {
        return rc;
    }
    if (elo_box_find(top.moov.body, ELO_FOURCC('c', 'm', 'o', 'v'), &box)
        == ELO_OK) {
        return elo_media_fail(reason, ELO_EUNSUPPORTED,
                              "a compressed movie box is not supported");
    }
    if ((rc = read_mvhd(top.moov.body, &timescale, reason)) != ELO_OK) {
        return rc;
    }
    out->tracks =
        elo_scratch_alloc(scratch, ELO_MEDIA_MAX_TRACKS, sizeof(*out->tracks));
    if (out->tracks == NULL) {
        return elo_media_fail(reason, ELO_ENOMEM, "out of memory");
    }
    rc = read_traks(top.moov.body, timescale, out, &skipped, reason);
    if (rc != ELO_OK) {
        return rc;
    }
    if (out->n_tracks == 0) {
        if (elo_box_find(top.moov.body, ELO_FOURCC('m', 'v', 'e', 'x'), &box)
            == ELO_OK) {
            skipped = "fragmented MP4 can't be streamed yet";
        }
        return elo_media_fail(
            reason, ELO_EUNSUPPORTED,
            skipped != NULL ? skipped : "no usable track: the file has none");
    }
    return ELO_OK;
}
