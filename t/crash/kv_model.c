/* SPDX-License-Identifier: BSD-2-Clause */
/* kv_model: see kv_model.h. */
#include "t/crash/kv_model.h"

#include <stdlib.h>

#include "common/base/rd.h"
#include "t/crash/sweep.h"

#define TAGS 4u

/* The last write of each key in one state. */
typedef struct {
    kvm_write_t last[KVM_DATA + 1][KVM_KEYS];
} state_t;


size_t
kvm_key(uint8_t table, uint8_t key, uint8_t out[KVM_KEY_MAX])
{
    sim_rng_t rng = sim_rng(table, key, 1);
    size_t len = 1 + sim_rng_below(&rng, KVM_KEY_MAX - 8);

    /* a common prefix, so that keys that are prefixes of others occur */
    memset(out, 'k', len);
    out[len++] = (uint8_t) ('A' + key);
    return len;
}


void
kvm_value(const kvm_t *m, const kvm_write_t *w, uint8_t *value,
          size_t *value_len, uint8_t *data, size_t *data_len)
{
    sim_rng_t len = sim_rng(m->seed, w->shape, 2);
    sim_rng_t rng =
        sim_rng(m->seed, w->version, (uint64_t) w->table << 8 | w->key);
    uint64_t word;

    *value_len = 1 + sim_rng_below(&len, KVM_VALUE_MAX);
    for (size_t i = 0; i < *value_len; i++) {
        value[i] = (uint8_t) sim_rng_next(&rng);
    }
    *data_len = 0;
    if (w->table == KVM_DATA) {
        *data_len =
            (w->shape & 1) != 0
                ? KVM_DATA_MAX / 4 + sim_rng_below(&len, KVM_DATA_MAX * 3 / 4)
                : sim_rng_below(&len, 1200);
    }
    for (size_t i = 0; i < *data_len; i += sizeof(word)) {
        size_t n = *data_len - i;

        word = sim_rng_next(&rng);
        memcpy(data + i, &word, n < sizeof(word) ? n : sizeof(word));
    }
}


static state_t
state_at(const kvm_t *m, uint32_t k)
{
    state_t s;

    memset(&s, 0, sizeof(s));
    for (uint32_t i = 0; i < k; i++) {
        for (uint32_t n = 0; !m->ops[i].is_void && n < m->ops[i].n; n++) {
            const kvm_write_t *w = &m->ops[i].writes[n];

            s.last[w->table][w->key] = *w;
        }
    }
    return s;
}


/* ---- what is derived ---- */

/* tag, then the key */
static elo_slice_t
derived_key(uint8_t *room, const elo_kv_entry_t *e, elo_slice_t key)
{
    room[0] = (uint8_t) (e->value.p[0] % TAGS);
    memcpy(room + 1, key.p, key.len);
    return elo_slice(room, key.len + 1);
}


static elo_err_t
derive_one(elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
           const elo_kv_entry_t *e, int sign)
{
    uint8_t room[KVM_KEY_MAX + 1], len[2];
    elo_slice_t value = elo_slice(len, sizeof(len));
    elo_err_t rc;

    if (table == KVM_PLAIN) {
        len[0] = (uint8_t) (e->value.len >> 8);
        len[1] = (uint8_t) e->value.len;
        rc = elo_kv_tx_derive(tx, KVM_DERIVED, derived_key(room, e, key),
                              sign > 0 ? &value : NULL);
        if (rc == ELO_OK) {
            rc = elo_kv_tx_add(tx, KVM_SUM_TAG, e->value.p[0] % TAGS, sign);
        }
        if (rc != ELO_OK) {
            return rc;
        }
    }
    return elo_kv_tx_add(tx, KVM_SUM_BYTES, table,
                         sign * (int64_t) (e->value.len + e->data_len));
}


