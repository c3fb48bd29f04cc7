/* SPDX-License-Identifier: BSD-2-Clause */
/* policy: the texts of options. */
#include "backend/fetch/policy.h"

#define PORT_MAX 65535u


/* The next word of text from *at, between blanks or commas; false: no more. */
static bool
next_word(elo_slice_t text, size_t *at, elo_slice_t *out)
{
    size_t from;

    while (*at < text.len && memchr(" \t,", text.p[*at], 3) != NULL) {
        (*at)++;
    }
    from = *at;
    while (*at < text.len && memchr(" \t,", text.p[*at], 3) == NULL) {
        (*at)++;
    }
    *out = elo_slice(text.p + from, *at - from);
    return out->len != 0;
}


elo_err_t
elo_fetch_read_schemes(elo_slice_t text, uint32_t *out)
{
    uint32_t schemes = 0;
    elo_slice_t word;
    size_t at = 0;

    while (next_word(text, &at, &word)) {
        if (elo_slice_eq(word, ELO_SLICE("https"))) {
            schemes |= ELO_FETCH_HTTPS;
        } else if (elo_slice_eq(word, ELO_SLICE("http"))) {
            schemes |= ELO_FETCH_HTTP;
        } else {
            return ELO_EINVAL;
        }
    }
    if (schemes == 0) {
        return ELO_EINVAL;
    }
    *out = schemes;
    return ELO_OK;
}


elo_err_t
elo_fetch_read_ports(elo_slice_t text, elo_fetch_policy_t *out)
{
    uint16_t ports[ELO_FETCH_PORTS_MAX];
    elo_slice_t word;
    uint32_t n = 0;
    size_t at = 0;

    while (next_word(text, &at, &word)) {
        uint64_t port;

        if (!elo_slice_u64(word, &port) || port == 0 || port > PORT_MAX) {
            return ELO_EINVAL;
        }
        if (n == ELO_FETCH_PORTS_MAX) {
            return ELO_ETOOBIG;
        }
        ports[n++] = (uint16_t) port;
    }
    if (n == 0) {
        return ELO_EINVAL;
    }
    memcpy(out->ports, ports, n * sizeof(*ports));
    out->n_ports = n;
    return ELO_OK;
}


bool
elo_fetch_has_port(const elo_fetch_policy_t *p, uint32_t port)
{
    for (uint32_t i = 0; i < p->n_ports; i++) {
        if (p->ports[i] == port) {
            return true;
        }
    }
    return false;
}
