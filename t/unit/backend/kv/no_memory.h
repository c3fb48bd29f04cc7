/* SPDX-License-Identifier: BSD-2-Clause */
/* no_memory: reallocarray that fails when told to, in place of libc's. For one
   test program and one thread. */
#ifndef ELO_T_UNIT_NO_MEMORY_H
#define ELO_T_UNIT_NO_MEMORY_H

#include <stdlib.h>

static unsigned no_memory_at; /* so many calls from here; 0: never */


void *
reallocarray(void *p, size_t n, size_t size)
{
    size_t bytes;

    if ((no_memory_at > 0 && --no_memory_at == 0)
        || __builtin_mul_overflow(n, size, &bytes))
    {
        return NULL;
    }
    return realloc(p, bytes);
}

#endif
