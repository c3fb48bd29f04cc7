/* SPDX-License-Identifier: BSD-2-Clause */
/* wire_document: what everybody is told alike under a path, as the daemon answers it to
   who says nothing of himself. Messages as in wire.h.

     GET /internal/v1/document/{tag | -}{path}[?query]     -> ELO_WIRE_DOCUMENT

   tag: of the one that the Doorway has, 32 hex digits. A path that isn't everybody's,
   and any answer but 200 and 404, come with another status and without a descriptor.

   DOCUMENT: changed_generation 8, changed_slot 4, status 2, tag 16, etag str16,
             content_type str16, fields str16, body_len 4, body.
   The head's slot is the hard stamp: when it is over, nothing of this is shown any
   more. The slot of "changed" is the soft one: there is something newer. Flags of the
   head, beside the life of a content, which is always FRESH here: SAME, nothing follows
   the tag but empty strings, what has it still holds; LARGE, likewise: it is too large
   to be kept, and is to be passed on. Both are of status 200.
   The tag says what status, etag, content_type, fields and body are. fields are whole
   lines of a header, "Name: value" CR LF each. */
#ifndef ELO_HTTP_WIRE_DOCUMENT_H
#define ELO_HTTP_WIRE_DOCUMENT_H

#include "common/http/wire.h"

enum { ELO_WIRE_DOCUMENT = 7 };

#define ELO_WIRE_DOCUMENTS "/internal/v1/document/"

#define ELO_WIRE_SAME  0x20 /* of a document: as what has its tag */
#define ELO_WIRE_LARGE 0x40 /* of a document: not here */

#define ELO_DOCUMENT_TAG    16
#define ELO_DOCUMENT_MAX    (256u << 10) /* bytes of a body */
#define ELO_DOCUMENT_ETAG   128u
#define ELO_DOCUMENT_FIELDS 4096u

/* Slots of what is in no list any more, or in fewer of them; and of whatever else
   changes in lists that everybody sees. No content has such an id. */
#define ELO_GEN_NARROWED ELO_SLICE("\x01lists narrowed")
#define ELO_GEN_CHANGED  ELO_SLICE("\x01lists changed")

typedef struct {
    elo_wire_head_t head;
    uint64_t changed_generation; /* as head's, before the lookup */
    uint32_t changed_slot;
    uint16_t status; /* 200 or 404 */
    uint8_t tag[ELO_DOCUMENT_TAG];
    elo_slice_t etag; /* with its quotes; empty: it has none */
    elo_slice_t content_type;
    elo_slice_t fields;
    elo_slice_t body;
} elo_document_t;

/* As elo_wire_put_grant. */
elo_err_t elo_wire_put_document(elo_buf_t *b,
                                const elo_document_t *d) ELO_MUST_USE;

/* As elo_wire_get_grant. ELO_EINVAL also: another status, a reach that isn't commons, a
   field or a tag that could break a header, more than the bounds above, anything behind
   a tag that says SAME or LARGE. */
elo_err_t elo_wire_get_document(elo_slice_t msg,
                                elo_document_t *out) ELO_MUST_USE;

/* Gives the message of a whole document the stamps of one that says SAME. ELO_EINVAL:
   that isn't what these two are, or their tags differ; msg is as it was. */
elo_err_t elo_wire_renew_document(uint8_t *msg, size_t len,
                                  elo_slice_t same) ELO_MUST_USE;

/* Takes the first of *fields' lines apart; false: there is none. Of what
   elo_wire_get_document has checked. */
bool elo_document_field(elo_slice_t *fields, elo_slice_t *name,
                        elo_slice_t *value);

#endif
