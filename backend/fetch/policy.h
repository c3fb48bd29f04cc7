/* SPDX-License-Identifier: BSD-2-Clause */
/* policy: what may be fetched, from where, and how long it may take, as the operator
   has said it. */
#ifndef ELO_FETCH_POLICY_H
#define ELO_FETCH_POLICY_H

#include "backend/fetch/netaddr.h"
#include "common/base/buf.h"

#define ELO_FETCH_PORTS_MAX 32u
#define ELO_FETCH_URL_MAX   2048u

enum { ELO_FETCH_HTTP = 1u << 0, ELO_FETCH_HTTPS = 1u << 1 };

typedef struct {
    uint32_t schemes; /* ELO_FETCH_HTTP, ELO_FETCH_HTTPS */
    uint32_t n_ports;
    uint16_t ports[ELO_FETCH_PORTS_MAX];
    elo_netaddr_rule_t addresses;
    const char *ca_file; /* NULL or "": the system's; as long as the policy */
    const char *agent;   /* User-Agent; likewise, NULL: none is sent */
    uint64_t max_bytes;  /* of a body */
    uint32_t connect_ms; /* per address */
    uint64_t total_ms;   /* of one exchange; 0: as long as it takes */
    uint32_t stall_s;    /* without low_speed bytes a second */
    uint32_t low_speed_bps; /* bytes a second */
    uint32_t redirects;     /* that are followed, at most */
    /* For tests: "name:port:address", instead of asking the DNS. NULL: none. */
    const char *resolve;
} elo_fetch_policy_t;

/* "https", "http https" …; ELO_EINVAL. */
elo_err_t elo_fetch_read_schemes(elo_slice_t text, uint32_t *out) ELO_MUST_USE;

/* "443 8443"; ELO_EINVAL, ELO_ETOOBIG. */
elo_err_t elo_fetch_read_ports(elo_slice_t text,
                               elo_fetch_policy_t *out) ELO_MUST_USE;

bool elo_fetch_has_port(const elo_fetch_policy_t *p, uint32_t port);

#endif
