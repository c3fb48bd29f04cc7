/* SPDX-License-Identifier: BSD-2-Clause */
/* record_root: what a manifest says of the bytes of one blob, by which its chunks are
   checked one by one. Other manifests are kept, and say nothing of that. */
#include "backend/ctl/record.h"

#include "common/base/cbor.h"

enum { KEY_BLOB = 1, KEY_SIZE = 2, KEY_ROOT = 3 };
#define SEEN(k)  (1u << (k))
#define SEEN_ALL (SEEN(KEY_BLOB) | SEEN(KEY_SIZE) | SEEN(KEY_ROOT))


bool
elo_rec_root_read(const elo_rec_t *r, elo_rec_root_t *out)
{
    elo_slice_t root = { 0 };
    elo_rec_root_t o = { 0 };
    elo_cbor_map_t m;
    uint32_t seen = 0;
    uint64_t key = 0;
    elo_cbor_t c;

    if (r->kind != ELO_REC_MANIFEST) {
        return false;
    }
    elo_cbor_init(&c, r->body.raw);
    if (!elo_cbor_map(&c, &m)) {
        return false;
    }
    while (elo_cbor_key(&c, &m, &key)) {
        if (key == KEY_BLOB) {
            elo_ignore(!elo_cbor_bytes(&c, &o.blob)); /* c.why tells */
        } else if (key == KEY_SIZE) {
            elo_ignore(!elo_cbor_uint(&c, &o.size));
        } else if (key == KEY_ROOT) {
            elo_ignore(!elo_cbor_bytes(&c, &root));
        } else {
            elo_ignore(!elo_cbor_item(&c, NULL));
        }
        seen |= key <= KEY_ROOT ? SEEN(key) : 0;
    }
    if (c.why != NULL || (seen & SEEN_ALL) != SEEN_ALL
        || o.blob.len != ELO_SHA256_LEN || root.len != sizeof(o.root.b)
        || o.size == 0 || o.size > ELO_RECORD_SIZE_MAX)
    {
        return false;
    }
    memcpy(o.root.b, root.p, sizeof(o.root.b));
    *out = o;
    return true;
}


void
elo_rec_root_body(const elo_rec_root_t *o, elo_buf_t *body)
{
    elo_cbor_put_head(body, ELO_CBOR_MAP, 3);
    elo_cbor_put_uint(body, KEY_BLOB);
    elo_cbor_put_bytes(body, o->blob);
    elo_cbor_put_uint(body, KEY_SIZE);
    elo_cbor_put_uint(body, o->size);
    elo_cbor_put_uint(body, KEY_ROOT);
    elo_cbor_put_bytes(body, elo_slice(o->root.b, sizeof(o->root.b)));
}
