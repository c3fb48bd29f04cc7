/* SPDX-License-Identifier: BSD-2-Clause */
/* record_body: what stands in a record, by its kind; docs/formats/record.md. One
   table says it, for reading and for writing. */
#include "backend/ctl/record_internal.h"

#include "common/base/num.h"
#include "common/base/utf8.h"

typedef enum {
    T_AGENT,
    T_DIGEST,
    T_CONTENT, /* content id */
    T_TEXT,
    T_BYTES,  /* min to max of them */
    T_UINT32, /* min to max */
    T_UINT64,
    T_REACHES,
    T_TEXTS
} type_t;

typedef struct {
    uint8_t key; /* 0: no more fields */
    uint8_t type;
    uint16_t off; /* in elo_rec_body_t */
    uint64_t min, max;
} field_t;

/* Keys that must and that may be there. */
typedef struct {
    uint16_t must, may;
} form_t;

#define FIELDS_MAX 7

/* A kind with two forms is of the first one when it has a content id. */
typedef struct {
    const char *name;
    field_t fields[FIELDS_MAX]; /* by key */
    form_t forms[2];
    uint8_t n_forms;
    uint8_t is_opaque; /* any map; fields are none */
} kind_t;

_Static_assert(sizeof(elo_reach_t) == sizeof(uint32_t), "enum as uint32");

#define AT(member) offsetof(elo_rec_body_t, member)
#define K(key)     (1u << (key))
#define AGENT(k)                                                               \
    {                                                                          \
        k, T_AGENT, AT(agent), 0, 0                                            \
    }
#define DIGEST(k)                                                              \
    {                                                                          \
        k, T_DIGEST, AT(ref), 0, 0                                             \
    }
#define CONTENT(k)                                                             \
    {                                                                          \
        k, T_CONTENT, AT(content), 0, 0                                        \
    }
#define TEXT(k)                                                                \
    {                                                                          \
        k, T_TEXT, AT(text), 1, ELO_RECORD_TEXT_MAX                            \
    }
#define SORT(k, a, b)                                                          \
    {                                                                          \
        k, T_UINT32, AT(sort), a, b                                            \
    }
#define REACH(k, m)                                                            \
    {                                                                          \
        k, T_UINT32, AT(m), 0, ELO_REACH_COUNT - 1                             \
    }
#define TIME(k, m)                                                             \
    {                                                                          \
        k, T_UINT64, AT(m), 1, ELO_RECORD_UNTIL_MAX                            \
    }

