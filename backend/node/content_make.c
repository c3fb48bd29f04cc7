/* SPDX-License-Identifier: BSD-2-Clause */
/* content_make: judges the text of a content node that comes from outside and
   writes its normalised form, in one walk over two tables: a row a member, with
   the function that judges and writes it. One file, though long: the tables and
   their functions are read together. */
#include <stdarg.h>
#include <stdio.h>

#include "backend/json/json_write.h"
#include "backend/node/content_fields.h"
#include "backend/node/content_node.h"
#include "backend/node/shape.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define ID_RANDOM_BYTES  16 /* 128 bits: nobody meets the same twice */
#define TITLE_MAX        512
#define DESCRIPTION_MAX  16384
#define AGENT_MAX        256
#define TAG_MAX          128
#define TAGS_MAX         256
#define RELATIONS_MAX    64
#define RELATION_MAX     64 /* the word for a kind of relation */
#define WORD_MAX         64 /* codec strings, profiles */
#define DURATIONS_MAX    16
#define EDGE_MAX         65535 /* pixels: 16 bits on the wire */
#define SIZE_BYTES_MAX   INT64_C(9007199254740991) /* exact in a double */
#define SECONDS_MAX      ELO_CONTENT_SECONDS_MAX
#define BITRATE_MBPS_MAX 1e6

typedef struct field_s field_t;

typedef struct {
    elo_json_writer_t w;
    const elo_content_env_t *env;
    const elo_json_t *top;
    elo_content_fault_t *fault;
    char prefix[32]; /* "blobs[1]." or "" */
    elo_digest_t seen[ELO_CONTENT_BLOBS_MAX];
    uint32_t n_seen;
} maker_t;

/* Judges v (NULL when the member is absent or null) and writes what stands for
   it, if anything. False with the fault set. */
typedef bool (*put_fn)(maker_t *m, const field_t *f, const elo_json_t *v);

struct field_s {
    const char *name;
    put_fn put;
    double min, max;          /* of a number, or of characters */
    const char *const *words; /* of an enumeration */
    bool (*shape)(elo_slice_t s);
    const char *hint;    /* what a member of that shape is */
    const char *pattern; /* the same for machines: ECMA 262 */
};


/* ---- faults ---- */

static bool bad(maker_t *m, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));


static bool
bad(maker_t *m, const char *name, const char *fmt, ...)
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


static bool
bad_kind(maker_t *m, const char *name, const char *wanted, const elo_json_t *v)
{
    return bad(m, name, "must be %s, not %s", wanted,
               elo_json_kind_name(elo_json_kind(v)));
}


/* ---- members of simple kinds ---- */

static bool
text_ok(maker_t *m, const char *name, const field_t *f, const elo_json_t *v,
        bool lines, elo_slice_t *out)
{
    size_t n;

    if (!elo_json_string(v, out)) {
        return bad_kind(m, name, "a string", v);
    }
    n = elo_shape_text_len(*out, lines);
    if (n == SIZE_MAX) {
        return bad(m, name, "must not have control characters");
    }
    if ((double) n < f->min || (double) n > f->max) {
        return bad(m, name, "must have %.0f to %.0f characters, not %zu",
                   f->min, f->max, n);
    }
    return true;
}


static bool
put_string(maker_t *m, const field_t *f, const elo_json_t *v, bool lines)
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


static bool
put_text(maker_t *m, const field_t *f, const elo_json_t *v)
{
    return put_string(m, f, v, false);
}


static bool
put_title(maker_t *m, const field_t *f, const elo_json_t *v)
{
    return v == NULL ? bad(m, f->name, "is required") : put_text(m, f, v);
}


static bool
put_lines(maker_t *m, const field_t *f, const elo_json_t *v)
{
    return put_string(m, f, v, true);
}


