/* SPDX-License-Identifier: BSD-2-Clause */
/* simdisk_crash: what a disk holds after the power came back. Each sector that
   unsynced changes have touched has versions: the synced one, and the one after
   each change. So has a file's size, and each entry of a directory. A mode is a
   way of choosing among them. */
#include "t/crash/simdisk_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is chosen once for a disk or a file. */
typedef struct {
    sim_mode_t mode;
    sim_rng_t rng;
    uint64_t until; /* PREFIX: the last change that counts */
    /* TEAR, REORDER: of this file, change `at` is cut at sector `sector` */
    size_t at;
    uint64_t sector;
} choice_t;


const char *
sim_mode_name(sim_mode_t mode)
{
    static const char *const names[SIM_MODES] = {
        [SIM_LOSE] = "lose",       [SIM_KEEP] = "keep",
        [SIM_RANDOM] = "random",   [SIM_TEAR] = "tear",
        [SIM_REORDER] = "reorder", [SIM_PREFIX] = "prefix",
        [SIM_TRASH] = "trash",
    };

    return names[mode];
}


/* ---- files ---- */

static bool
touches(const sim_change_t *c, uint64_t sector)
{
    return c->len > 0 && sector >= c->off / SIM_SECTOR
           && sector <= (c->off + c->len - 1) / SIM_SECTOR;
}


/* Which of the changes of a sector is the last that it shows: its index plus one,
   0 for what was synced. */
static size_t
version_of(choice_t *ch, const sim_inode_t *i, uint64_t sector)
{
    size_t last = 0, n = 0, pick;

    for (size_t k = 0; k < i->n_changes; k++) {
        if (!touches(&i->changes[k], sector)) {
            continue;
        }
        n++;
        switch (ch->mode) {
        case SIM_LOSE:
            break;
        case SIM_TEAR:
            if (k < ch->at || (k == ch->at && sector < ch->sector)) {
                last = k + 1;
            }
            break;
        case SIM_REORDER:
            if (k > ch->at || (k == ch->at && sector >= ch->sector)) {
                last = k + 1;
            }
            break;
        case SIM_PREFIX:
            if (i->changes[k].seq <= ch->until) {
                last = k + 1;
            }
            break;
        default:
            last = k + 1;
        }
    }
    if (n == 0 || (ch->mode != SIM_RANDOM && ch->mode != SIM_TRASH)) {
        return last;
    }
    pick = sim_rng_below(&ch->rng, n + 1);
    for (size_t k = 0; pick > 0; k++) {
        if (touches(&i->changes[k], sector) && --pick == 0) {
            return k + 1;
        }
    }
    return 0;
}


static uint64_t
size_after(choice_t *ch, const sim_inode_t *i)
{
    uint64_t size = i->disk_size;
    size_t pick;

    switch (ch->mode) {
    case SIM_LOSE:
        return size;
    case SIM_KEEP:
        return i->mem_size;
    case SIM_PREFIX:
        for (size_t k = 0; k < i->n_changes; k++) {
            if (i->changes[k].seq <= ch->until) {
                size = i->changes[k].size;
            }
        }
        return size;
    default:
        pick = sim_rng_below(&ch->rng, i->n_changes + 1);
        return pick == 0 ? size : i->changes[pick - 1].size;
    }
}


/* Bytes of a sector that were being changed become noise: those that a change would
   have made others than they are on the platter. */
static void
trash(choice_t *ch, const sim_inode_t *i, uint64_t sector, uint8_t *at)
{
    uint64_t from = sector * SIM_SECTOR, to = from + SIM_SECTOR;

    for (size_t k = 0; k < i->n_changes; k++) {
        const sim_change_t *c = &i->changes[k];
        uint64_t a = c->off > from ? c->off : from;
        uint64_t b = c->off + c->len < to ? c->off + c->len : to;

        for (; a < b; a++) {
            uint8_t was = a < i->disk_size ? i->disk[a] : 0;

            if ((c->bytes == NULL ? 0 : c->bytes[a - c->off]) != was) {
                at[a - from] = (uint8_t) sim_rng_next(&ch->rng);
            }
        }
    }
}


