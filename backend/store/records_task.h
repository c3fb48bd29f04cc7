/* SPDX-License-Identifier: BSD-2-Clause */
/* records_task: bytes of the tables TASK and WAIT, see docs/formats/store-tables.md.
   Pure. Parsers answer ELO_ECORRUPT for whatever isn't exactly one record.

   A task stands in one of three places, told by its key:
     ready    0x00, reach 1, complement of created_us 8, kind 1, digest 32
     waiting  0x01, due_ms 8, kind 1, digest 32
     dropped  0x01, eight bytes 0xff, kind 1, digest 32
   A ready task's key follows from its blob alone; for the others, WAIT (kind,
   digest) has the due_ms. */
#ifndef ELO_STORE_RECORDS_TASK_H
#define ELO_STORE_RECORDS_TASK_H

#include "backend/store/task.h"
#include "common/base/buf.h"

#define ELO_TASK_READY_KEY 43u
#define ELO_TASK_WAIT_KEY  42u
#define ELO_TASK_KEY_MAX   ELO_TASK_READY_KEY
#define ELO_WAIT_KEY       33u
#define ELO_WAIT_REC       8u
#define ELO_TASK_REC_MAX   (15u + ELO_TASK_WHY_MAX)

#define ELO_TASK_DROPPED UINT64_MAX /* due_ms of what was given up */

typedef enum {
    ELO_TASK_READY,
    ELO_TASK_WAITING,
    ELO_TASK_GIVEN_UP
} elo_task_place_t;

/* The key of a task where t says that it is: dropped, waiting with due_ms > 0,
   else ready. */
elo_slice_t elo_task_key(const elo_task_t *t, uint8_t out[ELO_TASK_KEY_MAX]);

/* Sets kind, digest, due_ms, is_dropped, and, of a ready one, reach and
   created_us. */
elo_err_t elo_task_key_parse(elo_slice_t key, elo_task_t *out,
                             elo_task_place_t *place) ELO_MUST_USE;

/* attempts, reach, created_us, why. One that was never tried takes one byte; reach
   and created_us are in the key then. */
void elo_rec_task_encode(const elo_task_t *t, elo_buf_t *out);

/* Adds to what the key gave: call it second. */
elo_err_t elo_rec_task_parse(elo_slice_t s, elo_task_t *out) ELO_MUST_USE;

elo_slice_t elo_wait_key(elo_task_kind_t kind, const elo_digest_t *d,
                         uint8_t out[ELO_WAIT_KEY]);
elo_slice_t elo_wait_encode(uint64_t due_ms, uint8_t out[ELO_WAIT_REC]);
elo_err_t elo_wait_parse(elo_slice_t s, uint64_t *due_ms) ELO_MUST_USE;

#endif