/* Text that f->shape knows. */
static bool
put_shaped(maker_t *m, const field_t *f, const elo_json_t *v)
{
    elo_slice_t s;

    if (v == NULL) {
        return true;
    }
    if (!elo_json_string(v, &s)) {
        return bad_kind(m, f->name, "a string", v);
    }
    if (!f->shape(s)) {
        return bad(m, f->name, "must be %s", f->hint);
    }
    elo_json_put_string(&m->w, f->name, s);
    return true;
}


static bool
is_time(elo_slice_t s)
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
bad_word(maker_t *m, const field_t *f)
{
    elo_buf_t list;
    char mem[200];

    elo_buf_init_fixed(&list, mem, sizeof(mem));
    for (size_t i = 0; f->words[i] != NULL; i++) {
        elo_buf_put_str(&list, i == 0 ? "" : ", ");
        elo_buf_put_str(&list, f->words[i]);
    }
    return bad(m, f->name, "must be one of %.*s", (int) list.len, mem);
}


/* A word of f->words; the first of them is never a default by itself. */
static bool
put_word_or(maker_t *m, const field_t *f, const elo_json_t *v,
            const char *absent)
{
    elo_slice_t s = elo_slice_str(absent);

    if (v != NULL && !elo_json_string(v, &s)) {
        return bad_kind(m, f->name, "a string", v);
    }
    if (!word_known(f->words, s)) {
        return bad_word(m, f);
    }
    elo_json_put_string(&m->w, f->name, s);
    return true;
}


static bool
put_embed(maker_t *m, const field_t *f, const elo_json_t *v)
{
    return put_word_or(m, f, v, "iframe");
}


static bool
put_role(maker_t *m, const field_t *f, const elo_json_t *v)
{
    return put_word_or(m, f, v, "original");
}


/* The lifecycle of a text that names none. */
static elo_lifecycle_t
lifecycle_of(const maker_t *m)
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


static bool
put_lifecycle(maker_t *m, const field_t *f, const elo_json_t *v)
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


static bool
put_format(maker_t *m, const field_t *f, const elo_json_t *v)
{
    return put_word_or(m, f, v, format_by_blob(m->top));
}


static bool
put_reach(maker_t *m, const field_t *f, const elo_json_t *v)
{
    const elo_content_set_t *set = m->env->set;
    elo_slice_t s = ELO_SLICE("private");
    elo_reach_t reach;

    if (set != NULL && set->reach != NULL) {
        elo_json_put_cstr(&m->w, f->name, elo_reach_name(*set->reach));
        return true;
    }
    if (v != NULL && !elo_json_string(v, &s)) {
        return bad_kind(m, f->name, "a string", v);
    }
    if (!elo_reach_parse(s, &reach)) {
        return bad(m, f->name,
                   "must be one of private, invited, local, neighborhood, "
                   "municipal, bioregional, regional, commons");
    }
    elo_json_put_string(&m->w, f->name, s);
    return true;
}


static bool
put_integer(maker_t *m, const field_t *f, const elo_json_t *v)
{
    int64_t n;

    if (v == NULL) {
        return true;
    }
    if (!elo_json_integer(v, &n)) {
        return bad(m, f->name, "must be a whole number");
    }
    if ((double) n < f->min || (double) n > f->max) {
        return bad(m, f->name, "must be from %.0f to %.0f", f->min, f->max);
    }
    elo_json_put_u64(&m->w, f->name, (uint64_t) n);
    return true;
}


static bool
put_number(maker_t *m, const field_t *f, const elo_json_t *v)
{
    double n;

    if (v == NULL) {
        return true;
    }
    if (!elo_json_number(v, &n)) {
        return bad_kind(m, f->name, "a number", v);
    }
    if (n < f->min || n > f->max) {
        return bad(m, f->name, "must be from %.0f to %.0f", f->min, f->max);
    }
    elo_json_put_number(&m->w, f->name, n);
    return true;
}


static bool
put_object(maker_t *m, const field_t *f, const elo_json_t *v)
{
    if (v == NULL) {
        return true;
    }
    if (elo_json_kind(v) != ELO_JSON_OBJECT) {
        return bad_kind(m, f->name, "an object", v);
    }
    elo_json_put_value(&m->w, f->name, v);
    return true;
}