/* clang-format off */
static const kind_t kinds[ELO_REC_KINDS + 1] = {
    [ELO_REC_REGISTRATION] = { "registration",
        { { 1, T_BYTES, AT(peer), 1, ELO_RECORD_PEER_MAX },
          { 2, T_TEXTS, AT(capabilities), 0, 0 },
          TIME(3, announced) },
        { { K(1) | K(3), K(2) } }, 1, false },
    [ELO_REC_ADMISSION] = { "admission",
        { AGENT(1), SORT(2, ELO_LEVEL_AUTHENTICATED, ELO_LEVEL_ADMIN), TIME(3, until), TEXT(4) },
        { { K(1) | K(2), K(3) | K(4) } }, 1, false },
    [ELO_REC_RELATIONSHIP] = { "relationship",
        { AGENT(1), SORT(2, ELO_REL_HOUSEHOLD, ELO_REL_COMMUNITY),
          TIME(3, until) },
        { { K(1) | K(2), K(3) } }, 1, false },
    [ELO_REC_INVITATION] = { "invitation",
        { DIGEST(1), { 2, T_UINT64, AT(uses), 1, UINT32_MAX }, TIME(3, until),
          TEXT(4), CONTENT(5), AGENT(6) },
        { { K(5) | K(6), K(3) | K(4) }, { K(1) | K(2), K(3) | K(4) } },
        2, false },
    [ELO_REC_ACCEPTANCE] = { "acceptance",
        { DIGEST(1), { 2, T_BYTES, AT(proof), ELO_SIG_LEN, ELO_SIG_LEN } },
        { { K(1) | K(2), 0 } }, 1, false },
    [ELO_REC_GRANT] = { "grant",
        { AGENT(1), SORT(2, ELO_GRANT_READ, ELO_GRANT_EMERGENCY),
          { 3, T_REACHES, AT(reaches), 0, 0 }, CONTENT(4), TIME(5, until) },
        { { K(1) | K(2) | K(3), K(4) | K(5) } }, 1, false },
    [ELO_REC_ESCALATION] = { "escalation",
        { AGENT(1), DIGEST(2), TEXT(3), TIME(4, until) },
        { { K(1) | K(2) | K(3) | K(4), 0 } }, 1, false },
    [ELO_REC_PROMOTION] = { "promotion",
        { CONTENT(1), REACH(2, from), REACH(3, to), DIGEST(4), AGENT(5) },
        { { K(1) | K(2) | K(3), 0 }, { K(4) | K(5), 0 } }, 2, false },
    [ELO_REC_LIFECYCLE] = { "lifecycle",
        { CONTENT(1), { 2, T_UINT64, AT(version), 1, INT64_MAX },
          SORT(3, 0, 5), TEXT(4) },
        { { K(1) | K(2) | K(3), K(4) } }, 1, false },
    [ELO_REC_REVOCATION] = { "revocation",
        { DIGEST(1), TEXT(2) },
        { { K(1), K(2) } }, 1, false },
    [ELO_REC_MANIFEST] = { .name = "manifest", .is_opaque = true },
    [ELO_REC_LOCATION] = { .name = "location", .is_opaque = true },
    [ELO_REC_COMMITMENT] = { .name = "commitment", .is_opaque = true },
    [ELO_REC_ATTESTATION] = { .name = "attestation", .is_opaque = true },
    [ELO_REC_TOKEN_REVOCATION] = { "token-revocation",
        { AGENT(1), { 2, T_TEXT, AT(jti), 1, ELO_RECORD_TOKEN_MAX },
          { 3, T_TEXT, AT(kid), 1, ELO_RECORD_TOKEN_MAX },
          { 4, T_UINT64, AT(version), 2, ELO_RECORD_VERSION_MAX } },
        { { 0, K(1) | K(2) | K(3) | K(4) } }, 1, false },
};
/* clang-format on */


static const kind_t *
kind_of(elo_rec_kind_t kind)
{
    return (unsigned) kind >= ELO_REC_REGISTRATION
                   && (unsigned) kind <= ELO_REC_KINDS
               ? &kinds[kind]
               : NULL;
}


const char *
elo_rec_kind_name(elo_rec_kind_t kind)
{
    const kind_t *k = kind_of(kind);

    return k == NULL ? NULL : k->name;
}


static bool
fault(elo_cbor_t *c, const char *why)
{
    if (c->why == NULL) {
        c->why = why;
    }
    return false;
}


/* C0, DEL and C1 (R7). */
static bool
is_plain(elo_slice_t s)
{
    uint32_t cp = 0;

    while (s.len > 0) {
        size_t n = elo_utf8_next(s, &cp);

        if (n == 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) {
            return false;
        }
        s = elo_slice(s.p + n, s.len - n);
    }
    return true;
}


/* An agent or a digest: 32 bytes that aren't all zero. */
static bool
read_name(elo_cbor_t *c, uint8_t *to)
{
    elo_slice_t s = { 0 };
    elo_agent_t a;

    if (!elo_cbor_bytes(c, &s)) {
        return false;
    }
    if (s.len != sizeof(a.b)) {
        return fault(c, "body: a key or hash of another length");
    }
    memcpy(a.b, s.p, sizeof(a.b));
    if (elo_agent_is_zero(&a)) {
        return fault(c, "body: a key or hash of zeros");
    }
    memcpy(to, a.b, sizeof(a.b));
    return true;
}


static bool
read_text(elo_cbor_t *c, const field_t *f, elo_slice_t *to)
{
    elo_slice_t s = { 0 };

    if (f->type == T_BYTES ? !elo_cbor_bytes(c, &s) : !elo_cbor_text(c, &s)) {
        return false;
    }
    if (f->type == T_CONTENT) {
        if (!elo_content_id_ok(s)) {
            return fault(c, "body: no content id");
        }
    } else if (s.len < f->min || s.len > f->max) {
        return fault(c, "body: a text too short or too long");
    } else if (f->type == T_TEXT && !is_plain(s)) {
        return fault(c, "body: a control character");
    }
    *to = s;
    return true;
}


static bool
read_uint(elo_cbor_t *c, const field_t *f, uint64_t *v)
{
    return elo_cbor_uint(c, v)
           && ((*v >= f->min && *v <= f->max)
               || fault(c, "body: a number out of range"));
}


