/* SPDX-License-Identifier: BSD-2-Clause */
/* report: see the header. */
#include "backend/media/report.h"

#include <string.h>

#include "common/base/num.h"

#define EDGE_MAX 65535u
#define KILO     UINT64_C(1000)


/* ---- the rules ---- */

/* Cuts what stands before the first c off *s; all of it, if there is none. */
static elo_slice_t
cut(elo_slice_t *s, char c)
{
    const uint8_t *at = s->len == 0 ? NULL : memchr(s->p, c, s->len);
    size_t n = at == NULL ? s->len : (size_t) (at - s->p);
    elo_slice_t head = elo_slice(s->p, n);

    *s = at == NULL ? elo_slice(NULL, 0) : elo_slice(at + 1, s->len - n - 1);
    return head;
}


static bool
is_word(elo_slice_t s)
{
    if (s.len == 0 || s.len > ELO_REPORT_WORD) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.p[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z')
            && !(c >= 'A' && c <= 'Z') && c != '.' && c != '-' && c != '_')
        {
            return false;
        }
    }
    return true;
}


static const char *
parse_codecs(elo_slice_t s, elo_codec_list_t *out)
{
    while (s.p != NULL) {
        elo_slice_t word = elo_slice_trim(cut(&s, ','));

        if (!is_word(word)) {
            return "a codec is a word as \"avc1\", with commas between";
        }
        if (out->n == ELO_REPORT_CODECS) {
            return "those are more than 32 codecs";
        }
        memcpy(out->codec[out->n++], word.p, word.len);
    }
    return NULL;
}


static const char *
parse_size(elo_slice_t s, elo_device_class_t *c)
{
    uint64_t w, h;
    elo_slice_t width = cut(&s, 'x');

    if (!elo_slice_u64(width, &w) || !elo_slice_u64(s, &h) || w == 0 || h == 0
        || w > EDGE_MAX || h > EDGE_MAX)
    {
        return "the size of a device class is as 1280x720";
    }
    c->width = (uint32_t) w;
    c->height = (uint32_t) h;
    return NULL;
}


static const char *
parse_rate(elo_slice_t s, elo_device_class_t *c)
{
    uint64_t unit = 1;

    if (s.len > 1 && (s.p[s.len - 1] == 'k' || s.p[s.len - 1] == 'm')) {
        unit = s.p[s.len - 1] == 'k' ? KILO : KILO * KILO;
        s.len--;
    }
    if (!elo_slice_u64(s, &c->max_bps) || c->max_bps == 0
        || c->max_bps > UINT64_MAX / unit)
    {
        return "the rate of a device class is as 6m, 800k or 96000";
    }
    c->max_bps *= unit;
    return NULL;
}


static const char *
parse_class(elo_slice_t s, elo_media_rules_t *r)
{
    elo_slice_t name = cut(&s, '=');
    elo_device_class_t *c;
    elo_slice_t codecs;
    const char *why;

    if (!is_word(name) || s.p == NULL) {
        return "a device class is as phone=avc1,mp4a:1280x720:6m";
    }
    for (uint32_t i = 0; i < r->n_classes; i++) {
        if (elo_slice_eq(name, elo_slice_str(r->classes[i].name))) {
            return "a device class stands there twice";
        }
    }
    if (r->n_classes == ELO_REPORT_CLASSES) {
        return "those are more than 16 device classes";
    }
    c = &r->classes[r->n_classes++];
    memcpy(c->name, name.p, name.len);
    codecs = cut(&s, ':');
    why = codecs.len == 0 ? "a device class has codecs"
                          : parse_codecs(codecs, &c->codecs);
    if (why == NULL && s.p != NULL) {
        elo_slice_t size = cut(&s, ':');

        why = parse_size(size, c);
    }
    return why != NULL || s.p == NULL ? why : parse_rate(s, c);
}


elo_err_t
elo_media_rules_parse(elo_slice_t obsolete, elo_slice_t classes,
                      elo_media_rules_t *out, const char **why)
{
    elo_media_rules_t r = { .n_classes = 0 };

    *why = NULL;
    obsolete = elo_slice_trim(obsolete);
    if (obsolete.len > 0) {
        *why = parse_codecs(obsolete, &r.obsolete);
    }
    while (*why == NULL && classes.len > 0) {
        elo_slice_t one = cut(&classes, ' ');

        if (one.len > 0) {
            *why = parse_class(one, &r);
        }
    }
    if (*why != NULL) {
        return ELO_EINVAL;
    }
    *out = r;
    return ELO_OK;
}


/* ---- judging ---- */

static bool
lists(const elo_codec_list_t *l, elo_slice_t codec)
{
    for (uint32_t i = 0; i < l->n; i++) {
        elo_slice_t e = elo_slice_str(l->codec[i]);

        if (codec.len >= e.len && elo_slice_ieq(elo_slice(codec.p, e.len), e)
            && (codec.len == e.len || codec.p[e.len] == '.'))
        {
            return true;
        }
    }
    return false;
}


bool
elo_media_is_obsolete(const elo_media_rules_t *r, elo_slice_t codec)
{
    return lists(&r->obsolete, codec);
}


static bool
fits(const elo_device_class_t *c, const elo_media_track_t *t)
{
    if (!lists(&c->codecs, t->codec)) {
        return false;
    }
    if (t->kind != ELO_TRACK_VIDEO) {
        return true;
    }
    return (c->width == 0
            || (ELO_MAX(t->width, t->height) <= ELO_MAX(c->width, c->height)
                && ELO_MIN(t->width, t->height)
                       <= ELO_MIN(c->width, c->height)))
           && (c->max_bps == 0 || t->avg_bps <= c->max_bps);
}


void
elo_media_fit_add(elo_media_fit_t *f, const elo_media_rules_t *r,
                  const elo_media_track_t *t)
{
    bool is_video = t->kind == ELO_TRACK_VIDEO;
    uint32_t bits = 0;

    for (uint32_t i = 0; i < r->n_classes; i++) {
        bits |= fits(&r->classes[i], t) ? 1u << i : 0;
    }
    f->has_video = f->has_video || is_video;
    f->has_audio = f->has_audio || !is_video;
    *(is_video ? &f->video : &f->audio) |= bits;
}


uint32_t
elo_media_fit_missing(const elo_media_fit_t *f, const elo_media_rules_t *r)
{
    uint32_t all = (uint32_t) ((UINT64_C(1) << r->n_classes) - 1);

    return all
           & ((f->has_video ? ~f->video : 0) | (f->has_audio ? ~f->audio : 0));
}
