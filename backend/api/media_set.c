/* SPDX-License-Identifier: BSD-2-Clause */
/* media_set: the tracks of one content. */
#include "backend/api/media_set.h"

#include <stdio.h>

#include "backend/media/index.h"
#include "common/base/crypto.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define INDEX_START   16 /* what elo_media_index_head_len reads */
#define VERSION_BYTES 8


/* Of ISO 639: those with many speakers. */
static const struct {
    const char *tag;
    const char *name;
} languages[] = {
    { "ar", "Arabic" },     { "bg", "Bulgarian" },  { "bn", "Bengali" },
    { "ca", "Catalan" },    { "cs", "Czech" },      { "da", "Danish" },
    { "de", "German" },     { "el", "Greek" },      { "en", "English" },
    { "es", "Spanish" },    { "et", "Estonian" },   { "fa", "Persian" },
    { "fi", "Finnish" },    { "fr", "French" },     { "ga", "Irish" },
    { "he", "Hebrew" },     { "hi", "Hindi" },      { "hr", "Croatian" },
    { "hu", "Hungarian" },  { "id", "Indonesian" }, { "is", "Icelandic" },
    { "it", "Italian" },    { "ja", "Japanese" },   { "ko", "Korean" },
    { "la", "Latin" },      { "lt", "Lithuanian" }, { "lv", "Latvian" },
    { "ms", "Malay" },      { "nl", "Dutch" },      { "no", "Norwegian" },
    { "pl", "Polish" },     { "pt", "Portuguese" }, { "ro", "Romanian" },
    { "ru", "Russian" },    { "sk", "Slovak" },     { "sl", "Slovenian" },
    { "sr", "Serbian" },    { "sv", "Swedish" },    { "sw", "Swahili" },
    { "ta", "Tamil" },      { "te", "Telugu" },     { "th", "Thai" },
    { "tr", "Turkish" },    { "uk", "Ukrainian" },  { "ur", "Urdu" },
    { "vi", "Vietnamese" }, { "zh", "Chinese" },
};


static size_t
primary_len(elo_slice_t tag)
{
    const uint8_t *dash = memchr(tag.p, '-', tag.len);

    return dash == NULL ? tag.len : (size_t) (dash - tag.p);
}


void
elo_media_language_name(elo_slice_t tag, char out[ELO_MEDIA_NAME_MAX + 1])
{
    size_t room = ELO_MEDIA_NAME_MAX + 1;
    size_t n;

    if (tag.len == 0) {
        snprintf(out, room, "Audio");
        return;
    }
    n = primary_len(tag);
    for (size_t i = 0; i < ELO_COUNT(languages); i++) {
        if (!elo_slice_ieq(elo_slice(tag.p, n),
                           elo_slice_str(languages[i].tag))) {
            continue;
        }
        if (n == tag.len) {
            snprintf(out, room, "%s", languages[i].name);
        } else {
            snprintf(out, room, "%s (%.*s)", languages[i].name, (int) tag.len,
                     (const char *) tag.p);
        }
        return;
    }
    snprintf(out, room, "%.*s", (int) tag.len, (const char *) tag.p);
}


void
elo_media_set_add(elo_media_set_t *m, const elo_blob_stat_t *st,
                  uint64_t index_size, elo_slice_t language)
{
    elo_media_source_t *s = &m->source[m->n];

    if (m->n == ELO_CONTENT_BLOBS_MAX) {
        return;
    }
    m->n++;
    s->stat = *st;
    s->index_size = index_size;
    if (language.len < sizeof(s->language)) {
        memcpy(s->language,
               language.len == 0 ? (const uint8_t *) "" : language.p,
               language.len);
        s->language[language.len] = '\0';
    }
    elo_buf_init(&s->head, ELO_MEDIA_INDEX_HEAD_MAX);
}


void
elo_media_set_dispose(elo_media_set_t *m)
{
    for (uint32_t i = 0; i < m->n; i++) {
        elo_buf_dispose(&m->source[i].head);
    }
    m->n = 0;
}


/* ---- loading ---- */

static elo_err_t
read_head(elo_media_source_t *src, elo_store_t *s)
{
    uint64_t len;
    elo_err_t rc;

    rc = elo_store_media_read(s, &src->stat.digest, 0, INDEX_START, &src->head);
    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_media_index_head_len(elo_buf_slice(&src->head), &len);
    if (rc != ELO_OK || len < INDEX_START) {
        return ELO_ECORRUPT;
    }
    return elo_store_media_read(s, &src->stat.digest, INDEX_START,
                                len - INDEX_START, &src->head);
}


static bool
has_language(const elo_media_track_t *t, uint32_t n, elo_slice_t language)
{
    for (uint32_t i = 0; i < n; i++) {
        if (elo_slice_ieq(t[i].language, language)) {
            return true;
        }
    }
    return false;
}


static uint32_t
count_audio(const elo_media_t *m)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < m->n_tracks; i++) {
        n += m->tracks[i].kind == ELO_TRACK_AUDIO;
    }
    return n;
}


