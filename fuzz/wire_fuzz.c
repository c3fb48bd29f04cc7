/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes common/http/wire: what is read is written back byte for byte. */
#include <stdlib.h>

#include "common/http/wire_auth.h"
#include "common/http/wire_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    elo_slice_t msg = elo_slice(data, len);
    elo_wire_session_t session;
    elo_wire_access_t access;
    elo_wire_keys_t keys;
    elo_document_t doc;
    elo_media_desc_t m;
    elo_recipe_t r;
    elo_grant_t g;
    elo_err_t rc;
    elo_buf_t b;

    elo_buf_init(&b, ELO_WIRE_MAX);
    if (elo_wire_get_grant(msg, &g) == ELO_OK) {
        rc = elo_wire_put_grant(&b, &g);
    } else if (elo_wire_get_media(msg, &m) == ELO_OK) {
        rc = elo_wire_put_media(&b, &m);
    } else if (elo_wire_get_recipe(msg, &r) == ELO_OK) {
        rc = elo_recipe_len(&r) > 0 ? elo_wire_put_recipe(&b, &r) : ELO_EINVAL;
    } else if (elo_wire_get_keys(msg, &keys) == ELO_OK) {
        rc = elo_wire_put_keys(&b, &keys);
    } else if (elo_wire_get_session(msg, &session) == ELO_OK) {
        rc = elo_wire_put_session(&b, &session);
    } else if (elo_wire_get_access(msg, &access) == ELO_OK) {
        rc = elo_wire_put_access(&b, &access);
    } else if (elo_wire_get_document(msg, &doc) == ELO_OK) {
        rc = elo_wire_put_document(&b, &doc);
    } else {
        return 0;
    }
    if (rc != ELO_OK || !elo_slice_eq(elo_buf_slice(&b), msg)) {
        abort();
    }
    elo_buf_dispose(&b);
    return 0;
}
