/* SPDX-License-Identifier: BSD-2-Clause */
/* content_kinds: judges and writes members of simple kinds, and lists of them. */
#include "backend/node/content_maker.h"

#include <stdarg.h>
#include <stdio.h>

#include "backend/node/shape.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define SECONDS_MAX ELO_CONTENT_SECONDS_MAX


/* ---- faults ---- */

bool
elo_maker_bad(elo_maker_t *m, const char *name, const char *fmt, ...)
{
    va_list ap;

    char what[192];

    snprintf(m->fault->field, sizeof(m->fault->field), "%s%s", m->prefix, name);
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    snprintf(m->fault->detail, sizeof(m->fault->detail), "%.127s %s",
             m->fault->field[0] != '\0' ? m->fault->field : "the node", what);
    return false;
}


bool
elo_maker_bad_kind(elo_maker_t *m, const char *name, const char *wanted,
                   const elo_json_t *v)
{
    return elo_maker_bad(m, name, "must be %s, not %s", wanted,
                         elo_json_kind_name(elo_json_kind(v)));
}


/* ---- members of simple kinds ---- */

static bool
text_ok(elo_maker_t *m, const char *name, const elo_field_t *f,
        const elo_json_t *v, bool lines, elo_slice_t *out)
{
    size_t n;

    if (!elo_json_string(v, out)) {
        return elo_maker_bad_kind(m, name, "a string", v);
    }
    n = elo_shape_text_len(*out, lines);
    if (n == SIZE_MAX) {
        return elo_maker_bad(m, name, "must not have control characters");
    }
    if ((double) n < f->min || (double) n > f->max) {
        return elo_maker_bad(m, name,
                             "must have %.0f to %.0f characters, not %zu",
                             f->min, f->max, n);
    }
    return true;
}


static bool
put_string(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v,
           bool lines)
{
    elo_slice_t s;

    if (v == NULL) {
        return true;
    }
    if (!text_ok(m, f->name, f, v, lines, &s)) {
        return false;
    }
    elo_json_put_string(&m->w, f->name, s);
    return true;
}


bool
elo_put_text(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    return put_string(m, f, v, false);
}


bool
elo_put_title(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    return v == NULL ? elo_maker_bad(m, f->name, "is required")
                     : elo_put_text(m, f, v);
}


bool
elo_put_lines(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    return put_string(m, f, v, true);
}


/* Text that f->shape knows. */
bool
elo_put_shaped(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    elo_slice_t s;

    if (v == NULL) {
        return true;
    }
    if (!elo_json_string(v, &s)) {
        return elo_maker_bad_kind(m, f->name, "a string", v);
    }
    if (!f->shape(s)) {
        return elo_maker_bad(m, f->name, "must be %s", f->hint);
    }
    elo_json_put_string(&m->w, f->name, s);
    return true;
}


bool
elo_maker_is_time(elo_slice_t s)
{
    int64_t unused;

    return elo_shape_time(s, &unused);
}


static bool
word_known(const char *const *words, elo_slice_t s)
{
    for (; *words != NULL; words++) {
        if (elo_slice_eq(s, elo_slice_str(*words))) {
            return true;
        }
    }
    return false;
}


static bool
bad_word(elo_maker_t *m, const elo_field_t *f)
{
    elo_buf_t list;
    char mem[200];

    elo_buf_init_fixed(&list, mem, sizeof(mem));
    for (size_t i = 0; f->words[i] != NULL; i++) {
        elo_buf_put_str(&list, i == 0 ? "" : ", ");
        elo_buf_put_str(&list, f->words[i]);
    }
    return elo_maker_bad(m, f->name, "must be one of %.*s", (int) list.len,
                         mem);
}


/* A word of f->words; the first of them is never a default by itself. */
static bool
put_word_or(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v,
            const char *absent)
{
    elo_slice_t s = elo_slice_str(absent);

    if (v != NULL && !elo_json_string(v, &s)) {
        return elo_maker_bad_kind(m, f->name, "a string", v);
    }
    if (!word_known(f->words, s)) {
        return bad_word(m, f);
    }
    elo_json_put_string(&m->w, f->name, s);
    return true;
}


bool
elo_put_embed(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    return put_word_or(m, f, v, "iframe");
}


