/* SPDX-License-Identifier: BSD-2-Clause */
/* put_ask: what an upload states of itself. */
#include "backend/api/put_ask.h"

#include <stdlib.h>

#include "backend/api/who.h"
#include "backend/node/shape.h"

#define REACH_TEXT_MAX 16
#define ACK_TEXT_MAX   16


elo_slice_t
elo_put_ask_type(elo_slice_t stated)
{
    elo_slice_t s = elo_slice_trim(stated);

    /* A form's type is what some clients send when nobody told them one. */
    if (!elo_shape_mime(s)
        || elo_slice_ieq(s, ELO_SLICE("application/x-www-form-urlencoded")))
    {
        return elo_slice(NULL, 0);
    }
    return s;
}


/* Takes a statement of reach into *out, *n being how many there were. */
static elo_err_t
narrow(elo_slice_t text, elo_reach_t *out, unsigned *n)
{
    elo_reach_t reach;

    if (!elo_reach_parse(elo_slice_trim(text), &reach)) {
        return ELO_EINVAL;
    }
    *out = *n == 0 || reach < *out ? reach : *out;
    (*n)++;
    return ELO_OK;
}


static elo_err_t
read_reach(const elo_call_t *c, elo_put_ask_t *a)
{
    elo_slice_t header = elo_http_req_header(c->req, ELO_HEADER_REACH);
    elo_slice_t query = elo_http_req_query(c->req);
    char room[REACH_TEXT_MAX];
    elo_slice_t text;

    a->opt.reach = ELO_REACH_PRIVATE;
    if (header.p != NULL
        && narrow(header, &a->opt.reach, &a->_n_reach) != ELO_OK) {
        return ELO_EINVAL;
    }
    if (query.len == 0) {
        return ELO_OK;
    }
    if (elo_query_text(query, "reach", room, sizeof(room), &text) != ELO_OK) {
        return ELO_EINVAL;
    }
    return text.p == NULL ? ELO_OK : narrow(text, &a->opt.reach, &a->_n_reach);
}


elo_err_t
elo_put_ask_narrow(elo_put_ask_t *a, elo_slice_t text)
{
    return text.len == 0 ? ELO_OK : narrow(text, &a->opt.reach, &a->_n_reach);
}


/* "hex,hex": each an agent, none the operator. */
static elo_err_t
read_invited(const elo_call_t *c, elo_put_ask_t *a)
{
    elo_slice_t list = elo_http_req_header(c->req, ELO_HEADER_INVITED);
    size_t max = list.len / (2 * ELO_AGENT_LEN) + 1;
    size_t start = 0;

    if (list.p == NULL) {
        return ELO_OK;
    }
    if (a->opt.reach != ELO_REACH_INVITED || max > ELO_CONTENT_INVITED_MAX) {
        return ELO_EINVAL;
    }
    a->_invited = calloc(max, sizeof(*a->_invited));
    if (a->_invited == NULL) {
        return ELO_ENOMEM;
    }
    a->opt.invited = a->_invited;
    for (size_t i = 0; i <= list.len; i++) {
        elo_agent_t *to = &a->_invited[a->opt.n_invited];

        if (i < list.len && list.p[i] != ',') {
            continue;
        }
        if (a->opt.n_invited == max
            || elo_agent_parse(
                   elo_slice_trim(elo_slice(list.p + start, i - start)), to)
                   != ELO_OK
            || elo_agent_is_zero(to))
        {
            return ELO_EINVAL;
        }
        a->opt.n_invited++;
        start = i + 1;
    }
    return ELO_OK;
}


/* ---- waiting ---- */

/* "wait=durable" among the preferences (RFC 7240, 2); what isn't understood is
   passed over, for that is what the field is. */
static bool
prefers_durable(elo_slice_t value)
{
    size_t start = 0;

    for (size_t i = 0; i <= value.len; i++) {
        elo_slice_t one;
        const uint8_t *semi;

        if (i < value.len && value.p[i] != ',') {
            continue;
        }
        one = elo_slice(value.p + start, i - start);
        start = i + 1;
        semi = one.len == 0 ? NULL : memchr(one.p, ';', one.len);
        if (semi != NULL) {
            one.len = (size_t) (semi - one.p);
        }
        one = elo_slice_trim(one);
        if (elo_slice_ieq(one, ELO_SLICE("wait=durable"))
            || elo_slice_ieq(one, ELO_SLICE("wait=\"durable\"")))
        {
            return true;
        }
    }
    return false;
}


static elo_err_t
read_wait(const elo_call_t *c, elo_put_ask_t *a)
{
    elo_slice_t query = elo_http_req_query(c->req);
    elo_slice_t prefer = elo_http_req_header(c->req, "Prefer");
    char room[ACK_TEXT_MAX];
    elo_slice_t text;
    uint32_t seconds;

    a->is_preferred = prefer.p != NULL && prefers_durable(prefer);
    a->wants_durable = a->is_preferred;
    a->wait_ms = ELO_WAIT_DEFAULT_S * 1000;
    if (query.len == 0) {
        return ELO_OK;
    }
    if (elo_query_text(query, "ack", room, sizeof(room), &text) != ELO_OK) {
        return ELO_EINVAL;
    }
    if (text.p != NULL) {
        if (elo_slice_eq(text, ELO_SLICE("durable"))) {
            a->wants_durable = true;
        } else if (!elo_slice_eq(text, ELO_SLICE("accepted"))) {
            return ELO_EINVAL;
        }
    }
    if (elo_query_number(query, "timeout", ELO_WAIT_DEFAULT_S, ELO_WAIT_MAX_S,
                         &seconds)
        != ELO_OK)
    {
        return ELO_EINVAL;
    }
    a->wait_ms = seconds * 1000;
    return ELO_OK;
}


elo_err_t
elo_put_ask_read(const elo_call_t *c, elo_put_ask_t *out, const char **why)
{
    elo_err_t rc;

    *out = (elo_put_ask_t){ 0 };
    out->opt.agent = c->agent;
    out->shape = c->route.kind == ELO_ROUTE_SHARD ? ELO_PUT_SHARD
                 : c->route.is_compat             ? ELO_PUT_MANIFEST
                                                  : ELO_PUT_OURS;
    out->opt.content_type =
        elo_put_ask_type(elo_http_req_header(c->req, "Content-Type"));
    *why = "a reach is private, invited, local, neighborhood, municipal, "
           "bioregional, regional or commons";
    rc = read_reach(c, out);
    if (rc != ELO_OK) {
        return rc;
    }
    *why = "the token is not for this reach";
    if (!elo_call_may(c, ELO_OP_UPLOAD,
                      &(elo_who_subject_t){ .reach = out->opt.reach }))
    {
        return ELO_ESCOPE;
    }
    *why = ELO_HEADER_INVITED
        " goes with the reach \"invited\" and lists agents by their 64 hex "
        "digits";
    rc = read_invited(c, out);
    if (rc != ELO_OK) {
        return rc;
    }
    *why = "ack is \"accepted\" or \"durable\", timeout a number of seconds "
           "from 1";
    return read_wait(c, out);
}


void
elo_put_ask_dispose(elo_put_ask_t *a)
{
    free(a->_invited);
    a->_invited = NULL;
    a->opt.invited = NULL;
    a->opt.n_invited = 0;
}
