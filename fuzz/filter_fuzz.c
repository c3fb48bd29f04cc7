/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes backend/node/filter: queries of listings. What is refused says why in
   plain words; what is taken lies within its bounds and is the same when it is read
   again. */
#include <stdlib.h>

#include "backend/node/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static bool
is_within(const elo_filter_t *f, elo_slice_t s)
{
    return s.len == 0
           || (s.p >= f->_room && s.len <= f->_used
               && (size_t) (s.p - f->_room) <= f->_used - s.len);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static elo_filter_t f, again;
    elo_content_fault_t fault;
    elo_digest_t a, b;
    elo_err_t rc = elo_filter_parse(elo_slice(data, len), &f, &fault);

    if (rc != ELO_OK) {
        if (rc != ELO_EINVAL || fault.detail[0] == '\0') {
            abort();
        }
        return 0;
    }
    if (f.limit == 0 || f.limit > ELO_FILTER_LIMIT_MAX
        || f.n_tags > ELO_FILTER_TAGS_MAX || !is_within(&f, f.related)
        || !is_within(&f, f.cursor) || !is_within(&f, f.after)
        || (f.cursor.len > 0 && f.after.len > 0))
    {
        abort();
    }
    for (uint32_t i = 0; i < f.n_tags; i++) {
        if (f.tags[i].len == 0 || !is_within(&f, f.tags[i])) {
            abort();
        }
    }
    if (elo_filter_parse(elo_slice(data, len), &again, &fault) != ELO_OK
        || elo_filter_digest(&f, &a) != ELO_OK
        || elo_filter_digest(&again, &b) != ELO_OK
        || memcmp(&a, &b, sizeof(a)) != 0)
    {
        abort();
    }
    return 0;
}
