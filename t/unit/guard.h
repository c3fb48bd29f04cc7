/* SPDX-License-Identifier: BSD-2-Clause */
/* guard: places an input so that it ends exactly where an unreadable page
   begins; a parser that reads one byte too far dies at once, also without a
   sanitizer. For tests only. */
#ifndef ELO_T_UNIT_GUARD_H
#define ELO_T_UNIT_GUARD_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/slice.h"

typedef struct {
    uint8_t *_map;
    size_t _len; /* readable bytes before the guard page */
    size_t _page;
} guard_t;

/* Room for inputs of up to max bytes; aborts when there is no memory. End with
   guard_dispose. */
static inline void
guard_init(guard_t *g, size_t max)
{
    g->_page = (size_t) sysconf(_SC_PAGESIZE);
    g->_len = (max / g->_page + 1) * g->_page;
    g->_map = mmap(NULL, g->_len + g->_page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->_map == MAP_FAILED
        || mprotect(g->_map + g->_len, g->_page, PROT_NONE) != 0)
    {
        abort();
    }
}


static inline void
guard_dispose(guard_t *g)
{
    munmap(g->_map, g->_len + g->_page);
    g->_map = NULL;
}


/* A copy of s that ends at the guard page, borrowed until the next call. The
   empty slice points at the guard page itself. */
static inline elo_slice_t
guard_put(guard_t *g, elo_slice_t s)
{
    uint8_t *at;

    if (s.len > g->_len) {
        abort();
    }
    at = g->_map + (g->_len - s.len);
    if (s.len > 0) {
        memcpy(at, s.p, s.len);
    }
    return elo_slice(at, s.len);
}

#endif
