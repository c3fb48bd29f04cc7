/* SPDX-License-Identifier: BSD-2-Clause */
/* tier, with other processes: who reads without the lock learns when what he read is not
   what was there; and who dies in a change leaves behind what elo_tier_check tells
   from a sound tier, and does not hang over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cache/blocks.h"
#include "common/cache/tier.h"
#include "common/cache/tier_internal.h"

enum {
    KEYS = 40,
    BLOCKS = 600,
    BLOCK = 64,
    MOST = 3000, /* bytes of an object */
    READERS = 2,
    CHANGES = 60000,
    KILLS = 60
};

/* What the processes share. */
typedef struct {
    uint32_t is_over;
    uint32_t is_dirty; /* the first is within a change */
    uint64_t n_changes;
    struct {
        uint64_t good, torn, missing;
    } seen[READERS];
    elo_tier_t *tier; /* mapped at one address, as all are forks */
    elo_blocks_t *blocks;
} shared_t;

typedef struct {
    elo_tier_gone_t gone;
    elo_blocks_t *blocks;
} gone_t;

static const elo_tier_conf_t conf = { .policy = ELO_CACHE_QGF,
                                      .capacity = BLOCKS * BLOCK,
                                      .max_entries = 32,
                                      .max_object = MOST + BLOCK,
                                      .floor_pm = { 100, 100, 0 } };


static uint32_t
below(uint64_t *state, uint32_t n)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t) (*state >> 33) % n;
}


static elo_cache_key_t
key_of(uint32_t id)
{
    elo_cache_key_t key = { { 1 } };

    memcpy(key.b + 8, &id, sizeof(id));
    return key;
}


/* The bytes of version v of an object are all of one value. */
static uint8_t
byte_of(uint32_t id, uint64_t v)
{
    return (uint8_t) (id * 31 + v * 7 + 1);
}


static void
start_over(shared_t *s)
{
    assert_int_equal(elo_tier_init(s->tier, &conf, 5, &s->tier), ELO_OK);
    (void) elo_blocks_init(s->blocks, BLOCKS, BLOCK);
}


static shared_t *
share(void)
{
    size_t tier_len = elo_tier_bytes(&conf);
    size_t len = 4096 + tier_len + elo_blocks_bytes(BLOCKS, BLOCK);
    uint8_t *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_t *s = (void *) mem;

    assert_true(mem != MAP_FAILED);
    s->tier = (void *) (mem + 4096);
    s->blocks = (void *) (mem + 4096 + tier_len);
    start_over(s);
    return s;
}


static void
unshare_all(shared_t *s)
{
    munmap(s, 4096 + elo_tier_bytes(&conf) + elo_blocks_bytes(BLOCKS, BLOCK));
}


static void
on_gone(elo_tier_gone_t *self, const elo_cache_key_t *key,
        const elo_tier_item_t *item)
{
    (void) key;
    elo_blocks_free(((gone_t *) self)->blocks, (uint32_t) item->ref,
                    item->flags, item->aux % 2 == 0);
}


static void
enter(shared_t *s, uint32_t id, uint64_t v, size_t len, gone_t *gone)
{
    uint8_t bytes[MOST];
    elo_cache_key_t key = key_of(id);
    elo_tier_item_t item = { .aux = v, .flags = (uint32_t) len };
    uint32_t slot, first;

    if (elo_tier_reserve(s->tier, &key, (elo_cache_class_t) (id % 3),
                         elo_blocks_size(s->blocks, len), &gone->gone, &slot)
        != ELO_OK)
    {
        return;
    }
    first = elo_blocks_alloc(s->blocks, len);
    assert_int_not_equal(first, ELO_BLOCKS_NONE); /* (I3) */
    memset(bytes, byte_of(id, v), len);
    assert_true(elo_blocks_write(s->blocks, first, 0, bytes, len));
    item.ref = first;
    assert_true(elo_tier_publish(s->tier, slot, &item));
}


/* One change, as whoever has the lock makes it. */
static void
change(shared_t *s, uint64_t *seed)
{
    gone_t gone = { { on_gone }, s->blocks };
    uint32_t id = below(seed, KEYS);
    elo_cache_key_t key = key_of(id);
    elo_tier_item_t item;

    __atomic_store_n(&s->is_dirty, 1, __ATOMIC_SEQ_CST);
    if (below(seed, 4) == 0 && elo_tier_get(s->tier, &key, &item)) {
        assert_true(elo_tier_drop(s->tier, &item, &gone.gone));
    } else {
        enter(s, id, s->n_changes, 1 + below(seed, MOST), &gone);
    }
    __atomic_store_n(&s->is_dirty, 0, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&s->n_changes, 1, __ATOMIC_RELAXED);
}


/* In a process of its own: false, when bytes were believed that were never there. */
static bool
reads_truth(shared_t *s, unsigned me)
{
    uint64_t seed = me + 100;
    uint8_t bytes[MOST];

    while (__atomic_load_n(&s->is_over, __ATOMIC_RELAXED) == 0) {
        uint32_t id = below(&seed, KEYS);
        elo_cache_key_t key = key_of(id);
        elo_tier_item_t item;
        bool is_read;

        if (!elo_tier_get(s->tier, &key, &item)) {
            s->seen[me].missing++;
            elo_tier_miss(s->tier, &key, (elo_cache_class_t) (id % 3));
            continue;
        }
        if (item.klass != id % 3 || item.flags == 0 || item.flags > MOST) {
            return false;
        }
        is_read = elo_blocks_read(s->blocks, (uint32_t) item.ref, 0, bytes,
                                  item.flags);
        if (!elo_tier_is_same(s->tier, &item)) {
            s->seen[me].torn++;
            continue;
        }
        for (uint32_t i = 0; i < item.flags; i++) {
            if (bytes[i] != byte_of(id, item.aux)) {
                return false;
            }
        }
        if (!is_read) {
            return false;
        }
        elo_tier_hit(s->tier, &key, &item);
        s->seen[me].good++;
    }
    return true;
}


