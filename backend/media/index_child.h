/* SPDX-License-Identifier: BSD-2-Clause */
/* index_child: what the daemon and its indexing child say to each other. The
   child is run by elo_child_run (backend/os/child.h) with the blob as its input:

     argv: ELO_INDEX_CHILD_NAME ELO_INDEX_CHILD_ARG <target_ms> <memory>

   both numbers decimal; target_ms is the wished length of a segment, memory the
   bytes that the child may use: half of it for scratch, half for the index. What
   it writes, in one piece, is

     status 1 (ELO_MEDIA_READY or ELO_MEDIA_NONE, common/http/wire.h), then the
     media index, or the reason (text for a person, no NUL) why there is none;

   and it ends with status 0. Anything else, an empty output included, means that
   it was killed or failed: the blob then can't be streamed for that reason. The
   output is not trusted: elo_media_index_parse checks it. */
#ifndef ELO_MEDIA_INDEX_CHILD_H
#define ELO_MEDIA_INDEX_CHILD_H

#define ELO_INDEX_CHILD_NAME "elohimd-indexer"
#define ELO_INDEX_CHILD_ARG  "--index-media"

/* Least memory that the child accepts. */
#define ELO_INDEX_CHILD_MEMORY_MIN (1u << 20)

#endif
