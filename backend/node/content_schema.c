/* SPDX-License-Identifier: BSD-2-Clause */
/* content_schema: see the header. */
#include "backend/node/content_schema.h"

#include <stdio.h>

#include "backend/json/json_write.h"
#include "backend/node/content_fields.h"
#include "common/auth/reach.h"
#include "common/base/limits.h"

/* A line of text, and lines: no control characters (shape.h). */
#define PLAIN "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
#define LINES                                                                  \
    "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]*$"
#define HASH                                                                   \
    "^((sha256-)?[0-9A-Fa-f]{64}|bafkrei[a-z2-7]{52}|BAFKREI[A-Z2-7]{52}|"     \
    "zb2rh[1-9A-HJ-NP-Za-km-z]{44})$"
#define URL                                                                    \
    "^(?=.{1,2048}$)[Hh][Tt][Tt][Pp][Ss]?://(?!:)(?=[^/?#@]+([/?#]|$))"        \
    "[!#-;=?-\\[\\]_a-z~]+$"
#define AGENT_NOTE "an agent's Ed25519 key, in any of its text forms"

typedef elo_json_writer_t w_t;


static void
put_type(w_t *w, const char *type, bool may_be_null)
{
    if (!may_be_null) {
        elo_json_put_cstr(w, "type", type);
        return;
    }
    elo_json_put_array(w, "type");
    elo_json_put_cstr(w, NULL, type);
    elo_json_put_cstr(w, NULL, "null");
    elo_json_end_array(w);
}


static void
put_string(w_t *w, const char *pattern, bool may_be_null)
{
    put_type(w, "string", may_be_null);
    elo_json_put_cstr(w, "pattern", pattern);
}


static void
put_text(w_t *w, const elo_content_rule_t *r, const char *pattern,
         bool may_be_null)
{
    put_string(w, pattern, may_be_null);
    elo_json_put_u64(w, "minLength", (uint64_t) r->min);
    elo_json_put_u64(w, "maxLength", (uint64_t) r->max);
}


static void
put_words(w_t *w, const char *const *words, bool may_be_null)
{
    elo_json_put_array(w, "enum");
    for (; *words != NULL; words++) {
        elo_json_put_cstr(w, NULL, *words);
    }
    if (may_be_null) {
        elo_json_put_null(w, NULL);
    }
    elo_json_end_array(w);
}


static void
put_reaches(w_t *w, bool may_be_null)
{
    const char *words[ELO_REACH_COUNT + 1] = { NULL };

    for (int i = 0; i < ELO_REACH_COUNT; i++) {
        words[i] = elo_reach_name((elo_reach_t) i);
    }
    put_words(w, words, may_be_null);
}


static void
put_id(w_t *w, bool may_be_null)
{
    char pattern[64];

    snprintf(pattern, sizeof(pattern), "^[A-Za-z0-9][A-Za-z0-9._~:-]{0,%d}$",
             ELO_CONTENT_ID_MAX - 1);
    put_string(w, pattern, may_be_null);
}


static void
put_range(w_t *w, const elo_content_rule_t *r, const char *type)
{
    put_type(w, type, true);
    elo_json_put_number(w, "minimum", r->min);
    elo_json_put_number(w, "maximum", r->max);
}


static void
put_durations(w_t *w, const elo_content_rule_t *r)
{
    put_type(w, "object", true);
    elo_json_put_u64(w, "maxProperties", r->n_max);
    elo_json_put_object(w, "propertyNames");
    elo_json_put_u64(w, "maxLength", ELO_CONTENT_DURATION_KEY);
    elo_json_put_cstr(w, "pattern", PLAIN);
    elo_json_end_object(w);
    elo_json_put_object(w, "additionalProperties");
    elo_json_put_cstr(w, "type", "number");
    elo_json_put_number(w, "minimum", 0);
    elo_json_put_number(w, "maximum", ELO_CONTENT_SECONDS_MAX);
    elo_json_end_object(w);
}


/* An array, up to its items, which the caller puts, and ends. */
static void
begin_list(w_t *w, size_t n_max)
{
    put_type(w, "array", true);
    elo_json_put_u64(w, "maxItems", n_max);
    elo_json_put_object(w, "items");
}


static void put_object(w_t *w, elo_rules_t of);


static void
put_list(w_t *w, const elo_content_rule_t *r)
{
    begin_list(w, r->n_max);
    switch (r->kind) {
    case ELO_RULE_TEXTS:
        put_text(w, r, PLAIN, false);
        break;
    case ELO_RULE_URLS:
        put_string(w, URL, false);
        break;
    case ELO_RULE_BLOBS:
        put_object(w, ELO_RULES_BLOB);
        break;
    default:
        put_object(w, ELO_RULES_RELATION);
    }
    elo_json_end_object(w);
}


