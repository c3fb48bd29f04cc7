/* SPDX-License-Identifier: BSD-2-Clause */
/* limits: caps on everything repeated that comes from outside, with reasons. */
#ifndef ELO_BASE_LIMITS_H
#define ELO_BASE_LIMITS_H

#define ELO_SHA256_LEN     32
#define ELO_SHA256_HEX_LEN 64

/* Ids are URL path segments and LMDB keys (511 bytes at most). */
#define ELO_CONTENT_ID_MAX 128

/* Longest text address: "sha256-" + 64 hex; a CIDv1 has 59 characters. */
#define ELO_ADDR_TEXT_MAX 80

/* Parts of one multipart/byteranges answer; more looks like an attack and is
   answered as if no Range had been sent (RFC 9110, 14.2). */
#define ELO_RANGE_MAX 16

/* Names of store files below its root: "blobs/xx/<16 hex>" and the like. */
#define ELO_STORE_NAME_MAX 64

#define ELO_MIME_MAX 127 /* RFC 6838, 4.2: type and subtype of 127 at most */

/* A content node is metadata: a title, a few blobs, some hundred hashes. */
#define ELO_CONTENT_JSON_MAX    (1024 * 1024)
#define ELO_CONTENT_BLOBS_MAX   64
#define ELO_CONTENT_REASON_MAX  256 /* of a hold, bytes */
#define ELO_CONTENT_INVITED_MAX 1024

#define ELO_MP4_MAX_TRACKS     64           /* fits a bitmask */
#define ELO_MP4_MAX_SAMPLES    20000000     /* 46 h of 120 fps; bounds memory */
#define ELO_MP4_MOOV_MAX       (192u << 20) /* tables of that many samples */
#define ELO_MEDIA_MAX_TRACKS   32           /* tracks offered for one content */
#define ELO_MEDIA_MAX_SEGMENTS 65536        /* 109 h of 6 s */
#define ELO_RECIPE_MAX_HEAD    (4u << 20)   /* one moof; 24 bytes a sample */
#define ELO_RECIPE_MAX_EXTENTS 65536       /* one per sample of 6 s, and room */
#define ELO_WIRE_MAX           (16u << 20) /* largest descriptor on the socket */

#endif
