/* SPDX-License-Identifier: BSD-2-Clause */
/* wire: the binary descriptors that the daemon answers to the Doorway on their
   unix socket. Transient (never stored), big-endian, versioned; a reader that
   meets another version treats the daemon as away and says so.

   Questions are plain HTTP/1.1, pipelined on a kept connection:
     GET /internal/v1/grant/{address or content id}     -> ELO_WIRE_GRANT
     GET /internal/v1/media/{content id}                -> ELO_WIRE_MEDIA
     GET /internal/v1/recipe/{content id}/{version}/{track}/{n | init}
                                                        -> ELO_WIRE_RECIPE
   with status 200 and Content-Length; anything else carries no descriptor.

   Message: magic "EL" (2), version 2 (1), type (1), body length (4), body.
   str16 is a 16-bit length and that many bytes. Every body begins with head_t:
     generation 8, slot 4, reach 1, flags 1: BY_HASH, SEALED, in the next two
     bits the life of a content that is asked for by its id, and REMOTE.
   GRANT:  digest 32, size 8, offset 8, mtime 8 (Unix seconds), name str16,
           content_type str16. With the flag SEALED there is no extent: name is
           empty and offset 0, size is that of the plaintext; the bytes come
           from GET /api/blob/… of the daemon, which decrypts them. With the
           flag REMOTE besides, it isn't held: it lives elsewhere, is of reach
           neighborhood or wider, isn't empty, and its chunks come, verified, from
             GET /internal/v1/chunk/{address or content id}/{number from 0}?reach=
           of a content of that reach or a wider one, commons unless it is said,
           with X-Elohim-Digest and X-Elohim-Size of the whole blob: size here
           is what its owner states as long as nobody has fetched it.
   MEDIA:  status 1, reason str16, title str16, version str16, duration_ms 8,
           n_tracks 2, then each: kind 1, id str16, blob 32, codec str16,
           language str16, name str16, width 2, height 2, fps_num 4, fps_den 4,
           sample_rate 4, channels 2, timescale 4, avg_bps 4, peak_bps 4,
           start 8, n_segments 4, durations 4 each.
   RECIPE: digest 32 (of the source), size 8 (where the source ends in its
           file, at least), name str16, content_type str16, head_len 4, head,
           n_extents 4, each offset 8 (in the file, not in the source), len 8.
   A body with bytes left over is malformed. */
#ifndef ELO_HTTP_WIRE_H
#define ELO_HTTP_WIRE_H

#include "common/auth/reach.h"
#include "common/base/buf.h"
#include "common/base/cid.h"
#include "common/manifest/model.h"

#define ELO_WIRE_VERSION    2
#define ELO_WIRE_HEADER_LEN 8
#define ELO_WIRE_TYPE       "application/vnd.elohim.wire"

/* 4 to 6: wire_auth.h; 7: wire_document.h */
enum { ELO_WIRE_GRANT = 1, ELO_WIRE_MEDIA = 2, ELO_WIRE_RECIPE = 3 };

/* flags of elo_wire_head_t */
#define ELO_WIRE_BY_HASH 0x01 /* asked by digest: the answer is immutable */
#define ELO_WIRE_SEALED  0x02 /* of a grant: encrypted at rest, no extent */
#define ELO_WIRE_REMOTE  0x10 /* of a sealed grant: not held, by chunks */

/* Narrower content is nobody's but the daemon's, and is never remote. */
#define ELO_WIRE_REMOTE_REACH ELO_REACH_NEIGHBORHOOD

/* What an answer is marked with (X-Lifecycle), by the life of its content: nothing, or
   that it is served, but not at its best. A change of it bumps the content's slot. */
typedef enum {
    ELO_WIRE_FRESH = 0,
    ELO_WIRE_STALE = 1,
    ELO_WIRE_DEPRECATED = 2,
    ELO_WIRE_ARCHIVED = 3
} elo_wire_life_t;
#define ELO_WIRE_LIFE_SHIFT 2
#define ELO_WIRE_LIFE       (3u << ELO_WIRE_LIFE_SHIFT)

