/* SPDX-License-Identifier: BSD-2-Clause */
/* wire: the parts of the daemon, made as the options say. */
#ifndef ELO_DAEMON_WIRE_H
#define ELO_DAEMON_WIRE_H

#include "backend/api/api.h"
#include "backend/api/effects.h"
#include "backend/care/care.h"
#include "backend/ctl/ctl.h"
#include "backend/daemon/options.h"
#include "backend/net/http_server.h"
#include "backend/repl/repl.h"

#define ELO_WIRE_HEAD_MAX (32u << 10) /* bytes of a request head */

elo_err_t elo_wire_store(const elo_options_t *o, elo_keyring_t *keyring,
                         elo_promoted_t *promoted, int group,
                         elo_store_t **out) ELO_MUST_USE;

elo_err_t elo_wire_api(const elo_options_t *o, elo_loop_t *loop, elo_store_t *s,
                       elo_keyring_t *keyring, elo_api_t **out) ELO_MUST_USE;

/* A secret that can't be read is complained of here. */
elo_err_t elo_wire_ctl(const elo_options_t *o, elo_loop_t *loop, elo_store_t *s,
                       elo_keyring_t *keyring, elo_ctl_t **out) ELO_MUST_USE;

/* The listener on loopback TCP, if it is wanted; *out is untouched if not. What is
   wrong with its address is complained of here. */
elo_err_t elo_wire_native(const elo_options_t *o, elo_loop_t *loop,
                          elo_api_t *api, elo_http_server_t **out) ELO_MUST_USE;

/* What is wrong with its options is complained of here. *out NULL: it is off. */
elo_err_t elo_wire_fallback(const elo_options_t *o, elo_loop_t *loop,
                            elo_store_t *s, elo_fallback_t **out) ELO_MUST_USE;

elo_err_t elo_wire_repl(const elo_options_t *o, elo_loop_t *loop,
                        elo_store_t *s, elo_api_t *api,
                        elo_repl_t **out) ELO_MUST_USE;

elo_err_t elo_wire_care(const elo_options_t *o, elo_loop_t *loop,
                        elo_store_t *s, elo_keyring_t *keyring,
                        elo_promoted_t *promoted,
                        elo_care_t **out) ELO_MUST_USE;

#endif