static bool
put_body(maker_t *m, const field_t *f, const elo_json_t *v)
{
    if (v == NULL) {
        return true;
    }
    if (elo_json_kind(v) != ELO_JSON_OBJECT
        && elo_json_kind(v) != ELO_JSON_STRING) {
        return bad_kind(m, f->name, "a string or an object", v);
    }
    elo_json_put_value(&m->w, f->name, v);
    return true;
}


/* ---- lists ---- */

/* An array of at most max elements; NULL is an empty one. */
static bool
array_ok(maker_t *m, const char *name, const elo_json_t *v, size_t max)
{
    if (v != NULL && elo_json_kind(v) != ELO_JSON_ARRAY) {
        return bad_kind(m, name, "an array", v);
    }
    if (elo_json_len(v) > max) {
        return bad(m, name, "must have at most %zu elements, not %zu", max,
                   elo_json_len(v));
    }
    return true;
}


static bool
put_texts(maker_t *m, const field_t *f, const elo_json_t *v, size_t max)
{
    char name[64];
    elo_slice_t s;

    if (!array_ok(m, f->name, v, max)) {
        return false;
    }
    if (v == NULL) {
        return true;
    }
    elo_json_put_array(&m->w, f->name);
    for (size_t i = 0; i < elo_json_len(v); i++) {
        snprintf(name, sizeof(name), "%s[%zu]", f->name, i);
        if (!text_ok(m, name, f, elo_json_at(v, i), false, &s)) {
            return false;
        }
        elo_json_put_string(&m->w, NULL, s);
    }
    elo_json_end_array(&m->w);
    return true;
}


static bool
put_tags(maker_t *m, const field_t *f, const elo_json_t *v)
{
    return put_texts(m, f, v, TAGS_MAX);
}


static bool
put_invited(maker_t *m, const field_t *f, const elo_json_t *v)
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
    return put_texts(m, f, v, ELO_CONTENT_INVITED_MAX);
}


static bool
put_urls(maker_t *m, const field_t *f, const elo_json_t *v)
{
    char name[64];
    elo_slice_t s;

    if (!array_ok(m, f->name, v, ELO_CONTENT_URLS_MAX)) {
        return false;
    }
    if (v == NULL) {
        return true;
    }
    elo_json_put_array(&m->w, f->name);
    for (size_t i = 0; i < elo_json_len(v); i++) {
        snprintf(name, sizeof(name), "%s[%zu]", f->name, i);
        if (!elo_json_string(elo_json_at(v, i), &s)) {
            return bad_kind(m, name, "a string", elo_json_at(v, i));
        }
        if (!elo_shape_url(s)) {
            return bad(m, name, "must be an absolute http or https URL");
        }
        elo_json_put_string(&m->w, NULL, s);
    }
    elo_json_end_array(&m->w);
    return true;
}


typedef struct {
    maker_t *m;
    const field_t *f;
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
        c->is_ok = bad(c->m, c->f->name, "must have short names in it");
    } else if (!elo_json_number(value, &n) || n < 0 || n > SECONDS_MAX) {
        c->is_ok = bad(c->m, path, "must be a number of seconds");
    } else {
        elo_json_put_number(&c->m->w, (const char *) name.p, n);
    }
    return c->is_ok;
}


static bool
put_durations(maker_t *m, const field_t *f, const elo_json_t *v)
{
    members_t c = { .m = m, .f = f, .is_ok = true };

    if (v == NULL) {
        return true;
    }
    if (elo_json_kind(v) != ELO_JSON_OBJECT) {
        return bad_kind(m, f->name, "an object", v);
    }
    if (elo_json_len(v) > DURATIONS_MAX) {
        return bad(m, f->name, "must have at most %d members", DURATIONS_MAX);
    }
    elo_json_put_object(&m->w, f->name);
    elo_json_each(v, put_duration_member, &c);
    elo_json_end_object(&m->w);
    return c.is_ok;
}


/* ---- blobs ---- */

