/* SPDX-License-Identifier: BSD-2-Clause */
/* store_model: what blobs are, and what operations do to facts. */
#include "t/crash/store_model.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/base/crypto.h"
#include "t/crash/sweep.h"

static const uint32_t sizes[SM_BLOBS] = {
    0,
    1,
    100,
    511,
    512,
    3000,
    4096,
    SM_INLINE - 48,
    SM_INLINE - 1,
    SM_INLINE,
    SM_INLINE + 1,
    12345,
    20000,
    40000,
    90000,
    SM_BLOB_MAX,
};

static struct {
    uint8_t *bytes[SM_BLOBS];
    elo_digest_t digest[SM_BLOBS];
    elo_agent_t agents[SM_AGENTS];
    elo_keyring_t *keyring;
    char dir[64];
} world;


static void
must(elo_err_t rc, const char *what)
{
    if (rc != ELO_OK) {
        fprintf(stderr, "%s: %s\n", what, elo_strerror(rc));
        exit(2);
    }
}


void
sm_init(void)
{
    elo_keyring_cfg_t cfg = { .may_create = true };
    char path[96];

    must(elo_keys_init(), "keys");
    for (uint32_t b = 0; b < SM_BLOBS; b++) {
        sim_rng_t rng = sim_rng(b, 0x626c6f62, 0);

        world.bytes[b] = sim_alloc(1, sizes[b] + 1);
        for (uint32_t i = 0; i < sizes[b]; i++) {
            world.bytes[b][i] = (uint8_t) sim_rng_next(&rng);
        }
        must(elo_sha256(sm_blob(b), &world.digest[b]), "hash");
    }
    snprintf(world.dir, sizeof(world.dir), "%s/elo-ring-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(world.dir) == NULL) {
        must(1, world.dir);
    }
    snprintf(path, sizeof(path), "%s/keyring", world.dir);
    cfg.path = path;
    must(elo_keyring_open(&cfg, &world.keyring), "keyring");
    for (uint32_t a = 1; a < SM_AGENTS; a++) {
        uint8_t seed[ELO_SEED_LEN] = { (uint8_t) a };

        elo_agent_of_seed(seed, &world.agents[a]);
        must(elo_keyring_add(world.keyring, seed, ELO_SLICE("crash"), false),
             "keyring");
    }
}


void
sm_end(void)
{
    char path[96];

    elo_keyring_close(&world.keyring);
    snprintf(path, sizeof(path), "%s/keyring", world.dir);
    unlink(path);
    rmdir(world.dir);
    for (uint32_t b = 0; b < SM_BLOBS; b++) {
        free(world.bytes[b]);
    }
}


elo_slice_t
sm_blob(uint32_t b)
{
    return elo_slice(world.bytes[b], sizes[b]);
}


const elo_digest_t *
sm_digest(uint32_t b)
{
    return &world.digest[b];
}


const elo_agent_t *
sm_agent(uint32_t a)
{
    return &world.agents[a];
}


elo_keyring_t *
sm_keyring(void)
{
    return world.keyring;
}


elo_slice_t
sm_json(uint16_t serial, uint8_t *room)
{
    size_t len = 12u + serial * 7919u % (SM_JSON_MAX - 64);

    memset(room, ' ', len);
    snprintf((char *) room, 12, "{\"n\":%u", serial);
    room[strlen((char *) room)] = ' ';
    room[len - 1] = '}';
    return elo_slice(room, len);
}


void
sm_describe(uint16_t serial, elo_node_t *out)
{
    static const elo_node_life_t lives[] = {
        ELO_NODE_PUBLISHED, ELO_NODE_PUBLISHED,  ELO_NODE_DRAFT,
        ELO_NODE_STALE,     ELO_NODE_DEPRECATED, ELO_NODE_ARCHIVED,
        ELO_NODE_PUBLISHED
    };
    static const char *const words[] = { "a", "word", "another word", "node1" };
    static elo_node_facet_t facets[4];
    static elo_agent_t invited[SM_AGENTS];

    out->life = lives[serial % 7];
    out->created_at = serial;
    out->updated_at = serial + 1;
    out->due_s = serial % 4 == 0 ? 1000 + serial : 0;
    out->facets = facets;
    for (out->n_facets = 0; out->n_facets < serial % 5u; out->n_facets++) {
        facets[out->n_facets] = (elo_node_facet_t){
            .dim = out->n_facets == 0   ? ELO_NODE_FORMAT
                   : out->n_facets == 3 ? ELO_NODE_RELATED
                                        : ELO_NODE_TAG,
            .text = elo_slice_str(words[(serial + out->n_facets) % 4])
        };
    }
    out->invited = invited;
    out->n_invited = 0;
    for (uint32_t a = 1; a < SM_AGENTS; a++) {
        if ((serial >> a & 1) != 0) {
            invited[out->n_invited++] = *sm_agent(a);
        }
    }
}


