/* SPDX-License-Identifier: BSD-2-Clause */
/* fetch: see the header. libcurl parses the URL once (CURLU), and what was judged is
   what it gets: no second reading of the text could come to another host. */
#include "backend/fetch/fetch.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/base/num.h"

#define MS_PER_S      1000L
#define PROTOCOLS_MAX 16
#define RANGE_MAX     48
#define RETRY_MAX_S   86400u /* what a server may ask for */
#define DNS_CACHE_S   60L
#define MAX_HEADS     (64u << 10) /* bytes of all answers' heads */

struct elo_fetch_s {
    const elo_fetch_policy_t *policy;
    CURL *curl;
    struct curl_slist *fields;
    struct curl_slist *resolve;

    /* of one ask */
    const elo_fetch_ask_t *ask;
    elo_fetch_result_t *res;
    const char *refused; /* the kind of address that was kept from */

    /* of one answer */
    size_t heads;
    bool is_judged;  /* its status and fields, at the first byte */
    bool is_drop;    /* its body isn't wanted */
    bool is_encoded; /* Content-Encoding, or a foreign transfer coding */
    bool has_range;
    uint64_t range_start, range_end; /* inclusive, as the field is */
    bool has_length;
    uint64_t length;
    uint64_t skip; /* bytes to be thrown away yet */
    bool is_cut;   /* body wanted no more, or all that was asked for is there */
};


elo_err_t
elo_fetch_setup(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? ELO_OK
                                                             : ELO_EINTERNAL;
}


static void
conclude(elo_fetch_t *f, elo_fetch_why_t why, const char *note)
{
    f->res->why = why;
    snprintf(f->res->note, sizeof(f->res->note), "%s", note);
}


/* ---- URLs ---- */

static const char *
judge_port(const elo_fetch_policy_t *p, CURLU *u)
{
    char *port = NULL;
    uint64_t n = 0;
    bool is_ok;

    if (curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
    {
        return "no port";
    }
    is_ok = elo_slice_u64(elo_slice_str(port), &n) && n <= UINT16_MAX
            && elo_fetch_has_port(p, (uint32_t) n);
    curl_free(port);
    return is_ok ? NULL : "port not allowed";
}


static const char *
judge_scheme(const elo_fetch_policy_t *p, CURLU *u, uint32_t *scheme)
{
    char *name = NULL;

    if (curl_url_get(u, CURLUPART_SCHEME, &name, 0) != CURLUE_OK) {
        return "no scheme";
    }
    *scheme = strcmp(name, "https") == 0  ? ELO_FETCH_HTTPS
              : strcmp(name, "http") == 0 ? ELO_FETCH_HTTP
                                          : 0u;
    curl_free(name);
    return (*scheme & p->schemes) != 0 ? NULL : "scheme not allowed";
}


/* An address in the URL itself is judged before anything is done; names when they
   are resolved. */
static const char *
judge_host(const elo_fetch_policy_t *p, CURLU *u)
{
    elo_slice_t text;
    elo_netaddr_t a;
    char *host = NULL;
    bool is_ok = true;

    if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK
        || host[0] == '\0') {
        curl_free(host);
        return "no host";
    }
    text = elo_slice_str(host);
    if (text.len > 2 && host[0] == '[') {
        text = elo_slice(text.p + 1, text.len - 2);
    }
    if (elo_netaddr_read(text, &a) == ELO_OK) {
        is_ok = elo_netaddr_allows(&p->addresses, &a, NULL);
    }
    curl_free(host);
    return is_ok ? NULL : "address not allowed";
}


/* Sets url in u and judges it. NULL: fine. */
static const char *
judge(const elo_fetch_policy_t *p, CURLU *u, const char *url, uint32_t *scheme)
{
    const char *why;

    if (strlen(url) > ELO_FETCH_URL_MAX) {
        return "too long a URL";
    }
    if (curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER) != CURLUE_OK
        || curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK)
    {
        return "malformed URL, or one with a user";
    }
    if ((why = judge_scheme(p, u, scheme)) != NULL
        || (why = judge_port(p, u)) != NULL)
    {
        return why;
    }
    return judge_host(p, u);
}


