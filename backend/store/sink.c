/* SPDX-License-Identifier: BSD-2-Clause */
/* sink: see the header. */
#include "backend/store/sink.h"

/* Below it a wake-up costs more than the work that it takes off. */
#define GIVE_MIN (64u << 10)


static elo_err_t
hash_bytes(elo_sink_t *k, elo_slice_t bytes)
{
    elo_err_t rc = elo_tree_update(k->tree, bytes);

    return rc != ELO_OK || k->sha == NULL ? rc
                                          : elo_sha256_update(k->sha, bytes);
}


static void
hash_part(elo_crew_part_t *p)
{
    elo_sink_part_t *sp = (elo_sink_part_t *) p;

    sp->rc = hash_bytes(sp->sink, sp->sink->bytes);
}


static void
write_part(elo_crew_part_t *p)
{
    elo_sink_part_t *sp = (elo_sink_part_t *) p;

    sp->rc = elo_newfile_write(sp->sink->file, sp->sink->bytes);
}


elo_err_t
elo_sink_init(elo_sink_t *k, elo_newfile_t *file, bool need_digest)
{
    elo_err_t rc;

    *k = (elo_sink_t){ .file = file,
                       .crew = file->s->crew,
                       .hash = { .part.fn = hash_part, .sink = k },
                       .write = { .part.fn = write_part, .sink = k } };
    if ((rc = elo_tree_create(&k->tree)) != ELO_OK
        || (need_digest && (rc = elo_sha256_create(&k->sha)) != ELO_OK))
    {
        elo_sink_dispose(k);
    }
    return rc;
}


void
elo_sink_dispose(elo_sink_t *k)
{
    elo_ignore(elo_sink_end(k)); /* what failed is given up with it */
    elo_tree_free(&k->tree);
    elo_sha256_free(&k->sha);
    *k = (elo_sink_t){ .file = NULL };
}


void
elo_sink_begin(elo_sink_t *k, elo_slice_t bytes)
{
    k->bytes = bytes;
    if (bytes.len < GIVE_MIN) {
        write_part(&k->write.part);
        hash_part(&k->hash.part);
        return;
    }
    k->is_given = true;
    elo_crew_give(k->crew, &k->hash.part);
    elo_crew_give(k->crew, &k->write.part);
}


elo_err_t
elo_sink_end(elo_sink_t *k)
{
    elo_err_t rc;

    if (k->is_given) {
        /* The write is more likely left over: the crew begins with the hash. */
        elo_crew_end(k->crew, &k->write.part);
        elo_crew_end(k->crew, &k->hash.part);
        k->is_given = false;
    }
    rc = k->write.rc != ELO_OK ? k->write.rc : k->hash.rc;
    return rc;
}


elo_err_t
elo_sink_again(elo_sink_t *k, elo_slice_t bytes)
{
    return hash_bytes(k, bytes);
}


elo_err_t
elo_sink_final(elo_sink_t *k, elo_digest_t *digest, elo_digest_t *root,
               bool *has_root, elo_buf_t *layer)
{
    elo_err_t rc;

    if ((rc = elo_sink_end(k)) != ELO_OK
        || (k->sha != NULL
            && (rc = elo_sha256_final(k->sha, digest)) != ELO_OK))
    {
        return rc;
    }
    return elo_tree_final(k->tree, root, has_root, layer);
}