static bool
put_hash(maker_t *m, const field_t *f, const elo_json_t *v)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    elo_digest_t d;
    elo_slice_t s;
    elo_err_t rc;

    if (v == NULL) {
        return bad(m, f->name, "is required");
    }
    if (!elo_json_string(v, &s)) {
        return bad_kind(m, f->name, "a string", v);
    }
    rc = elo_addr_parse(s, &d);
    if (rc == ELO_EUNSUPPORTED) {
        return bad(m, f->name,
                   "must name raw bytes by SHA-256; this CID is of "
                   "another codec or hash function");
    }
    if (rc != ELO_OK) {
        return bad(m, f->name,
                   "must be \"sha256-\" and 64 hex digits, the 64 "
                   "digits alone, or a CIDv1 of raw bytes");
    }
    for (uint32_t i = 0; i < m->n_seen; i++) {
        if (memcmp(&m->seen[i], &d, sizeof(d)) == 0) {
            return bad(m, f->name, "is listed twice: blobs[%u] has it too", i);
        }
    }
    m->seen[m->n_seen++] = d;
    elo_addr_canon(&d, canon);
    elo_json_put_cstr(&m->w, f->name, canon);
    return true;
}


static const field_t blob_fields[] = {
    { .name = "hash", .put = put_hash },
    { .name = "sizeBytes", .put = put_integer, .max = (double) SIZE_BYTES_MAX },
    { .name = "mimeType",
      .put = put_shaped,
      .shape = elo_shape_mime,
      .hint = "a media type such as video/mp4",
      .pattern = ELO_PATTERN_MIME },
    { .name = "fallbackUrls", .put = put_urls },
    { .name = "codec", .put = put_text, .min = 1, .max = WORD_MAX },
    { .name = "profile", .put = put_text, .min = 1, .max = WORD_MAX },
    { .name = "width", .put = put_integer, .min = 1, .max = EDGE_MAX },
    { .name = "height", .put = put_integer, .min = 1, .max = EDGE_MAX },
    { .name = "bitrateMbps", .put = put_number, .max = BITRATE_MBPS_MAX },
    { .name = "durations", .put = put_durations },
    { .name = "role", .put = put_role, .words = elo_content_roles },
    { .name = "language",
      .put = put_shaped,
      .shape = elo_shape_language,
      .hint = "a language tag such as en or pt-BR",
      .pattern = ELO_PATTERN_LANGUAGE },
    { .name = "expiresAt",
      .put = put_shaped,
      .shape = is_time,
      .hint = "a time such as 2030-01-31T12:00:00Z",
      .pattern = ELO_PATTERN_TIME },
};


typedef struct {
    maker_t *m;
    const field_t *fields;
    size_t n;
    bool is_ok;
} known_t;


static bool
check_known(void *ctx, elo_slice_t name, const elo_json_t *value)
{
    known_t *k = ctx;

    (void) value;
    for (size_t i = 0; i < k->n; i++) {
        if (elo_slice_eq(name, elo_slice_str(k->fields[i].name))) {
            return true;
        }
    }
    k->is_ok = bad(k->m, (const char *) name.p, "is not a known field");
    return false;
}


/* Writes the members of j, in the table's order. */
static bool
put_fields(maker_t *m, const elo_json_t *j, const field_t *fields, size_t n)
{
    known_t k = { .m = m, .fields = fields, .n = n, .is_ok = true };

    elo_json_each(j, check_known, &k);
    if (!k.is_ok) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const elo_json_t *v = elo_json_get(j, fields[i].name);

        if (elo_json_kind(v) == ELO_JSON_NULL) {
            v = NULL;
        }
        if (!fields[i].put(m, &fields[i], v)) {
            return false;
        }
    }
    return true;
}


/* Is it to be left out, for its time has come? */
static bool
is_expired(const maker_t *m, const elo_json_t *blob)
{
    const elo_content_set_t *set = m->env->set;
    elo_slice_t text;
    int64_t at;

    return set != NULL
           && elo_json_string(elo_json_get(blob, "expiresAt"), &text)
           && elo_shape_time(text, &at) && at <= set->expired_by;
}


