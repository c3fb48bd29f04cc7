/* SPDX-License-Identifier: BSD-2-Clause */
/* content_make: judges the text of a content node that comes from outside and
   writes its normalised form, in one walk over two tables: a row a member, with
   the function that judges and writes it; those of simple kinds are in
   content_kinds.c. */
#include <stdio.h>

#include "backend/node/content_maker.h"
#include "backend/node/shape.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define ID_RANDOM_BYTES  16 /* 128 bits: nobody meets the same twice */
#define TITLE_MAX        512
#define DESCRIPTION_MAX  16384
#define AGENT_MAX        256
#define TAG_MAX          128
#define RELATIONS_MAX    64
#define RELATION_MAX     64    /* the word for a kind of relation */
#define WORD_MAX         64    /* codec strings, profiles */
#define EDGE_MAX         65535 /* pixels: 16 bits on the wire */
#define SIZE_BYTES_MAX   INT64_C(9007199254740991) /* exact in a double */
#define SECONDS_MAX      ELO_CONTENT_SECONDS_MAX
#define BITRATE_MBPS_MAX 1e6

/* ---- blobs ---- */

static bool
put_hash(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    elo_digest_t d;
    elo_slice_t s;
    elo_err_t rc;

    if (v == NULL) {
        return elo_maker_bad(m, f->name, "is required");
    }
    if (!elo_json_string(v, &s)) {
        return elo_maker_bad_kind(m, f->name, "a string", v);
    }
    rc = elo_addr_parse(s, &d);
    if (rc == ELO_EUNSUPPORTED) {
        return elo_maker_bad(m, f->name,
                             "must name raw bytes by SHA-256; this CID is of "
                             "another codec or hash function");
    }
    if (rc != ELO_OK) {
        return elo_maker_bad(m, f->name,
                             "must be \"sha256-\" and 64 hex digits, the 64 "
                             "digits alone, or a CIDv1 of raw bytes");
    }
    for (uint32_t i = 0; i < m->n_seen; i++) {
        if (memcmp(&m->seen[i], &d, sizeof(d)) == 0) {
            return elo_maker_bad(m, f->name,
                                 "is listed twice: blobs[%u] has it too", i);
        }
    }
    m->seen[m->n_seen++] = d;
    elo_addr_canon(&d, canon);
    elo_json_put_cstr(&m->w, f->name, canon);
    return true;
}


static const elo_field_t blob_fields[] = {
    { .name = "hash", .put = put_hash },
    { .name = "sizeBytes",
      .put = elo_put_integer,
      .max = (double) SIZE_BYTES_MAX },
    { .name = "mimeType",
      .put = elo_put_shaped,
      .shape = elo_shape_mime,
      .hint = "a media type such as video/mp4",
      .pattern = ELO_PATTERN_MIME },
    { .name = "fallbackUrls", .put = elo_put_urls },
    { .name = "codec", .put = elo_put_text, .min = 1, .max = WORD_MAX },
    { .name = "profile", .put = elo_put_text, .min = 1, .max = WORD_MAX },
    { .name = "width", .put = elo_put_integer, .min = 1, .max = EDGE_MAX },
    { .name = "height", .put = elo_put_integer, .min = 1, .max = EDGE_MAX },
    { .name = "bitrateMbps", .put = elo_put_number, .max = BITRATE_MBPS_MAX },
    { .name = "durations", .put = elo_put_durations },
    { .name = "role", .put = elo_put_role, .words = elo_content_roles },
    { .name = "language",
      .put = elo_put_shaped,
      .shape = elo_shape_language,
      .hint = "a language tag such as en or pt-BR",
      .pattern = ELO_PATTERN_LANGUAGE },
    { .name = "expiresAt",
      .put = elo_put_shaped,
      .shape = elo_maker_is_time,
      .hint = "a time such as 2030-01-31T12:00:00Z",
      .pattern = ELO_PATTERN_TIME },
};


typedef struct {
    elo_maker_t *m;
    const elo_field_t *fields;
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
    k->is_ok =
        elo_maker_bad(k->m, (const char *) name.p, "is not a known field");
    return false;
}


