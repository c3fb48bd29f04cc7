/* SPDX-License-Identifier: BSD-2-Clause */
/* names: operands to request targets. */
#include "cli/names.h"

#include <stdio.h>
#include <time.h>

#include "common/base/num.h"

#define YEAR_S UINT64_C(31536000)


elo_err_t
elo_name_parse(const char *s, elo_name_t *out)
{
    elo_slice_t text = elo_slice_str(s);
    elo_name_t name = { 0 };

    if (elo_addr_parse(text, &name.digest) == ELO_OK) {
        name.kind = ELO_NAME_ADDR;
        elo_addr_canon(&name.digest, name.text);
    } else if (elo_content_id_ok(text)) {
        name.kind = ELO_NAME_ID;
        memcpy(name.text, text.p, text.len);
    } else {
        return ELO_EINVAL;
    }
    *out = name;
    return ELO_OK;
}


void
elo_query_escape(elo_buf_t *b, elo_slice_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
            || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_'
            || c == '~')
        {
            elo_buf_put_u8(b, c);
        } else {
            elo_buf_printf(b, "%%%02X", c);
        }
    }
}


elo_err_t
elo_range_header(const char *s, elo_buf_t *b)
{
    const char *dash = strchr(s, '-');
    uint64_t first = 0, last = 0;
    bool has_first, has_last;

    if (dash == NULL) {
        return ELO_EINVAL;
    }
    has_first = dash != s;
    has_last = dash[1] != '\0';
    if ((!has_first && !has_last)
        || (has_first
            && !elo_slice_u64(elo_slice(s, (size_t) (dash - s)), &first))
        || (has_last && !elo_slice_u64(elo_slice_str(dash + 1), &last))
        || (has_first && has_last && last < first) || (!has_first && last == 0))
    {
        return ELO_EINVAL;
    }
    elo_buf_printf(b, "Range: bytes=%s\r\n", s);
    return elo_buf_err(b);
}


elo_err_t
elo_duration_parse(const char *s, int64_t *out)
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {
        { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'y', YEAR_S },
    };
    elo_slice_t text = elo_slice_str(s);
    uint64_t n, unit = 1;

    for (size_t i = 0; i < ELO_COUNT(units) && text.len > 0; i++) {
        if (text.p[text.len - 1] == (uint8_t) units[i].letter) {
            unit = units[i].seconds;
            text.len--;
            break;
        }
    }
    if (!elo_slice_u64(text, &n) || n == 0 || n > 10 * YEAR_S / unit) {
        return ELO_EINVAL;
    }
    *out = (int64_t) (n * unit);
    return ELO_OK;
}


void
elo_time_text(elo_buf_t *b, int64_t unix_s)
{
    time_t at = (time_t) unix_s;
    char date[32] = "never";
    struct tm tm;

    if (unix_s != 0 && gmtime_r(&at, &tm) != NULL
        && strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        date[0] = '\0'; /* a year past 9999 */
    }
    elo_buf_put_str(b, date);
}


void
elo_size_text(elo_buf_t *b, uint64_t bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB",
                                         "TiB", "PiB", "EiB" };
    double v = (double) bytes / 1024;
    size_t u = 0;

    if (bytes < 1024) {
        elo_buf_printf(b, "%u B", (unsigned) bytes);
        return;
    }
    while (v >= 999.95 && u + 1 < ELO_COUNT(units)) {
        v /= 1024;
        u++;
    }
    elo_buf_printf(b, "%.1f %s", v, units[u]);
}


void
elo_plain_text(elo_buf_t *b, elo_slice_t s)
{
    for (size_t i = 0; i < s.len; i++) {
        elo_buf_put_u8(b, s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i]);
    }
}
