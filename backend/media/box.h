/* SPDX-License-Identifier: BSD-2-Clause */
/* box: cursor over ISO base media boxes in mapped bytes. A child never reaches
   past its parent, so boxes can't overlap and nothing here recurses.
   Spec: ISO/IEC 14496-12, 4.2. */
#ifndef ELO_MEDIA_BOX_H
#define ELO_MEDIA_BOX_H

#include "common/base/err.h"
#include "common/base/slice.h"

#define ELO_FOURCC(a, b, c, d)                                                 \
    ((uint32_t) (a) << 24 | (uint32_t) (b) << 16 | (uint32_t) (c) << 8         \
     | (uint32_t) (d))

/* Smallest header: size 4, type 4. */
#define ELO_BOX_HEADER 8

typedef struct {
    uint32_t type;
    elo_slice_t whole; /* with its header */
    elo_slice_t body;  /* without */
} elo_box_t;

/* Takes the next box off the front of rest. ELO_ENOTFOUND at the end (fewer
   than ELO_BOX_HEADER bytes left: QuickTime ends some lists with four zeros);
   ELO_EINVAL for a size below the header's or past the end. A size of zero
   ("to the end of the file") is good at the top level only. */
elo_err_t elo_box_next(elo_slice_t *rest, bool is_top,
                       elo_box_t *box) ELO_MUST_USE;

/* First child of that type among the boxes in parent. ELO_ENOTFOUND when there
   is none, ELO_EINVAL when a box on the way is malformed. */
elo_err_t elo_box_find(elo_slice_t parent, uint32_t type,
                       elo_box_t *box) ELO_MUST_USE;

/* Splits a full box's body (14496-12, 4.2.2): false when it is too short. */
bool elo_box_full(elo_slice_t body, uint8_t *version, uint32_t *flags,
                  elo_slice_t *rest);

/* Unchecked big-endian reads, for tables whose bounds are already proved. */
static inline uint32_t
elo_be32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8
           | p[3];
}


static inline uint64_t
elo_be64(const uint8_t *p)
{
    return (uint64_t) elo_be32(p) << 32 | elo_be32(p + 4);
}


/* Sets the text for people and hands rc through. */
static inline elo_err_t
elo_media_fail(const char **reason, elo_err_t rc, const char *text)
{
    *reason = text;
    return rc;
}

#endif