const char *
elo_fetch_refuses(const elo_fetch_policy_t *policy, const char *url)
{
    CURLU *u = curl_url();
    const char *why = "out of memory";
    uint32_t scheme;

    if (u != NULL) {
        why = judge(policy, u, url, &scheme);
    }
    curl_url_cleanup(u);
    return why;
}


/* ---- sockets: the address that is really connected to ---- */

static bool
address_of(const struct curl_sockaddr *s, elo_netaddr_t *out)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (s->family == AF_INET && s->addrlen >= sizeof(v4)) {
        memcpy(&v4, &s->addr, sizeof(v4));
        elo_netaddr_from4((const uint8_t *) &v4.sin_addr, out);
        return true;
    }
    if (s->family == AF_INET6 && s->addrlen >= sizeof(v6)) {
        memcpy(&v6, &s->addr, sizeof(v6));
        memcpy(out->b, &v6.sin6_addr, sizeof(out->b));
        return true;
    }
    return false;
}


static curl_socket_t
on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *s)
{
    elo_fetch_t *f = ctx;
    const char *why = "no internet address";
    elo_netaddr_t a;

    if (purpose != CURLSOCKTYPE_IPCXN || !address_of(s, &a)
        || !elo_netaddr_allows(&f->policy->addresses, &a, &why))
    {
        f->refused = why;
        return CURL_SOCKET_BAD; /* the next address is tried */
    }
    return socket(s->family, s->socktype | SOCK_CLOEXEC, s->protocol);
}


/* ---- answers ---- */

static void
begin_answer(elo_fetch_t *f)
{
    f->is_judged = f->is_drop = f->is_encoded = false;
    f->has_range = f->has_length = f->is_cut = false;
    f->skip = 0;
}


/* "bytes 5-9/100", "bytes 5-9/ *" (RFC 9110, 14.4). */
static void
read_content_range(elo_fetch_t *f, elo_slice_t v)
{
    const uint8_t *dash, *slash;
    uint64_t start, end, total;

    if (!elo_slice_has_prefix(v, ELO_SLICE("bytes "))) {
        return;
    }
    v = elo_slice(v.p + 6, v.len - 6);
    dash = memchr(v.p, '-', v.len);
    slash = memchr(v.p, '/', v.len);
    if (dash == NULL || slash == NULL || slash < dash
        || !elo_slice_u64(elo_slice(v.p, (size_t) (dash - v.p)), &start)
        || !elo_slice_u64(elo_slice(dash + 1, (size_t) (slash - dash) - 1),
                          &end)
        || end < start || end == UINT64_MAX)
    {
        return;
    }
    f->has_range = true;
    f->range_start = start;
    f->range_end = end;
    if (elo_slice_u64(elo_slice(slash + 1, v.len - (size_t) (slash + 1 - v.p)),
                      &total)
        && total > end)
    {
        f->res->has_total = true;
        f->res->total = total;
    }
}


static void
read_field(elo_fetch_t *f, elo_slice_t name, elo_slice_t value)
{
    uint64_t n;

    if (elo_slice_ieq(name, ELO_SLICE("content-range"))) {
        read_content_range(f, value);
    } else if (elo_slice_ieq(name, ELO_SLICE("content-length"))) {
        f->has_length = elo_slice_u64(value, &f->length);
    } else if (elo_slice_ieq(name, ELO_SLICE("content-encoding"))) {
        f->is_encoded |= !elo_slice_ieq(value, ELO_SLICE("identity"));
    } else if (elo_slice_ieq(name, ELO_SLICE("retry-after"))
               && elo_slice_u64(value, &n))
    {
        f->res->retry_after_s = (uint32_t) ELO_MIN(n, (uint64_t) RETRY_MAX_S);
    }
}