/* An array of objects, each of the members of that table. */
static bool
put_objects(maker_t *m, const field_t *f, const elo_json_t *v,
            const field_t *fields, size_t n)
{
    elo_json_put_array(&m->w, f->name);
    for (size_t i = 0; i < elo_json_len(v); i++) {
        const elo_json_t *one = elo_json_at(v, i);

        snprintf(m->prefix, sizeof(m->prefix), "%s[%zu]", f->name, i);
        if (elo_json_kind(one) != ELO_JSON_OBJECT) {
            return bad_kind(m, "", "an object", one);
        }
        if (fields == blob_fields && is_expired(m, one)) {
            continue;
        }
        snprintf(m->prefix, sizeof(m->prefix), "%s[%zu].", f->name, i);
        elo_json_put_object(&m->w, NULL);
        if (!put_fields(m, one, fields, n)) {
            return false;
        }
        elo_json_end_object(&m->w);
    }
    elo_json_end_array(&m->w);
    m->prefix[0] = '\0';
    return true;
}


static bool
put_blobs(maker_t *m, const field_t *f, const elo_json_t *v)
{
    return array_ok(m, f->name, v, ELO_CONTENT_BLOBS_MAX)
           && put_objects(m, f, v, blob_fields, ELO_COUNT(blob_fields));
}


/* ---- relations ---- */

static bool
put_relation_type(maker_t *m, const field_t *f, const elo_json_t *v)
{
    return v == NULL ? bad(m, f->name, "is required") : put_text(m, f, v);
}


/* It needn't be there, nor be the owner's: a relation gives nobody anything. */
static bool
put_target(maker_t *m, const field_t *f, const elo_json_t *v)
{
    elo_slice_t s;

    if (v == NULL) {
        return bad(m, f->name, "is required");
    }
    if (!elo_json_string(v, &s)) {
        return bad_kind(m, f->name, "a string", v);
    }
    if (!elo_content_id_ok(s)) {
        return bad(m, f->name, "must be the id of a content");
    }
    elo_json_put_string(&m->w, f->name, s);
    return true;
}


static const field_t relation_fields[] = {
    { .name = "type", .put = put_relation_type, .min = 1, .max = RELATION_MAX },
    { .name = "target", .put = put_target },
};


static bool
put_relations(maker_t *m, const field_t *f, const elo_json_t *v)
{
    return array_ok(m, f->name, v, RELATIONS_MAX)
           && (v == NULL
               || put_objects(m, f, v, relation_fields,
                              ELO_COUNT(relation_fields)));
}


/* ---- the server's members ---- */

static bool
put_random_id(maker_t *m, const field_t *f)
{
    uint8_t bytes[ID_RANDOM_BYTES];
    char text[ELO_BASE32_LEN(ID_RANDOM_BYTES) + 1];

    m->env->random(m->env->random_ctx, bytes, sizeof(bytes));
    elo_base32_encode(bytes, sizeof(bytes), text);
    elo_json_put_cstr(&m->w, f->name, text);
    return true;
}


static bool
put_id(maker_t *m, const field_t *f, const elo_json_t *v)
{
    elo_slice_t s = m->env->id;

    if (v != NULL && !elo_json_string(v, &s)) {
        return bad_kind(m, f->name, "a string", v);
    }
    if (v != NULL && m->env->id.len != 0 && !elo_slice_eq(s, m->env->id)) {
        return bad(m, f->name, "is not the id in the path");
    }
    if (v == NULL && s.len == 0) {
        return put_random_id(m, f);
    }
    if (!elo_content_id_ok(s)) {
        return bad(m, f->name,
                   "must have 1 to %d characters of A-Z a-z 0-9 . _ ~ : -, "
                   "start with a letter or digit, and not be a blob's address",
                   ELO_CONTENT_ID_MAX);
    }
    elo_json_put_string(&m->w, f->name, s);
    return true;
}


