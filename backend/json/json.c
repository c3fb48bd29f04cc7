/* SPDX-License-Identifier: BSD-2-Clause */
/* json: a bounded way into jansson. */
#include "backend/json/json.h"

#include <jansson.h>
#include <stdio.h>


static void
set_fault(elo_json_fault_t *fault, int line, int column, const char *what)
{
    if (fault == NULL) {
        return;
    }
    fault->line = line > 0 ? (uint32_t) line : 0;
    fault->column = column > 0 ? (uint32_t) column : 0;
    snprintf(fault->what, sizeof(fault->what), "%s", what);
}


/* jansson recurses once a level, so depth is limited before it sees the text.
   Brackets within strings don't count; a text that is no JSON may be judged
   wrongly, but is refused either way. */
static bool
depth_ok(elo_slice_t text)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.p[i];

        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > ELO_JSON_DEPTH_MAX) {
                return false;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}


elo_err_t
elo_json_parse(elo_slice_t text, size_t max, elo_json_t **out,
               elo_json_fault_t *fault)
{
    json_error_t error;
    json_t *j;

    if (text.len > max) {
        set_fault(fault, 0, 0, "the text is too long");
        return ELO_ETOOBIG;
    }
    if (!depth_ok(text)) {
        set_fault(fault, 0, 0, "the text is nested too deeply");
        return ELO_EINVAL;
    }
    j = json_loadb(text.len == 0 ? "" : (const char *) text.p, text.len,
                   JSON_REJECT_DUPLICATES, &error);
    if (j == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory) {
            set_fault(fault, 0, 0, "out of memory");
            return ELO_ENOMEM;
        }
        set_fault(fault, error.line, error.column, error.text);
        return ELO_EINVAL;
    }
    *out = (elo_json_t *) j;
    return ELO_OK;
}


void
elo_json_free(elo_json_t **j)
{
    json_decref((json_t *) *j);
    *j = NULL;
}


/* jansson's readers take what they only read as non-const in places. */
static json_t *
of(const elo_json_t *j)
{
    return (json_t *) (uintptr_t) j;
}


elo_json_kind_t
elo_json_kind(const elo_json_t *j)
{
    if (j == NULL) {
        return ELO_JSON_NULL;
    }
    switch (json_typeof(of(j))) {
    case JSON_OBJECT:
        return ELO_JSON_OBJECT;
    case JSON_ARRAY:
        return ELO_JSON_ARRAY;
    case JSON_STRING:
        return ELO_JSON_STRING;
    case JSON_INTEGER:
        return ELO_JSON_INTEGER;
    case JSON_REAL:
        return ELO_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return ELO_JSON_BOOL;
    case JSON_NULL:
        break;
    }
    return ELO_JSON_NULL;
}


const char *
elo_json_kind_name(elo_json_kind_t kind)
{
    static const char *const names[] = {
        [ELO_JSON_NULL] = "null",        [ELO_JSON_BOOL] = "a boolean",
        [ELO_JSON_INTEGER] = "a number", [ELO_JSON_REAL] = "a number",
        [ELO_JSON_STRING] = "a string",  [ELO_JSON_ARRAY] = "an array",
        [ELO_JSON_OBJECT] = "an object",
    };

    return names[kind];
}


const elo_json_t *
elo_json_get(const elo_json_t *j, const char *name)
{
    return (const elo_json_t *) json_object_get(of(j), name);
}


size_t
elo_json_len(const elo_json_t *j)
{
    switch (elo_json_kind(j)) {
    case ELO_JSON_OBJECT:
        return json_object_size(of(j));
    case ELO_JSON_ARRAY:
        return json_array_size(of(j));
    default:
        return 0;
    }
}


const elo_json_t *
elo_json_at(const elo_json_t *j, size_t i)
{
    return (const elo_json_t *) json_array_get(of(j), i);
}


void
elo_json_each(const elo_json_t *j, elo_json_member_fn fn, void *ctx)
{
    json_t *o = of(j);
    void *it;

    for (it = json_object_iter(o); it != NULL;
         it = json_object_iter_next(o, it)) {
        const char *name = json_object_iter_key(it);

        if (!fn(ctx, elo_slice_str(name),
                (const elo_json_t *) json_object_iter_value(it)))
        {
            return;
        }
    }
}


bool
elo_json_string(const elo_json_t *j, elo_slice_t *out)
{
    if (!json_is_string(of(j))) {
        return false;
    }
    *out = elo_slice(json_string_value(of(j)), json_string_length(of(j)));
    return true;
}


bool
elo_json_integer(const elo_json_t *j, int64_t *out)
{
    if (!json_is_integer(of(j))) {
        return false;
    }
    *out = json_integer_value(of(j));
    return true;
}


bool
elo_json_number(const elo_json_t *j, double *out)
{
    if (!json_is_number(of(j))) {
        return false;
    }
    *out = json_number_value(of(j));
    return true;
}


bool
elo_json_bool(const elo_json_t *j, bool *out)
{
    if (!json_is_boolean(of(j))) {
        return false;
    }
    *out = json_is_true(of(j));
    return true;
}
