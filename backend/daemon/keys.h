/* SPDX-License-Identifier: BSD-2-Clause */
/* keys: the daemon's keyring: where it is, and what opens it. */
#ifndef ELO_DAEMON_KEYS_H
#define ELO_DAEMON_KEYS_H

#include "backend/daemon/options.h"
#include "backend/keys/keyring.h"

#define ELO_KEYS_CREDENTIAL "elohimd-passphrase" /* systemd.exec(5) */

/* Opens the ring, or makes one; warns when its mode alone protects it. On failure
   a sentence for people is appended to why. */
elo_err_t elo_daemon_keys_open(const elo_options_t *o, elo_keyring_t **out,
                               elo_buf_t *why) ELO_MUST_USE;

/* Reads it again; on failure all stays as it was. */
elo_err_t elo_daemon_keys_reload(const elo_options_t *o, elo_keyring_t *k,
                                 elo_buf_t *why) ELO_MUST_USE;

#endif