static bool
put_version(maker_t *m, const field_t *f, const elo_json_t *v)
{
    (void) v;
    elo_json_put_u64(&m->w, f->name, m->env->version);
    return true;
}


static void
put_time(maker_t *m, const char *name, int64_t t)
{
    char text[ELO_TIME_TEXT_LEN + 1];

    elo_time_text(t, text);
    elo_json_put_cstr(&m->w, name, text);
}


static bool
put_created_at(maker_t *m, const field_t *f, const elo_json_t *v)
{
    (void) v;
    put_time(m, f->name, m->env->created_at);
    return true;
}


static bool
put_updated_at(maker_t *m, const field_t *f, const elo_json_t *v)
{
    (void) v;
    put_time(m, f->name, m->env->updated_at);
    return true;
}


static bool
put_refreshed_at(maker_t *m, const field_t *f, const elo_json_t *v)
{
    (void) v;
    if (m->env->fresh_at != 0 && m->env->fresh_at != m->env->updated_at) {
        put_time(m, f->name, m->env->fresh_at);
    }
    return true;
}


static bool
put_hold(maker_t *m, const field_t *f, const elo_json_t *v)
{
    const elo_content_hold_t *hold = m->env->hold;

    (void) v;
    if (hold == NULL) {
        return true;
    }
    elo_json_put_object(&m->w, f->name);
    if (hold->reason.len != 0) {
        elo_json_put_string(&m->w, "reason", hold->reason);
    }
    put_time(m, "since", hold->since);
    elo_json_put_string(&m->w, "by", hold->by);
    elo_json_end_object(&m->w);
    return true;
}


static const field_t node_fields[] = {
    { .name = "id", .put = put_id },
    { .name = "version", .put = put_version },
    { .name = "title", .put = put_title, .min = 1, .max = TITLE_MAX },
    { .name = "description", .put = put_lines, .max = DESCRIPTION_MAX },
    { .name = "contentFormat",
      .put = put_format,
      .words = elo_content_formats },
    { .name = "embedStrategy", .put = put_embed, .words = elo_content_embeds },
    { .name = "reach", .put = put_reach },
    { .name = "owner", .put = put_text, .min = 1, .max = AGENT_MAX },
    { .name = "invited", .put = put_invited, .min = 1, .max = AGENT_MAX },
    { .name = "lifecycle",
      .put = put_lifecycle,
      .words = elo_content_lifecycles },
    { .name = "refreshInterval",
      .put = put_shaped,
      .shape = elo_shape_duration,
      .hint = "an ISO 8601 duration such as P6M",
      .pattern = ELO_PATTERN_DURATION },
    { .name = "durationSeconds", .put = put_number, .max = SECONDS_MAX },
    { .name = "blobs", .put = put_blobs },
    { .name = "body", .put = put_body },
    { .name = "tags", .put = put_tags, .min = 1, .max = TAG_MAX },
    { .name = "relations", .put = put_relations },
    { .name = "metadata", .put = put_object },
    { .name = "createdAt", .put = put_created_at },
    { .name = "updatedAt", .put = put_updated_at },
    { .name = "refreshedAt", .put = put_refreshed_at },
    { .name = "hold", .put = put_hold },
};


/* ---- the same, told to others ---- */

