/* SPDX-License-Identifier: BSD-2-Clause */
/* list_cursor: where a listing goes on, as a text that says nothing to its bearer
   and is good for nobody else. For it may name a content that he may not know of.

     offset  length
          0      12  nonce, random
         12     138  encrypted: time u64 (Unix seconds), is_from u8, length of the
                     id u8, id, padded with zeros to 128: all cursors are as long
        150      16  tag

   in base64url. AES-256-GCM or ChaCha20-Poly1305, as aead.h has it, with whom it
   was given to and the digest of what he had asked for as associated data: it opens
   for him and that only. The key is the node's (elo_keyring_derive), one a day, so
   that a restart ends no walk through a large listing, and no key makes so many that
   random nonces could meet. Transient: of no other version or day but the one before
   it needs to be read. [any] */
#ifndef ELO_API_LIST_CURSOR_H
#define ELO_API_LIST_CURSOR_H

#include "backend/keys/keyring.h"
#include "common/base/base64.h"
#include "common/base/cid.h"
#include "common/base/limits.h"

#define ELO_LIST_CURSOR_S 86400 /* how long one holds */

#define ELO_LIST_CURSOR_PLAIN (10u + ELO_CONTENT_ID_MAX)
#define ELO_LIST_CURSOR_BYTES                                                  \
    (ELO_AEAD_NONCE_LEN + ELO_LIST_CURSOR_PLAIN + ELO_AEAD_TAG_LEN)
#define ELO_LIST_CURSOR_TEXT ELO_BASE64URL_LEN(ELO_LIST_CURSOR_BYTES)

typedef enum {
    ELO_LISTS_ANONYMOUS = 0,
    ELO_LISTS_AGENT = 1,
    ELO_LISTS_OPERATOR = 2
} elo_lists_t;

/* Whose cursor it is, and of which listing. */
typedef struct {
    elo_lists_t caller;
    elo_agent_t agent; /* of LISTS_AGENT; else zero */
    elo_digest_t filters;
} elo_list_bound_t;

/* Writes ELO_LIST_CURSOR_TEXT characters and a NUL. now: Unix seconds. id is of at
   most ELO_CONTENT_ID_MAX bytes. Errors of the keyring and of encryption. */
elo_err_t elo_list_cursor_seal(elo_keyring_t *k, const elo_list_bound_t *to,
                               int64_t now, elo_slice_t id, bool is_from,
                               char out[ELO_LIST_CURSOR_TEXT + 1]) ELO_MUST_USE;

/* id is written with a NUL. ELO_EINVAL: it is none, another's, of another listing,
   changed, or too old; these can't be told apart. */
elo_err_t elo_list_cursor_open(elo_keyring_t *k, const elo_list_bound_t *to,
                               int64_t now, elo_slice_t text,
                               char id[ELO_CONTENT_ID_MAX + 1],
                               bool *is_from) ELO_MUST_USE;

#endif
