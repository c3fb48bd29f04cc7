/* SPDX-License-Identifier: BSD-2-Clause */
/* record_root: what manifests say of a blob's hash tree, and what of that state
   tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "t/unit/backend/ctl/world.h"
#include "t/unit/guard.h"

#define OWNER 0
#define ANNA  1
#define BODY  (1 + 1 + 2 + 32 + 1 + 9 + 1 + 2 + 32) /* at most */

static const uint8_t blob_of_b[32] = { 0xb1, 2, 3 };
static guard_t guard;


static elo_slice_t
blob(uint8_t no)
{
    static uint8_t b[256][32];

    b[no][0] = 0xb1;
    b[no][31] = no;
    return elo_slice(b[no], 32);
}


static elo_digest_t
digest_of(uint8_t no)
{
    elo_digest_t d;

    memcpy(d.b, blob(no).p, sizeof(d.b));
    return d;
}


/* ---- bodies ---- */

static bool
read_body(elo_slice_t body, elo_rec_root_t *out)
{
    elo_rec_t r = { .kind = ELO_REC_MANIFEST,
                    .body = { .raw = guard_put(&guard, body) } };

    return elo_rec_root_read(&r, out);
}


static void
test_body(void **state)
{
    static const uint64_t sizes[] = { 1, 23, 24, 1u << 20, UINT64_C(1) << 53 };
    elo_rec_root_t in = { .blob = elo_slice(blob_of_b, 32) }, out;
    elo_buf_t b;

    (void) state;
    memset(in.root.b, 0xcd, sizeof(in.root.b));
    elo_buf_init(&b, BODY);
    for (size_t i = 0; i < ELO_COUNT(sizes); i++) {
        elo_buf_clear(&b);
        in.size = sizes[i];
        elo_rec_root_body(&in, &b);
        assert_int_equal(elo_buf_err(&b), ELO_OK);
        assert_memory_equal(b.p, "\xa3\x01\x58\x20\xb1\x02\x03", 7);
        assert_true(read_body(elo_buf_slice(&b), &out));
        assert_true(elo_slice_eq(out.blob, in.blob));
        assert_int_equal(out.size, in.size);
        assert_memory_equal(out.root.b, in.root.b, 32);
        for (size_t n = 0; n < b.len; n++) {
            assert_false(read_body(elo_slice(b.p, n), &out));
        }
    }
    elo_buf_dispose(&b);
}


#define BLOB                                                                   \
    "\x01\x58\x20"                                                             \
    "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define SIZE "\x02\x18\x64"
#define ROOT                                                                   \
    "\x03\x58\x20"                                                             \
    "RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR"


static void
test_others(void **state)
{
    static const struct {
        const char *what;
        elo_slice_t body;
        bool says;
    } rows[] = {
        { "what we write", ELO_SLICE("\xa3" BLOB SIZE ROOT), true },
        { "more besides", ELO_SLICE("\xa4" BLOB SIZE ROOT "\x04\x81\xf6"),
          true },
        { "something before", ELO_SLICE("\xa4\x00\x01" BLOB SIZE ROOT), true },
        { "a far key",
          ELO_SLICE("\xa4" BLOB SIZE ROOT
                    "\x1b\xff\xff\xff\xff\xff\xff\xff\xff\x00"),
          true },
        { "nothing", ELO_SLICE("\xa0"), false },
        { "no blob", ELO_SLICE("\xa2" SIZE ROOT), false },
        { "no size", ELO_SLICE("\xa2" BLOB ROOT), false },
        { "no root", ELO_SLICE("\xa2" BLOB SIZE), false },
        { "size 0", ELO_SLICE("\xa3" BLOB "\x02\x00" ROOT), false },
        { "size past 2^53",
          ELO_SLICE("\xa3" BLOB
                    "\x02\x1b\x00\x20\x00\x00\x00\x00\x00\x01" ROOT),
          false },
        { "a size that is text",
          ELO_SLICE("\xa3" BLOB "\x02\x61"
                    "1" ROOT),
          false },
        { "a blob of 31 bytes",
          ELO_SLICE("\xa3\x01\x58\x1f"
                    "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB" SIZE ROOT),
          false },
        { "a root of 33 bytes",
          ELO_SLICE("\xa3" BLOB SIZE "\x03\x58\x21"
                    "RRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRRR"),
          false },
        { "keys twice", ELO_SLICE("\xa4" BLOB SIZE SIZE ROOT), false },
        { "no map", ELO_SLICE("\x83\x01\x02\x03"), false },
        { "empty", ELO_SLICE(""), false },
    };
    elo_rec_root_t out = { .size = 4711 };
    elo_rec_t r = { .kind = ELO_REC_LOCATION, .body = { .raw = rows[0].body } };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        out.size = 4711;
        if (read_body(rows[i].body, &out) != rows[i].says) {
            fail_msg("%s", rows[i].what);
        }
        assert_int_equal(out.size, rows[i].says ? 100 : 4711);
    }
    assert_false(elo_rec_root_read(&r, &out)); /* of another kind */
}


/* ---- state ---- */

static elo_err_t
says(world_t *w, unsigned who, uint8_t no, uint64_t size, uint8_t root,
     elo_digest_t *id)
{
    elo_rec_root_t o = { .blob = blob(no), .size = size };
    elo_err_t rc;
    elo_rec_t r;
    elo_buf_t b;

    memset(o.root.b, root, sizeof(o.root.b));
    elo_buf_init(&b, BODY);
    elo_rec_root_body(&o, &b);
    r = world_rec(w, who, ELO_REC_MANIFEST,
                  (elo_rec_body_t){ .raw = elo_buf_slice(&b) });
    rc = world_take(w, &r);
    for (unsigned i = 0; i < WORLD_AGENTS; i++) {
        assert_false(w->is_touched[i]);
    }
    elo_buf_dispose(&b);
    if (id != NULL) {
        *id = r.id;
    }
    return rc;
}


