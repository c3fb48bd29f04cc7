/* SPDX-License-Identifier: BSD-2-Clause */
/* passphrase: see the header. */
#include "backend/keys/passphrase.h"

#include "backend/os/file.h"
#include "common/base/keys.h"


elo_err_t
elo_passphrase_read(const char *path, elo_passphrase_t *out)
{
    const size_t room = ELO_PASSPHRASE_MAX + 2; /* and the end of the line */
    elo_err_t rc = elo_keys_init();
    uint8_t *p;
    elo_buf_t b;

    if (rc != ELO_OK) {
        return rc;
    }
    p = elo_secret_alloc(room);
    if (p == NULL) {
        return ELO_ENOMEM;
    }
    elo_buf_init_fixed(&b, p, room);
    rc = elo_file_read(path, room, &b);
    if (rc == ELO_OK && b.len > 0 && p[b.len - 1] == '\n') {
        b.len--;
        b.len -= b.len > 0 && p[b.len - 1] == '\r';
    }
    if (rc == ELO_OK && b.len > ELO_PASSPHRASE_MAX) {
        rc = ELO_ETOOBIG;
    }
    if (rc == ELO_OK
        && (b.len == 0 || memchr(p, '\n', b.len) != NULL
            || memchr(p, '\0', b.len) != NULL))
    {
        rc = ELO_EINVAL;
    }
    if (rc != ELO_OK) {
        elo_secret_free(p);
        return rc;
    }
    out->s = elo_slice(p, b.len);
    return ELO_OK;
}


void
elo_passphrase_dispose(elo_passphrase_t *p)
{
    elo_secret_free((void *) (uintptr_t) p->s.p);
    p->s = elo_slice(NULL, 0);
}
