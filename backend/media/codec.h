/* SPDX-License-Identifier: BSD-2-Clause */
/* codec: what a sample entry says of its stream: the RFC 6381 string, picture
   size, sample rate, channels. Reads configuration boxes only, never samples.
   Spec: RFC 6381; ISO/IEC 14496-1, -3, -12, -15; AV1 in ISOBMFF; VP codec ISO
   media file format binding; Opus and FLAC in ISOBMFF; ETSI TS 102 366. */
#ifndef ELO_MEDIA_CODEC_H
#define ELO_MEDIA_CODEC_H

#include "common/base/err.h"
#include "common/base/slice.h"
#include "common/manifest/model.h"

#define ELO_CODEC_TEXT_MAX 47 /* "hvc1.A31.ffffffff.H255.B0.B0.…" has 39 */

typedef struct {
    char text[ELO_CODEC_TEXT_MAX + 1];
    uint16_t width, height; /* video, as the sample entry states them */
    uint32_t sample_rate;   /* audio, Hz; the decoder's output */
    uint16_t channels;
    bool is_quicktime;  /* audio: a version 1 entry, of which only the fixed
                           fields and config can be used */
    elo_slice_t config; /* the configuration box, whole; borrowed */
} elo_codec_t;

/* entry: the sample entry's whole box, borrowed. ELO_EUNSUPPORTED for a codec
   that isn't streamed here, ELO_EINVAL for a malformed entry of one that is;
   both set reason. */
elo_err_t elo_codec_parse(elo_track_kind_t kind, elo_slice_t entry,
                          elo_codec_t *out, const char **reason) ELO_MUST_USE;

/* One sample entry type each; called through elo_codec_parse. body is the
   configuration box's body. */
elo_err_t elo_codec_video(uint32_t type, elo_slice_t entry, elo_codec_t *out,
                          const char **reason) ELO_MUST_USE;
elo_err_t elo_codec_audio(uint32_t type, elo_slice_t entry, elo_codec_t *out,
                          const char **reason) ELO_MUST_USE;

#endif