bool
elo_put_role(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    return put_word_or(m, f, v, "original");
}


/* The lifecycle of a text that names none. */
static elo_lifecycle_t
lifecycle_of(const elo_maker_t *m)
{
    const elo_lifecycle_t *was = m->env->was;
    bool has_something =
        elo_json_len(elo_json_get(m->top, "blobs")) > 0
        || elo_json_kind(elo_json_get(m->top, "body")) != ELO_JSON_NULL;

    if (was != NULL && *was != ELO_LIFECYCLE_DRAFT
        && *was != ELO_LIFECYCLE_FORGOTTEN)
    {
        return *was == ELO_LIFECYCLE_STALE ? ELO_LIFECYCLE_PUBLISHED : *was;
    }
    return has_something ? ELO_LIFECYCLE_PUBLISHED : ELO_LIFECYCLE_DRAFT;
}


bool
elo_put_lifecycle(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    const elo_content_set_t *set = m->env->set;

    if (set != NULL && set->lifecycle != NULL) {
        elo_json_put_cstr(&m->w, f->name, elo_lifecycle_name(*set->lifecycle));
        return true;
    }
    return put_word_or(m, f, v, elo_lifecycle_name(lifecycle_of(m)));
}


static const char *
format_by_blob(const elo_json_t *top)
{
    const elo_json_t *blob = elo_json_at(elo_json_get(top, "blobs"), 0);
    elo_slice_t mime;

    if (elo_json_string(elo_json_get(blob, "mimeType"), &mime)) {
        if (elo_slice_has_prefix(mime, ELO_SLICE("video/"))) {
            return "video-file";
        }
        if (elo_slice_has_prefix(mime, ELO_SLICE("audio/"))) {
            return "audio-file";
        }
    }
    return "document";
}


bool
elo_put_format(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    return put_word_or(m, f, v, format_by_blob(m->top));
}


bool
elo_put_reach(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    const elo_content_set_t *set = m->env->set;
    elo_slice_t s = ELO_SLICE("private");
    elo_reach_t reach;

    if (set != NULL && set->reach != NULL) {
        elo_json_put_cstr(&m->w, f->name, elo_reach_name(*set->reach));
        return true;
    }
    if (v != NULL && !elo_json_string(v, &s)) {
        return elo_maker_bad_kind(m, f->name, "a string", v);
    }
    if (!elo_reach_parse(s, &reach)) {
        return elo_maker_bad(
            m, f->name,
            "must be one of private, invited, local, neighborhood, "
            "municipal, bioregional, regional, commons");
    }
    elo_json_put_string(&m->w, f->name, s);
    return true;
}


bool
elo_put_integer(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    int64_t n;

    if (v == NULL) {
        return true;
    }
    if (!elo_json_integer(v, &n)) {
        return elo_maker_bad(m, f->name, "must be a whole number");
    }
    if ((double) n < f->min || (double) n > f->max) {
        return elo_maker_bad(m, f->name, "must be from %.0f to %.0f", f->min,
                             f->max);
    }
    elo_json_put_u64(&m->w, f->name, (uint64_t) n);
    return true;
}


bool
elo_put_number(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    double n;

    if (v == NULL) {
        return true;
    }
    if (!elo_json_number(v, &n)) {
        return elo_maker_bad_kind(m, f->name, "a number", v);
    }
    if (n < f->min || n > f->max) {
        return elo_maker_bad(m, f->name, "must be from %.0f to %.0f", f->min,
                             f->max);
    }
    elo_json_put_number(&m->w, f->name, n);
    return true;
}


bool
elo_put_object(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    if (v == NULL) {
        return true;
    }
    if (elo_json_kind(v) != ELO_JSON_OBJECT) {
        return elo_maker_bad_kind(m, f->name, "an object", v);
    }
    elo_json_put_value(&m->w, f->name, v);
    return true;
}


bool
elo_put_body(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    if (v == NULL) {
        return true;
    }
    if (elo_json_kind(v) != ELO_JSON_OBJECT
        && elo_json_kind(v) != ELO_JSON_STRING) {
        return elo_maker_bad_kind(m, f->name, "a string or an object", v);
    }
    elo_json_put_value(&m->w, f->name, v);
    return true;
}


/* ---- lists ---- */