/* Ascending, so that a set has one form (R2). */
static bool
read_reaches(elo_cbor_t *c, uint32_t *to)
{
    uint32_t set = 0;
    uint64_t n, v;

    if (!elo_cbor_array(c, &n)) {
        return false;
    }
    if (n == 0 || n > ELO_REACH_COUNT) {
        return fault(c, "body: no reach, or too many");
    }
    for (; n > 0; n--) {
        if (!elo_cbor_uint(c, &v)) {
            return false;
        }
        if (v >= ELO_REACH_COUNT || set >> v != 0) {
            return fault(c, "body: reaches out of range or order");
        }
        set |= 1u << v;
    }
    *to = set;
    return true;
}


static bool
read_texts(elo_cbor_t *c, elo_slice_t *to)
{
    const field_t f = TEXT(0);
    const uint8_t *from = c->p;
    elo_slice_t unused;
    uint64_t n;

    if (!elo_cbor_array(c, &n)) {
        return false;
    }
    if (n == 0) {
        return fault(c, "body: empty instead of left out");
    }
    while (n > 0 && read_text(c, &f, &unused)) {
        n--;
    }
    *to = elo_slice(from, (size_t) (c->p - from));
    return c->why == NULL;
}


static bool
read_field(elo_cbor_t *c, const field_t *f, elo_rec_body_t *b)
{
    void *to = (uint8_t *) b + f->off;
    uint64_t v = 0;

    switch ((type_t) f->type) {
    case T_AGENT:
    case T_DIGEST:
        return read_name(c, to);
    case T_CONTENT:
        b->has_content = true;
        return read_text(c, f, to);
    case T_TEXT:
    case T_BYTES:
        return read_text(c, f, to);
    case T_UINT32:
        if (!read_uint(c, f, &v)) {
            return false;
        }
        memcpy(to, &(uint32_t){ (uint32_t) v }, sizeof(uint32_t));
        return true;
    case T_UINT64:
        if (!read_uint(c, f, &v)) {
            return false;
        }
        memcpy(to, &v, sizeof(v));
        return true;
    case T_REACHES:
        return read_reaches(c, to);
    case T_TEXTS:
        return read_texts(c, to);
    }
    return false;
}


static bool
read_fields(elo_cbor_t *c, const kind_t *k, elo_rec_body_t *b)
{
    const form_t *form;
    uint32_t seen = 0;
    elo_cbor_map_t m;
    uint64_t key;
    size_t i;

    if (!elo_cbor_map(c, &m)) {
        return false;
    }
    while (elo_cbor_key(c, &m, &key)) {
        for (i = 0; i < FIELDS_MAX && k->fields[i].key != key; i++) {
        }
        if (i == FIELDS_MAX || key == 0) { /* (R5) */
            return fault(c, "body: a key that the kind hasn't got");
        }
        if (!read_field(c, &k->fields[i], b)) {
            return false;
        }
        seen |= K(key);
    }
    form = &k->forms[k->n_forms == 2 && !b->has_content ? 1 : 0];
    if (c->why == NULL && (form->must & ~seen) != 0) {
        return fault(c, "body: a key is missing");
    }
    if (c->why == NULL && (seen & ~(uint32_t) (form->must | form->may)) != 0) {
        return fault(c, "body: keys of two forms");
    }
    return c->why == NULL;
}


/* A token revocation names exactly one thing, and a version is somebody's. */
static bool
is_of_one_thing(const elo_rec_body_t *b)
{
    return (b->jti.len > 0) + (b->kid.len > 0) + (b->version > 0) == 1
           && (b->version == 0 || !elo_agent_is_zero(&b->agent));
}


bool
elo_rec_body_read(elo_cbor_t *c, elo_rec_t *r)
{
    const kind_t *k = kind_of(r->kind);
    const uint8_t *from = c->p;
    elo_rec_body_t b = { 0 };

    if (k == NULL) {
        return fault(c, "record: unknown kind");
    }
    if (k->is_opaque) { /* (R6) */
        if (from < c->end && *from >> 5 != ELO_CBOR_MAP) {
            return fault(c, "body: no map");
        }
        if (!elo_cbor_item(c, NULL)) {
            return false;
        }
    } else if (!read_fields(c, k, &b)) {
        return false;
    }
    if (r->kind == ELO_REC_ESCALATION
        && b.until - r->time_ms / 1000 > ELO_RECORD_ESCALATION_S)
    {
        return fault(c, "body: an escalation of more than 30 days");
    }
    if (r->kind == ELO_REC_TOKEN_REVOCATION && !is_of_one_thing(&b)) {
        return fault(c, "body: not one thing that is ended");
    }
    b.raw = elo_slice(from, (size_t) (c->p - from));
    r->body = b;
    return true;
}


