/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes backend/keys: envelope, body, file and text of a ring. A body that is
   read is written back byte for byte. */
#include <stdlib.h>

#include "backend/keys/envelope.h"
#include "backend/keys/ring.h"
#include "common/base/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    elo_slice_t in = elo_slice(data, len), sealed;
    elo_ring_t *r = NULL;
    elo_ring_file_t f;
    elo_envelope_t e;
    elo_digest_t sum;
    elo_buf_t b;

    elo_ignore(elo_keys_init()); /* cheap after the first */
    elo_buf_init(&b, ELO_RING_FILE_MAX);
    if (elo_envelope_parse(in, &e) == ELO_OK && e.n_agents > 0) {
        elo_envelope_agent(&e, e.n_agents - 1, &sealed);
        if (sealed.p + sealed.len != e.mac) {
            abort();
        }
    }
    if (elo_ring_body_get(in, &r) == ELO_OK) {
        elo_ring_body_put(&b, r, NULL);
        if (!elo_slice_eq(elo_buf_slice(&b), in)) {
            abort();
        }
    }
    elo_ring_free(&r);
    elo_buf_clear(&b);
    elo_buf_put(&b, data, len);
    elo_ignore(elo_sha256(in, &sum)); /* a right one leads further in */
    elo_buf_put(&b, sum.b, sizeof(sum.b));
    if (elo_ring_file_get(elo_buf_slice(&b), &f) == ELO_OK
        && !f.lock.is_protected && elo_ring_file_open(&f, &r) == ELO_OK)
    {
        elo_ring_free(&r);
    }
    elo_buf_clear(&b);
    elo_ignore(elo_ring_unarmour(in, &b)); /* any result is fine */
    elo_buf_dispose(&b);
    return 0;
}
