/* SPDX-License-Identifier: BSD-2-Clause */
/* alloc: see alloc.h. */
#include "t/crash/alloc.h"

#include <errno.h>
#include <stdlib.h>

#include "t/crash/simdisk.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static int64_t left = -1; /* until one fails; < 0: never */
static bool goes_on, fired;


static bool
fails(void)
{
    int64_t was;

    if (sim_spared > 0) {
        return false;
    }
    was = __atomic_load_n(&left, __ATOMIC_RELAXED);
    if (was < 0) {
        return false;
    }
    was = __atomic_sub_fetch(&left, 1, __ATOMIC_RELAXED);
    if (was == 0 || (was < 0 && goes_on)) {
        if (goes_on) {
            __atomic_store_n(&left, 0, __ATOMIC_RELAXED);
        }
        __atomic_store_n(&fired, true, __ATOMIC_RELAXED);
        errno = ENOMEM;
        return true;
    }
    return false;
}


void
alloc_fail_at(uint64_t n, bool on)
{
    goes_on = on;
    __atomic_store_n(&fired, false, __ATOMIC_RELAXED);
    __atomic_store_n(&left, (int64_t) n, __ATOMIC_RELAXED);
}


void
alloc_fail_never(void)
{
    __atomic_store_n(&left, -1, __ATOMIC_RELAXED);
}


bool
alloc_fired(void)
{
    return __atomic_load_n(&fired, __ATOMIC_RELAXED);
}


void *
__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}


void *
__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}


void *
__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}