static void
name_track(elo_media_track_t *t, char out[ELO_MEDIA_NAME_MAX + 1])
{
    unsigned edge = ELO_MIN(t->width, t->height);

    if (t->kind == ELO_TRACK_AUDIO) {
        elo_media_language_name(t->language, out);
    } else if (edge == 0) {
        snprintf(out, ELO_MEDIA_NAME_MAX + 1, "Video");
    } else {
        snprintf(out, ELO_MEDIA_NAME_MAX + 1, "%up", edge);
    }
    t->name = elo_slice_str(out);
}


/* Takes those tracks of one source's index that are of that kind. */
static void
take_tracks(elo_media_set_t *m, uint32_t source, const elo_media_t *from,
            elo_track_kind_t kind)
{
    elo_slice_t stated = elo_slice_str(m->source[source].language);
    bool is_stated = stated.len != 0 && count_audio(from) == 1;
    uint32_t first = 0;

    while (first < m->media.n_tracks && m->media.tracks[first].kind != kind) {
        first++;
    }
    for (uint32_t i = 0; i < from->n_tracks; i++) {
        uint32_t at = m->media.n_tracks;
        elo_media_track_t t = from->tracks[i];

        if (t.kind != kind || at == ELO_MEDIA_MAX_TRACKS) {
            continue;
        }
        if (kind == ELO_TRACK_AUDIO) {
            t.language = is_stated ? stated : t.language;
            if (has_language(m->media.tracks + first, at - first, t.language)) {
                continue;
            }
        }
        snprintf(m->of[at].id, sizeof(m->of[at].id), "%c%u",
                 kind == ELO_TRACK_AUDIO ? 'a' : 'v', (at - first) % 1000);
        m->of[at].source = source;
        m->of[at].track = i;
        t.id = elo_slice_str(m->of[at].id);
        t.blob = m->source[source].stat.digest;
        name_track(&t, m->of[at].name);
        m->media.tracks[at] = t;
        m->media.n_tracks++;
    }
}


/* A digest over what the segments depend on: the blobs in their order, and the
   start of each index, which has its format's version and its checksum. */
static elo_err_t
make_version(elo_media_set_t *m)
{
    elo_digest_t d;
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init(&b, ELO_CONTENT_BLOBS_MAX * 64);
    for (uint32_t i = 0; i < m->n; i++) {
        const elo_media_source_t *src = &m->source[i];

        elo_buf_put(&b, src->stat.digest.b, ELO_SHA256_LEN);
        elo_buf_put(&b, src->head.p, INDEX_START);
        elo_buf_put_be64(&b, src->index_size);
    }
    rc = elo_buf_err(&b);
    if (rc == ELO_OK) {
        rc = elo_sha256(elo_buf_slice(&b), &d);
    }
    elo_buf_dispose(&b);
    if (rc == ELO_OK) {
        elo_hex_encode(d.b, VERSION_BYTES, m->version);
        m->media.version = elo_slice_str(m->version);
    }
    return rc;
}


static elo_err_t
take_kind(elo_media_set_t *m, elo_track_kind_t kind)
{
    for (uint32_t i = 0; i < m->n; i++) {
        elo_media_source_t *src = &m->source[i];
        elo_media_t from;

        m->damaged = i;
        if (elo_media_index_parse(elo_buf_slice(&src->head), src->index_size,
                                  src->stat.size, &from)
            != ELO_OK)
        {
            return ELO_ECORRUPT;
        }
        take_tracks(m, i, &from, kind);
        m->media.duration_ms = ELO_MAX(m->media.duration_ms, from.duration_ms);
    }
    return ELO_OK;
}


elo_err_t
elo_media_set_load(elo_media_set_t *m, elo_store_t *s)
{
    elo_err_t rc;

    m->media = (elo_media_t){ 0 };
    for (uint32_t i = 0; i < m->n; i++) {
        m->damaged = i;
        rc = read_head(&m->source[i], s);
        if (rc != ELO_OK) {
            /* past its end, or gone: an index that can be made again */
            return rc == ELO_ENOMEM || rc > 0 ? rc : ELO_ECORRUPT;
        }
    }
    rc = take_kind(m, ELO_TRACK_VIDEO);
    if (rc == ELO_OK) {
        rc = take_kind(m, ELO_TRACK_AUDIO);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    return make_version(m);
}


elo_err_t
elo_media_set_recipe(const elo_media_set_t *m, elo_store_t *s, uint32_t i,
                     uint32_t n, elo_buf_t *out)
{
    const elo_media_source_t *src = &m->source[m->of[i].source];
    uint64_t off, len;
    elo_err_t rc;

    rc = elo_media_index_recipe(elo_buf_slice(&src->head), m->of[i].track, n,
                                &off, &len);
    if (rc != ELO_OK) {
        return rc;
    }
    return elo_store_media_read(s, &src->stat.digest, off, len, out);
}
