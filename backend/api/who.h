/* SPDX-License-Identifier: BSD-2-Clause */
/* who: who calls, and what he is to a content: the facts that the gate
   (common/auth/gate.h) decides by. Everything in this API that depends on who
   asks goes through here. */
#ifndef ELO_API_WHO_H
#define ELO_API_WHO_H

#include "backend/api/api_internal.h"
#include "common/auth/gate.h"

/* What a caller is to one content: of a content id, to that node; of an address, to
   the one of the effective nodes that lets him in, or else the widest; a blob that
   no node refers to is private, and its senders are its owners. */
typedef struct {
    elo_reach_t reach;
    elo_stage_t stage;
    uint32_t facts;  /* beside those that he is to everyone */
    int64_t until;   /* when facts may change by themselves; 0: never */
    elo_digest_t by; /* the record that GRANT or EMERGENCY stands on */
    elo_agent_t owner;
} elo_who_subject_t;

/* text: an address or a content id. ELO_ENOTFOUND. */
elo_err_t elo_who_look(elo_api_t *a, const elo_agent_t *agent, elo_slice_t text,
                       elo_who_subject_t *out) ELO_MUST_USE;

/* The same for a loaded node. */
void elo_who_node(elo_api_t *a, const elo_agent_t *agent,
                  const elo_content_t *n, const elo_agent_t *owner,
                  elo_who_subject_t *out);

/* The rule that decides whether the caller may do that, being that. */
elo_rule_t elo_call_rule(const elo_call_t *c, elo_op_t op,
                         const elo_who_subject_t *of);

/* May he? By an audited rule only once its use is in the log (audit_hold.c): what
   isn't written lets nobody in. */
bool elo_call_may(const elo_call_t *c, elo_op_t op,
                  const elo_who_subject_t *of);

/* May he read what an address or content id means, by what he is to it? For those
   who may not by what they are to everyone (elo_call_may_read). */
bool elo_call_is_let_in(const elo_call_t *c, elo_slice_t text);

/* The same, where nothing but its being there is told. */
bool elo_call_knows(const elo_call_t *c, elo_slice_t text);

/* ---- audit_hold.c ---- */

/* Before a read is answered: when it is one that is audited, it is written to the log
   first, and the request served anew when that is durable. True: so it is, or it
   was refused; kind: of the route. */
bool elo_call_hold(elo_call_t *c, int kind);

/* Counts a refusal: of a content, by what the caller is to it; or of what has none
   (of NULL). */
void elo_call_refused(const elo_call_t *c, elo_op_t op, elo_slice_t text,
                      const elo_who_subject_t *of);

/* ?facts=&ceiling= of the Doorway's question for an access, as a reader who asks for
   himself: c->subject, by what of his facts holds. False: they are malformed. */
bool elo_call_as_subject(const elo_call_t *c, elo_call_t *out);

/* api.c: serves a request, again when it was held. */
void elo_api_serve(elo_api_t *a, elo_http_req_t *req, bool is_recorded);

/* The store knows the owner of this node as the operator. */
const elo_agent_t *elo_who_in_store(const elo_api_t *a,
                                    const elo_agent_t *agent);

/* The key of what an address or content id means, for its generation slot; borrows
   from text or room. */
elo_slice_t elo_who_key(elo_slice_t text, elo_digest_t *room);

#endif
