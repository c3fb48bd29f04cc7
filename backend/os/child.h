/* SPDX-License-Identifier: BSD-2-Clause */
/* child: runs this very program again (/proc/self/exe) as a short-lived child
   that is trusted with nothing, and collects what it writes. The child gets no
   environment, "/" as its directory, /dev/null as 0 to 2, the input as fd 3 (an
   open file, read-only) and the write end of a pipe as fd 4; it gives up its
   privileges by elo_sandbox_enter. Loop thread only.

   The indexer of media is such a child; its arguments and output are laid down
   in backend/media/index_child.h. */
#ifndef ELO_OS_CHILD_H
#define ELO_OS_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/os/loop.h"
#include "common/base/buf.h"

#define ELO_CHILD_IN_FD    3
#define ELO_CHILD_OUT_FD   4
#define ELO_CHILD_MAX_ARGS 8

typedef struct elo_child_s elo_child_t;

typedef struct {
    const char *name;        /* argv[0], as it is to look in ps */
    const char *const *args; /* argv[1]…, NULL at the end, at most
                                 ELO_CHILD_MAX_ARGS */
    int input_fd;            /* the caller's; may be closed as soon as
                                 elo_child_run has returned */
    uint64_t max_output;     /* bytes; a child that writes more is killed */
    uint32_t timeout_ms;     /* of wall clock; past it the child is killed */
} elo_child_cfg_t;

typedef struct {
    /* ELO_OK: it ended with status 0 and output is all that it wrote.
       ELO_ETIMEDOUT, ELO_ETOOBIG, ELO_ENOMEM: killed for that reason.
       ELO_ECLOSED: killed by elo_child_kill.
       ELO_EINTERNAL: it failed or crashed; see the next two. */
    elo_err_t err;
    int exit_status; /* when signal is 0 */
    int signal;      /* that ended it, or 0 */

    /* Freed after the callback. To keep it, copy the struct and zero this one
       (res->output = (elo_buf_t) { 0 }), then dispose of the copy later. */
    elo_buf_t output;
} elo_child_result_t;

/* True when a signal ended it that is sent by people and service managers, to a
   process and its children alike, and comes from no fault. */
bool elo_child_was_ended(const elo_child_result_t *res);

typedef void (*elo_child_done_cb)(void *ctx, elo_child_result_t *res);

/* Starts a child. done is called exactly once, later, after the child has been
   reaped and its pipe is at its end; never when the start fails. *out is valid
   until done is called; out may be NULL. */
elo_err_t elo_child_run(elo_loop_t *loop, const elo_child_cfg_t *cfg,
                        elo_child_done_cb done, void *ctx,
                        elo_child_t **out) ELO_MUST_USE;

/* Kills the child now; done follows with ELO_ECLOSED. */
void elo_child_kill(elo_child_t *c);

#endif
