/* SPDX-License-Identifier: BSD-2-Clause */
/* setting: small values by name that a part of the daemon has to find again as it left
   them, and that aren't an operator's to choose (those are options). */
#ifndef ELO_STORE_SETTING_H
#define ELO_STORE_SETTING_H

#include "backend/store/store.h"

#define ELO_SETTING_NAME_MAX 32u
#define ELO_SETTING_MAX      1024u

/* [any] Appends the value. ELO_ENOTFOUND: never kept. */
elo_err_t elo_store_setting_get(elo_store_t *s, const char *name,
                                elo_buf_t *out) ELO_MUST_USE;

/* [work] Keeps it durably. */
elo_err_t elo_store_setting_put(elo_store_t *s, const char *name,
                                elo_slice_t value) ELO_MUST_USE;

/* ---- the row, for fsck; pure ---- */

elo_err_t elo_setting_parse(elo_slice_t row, elo_slice_t *value) ELO_MUST_USE;

#endif