static size_t
on_head(char *p, size_t size, size_t n, void *ctx)
{
    elo_slice_t line = elo_slice(p, size * n);
    elo_fetch_t *f = ctx;
    const uint8_t *colon;

    f->heads += line.len;
    if (f->heads > MAX_HEADS) {
        return 0;
    }
    if (elo_slice_has_prefix(line, ELO_SLICE("HTTP/"))) {
        begin_answer(f);
        return line.len;
    }
    while (line.len > 0
           && (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
    {
        line.len--;
    }
    colon = memchr(line.p, ':', line.len);
    if (colon != NULL) {
        size_t at = (size_t) (colon - line.p);

        read_field(f, elo_slice(line.p, at),
                   elo_slice_trim(elo_slice(colon + 1, line.len - at - 1)));
    }
    return size * n;
}


static int
status_of(const elo_fetch_t *f)
{
    long status = 0;

    elo_ignore(curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status)
               != 0);
    return (int) status;
}


static bool
is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307
           || status == 308;
}


/* An answer to a range, as RFC 9110, 15.3.7 has it; a server may send less. */
static void
judge_partial(elo_fetch_t *f)
{
    const elo_fetch_ask_t *a = f->ask;

    if (!f->has_range || f->range_start != a->off
        || (a->len != 0 && f->range_end - f->range_start >= a->len))
    {
        conclude(f, ELO_FETCH_STATUS, "another range than was asked for");
        f->is_drop = true;
    }
}


static void
judge_whole(elo_fetch_t *f)
{
    const elo_fetch_ask_t *a = f->ask;

    if (f->has_length) {
        f->res->has_total = true;
        f->res->total = f->length;
    }
    if (a->off != 0 && !a->may_skip) {
        conclude(f, ELO_FETCH_NO_RANGE, "the server knows no ranges");
        f->is_drop = true;
    }
    f->skip = a->off;
}


static uint64_t
max_total(const elo_fetch_t *f)
{
    return f->ask->max_total != 0 ? f->ask->max_total : f->policy->max_bytes;
}


/* Once the head is there: is its body what was asked for? */
static void
judge_answer(elo_fetch_t *f)
{
    int status = status_of(f);

    f->is_judged = true;
    f->res->status = status;
    if (status == 206) {
        judge_partial(f);
    } else if (status == 200) {
        judge_whole(f);
    } else {
        f->is_drop = true;
        conclude(f, ELO_FETCH_STATUS, "answered without the bytes");
        return;
    }
    if (!f->is_drop && f->is_encoded) {
        conclude(f, ELO_FETCH_REFUSED, "a compressed body");
        f->is_drop = true;
    }
    if (!f->is_drop && f->res->has_total && f->res->total > max_total(f)) {
        conclude(f, ELO_FETCH_TOO_BIG, "larger than the limit");
        f->is_drop = true;
    }
}


static size_t
on_body(char *p, size_t size, size_t n, void *ctx)
{
    elo_slice_t bytes = elo_slice(p, size * n);
    elo_fetch_t *f = ctx;
    uint64_t skip, left, most;

    if (!f->is_judged) {
        judge_answer(f);
    }
    if (f->is_drop) {
        return 0; /* the connection goes with it */
    }
    skip = ELO_MIN(f->skip, (uint64_t) bytes.len);
    f->skip -= skip;
    bytes = elo_slice(bytes.p + skip, bytes.len - (size_t) skip);
    if (f->ask->len != 0) {
        left = f->ask->len - f->res->got;
        if (bytes.len > left) {
            bytes.len = (size_t) left;
            f->is_cut = true;
        }
    }
    most = ELO_MIN(f->policy->max_bytes, max_total(f));
    if (bytes.len > most - ELO_MIN(f->res->got, most)) {
        conclude(f, ELO_FETCH_TOO_BIG, "larger than the limit");
        f->is_drop = true;
        return 0;
    }
    if (bytes.len != 0 && f->ask->body(f->ask->ctx, bytes) != ELO_OK) {
        conclude(f, ELO_FETCH_STOPPED, "ended here");
        f->is_drop = true;
        return 0;
    }
    f->res->got += bytes.len;
    return f->is_cut ? 0 : size * n;
}


static int
on_progress(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total,
            curl_off_t up)
{
    const elo_fetch_t *f = ctx;

    (void) total;
    (void) now;
    (void) up_total;
    (void) up;
    return f->ask->stop != NULL && atomic_load(f->ask->stop);
}