/* Replays the changes; each sector is taken at its chosen version. */
static void
blend(choice_t *ch, const sim_inode_t *i, sim_inode_t *to, uint64_t room)
{
    uint64_t n = room / SIM_SECTOR;
    size_t *version = sim_alloc(n + 1, sizeof(*version));
    uint8_t *now = sim_alloc(room + 1, 1);

    if (room > 0) {
        memcpy(now, to->disk, room);
    }
    for (uint64_t s = 0; s < n; s++) {
        version[s] = version_of(ch, i, s);
    }
    for (size_t k = 0; k < i->n_changes; k++) {
        const sim_change_t *c = &i->changes[k];

        if (c->bytes == NULL) {
            memset(now + c->off, 0, c->len);
        } else {
            memcpy(now + c->off, c->bytes, c->len);
        }
        for (uint64_t s = c->off / SIM_SECTOR; c->len > 0 && touches(c, s); s++)
        {
            if (version[s] == k + 1) {
                memcpy(to->disk + s * SIM_SECTOR, now + s * SIM_SECTOR,
                       SIM_SECTOR);
            }
        }
    }
    if (ch->mode == SIM_TRASH) {
        for (uint64_t s = 0; s < n; s++) {
            if (sim_rng_below(&ch->rng, 4) == 0) {
                trash(ch, i, s, to->disk + s * SIM_SECTOR);
            }
        }
    }
    free(now);
    free(version);
}


static uint64_t
sectors_up(uint64_t size)
{
    return (size + SIM_SECTOR - 1) / SIM_SECTOR * SIM_SECTOR;
}


static void
crash_file(choice_t *ch, const sim_inode_t *i, sim_inode_t *to)
{
    uint64_t room = i->disk_size > i->mem_size ? i->disk_size : i->mem_size;

    for (size_t k = 0; k < i->n_changes; k++) {
        const sim_change_t *c = &i->changes[k];

        room = c->off + c->len > room ? c->off + c->len : room;
        room = c->size > room ? c->size : room;
    }
    room = sectors_up(room);
    sim_grow(&to->disk, &to->disk_cap, room);
    if (i->disk_size > 0) {
        memcpy(to->disk, i->disk, i->disk_size);
    }
    if (i->n_changes > 0) {
        const sim_change_t *c;

        ch->at = sim_rng_below(&ch->rng, i->n_changes);
        c = &i->changes[ch->at];
        ch->sector = c->off / SIM_SECTOR
                     + sim_rng_below(&ch->rng, c->len / SIM_SECTOR + 2);
        blend(ch, i, to, room);
    }
    to->disk_size = size_after(ch, i);
    sim_grow(&to->disk, &to->disk_cap, to->disk_size);
    /* what a size cuts off does not come back when the file grows */
    if (to->disk_cap > to->disk_size) {
        memset(to->disk + to->disk_size, 0, to->disk_cap - to->disk_size);
    }
}


/* ---- directories ---- */

static sim_inode_t *
entry_after(choice_t *ch, const sim_entry_t *e)
{
    sim_inode_t *to = e->disk;
    size_t pick;

    if (e->n_turns == 0 || ch->mode == SIM_LOSE) {
        return e->disk;
    }
    switch (ch->mode) {
    case SIM_KEEP:
        return e->mem;
    case SIM_PREFIX:
        for (size_t k = 0; k < e->n_turns; k++) {
            if (e->turns[k].seq <= ch->until) {
                to = e->turns[k].to;
            }
        }
        return to;
    default:
        pick = sim_rng_below(&ch->rng, e->n_turns + 1);
        return pick == 0 ? e->disk : e->turns[pick - 1].to;
    }
}


/* A copy of LMDB's file, as it is after its last commit. */
static void
copy_index(const simdisk_t *d, const simdisk_t *to, const char *path)
{
    char name[3 * SIM_PATH_MAX];
    uint8_t buf[65536];
    FILE *in, *out;
    size_t n;

    snprintf(name, sizeof(name), "%s%s/data.mdb", d->real, path);
    if ((in = fopen(name, "rb")) == NULL) {
        return;
    }
    snprintf(name, sizeof(name), "%s%s/data.mdb", to->real, path);
    if ((out = fopen(name, "wb")) == NULL) {
        abort();
    }
    while ((n = fread(buf, 1, sizeof(buf), in)) > 0) {
        if (fwrite(buf, 1, n, out) != n) {
            abort();
        }
    }
    fclose(in);
    if (fclose(out) != 0) {
        abort();
    }
}


static void
crash_index(choice_t *ch, const simdisk_t *d, const simdisk_t *to,
            const sim_inode_t *i)
{
    bool is_kept = i->is_index_synced || ch->mode == SIM_KEEP
                   || (ch->mode != SIM_LOSE && sim_rng_below(&ch->rng, 2) == 1);

    if (is_kept) {
        copy_index(d, to, i->path);
    }
}


static sim_inode_t *crash_inode(choice_t *ch, const simdisk_t *d, simdisk_t *to,
                                sim_inode_t *i, const char *path);


/* An entry of an inode that was last synced without a name: without a journal the
   check of the file system takes it for a deleted file's. */
static bool
is_cleared(choice_t *ch)
{
    return ch->mode == SIM_LOSE
           || (ch->mode != SIM_KEEP && ch->mode != SIM_PREFIX
               && sim_rng_below(&ch->rng, 2) == 0);
}


