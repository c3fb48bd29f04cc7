/* SPDX-License-Identifier: BSD-2-Clause */
/* simdisk: the file operations over the disk in memory. */
#include "t/crash/simdisk_internal.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const op_names[SIM_OPS] = {
    [SIM_OP_CREATE] = "create",
    [SIM_OP_WRITE] = "write",
    [SIM_OP_TRUNCATE] = "truncate",
    [SIM_OP_SYNC] = "fdatasync",
    [SIM_OP_SYNC_DIR] = "fsync_dir",
    [SIM_OP_BEHIND] = "write_behind",
    [SIM_OP_LINK] = "link",
    [SIM_OP_RENAME] = "rename",
    [SIM_OP_UNLINK] = "unlink",
    [SIM_OP_MKDIR] = "mkdir",
    [SIM_OP_CHECKPOINT] = "checkpoint",
};


simdisk_t *
sim_disk_of(const elo_vfs_t *v)
{
    union {
        const elo_vfs_t *v;
        simdisk_t *d;
    } both = { v };

    return both.d;
}


const char *
sim_op_name(sim_op_t op)
{
    return op_names[op];
}


_Thread_local volatile unsigned sim_spared;


void *
sim_alloc(size_t n, size_t size)
{
    sim_spared++;
    void *p = calloc(n, size);

    sim_spared--;
    if (p == NULL) {
        abort();
    }
    return p;
}


void *
sim_realloc(void *p, size_t n, size_t size)
{
    sim_spared++;
    void *q = realloc(p, n * size);

    sim_spared--;
    if (q == NULL) {
        abort();
    }
    return q;
}


void
sim_grow(uint8_t **p, uint64_t *cap, uint64_t size)
{
    uint64_t to = *cap == 0 ? SIM_BLOCK : *cap;

    if (size <= *cap) {
        return;
    }
    while (to < size) {
        to *= 2;
    }
    *p = sim_realloc(*p, to, 1);
    memset(*p + *cap, 0, to - *cap);
    *cap = to;
}


sim_inode_t *
sim_inode_new(simdisk_t *d, bool is_dir)
{
    sim_inode_t *i = sim_alloc(1, sizeof(*i));

    i->id = d->next_id++;
    i->is_dir = is_dir;
    i->next = d->inodes;
    d->inodes = i;
    return i;
}


sim_entry_t *
sim_entry(sim_inode_t *dir, const char *name, bool make)
{
    for (size_t i = 0; i < dir->n_entries; i++) {
        if (strcmp(dir->entries[i].name, name) == 0) {
            return &dir->entries[i];
        }
    }
    if (!make) {
        return NULL;
    }
    if (dir->n_entries == dir->cap_entries) {
        dir->cap_entries = dir->cap_entries == 0 ? 8 : dir->cap_entries * 2;
        dir->entries =
            sim_realloc(dir->entries, dir->cap_entries, sizeof(sim_entry_t));
    }
    sim_entry_t *e = &dir->entries[dir->n_entries++];

    memset(e, 0, sizeof(*e));
    strcpy(e->name, name);
    return e;
}


void
sim_free_blocks(simdisk_t *d, sim_inode_t *i, uint64_t from)
{
    for (uint64_t b = (from + SIM_BLOCK - 1) / SIM_BLOCK; b < i->n_blocks; b++)
    {
        d->used -= i->blocks[b];
        i->blocks[b] = 0;
    }
}


void
sim_release(simdisk_t *d, sim_inode_t *i)
{
    if (i->opens == 0 && i->names == 0) {
        sim_free_blocks(d, i, 0);
    }
}


void
sim_turn(simdisk_t *d, sim_entry_t *e, sim_inode_t *to, uint64_t seq)
{
    sim_inode_t *was = e->mem;

    if (e->n_turns == e->cap_turns) {
        e->cap_turns = e->cap_turns == 0 ? 4 : e->cap_turns * 2;
        e->turns = sim_realloc(e->turns, e->cap_turns, sizeof(sim_turn_t));
    }
    e->turns[e->n_turns++] = (sim_turn_t){ seq, to };
    e->mem = to;
    if (to != NULL) {
        to->names++;
    }
    if (was != NULL) {
        was->names--;
        sim_release(d, was);
    }
}


/* ---- every operation ---- */

void
sim_note(simdisk_t *d, sim_op_t op, const char *fmt, ...)
{
    char *line = d->trace[d->n_trace++ % SIM_TRACE];
    va_list ap;
    int n = snprintf(line, SIM_TRACE_LEN, "%llu %s ",
                     (unsigned long long) d->ops, op_names[op]);

    va_start(ap, fmt);
    vsnprintf(line + n, SIM_TRACE_LEN - (size_t) n, fmt, ap);
    va_end(ap);
}


void
sim_count(simdisk_t *d, sim_op_t op)
{
    d->ops++;
    d->count[op]++;
    if (d->cut_at != 0 && d->ops == d->cut_at) {
        d->is_cut = true;
        d->cut_op = op;
    }
}


elo_err_t
sim_outcome(const simdisk_t *d)
{
    return d->is_cut ? EIO : ELO_OK;
}


sim_inode_t *
sim_inode_of(simdisk_t *d, int fd)
{
    int i = fd - SIM_FD_BASE;

    return i >= 0 && i < (int) SIM_FDS ? d->fds[i].inode : NULL;
}


elo_err_t
sim_fd_new(simdisk_t *d, sim_inode_t *i, int *out)
{
    for (int n = 0; n < (int) SIM_FDS; n++) {
        if (d->fds[n].inode == NULL) {
            d->fds[n].inode = i;
            i->opens++;
            *out = n + SIM_FD_BASE;
            return ELO_OK;
        }
    }
    return EMFILE;
}


