/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_many: many operations that wait for the disk together. */
#ifndef ELO_KV_KV_MANY_H
#define ELO_KV_KV_MANY_H

#include "backend/kv/kv.h"

/* [work] Submits all of them, in their order, and waits until each is done: err[i] is
   what op i got; done is set by it. They are of one batch, or of few. Another result
   than ELO_OK: nothing was submitted. */
elo_err_t elo_kv_exec_all(elo_kv_t *kv, elo_kv_op_t *const *op, uint32_t n,
                          elo_err_t *err) ELO_MUST_USE;

#endif
