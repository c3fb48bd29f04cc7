/* SPDX-License-Identifier: BSD-2-Clause */
/* manifest: what an agent states of a blob's bytes, from a file of them, or as another
   node tells it (/api/blob/…/tree). */
#include "cli/record.h"

#include <stdlib.h>

#include "cli/file.h"
#include "common/base/crypto.h"
#include "common/base/enc.h"
#include "common/base/hash_tree.h"

#define PIECE ((size_t) 1 << 20)


static elo_err_t
read_all(elo_source_t *file, elo_tree_t *tree, elo_sha256_t *sha,
         elo_manifest_t *out)
{
    uint8_t *p = malloc(PIECE);
    elo_err_t rc = p == NULL ? ELO_ENOMEM : ELO_OK;
    size_t n = 0;

    out->size = 0;
    while (rc == ELO_OK && (rc = elo_source_read(file, p, PIECE, &n)) == ELO_OK
           && n > 0)
    {
        out->size += n;
        if ((rc = elo_tree_update(tree, elo_slice(p, n))) == ELO_OK) {
            rc = elo_sha256_update(sha, elo_slice(p, n));
        }
    }
    free(p);
    return rc;
}


static elo_err_t
of_file(const char *path, elo_manifest_t *out)
{
    elo_source_t file;
    elo_sha256_t *sha = NULL;
    elo_tree_t *tree = NULL;
    bool has_root = false;
    elo_err_t rc = elo_source_open(path, &file);

    if (rc != ELO_OK) {
        return rc;
    }
    if ((rc = elo_tree_create(&tree)) == ELO_OK
        && (rc = elo_sha256_create(&sha)) == ELO_OK
        && (rc = read_all(&file, tree, sha, out)) == ELO_OK
        && (rc = elo_tree_final(tree, &out->root, &has_root, NULL)) == ELO_OK)
    {
        rc = elo_sha256_final(sha, &out->blob);
    }
    elo_sha256_free(&sha);
    elo_tree_free(&tree);
    elo_source_close(&file);
    return rc;
}


elo_exit_t
elo_manifest_of(const elo_cli_t *cli, const char *const *operand, unsigned n,
                elo_manifest_t *out)
{
    elo_slice_t hex;
    elo_err_t rc;

    if (n == 1) {
        if ((rc = of_file(operand[0], out)) != ELO_OK) {
            return elo_out_failed(cli, operand[0], rc);
        }
        return out->size > 0
                   ? ELO_EXIT_OK
                   : elo_out_usage(cli, "\"%s\" is empty", operand[0]);
    }
    if (n != 3) {
        return elo_out_usage(cli, "agent manifest: FILE, or HASH SIZE ROOT");
    }
    if (elo_addr_parse(elo_slice_str(operand[0]), &out->blob) != ELO_OK) {
        return elo_out_usage(cli, "\"%s\" is no blob's address", operand[0]);
    }
    if (!elo_slice_u64(elo_slice_str(operand[1]), &out->size) || out->size == 0
        || out->size > ELO_RECORD_SIZE_MAX)
    {
        return elo_out_usage(cli, "\"%s\" is no size in bytes", operand[1]);
    }
    hex = elo_slice_str(operand[2]);
    if (hex.len != ELO_SHA256_HEX_LEN
        || elo_hex_decode(hex, out->root.b, sizeof(out->root.b)) != ELO_OK)
    {
        return elo_out_usage(cli, "\"%s\" is no root: 64 hex digits",
                             operand[2]);
    }
    return ELO_EXIT_OK;
}
