/* SPDX-License-Identifier: BSD-2-Clause */
/* sha256_many: SHA-256 of several independent messages at a time, through the
   CPU's vector unit where that is faster than one after the other. Bit for bit
   what crypto.h gives. */
#ifndef ELO_BASE_SHA256_MANY_H
#define ELO_BASE_SHA256_MANY_H

#include "common/base/cid.h"
#include "common/base/err.h"
#include "common/base/lanes.h"

/* out[i] = SHA-256 of in[i], i < n; any n, any lengths, the faster the more alike
   they are. Where all have one length, out[i] may lie in the memory of in[i] or
   of one before it. Errors are those of elo_sha256. */
elo_err_t elo_sha256_many(const elo_slice_t in[], uint32_t n,
                          elo_digest_t out[]) ELO_MUST_USE;

/* The same by a way of one's choice. ELO_EUNSUPPORTED: this CPU hasn't got it. */
elo_err_t elo_sha256_many_by(elo_lanes_way_t way, const elo_slice_t in[],
                             uint32_t n, elo_digest_t out[]) ELO_MUST_USE;

/* The way that elo_sha256_many takes. */
elo_lanes_way_t elo_sha256_many_way(const elo_slice_t in[], uint32_t n);

/* For tests: nothing past `most` is taken from now on. */
void elo_sha256_many_limit(elo_lanes_way_t most);

#endif
