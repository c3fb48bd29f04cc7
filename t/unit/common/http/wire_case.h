/* SPDX-License-Identifier: BSD-2-Clause */
/* wire_case: what tests of messages write into, and what they read behind a page that
   can't be read. */
#ifndef T_UNIT_COMMON_HTTP_WIRE_CASE_H
#define T_UNIT_COMMON_HTTP_WIRE_CASE_H

#include "common/base/buf.h"
#include "t/unit/guard.h"

#ifndef WIRE_CASE_MAX
#define WIRE_CASE_MAX (1u << 20) /* bytes; who needs more says so before */
#endif

static guard_t guard;
static elo_buf_t buf;


static inline int
wire_case_setup(void **state)
{
    (void) state;
    guard_init(&guard, 4096);
    elo_buf_init(&buf, WIRE_CASE_MAX);
    return 0;
}


static inline int
wire_case_teardown(void **state)
{
    (void) state;
    elo_buf_dispose(&buf);
    guard_dispose(&guard);
    return 0;
}

#endif
