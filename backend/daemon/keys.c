/* SPDX-License-Identifier: BSD-2-Clause */
/* keys: the daemon's keyring. The store's directory may not be there yet: the
   ring's file is made in it before the store is, for the store needs the ring. */
#include "backend/daemon/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "backend/keys/passphrase.h"
#include "backend/os/log.h"
#include "backend/os/vfs.h"
#include "backend/store/store.h"

#define PATH_ROOM  (2 * ELO_OPTION_TEXT_MAX)
#define STORE_MODE 0750

typedef struct {
    char ring[PATH_ROOM];
    char file[PATH_ROOM]; /* of the passphrase; "" without one */
    elo_passphrase_t passphrase;
    elo_keyring_cfg_t cfg;
} source_t;


static void
find_files(const elo_options_t *o, source_t *s)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");

    if (o->keyring.p[0] != '\0') {
        snprintf(s->ring, sizeof(s->ring), "%s", o->keyring.p);
    } else {
        snprintf(s->ring, sizeof(s->ring), "%s/keyring", o->store.p);
    }
    if (o->passphrase_file.p[0] != '\0') {
        snprintf(s->file, sizeof(s->file), "%s", o->passphrase_file.p);
    } else if (dir != NULL && dir[0] != '\0') {
        snprintf(s->file, sizeof(s->file), "%s/" ELO_KEYS_CREDENTIAL, dir);
    }
}


/* A credential that wasn't set is none; a file that was named must be there. */
static elo_err_t
read_passphrase(const elo_options_t *o, source_t *s, elo_buf_t *why)
{
    elo_err_t rc;

    if (s->file[0] == '\0') {
        return ELO_OK;
    }
    rc = elo_passphrase_read(s->file, &s->passphrase);
    if (rc == ENOENT && o->passphrase_file.p[0] == '\0') {
        return ELO_OK;
    }
    if (rc != ELO_OK) {
        elo_buf_printf(why, "passphrase_file \"%s\": %s", s->file,
                       rc == ELO_EINVAL ? "it must be one line"
                                        : elo_strerror(rc));
        return rc;
    }
    s->cfg.passphrase = s->passphrase.s;
    return ELO_OK;
}


static elo_err_t
prepare(const elo_options_t *o, source_t *s, elo_buf_t *why)
{
    *s = (source_t){ 0 };
    find_files(o, s);
    s->cfg.path = s->ring;
    return read_passphrase(o, s, why);
}


static void
dispose(source_t *s)
{
    elo_passphrase_dispose(&s->passphrase);
}


static void
explain(const source_t *s, elo_err_t rc, elo_buf_t *why)
{
    switch (rc) {
    case ELO_ENOKEY:
        elo_buf_printf(why, "keyring \"%s\": %s", s->ring,
                       s->cfg.passphrase.p == NULL
                           ? "it needs a passphrase: see passphrase_file"
                           : "the passphrase does not open it, or it has none");
        break;
    case ELO_ECORRUPT:
        elo_buf_printf(why,
                       "keyring \"%s\" is damaged: restore it from an export "
                       "(elohim key import)",
                       s->ring);
        break;
    case ELO_ENOTFOUND:
        elo_buf_printf(why,
                       "keyring \"%s\" is gone, and the store has content that "
                       "needs it: restore the file, or an export of it (elohim "
                       "key import)",
                       s->ring);
        break;
    default:
        elo_buf_printf(why, "keyring \"%s\": %s", s->ring, elo_strerror(rc));
    }
}


/* Makes the directory that a fresh ring is made in. *is_fresh: no store was made
   there yet. A store's ring that is lost is not made anew: what it encrypted would
   seem never to have been there. */
static elo_err_t
make_store_dir(const elo_options_t *o, bool *is_fresh)
{
    const elo_vfs_t *v = elo_vfs_posix();
    int dir = -1, fd = -1;
    elo_err_t rc = v->open_root(v, o->store.p, STORE_MODE, &dir);

    if (rc != ELO_OK) {
        return rc;
    }
    rc = v->open(v, dir, ELO_STORE_FORMAT_FILE, ELO_VFS_READ, 0, &fd);
    *is_fresh = rc == ENOENT;
    if (rc == ELO_OK) {
        v->close(v, fd);
    }
    v->close(v, dir);
    return rc == ENOENT ? ELO_OK : rc;
}


elo_err_t
elo_daemon_keys_open(const elo_options_t *o, elo_keyring_t **out,
                     elo_buf_t *why)
{
    source_t s;
    elo_err_t rc = prepare(o, &s, why);

    if (rc == ELO_OK) {
        rc = make_store_dir(o, &s.cfg.may_create);
        if (rc == ELO_OK) {
            rc = elo_keyring_open(&s.cfg, out);
        }
        if (rc != ELO_OK) {
            explain(&s, rc, why);
        }
    }
    if (rc == ELO_OK && !elo_keyring_is_protected(*out)) {
        elo_log(
            ELO_LOG_WARN,
            "keyring \"%s\" has no passphrase: its mode alone protects what "
            "is encrypted at rest",
            s.ring);
    }
    dispose(&s);
    return rc;
}


elo_err_t
elo_daemon_keys_reload(const elo_options_t *o, elo_keyring_t *k, elo_buf_t *why)
{
    source_t s;
    elo_err_t rc = prepare(o, &s, why);

    if (rc == ELO_OK) {
        rc = elo_keyring_reload(k, &s.cfg);
        if (rc != ELO_OK) {
            explain(&s, rc, why);
        }
    }
    dispose(&s);
    return rc;
}
