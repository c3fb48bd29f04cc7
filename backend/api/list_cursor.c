/* SPDX-License-Identifier: BSD-2-Clause */
/* list_cursor: see the header. */
#include "backend/api/list_cursor.h"

#include "backend/os/clock.h"
#include "common/base/num.h"
#include "common/base/rd.h"

#define LABEL   "elohim-list-cursor-1"
#define DAY_S   86400
#define AAD_MAX (1 + ELO_AGENT_LEN + ELO_SHA256_LEN)


/* The key of a day, ready for use. */
static elo_err_t
aead_of(elo_keyring_t *k, uint64_t day, elo_aead_t **out)
{
    uint8_t *key = elo_secret_alloc(ELO_SECRET_LEN);
    elo_err_t rc;

    if (key == NULL) {
        return ELO_ENOMEM;
    }
    if ((rc = elo_keyring_derive(k, LABEL, day, key)) == ELO_OK) {
        rc = elo_aead_create(elo_cipher_best(), key, out);
    }
    elo_secret_free(key);
    return rc;
}


static elo_slice_t
bound_to(const elo_list_bound_t *to, uint8_t room[AAD_MAX])
{
    elo_buf_t b;

    elo_buf_init_fixed(&b, room, AAD_MAX);
    elo_buf_put_u8(&b, (uint8_t) to->caller);
    elo_buf_put(&b, to->agent.b, sizeof(to->agent.b));
    elo_buf_put(&b, to->filters.b, sizeof(to->filters.b));
    return elo_buf_slice(&b);
}


static uint64_t
day_of(int64_t now)
{
    return (uint64_t) (ELO_MAX(now, INT64_C(0)) / DAY_S);
}


elo_err_t
elo_list_cursor_seal(elo_keyring_t *k, const elo_list_bound_t *to, int64_t now,
                     elo_slice_t id, bool is_from,
                     char out[ELO_LIST_CURSOR_TEXT + 1])
{
    uint8_t bytes[ELO_LIST_CURSOR_BYTES] = { 0 }, aad[AAD_MAX];
    uint8_t *plain = bytes + ELO_AEAD_NONCE_LEN;
    elo_aead_t *aead = NULL;
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init_fixed(&b, plain, ELO_LIST_CURSOR_PLAIN);
    elo_buf_put_be64(&b, (uint64_t) now);
    elo_buf_put_u8(&b, is_from);
    elo_buf_put_u8(&b, (uint8_t) id.len);
    elo_buf_put_slice(&b, id);
    if ((rc = elo_buf_err(&b)) != ELO_OK
        || (rc = aead_of(k, day_of(now), &aead)) != ELO_OK)
    {
        return rc;
    }
    elo_random(bytes, ELO_AEAD_NONCE_LEN);
    rc = elo_aead_seal(aead, bytes, bound_to(to, aad),
                       elo_slice(plain, ELO_LIST_CURSOR_PLAIN), plain,
                       plain + ELO_LIST_CURSOR_PLAIN);
    if (rc == ELO_OK) {
        elo_base64url_encode(bytes, sizeof(bytes), out);
    }
    elo_aead_free(&aead);
    return rc;
}


/* Reads what was encrypted. */
static elo_err_t
read_plain(elo_slice_t plain, int64_t now, char id[ELO_CONTENT_ID_MAX + 1],
           bool *is_from)
{
    const uint8_t *p = plain.p, *end = plain.p + plain.len;
    uint64_t since = 0;
    uint8_t from = 0, len = 0;

    p = elo_rd_be64(p, end, &since);
    p = p == NULL ? NULL : elo_rd_u8(p, end, &from);
    p = p == NULL ? NULL : elo_rd_u8(p, end, &len);
    /* a clock that was set back is no reason to refuse */
    if (p == NULL || len > ELO_CONTENT_ID_MAX
        || now - (int64_t) since > ELO_LIST_CURSOR_S)
    {
        return ELO_EINVAL;
    }
    memcpy(id, p, len);
    id[len] = '\0';
    *is_from = from != 0;
    return ELO_OK;
}


/* ELO_ECORRUPT: not by the key of that day. */
static elo_err_t
open_by(elo_keyring_t *k, const elo_list_bound_t *to, uint64_t day,
        const uint8_t bytes[ELO_LIST_CURSOR_BYTES],
        uint8_t plain[ELO_LIST_CURSOR_PLAIN])
{
    const uint8_t *sealed = bytes + ELO_AEAD_NONCE_LEN;
    elo_aead_t *aead = NULL;
    uint8_t aad[AAD_MAX];
    elo_err_t rc;

    if ((rc = aead_of(k, day, &aead)) != ELO_OK) {
        return rc;
    }
    rc = elo_aead_open(aead, bytes, bound_to(to, aad),
                       elo_slice(sealed, ELO_LIST_CURSOR_PLAIN), plain,
                       sealed + ELO_LIST_CURSOR_PLAIN);
    elo_aead_free(&aead);
    return rc;
}


elo_err_t
elo_list_cursor_open(elo_keyring_t *k, const elo_list_bound_t *to, int64_t now,
                     elo_slice_t text, char id[ELO_CONTENT_ID_MAX + 1],
                     bool *is_from)
{
    uint8_t bytes[ELO_LIST_CURSOR_BYTES], plain[ELO_LIST_CURSOR_PLAIN];
    uint64_t day = day_of(now);
    elo_err_t rc;
    size_t len;

    if (text.len != ELO_LIST_CURSOR_TEXT
        || elo_base64url_decode(text, bytes, sizeof(bytes), &len) != ELO_OK
        || len != sizeof(bytes))
    {
        return ELO_EINVAL;
    }
    rc = open_by(k, to, day, bytes, plain);
    if (rc == ELO_ECORRUPT && day > 0) {
        rc = open_by(k, to, day - 1, bytes, plain);
    }
    if (rc != ELO_OK) {
        return rc == ELO_ECORRUPT ? ELO_EINVAL : rc;
    }
    return read_plain(elo_slice(plain, sizeof(plain)), now, id, is_from);
}