elo_slice_t
sm_media(uint16_t serial, uint8_t *room)
{
    static const size_t lens[] = { 0, 200, 3000, SM_MEDIA_MAX };
    sim_rng_t rng = sim_rng(serial, 0x6d656469, 0);
    size_t len = lens[serial % 4];

    for (size_t i = 0; i < len; i++) {
        room[i] = (uint8_t) sim_rng_next(&rng);
    }
    if (len > 0) {
        room[0] = (uint8_t) (serial >> 8);
        room[1] = (uint8_t) serial;
    }
    return elo_slice(room, len);
}


elo_slice_t
sm_entry(elo_journal_t j, uint32_t n, uint8_t *room)
{
    sim_rng_t rng = sim_rng(n, 0x6a6f7572, j);
    size_t len = n % 16 == 0 ? ELO_JOURNAL_ENTRY_MAX : 1 + n * 7919u % 400;

    for (size_t i = 0; i < len; i++) {
        room[i] = (uint8_t) sim_rng_next(&rng);
    }
    return elo_slice(room, len);
}


/* ---- what operations do ---- */

bool
sm_put(sm_facts_t *f, uint32_t b, uint32_t a, elo_reach_t reach)
{
    sm_blob_t *x = &f->blobs[b];
    uint8_t bit = (uint8_t) (1u << a);

    if (reach > ELO_REACH_LOCAL) {
        bool existed = (x->owns & bit) != 0;

        if (x->owns == 0) {
            x->reach = (uint8_t) reach;
            x->task = (sm_task_t){ SM_TASK_READY, 0 };
        }
        x->owns |= bit;
        return existed;
    }
    if ((x->owns & bit) != 0
        || ((x->sealed & bit) != 0 && x->sealed_reach[a] == reach))
    {
        return true;
    }
    /* for other readers it is sealed anew */
    bool existed = (x->sealed & bit) != 0;

    x->sealed |= bit;
    x->sealed_reach[a] = (uint8_t) reach;
    x->sealed_task[a] = (sm_task_t){ SM_TASK_READY, 0 };
    return existed;
}


void
sm_remove_clear(sm_facts_t *f, uint32_t b, uint32_t a)
{
    sm_blob_t *x = &f->blobs[b];

    x->owns &= (uint8_t) ~(1u << a);
    if (x->owns == 0) {
        x->reach = 0;
        x->media = 0;
        x->task = (sm_task_t){ SM_TASK_NONE, 0 };
    }
}


void
sm_remove_sealed(sm_facts_t *f, uint32_t b, uint32_t a)
{
    sm_blob_t *x = &f->blobs[b];

    x->sealed &= (uint8_t) ~(1u << a);
    x->sealed_reach[a] = 0;
    x->sealed_task[a] = (sm_task_t){ SM_TASK_NONE, 0 };
}


static bool
is_promoted(uint32_t b, uint32_t a)
{
    return b % 4 == a;
}


bool
sm_promoted(void *ctx, const elo_digest_t *d, const elo_agent_t *to)
{
    (void) ctx;
    for (uint32_t b = 0; b < SM_BLOBS; b++) {
        for (uint32_t a = 0; a < SM_AGENTS; a++) {
            if (is_promoted(b, a) && elo_agent_eq(sm_agent(a), to)
                && memcmp(sm_digest(b), d, sizeof(*d)) == 0)
            {
                return true;
            }
        }
    }
    return false;
}


bool
sm_counts(const sm_facts_t *f, uint32_t n, uint32_t b)
{
    const sm_node_t *x = &f->nodes[n];

    return x->version > 0 && (x->refs >> b & 1) != 0
           && (is_promoted(b, x->owner)
               || ((f->blobs[b].owns | f->blobs[b].sealed) >> x->owner & 1)
                      != 0);
}


bool
sm_is_referred(const sm_facts_t *f, uint32_t b)
{
    for (uint32_t n = 0; n < SM_NODES; n++) {
        if (sm_counts(f, n, b)) {
            return true;
        }
    }
    return false;
}