/* Writes the members of j, in the table's order. */
static bool
put_fields(elo_maker_t *m, const elo_json_t *j, const elo_field_t *fields,
           size_t n)
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
is_expired(const elo_maker_t *m, const elo_json_t *blob)
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
put_objects(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v,
            const elo_field_t *fields, size_t n)
{
    elo_json_put_array(&m->w, f->name);
    for (size_t i = 0; i < elo_json_len(v); i++) {
        const elo_json_t *one = elo_json_at(v, i);

        snprintf(m->prefix, sizeof(m->prefix), "%s[%zu]", f->name, i);
        if (elo_json_kind(one) != ELO_JSON_OBJECT) {
            return elo_maker_bad_kind(m, "", "an object", one);
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
put_blobs(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    return elo_maker_array_ok(m, f->name, v, ELO_CONTENT_BLOBS_MAX)
           && put_objects(m, f, v, blob_fields, ELO_COUNT(blob_fields));
}


/* ---- relations ---- */

static bool
put_relation_type(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    return v == NULL ? elo_maker_bad(m, f->name, "is required")
                     : elo_put_text(m, f, v);
}


/* It needn't be there, nor be the owner's: a relation gives nobody anything. */
static bool
put_target(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    elo_slice_t s;

    if (v == NULL) {
        return elo_maker_bad(m, f->name, "is required");
    }
    if (!elo_json_string(v, &s)) {
        return elo_maker_bad_kind(m, f->name, "a string", v);
    }
    if (!elo_content_id_ok(s)) {
        return elo_maker_bad(m, f->name, "must be the id of a content");
    }
    elo_json_put_string(&m->w, f->name, s);
    return true;
}


static const elo_field_t relation_fields[] = {
    { .name = "type", .put = put_relation_type, .min = 1, .max = RELATION_MAX },
    { .name = "target", .put = put_target },
};


static bool
put_relations(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    return elo_maker_array_ok(m, f->name, v, RELATIONS_MAX)
           && (v == NULL
               || put_objects(m, f, v, relation_fields,
                              ELO_COUNT(relation_fields)));
}


/* ---- the server's members ---- */

static bool
put_random_id(elo_maker_t *m, const elo_field_t *f)
{
    uint8_t bytes[ID_RANDOM_BYTES];
    char text[ELO_BASE32_LEN(ID_RANDOM_BYTES) + 1];

    m->env->random(m->env->random_ctx, bytes, sizeof(bytes));
    elo_base32_encode(bytes, sizeof(bytes), text);
    elo_json_put_cstr(&m->w, f->name, text);
    return true;
}


static bool
put_id(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    elo_slice_t s = m->env->id;

    if (v != NULL && !elo_json_string(v, &s)) {
        return elo_maker_bad_kind(m, f->name, "a string", v);
    }
    if (v != NULL && m->env->id.len != 0 && !elo_slice_eq(s, m->env->id)) {
        return elo_maker_bad(m, f->name, "is not the id in the path");
    }
    if (v == NULL && s.len == 0) {
        return put_random_id(m, f);
    }
    if (!elo_content_id_ok(s)) {
        return elo_maker_bad(
            m, f->name,
            "must have 1 to %d characters of A-Z a-z 0-9 . _ ~ : -, "
            "start with a letter or digit, and not be a blob's address",
            ELO_CONTENT_ID_MAX);
    }
    elo_json_put_string(&m->w, f->name, s);
    return true;
}


static bool
put_version(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    (void) v;
    elo_json_put_u64(&m->w, f->name, m->env->version);
    return true;
}


static void
put_time(elo_maker_t *m, const char *name, int64_t t)
{
    char text[ELO_TIME_TEXT_LEN + 1];

    elo_time_text(t, text);
    elo_json_put_cstr(&m->w, name, text);
}


static bool
put_created_at(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    (void) v;
    put_time(m, f->name, m->env->created_at);
    return true;
}


static bool
put_updated_at(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    (void) v;
    put_time(m, f->name, m->env->updated_at);
    return true;
}


static bool
put_refreshed_at(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
{
    (void) v;
    if (m->env->fresh_at != 0 && m->env->fresh_at != m->env->updated_at) {
        put_time(m, f->name, m->env->fresh_at);
    }
    return true;
}


static bool
put_hold(elo_maker_t *m, const elo_field_t *f, const elo_json_t *v)
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


static const elo_field_t node_fields[] = {
    { .name = "id", .put = put_id },
    { .name = "version", .put = put_version },
    { .name = "title", .put = elo_put_title, .min = 1, .max = TITLE_MAX },
    { .name = "description", .put = elo_put_lines, .max = DESCRIPTION_MAX },
    { .name = "contentFormat",
      .put = elo_put_format,
      .words = elo_content_formats },
    { .name = "embedStrategy",
      .put = elo_put_embed,
      .words = elo_content_embeds },
    { .name = "reach", .put = elo_put_reach },
    { .name = "owner", .put = elo_put_text, .min = 1, .max = AGENT_MAX },
    { .name = "invited", .put = elo_put_invited, .min = 1, .max = AGENT_MAX },
    { .name = "lifecycle",
      .put = elo_put_lifecycle,
      .words = elo_content_lifecycles },
    { .name = "refreshInterval",
      .put = elo_put_shaped,
      .shape = elo_shape_duration,
      .hint = "an ISO 8601 duration such as P6M",
      .pattern = ELO_PATTERN_DURATION },
    { .name = "durationSeconds", .put = elo_put_number, .max = SECONDS_MAX },
    { .name = "blobs", .put = put_blobs },
    { .name = "body", .put = elo_put_body },
    { .name = "tags", .put = elo_put_tags, .min = 1, .max = TAG_MAX },
    { .name = "relations", .put = put_relations },
    { .name = "metadata", .put = elo_put_object },
    { .name = "createdAt", .put = put_created_at },
    { .name = "updatedAt", .put = put_updated_at },
    { .name = "refreshedAt", .put = put_refreshed_at },
    { .name = "hold", .put = put_hold },
};


/* ---- the same, told to others ---- */

/* What each function asks for beside what is in its row. */
static const struct {
    elo_put_fn put;
    elo_rule_kind_t kind;
    bool is_required;
    size_t n_max;
} kinds[] = {
    { elo_put_title, ELO_RULE_TEXT, true, 0 },
    { put_relation_type, ELO_RULE_TEXT, true, 0 },
    { elo_put_text, ELO_RULE_TEXT, false, 0 },
    { elo_put_lines, ELO_RULE_LINES, false, 0 },
    { elo_put_shaped, ELO_RULE_SHAPED, false, 0 },
    { elo_put_embed, ELO_RULE_WORD, false, 0 },
    { elo_put_role, ELO_RULE_WORD, false, 0 },
    { elo_put_lifecycle, ELO_RULE_WORD, false, 0 },
    { elo_put_format, ELO_RULE_WORD, false, 0 },
    { elo_put_reach, ELO_RULE_REACH, false, 0 },
    { elo_put_integer, ELO_RULE_INTEGER, false, 0 },
    { elo_put_number, ELO_RULE_NUMBER, false, 0 },
    { elo_put_object, ELO_RULE_OBJECT, false, 0 },
    { elo_put_body, ELO_RULE_BODY, false, 0 },
    { elo_put_tags, ELO_RULE_TEXTS, false, ELO_CONTENT_TAGS_MAX },
    { elo_put_invited, ELO_RULE_TEXTS, false, ELO_CONTENT_INVITED_MAX },
    { elo_put_urls, ELO_RULE_URLS, false, ELO_CONTENT_URLS_MAX },
    { elo_put_durations, ELO_RULE_DURATIONS, false, ELO_CONTENT_DURATIONS_MAX },
    { put_hash, ELO_RULE_HASH, true, 0 },
    { put_id, ELO_RULE_ID, false, 0 },
    { put_target, ELO_RULE_ID, true, 0 },
    { put_blobs, ELO_RULE_BLOBS, false, ELO_CONTENT_BLOBS_MAX },
    { put_relations, ELO_RULE_RELATIONS, false, RELATIONS_MAX },
};

static const struct {
    const elo_field_t *fields;
    size_t n;
} tables[] = {
    [ELO_RULES_NODE] = { node_fields, ELO_COUNT(node_fields) },
    [ELO_RULES_BLOB] = { blob_fields, ELO_COUNT(blob_fields) },
    [ELO_RULES_RELATION] = { relation_fields, ELO_COUNT(relation_fields) },
};


bool
elo_content_rule(elo_rules_t of, size_t i, elo_content_rule_t *out)
{
    const elo_field_t *f;

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
make(elo_maker_t *m, elo_buf_t *json)
{
    size_t start = json->len;

    if (elo_json_kind(m->top) != ELO_JSON_OBJECT) {
        elo_ignore(
            !elo_maker_bad_kind(m, "", "an object", m->top)); /* it says why */
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
        elo_ignore(!elo_maker_bad(m, "", "is too large")); /* it says why */
        return ELO_ETOOBIG;
    }
    return elo_buf_err(json);
}


elo_err_t
elo_content_make(elo_slice_t text, const elo_content_env_t *env,
                 elo_buf_t *json, elo_content_fault_t *fault)
{
    elo_maker_t m = { .env = env, .fault = fault };
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
