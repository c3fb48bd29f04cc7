/* SPDX-License-Identifier: BSD-2-Clause */
/* ndjson: see the header. */
#include "backend/node/ndjson.h"

#include <string.h>


static void
skip(elo_slice_t *in, size_t n)
{
    if (n > 0) {
        in->p += n;
        in->len -= n;
    }
}


static bool
is_blank(elo_slice_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] != ' ' && s.p[i] != '\t') {
            return false;
        }
    }
    return true;
}


elo_ndjson_step_t
elo_ndjson_next(elo_ndjson_t *n, elo_slice_t *in, bool is_end,
                elo_slice_t *line)
{
    while (in->len > 0) {
        const uint8_t *lf = memchr(in->p, '\n', in->len);
        elo_slice_t s =
            elo_slice(in->p, lf == NULL ? in->len : (size_t) (lf - in->p));
        size_t used = s.len + (lf == NULL ? 0 : 1);

        if (n->_is_skipping) {
            n->_is_skipping = lf == NULL;
            skip(in, used);
            continue;
        }
        if (lf == NULL && !is_end && s.len <= n->max + 1) {
            return ELO_NDJSON_MORE;
        }
        if (s.len > 0 && s.p[s.len - 1] == '\r' && (lf != NULL || is_end)) {
            s.len--;
        }
        skip(in, used);
        n->line++;
        if (s.len > n->max) {
            n->_is_skipping = lf == NULL;
            return ELO_NDJSON_TOO_LONG;
        }
        if (!is_blank(s)) {
            *line = s;
            return ELO_NDJSON_LINE;
        }
    }
    return ELO_NDJSON_MORE;
}