/* What each function asks for beside what is in its row. */
static const struct {
    put_fn put;
    elo_rule_kind_t kind;
    bool is_required;
    size_t n_max;
} kinds[] = {
    { put_title, ELO_RULE_TEXT, true, 0 },
    { put_relation_type, ELO_RULE_TEXT, true, 0 },
    { put_text, ELO_RULE_TEXT, false, 0 },
    { put_lines, ELO_RULE_LINES, false, 0 },
    { put_shaped, ELO_RULE_SHAPED, false, 0 },
    { put_embed, ELO_RULE_WORD, false, 0 },
    { put_role, ELO_RULE_WORD, false, 0 },
    { put_lifecycle, ELO_RULE_WORD, false, 0 },
    { put_format, ELO_RULE_WORD, false, 0 },
    { put_reach, ELO_RULE_REACH, false, 0 },
    { put_integer, ELO_RULE_INTEGER, false, 0 },
    { put_number, ELO_RULE_NUMBER, false, 0 },
    { put_object, ELO_RULE_OBJECT, false, 0 },
    { put_body, ELO_RULE_BODY, false, 0 },
    { put_tags, ELO_RULE_TEXTS, false, TAGS_MAX },
    { put_invited, ELO_RULE_TEXTS, false, ELO_CONTENT_INVITED_MAX },
    { put_urls, ELO_RULE_URLS, false, ELO_CONTENT_URLS_MAX },
    { put_durations, ELO_RULE_DURATIONS, false, DURATIONS_MAX },
    { put_hash, ELO_RULE_HASH, true, 0 },
    { put_id, ELO_RULE_ID, false, 0 },
    { put_target, ELO_RULE_ID, true, 0 },
    { put_blobs, ELO_RULE_BLOBS, false, ELO_CONTENT_BLOBS_MAX },
    { put_relations, ELO_RULE_RELATIONS, false, RELATIONS_MAX },
};

static const struct {
    const field_t *fields;
    size_t n;
} tables[] = {
    [ELO_RULES_NODE] = { node_fields, ELO_COUNT(node_fields) },
    [ELO_RULES_BLOB] = { blob_fields, ELO_COUNT(blob_fields) },
    [ELO_RULES_RELATION] = { relation_fields, ELO_COUNT(relation_fields) },
};


bool
elo_content_rule(elo_rules_t of, size_t i, elo_content_rule_t *out)
{
    const field_t *f;

    if (i >= tables[of].n) {
        return false;
    }
    f = &tables[of].fields[i];
    *out = (elo_content_rule_t){ .name = f->name,
                                 .kind = ELO_RULE_SERVER,
                                 .min = f->min,
                                 .max = f->max,
                                 .words = f->words,
                                 .hint = f->hint,
                                 .pattern = f->pattern };
    for (size_t k = 0; k < ELO_COUNT(kinds); k++) {
        if (kinds[k].put == f->put) {
            out->kind = kinds[k].kind;
            out->is_required = kinds[k].is_required;
            out->n_max = kinds[k].n_max;
        }
    }
    return true;
}


static elo_err_t
make(maker_t *m, elo_buf_t *json)
{
    size_t start = json->len;

    if (elo_json_kind(m->top) != ELO_JSON_OBJECT) {
        elo_ignore(!bad_kind(m, "", "an object", m->top)); /* it says why */
        return ELO_EINVAL;
    }
    elo_json_put_object(&m->w, NULL);
    if (!put_fields(m, m->top, node_fields, ELO_COUNT(node_fields))) {
        return ELO_EINVAL;
    }
    elo_json_end_object(&m->w);
    if (elo_buf_err(json) == ELO_ETOOBIG
        || json->len - start > ELO_CONTENT_TEXT_MAX)
    {
        elo_ignore(!bad(m, "", "is too large")); /* it says why */
        return ELO_ETOOBIG;
    }
    return elo_buf_err(json);
}


elo_err_t
elo_content_make(elo_slice_t text, const elo_content_env_t *env,
                 elo_buf_t *json, elo_content_fault_t *fault)
{
    maker_t m = { .env = env, .fault = fault };
    elo_json_fault_t why = { 0 };
    elo_json_t *tree;
    elo_err_t rc;

    *fault = (elo_content_fault_t){ 0 };
    rc = elo_json_parse(text, ELO_CONTENT_JSON_MAX, &tree, &why);
    if (rc != ELO_OK) {
        snprintf(fault->detail, sizeof(fault->detail),
                 why.line > 0 ? "the body is not valid JSON: %s (line %u, "
                                "column %u)"
                              : "the body is not acceptable JSON: %s",
                 why.what, why.line, why.column);
        return rc;
    }
    m.top = tree;
    elo_json_writer_init(&m.w, json);
    rc = make(&m, json);
    elo_json_free(&tree);
    return rc;
}