static void
crash_dir(choice_t *ch, const simdisk_t *d, simdisk_t *to, sim_inode_t *i,
          sim_inode_t *became)
{
    char path[3 * SIM_PATH_MAX];

    for (size_t k = 0; k < i->n_entries; k++) {
        const sim_entry_t *e = &i->entries[k];
        sim_inode_t *at = entry_after(ch, e);

        if (at != NULL && at->is_nameless && is_cleared(ch)) {
            at = NULL;
        }
        if (at != NULL) {
            snprintf(path, sizeof(path), "%s/%s", i->path, e->name);
            at = crash_inode(ch, d, to, at, path);
            sim_entry_t *now = sim_entry(became, e->name, true);

            now->disk = now->mem = at;
            at->names++;
        }
    }
}


static sim_inode_t *
crash_inode(choice_t *ch, const simdisk_t *d, simdisk_t *to, sim_inode_t *i,
            const char *path)
{
    char real[3 * SIM_PATH_MAX];
    sim_inode_t *n;

    if (i->became != NULL) {
        return i->became; /* another name of it */
    }
    n = i == d->root ? to->root : sim_inode_new(to, i->is_dir);
    n->id = i->id;
    i->became = n;
    if (i->is_dir) {
        memcpy(n->path, i->path, sizeof(n->path));
        snprintf(real, sizeof(real), "%s%s", to->real, path);
        mkdir(real, 0700); /* the root is there */
        n->is_index_synced = i->is_index_synced;
        crash_index(ch, d, to, i);
        crash_dir(ch, d, to, i, n);
        return n;
    }
    crash_file(ch, i, n);
    n->mem_size = n->disk_size;
    sim_grow(&n->mem, &n->mem_cap, n->mem_size);
    if (n->mem_size > 0) {
        memcpy(n->mem, n->disk, n->mem_size);
    }
    for (uint64_t off = 0; off < n->mem_size; off += SIM_BLOCK) {
        n->n_blocks++;
    }
    n->blocks = sim_alloc(n->n_blocks + 1, 1);
    memset(n->blocks, 1, n->n_blocks);
    to->used += n->n_blocks;
    return n;
}


/* The first change that isn't synced. */
static uint64_t
first_unsynced(const simdisk_t *d)
{
    uint64_t first = d->seq + 1;

    for (const sim_inode_t *i = d->inodes; i != NULL; i = i->next) {
        if (i->n_changes > 0 && i->changes[0].seq < first) {
            first = i->changes[0].seq;
        }
        for (size_t k = 0; k < i->n_entries; k++) {
            const sim_entry_t *e = &i->entries[k];

            if (e->n_turns > 0 && e->turns[0].seq < first) {
                first = e->turns[0].seq;
            }
        }
    }
    return first;
}


simdisk_t *
simdisk_crash(simdisk_t *d, uint64_t seed, sim_mode_t mode)
{
    simdisk_t *to = simdisk_create();
    choice_t ch = { mode, sim_rng(seed, (uint64_t) mode, 0x63726173), 0, 0, 0 };
    uint64_t first = first_unsynced(d);

    if (to == NULL) {
        return NULL;
    }
    ch.until = first - 1 + sim_rng_below(&ch.rng, d->seq + 2 - first);
    to->next_id = d->next_id;
    to->capacity = d->capacity;
    to->ignore_syncs = d->ignore_syncs;
    for (sim_inode_t *i = d->inodes; i != NULL; i = i->next) {
        if (i->opens > 0) {
            fprintf(stderr, "simdisk: #%llu (%s) is open\n",
                    (unsigned long long) i->id, i->path);
            abort(); /* somebody still runs, or lost a descriptor */
        }
        i->became = NULL;
    }
    crash_inode(&ch, d, to, d->root, "");
    return to;
}


/* ---- what is there ---- */

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const sim_entry_t *) a)->name,
                  ((const sim_entry_t *) b)->name);
}


static void
each(sim_inode_t *dir, sim_each_fn fn, void *ctx)
{
    char path[3 * SIM_PATH_MAX];

    if (dir->n_entries > 0) {
        qsort(dir->entries, dir->n_entries, sizeof(sim_entry_t), by_name);
    }
    for (size_t k = 0; k < dir->n_entries; k++) {
        sim_inode_t *i = dir->entries[k].mem;

        if (i != NULL) {
            snprintf(path, sizeof(path), "%s/%s%s", dir->path,
                     dir->entries[k].name, i->is_dir ? "/" : "");
            fn(ctx, path + 1, i->mem_size);
            if (i->is_dir) {
                each(i, fn, ctx);
            }
        }
    }
}


void
simdisk_each(simdisk_t *d, sim_each_fn fn, void *ctx)
{
    each(d->root, fn, ctx);
}
