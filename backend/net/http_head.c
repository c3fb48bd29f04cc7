/* SPDX-License-Identifier: BSD-2-Clause */
/* http_head: see the header. Read by hand in one pass: what a library lets pass
   would have to be looked at again in any case, and small requests are many
   (docs/decisions/0009-request-heads.md). */
#include "backend/net/http_head.h"

#define VERSION_LEN 8 /* "HTTP/1.1" */

enum {
    TOKEN = 1,  /* tchar of RFC 9110, 5.6.2 */
    VALUE = 2,  /* within a field's value (RFC 9110, 5.5) */
    TARGET = 4, /* within a target: visible ASCII, no fragment */
};

/* clang-format off */
static const uint8_t kind_of[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
    ['!'] = TOKEN | VALUE | TARGET,
    ['"'] = VALUE | TARGET,
    ['#'] = TOKEN | VALUE,
    ['$' ... '\''] = TOKEN | VALUE | TARGET,
    ['(' ... ')'] = VALUE | TARGET,
    ['*' ... '+'] = TOKEN | VALUE | TARGET,
    [','] = VALUE | TARGET,
    ['-' ... '.'] = TOKEN | VALUE | TARGET,
    ['/'] = VALUE | TARGET,
    ['0' ... '9'] = TOKEN | VALUE | TARGET,
    [':' ... '@'] = VALUE | TARGET,
    ['A' ... 'Z'] = TOKEN | VALUE | TARGET,
    ['[' ... ']'] = VALUE | TARGET,
    ['^' ... '`'] = TOKEN | VALUE | TARGET,
    ['a' ... 'z'] = TOKEN | VALUE | TARGET,
    ['{'] = VALUE | TARGET,
    ['|'] = TOKEN | VALUE | TARGET,
    ['}'] = VALUE | TARGET,
    ['~'] = TOKEN | VALUE | TARGET,
    [0x80 ... 0xff] = VALUE,
};
/* clang-format on */

static const elo_slice_t methods[] = {
    { (const uint8_t *) "GET", 3 },    { (const uint8_t *) "HEAD", 4 },
    { (const uint8_t *) "PUT", 3 },    { (const uint8_t *) "POST", 4 },
    { (const uint8_t *) "DELETE", 6 }, { (const uint8_t *) "OPTIONS", 7 },
    { (const uint8_t *) "PATCH", 5 },
};


size_t
elo_http_head_len(elo_slice_t bytes, size_t *scanned)
{
    const uint8_t *p = bytes.p + *scanned;
    const uint8_t *end = bytes.p + bytes.len;

    /* An LF without CR ends the search too: such a head is refused when it is
       parsed, and not waited for until the timeout. */
    while (p < end && (p = memchr(p, '\n', (size_t) (end - p))) != NULL) {
        *scanned = (size_t) (p - bytes.p);
        if (end - p >= 2 && p[1] == '\n') {
            return *scanned + 2;
        }
        if (end - p >= 3 && p[1] == '\r' && p[2] == '\n') {
            return *scanned + 3;
        }
        if (end - p <= 2) {
            return 0;
        }
        p++;
    }
    *scanned = bytes.len;
    return 0;
}


static int
refuse(int status, const char **why, const char *text)
{
    *why = text;
    return status;
}


/* What from p on is of that kind. */
static elo_slice_t
run_of(const uint8_t *p, const uint8_t *end, uint8_t kind)
{
    const uint8_t *at = p;

    while (at < end && (kind_of[*at] & kind) != 0) {
        at++;
    }
    return elo_slice(p, (size_t) (at - p));
}


static bool
is_crlf(const uint8_t *p, const uint8_t *end)
{
    return end - p >= 2 && p[0] == '\r' && p[1] == '\n';
}


/* ---- the request line ---- */

static bool
find_method(elo_slice_t name, elo_http_head_t *head)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (elo_slice_eq(name, methods[i])) {
            head->method = methods[i];
            head->is_head = i == 1;
            return true;
        }
    }
    return false;
}