/* How far the media index of a content is. */
enum {
    ELO_MEDIA_READY = 1,
    ELO_MEDIA_PENDING = 2, /* being indexed: ask again soon */
    ELO_MEDIA_NONE = 3     /* cannot be streamed; reason says why */
};

typedef struct {
    uint64_t generation; /* value of the slot before the lookup (I1) */
    uint32_t slot;       /* see common/cache/generation.h */
    elo_reach_t reach;   /* effective reach of what is granted */
    uint8_t flags;
} elo_wire_head_t;

static inline elo_wire_life_t
elo_wire_life(const elo_wire_head_t *h)
{
    return (elo_wire_life_t) ((h->flags & ELO_WIRE_LIFE)
                              >> ELO_WIRE_LIFE_SHIFT);
}


/* Static: the value of X-Lifecycle; NULL: there is none. */
const char *elo_wire_life_name(elo_wire_life_t life);

/* Permission to read an extent of a store file, or, when it is sealed, to have
   the daemon stream the blob. The file may be longer than the extent's end. */
typedef struct {
    elo_wire_head_t head;
    elo_digest_t digest;
    uint64_t size;   /* bytes of the blob = of the extent */
    uint64_t offset; /* where it starts in the file */
    int64_t mtime;
    elo_slice_t name; /* below the store's root, see elo_store_name_ok; empty
                         when sealed */
    elo_slice_t content_type;
} elo_grant_t;

typedef struct {
    uint64_t offset;
    uint64_t len;
} elo_extent_t;

/* How to make one segment: head bytes, then extents of the named file. */
typedef struct {
    elo_wire_head_t head;
    elo_digest_t digest;
    uint64_t size;
    elo_slice_t name;
    elo_slice_t content_type;
    elo_slice_t prefix; /* the generated bytes that come first */
    uint32_t n_extents;
    const uint8_t *extents; /* n_extents of 16 bytes, big-endian */
} elo_recipe_t;

typedef struct {
    elo_wire_head_t head;
    uint8_t status;
    elo_slice_t reason;
    elo_media_t media;
} elo_media_desc_t;

/* Appends a whole message. ELO_ETOOBIG, and nothing appended, when a slice does
   not fit its length field or a count is past its limit; otherwise the buffer's
   own error. */
elo_err_t elo_wire_put_grant(elo_buf_t *b, const elo_grant_t *g) ELO_MUST_USE;
elo_err_t elo_wire_put_media(elo_buf_t *b,
                             const elo_media_desc_t *m) ELO_MUST_USE;
elo_err_t elo_wire_put_recipe(elo_buf_t *b, const elo_recipe_t *r) ELO_MUST_USE;

/* Each takes one whole message and borrows from it. ELO_EUNSUPPORTED for
   another version, ELO_EINVAL for anything malformed: wrong magic or type, a
   length that disagrees, an unknown reach, a slot outside the table, a name
   outside the store's pattern, a sealed grant with a name or an offset, a remote
   one that is empty, narrow or not sealed, extents
   that are empty or outside size, offsets
   past INT64_MAX, a content type that is no header value, a recipe of nothing;
   of a medium: an unknown status or kind, an id or version outside its pattern,
   an id used twice, a zero timescale, a start past 2^53, a count past its
   limit. */
elo_err_t elo_wire_get_grant(elo_slice_t msg, elo_grant_t *out) ELO_MUST_USE;
elo_err_t elo_wire_get_media(elo_slice_t msg,
                             elo_media_desc_t *out) ELO_MUST_USE;
elo_err_t elo_wire_get_recipe(elo_slice_t msg, elo_recipe_t *out) ELO_MUST_USE;

/* Extent i of a parsed recipe, i < n_extents. */
elo_extent_t elo_recipe_extent(const elo_recipe_t *r, uint32_t i);

/* Sum of prefix and extents: the length of the segment. */
uint64_t elo_recipe_len(const elo_recipe_t *r);

/* True for a file name that the store makes: "blobs/xx/<16 hex>", xx being the
   last two digits, or "log/<16 hex>", a segment; lower-case hex. Nothing else is
   ever opened by the Doorway. */
bool elo_store_name_ok(elo_slice_t name);

#endif