/* Of a number that is a field: 4 or 8 bytes. */
static uint64_t
number_of(const field_t *f, const uint8_t *from)
{
    uint64_t v = 0;
    uint32_t v32;

    if (f->type == T_UINT64) {
        memcpy(&v, from, sizeof(v));
        return v;
    }
    memcpy(&v32, from, sizeof(v32));
    return v32;
}


/* Has the field's member anything in it? */
static bool
is_set(const field_t *f, const elo_rec_body_t *b)
{
    const uint8_t *from = (const uint8_t *) b + f->off;
    elo_agent_t a;
    elo_slice_t s;

    switch ((type_t) f->type) {
    case T_AGENT:
    case T_DIGEST:
        memcpy(a.b, from, sizeof(a.b));
        return !elo_agent_is_zero(&a);
    case T_CONTENT:
        return b->has_content;
    case T_TEXT:
    case T_BYTES:
    case T_TEXTS:
        memcpy(&s, from, sizeof(s));
        return s.len > 0;
    case T_UINT32:
    case T_UINT64:
    case T_REACHES:
        break;
    }
    return number_of(f, from) != 0;
}


static void
write_reaches(elo_buf_t *out, uint32_t set)
{
    elo_cbor_put_head(out, ELO_CBOR_ARRAY, (unsigned) __builtin_popcount(set));
    for (uint32_t v = 0; v < 32; v++) {
        if ((set >> v & 1) != 0) {
            elo_cbor_put_uint(out, v);
        }
    }
}


static void
write_field(const field_t *f, const elo_rec_body_t *b, elo_buf_t *out)
{
    const uint8_t *from = (const uint8_t *) b + f->off;
    elo_slice_t s = { 0 };

    elo_cbor_put_uint(out, f->key);
    if (f->type == T_CONTENT || f->type == T_TEXT || f->type == T_BYTES
        || f->type == T_TEXTS)
    {
        memcpy(&s, from, sizeof(s));
    }
    switch ((type_t) f->type) {
    case T_AGENT:
    case T_DIGEST:
        elo_cbor_put_bytes(out, elo_slice(from, sizeof(elo_agent_t)));
        break;
    case T_CONTENT:
    case T_TEXT:
        elo_cbor_put_text(out, s);
        break;
    case T_BYTES:
        elo_cbor_put_bytes(out, s);
        break;
    case T_UINT32:
    case T_UINT64:
        elo_cbor_put_uint(out, number_of(f, from));
        break;
    case T_REACHES:
        write_reaches(out, b->reaches);
        break;
    case T_TEXTS:
        elo_buf_put_slice(out, s);
        break;
    }
}


elo_err_t
elo_rec_body_write(const elo_rec_t *r, elo_buf_t *out, const char **why)
{
    const kind_t *k = kind_of(r->kind);
    const elo_rec_body_t *b = &r->body;
    const form_t *form;
    uint32_t put = 0;
    size_t i;

    if (k == NULL || k->is_opaque) {
        elo_buf_put_slice(out, b->raw);
        return ELO_OK;
    }
    form = &k->forms[k->n_forms == 2 && !b->has_content ? 1 : 0];
    for (i = 0; i < FIELDS_MAX && k->fields[i].key != 0; i++) {
        const field_t *f = &k->fields[i];

        if ((form->must & K(f->key)) != 0) {
            put |= K(f->key);
        } else if (is_set(f, b)) {
            if ((form->may & K(f->key)) == 0) {
                *why = "body: keys of two forms";
                return ELO_EINVAL;
            }
            put |= K(f->key);
        }
    }
    elo_cbor_put_head(out, ELO_CBOR_MAP, (unsigned) __builtin_popcount(put));
    for (i = 0; i < FIELDS_MAX && k->fields[i].key != 0; i++) {
        if ((put & K(k->fields[i].key)) != 0) {
            write_field(&k->fields[i], b, out);
        }
    }
    return ELO_OK;
}
