/* SPDX-License-Identifier: BSD-2-Clause */
/* genpage: the store's side of common/cache/generation.h: the file is made once
   and then changed in place only, because workers of the Doorway have it mapped:
   another inode, or a shorter one, would leave them with a page that nobody
   bumps (S9). */
#include "backend/store/store_internal.h"

#include "backend/os/clock.h"

#define PAGE_LEN sizeof(elo_gen_page_t)


/* Gives the file its full length with real blocks, so that a store into the
   mapping can't meet a full disk (SIGBUS). */
static elo_err_t
fill(elo_store_t *s, int fd, uint64_t from)
{
    static const uint8_t zeros[4096];
    elo_err_t rc;
    size_t n;

    while (from < PAGE_LEN) {
        size_t len = PAGE_LEN - from;

        if (len > sizeof(zeros)) {
            len = sizeof(zeros);
        }
        rc = s->vfs->pwrite(s->vfs, fd, zeros, len, from, &n);
        if (rc != ELO_OK || n == 0) {
            return rc != ELO_OK ? elo_store_fail(s, rc, "generation file")
                                : ELO_ENOSPC;
        }
        from += n;
    }
    return ELO_OK;
}


static void
start_epoch(elo_store_t *s, elo_gen_page_t *page)
{
    uint64_t epoch, base = 0;

    do {
        elo_random(&epoch, sizeof(epoch));
    } while (epoch == 0 || epoch == page->epoch);
    if (!elo_gen_page_ok(page, PAGE_LEN) || page->store_id != s->store_id) {
        /* A page from nowhere: values that no earlier page had. */
        do {
            elo_random(&base, sizeof(base));
        } while (base == 0);
    }
    for (uint32_t i = 0; i < ELO_GEN_SLOTS; i++) {
        __atomic_fetch_add(&page->slot[i], base + 1, __ATOMIC_RELEASE);
    }
    if (base != 0) {
        memset(page->magic, 0, sizeof(page->magic)); /* elo_genpage_ready */
        page->store_id = s->store_id;
    }
    __atomic_store_n(&page->heartbeat_ns, elo_clock_mono_ns(),
                     __ATOMIC_RELEASE);
    __atomic_store_n(&page->epoch, epoch, __ATOMIC_RELEASE);
}


elo_err_t
elo_genpage_open(elo_store_t *s)
{
    const elo_vfs_t *v = s->vfs;
    uint64_t size;
    elo_err_t rc;
    void *p;
    int fd;

    rc =
        v->open(v, s->root_fd, ELO_GEN_FILE, ELO_VFS_WRITE, ELO_FILE_MODE, &fd);
    if (rc != ELO_OK) {
        return elo_store_fail(s, rc, "generation file");
    }
    if ((rc = v->chmod(v, fd, ELO_FILE_MODE)) != ELO_OK
        || (s->group >= 0 && (rc = v->chgrp(v, fd, s->group)) != ELO_OK)
        || (rc = v->size(v, fd, &size)) != ELO_OK)
    {
        rc = elo_store_fail(s, rc, "generation file");
    } else {
        rc = fill(s, fd, size);
    }
    if (rc == ELO_OK && (rc = v->map(v, fd, PAGE_LEN, &p)) != ELO_OK) {
        rc = elo_store_fail(s, rc, "generation file");
    }
    v->close(v, fd);
    if (rc == ELO_OK) {
        s->gen = p;
        start_epoch(s, s->gen);
    }
    return rc;
}


void
elo_genpage_ready(elo_store_t *s, uint64_t last,
                  const elo_gen_purge_t ring[ELO_PURGE_RING])
{
    elo_purge_restore(s->gen, last, ring);
    s->gen->slots = ELO_GEN_SLOTS;
    s->gen->purges = ELO_PURGE_RING;
    for (size_t i = 0; i < sizeof(ELO_GEN_MAGIC); i++) { /* after all else */
        __atomic_store_n(&s->gen->magic[i], ELO_GEN_MAGIC[i], __ATOMIC_RELEASE);
    }
}


void
elo_genpage_close(elo_store_t *s)
{
    if (s->gen != NULL) {
        __atomic_store_n(&s->gen->heartbeat_ns, 0, __ATOMIC_RELEASE);
        s->vfs->unmap(s->vfs, s->gen, PAGE_LEN);
        s->gen = NULL;
    }
}
