/* SPDX-License-Identifier: BSD-2-Clause */
/* index_child: see the header. All memory is mapped before the sandbox closes;
   behind it nothing can be asked from the system. */
#include "backend/daemon/index_child.h"

#include "backend/media/index_child.h"
#include "backend/media/indexer.h"
#include "backend/os/child.h"
#include "backend/os/sandbox.h"
#include "common/http/wire.h"

#define EXIT_USAGE    2
#define EXIT_SETUP    3
#define EXIT_WRITE    4
#define TARGET_MAX_MS 3600000u


static elo_err_t
put_result(elo_err_t rc, const elo_buf_t *index, const char *reason)
{
    uint8_t status = rc == ELO_OK ? ELO_MEDIA_READY : ELO_MEDIA_NONE;
    elo_slice_t rest = elo_buf_slice(index);

    if (rc != ELO_OK) {
        rest = elo_slice_str(reason != NULL ? reason : elo_strerror(rc));
    }
    rc = elo_sandbox_write(ELO_CHILD_OUT_FD, elo_slice(&status, 1));
    if (rc != ELO_OK) {
        return rc;
    }
    return elo_sandbox_write(ELO_CHILD_OUT_FD, rest);
}


int
elo_index_child_main(int argc, char **argv)
{
    elo_indexer_cfg_t cfg;
    elo_slice_t file;
    elo_buf_t index;
    const char *reason = NULL;
    uint64_t target_ms;
    uint64_t memory;
    void *mem;
    elo_err_t rc;

    if (argc != 4 || !elo_slice_u64(elo_slice_str(argv[2]), &target_ms)
        || !elo_slice_u64(elo_slice_str(argv[3]), &memory) || target_ms == 0
        || target_ms > TARGET_MAX_MS || memory < ELO_INDEX_CHILD_MEMORY_MIN
        || memory > SIZE_MAX / 2)
    {
        return EXIT_USAGE;
    }
    if (elo_sandbox_map_file(ELO_CHILD_IN_FD, &file) != ELO_OK
        || elo_sandbox_map_memory(memory, &mem) != ELO_OK
        || elo_sandbox_enter(ELO_CHILD_OUT_FD + 1) != ELO_OK)
    {
        return EXIT_SETUP;
    }
    cfg.target_ms = (uint32_t) target_ms;
    elo_buf_init_fixed(&index, (uint8_t *) mem + memory / 2, memory / 2);
    rc = elo_indexer_run(file, &cfg, mem, memory / 2, &index, &reason);
    rc = put_result(rc, &index, reason);
    elo_sandbox_exit(rc == ELO_OK ? 0 : EXIT_WRITE);
    return EXIT_WRITE; /* not reached */
}