static void
test_torn_reads(void **state)
{
    shared_t *s = share();
    pid_t reader[READERS];
    uint64_t seed = 9, until = CHANGES, n_torn = 0;

    (void) state;
    for (unsigned i = 0; i < READERS; i++) {
        reader[i] = fork();
        assert_true(reader[i] >= 0);
        if (reader[i] == 0) {
            _exit(reads_truth(s, i) ? 0 : 1);
        }
    }
    /* at least so many, and until each has read something */
    while (s->n_changes < until) {
        change(s, &seed);
        if (s->n_changes == until) {
            for (unsigned i = 0; i < READERS; i++) {
                if (__atomic_load_n(&s->seen[i].good, __ATOMIC_RELAXED) < 100
                    && waitpid(reader[i], NULL, WNOHANG) == 0)
                {
                    until = s->n_changes + 1;
                }
            }
        }
    }
    s->is_over = 1;
    for (unsigned i = 0; i < READERS; i++) {
        int status;

        assert_int_equal(waitpid(reader[i], &status, 0), reader[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_true(s->seen[i].good >= 100);
        n_torn += s->seen[i].torn;
    }
    assert_true(elo_tier_check(s->tier));
    print_message("%llu reads were found torn\n", (unsigned long long) n_torn);
    unshare_all(s);
}


/* What was read while it was changed is known as such, whatever the change was. */
static void
test_each_change(void **state)
{
    shared_t *s = share();
    gone_t gone = { { on_gone }, s->blocks };
    elo_cache_key_t key = key_of(2);
    elo_tier_item_t item, other;

    (void) state;
    for (unsigned how = 0; how < 4; how++) {
        enter(s, 2, 1, 100, &gone);
        assert_true(elo_tier_get(s->tier, &key, &item));
        assert_true(elo_tier_is_same(s->tier, &item));
        switch (how) {
        case 0:
            assert_true(elo_tier_drop(s->tier, &item, &gone.gone));
            break;
        case 1: /* replaced; the slot may well be the same */
            enter(s, 2, 1, 100, &gone);
            break;
        case 2: /* its slot holds another */
            assert_true(elo_tier_drop(s->tier, &item, &gone.gone));
            enter(s, 5, 1, 100, &gone);
            other = item;
            key = key_of(5);
            assert_true(elo_tier_get(s->tier, &key, &other));
            assert_int_equal(other.slot, item.slot);
            key = key_of(2);
            break;
        default:
            start_over(s);
        }
        assert_false(elo_tier_is_same(s->tier, &item));
    }
    item.slot = UINT32_MAX;
    assert_false(elo_tier_is_same(s->tier, &item));
    unshare_all(s);
}


/* A process that changes things is killed anywhere. What it left is sound unless the
   dirty mark stands; then check comes to an end, whatever it says, and all of it can
   start over. */
static void
test_killed(void **state)
{
    shared_t *s = share();
    unsigned n_dirty = 0;

    (void) state;
    for (unsigned i = 0; i < KILLS; i++) {
        uint64_t at = s->n_changes + 50 + i;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            for (uint64_t seed = i;;) {
                change(s, &seed);
            }
        }
        while (__atomic_load_n(&s->n_changes, __ATOMIC_RELAXED) < at) {
            assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        if (s->is_dirty) {
            n_dirty++;
            (void) elo_tier_check(s->tier);
            start_over(s);
            s->is_dirty = 0;
        }
        assert_true(elo_tier_check(s->tier));
    }
    print_message("%u of %u died in a change\n", n_dirty, (unsigned) KILLS);
    unshare_all(s);
}


/* The same without chance: of the words that a change writes only the first so many,
   or only the last so many, were written. */
static void
test_half_done(void **state)
{
    shared_t *s = share();
    size_t n = elo_tier_bytes(&conf) / 8, n_words = 0, n_found = 0;
    uint64_t *before = malloc(n * 8), *after = malloc(n * 8);
    uint64_t *at = (void *) s->tier, seed = 4;

    (void) state;
    assert_true(before != NULL && after != NULL);
    for (unsigned i = 0; i < 300; i++) {
        change(s, &seed);
    }
    for (unsigned round = 0; round < 40; round++) {
        memcpy(before, at, n * 8);
        change(s, &seed);
        assert_true(elo_tier_check(s->tier));
        memcpy(after, at, n * 8);
        for (size_t upto = 0; upto < n; upto++) {
            if (before[upto] == after[upto]) {
                continue;
            }
            n_words++;
            memcpy(at, after, upto * 8);
            memcpy(at + upto, before + upto, (n - upto) * 8);
            n_found += !elo_tier_check(s->tier);
            memcpy(at, before, upto * 8);
            memcpy(at + upto, after + upto, (n - upto) * 8);
            n_found += !elo_tier_check(s->tier);
        }
        memcpy(at, after, n * 8);
        assert_true(elo_tier_check(s->tier));
    }
    assert_true(n_words > 400);
    /* the rest are counts, frequencies, and what the caller keeps */
    assert_true(n_found > n_words);
    free(before);
    free(after);
    unshare_all(s);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_change),
        cmocka_unit_test(test_half_done),
        cmocka_unit_test(test_torn_reads),
        cmocka_unit_test(test_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
