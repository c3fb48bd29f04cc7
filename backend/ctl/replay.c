/* SPDX-License-Identifier: BSD-2-Clause */
/* replay: the state from the journal, at the start.

   A record is verified when it is taken. That this was done is kept in the store's
   setting "records-verified":
     number 8 (big-endian), chain 32, mac 32
   chain is H(number), where H(n) = SHA-256(H(the one before n), n 8, id of record n 32,
   its signature 64), and zeros before the first; mac is HMAC-SHA-256 over number and
   chain under a key of the node secret. Records up to a mark whose chain comes out
   again are those that were verified: their signatures aren't looked at again. Who can
   write to the store, but hasn't got the node secret, can't bring in others. Without a
   mark, or with one that isn't right, all are verified: it is only ever a matter of
   time. docs/decisions/0014. */
#include "backend/ctl/ctl_internal.h"

#include <assert.h>

#include "backend/os/log.h"
#include "backend/store/journal.h"
#include "backend/store/setting.h"
#include "common/base/crypto.h"
#include "common/base/rd.h"

#define REPLAY_BATCH 256u  /* of a view: they are short-lived */
#define MARK_EVERY   1024u /* records: what a start verifies at most */

#define SETTING  "records-verified"
#define LABEL    "elohim-records-mark"
#define MARK_LEN (8u + 2 * ELO_SHA256_LEN)

typedef struct {
    elo_ctl_t *c;
    const elo_ctl_mark_t *mark;
    uint64_t number; /* of the latest that was looked at */
    uint32_t n;      /* in this view */
    uint64_t n_verified;
    bool is_other; /* the records up to the mark aren't those it is of */
    elo_err_t err;
    const char *why;
} replay_t;


/* ---- marks ---- */

void
elo_ctl_mark_step(elo_ctl_mark_t *m, uint64_t number, const elo_rec_t *r)
{
    uint8_t mem[ELO_SHA256_LEN + 8 + ELO_SHA256_LEN + ELO_SIG_LEN];
    elo_buf_t b;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put(&b, m->chain.b, ELO_SHA256_LEN);
    elo_buf_put_be64(&b, number);
    elo_buf_put(&b, r->id.b, ELO_SHA256_LEN);
    elo_buf_put(&b, r->sig, ELO_SIG_LEN);
    assert(elo_buf_err(&b) == ELO_OK && number > m->number);
    m->is_broken =
        m->is_broken || elo_sha256(elo_buf_slice(&b), &m->chain) != ELO_OK;
    m->number = number;
}


bool
elo_ctl_mark_is_due(const elo_ctl_t *c)
{
    return !c->taken.is_broken && c->taken.number - c->marked >= MARK_EVERY;
}


static elo_err_t
mac_of(const elo_ctl_t *c, elo_slice_t mark, elo_digest_t *out)
{
    return elo_hmac(c->secrets->mark_key, &mark, 1, out);
}


elo_err_t
elo_ctl_mark_save(elo_ctl_t *c, const elo_ctl_mark_t *m)
{
    uint8_t mem[MARK_LEN];
    elo_digest_t mac;
    elo_buf_t b;
    elo_err_t rc;

    elo_buf_init_fixed(&b, mem, sizeof(mem));
    elo_buf_put_be64(&b, m->number);
    elo_buf_put(&b, m->chain.b, ELO_SHA256_LEN);
    if ((rc = mac_of(c, elo_buf_slice(&b), &mac)) != ELO_OK) {
        return rc;
    }
    elo_buf_put(&b, mac.b, sizeof(mac.b));
    assert(elo_buf_err(&b) == ELO_OK);
    return elo_store_setting_put(c->store, SETTING, elo_buf_slice(&b));
}


/* Of none, when there is none that this node made. */
static void
load_mark(elo_ctl_t *c, elo_ctl_mark_t *out)
{
    uint8_t mem[MARK_LEN + 1];
    elo_digest_t mac;
    elo_buf_t b;
    elo_err_t rc;

    *out = (elo_ctl_mark_t){ 0 };
    elo_buf_init_fixed(&b, mem, sizeof(mem));
    rc = elo_store_setting_get(c->store, SETTING, &b);
    if (rc == ELO_ENOTFOUND) {
        return;
    }
    if (rc != ELO_OK || b.len != MARK_LEN
        || mac_of(c, elo_slice(mem, MARK_LEN - ELO_SHA256_LEN), &mac) != ELO_OK
        || !elo_secret_eq(mac.b, mem + MARK_LEN - ELO_SHA256_LEN,
                          ELO_SHA256_LEN))
    {
        elo_log(ELO_LOG_WARN,
                "ctl: what says which records were verified isn't of this "
                "node's secret: all are verified again");
        return;
    }
    (void) elo_rd_be64(mem, mem + 8, &out->number);
    memcpy(out->chain.b, mem + 8, ELO_SHA256_LEN);
}


