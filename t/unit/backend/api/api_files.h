/* SPDX-License-Identifier: BSD-2-Clause */
/* api_files: the files below an api_server's store. For tests only. */
#ifndef ELO_T_UNIT_API_FILES_H
#define ELO_T_UNIT_API_FILES_H

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>


static inline int
api_rm_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;
    return remove(path);
}


static size_t api_n_files; /* nftw passes no context */


static inline int
api_count_one(const char *path, const struct stat *st, int type,
              struct FTW *ftw)
{
    (void) path;
    (void) st;
    (void) ftw;
    api_n_files += type == FTW_F;
    return 0;
}


/* Regular files below a directory of the store. */
static inline size_t
api_count_files(const char *root, const char *name)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", root, name);
    api_n_files = 0;
    nftw(path, api_count_one, 16, FTW_PHYS);
    return api_n_files;
}

#endif
