/* SPDX-License-Identifier: BSD-2-Clause */
/* record_words: what a record says, in words. Pure. */
#include "cli/record.h"

#include "cli/names.h"
#include "common/auth/agent_text.h"
#include "common/base/enc.h"
#include "common/base/num.h"

static const char *const levels[] = { "nobody", "authenticated", "admin" };
static const char *const relations[] = { "nothing", "household", "family",
                                         "extended", "community" };
static const char *const grants[] = { "nothing", "read", "hold", "emergency" };
static const char *const states[] = { "draft",      "published", "stale",
                                      "deprecated", "archived",  "forgotten" };

#define NAME_OF(table, i) ((i) < ELO_COUNT(table) ? (table)[i] : "?")


static void
put_agent(elo_buf_t *b, const elo_agent_t *a)
{
    char hex[ELO_AGENT_TEXT_MAX];

    elo_agent_text_write(a, ELO_AGENT_HEX, hex);
    elo_buf_put_str(b, hex);
}


static void
put_id(elo_buf_t *b, const elo_digest_t *d)
{
    char hex[2 * ELO_SHA256_LEN + 1];

    elo_hex_encode(d->b, sizeof(d->b), hex);
    elo_buf_put_str(b, hex);
}


static void
put_quoted(elo_buf_t *b, const char *before, elo_slice_t text)
{
    if (text.len > 0) {
        elo_buf_put_str(b, before);
        elo_buf_put_u8(b, '"');
        elo_plain_text(b, text);
        elo_buf_put_u8(b, '"');
    }
}


static void
put_reaches(elo_buf_t *b, uint32_t reaches)
{
    const char *before = " for ";

    for (unsigned i = 0; i < ELO_REACH_COUNT; i++) {
        if ((reaches >> i & 1) != 0) {
            elo_buf_printf(b, "%s%s", before, elo_reach_name((elo_reach_t) i));
            before = ", ";
        }
    }
}


static void
put_invitation(elo_buf_t *b, const elo_rec_body_t *y)
{
    if (y->has_content) {
        elo_buf_put_str(b, "invites ");
        put_agent(b, &y->agent);
        put_quoted(b, " to ", y->content);
    } else {
        elo_buf_printf(b,
                       "invites to this node, %llu times at most, by the key ",
                       (unsigned long long) y->uses);
        put_id(b, &y->ref);
    }
    put_quoted(b, ", as ", y->text);
}


static void
put_promotion(elo_buf_t *b, const elo_rec_body_t *y)
{
    if (y->has_content) {
        put_quoted(b, "promotes ", y->content);
        elo_buf_printf(b, " from %s to %s", elo_reach_name(y->from),
                       elo_reach_name(y->to));
    } else {
        elo_buf_put_str(b, "lets ");
        put_agent(b, &y->agent);
        elo_buf_put_str(b, " refer to the bytes ");
        put_id(b, &y->ref);
    }
}


static void
put_ended_tokens(elo_buf_t *b, const elo_rec_body_t *y)
{
    elo_buf_put_str(b, "ends tokens");
    if (!elo_agent_is_zero(&y->agent)) {
        elo_buf_put_str(b, " of ");
        put_agent(b, &y->agent);
    }
    put_quoted(b, " with the id ", y->jti);
    put_quoted(b, " signed by the key ", y->kid);
    if (y->version > 0) {
        elo_buf_printf(b, " below version %llu",
                       (unsigned long long) y->version);
    }
}


static void
put_with(elo_buf_t *b, const char *what, const elo_agent_t *a)
{
    elo_buf_put_str(b, what);
    put_agent(b, a);
}


/* Those that say something of another agent. */
static void
put_of_agent(elo_buf_t *b, const elo_rec_t *r)
{
    const elo_rec_body_t *y = &r->body;

    switch (r->kind) {
    case ELO_REC_ADMISSION:
        put_with(b, "admits ", &y->agent);
        elo_buf_printf(b, " as %s", NAME_OF(levels, y->sort));
        put_quoted(b, ", called ", y->text);
        break;
    case ELO_REC_RELATIONSHIP:
        put_with(b, "says that ", &y->agent);
        elo_buf_printf(b, " is %s", NAME_OF(relations, y->sort));
        break;
    case ELO_REC_GRANT:
        put_with(b, "grants ", &y->agent);
        elo_buf_printf(b, " %s", NAME_OF(grants, y->sort));
        put_reaches(b, y->reaches);
        put_quoted(b, " of ", y->content);
        break;
    case ELO_REC_ESCALATION:
        put_with(b, "reads what is ", &y->agent);
        elo_buf_put_str(b, "'s in an emergency, by the grant ");
        put_id(b, &y->ref);
        put_quoted(b, ", because ", y->text);
        break;
    default:
        break;
    }
}


static void
put_manifest(elo_buf_t *b, const elo_rec_t *r)
{
    elo_rec_root_t root;
    elo_digest_t blob;

    if (!elo_rec_root_read(r, &root)) {
        elo_buf_printf(b, "says %zu bytes of a manifest that isn't read here",
                       r->body.raw.len);
        return;
    }
    memcpy(blob.b, root.blob.p, sizeof(blob.b));
    elo_buf_put_str(b, "states that the bytes ");
    put_id(b, &blob);
    elo_buf_printf(b, ", %llu of them, have the hash tree ",
                   (unsigned long long) root.size);
    put_id(b, &root.root);
}


static void
put_of_itself(elo_buf_t *b, const elo_rec_t *r)
{
    const elo_rec_body_t *y = &r->body;

    switch (r->kind) {
    case ELO_REC_REGISTRATION:
        elo_buf_put_str(b, "is the node with the peer id ");
        for (size_t i = 0; i < y->peer.len; i++) {
            elo_buf_printf(b, "%02x", y->peer.p[i]);
        }
        break;
    case ELO_REC_ACCEPTANCE:
        elo_buf_put_str(b, "accepts the invitation ");
        put_id(b, &y->ref);
        break;
    case ELO_REC_LIFECYCLE:
        put_quoted(b, "makes ", y->content);
        elo_buf_printf(b, " %s at version %llu", NAME_OF(states, y->sort),
                       (unsigned long long) y->version);
        put_quoted(b, ", because ", y->text);
        break;
    case ELO_REC_MANIFEST:
        put_manifest(b, r);
        break;
    case ELO_REC_REVOCATION:
        elo_buf_put_str(b, "ends the record ");
        put_id(b, &y->ref);
        put_quoted(b, ", because ", y->text);
        break;
    default:
        elo_buf_printf(b, "says %zu bytes of a kind that isn't read here: %s",
                       y->raw.len, elo_rec_kind_name(r->kind));
        break;
    }
}


void
elo_record_words(elo_buf_t *b, const elo_rec_t *r)
{
    switch (r->kind) {
    case ELO_REC_ADMISSION:
    case ELO_REC_RELATIONSHIP:
    case ELO_REC_GRANT:
    case ELO_REC_ESCALATION:
        put_of_agent(b, r);
        break;
    case ELO_REC_INVITATION:
        put_invitation(b, &r->body);
        break;
    case ELO_REC_PROMOTION:
        put_promotion(b, &r->body);
        break;
    case ELO_REC_TOKEN_REVOCATION:
        put_ended_tokens(b, &r->body);
        break;
    default:
        put_of_itself(b, r);
        break;
    }
    if (r->body.until != 0) {
        elo_buf_put_str(b, ", until ");
        elo_time_text(b, r->body.until);
    }
}