/* The root's byte, and *size; -1: none. */
static int
root_of(const world_t *w, unsigned who, uint8_t no, uint64_t *size)
{
    elo_digest_t d = digest_of(no), root;
    elo_agent_t a = agent(who);

    return elo_ctl_root(w->s, &a, &d, &root, size) ? root.b[17] : -1;
}


static elo_err_t
take_back(world_t *w, unsigned who, const elo_digest_t *id)
{
    elo_rec_t r =
        world_rec(w, who, ELO_REC_REVOCATION, (elo_rec_body_t){ .ref = *id });

    return world_take(w, &r);
}


static void
test_state(void **state)
{
    uint64_t size = 0, n;
    elo_digest_t first, second;
    world_t w;

    (void) state;
    world_init(&w, 1000);
    assert_int_equal(root_of(&w, OWNER, 1, &size), -1);
    n = elo_ctl_state_count(w.s);
    assert_int_equal(says(&w, OWNER, 1, 100, 0x11, &first), ELO_OK);
    assert_int_equal(root_of(&w, OWNER, 1, &size), 0x11);
    assert_int_equal(size, 100);
    assert_int_equal(root_of(&w, OWNER, 2, &size), -1);
    assert_int_equal(root_of(&w, ANNA, 1, &size), -1); /* each for himself */
    assert_int_equal(says(&w, ANNA, 1, UINT64_C(1) << 53, 0x22, NULL), ELO_OK);
    assert_int_equal(root_of(&w, OWNER, 1, &size), 0x11);
    assert_int_equal(root_of(&w, ANNA, 1, &size), 0x22);
    assert_int_equal(size, UINT64_C(1) << 53);

    /* the latest counts, and when it ends the one before it */
    assert_int_equal(says(&w, OWNER, 1, 101, 0x33, &second), ELO_OK);
    assert_int_equal(root_of(&w, OWNER, 1, &size), 0x33);
    assert_int_equal(size, 101);
    assert_int_equal(take_back(&w, OWNER, &second), ELO_OK);
    assert_int_equal(root_of(&w, OWNER, 1, &size), 0x11);
    assert_int_equal(size, 100);
    assert_int_equal(take_back(&w, OWNER, &first), ELO_OK);
    assert_int_equal(root_of(&w, OWNER, 1, &size), -1);
    assert_int_equal(elo_ctl_state_count(w.s), n + 1); /* Anna's */
    elo_ctl_state_free(&w.s);
}


/* Who is shut out says nothing any more. */
static void
test_shut_out(void **state)
{
    elo_rec_t admits;
    uint64_t size;
    world_t w;

    (void) state;
    world_init(&w, 1000);
    admits = world_rec(
        &w, OWNER, ELO_REC_ADMISSION,
        (elo_rec_body_t){ .agent = agent(ANNA), .sort = ELO_LEVEL_ADMIN });
    assert_int_equal(world_take(&w, &admits), ELO_OK);
    assert_int_equal(says(&w, ANNA, 1, 100, 0x44, NULL), ELO_OK);
    assert_int_equal(root_of(&w, ANNA, 1, &size), 0x44);
    assert_int_equal(take_back(&w, OWNER, &admits.id), ELO_OK);
    assert_int_equal(root_of(&w, ANNA, 1, &size), -1);
    elo_ctl_state_free(&w.s);
}


/* About one blob there are so many at most; about others there are more. */
static void
test_same(void **state)
{
    uint64_t size = 0;
    world_t w;

    (void) state;
    world_init(&w, 1000);
    for (unsigned i = 0; i < ELO_CTL_SAME_MAX; i++) {
        assert_int_equal(says(&w, OWNER, 1, 100 + i, (uint8_t) i, NULL),
                         ELO_OK);
    }
    assert_int_equal(says(&w, OWNER, 1, 7, 0x77, NULL), ELO_ENOSPC);
    assert_int_equal(root_of(&w, OWNER, 1, &size), ELO_CTL_SAME_MAX - 1);
    for (unsigned i = 2; i < 200; i++) {
        assert_int_equal(says(&w, OWNER, (uint8_t) i, i, (uint8_t) i, NULL),
                         ELO_OK);
    }
    for (unsigned i = 2; i < 200; i++) {
        assert_int_equal(root_of(&w, OWNER, (uint8_t) i, &size), i);
        assert_int_equal(size, i);
    }
    elo_ctl_state_free(&w.s);
}


/* One that says nothing of a root is kept, and is in nobody's way. */
static void
test_opaque(void **state)
{
    elo_rec_t r;
    uint64_t size;
    world_t w;

    (void) state;
    world_init(&w, 1000);
    r = world_rec(&w, OWNER, ELO_REC_MANIFEST,
                  (elo_rec_body_t){ .raw = ELO_SLICE("\xa2" BLOB SIZE) });
    assert_int_equal(world_take(&w, &r), ELO_OK);
    assert_int_equal(elo_ctl_state_count(w.s), 1);
    assert_int_equal(root_of(&w, OWNER, 1, &size), -1);
    assert_int_equal(take_back(&w, OWNER, &r.id), ELO_OK);
    assert_int_equal(elo_ctl_state_count(w.s), 0);
    elo_ctl_state_free(&w.s);
}


static int
setup(void **state)
{
    (void) state;
    guard_init(&guard, 4096);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    guard_dispose(&guard);
    return 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_body),  cmocka_unit_test(test_others),
        cmocka_unit_test(test_state), cmocka_unit_test(test_shut_out),
        cmocka_unit_test(test_same),  cmocka_unit_test(test_opaque),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
