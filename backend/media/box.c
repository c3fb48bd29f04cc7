/* SPDX-License-Identifier: BSD-2-Clause */
/* box: cursor over ISO base media boxes. Spec: ISO/IEC 14496-12, 4.2. */
#include "backend/media/box.h"

#include "common/base/rd.h"

#define SIZE_TO_END 0 /* size field: the box ends with the file */
#define SIZE_IS_64  1 /* size field: a 64-bit one follows the type */


elo_err_t
elo_box_next(elo_slice_t *rest, bool is_top, elo_box_t *box)
{
    const uint8_t *p = rest->p;
    uint32_t size32, type;
    uint64_t size;
    size_t header = ELO_BOX_HEADER;

    if (rest->len < ELO_BOX_HEADER) {
        return ELO_ENOTFOUND;
    }
    size32 = elo_be32(p);
    type = elo_be32(p + 4);
    size = size32;
    if (size32 == SIZE_IS_64) {
        if (rest->len < ELO_BOX_HEADER + 8) {
            return ELO_EINVAL;
        }
        size = elo_be64(p + 8);
        header += 8;
    } else if (size32 == SIZE_TO_END && is_top) {
        size = rest->len;
    }
    if (size < header || size > rest->len) {
        return ELO_EINVAL;
    }
    box->type = type;
    box->whole = elo_slice(p, (size_t) size);
    box->body = elo_slice(p + header, (size_t) size - header);
    *rest = elo_slice(p + size, rest->len - (size_t) size);
    return ELO_OK;
}


elo_err_t
elo_box_find(elo_slice_t parent, uint32_t type, elo_box_t *box)
{
    elo_box_t b;
    elo_err_t rc;

    while ((rc = elo_box_next(&parent, false, &b)) == ELO_OK) {
        if (b.type == type) {
            *box = b;
            return ELO_OK;
        }
    }
    return rc;
}


bool
elo_box_full(elo_slice_t body, uint8_t *version, uint32_t *flags,
             elo_slice_t *rest)
{
    uint32_t word;

    if (elo_rd_be32(body.p, body.p + body.len, &word) == NULL) {
        return false;
    }
    *version = (uint8_t) (word >> 24);
    *flags = word & 0xffffff;
    *rest = elo_slice(body.p + 4, body.len - 4);
    return true;
}
