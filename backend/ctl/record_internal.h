/* SPDX-License-Identifier: BSD-2-Clause */
/* record_internal: bodies by kind, between record.c and record_body.c. */
#ifndef ELO_CTL_RECORD_INTERNAL_H
#define ELO_CTL_RECORD_INTERNAL_H

#include "backend/ctl/record.h"
#include "common/base/cbor.h"

/* Reads the body of a record whose kind and time are in r into r->body. False: r is
   a fault's, told in c->why. */
bool elo_rec_body_read(elo_cbor_t *c, elo_rec_t *r);

/* Appends the body; ELO_EINVAL with why for a member that doesn't belong there. What
   is wrong otherwise, reading it again tells. */
elo_err_t elo_rec_body_write(const elo_rec_t *r, elo_buf_t *out,
                             const char **why) ELO_MUST_USE;

#endif
