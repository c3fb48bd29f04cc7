/* SPDX-License-Identifier: BSD-2-Clause */
/* alloc: makes the n-th allocation of a program fail. The program is linked with
   --wrap for malloc, calloc and realloc (crash.mk); what libraries that are not
   linked in allocate for themselves is not counted. */
#ifndef ELO_T_CRASH_ALLOC_H
#define ELO_T_CRASH_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

/* The n-th allocation from here fails, and with `on` all after it. */
void alloc_fail_at(uint64_t n, bool on);
void alloc_fail_never(void);
bool alloc_fired(void);

#endif
