/* SPDX-License-Identifier: BSD-2-Clause */
/* netaddr: which addresses may be connected to. What isn't plainly public is refused,
   unless the operator names it. Registries: IANA IPv4 and IPv6 Special-Purpose
   Addresses (RFC 6890), RFC 4291. Pure. */
#ifndef ELO_FETCH_NETADDR_H
#define ELO_FETCH_NETADDR_H

#include "common/base/err.h"
#include "common/base/slice.h"

/* An IPv6 address; of IPv4 the mapped form ::ffff:a.b.c.d. */
typedef struct {
    uint8_t b[16];
} elo_netaddr_t;

#define ELO_NETADDR_RULE_MAX 32u

/* Networks that an operator allows beside what is public. */
typedef struct {
    bool has_public;
    uint32_t n;
    struct {
        elo_netaddr_t net;
        uint8_t bits; /* of 128 */
    } nets[ELO_NETADDR_RULE_MAX];
} elo_netaddr_rule_t;

void elo_netaddr_from4(const uint8_t b[4], elo_netaddr_t *out);

/* Dotted IPv4 or any text form of IPv6 (RFC 4291, 2.2), without a zone or
   brackets. ELO_EINVAL. */
elo_err_t elo_netaddr_read(elo_slice_t text, elo_netaddr_t *out) ELO_MUST_USE;

/* What kind of address that is: NULL for a public one, else a word for the log, as
   "loopback". An IPv4 address within an IPv6 one (mapped, or of NAT64) is judged as
   such; 6to4 and Teredo are refused whatever is within. */
const char *elo_netaddr_special(const elo_netaddr_t *a);

/* "public", addresses and networks (10.1.0.0/16, fd00::/8) after each other with
   blanks or commas between them. ELO_EINVAL: *wrong, borrowed of text, is none of
   these, or has bits behind its length; ELO_ETOOBIG: more than there is room for. */
elo_err_t elo_netaddr_rule_read(elo_slice_t text, elo_netaddr_rule_t *out,
                                elo_slice_t *wrong) ELO_MUST_USE;

/* May it be connected to? *why (may be NULL) is elo_netaddr_special's word if not. */
bool elo_netaddr_allows(const elo_netaddr_rule_t *rule, const elo_netaddr_t *a,
                        const char **why);

#endif
