/* SPDX-License-Identifier: BSD-2-Clause */
/* copy_dir: a store as a crash of the process leaves it: its directory copied while
   it is open. The copy's index is left out, so that the log alone speaks. For
   tests of backend/store only. */
#ifndef ELO_T_UNIT_COPY_DIR_H
#define ELO_T_UNIT_COPY_DIR_H

#include "t/unit/backend/store/store_dir.c"

#include <dirent.h>


static inline void
copy_file(int from, int to)
{
    static uint8_t buf[1u << 16];
    off_t at = 0, size;
    ssize_t n;

    size = lseek(from, 0, SEEK_END);
    assert_int_equal(ftruncate(to, size), 0);
    /* segments are sparse: holes stay */
    while ((at = lseek(from, at, SEEK_DATA)) >= 0 && at < size) {
        if ((n = pread(from, buf, sizeof(buf), at)) <= 0) {
            break;
        }
        assert_int_equal(pwrite(to, buf, (size_t) n, at), n);
        at += n;
    }
    close(from);
    close(to);
}


/* Files that vanish meanwhile are left out. */
static inline void
copy_tree(int from, int to, const char *skip)
{
    DIR *dir = fdopendir(dup(from));
    struct dirent *e;
    struct stat st;

    assert_non_null(dir);
    rewinddir(dir);
    while ((e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0
            || (skip != NULL && strcmp(e->d_name, skip) == 0)
            || fstatat(from, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        {
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            int f = openat(from, e->d_name, O_RDONLY | O_DIRECTORY), t;

            assert_int_equal(mkdirat(to, e->d_name, st.st_mode & 07777), 0);
            t = openat(to, e->d_name, O_RDONLY | O_DIRECTORY);
            copy_tree(f, t, NULL);
            close(f);
            close(t);
        } else {
            int f = openat(from, e->d_name, O_RDONLY);

            if (f != -1) {
                copy_file(f, openat(to, e->d_name, O_RDWR | O_CREAT | O_EXCL,
                                    st.st_mode & 07777));
            }
        }
    }
    closedir(dir);
}


/* A copy of d as it is now, not yet opened; end it with dir_end. It shares the
   keyring, which d closes. */
static inline void
copy_dir(const dir_t *d, dir_t *out)
{
    int from = open(d->root, O_RDONLY | O_DIRECTORY), to;
    char root[sizeof(out->root)];

    dir_make_root(out);
    memcpy(root, out->root, sizeof(root));
    *out = *d;
    memcpy(out->root, root, sizeof(root));
    out->cfg.root = out->root;
    out->cfg.vfs = NULL;
    out->keyring = NULL; /* it stays d's */
    out->s = NULL;
    to = open(out->root, O_RDONLY | O_DIRECTORY);
    assert_true(from != -1 && to != -1);
    copy_tree(from, to, "index");
    close(from);
    close(to);
}

#endif