/* ---- records ---- */

/* Has the mark been passed, and was it another one? */
static bool
is_other(const replay_t *x, uint64_t number)
{
    const elo_ctl_mark_t *at = &x->c->taken;

    return at->number <= x->mark->number && number > x->mark->number
           && (at->number != x->mark->number || at->is_broken
               || memcmp(at->chain.b, x->mark->chain.b, ELO_SHA256_LEN) != 0);
}


static bool
replay_one(void *ctx, const elo_journal_entry_t *e)
{
    replay_t *x = ctx;
    elo_rec_t r;

    if (is_other(x, e->number)) {
        x->is_other = true;
        return false;
    }
    x->number = e->number;
    x->n++;
    x->why = "";
    if (e->number <= x->mark->number) {
        x->err = elo_rec_read(e->bytes, &r, &x->why);
    } else {
        x->err = elo_rec_parse(e->bytes, &r, &x->why);
        x->n_verified++;
    }
    if (x->err == ELO_OK
        && (x->err = elo_ctl_take_again(x->c, e->number, &r)) == ELO_EINVAL)
    {
        x->why = "record: doesn't follow on those before it";
    }
    if (x->err == ELO_EINVAL || x->err == ELO_ETOOBIG) {
        x->err = ELO_ECORRUPT;
    }
    return x->err == ELO_OK;
}


/* An empty state, and a journal that nothing was read of. */
static elo_err_t
begin(elo_ctl_t *c)
{
    uint8_t key[ELO_SHORTHASH_KEY_LEN];
    elo_err_t rc;

    elo_ctl_state_free(&c->state);
    elo_hashmap_dispose(&c->numbers);
    elo_keys_random(key, sizeof(key));
    elo_hashmap_init(&c->numbers, key);
    c->own_ms = 0;
    c->taken = (elo_ctl_mark_t){ 0 };
    rc = elo_ctl_state_create(&c->owner, c->max_records, &c->state);
    if (rc == ELO_OK) {
        elo_ctl_state_bound(c->state, &c->bounds);
    }
    return rc;
}


/* x->err: what is wrong with the journal, or with what mark says of it. */
static elo_err_t
replay(elo_ctl_t *c, const elo_ctl_mark_t *mark, replay_t *x)
{
    elo_err_t rc = begin(c);

    *x = (replay_t){ .c = c, .mark = mark, .n = REPLAY_BATCH, .why = "" };
    while (rc == ELO_OK && x->err == ELO_OK && !x->is_other
           && x->n == REPLAY_BATCH) {
        x->n = 0;
        rc = elo_store_journal_each(c->store, ELO_JOURNAL_RECORD, x->number + 1,
                                    REPLAY_BATCH, replay_one, x);
    }
    if (rc == ELO_OK && x->err == ELO_OK && is_other(x, UINT64_MAX)) {
        x->is_other = true; /* they end before it, or at it */
    }
    return rc != ELO_OK ? rc : x->err;
}


elo_err_t
elo_ctl_replay(elo_ctl_t *c)
{
    static const elo_ctl_mark_t none;
    elo_ctl_mark_t mark;
    replay_t x;
    elo_err_t rc;

    rc = elo_keyring_derive(c->keyring, LABEL, 0, c->secrets->mark_key);
    if (rc != ELO_OK) {
        return rc;
    }
    load_mark(c, &mark);
    rc = replay(c, &mark, &x);
    if (mark.number > 0 && (x.is_other || rc == ELO_ECORRUPT)) {
        elo_log(ELO_LOG_WARN,
                "ctl: records up to %llu aren't those that were verified: all "
                "are verified again",
                (unsigned long long) mark.number);
        mark = none;
        rc = replay(c, &none, &x);
    }
    if (rc != ELO_OK) {
        elo_log(ELO_LOG_CRIT, "ctl: record %llu of the journal: %s: %s",
                (unsigned long long) x.number, x.why, elo_strerror(rc));
        return rc;
    }
    c->marked = mark.number;
    if (elo_ctl_mark_is_due(c)) {
        if (elo_ctl_mark_save(c, &c->taken) == ELO_OK) {
            c->marked = c->taken.number;
        } /* else the next start verifies them again */
    }
    elo_log(ELO_LOG_INFO, "ctl: %llu records, %llu of them verified now",
            (unsigned long long) c->taken.number,
            (unsigned long long) x.n_verified);
    return ELO_OK;
}
