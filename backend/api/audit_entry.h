/* SPDX-License-Identifier: BSD-2-Clause */
/* audit_entry: what is written to the audit log: a use of a grant or an emergency,
   an operator who reads what a guest keeps to a few, refusals. CBOR, by
   docs/formats/audit.md. Pure. */
#ifndef ELO_API_AUDIT_ENTRY_H
#define ELO_API_AUDIT_ENTRY_H

#include "common/auth/gate.h"
#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/base/keys.h"

#define ELO_AUDIT_ENTRY_MAX 384u /* bytes of one */

/* Numbers are format. */
typedef enum {
    ELO_AUDIT_USE = 1,      /* of a grant, or of an emergency */
    ELO_AUDIT_OPERATOR = 2, /* read what is a guest's, up to reach local */
    ELO_AUDIT_REFUSAL = 3,
    ELO_AUDIT_LOST = 4 /* refusals that there was no room for; count alone */
} elo_audit_class_t;
#define ELO_AUDIT_CLASSES 4

/* By what kind of route. Numbers are format. */
typedef enum {
    ELO_AUDIT_VIA_NONE = 0,
    ELO_AUDIT_VIA_EDGE = 1,  /* the Doorway asked whether it may serve it */
    ELO_AUDIT_VIA_BYTES = 2, /* bytes, a chunk, a tree: of the daemon itself */
    ELO_AUDIT_VIA_CONTENT = 3, /* a content node, a status, a manifest */
    ELO_AUDIT_VIA_LIST = 4,    /* a listing showed it */
    ELO_AUDIT_VIA_WRITE = 5
} elo_audit_via_t;
#define ELO_AUDIT_VIAS 6

typedef struct {
    elo_audit_class_t class;
    elo_rule_t rule;
    elo_agent_t agent; /* who; zeros: nobody, or the operator */
    elo_agent_t owner; /* of the content; zeros: not known */
    bool has_digest;
    elo_digest_t digest; /* of an address */
    elo_slice_t content; /* id; empty, without a digest: several, or none */
    bool has_by;
    elo_digest_t by; /* the record that a use stands on */
    elo_op_t op;
    elo_audit_via_t via;
} elo_audit_what_t;

typedef struct {
    int64_t time; /* Unix seconds, of the last that is counted */
    uint64_t count;
    elo_audit_what_t what;
} elo_audit_entry_t;

/* Appends what is the same for all that is counted together; and a whole entry of
   such bytes. The buffer keeps the error. */
void elo_audit_put_what(elo_buf_t *b, const elo_audit_what_t *w);
void elo_audit_put_entry(elo_buf_t *b, int64_t time, uint64_t count,
                         elo_slice_t what);

/* ELO_ECORRUPT: it is none. Borrows from bytes. */
elo_err_t elo_audit_parse(elo_slice_t bytes,
                          elo_audit_entry_t *out) ELO_MUST_USE;

/* Static, lower-case; "none" for a number that is none. */
const char *elo_audit_class_name(elo_audit_class_t c);
const char *elo_audit_via_name(elo_audit_via_t v);
const char *elo_op_name(elo_op_t op);
/* False: no operation has that name. */
bool elo_op_parse(elo_slice_t name, elo_op_t *out);

#endif
