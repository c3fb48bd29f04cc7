/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes common/auth/signed_url: the input is a segment, or, where it starts with
   the byte 1, its bytes. What is parsed and made again is the same up to the key
   and its signature. */
#include <stdlib.h>

#include "common/auth/signed_url.h"
#include "common/base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
check_same(const elo_signed_url_t *a, const elo_signed_url_t *b)
{
    uint8_t any[16] = { 0 };

    if (a->exp != b->exp || a->ceiling != b->ceiling || a->scopes != b->scopes
        || !elo_agent_eq(&a->agent, &b->agent)
        || memcmp(&a->from, &b->from, sizeof(a->from)) != 0
        || !elo_slice_eq(a->prefix, b->prefix)
        || a->signed_bytes.len != b->signed_bytes.len)
    {
        abort();
    }
    if (elo_signed_url_covers(a, ELO_SLICE("/"), 0, elo_slice(any, 4))
        || elo_signed_url_covers(a, a->prefix, a->exp, elo_slice(any, 4)))
    {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t seed[ELO_SEED_LEN];
    static elo_signed_url_t one, two;
    static char text[ELO_URL_TEXT_MAX + 8];
    elo_slice_t in = elo_slice(data, len);
    elo_agent_t key;
    elo_buf_t b;

    if (len > 0 && len <= ELO_URL_TEXT_MAX / 4 * 3 && data[0] == 1) {
        elo_base64url_encode(data, len, text);
        in = elo_slice_str(text);
    }
    if (elo_signed_url_parse(in, &one) != ELO_OK) {
        return 0;
    }
    elo_agent_of_seed(seed, &key);
    elo_buf_init(&b, ELO_URL_TEXT_MAX);
    two = one; /* its prefix still borrows from one */
    if (elo_signed_url_make(&two, seed, &b) != ELO_OK
        || elo_signed_url_parse(elo_buf_slice(&b), &two) != ELO_OK
        || !elo_signed_url_verify(&two, &key))
    {
        abort();
    }
    check_same(&one, &two);
    elo_buf_dispose(&b);
    return 0;
}
