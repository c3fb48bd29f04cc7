/* SPDX-License-Identifier: BSD-2-Clause */
/* http_head: see the header. The Debian build of http_parser is the lenient
   one (HTTP_PARSER_STRICT=0), hence the checks of its results. */
#include "backend/net/http_head.h"

#include <http_parser.h>

typedef struct {
    elo_http_head_t *head;
    elo_slice_t target;
    bool too_many;
    bool complete;
    bool is_keep_alive;
} split_t;

/* token of RFC 9110, 5.6.2 */
static const bool is_tchar[256] = {
    ['!'] = true,         ['#'] = true,         ['$'] = true,
    ['%'] = true,         ['&'] = true,         ['\''] = true,
    ['*'] = true,         ['+'] = true,         ['-'] = true,
    ['.'] = true,         ['^'] = true,         ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true
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
on_url(http_parser *parser, const char *at, size_t len)
{
    split_t *sp = parser->data;

    sp->target = elo_slice(at, len);
    return 0;
}


static int
on_field(http_parser *parser, const char *at, size_t len)
{
    split_t *sp = parser->data;

    if (sp->head->n_fields == ELO_HTTP_FIELDS_MAX) {
        sp->too_many = true;
        return 1;
    }
    sp->head->fields[sp->head->n_fields++] =
        (elo_http_field_t){ .name = elo_slice(at, len),
                            .value = elo_slice(at + len, 0) };
    return 0;
}


static int
on_value(http_parser *parser, const char *at, size_t len)
{
    split_t *sp = parser->data;

    sp->head->fields[sp->head->n_fields - 1].value =
        elo_slice_trim(elo_slice(at, len));
    return 0;
}


static int
on_headers_complete(http_parser *parser)
{
    split_t *sp = parser->data;

    sp->complete = true;
    sp->is_keep_alive = http_should_keep_alive(parser) != 0;
    return 0;
}


static const http_parser_settings split_settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
};


/* Every line ends in CRLF and none is a continuation (obs-fold). */
static bool
lines_ok(elo_slice_t bytes)
{
    const uint8_t *p = bytes.p;
    const uint8_t *end = p + bytes.len;

    while (p < end) {
        const uint8_t *lf = memchr(p, '\n', (size_t) (end - p));

        if (lf == NULL || lf == bytes.p || lf[-1] != '\r') {
            return false;
        }
        if (*p == ' ' || *p == '\t') {
            return false;
        }
        p = lf + 1;
    }
    return true;
}


static bool
is_token(elo_slice_t s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        if (!is_tchar[s.p[i]]) {
            return false;
        }
    }
    return s.len != 0;
}


/* No control byte but HT (RFC 9110, 5.5). */
static bool
is_value(elo_slice_t s)
{
    size_t i;

    for (i = 0; i < s.len; i++) {
        if ((s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f) {
            return false;
        }
    }
    return true;
}


/* Origin-form only (RFC 9112, 3.2.1), visible ASCII, no fragment. */
static bool
split_target(elo_slice_t target, elo_http_head_t *head)
{
    size_t i;

    if (target.len == 0 || target.p[0] != '/') {
        return false;
    }
    for (i = 0; i < target.len; i++) {
        uint8_t c = target.p[i];

        if (c <= 0x20 || c >= 0x7f || c == '#') {
            return false;
        }
        if (c == '?' && head->query.p == NULL) {
            head->query = elo_slice(target.p + i + 1, target.len - i - 1);
            head->path = elo_slice(target.p, i);
        }
    }
    if (head->query.p == NULL) {
        head->path = target;
    }
    return true;
}


static int
refuse(int status, const char **why, const char *text)
{
    *why = text;
    return status;
}


/* Of the fields that frame the message. */
typedef struct {
    uint32_t n_length;
    uint32_t n_encoding;
    uint32_t n_host;
    elo_slice_t length;
    elo_slice_t encoding;
    elo_slice_t expect;
} framing_t;


static void
note_field(const elo_http_field_t *f, framing_t *fr)
{
    switch (f->name.len) {
    case 4:
        fr->n_host += elo_slice_ieq(f->name, ELO_SLICE("host"));
        break;
    case 6:
        if (elo_slice_ieq(f->name, ELO_SLICE("expect"))) {
            fr->expect = f->value;
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
    return 0;
}


static int
judge_method(unsigned method, elo_http_head_t *head, const char **why)
{
    switch (method) {
    case HTTP_HEAD:
        head->is_head = true;
        break;
    case HTTP_GET:
    case HTTP_PUT:
    case HTTP_POST:
    case HTTP_DELETE:
    case HTTP_OPTIONS:
    case HTTP_PATCH:
        break;
    default:
        return refuse(501, why, "method not implemented");
    }
    head->method = elo_slice_str(http_method_str((enum http_method) method));
    return 0;
}


static int
judge_error(const http_parser *parser, elo_slice_t bytes, const char **why)
{
    size_t i = 0;

    if (HTTP_PARSER_ERRNO(parser) == HPE_INVALID_VERSION) {
        return refuse(505, why, "only HTTP/1.0 and HTTP/1.1 are spoken");
    }
    if (HTTP_PARSER_ERRNO(parser) == HPE_INVALID_METHOD) {
        while (i < bytes.len && is_tchar[bytes.p[i]]) {
            i++;
        }
        if (i != 0 && i < bytes.len && bytes.p[i] == ' ') {
            return refuse(501, why, "method not implemented");
        }
    }
    return refuse(400, why, "malformed request");
}


int
elo_http_head_parse(elo_slice_t bytes, elo_http_head_t *out, const char **why)
{
    http_parser parser;
    split_t sp = { .head = out };
    framing_t fr = { 0 };
    uint32_t i;
    int status;

    out->n_fields = 0;
    out->query = elo_slice(NULL, 0);
    out->body_len = 0;
    out->is_head = false;
    out->expects_continue = false;
    if (!lines_ok(bytes)) {
        return refuse(400, why, "lines end in CRLF and aren't folded");
    }
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = &sp;
    parser.allow_chunked_length = 1; /* refused below, by name */
    (void) http_parser_execute(&parser, &split_settings, (const char *) bytes.p,
                               bytes.len);
    if (sp.too_many) {
        return refuse(431, why, "too many header fields");
    }
    if (!sp.complete) {
        return judge_error(&parser, bytes, why);
    }
    if (parser.http_major != 1 || parser.http_minor > 1) {
        return refuse(505, why, "only HTTP/1.0 and HTTP/1.1 are spoken");
    }
    out->is_http10 = parser.http_minor == 0;
    out->keep_alive = sp.is_keep_alive;
    if ((status = judge_method(parser.method, out, why)) != 0) {
        return status;
    }
    if (!split_target(sp.target, out)) {
        return refuse(400, why, "the target is not a path");
    }
    for (i = 0; i < out->n_fields; i++) {
        if (!is_token(out->fields[i].name) || !is_value(out->fields[i].value)) {
            return refuse(400, why, "malformed header field");
        }
        note_field(&out->fields[i], &fr);
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
