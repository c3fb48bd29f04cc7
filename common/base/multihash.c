/* SPDX-License-Identifier: BSD-2-Clause */
/* multihash: self-describing hashes. Spec: multiformats/multihash and
   multiformats/unsigned-varint. */
#include "common/base/multihash.h"

#include "common/base/rd.h"

#define UVARINT_MAX_LEN 9


const uint8_t *
elo_rd_uvarint(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
    uint64_t acc = 0;
    uint8_t c;

    for (unsigned i = 0; i < UVARINT_MAX_LEN; i++) {
        p = elo_rd_u8(p, end, &c);
        if (p == NULL) {
            return NULL;
        }
        acc |= (uint64_t) (c & 0x7f) << (7 * i);
        if ((c & 0x80) == 0) {
            if (c == 0 && i > 0) {
                return NULL; /* not minimal */
            }
            *v = acc;
            return p;
        }
    }
    return NULL;
}


elo_err_t
elo_multihash_parse(elo_slice_t s, uint64_t *code, elo_slice_t *digest)
{
    const uint8_t *p = s.p;
    const uint8_t *end;
    elo_slice_t bytes;
    uint64_t fn = 0, len = 0;

    if (s.len == 0) {
        return ELO_EINVAL;
    }
    end = s.p + s.len;
    p = elo_rd_uvarint(p, end, &fn);
    p = elo_rd_uvarint(p, end, &len);
    if (p == NULL) {
        return ELO_EINVAL;
    }
    p = elo_rd_bytes(p, end, len, &bytes);
    if (p != end) {
        return ELO_EINVAL;
    }
    *code = fn;
    *digest = bytes;
    return ELO_OK;
}