elo_err_t
sim_walk(simdisk_t *d, int dir, const char *path, sim_inode_t **in,
         char name[SIM_NAME_MAX + 1])
{
    sim_inode_t *at = sim_inode_of(d, dir);
    size_t root_len = strlen(d->real);
    const char *slash;

    if (dir == ELO_VFS_CWD && strncmp(path, d->real, root_len) == 0) {
        at = d->root;
        path = path[root_len] == '\0' ? "." : path + root_len + 1;
    }
    if (at == NULL) {
        return EBADF;
    }
    for (;; path = slash + 1) {
        slash = strchr(path, '/');
        size_t len = slash == NULL ? strlen(path) : (size_t) (slash - path);

        if (len == 0 || len > SIM_NAME_MAX || !at->is_dir) {
            return len == 0 ? EINVAL : at->is_dir ? ENAMETOOLONG : ENOTDIR;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        if (slash == NULL) {
            *in = at;
            return ELO_OK;
        }
        sim_entry_t *e = sim_entry(at, name, false);

        if (strcmp(name, ".") != 0) {
            if (e == NULL || e->mem == NULL) {
                return ENOENT;
            }
            at = e->mem;
        }
    }
}


/* ---- the disk ---- */

simdisk_t *
simdisk_create(void)
{
    simdisk_t *d = sim_alloc(1, sizeof(*d));
    const char *base = getenv("TMPDIR");

    if (base == NULL) {
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    }
    snprintf(d->real, sizeof(d->real), "%s/elo-sim-XXXXXX", base);
    if (mkdtemp(d->real) == NULL) {
        free(d);
        return NULL;
    }
    pthread_mutex_init(&d->mtx, NULL);
    sim_name_ops(&d->vfs);
    sim_file_ops(&d->vfs);
    d->root = sim_inode_new(d, true);
    d->root->names = 1;
    d->outside = sim_inode_new(d, true);
    d->outside->names = 1;
    return d;
}


static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;
    return remove(path);
}


static void
inode_free(sim_inode_t *i)
{
    for (size_t n = 0; n < i->n_changes; n++) {
        free(i->changes[n].bytes);
    }
    for (size_t n = 0; n < i->n_entries; n++) {
        free(i->entries[n].turns);
    }
    free(i->changes);
    free(i->entries);
    free(i->disk);
    free(i->mem);
    free(i->blocks);
    free(i);
}


void
simdisk_free(simdisk_t **d)
{
    simdisk_t *x = *d;

    if (x == NULL) {
        return;
    }
    *d = NULL;
    for (sim_inode_t *i = x->inodes, *next; i != NULL; i = next) {
        next = i->next;
        inode_free(i);
    }
    nftw(x->real, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    pthread_mutex_destroy(&x->mtx);
    free(x);
}


const elo_vfs_t *
simdisk_vfs(simdisk_t *d)
{
    return &d->vfs;
}


const char *
simdisk_real(const simdisk_t *d)
{
    return d->real;
}


uint64_t
simdisk_ops(simdisk_t *d)
{
    pthread_mutex_lock(&d->mtx);
    uint64_t n = d->ops;
    pthread_mutex_unlock(&d->mtx);
    return n;
}


uint64_t
simdisk_count(simdisk_t *d, sim_op_t op)
{
    pthread_mutex_lock(&d->mtx);
    uint64_t n = d->count[op];
    pthread_mutex_unlock(&d->mtx);
    return n;
}


void
simdisk_cut_at(simdisk_t *d, uint64_t n)
{
    pthread_mutex_lock(&d->mtx);
    d->cut_at = n == 0 ? 0 : d->ops + n;
    pthread_mutex_unlock(&d->mtx);
}


void
simdisk_commit_goes_on(simdisk_t *d, bool goes_on)
{
    d->commit_goes_on = goes_on;
}


void
simdisk_cut(simdisk_t *d)
{
    pthread_mutex_lock(&d->mtx);
    d->is_cut = true;
    pthread_mutex_unlock(&d->mtx);
}


void
simdisk_revive(simdisk_t *d)
{
    pthread_mutex_lock(&d->mtx);
    d->is_cut = false;
    d->cut_at = 0;
    pthread_mutex_unlock(&d->mtx);
}


bool
simdisk_is_cut(simdisk_t *d)
{
    pthread_mutex_lock(&d->mtx);
    bool is_cut = d->is_cut;
    pthread_mutex_unlock(&d->mtx);
    return is_cut;
}


sim_op_t
simdisk_cut_op(simdisk_t *d)
{
    return d->cut_op;
}


void
simdisk_ignore_syncs(simdisk_t *d, bool ignore)
{
    d->ignore_syncs = ignore;
}


void
simdisk_set_capacity(simdisk_t *d, uint64_t bytes)
{
    pthread_mutex_lock(&d->mtx);
    d->capacity = bytes / SIM_BLOCK;
    pthread_mutex_unlock(&d->mtx);
}


static int
remove_index(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) ftw;
    if (type == FTW_F) {
        unlink(path);
    }
    return 0;
}


void
simdisk_drop_index(simdisk_t *d)
{
    nftw(d->real, remove_index, 8, FTW_PHYS);
}


void
simdisk_trace(simdisk_t *d, FILE *out)
{
    uint64_t from = d->n_trace > SIM_TRACE ? d->n_trace - SIM_TRACE : 0;

    for (uint64_t n = from; n < d->n_trace; n++) {
        fprintf(out, "# %s\n", d->trace[n % SIM_TRACE]);
    }
}
