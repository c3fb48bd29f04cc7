/* SPDX-License-Identifier: BSD-2-Clause */
/* netaddr: see the header. */
#include "backend/fetch/netaddr.h"

#include "common/base/num.h"

#define V4_BITS 96u /* before an IPv4 address in a mapped one */
#define WORDS   8u

typedef struct {
    uint8_t b[16];
    uint8_t bits;
    const char *what; /* NULL: public, though a wider row says otherwise */
} row_t;

/* Networks of IPv4 that aren't public, by their first four bytes. */
static const row_t v4_rows[] = {
    { { 0, 0, 0, 0 }, 8, "this host" },
    { { 10, 0, 0, 0 }, 8, "private" },
    { { 100, 64, 0, 0 }, 10, "shared (CGNAT)" },
    { { 127, 0, 0, 0 }, 8, "loopback" },
    { { 169, 254, 0, 0 }, 16, "link-local" },
    { { 172, 16, 0, 0 }, 12, "private" },
    { { 192, 0, 0, 0 }, 24, "protocol assignment" },
    { { 192, 0, 2, 0 }, 24, "documentation" },
    { { 192, 88, 99, 0 }, 24, "6to4 relay" },
    { { 192, 168, 0, 0 }, 16, "private" },
    { { 198, 18, 0, 0 }, 15, "benchmarking" },
    { { 198, 51, 100, 0 }, 24, "documentation" },
    { { 203, 0, 113, 0 }, 24, "documentation" },
    { { 224, 0, 0, 0 }, 4, "multicast" },
    { { 240, 0, 0, 0 }, 4, "reserved" },
    /* a public address by which one cloud's machines reach their host */
    { { 168, 63, 129, 16 }, 32, "metadata service" },
};

/* Of IPv6, within 2000::/3, which is all that is public at most. */
static const row_t v6_rows[] = {
    { { 0x20, 0x01, 0x00, 0x00 }, 23, "protocol assignment" }, /* and Teredo */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32, "documentation" },
    { { 0x20, 0x02 }, 16, "6to4" },
    { { 0x3f, 0xff }, 20, "documentation" },
};

/* Outside of it: only to have a better word. */
static const row_t v6_words[] = {
    { { 0 }, 128, "unspecified" },
    { { [15] = 1 }, 128, "loopback" },
    { { 0 }, 96, "IPv4-compatible" },
    { { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48, "local NAT64" },
    { { 0x01, 0x00 }, 64, "discard" },
    { { 0x5f, 0x00 }, 16, "segment routing" },
    { { 0xfc }, 7, "private" },
    { { 0xfe, 0x80 }, 10, "link-local" },
    { { 0xfe, 0xc0 }, 10, "site-local" },
    { { 0xff }, 8, "multicast" },
};

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
static const uint8_t global[16] = { 0x20 }; /* 2000::/3 */


static bool
is_in(const uint8_t *a, const uint8_t *net, uint32_t bits)
{
    uint32_t whole = bits / 8, rest = bits % 8;

    return memcmp(a, net, whole) == 0
           && (rest == 0 || ((a[whole] ^ net[whole]) >> (8 - rest)) == 0);
}


static const char *
word_of(const uint8_t *a, const row_t *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is_in(a, rows[i].b, rows[i].bits)) {
            return rows[i].what;
        }
    }
    return NULL;
}


void
elo_netaddr_from4(const uint8_t b[4], elo_netaddr_t *out)
{
    memcpy(out->b, mapped, sizeof(mapped));
    memcpy(out->b + sizeof(mapped), b, 4);
}


/* The IPv4 address in an IPv6 one as a mapped one; others as they are. */
static elo_netaddr_t
normal(const elo_netaddr_t *a)
{
    elo_netaddr_t out = *a;

    if (memcmp(a->b, nat64, sizeof(nat64)) == 0) {
        elo_netaddr_from4(a->b + sizeof(nat64), &out);
    }
    return out;
}


const char *
elo_netaddr_special(const elo_netaddr_t *addr)
{
    elo_netaddr_t a = normal(addr);
    const char *what;

    if (memcmp(a.b, mapped, sizeof(mapped)) == 0) {
        return word_of(a.b + sizeof(mapped), v4_rows, ELO_COUNT(v4_rows));
    }
    if (is_in(a.b, global, 3)) {
        return word_of(a.b, v6_rows, ELO_COUNT(v6_rows));
    }
    what = word_of(a.b, v6_words, ELO_COUNT(v6_words));
    return what != NULL ? what : "reserved";
}


/* ---- texts ---- */

static bool
read4(elo_slice_t s, uint8_t out[4])
{
    size_t at = 0;

    for (int i = 0; i < 4; i++) {
        unsigned v = 0;
        size_t from = at;

        while (at < s.len && s.p[at] >= '0' && s.p[at] <= '9' && at - from < 3)
        {
            v = v * 10 + (unsigned) (s.p[at++] - '0');
        }
        /* a leading zero is octal to some */
        if (at == from || v > 255 || (s.p[from] == '0' && at - from > 1)) {
            return false;
        }
        out[i] = (uint8_t) v;
        if (i < 3 && (at == s.len || s.p[at++] != '.')) {
            return false;
        }
    }
    return at == s.len;
}