/* An array of at most max elements; NULL is an empty one. */
bool
elo_maker_array_ok(elo_maker_t *m, const char *name, const elo_json_t *v,
                   size_t max)
{
    if (v != NULL && elo_json_kind(v) != ELO_JSON_ARRAY) {
        return elo_maker_bad_kind(m, name, "an array", v);
    }
    if (elo_json_len(v) > max) {
        return elo_maker_bad(m, name, "must have at most %zu elements, not %zu",
                             max, elo_json_len(v));
    }
    return true;
}


/* What judges an element that is called name. */
typedef bool element_ok_t(elo_maker_t *m, const char *name,
                          const elo_field_t *f, const elo_json_t *v,
                          elo_slice_t *out);


static bool
put_strings(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v,
            size_t max, element_ok_t *is_ok)
{
    char name[64];
    elo_slice_t s;

    if (!elo_maker_array_ok(m, f->name, v, max)) {
        return false;
    }
    if (v == NULL) {
        return true;
    }
    elo_json_put_array(&m->w, f->name);
    for (size_t i = 0; i < elo_json_len(v); i++) {
        snprintf(name, sizeof(name), "%s[%zu]", f->name, i);
        if (!is_ok(m, name, f, elo_json_at(v, i), &s)) {
            return false;
        }
        elo_json_put_string(&m->w, NULL, s);
    }
    elo_json_end_array(&m->w);
    return true;
}


static bool
tag_ok(elo_maker_t *m, const char *name, const elo_field_t *f,
       const elo_json_t *v, elo_slice_t *out)
{
    return text_ok(m, name, f, v, false, out);
}


static bool
url_ok(elo_maker_t *m, const char *name, const elo_field_t *f,
       const elo_json_t *v, elo_slice_t *out)
{
    (void) f;
    if (!elo_json_string(v, out)) {
        return elo_maker_bad_kind(m, name, "a string", v);
    }
    return elo_shape_url(*out)
           || elo_maker_bad(m, name, "must be an absolute http or https URL");
}


bool
elo_put_tags(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    return put_strings(m, f, v, ELO_CONTENT_TAGS_MAX, tag_ok);
}


bool
elo_put_invited(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    const elo_content_set_t *set = m->env->set;

    if (set != NULL && set->invited != NULL) {
        elo_json_put_array(&m->w, f->name);
        for (uint32_t i = 0; i < set->n_invited; i++) {
            elo_json_put_string(&m->w, NULL, set->invited[i]);
        }
        elo_json_end_array(&m->w);
        return true;
    }
    return put_strings(m, f, v, ELO_CONTENT_INVITED_MAX, tag_ok);
}


bool
elo_put_urls(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    return put_strings(m, f, v, ELO_CONTENT_URLS_MAX, url_ok);
}


typedef struct {
    elo_maker_t *m;
    const elo_field_t *f;
    bool is_ok;
} members_t;


static bool
put_duration_member(void *ctx, elo_slice_t name, const elo_json_t *value)
{
    members_t *c = ctx;
    char path[64];
    double n;

    snprintf(path, sizeof(path), "%s.%.32s", c->f->name, (const char *) name.p);
    if (elo_shape_text_len(name, false) > ELO_CONTENT_DURATION_KEY) {
        c->is_ok =
            elo_maker_bad(c->m, c->f->name, "must have short names in it");
    } else if (!elo_json_number(value, &n) || n < 0 || n > SECONDS_MAX) {
        c->is_ok = elo_maker_bad(c->m, path, "must be a number of seconds");
    } else {
        elo_json_put_number(&c->m->w, (const char *) name.p, n);
    }
    return c->is_ok;
}


bool
elo_put_durations(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    members_t c = { .m = m, .f = f, .is_ok = true };

    if (v == NULL) {
        return true;
    }
    if (elo_json_kind(v) != ELO_JSON_OBJECT) {
        return elo_maker_bad_kind(m, f->name, "an object", v);
    }
    if (elo_json_len(v) > ELO_CONTENT_DURATIONS_MAX) {
        return elo_maker_bad(m, f->name, "must have at most %d members",
                             ELO_CONTENT_DURATIONS_MAX);
    }
    elo_json_put_object(&m->w, f->name);
    elo_json_each(v, put_duration_member, &c);
    elo_json_end_object(&m->w);
    return c.is_ok;
}