elo_err_t
kvm_derive(void *ctx, elo_kv_tx_t *tx, uint8_t table, elo_slice_t key,
           const elo_kv_entry_t *was, const elo_kv_entry_t *now, bool moved)
{
    elo_err_t rc = ELO_OK;

    (void) ctx;
    (void) moved;
    if (table != KVM_PLAIN && table != KVM_DATA) {
        return ELO_OK;
    }
    if (was != NULL) {
        rc = derive_one(tx, table, key, was, -1);
    }
    if (rc == ELO_OK && now != NULL) {
        rc = derive_one(tx, table, key, now, 1);
    }
    return rc;
}


/* ---- checking ---- */

typedef struct {
    kvm_t *m;
    elo_kv_t *kv;
    elo_kv_view_t view;
    state_t s;
    int64_t tags[TAGS], bytes[KVM_DATA + 1];
    uint32_t n_keys[KVM_DATA + 1];
} check_t;


/* Which state the store says it is at. */
static bool
find_state(check_t *c, uint32_t *k)
{
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_get(&c->view, KVM_MARK, ELO_SLICE("mark"), &e);

    *k = 0;
    if (rc == ELO_OK && e.value.len == 4) {
        elo_ignore(elo_rd_be32(e.value.p, e.value.p + 4, k) == NULL);
    } else if (rc != ELO_ENOTFOUND) {
        return crash_fail("mark: %s, %zu bytes", elo_strerror(rc),
                          rc == ELO_OK ? e.value.len : 0);
    }
    if (*k < c->m->acked) {
        return crash_fail("operation %u was acknowledged, the store knows "
                          "%u",
                          c->m->acked, *k);
    }
    if (*k > c->m->n_ops) {
        return crash_fail("the store knows operation %u, there were %u", *k,
                          c->m->n_ops);
    }
    if (*k > 0 && c->m->ops[*k - 1].is_void) {
        return crash_fail("operation %u was refused, and is there", *k);
    }
    return true;
}


static bool
check_data(check_t *c, const elo_kv_entry_t *e, const uint8_t *want, size_t len,
           const char *what)
{
    static _Thread_local uint8_t got[KVM_DATA_MAX];
    elo_err_t rc;

    if (e->data_len != len) {
        return crash_fail("%s: data of %u bytes, want %zu", what, e->data_len,
                          len);
    }
    if (len == 0) {
        return true;
    }
    if ((rc = elo_kv_read(c->kv, e->segment, e->data_off, got, len)) != ELO_OK)
    {
        return crash_fail("%s: reading data: %s", what, elo_strerror(rc));
    }
    if (memcmp(got, want, len) != 0) {
        return crash_fail("%s: other data", what);
    }
    rc = elo_kv_read_now(c->kv, e->segment, e->data_off, got, len);
    if (rc != ELO_EAGAIN && (rc != ELO_OK || memcmp(got, want, len) != 0)) {
        return crash_fail("%s: read_now: %s", what, elo_strerror(rc));
    }
    return true;
}


static bool
check_key(check_t *c, uint8_t table, uint8_t key)
{
    static _Thread_local uint8_t value[KVM_VALUE_MAX], data[KVM_DATA_MAX];
    kvm_write_t w = c->s.last[table][key];
    uint8_t name[KVM_KEY_MAX];
    size_t value_len, data_len, len = kvm_key(table, key, name);
    elo_kv_entry_t e;
    elo_err_t rc = elo_kv_get(&c->view, table, elo_slice(name, len), &e);
    char what[40];

    w.table = table;
    w.key = key;
    snprintf(what, sizeof(what), "table %u key %u version %u", table, key,
             w.version);
    if (w.version == 0) {
        return rc == ELO_ENOTFOUND
               || crash_fail("%s: deleted, but %s", what, elo_strerror(rc));
    }
    if (rc != ELO_OK) {
        return crash_fail("%s: %s", what, elo_strerror(rc));
    }
    kvm_value(c->m, &w, value, &value_len, data, &data_len);
    if (!elo_slice_eq(e.value, elo_slice(value, value_len))) {
        return crash_fail("%s: another value", what);
    }
    c->n_keys[table]++;
    c->bytes[table] += (int64_t) (value_len + data_len);
    if (table == KVM_PLAIN) {
        uint8_t room[KVM_KEY_MAX + 1];
        elo_kv_entry_t d;

        c->tags[value[0] % TAGS]++;
        rc = elo_kv_get(&c->view, KVM_DERIVED,
                        derived_key(room, &e, elo_slice(name, len)), &d);
        if (rc != ELO_OK || d.value.len != 2
            || (size_t) (d.value.p[0] << 8 | d.value.p[1]) != value_len)
        {
            return crash_fail("%s: derived entry: %s", what, elo_strerror(rc));
        }
    }
    return check_data(c, &e, data, data_len, what);
}