/* ---- lifetime ---- */

static bool
set_fixed(elo_fetch_t *f)
{
    const elo_fetch_policy_t *p = f->policy;
    char protocols[PROTOCOLS_MAX];
    bool is_ok = true;

    snprintf(protocols, sizeof(protocols), "%s%s%s",
             (p->schemes & ELO_FETCH_HTTPS) != 0 ? "https" : "",
             p->schemes == (ELO_FETCH_HTTP | ELO_FETCH_HTTPS) ? "," : "",
             (p->schemes & ELO_FETCH_HTTP) != 0 ? "http" : "");
#define SET(opt, value)                                                        \
    (is_ok &= curl_easy_setopt(f->curl, CURLOPT_##opt, (value)) == CURLE_OK)
    SET(PROTOCOLS_STR, protocols);
    SET(FOLLOWLOCATION, 0L);
    SET(PROXY, "");
    SET(NOPROXY, "*");
    SET(NETRC, (long) CURL_NETRC_IGNORED);
    SET(NOSIGNAL, 1L);
    SET(HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
    SET(SSL_VERIFYPEER, 1L);
    SET(SSL_VERIFYHOST, 2L);
    SET(SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    SET(DNS_CACHE_TIMEOUT, DNS_CACHE_S);
    SET(CONNECTTIMEOUT_MS, (long) p->connect_ms);
    SET(TIMEOUT_MS, (long) p->total_ms);
    SET(LOW_SPEED_LIMIT, (long) p->low_speed_bps);
    SET(LOW_SPEED_TIME, (long) p->stall_s);
    SET(HTTPHEADER, f->fields);
    SET(OPENSOCKETFUNCTION, on_socket);
    SET(OPENSOCKETDATA, f);
    SET(HEADERFUNCTION, on_head);
    SET(HEADERDATA, f);
    SET(WRITEFUNCTION, on_body);
    SET(WRITEDATA, f);
    SET(XFERINFOFUNCTION, on_progress);
    SET(XFERINFODATA, f);
    SET(NOPROGRESS, 0L);
    if (p->agent != NULL) {
        SET(USERAGENT, p->agent);
    }
    if (p->ca_file != NULL && p->ca_file[0] != '\0') {
        SET(CAINFO, p->ca_file);
    }
    if (f->resolve != NULL) {
        SET(RESOLVE, f->resolve);
    }
    return is_ok;
}


elo_err_t
elo_fetch_create(const elo_fetch_policy_t *policy, elo_fetch_t **out)
{
    elo_fetch_t *f = calloc(1, sizeof(*f));

    if (f == NULL) {
        return ELO_ENOMEM;
    }
    f->policy = policy;
    f->curl = curl_easy_init();
    f->fields = curl_slist_append(NULL, "Accept-Encoding: identity");
    if (policy->resolve != NULL) {
        f->resolve = curl_slist_append(NULL, policy->resolve);
    }
    if (f->curl == NULL || f->fields == NULL || !set_fixed(f)) {
        elo_fetch_free(&f);
        return ELO_ENOMEM;
    }
    *out = f;
    return ELO_OK;
}


void
elo_fetch_free(elo_fetch_t **fp)
{
    elo_fetch_t *f = *fp;

    if (f != NULL) {
        *fp = NULL;
        curl_easy_cleanup(f->curl);
        curl_slist_free_all(f->fields);
        curl_slist_free_all(f->resolve);
        free(f);
    }
}


/* ---- one exchange ---- */

/* Has all come that was asked for, as far as that is known? */
static bool
is_complete(const elo_fetch_t *f)
{
    const elo_fetch_ask_t *a = f->ask;
    const elo_fetch_result_t *r = f->res;

    if (f->skip != 0) {
        return false;
    }
    if (a->len != 0) {
        return r->got == a->len;
    }
    return !r->has_total || r->total - ELO_MIN(a->off, r->total) == r->got;
}


/* What became of it, where the answer itself didn't say so. */
static void
conclude_transfer(elo_fetch_t *f, CURLcode rc)
{
    if (f->is_drop) {
        return; /* said already */
    }
    if (rc == CURLE_ABORTED_BY_CALLBACK) {
        conclude(f, ELO_FETCH_STOPPED, "ended here");
    } else if (rc == CURLE_COULDNT_CONNECT && f->refused != NULL) {
        char note[sizeof(f->res->note)];

        snprintf(note, sizeof(note), "address not allowed: %s", f->refused);
        conclude(f, ELO_FETCH_REFUSED, note);
    } else if (rc != CURLE_OK && !f->is_cut) {
        conclude(f, ELO_FETCH_FAILED, curl_easy_strerror(rc));
    } else if (!is_complete(f)) {
        conclude(f, ELO_FETCH_FAILED, "fewer bytes than were asked for");
    } else {
        conclude(f, ELO_FETCH_DONE, "");
    }
}


static elo_fetch_why_t
exchange(elo_fetch_t *f, CURLU *u)
{
    const elo_fetch_ask_t *a = f->ask;
    char range[RANGE_MAX];
    CURLcode rc;

    range[0] = '\0';
    if (a->len != 0) {
        snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long) a->off,
                 (unsigned long long) (a->off + a->len - 1));
    } else if (a->off != 0) {
        snprintf(range, sizeof(range), "%llu-", (unsigned long long) a->off);
    }
    f->heads = 0;
    f->refused = NULL;
    begin_answer(f);
    f->res->status = 0;
    f->res->has_total = false;
    if (curl_easy_setopt(f->curl, CURLOPT_CURLU, u) != CURLE_OK
        || curl_easy_setopt(f->curl, CURLOPT_RANGE,
                            range[0] != '\0' ? range : NULL)
               != CURLE_OK)
    {
        conclude(f, ELO_FETCH_FAILED, "out of memory");
        return f->res->why;
    }
    rc = curl_easy_perform(f->curl);
    if ((rc == CURLE_OK || rc == CURLE_WRITE_ERROR) && !f->is_judged) {
        judge_answer(f); /* there was no body */
    }
    conclude_transfer(f, rc);
    return f->res->why;
}


/* Where the answer sends us, in url. False: nowhere. */
static bool
next_url(const elo_fetch_t *f, char url[ELO_FETCH_URL_MAX + 1])
{
    char *to = NULL;

    if (!is_redirect(f->res->status)
        || curl_easy_getinfo(f->curl, CURLINFO_REDIRECT_URL, &to) != CURLE_OK
        || to == NULL || strlen(to) > ELO_FETCH_URL_MAX)
    {
        return false;
    }
    memcpy(url, to, strlen(to) + 1);
    return true;
}


bool
elo_fetch_get(elo_fetch_t *f, const elo_fetch_ask_t *ask,
              elo_fetch_result_t *res)
{
    char url[ELO_FETCH_URL_MAX + 1];
    uint32_t scheme = 0, before;
    const char *why;
    CURLU *u;

    *res = (elo_fetch_result_t){ .why = ELO_FETCH_FAILED };
    f->ask = ask;
    f->res = res;
    if (strlen(ask->url) > ELO_FETCH_URL_MAX || (u = curl_url()) == NULL) {
        conclude(f, ELO_FETCH_REFUSED, "too long a URL");
        return false;
    }
    memcpy(url, ask->url, strlen(ask->url) + 1);
    for (uint32_t i = 0;; i++) {
        before = scheme;
        why = judge(f->policy, u, url, &scheme);
        if (why == NULL && before == ELO_FETCH_HTTPS
            && scheme == ELO_FETCH_HTTP) {
            why = "redirected from https to http";
        }
        if (why != NULL) {
            conclude(f, ELO_FETCH_REFUSED, why);
            break;
        }
        if (exchange(f, u) != ELO_FETCH_STATUS || !next_url(f, url)) {
            break;
        }
        if (i == f->policy->redirects) {
            conclude(f, ELO_FETCH_REFUSED, "too many redirects");
            break;
        }
    }
    elo_ignore(curl_easy_setopt(f->curl, CURLOPT_CURLU, NULL) != 0);
    curl_url_cleanup(u);
    return res->why == ELO_FETCH_DONE;
}