/* Origin-form only (RFC 9112, 3.2.1). */
static bool
split_target(elo_slice_t target, elo_http_head_t *head)
{
    const uint8_t *mark;

    if (target.len == 0 || target.p[0] != '/') {
        return false;
    }
    head->path = target;
    mark = memchr(target.p, '?', target.len);
    if (mark != NULL) {
        head->path.len = (size_t) (mark - target.p);
        head->query = elo_slice(mark + 1, target.len - head->path.len - 1);
    }
    return true;
}


static bool
is_version(const uint8_t *p)
{
    return memcmp(p, "HTTP/", 5) == 0 && p[5] >= '0' && p[5] <= '9'
           && p[6] == '.' && p[7] >= '0' && p[7] <= '9';
}


/* Steps *at over the line. */
static int
read_line(const uint8_t **at, const uint8_t *end, elo_http_head_t *head,
          const char **why)
{
    const uint8_t *p = *at;
    elo_slice_t method = run_of(p, end, TOKEN);
    elo_slice_t target;

    p += method.len;
    if (method.len == 0 || p == end || *p != ' ') {
        return refuse(400, why, "malformed request");
    }
    if (!find_method(method, head)) {
        return refuse(501, why, "method not implemented");
    }
    target = run_of(p + 1, end, TARGET);
    p += 1 + target.len;
    if (is_crlf(p, end)) {
        return refuse(505, why, "only HTTP/1.0 and HTTP/1.1 are spoken");
    }
    if (end - p < 1 + VERSION_LEN || *p != ' ' || !is_version(p + 1)
        || !is_crlf(p + 1 + VERSION_LEN, end))
    {
        return refuse(400, why, "malformed request");
    }
    if (p[6] != '1' || p[8] > '1') {
        return refuse(505, why, "only HTTP/1.0 and HTTP/1.1 are spoken");
    }
    if (!split_target(target, head)) {
        return refuse(400, why, "the target is not a path");
    }
    head->is_http10 = p[8] == '0';
    *at = p + 1 + VERSION_LEN + 2;
    return 0;
}


/* ---- what frames the message ---- */

/* Of the fields that frame the message. */
typedef struct {
    uint32_t n_length;
    uint32_t n_encoding;
    uint32_t n_host;
    elo_slice_t length;
    elo_slice_t encoding;
    elo_slice_t expect;
    bool is_close; /* of Connection */
    bool is_keep_alive;
} framing_t;


/* Connection is a list of options, and may come several times. */
static void
note_connection(elo_slice_t value, framing_t *fr)
{
    size_t start = 0;

    for (size_t i = 0; i <= value.len; i++) {
        elo_slice_t option;

        if (i < value.len && value.p[i] != ',') {
            continue;
        }
        option = elo_slice_trim(elo_slice(value.p + start, i - start));
        start = i + 1;
        fr->is_close |= elo_slice_ieq(option, ELO_SLICE("close"));
        fr->is_keep_alive |= elo_slice_ieq(option, ELO_SLICE("keep-alive"));
    }
}


/* If-Match and its like, and Range (RFC 9110, 13.1 and 14.2). */
static bool
is_condition(elo_slice_t name)
{
    if (name.len < 5 || (name.p[0] | 0x20) == 'x') {
        return false;
    }
    return elo_slice_ieq(elo_slice(name.p, 3), ELO_SLICE("if-"))
           || elo_slice_ieq(name, ELO_SLICE("range"));
}


static void
note_field(const elo_http_field_t *f, framing_t *fr, elo_http_head_t *head)
{
    head->has_conditions |= is_condition(f->name);
    switch (f->name.len) {
    case 4:
        fr->n_host += elo_slice_ieq(f->name, ELO_SLICE("host"));
        break;
    case 6:
        if (elo_slice_ieq(f->name, ELO_SLICE("expect"))) {
            fr->expect = f->value;
        }
        break;
    case 10:
        if (elo_slice_ieq(f->name, ELO_SLICE("connection"))) {
            note_connection(f->value, fr);
        }
        break;
    case 14:
        if (elo_slice_ieq(f->name, ELO_SLICE("content-length"))) {
            fr->n_length++;
            fr->length = f->value;
        }
        break;
    case 17:
        if (elo_slice_ieq(f->name, ELO_SLICE("transfer-encoding"))) {
            fr->n_encoding++;
            fr->encoding = f->value;
        }
        break;
    default:
        break;
    }
}


