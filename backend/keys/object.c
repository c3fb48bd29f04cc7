/* SPDX-License-Identifier: BSD-2-Clause */
/* object: the form of a ciphertext object. Format: docs/formats/keyring.md. */
#include "backend/keys/keyring.h"

#include "common/base/hash_tree.h"
#include "common/base/num.h"


uint64_t
elo_object_size(uint64_t plain_size)
{
    uint64_t n = ELO_MAX(elo_tree_chunks(plain_size), 1u);
    uint64_t size;

    return elo_add_u64(plain_size, n * ELO_AEAD_TAG_LEN, &size) ? size
                                                                : UINT64_MAX;
}


void
elo_object_nonce(uint64_t chunk, bool is_last, uint8_t out[ELO_AEAD_NONCE_LEN])
{
    memset(out, 0, 3);
    for (unsigned i = 0; i < 8; i++) {
        out[3 + i] = (uint8_t) (chunk >> (56 - 8 * i));
    }
    out[11] = is_last ? 1 : 0;
}
