/* SPDX-License-Identifier: BSD-2-Clause */
/* zone: what is left by a process that dies in the middle of a change, at whatever
   point of it. */
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
#include <time.h>
#include <unistd.h>

#include "common/base/num.h"
#include "common/cache/shelf.h"
#include "common/cache/zone.h"

#define PARTS   2u
#define PRINT   UINT64_C(0x1122334455667788)
#define FOREVER UINT32_MAX
#define MARKER  "bytes that are for one only"

static const elo_shelf_conf_t confs[PARTS] = {
    { { .policy = ELO_CACHE_LSZ,
        .capacity = 64 * 128,
        .max_entries = 32,
        .max_object = 1024,
        .window_pct = 5,
        .floor_pm = { 200, 200, 0 } },
      128 },
    { { .policy = ELO_CACHE_QGF,
        .capacity = 64 * 512,
        .max_entries = 32,
        .max_object = 8192,
        .window_pct = 5,
        .floor_pm = { 200, 200, 0 } },
      512 },
};

static elo_err_t
make(const elo_zone_part_t *self, void *mem, uint64_t seed)
{
    elo_shelf_t *unused;

    return elo_shelf_init(mem, self->conf, seed, &unused);
}


static elo_err_t
refuse(const elo_zone_part_t *self, void *mem, uint64_t seed)
{
    (void) self;
    (void) mem;
    (void) seed;
    return ELO_ERANGE;
}


static void
parts_of(elo_zone_part_t parts[PARTS])
{
    for (unsigned i = 0; i < PARTS; i++) {
        parts[i] = (elo_zone_part_t) { make, &confs[i],
                                       elo_shelf_bytes(&confs[i]) };
    }
}


/* Memory that a child shares. */
static void *
fresh(size_t len)
{
    void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(mem, MAP_FAILED);
    return mem;
}


static elo_zone_t *
zone(const elo_zone_part_t *parts, size_t *len)
{
    elo_zone_t *z;

    *len = elo_zone_bytes(parts, PARTS);
    assert_int_equal(
        elo_zone_init(fresh(*len), *len, parts, PARTS, PRINT, 5, &z), ELO_OK);
    return z;
}


static elo_err_t
put(elo_shelf_t *s, uint64_t n, elo_cache_class_t klass, const void *p,
    size_t len)
{
    elo_shelf_stamp_t st = { .store_id = n, .agent_slot = ELO_SHELF_NO_SLOT };
    elo_cache_key_t k = { { 0 } };

    memcpy(k.b, &n, sizeof(n));
    return elo_shelf_put(s, &k, klass, &st, elo_slice(p, len), FOREVER);
}


static void
test_layout(void **state)
{
    elo_zone_part_t parts[PARTS];
    size_t len;
    elo_zone_t *z, *unused;
    uint8_t *a, *b;

    (void) state;
    parts_of(parts);
    z = zone(parts, &len);
    a = elo_zone_part(z, 0);
    b = elo_zone_part(z, 1);
    assert_int_equal((uintptr_t) a % 64, 0);
    assert_true(a + parts[0].bytes <= b);
    assert_true(b + parts[1].bytes <= (uint8_t *) z + len);

    assert_ptr_equal(elo_zone_at(z, len, PRINT), z);
    assert_null(elo_zone_at(z, len, PRINT + 1));
    assert_null(elo_zone_at(z, len - 64, PRINT));
    assert_null(elo_zone_at(z, 8, PRINT));
    ((char *) z)[0] ^= 1;
    assert_null(elo_zone_at(z, len, PRINT));
    ((char *) z)[0] ^= 1;
    ((char *) z)[8] ^= 1; /* another version */
    assert_null(elo_zone_at(z, len, PRINT));
    munmap(z, len);

    /* a byte too little; a part that can't be */
    z = fresh(len);
    assert_int_equal(
        elo_zone_init(z, len - 1, parts, PARTS, PRINT, 5, &unused), ELO_ENOSPC);
    parts[1].init = refuse;
    assert_int_equal(elo_zone_init(z, len, parts, PARTS, PRINT, 5, &unused),
                     ELO_ERANGE);
    assert_null(elo_zone_at(z, len, PRINT)); /* no half of one is taken for it */
    munmap(z, len);
}


