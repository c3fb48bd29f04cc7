/* SPDX-License-Identifier: BSD-2-Clause */
/* wire_internal: what the descriptors have in common: wire.c (bytes) and
   wire_auth.c (who may have them). */
#ifndef ELO_HTTP_WIRE_INTERNAL_H
#define ELO_HTTP_WIRE_INTERNAL_H

#include "common/http/wire.h"

/* Opens a message; *at is where it starts. */
void elo_wire_begin(elo_buf_t *b, uint8_t type, size_t *at);
/* Closes the message that starts at at: fills in its length. */
elo_err_t elo_wire_end(elo_buf_t *b, size_t at) ELO_MUST_USE;
void elo_wire_put_head(elo_buf_t *b, const elo_wire_head_t *h);
/* The caller has seen to it that s fits. */
void elo_wire_put_str16(elo_buf_t *b, elo_slice_t s);
bool elo_wire_fits16(elo_slice_t s);

/* Checks the message's header; *body is the cursor behind it. */
elo_err_t elo_wire_open(elo_slice_t msg, uint8_t want, const uint8_t **body,
                        const uint8_t **body_end) ELO_MUST_USE;
/* NULL: too short, or no such thing. */
const uint8_t *elo_wire_get_head(const uint8_t *p, const uint8_t *end,
                                 elo_wire_head_t *h);
const uint8_t *elo_wire_get_digest(const uint8_t *p, const uint8_t *end,
                                   elo_digest_t *d);

#endif