bool
sm_is_held(const sm_facts_t *f, uint32_t b)
{
    return f->blobs[b].owns != 0 || f->blobs[b].sealed != 0;
}


/* ---- comparing ---- */

static bool
differs(char why[120], const char *what, uint32_t i, uint64_t want,
        uint64_t seen)
{
    snprintf(why, 120, "%s of %u: want %llu, there is %llu", what, i,
             (unsigned long long) want, (unsigned long long) seen);
    return false;
}


#define SAME(what, i, a, b)                                                    \
    if ((a) != (b)) {                                                          \
        return differs(why, what, i, a, b);                                    \
    }


static bool
same_blob(uint32_t i, const sm_blob_t *a, const sm_blob_t *b, char why[120])
{
    SAME("blob: senders in the clear", i, a->owns, b->owns)
    SAME("blob: sealed for", i, a->sealed, b->sealed)
    SAME("blob: reach", i, a->reach, b->reach)
    SAME("blob: pin", i, a->pinned, b->pinned)
    SAME("blob: media index", i, a->media, b->media)
    SAME("blob: task", i, a->task.place, b->task.place)
    SAME("blob: attempts", i, a->task.attempts, b->task.attempts)
    for (uint32_t k = 0; k < SM_AGENTS; k++) {
        SAME("blob: sealed reach", i, a->sealed_reach[k], b->sealed_reach[k])
        SAME("blob: sealed task", i, a->sealed_task[k].place,
             b->sealed_task[k].place)
        SAME("blob: sealed attempts", i, a->sealed_task[k].attempts,
             b->sealed_task[k].attempts)
    }
    return true;
}


static bool
same_node(uint32_t i, const sm_node_t *a, const sm_node_t *b, char why[120])
{
    SAME("node: version", i, a->version, b->version)
    SAME("node: reach", i, a->reach, b->reach)
    SAME("node: owner", i, a->owner, b->owner)
    SAME("node: references", i, a->refs, b->refs)
    SAME("node: stated reach", i, a->stated, b->stated)
    SAME("node: hold", i, a->is_held, b->is_held)
    SAME("node: tombstone", i, a->is_tomb, b->is_tomb)
    SAME("node: life", i, a->life, b->life)
    SAME("node: version of the row", i, a->row, b->row)
    for (uint32_t v = 1; v <= SM_VERSIONS; v++) {
        SAME("node: text", i, a->serial[v], b->serial[v])
    }
    return true;
}


bool
sm_same(const sm_facts_t *f, const sm_facts_t *seen, char why[120])
{
    for (uint32_t i = 0; i < SM_BLOBS; i++) {
        if (!same_blob(i, &f->blobs[i], &seen->blobs[i], why)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < SM_NODES; i++) {
        if (!same_node(i, &f->nodes[i], &seen->nodes[i], why)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < SM_UPLOADS; i++) {
        const sm_upload_t *a = &f->uploads[i], *b = &seen->uploads[i];

        SAME("upload: state", i, a->state, b->state)
        if (b->lo < a->lo || b->lo > a->hi) {
            return differs(why, "upload: offset", i, a->lo, b->lo);
        }
    }
    SAME("unknown uploads", 0, f->strangers, seen->strangers)
    for (uint32_t i = 0; i < SM_AGENTS; i++) {
        SAME("agent: quota", i, f->quota[i], seen->quota[i])
    }
    for (uint32_t i = 0; i < ELO_JOURNALS; i++) {
        SAME("journal: entries", i, f->journal[i], seen->journal[i])
    }
    for (uint32_t i = 0; i < SM_NAMES; i++) {
        SAME("setting", i, f->settings[i], seen->settings[i])
        SAME("origin", i, f->origins[i], seen->origins[i])
    }
    return true;
}


bool
sm_settle(sm_t *m, const sm_facts_t *seen)
{
    char why[120], first[120];

    if (!sm_same(&m->now, seen, first)) {
        uint32_t n = 0;

        while (n < m->n_next && !sm_same(&m->next[n], seen, why)) {
            n++;
        }
        if (n == m->n_next) {
            return crash_fail("operation %u: %s; of %u others, the last: %s",
                              m->n_ops, first, m->n_next,
                              m->n_next == 0 ? "-" : why);
        }
    }
    m->now = *seen;
    m->n_next = 0;
    return true;
}