/* What a reader sees while a zone is closed, and after it started over. */
static void
test_restart(void **state)
{
    elo_zone_part_t parts[PARTS];
    size_t len;
    elo_zone_t *z;
    uint32_t seq, later;
    elo_tier_stat_t stat;

    (void) state;
    parts_of(parts);
    z = zone(parts, &len);
    assert_true(elo_zone_enter(z, &seq));
    assert_int_equal(elo_zone_begin(z, 1000), ELO_ZONE_OPEN);
    assert_int_equal(
        put(elo_zone_part(z, 0), 1, ELO_CACHE_PRIVATE, MARKER, strlen(MARKER)),
        ELO_OK);
    assert_true(elo_zone_is_same(z, seq));

    /* he who began has died */
    assert_int_equal(elo_zone_begin(z, 2000), ELO_ZONE_BROKEN);
    assert_false(elo_zone_enter(z, &later));
    assert_false(elo_zone_is_same(z, seq));
    assert_int_equal(elo_zone_begin(z, 2000), ELO_ZONE_CLOSED);
    assert_int_equal(elo_zone_begin(z, 2000 + ELO_ZONE_CLOSED_MS - 1),
                     ELO_ZONE_CLOSED);
    assert_true(memmem(z, len, MARKER, strlen(MARKER)) != NULL);
    assert_int_equal(elo_zone_begin(z, 2000 + ELO_ZONE_CLOSED_MS),
                     ELO_ZONE_DUE);

    /* he who was to start it over has died, too */
    assert_int_equal(elo_zone_begin(z, 3000), ELO_ZONE_BROKEN);
    assert_false(elo_zone_enter(z, &later));
    assert_int_equal(elo_zone_begin(z, 3000 + ELO_ZONE_CLOSED_MS),
                     ELO_ZONE_DUE);
    elo_zone_restart(z, parts, PARTS, 6);
    assert_true(elo_zone_enter(z, &later));
    assert_int_not_equal(later, seq);
    assert_null(memmem(z, len, MARKER, strlen(MARKER)));
    elo_zone_end(z);

    elo_shelf_stat(elo_zone_part(z, 0), ELO_CACHE_PRIVATE, &stat);
    assert_int_equal(stat.objects, 0);
    assert_int_equal(elo_zone_begin(z, 4000), ELO_ZONE_OPEN);
    assert_int_equal(put(elo_zone_part(z, 0), 1, ELO_CACHE_COMMONS, "x", 1),
                     ELO_OK);
    elo_zone_end(z);
    assert_ptr_equal(elo_zone_at(z, len, PRINT), z);
    munmap(z, len);
}


/* Changes all of it, again and again, as many workers would. */
static void
change(elo_zone_t *z)
{
    uint8_t bytes[3000];
    uint64_t x = 3 + (uint64_t) getpid() * 977;

    for (;;) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        if (elo_zone_begin(z, 0) != ELO_ZONE_OPEN) {
            _exit(1);
        }
        memset(bytes, 'm', sizeof(bytes));
        memcpy(bytes, MARKER, strlen(MARKER));
        elo_ignore(put(elo_zone_part(z, x >> 40 & 1), x >> 50,
                       (elo_cache_class_t) ((x >> 45) % 3), bytes,
                       strlen(MARKER) + (x >> 30) % 900));
        elo_zone_end(z);
    }
}


/* SIGKILL at some point: in most of the rounds, in the middle of a change. */
static void
test_killed(void **state)
{
    elo_zone_part_t parts[PARTS];
    size_t len;
    elo_zone_t *z;
    unsigned n_broken = 0;
    uint64_t now = 0;

    (void) state;
    parts_of(parts);
    z = zone(parts, &len);
    for (unsigned round = 0; round < 200; round++) {
        struct timespec pause = { 0, 200000 + round % 17 * 30011 };
        elo_zone_state_e got;
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            change(z);
        }
        nanosleep(&pause, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        now += 1000;
        got = elo_zone_begin(z, now);
        if (got == ELO_ZONE_BROKEN) {
            n_broken++;
            now += ELO_ZONE_CLOSED_MS;
            assert_int_equal(elo_zone_begin(z, now), ELO_ZONE_DUE);
            elo_zone_restart(z, parts, PARTS, round);
            assert_null(memmem(z, len, MARKER, strlen(MARKER)));
        } else {
            assert_int_equal(got, ELO_ZONE_OPEN);
        }
        for (unsigned i = 0; i < PARTS; i++) {
            assert_true(elo_shelf_check(elo_zone_part(z, i)));
            assert_int_equal(
                put(elo_zone_part(z, i), round, ELO_CACHE_COMMONS, "y", 1), 0);
        }
        elo_zone_end(z);
    }
    assert_true(n_broken > 20);
    munmap(z, len);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_killed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
