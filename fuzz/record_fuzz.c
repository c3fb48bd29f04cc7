/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes records. Input: a whole record; and the canonical part of one, which is signed
   here with a fixed key and its author made to fit, so that what lies behind the
   signature is reached. Such a one, if it is taken, is made again byte for byte, and
   a state takes it without a fault. */
#include <stdlib.h>

#include "backend/ctl/state.h"
#include "common/base/cbor.h"

/* 87 01 5820, author */
#define AUTHOR_OFF 4u
#define MAX        (ELO_RECORD_MAX - 70u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t seed[ELO_SEED_LEN] = { 7 };


static void
check(elo_slice_t bytes)
{
    elo_rec_t r, again;
    elo_ctl_state_t *s;
    elo_agent_t author;
    elo_buf_t b;

    elo_agent_of_seed(seed, &author);
    if (elo_rec_parse(bytes, &r, NULL) != ELO_OK
        || !elo_agent_eq(&r.author, &author))
    {
        return;
    }
    again = r;
    elo_buf_init(&b, ELO_RECORD_MAX);
    if (elo_rec_make(&again, seed, &b, NULL) != ELO_OK
        || !elo_slice_eq(elo_buf_slice(&b), bytes)
        || elo_ctl_state_create(&r.author, 2, &s) != ELO_OK)
    {
        abort();
    }
    if (elo_ctl_state_check(s, &r, r.time_ms / 1000, NULL) == ELO_OK
        && elo_ctl_state_apply(s, &r, NULL, NULL) != ELO_OK)
    {
        abort();
    }
    elo_ctl_state_expire(s, INT64_MAX - 1, NULL, NULL);
    elo_ctl_state_free(&s);
    elo_buf_dispose(&b);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t msg[16 + MAX] = "elohim-record-1", sig[ELO_SIG_LEN];
    elo_agent_t author;
    elo_buf_t b;

    if (elo_keys_init() != ELO_OK) {
        abort();
    }
    check(elo_slice(data, len));
    if (len > MAX || len < AUTHOR_OFF + sizeof(author)) {
        return 0;
    }
    elo_agent_of_seed(seed, &author);
    memcpy(msg + 16, data, len);
    memcpy(msg + 16 + AUTHOR_OFF, author.b, sizeof(author.b));
    elo_sign(seed, elo_slice(msg, 16 + len), sig);
    elo_buf_init(&b, 2 * ELO_RECORD_MAX);
    elo_cbor_put_head(&b, ELO_CBOR_ARRAY, 2);
    elo_cbor_put_bytes(&b, elo_slice(msg + 16, len));
    elo_cbor_put_bytes(&b, elo_slice(sig, sizeof(sig)));
    check(elo_buf_slice(&b));
    elo_buf_dispose(&b);
    return 0;
}
