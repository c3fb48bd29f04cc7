/* SPDX-License-Identifier: BSD-2-Clause */
/* json: reading of JSON texts, and the one door to jansson. Values are opaque and
   read-only; a tree belongs to whoever parsed it, everything else borrows from
   it. Writing: json_write.h. Spec: RFC 8259, with the restrictions of RFC 7493
   (I-JSON) that matter for safety: UTF-8, no duplicate names, no NUL in text,
   numbers that fit their type. */
#ifndef ELO_JSON_JSON_H
#define ELO_JSON_JSON_H

#include "common/base/err.h"
#include "common/base/slice.h"

/* Objects and arrays within each other; deeper texts are refused. */
#define ELO_JSON_DEPTH_MAX 32

typedef struct elo_json_s elo_json_t;

typedef enum {
    ELO_JSON_NULL,
    ELO_JSON_BOOL,
    ELO_JSON_INTEGER,
    ELO_JSON_REAL,
    ELO_JSON_STRING,
    ELO_JSON_ARRAY,
    ELO_JSON_OBJECT
} elo_json_kind_t;

/* Where and why a text is refused. */
typedef struct {
    uint32_t line; /* from 1; 0 when no place is to blame */
    uint32_t column;
    char what[160]; /* for a person, without a full stop */
} elo_json_fault_t;

/* Parses a whole text of at most max bytes whose top value is an object or an
   array. ELO_ETOOBIG past max, ELO_EINVAL for what is not JSON (a duplicate
   name, nesting past ELO_JSON_DEPTH_MAX and bytes behind the value included),
   ELO_ENOMEM; *fault is then filled (fault may be NULL). On success *out is the
   caller's; free with elo_json_free. */
elo_err_t elo_json_parse(elo_slice_t text, size_t max, elo_json_t **out,
                         elo_json_fault_t *fault) ELO_MUST_USE;
void elo_json_free(elo_json_t **j);

/* NULL is taken for null. */
elo_json_kind_t elo_json_kind(const elo_json_t *j);

/* "a string", "an object", …: to tell a person what was found. */
const char *elo_json_kind_name(elo_json_kind_t kind);

/* Member of an object; NULL when absent or j is no object. */
const elo_json_t *elo_json_get(const elo_json_t *j, const char *name);

/* Elements of an array or members of an object; 0 for anything else. */
size_t elo_json_len(const elo_json_t *j);

/* Element of an array; NULL outside it. */
const elo_json_t *elo_json_at(const elo_json_t *j, size_t i);

/* Members of an object in the order of the text, until fn returns false. */
typedef bool (*elo_json_member_fn)(void *ctx, elo_slice_t name,
                                   const elo_json_t *value);
void elo_json_each(const elo_json_t *j, elo_json_member_fn fn, void *ctx);

/* False, and *out untouched, when j is of another kind. A string is UTF-8
   without NUL. elo_json_number takes integers and reals. */
bool elo_json_string(const elo_json_t *j, elo_slice_t *out);
bool elo_json_integer(const elo_json_t *j, int64_t *out);
bool elo_json_number(const elo_json_t *j, double *out);
bool elo_json_bool(const elo_json_t *j, bool *out);

#endif