/* Exactly so many keys, in order. */
static bool
check_scan(check_t *c, uint8_t table, uint32_t want)
{
    uint8_t last[KVM_KEY_MAX + 8];
    size_t last_len = 0;
    elo_kv_cursor_t *cur;
    elo_slice_t key;
    elo_kv_entry_t e;
    uint32_t n = 0;
    elo_err_t rc =
        elo_kv_cursor_open(&c->view, table, elo_slice(NULL, 0), &cur);

    if (rc != ELO_OK) {
        return crash_fail("cursor: %s", elo_strerror(rc));
    }
    while ((rc = elo_kv_cursor_next(cur, &key, &e)) == ELO_OK) {
        size_t len = key.len < last_len ? key.len : last_len;
        int cmp = len == 0 ? 0 : memcmp(last, key.p, len);

        if (key.len > sizeof(last)
            || (n > 0 && (cmp > 0 || (cmp == 0 && last_len >= key.len))))
        {
            elo_kv_cursor_close(&cur);
            return crash_fail("table %u: keys out of order", table);
        }
        memcpy(last, key.p, key.len);
        last_len = key.len;
        n++;
    }
    elo_kv_cursor_close(&cur);
    if (rc != ELO_ENOTFOUND || n != want) {
        return crash_fail("table %u: %u keys, want %u (%s)", table, n, want,
                          elo_strerror(rc));
    }
    return true;
}


static bool
check_sums(check_t *c)
{
    for (uint32_t t = 0; t < TAGS; t++) {
        int64_t got = elo_kv_sum(c->kv, KVM_SUM_TAG, t);

        if (got != c->tags[t]) {
            return crash_fail("counter of tag %u: %lld, recounted %lld", t,
                              (long long) got, (long long) c->tags[t]);
        }
    }
    for (uint8_t t = KVM_PLAIN; t <= KVM_DATA; t++) {
        int64_t got = elo_kv_sum(c->kv, KVM_SUM_BYTES, t);

        if (got != c->bytes[t]) {
            return crash_fail("bytes of table %u: %lld, recounted %lld", t,
                              (long long) got, (long long) c->bytes[t]);
        }
    }
    return true;
}


void
kvm_check(kvm_t *m, elo_kv_t *kv)
{
    check_t c = { .m = m, .kv = kv };
    uint32_t k = 0;
    elo_err_t rc = elo_kv_view_begin(kv, &c.view);
    bool ok;

    if (rc != ELO_OK) {
        crash_fail("view: %s", elo_strerror(rc));
        return;
    }
    ok = find_state(&c, &k);
    if (ok) {
        c.s = state_at(m, k);
    }
    for (uint8_t t = KVM_PLAIN; t <= KVM_DATA; t++) {
        for (uint8_t key = 0; ok && key < KVM_KEYS; key++) {
            ok = check_key(&c, t, key);
        }
        ok = ok && check_scan(&c, t, c.n_keys[t]);
    }
    ok = ok && check_scan(&c, KVM_DERIVED, c.n_keys[KVM_PLAIN])
         && check_scan(&c, KVM_MARK, k > 0 ? 1 : 0) && check_sums(&c);
    elo_kv_view_end(&c.view);
    if (ok) {
        m->n_ops = m->acked = k;
    }
}
