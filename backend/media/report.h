/* SPDX-License-Identifier: BSD-2-Clause */
/* report: how the media of a content age: tracks whose codec the operator calls
   obsolete, and classes of devices that none of its variants fits. Pure. */
#ifndef ELO_MEDIA_REPORT_H
#define ELO_MEDIA_REPORT_H

#include "common/base/err.h"
#include "common/manifest/model.h"

#define ELO_REPORT_CODECS  32 /* of a list */
#define ELO_REPORT_CLASSES 16
#define ELO_REPORT_WORD    31 /* bytes of a codec, or a class's name */

typedef struct {
    uint32_t n;
    char codec[ELO_REPORT_CODECS][ELO_REPORT_WORD + 1];
} elo_codec_list_t;

/* What devices of a class play; 0: any. */
typedef struct {
    char name[ELO_REPORT_WORD + 1];
    elo_codec_list_t codecs;
    uint32_t width, height; /* either way round */
    uint64_t max_bps;       /* of a video track, in the middle */
} elo_device_class_t;

typedef struct {
    elo_codec_list_t obsolete;
    uint32_t n_classes;
    elo_device_class_t classes[ELO_REPORT_CLASSES];
} elo_media_rules_t;

/* obsolete: codecs, with commas between: "mp4v,avc1.42E01E". One stands for all that
   begin so up to a dot. classes: "NAME=CODEC,…[:WIDTHxHEIGHT[:RATE]]" with blanks
   between; RATE is in bits a second, or with k or m behind it. ELO_EINVAL with *why
   set to what is wrong, a literal. */
elo_err_t elo_media_rules_parse(elo_slice_t obsolete, elo_slice_t classes,
                                elo_media_rules_t *out,
                                const char **why) ELO_MUST_USE;

bool elo_media_is_obsolete(const elo_media_rules_t *r, elo_slice_t codec);

/* ---- one content: all tracks of all its blobs are added, then it is asked ---- */

typedef struct {
    bool has_video, has_audio;
    uint32_t video, audio; /* bits of the classes that some track fits */
} elo_media_fit_t;

void elo_media_fit_add(elo_media_fit_t *f, const elo_media_rules_t *r,
                       const elo_media_track_t *t);

/* Bits of the classes that can't play it: what has pictures needs some that fit, what
   has sound some of that. Of what has neither: none. */
uint32_t elo_media_fit_missing(const elo_media_fit_t *f,
                               const elo_media_rules_t *r);

#endif
