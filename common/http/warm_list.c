/* SPDX-License-Identifier: BSD-2-Clause */
/* warm_list: see warm_list.h. */
#include "common/http/warm_list.h"

#include <string.h>

#include "common/base/enc.h"

#define MAGIC "elohim-warm"


/* What stands before the next c, which is taken, too. False: there is none. */
static bool
take(elo_slice_t *rest, char c, elo_slice_t *out)
{
    const uint8_t *p = rest->len == 0 ? NULL : memchr(rest->p, c, rest->len);

    if (p == NULL) {
        return false;
    }
    *out = elo_slice(rest->p, (size_t) (p - rest->p));
    *rest = elo_slice(p + 1, rest->len - out->len - 1);
    return true;
}


static bool
is_place(elo_slice_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-')) {
            return false;
        }
    }
    return s.len > 0 && s.len <= ELO_WARM_PLACE_MAX;
}


elo_err_t
elo_warm_list_parse(elo_slice_t text, elo_warm_list_t *out)
{
    elo_slice_t line, word, place;
    uint64_t again_s;

    if (!take(&text, '\n', &line) || !take(&line, ' ', &word)
        || !elo_slice_eq(word, ELO_SLICE(MAGIC)) || !take(&line, ' ', &word))
    {
        return ELO_EINVAL;
    }
    if (!elo_slice_eq(word, ELO_SLICE("1"))) {
        return ELO_EUNSUPPORTED;
    }
    if (!take(&line, ' ', &place) || !is_place(place)
        || !elo_slice_u64(line, &again_s) || again_s == 0
        || again_s > ELO_WARM_AGAIN_MAX)
    {
        return ELO_EINVAL;
    }
    *out = (elo_warm_list_t){ .place = place,
                              .again_s = (uint32_t) again_s,
                              .lines = text };
    return ELO_OK;
}


static bool
is_name(elo_slice_t s)
{
    elo_digest_t unused;

    return elo_content_id_ok(s) || elo_addr_parse(s, &unused) == ELO_OK;
}


elo_err_t
elo_warm_list_next(elo_warm_list_t *list, elo_warm_item_t *out)
{
    elo_slice_t rest = list->lines, line, hex, n[3];
    elo_warm_item_t it = { 0 };

    if (rest.len == 0) {
        return ELO_ENOTFOUND;
    }
    if (!take(&rest, '\n', &line) || !take(&line, ' ', &it.name)
        || !take(&line, ' ', &hex) || !take(&line, ' ', &n[0])
        || !take(&line, ' ', &n[1]) || !take(&line, ' ', &n[2])
        || !is_name(it.name)
        || elo_hex_decode(hex, it.digest.b, sizeof(it.digest.b)) != ELO_OK
        || !elo_slice_u64(n[0], &it.size) || !elo_slice_u64(n[1], &it.first)
        || !elo_slice_u64(n[2], &it.count))
    {
        return ELO_EINVAL;
    }
    it.is_held = elo_slice_eq(line, ELO_SLICE("held"));
    if (it.size == 0 || it.size > INT64_MAX
        || (it.is_held
                ? it.first != 0 || it.count != 0
                : !elo_slice_eq(line, ELO_SLICE("remote")) || it.count == 0
                      || it.first > UINT32_MAX || it.count > UINT32_MAX))
    {
        return ELO_EINVAL;
    }
    list->lines = rest;
    *out = it;
    return ELO_OK;
}
