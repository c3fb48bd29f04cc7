/* SPDX-License-Identifier: BSD-2-Clause */
/* path_prefix: see the header. */
#include "common/auth/path_prefix.h"


static bool
is_dots(const uint8_t *p, size_t len)
{
    return (len == 1 && p[0] == '.')
           || (len == 2 && p[0] == '.' && p[1] == '.');
}


bool
elo_path_prefix_ok(elo_slice_t prefix)
{
    size_t start = 1; /* of the segment */

    if (prefix.len == 0 || prefix.p[0] != '/') {
        return false;
    }
    for (size_t i = 1; i <= prefix.len; i++) {
        if (i == prefix.len || prefix.p[i] == '/') {
            if (is_dots(prefix.p + start, i - start)) {
                return false;
            }
            start = i + 1;
        } else if (prefix.p[i] < 0x20 || prefix.p[i] == 0x7f) {
            return false;
        }
    }
    return true;
}


bool
elo_path_prefix_covers(elo_slice_t prefix, elo_slice_t path)
{
    if (!elo_path_prefix_ok(prefix) || !elo_path_prefix_ok(path)
        || !elo_slice_has_prefix(path, prefix))
    {
        return false;
    }
    return path.len == prefix.len || prefix.p[prefix.len - 1] == '/'
           || path.p[prefix.len] == '/';
}