static int
judge_framing(const framing_t *fr, elo_http_head_t *head, const char **why)
{
    uint64_t len = 0;

    if (fr->n_host > 1 || (fr->n_host == 0 && !head->is_http10)) {
        return refuse(400, why, "a request has exactly one Host");
    }
    if (fr->n_length != 0 && fr->n_encoding != 0) {
        return refuse(400, why, "Content-Length beside Transfer-Encoding");
    }
    if (fr->n_length > 1 || fr->n_encoding > 1) {
        return refuse(400, why, "the length of the body is stated twice");
    }
    if (fr->n_encoding != 0) {
        if (head->is_http10) {
            return refuse(400, why, "Transfer-Encoding in HTTP/1.0");
        }
        if (!elo_slice_ieq(fr->encoding, ELO_SLICE("chunked"))) {
            return refuse(501, why, "only the chunked coding is known");
        }
        head->body_len = -1;
    }
    if (fr->n_length != 0) {
        if (!elo_slice_u64(fr->length, &len) || len > INT64_MAX) {
            return refuse(400, why, "Content-Length is not a number");
        }
        head->body_len = (int64_t) len;
    }
    if (fr->expect.p != NULL && !head->is_http10) {
        if (!elo_slice_ieq(fr->expect, ELO_SLICE("100-continue"))) {
            return refuse(417, why, "only 100-continue can be expected");
        }
        head->expects_continue = head->body_len != 0;
    }
    /* RFC 9112, 9.3 */
    head->keep_alive = !fr->is_close && (!head->is_http10 || fr->is_keep_alive);
    return 0;
}


/* ---- the whole ---- */

/* Reads one field and steps *at over its line. */
static bool
read_field(const uint8_t **at, const uint8_t *end, elo_http_field_t *out)
{
    const uint8_t *p = *at;

    out->name = run_of(p, end, TOKEN);
    p += out->name.len;
    if (out->name.len == 0 || p == end || *p != ':') {
        return false;
    }
    out->value = run_of(p + 1, end, VALUE);
    p += 1 + out->value.len;
    out->value = elo_slice_trim(out->value);
    if (!is_crlf(p, end)) {
        return false;
    }
    *at = p + 2;
    return true;
}


int
elo_http_head_parse(elo_slice_t bytes, elo_http_head_t *out, const char **why)
{
    const uint8_t *p = bytes.p;
    const uint8_t *end = p + bytes.len;
    framing_t fr = { 0 };
    int status;

    out->n_fields = 0;
    out->query = elo_slice(NULL, 0);
    out->body_len = 0;
    out->is_head = false;
    out->expects_continue = out->has_conditions = false;
    if ((status = read_line(&p, end, out, why)) != 0) {
        return status;
    }
    while (!is_crlf(p, end)) {
        elo_http_field_t *f = &out->fields[out->n_fields];

        if (out->n_fields == ELO_HTTP_FIELDS_MAX) {
            return refuse(431, why, "too many header fields");
        }
        /* No blank before the colon, no folded line, no bare CR or LF. */
        if (!read_field(&p, end, f)) {
            return refuse(400, why, "malformed header field");
        }
        out->n_fields++;
        note_field(f, &fr, out);
    }
    if (end - p != 2) {
        return refuse(400, why, "malformed request");
    }
    return judge_framing(&fr, out, why);
}


elo_slice_t
elo_http_head_field(const elo_http_head_t *head, elo_slice_t name)
{
    uint32_t i;

    for (i = 0; i < head->n_fields; i++) {
        if (elo_slice_ieq(head->fields[i].name, name)) {
            return head->fields[i].value;
        }
    }
    return elo_slice(NULL, 0);
}