static int
hex_of(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* One group of up to four digits; false at anything else. */
static bool
read_group(elo_slice_t s, size_t *at, uint16_t *out)
{
    size_t from = *at;
    unsigned v = 0;

    while (*at < s.len && *at - from < 4 && hex_of(s.p[*at]) >= 0) {
        v = v << 4 | (unsigned) hex_of(s.p[(*at)++]);
    }
    *out = (uint16_t) v;
    return *at > from;
}


/* Groups up to "::" or the end, an IPv4 address perhaps the last of them. *at is
   behind what was read. -1 when malformed. */
static int
read_groups(elo_slice_t s, size_t *at, uint16_t out[WORDS])
{
    uint8_t v4[4];
    int n = 0;

    while (*at < s.len && n < (int) WORDS) {
        if (n <= (int) WORDS - 2
            && read4(elo_slice(s.p + *at, s.len - *at), v4)) {
            out[n++] = (uint16_t) (v4[0] << 8 | v4[1]);
            out[n++] = (uint16_t) (v4[2] << 8 | v4[3]);
            *at = s.len;
            return n;
        }
        if (!read_group(s, at, &out[n])) {
            return -1;
        }
        n++;
        if (*at == s.len) {
            return n;
        }
        if (s.p[*at] != ':' || *at + 1 == s.len) {
            return -1;
        }
        if (s.p[*at + 1] == ':') {
            return n;
        }
        (*at)++;
    }
    return *at == s.len ? n : -1;
}


static bool
read6(elo_slice_t s, elo_netaddr_t *out)
{
    uint16_t head[WORDS] = { 0 }, tail[WORDS] = { 0 }, all[WORDS] = { 0 };
    bool has_gap = false;
    size_t at = 0;
    int n = 0, m = 0;

    if (s.len < 2) {
        return false;
    }
    if (s.p[0] == ':' && s.p[1] != ':') {
        return false;
    }
    if (s.p[0] != ':') {
        n = read_groups(s, &at, head);
    }
    if (n >= 0 && at < s.len) {
        has_gap = true;
        at += 2; /* "::" */
        m = read_groups(s, &at, tail);
    }
    if (n < 0 || m < 0 || at != s.len
        || (has_gap ? n + m >= (int) WORDS : n != (int) WORDS))
    {
        return false;
    }
    memcpy(all, head, (size_t) n * sizeof(*all));
    memcpy(all + WORDS - m, tail, (size_t) m * sizeof(*all));
    for (uint32_t i = 0; i < WORDS; i++) {
        out->b[2 * i] = (uint8_t) (all[i] >> 8);
        out->b[2 * i + 1] = (uint8_t) all[i];
    }
    return true;
}


elo_err_t
elo_netaddr_read(elo_slice_t text, elo_netaddr_t *out)
{
    elo_netaddr_t a;
    uint8_t v4[4];

    if (read4(text, v4)) {
        elo_netaddr_from4(v4, out);
        return ELO_OK;
    }
    if (!read6(text, &a)) {
        return ELO_EINVAL;
    }
    *out = a;
    return ELO_OK;
}


/* Is anything set behind the first bits of it? */
static bool
has_rest(const elo_netaddr_t *a, uint32_t bits)
{
    for (uint32_t i = bits; i < 128; i++) {
        if ((a->b[i / 8] & (0x80u >> i % 8)) != 0) {
            return true;
        }
    }
    return false;
}


static elo_err_t
read_net(elo_slice_t s, elo_netaddr_rule_t *rule)
{
    const uint8_t *slash = memchr(s.p, '/', s.len);
    elo_slice_t text =
        slash == NULL ? s : elo_slice(s.p, (size_t) (slash - s.p));
    uint64_t bits = UINT64_MAX;
    elo_netaddr_t a;
    bool is_v4;

    if (elo_netaddr_read(text, &a) != ELO_OK) {
        return ELO_EINVAL;
    }
    is_v4 = memchr(text.p, ':', text.len) == NULL;
    if (slash == NULL) {
        bits = is_v4 ? 32 : 128;
    } else if (!elo_slice_u64(elo_slice(slash + 1, s.len - text.len - 1),
                              &bits)) {
        return ELO_EINVAL;
    }
    if (bits > (is_v4 ? 32u : 128u)) {
        return ELO_EINVAL;
    }
    bits += is_v4 ? V4_BITS : 0;
    if (has_rest(&a, (uint32_t) bits)) {
        return ELO_EINVAL;
    }
    if (rule->n == ELO_NETADDR_RULE_MAX) {
        return ELO_ETOOBIG;
    }
    rule->nets[rule->n].net = a;
    rule->nets[rule->n++].bits = (uint8_t) bits;
    return ELO_OK;
}


static bool
is_between(uint8_t c)
{
    return c == ' ' || c == '\t' || c == ',';
}


elo_err_t
elo_netaddr_rule_read(elo_slice_t text, elo_netaddr_rule_t *out,
                      elo_slice_t *wrong)
{
    elo_netaddr_rule_t rule = { 0 };
    size_t at = 0;

    while (at < text.len) {
        size_t from = at;
        elo_slice_t one;
        elo_err_t rc = ELO_OK;

        if (is_between(text.p[at])) {
            at++;
            continue;
        }
        while (at < text.len && !is_between(text.p[at])) {
            at++;
        }
        one = elo_slice(text.p + from, at - from);
        if (elo_slice_eq(one, ELO_SLICE("public"))) {
            rule.has_public = true;
        } else {
            rc = read_net(one, &rule);
        }
        if (rc != ELO_OK) {
            *wrong = one;
            return rc;
        }
    }
    *out = rule;
    return ELO_OK;
}


bool
elo_netaddr_allows(const elo_netaddr_rule_t *rule, const elo_netaddr_t *a,
                   const char **why)
{
    elo_netaddr_t n = normal(a);
    const char *what = elo_netaddr_special(a);

    for (uint32_t i = 0; i < rule->n; i++) {
        if (is_in(n.b, rule->nets[i].net.b, rule->nets[i].bits)) {
            return true;
        }
    }
    if (why != NULL) {
        *why = what != NULL ? what : "public";
    }
    return what == NULL && rule->has_public;
}
