/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes common/cache/piece_file: what parses is encoded to the same bytes. The sum is
   made right first, or nothing would get past it. */
#include <stdlib.h>

#include "common/base/crypto.h"
#include "common/cache/piece_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t in[ELO_PIECE_FOOT], out[ELO_PIECE_FOOT];
    const size_t size = len % 2 ? ELO_PIECE_FOOT : ELO_PIECE_OWNER_LEN;
    const size_t body = size - ELO_SHA256_LEN;
    elo_piece_foot_t h;
    elo_piece_owner_t o;
    elo_err_t rc;

    memset(in, 0, sizeof(in));
    memcpy(in, data, len < body ? len : body);
    elo_ignore(elo_sha256(elo_slice(in, body), (elo_digest_t *) (in + body)));
    rc = size == ELO_PIECE_FOOT
             ? elo_piece_foot_parse(in, &h)
             : elo_piece_owner_parse(elo_slice(in, size), &o);
    if (rc == ELO_OK
        && ((size == ELO_PIECE_FOOT ? elo_piece_foot_encode(&h, out)
                                    : elo_piece_owner_encode(&o, out))
                != ELO_OK
            || memcmp(in, out, size) != 0))
    {
        abort();
    }
    return 0;
}