static void
put_member(w_t *w, const elo_content_rule_t *r)
{
    bool may_be_null = !r->is_required;

    elo_json_put_object(w, r->name);
    if (r->hint != NULL) {
        elo_json_put_cstr(w, "description", r->hint);
    }
    switch (r->kind) {
    case ELO_RULE_SERVER:
        elo_json_put_bool(w, "readOnly", true);
        break;
    case ELO_RULE_TEXT:
        put_text(w, r, PLAIN, may_be_null);
        break;
    case ELO_RULE_LINES:
        put_text(w, r, LINES, may_be_null);
        break;
    case ELO_RULE_SHAPED:
        put_string(w, r->pattern, may_be_null);
        break;
    case ELO_RULE_WORD:
        put_words(w, r->words, may_be_null);
        break;
    case ELO_RULE_REACH:
        put_reaches(w, may_be_null);
        break;
    case ELO_RULE_INTEGER:
        put_range(w, r, "integer");
        break;
    case ELO_RULE_NUMBER:
        put_range(w, r, "number");
        break;
    case ELO_RULE_OBJECT:
        put_type(w, "object", may_be_null);
        break;
    case ELO_RULE_BODY:
        elo_json_put_raw(w, "type",
                         ELO_SLICE("[\"object\",\"string\",\"null\"]"));
        break;
    case ELO_RULE_DURATIONS:
        put_durations(w, r);
        break;
    case ELO_RULE_HASH:
        put_string(w, HASH, may_be_null);
        break;
    case ELO_RULE_ID:
        put_id(w, may_be_null);
        break;
    case ELO_RULE_TEXTS:
    case ELO_RULE_URLS:
    case ELO_RULE_BLOBS:
    case ELO_RULE_RELATIONS:
        put_list(w, r);
        break;
    }
    elo_json_end_object(w);
}


/* The members of an object's schema. */
static void
put_object(w_t *w, elo_rules_t of)
{
    elo_content_rule_t r;

    elo_json_put_cstr(w, "type", "object");
    elo_json_put_object(w, "properties");
    for (size_t i = 0; elo_content_rule(of, i, &r); i++) {
        put_member(w, &r);
    }
    elo_json_end_object(w);
    elo_json_put_array(w, "required");
    for (size_t i = 0; elo_content_rule(of, i, &r); i++) {
        if (r.is_required) {
            elo_json_put_cstr(w, NULL, r.name);
        }
    }
    elo_json_end_array(w);
    elo_json_put_bool(w, "additionalProperties", false);
}


/* ---- the bodies of changes (backend/api/content_life.c) ---- */

static void
put_changes(w_t *w)
{
    static const char *const lists[] = { "agents", "remove" };

    elo_json_put_object(w, "lifecycle");
    elo_json_put_cstr(w, "type", "object");
    elo_json_put_object(w, "properties");
    elo_json_put_object(w, "state");
    put_words(w, elo_content_lifecycles, false);
    elo_json_end_object(w);
    elo_json_put_raw(w, "hold", ELO_SLICE("{\"type\":\"boolean\"}"));
    elo_json_put_object(w, "reason");
    put_string(w, PLAIN, false);
    elo_json_put_u64(w, "minLength", 1);
    elo_json_put_u64(w, "maxLength", ELO_CONTENT_REASON_MAX);
    elo_json_end_object(w);
    elo_json_end_object(w);
    elo_json_put_raw(w, "oneOf",
                     ELO_SLICE("[{\"required\":[\"state\"]},"
                               "{\"required\":[\"hold\"]}]"));
    elo_json_put_bool(w, "additionalProperties", false);
    elo_json_end_object(w);

    elo_json_put_object(w, "reach");
    elo_json_put_cstr(w, "type", "object");
    elo_json_put_object(w, "properties");
    elo_json_put_object(w, "reach");
    put_reaches(w, false);
    elo_json_end_object(w);
    elo_json_end_object(w);
    elo_json_put_raw(w, "required", ELO_SLICE("[\"reach\"]"));
    elo_json_put_bool(w, "additionalProperties", false);
    elo_json_end_object(w);

    elo_json_put_object(w, "invite");
    elo_json_put_cstr(w, "type", "object");
    elo_json_put_object(w, "properties");
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        elo_json_put_object(w, lists[i]);
        elo_json_put_cstr(w, "type", "array");
        elo_json_put_u64(w, "maxItems", ELO_CONTENT_INVITED_MAX);
        elo_json_put_object(w, "items");
        elo_json_put_cstr(w, "type", "string");
        elo_json_put_cstr(w, "description", AGENT_NOTE);
        elo_json_end_object(w);
        elo_json_end_object(w);
    }
    elo_json_end_object(w);
    elo_json_put_bool(w, "additionalProperties", false);
    elo_json_end_object(w);
}


void
elo_content_schema_put(elo_buf_t *b)
{
    w_t w;

    elo_json_writer_init(&w, b);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "$schema",
                      "https://json-schema.org/draft/2020-12/schema");
    elo_json_put_cstr(&w, "$id", "/api/schema");
    elo_json_put_cstr(&w, "title", "content node");
    put_object(&w, ELO_RULES_NODE);
    elo_json_put_object(&w, "$defs");
    put_changes(&w);
    elo_json_end_object(&w);
    elo_json_end_object(&w);
}
