/* SPDX-License-Identifier: BSD-2-Clause */
/* mime: media types by file name extension. */
#include "cli/mime.h"

#include <stddef.h>

#include "common/base/limits.h"
#include "common/base/num.h"

static const struct {
    const char *ext;
    const char *type;
} by_ext[] = {
    { "mp4", "video/mp4" },
    { "m4v", "video/mp4" },
    { "mov", "video/quicktime" },
    { "webm", "video/webm" },
    { "mkv", "video/x-matroska" },
    { "ts", "video/mp2t" },
    { "mpg", "video/mpeg" },
    { "mpeg", "video/mpeg" },
    { "ogv", "video/ogg" },
    { "avi", "video/x-msvideo" },
    { "m4a", "audio/mp4" },
    { "m4b", "audio/mp4" },
    { "mp3", "audio/mpeg" },
    { "aac", "audio/aac" },
    { "ogg", "audio/ogg" },
    { "oga", "audio/ogg" },
    { "opus", "audio/ogg" },
    { "flac", "audio/flac" },
    { "wav", "audio/wav" },
    { "json", "application/json" },
    { "jsonld", "application/ld+json" },
    { "txt", "text/plain; charset=utf-8" },
    { "md", "text/markdown; charset=utf-8" },
    { "markdown", "text/markdown; charset=utf-8" },
    { "csv", "text/csv; charset=utf-8" },
    { "vtt", "text/vtt; charset=utf-8" },
    { "srt", "application/x-subrip" },
    { "html", "text/html; charset=utf-8" },
    { "htm", "text/html; charset=utf-8" },
    { "css", "text/css; charset=utf-8" },
    { "js", "text/javascript; charset=utf-8" },
    { "xml", "application/xml" },
    { "pdf", "application/pdf" },
    { "epub", "application/epub+zip" },
    { "zip", "application/zip" },
    { "gz", "application/gzip" },
    { "tar", "application/x-tar" },
    { "jpg", "image/jpeg" },
    { "jpeg", "image/jpeg" },
    { "png", "image/png" },
    { "gif", "image/gif" },
    { "webp", "image/webp" },
    { "avif", "image/avif" },
    { "svg", "image/svg+xml" },
};


const char *
elo_mime_guess(const char *file)
{
    const char *base = strrchr(file, '/');
    const char *dot;

    base = base != NULL ? base + 1 : file;
    dot = strrchr(base, '.');
    if (dot != NULL && dot != base) {
        for (size_t i = 0; i < ELO_COUNT(by_ext); i++) {
            if (elo_slice_ieq(elo_slice_str(by_ext[i].ext),
                              elo_slice_str(dot + 1))) {
                return by_ext[i].type;
            }
        }
    }
    return "application/octet-stream";
}


/* RFC 6838, 4.2: restricted-name. */
static bool
is_name_char(uint8_t c, bool first)
{
    bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
                 || (c >= 'a' && c <= 'z');

    return alnum || (!first && c != '\0' && strchr("!#$&-^_.+", c) != NULL);
}


static size_t
name_len(const uint8_t *p, const uint8_t *end)
{
    size_t n = 0;

    while (p + n < end && is_name_char(p[n], n == 0)) {
        n++;
    }
    return n;
}


bool
elo_mime_ok(elo_slice_t type)
{
    const uint8_t *p = type.p;
    const uint8_t *end = p + type.len;
    size_t n;

    if (type.len == 0 || type.len > ELO_MIME_MAX) {
        return false;
    }
    n = name_len(p, end);
    if (n == 0 || p + n == end || p[n] != '/') {
        return false;
    }
    p += n + 1;
    n = name_len(p, end);
    if (n == 0) {
        return false;
    }
    p += n;
    while (p < end && *p == ' ') {
        p++;
    }
    if (p < end && *p != ';') {
        return false;
    }
    for (; p < end; p++) { /* parameters: printable ASCII, no more is said */
        if (*p < 0x20 || *p > 0x7e) {
            return false;
        }
    }
    return true;
}


static elo_slice_t
essence(elo_slice_t type)
{
    const uint8_t *semi = type.len > 0 ? memchr(type.p, ';', type.len) : NULL;

    return elo_slice_trim(
        semi != NULL ? elo_slice(type.p, (size_t) (semi - type.p)) : type);
}


static bool
has_iprefix(elo_slice_t s, elo_slice_t prefix)
{
    return s.len >= prefix.len
           && elo_slice_ieq(elo_slice(s.p, prefix.len), prefix);
}


bool
elo_mime_is_streamable(elo_slice_t type)
{
    elo_slice_t t = essence(type);

    return elo_slice_ieq(t, ELO_SLICE("video/mp4"))
           || elo_slice_ieq(t, ELO_SLICE("audio/mp4"));
}


const char *
elo_mime_format(elo_slice_t type)
{
    if (has_iprefix(type, ELO_SLICE("video/"))) {
        return "video-file";
    }
    if (has_iprefix(type, ELO_SLICE("audio/"))) {
        return "audio-file";
    }
    return "document";
}


const char *
elo_mime_strategy(elo_slice_t type)
{
    if (elo_mime_is_streamable(type)) {
        return "hls";
    }
    if (has_iprefix(type, ELO_SLICE("video/"))
        || has_iprefix(type, ELO_SLICE("audio/")))
    {
        return "http-range";
    }
    return NULL;
}
