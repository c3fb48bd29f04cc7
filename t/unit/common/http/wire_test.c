/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/http/wire. One file, though long: each message is written, read
   back, cut and changed by the same few helpers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "common/cache/generation.h"
#include "common/http/wire.h"
#define WIRE_CASE_MAX (32u << 20)
#include "t/unit/common/http/wire_case.h"

#define NAME "blobs/ef/0123456789abcdef"

static const elo_wire_head_t head = {
    .generation = UINT64_C(0x0102030405060708),
    .slot = 4711,
    .reach = ELO_REACH_COMMONS,
    .flags = ELO_WIRE_BY_HASH,
};

static const uint8_t durations[] = { 0,    0,    0x17, 0x70, 0, 0,
                                     0x17, 0x71, 0,    0,    0, 1 };

static const uint8_t extents[] = {
    0, 0, 0, 0, 0, 0, 0, 100,  0, 0, 0, 0, 0, 0, 0, 50,
    0, 0, 0, 0, 0, 0, 3, 0xe7, 0, 0, 0, 0, 0, 0, 0, 1,
};

static elo_grant_t
a_grant(void)
{
    elo_grant_t g = {
        .head = head,
        .size = UINT64_C(0x123456789a),
        .offset = 4096,
        .mtime = -5,
        .name = ELO_SLICE(NAME),
        .content_type = ELO_SLICE("text/plain; charset=utf-8"),
    };

    memset(g.digest.b, 0xab, sizeof(g.digest.b));
    return g;
}


static elo_media_desc_t
a_medium(void)
{
    elo_media_desc_t m = {
        .head = head,
        .status = ELO_MEDIA_READY,
        .reason = ELO_SLICE("why"),
        .media = { .title = ELO_SLICE("A title"),
                   .version = ELO_SLICE("00112233aabbccdd"),
                   .duration_ms = 61234,
                   .n_tracks = 2 },
    };

    m.media.tracks[0] = (elo_media_track_t){
        .kind = ELO_TRACK_VIDEO,
        .id = ELO_SLICE("v0"),
        .codec = ELO_SLICE("avc1.64001f"),
        .language = ELO_SLICE("en"),
        .name = ELO_SLICE("720p"),
        .width = 1280,
        .height = 720,
        .frame_rate_num = 30000,
        .frame_rate_den = 1001,
        .timescale = 90000,
        .avg_bps = 1500000,
        .peak_bps = 2000000,
        .start = UINT64_C(1) << 53,
        .n_segments = 3,
        .durations = durations,
    };
    m.media.tracks[1] = m.media.tracks[0];
    m.media.tracks[1].kind = ELO_TRACK_AUDIO;
    m.media.tracks[1].id = ELO_SLICE("a0");
    m.media.tracks[1].sample_rate = 48000;
    m.media.tracks[1].channels = 6;
    m.media.tracks[1].n_segments = 0;
    return m;
}


static elo_recipe_t
a_recipe(void)
{
    return (elo_recipe_t){
        .head = head,
        .size = 1000,
        .name = ELO_SLICE(NAME),
        .content_type = ELO_SLICE("video/mp4"),
        .prefix = ELO_SLICE("moof bytes"),
        .n_extents = 2,
        .extents = extents,
    };
}


static void
assert_head(const elo_wire_head_t *h)
{
    assert_int_equal(h->generation, head.generation);
    assert_int_equal(h->slot, head.slot);
    assert_int_equal(h->reach, head.reach);
    assert_int_equal(h->flags, head.flags);
}


static void
test_grant(void **state)
{
    elo_grant_t g = a_grant(), got;
    elo_slice_t msg;

    (void) state;
    assert_int_equal(elo_wire_put_grant(&buf, &g), ELO_OK);
    /* the byte table of the header, literally */
    assert_memory_equal(buf.p, "EL\x02\x01\0\0\0\x7c", 8);
    assert_memory_equal(buf.p + 8, "\1\2\3\4\5\6\7\x8\0\0\x12\x67\7\1", 14);
    assert_int_equal(buf.len, 8 + 14 + 32 + 8 + 8 + 8 + 2 + 25 + 2 + 25);
    msg = guard_put(&guard, elo_buf_slice(&buf));
    assert_int_equal(elo_wire_get_grant(msg, &got), ELO_OK);
    assert_head(&got.head);
    assert_memory_equal(got.digest.b, g.digest.b, 32);
    assert_int_equal(got.size, g.size);
    assert_int_equal(got.offset, g.offset);
    assert_int_equal(got.mtime, -5);
    assert_true(elo_slice_eq(got.name, g.name));
    assert_true(elo_slice_eq(got.content_type, g.content_type));
}


static void
test_media(void **state)
{
    elo_media_desc_t m = a_medium(), got;
    const elo_media_track_t *t;
    elo_slice_t msg;

    (void) state;
    assert_int_equal(elo_wire_put_media(&buf, &m), ELO_OK);
    msg = guard_put(&guard, elo_buf_slice(&buf));
    assert_int_equal(elo_wire_get_media(msg, &got), ELO_OK);
    assert_head(&got.head);
    assert_int_equal(got.status, ELO_MEDIA_READY);
    assert_true(elo_slice_eq(got.reason, ELO_SLICE("why")));
    assert_true(elo_slice_eq(got.media.title, ELO_SLICE("A title")));
    assert_true(elo_slice_eq(got.media.version, m.media.version));
    assert_int_equal(got.media.duration_ms, 61234);
    assert_int_equal(got.media.n_tracks, 2);
    t = elo_media_track(&got.media, ELO_SLICE("v0"));
    assert_non_null(t);
    assert_int_equal(t->kind, ELO_TRACK_VIDEO);
    assert_true(elo_slice_eq(t->codec, ELO_SLICE("avc1.64001f")));
    assert_true(elo_slice_eq(t->language, ELO_SLICE("en")));
    assert_true(elo_slice_eq(t->name, ELO_SLICE("720p")));
    assert_int_equal(t->width, 1280);
    assert_int_equal(t->height, 720);
    assert_int_equal(t->frame_rate_num, 30000);
    assert_int_equal(t->frame_rate_den, 1001);
    assert_int_equal(t->timescale, 90000);
    assert_int_equal(t->avg_bps, 1500000);
    assert_int_equal(t->peak_bps, 2000000);
    assert_int_equal(t->start, UINT64_C(1) << 53);
    assert_int_equal(t->n_segments, 3);
    assert_int_equal(elo_media_duration(t, 1), 6001);
    t = elo_media_track(&got.media, ELO_SLICE("a0"));
    assert_non_null(t);
    assert_int_equal(t->kind, ELO_TRACK_AUDIO);
    assert_int_equal(t->sample_rate, 48000);
    assert_int_equal(t->channels, 6);
    assert_int_equal(t->n_segments, 0);
}


static void
test_media_pending(void **state)
{
    elo_media_desc_t m = { .head = head, .status = ELO_MEDIA_PENDING }, got;

    (void) state;
    assert_int_equal(elo_wire_put_media(&buf, &m), ELO_OK);
    assert_int_equal(elo_wire_get_media(elo_buf_slice(&buf), &got), ELO_OK);
    assert_int_equal(got.status, ELO_MEDIA_PENDING);
    assert_int_equal(got.media.n_tracks, 0);
}


static void
test_recipe(void **state)
{
    elo_recipe_t r = a_recipe(), got;
    elo_slice_t msg;

    (void) state;
    assert_int_equal(elo_wire_put_recipe(&buf, &r), ELO_OK);
    msg = guard_put(&guard, elo_buf_slice(&buf));
    assert_int_equal(elo_wire_get_recipe(msg, &got), ELO_OK);
    assert_head(&got.head);
    assert_int_equal(got.size, 1000);
    assert_true(elo_slice_eq(got.name, r.name));
    assert_true(elo_slice_eq(got.content_type, r.content_type));
    assert_true(elo_slice_eq(got.prefix, r.prefix));
    assert_int_equal(got.n_extents, 2);
    assert_int_equal(elo_recipe_extent(&got, 0).offset, 100);
    assert_int_equal(elo_recipe_extent(&got, 0).len, 50);
    assert_int_equal(elo_recipe_extent(&got, 1).offset, 999);
    assert_int_equal(elo_recipe_extent(&got, 1).len, 1);
    assert_int_equal(elo_recipe_len(&got), 10 + 51);
}


/* Every reader on s; how many take it. */
static int
readers(elo_slice_t s)
{
    elo_media_desc_t m;
    elo_recipe_t r;
    elo_grant_t g;

    return (elo_wire_get_grant(s, &g) == ELO_OK)
           + (elo_wire_get_media(s, &m) == ELO_OK)
           + (elo_wire_get_recipe(s, &r) == ELO_OK);
}


/* No prefix is taken, not even with a length that agrees; nor a longer one. */
static void
check_cuts(void)
{
    static uint8_t copy[4096];
    size_t len = buf.len;

    assert_in_range(len, 9, sizeof(copy) - 1);
    memcpy(copy, buf.p, len);
    copy[len] = 0;
    assert_int_equal(readers(guard_put(&guard, elo_slice(copy, len))), 1);
    for (size_t n = 0; n < len; n++) {
        memcpy(copy, buf.p, 8);
        assert_int_equal(readers(guard_put(&guard, elo_slice(copy, n))), 0);
        if (n >= 8) {
            copy[6] = (uint8_t) ((n - 8) >> 8);
            copy[7] = (uint8_t) (n - 8);
            assert_int_equal(readers(guard_put(&guard, elo_slice(copy, n))), 0);
        }
    }
    memcpy(copy, buf.p, 8);
    assert_int_equal(readers(guard_put(&guard, elo_slice(copy, len + 1))), 0);
    copy[6] = (uint8_t) ((len + 1 - 8) >> 8);
    copy[7] = (uint8_t) (len + 1 - 8);
    assert_int_equal(readers(guard_put(&guard, elo_slice(copy, len + 1))), 0);
}


/* Every single byte set to some values: no reader may fall over. */
static void
check_flips(void)
{
    static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
    static uint8_t copy[4096];

    for (size_t i = 0; i < buf.len; i++) {
        memcpy(copy, buf.p, buf.len);
        for (size_t k = 0; k < ELO_COUNT(values); k++) {
            copy[i] = values[k];
            assert_in_range(
                readers(guard_put(&guard, elo_slice(copy, buf.len))), 0, 1);
        }
    }
}


static void
test_damage(void **state)
{
    elo_grant_t g = a_grant();
    elo_media_desc_t m = a_medium();
    elo_recipe_t r = a_recipe();

    (void) state;
    assert_int_equal(elo_wire_put_grant(&buf, &g), ELO_OK);
    check_cuts();
    check_flips();
    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_media(&buf, &m), ELO_OK);
    check_cuts();
    check_flips();
    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_recipe(&buf, &r), ELO_OK);
    check_cuts();
    check_flips();
}


static void
test_header(void **state)
{
    elo_grant_t g = a_grant(), got;

    (void) state;
    assert_int_equal(elo_wire_put_grant(&buf, &g), ELO_OK);
    buf.p[2] = 1;
    assert_int_equal(elo_wire_get_grant(elo_buf_slice(&buf), &got),
                     ELO_EUNSUPPORTED);
    buf.p[2] = 3;
    assert_int_equal(elo_wire_get_grant(elo_buf_slice(&buf), &got),
                     ELO_EUNSUPPORTED);
    buf.p[2] = ELO_WIRE_VERSION;
    buf.p[0] = 'e';
    assert_int_equal(elo_wire_get_grant(elo_buf_slice(&buf), &got), ELO_EINVAL);
    buf.p[0] = 'E';
    buf.p[3] = ELO_WIRE_RECIPE;
    assert_int_equal(elo_wire_get_grant(elo_buf_slice(&buf), &got), ELO_EINVAL);
    buf.p[3] = ELO_WIRE_GRANT;
    assert_int_equal(elo_wire_get_grant(elo_buf_slice(&buf), &got), ELO_OK);
    assert_int_equal(elo_wire_get_grant(elo_slice(NULL, 0), &got), ELO_EINVAL);
}


static elo_err_t
grant_again(const elo_grant_t *g)
{
    elo_grant_t got;

    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_grant(&buf, g), ELO_OK);
    return elo_wire_get_grant(elo_buf_slice(&buf), &got);
}


static void
test_hostile_grant(void **state)
{
    static const char *const types[] = { "text/plain\r\nX: y", "a\nb",
                                         "a\x7f" };
    elo_grant_t g = a_grant();

    (void) state;
    g.head.reach = (elo_reach_t) ELO_REACH_COUNT;
    assert_int_equal(grant_again(&g), ELO_EINVAL);
    g = a_grant();
    g.head.slot = ELO_GEN_SLOTS;
    assert_int_equal(grant_again(&g), ELO_EINVAL);
    g = a_grant();
    g.name = ELO_SLICE("blobs/../../../etc/passwd");
    assert_int_equal(grant_again(&g), ELO_EINVAL);
    g = a_grant();
    g.offset = INT64_MAX;
    assert_int_equal(grant_again(&g), ELO_EINVAL);
    g.offset = UINT64_MAX;
    assert_int_equal(grant_again(&g), ELO_EINVAL);
    g.offset = INT64_MAX - g.size;
    assert_int_equal(grant_again(&g), ELO_OK);
    for (size_t i = 0; i < ELO_COUNT(types); i++) {
        g = a_grant();
        g.content_type = elo_slice_str(types[i]);
        assert_int_equal(grant_again(&g), ELO_EINVAL);
    }
    g.content_type = elo_slice(NULL, 0);
    assert_int_equal(grant_again(&g), ELO_OK);
}


static void
test_log_grant(void **state)
{
    elo_grant_t g = a_grant(), got;

    (void) state;
    g.name = ELO_SLICE("log/00000000000000ff");
    g.offset = 0x7654321;
    assert_int_equal(elo_wire_put_grant(&buf, &g), ELO_OK);
    assert_int_equal(elo_wire_get_grant(elo_buf_slice(&buf), &got), ELO_OK);
    assert_true(elo_slice_eq(got.name, g.name));
    assert_int_equal(got.offset, 0x7654321);
    check_cuts();
    check_flips();
}


/* Two bits of the flags, whatever the others are. */
static void
test_life(void **state)
{
    static const char *const names[] = { NULL, "stale", "deprecated",
                                         "archived" };

    (void) state;
    for (unsigned f = 0; f < 256; f++) {
        elo_wire_head_t h = { .flags = (uint8_t) f };
        elo_wire_life_t life = elo_wire_life(&h);

        assert_int_equal(life, f / 4 % 4);
        if (names[life] == NULL) {
            assert_null(elo_wire_life_name(life));
        } else {
            assert_string_equal(elo_wire_life_name(life), names[life]);
        }
    }
    assert_null(elo_wire_life_name((elo_wire_life_t) 4));
    for (unsigned life = 0; life < 4; life++) {
        elo_media_desc_t m = a_medium(), got_m;
        elo_recipe_t r = a_recipe(), got_r;
        elo_grant_t g = a_grant(), got_g;

        g.head.flags = m.head.flags = r.head.flags =
            (uint8_t) (ELO_WIRE_BY_HASH | life << ELO_WIRE_LIFE_SHIFT);
        elo_buf_clear(&buf);
        assert_int_equal(elo_wire_put_grant(&buf, &g), ELO_OK);
        assert_int_equal(elo_wire_get_grant(elo_buf_slice(&buf), &got_g),
                         ELO_OK);
        assert_int_equal(elo_wire_life(&got_g.head), life);
        elo_buf_clear(&buf);
        assert_int_equal(elo_wire_put_media(&buf, &m), ELO_OK);
        assert_int_equal(elo_wire_get_media(elo_buf_slice(&buf), &got_m),
                         ELO_OK);
        assert_int_equal(elo_wire_life(&got_m.head), life);
        elo_buf_clear(&buf);
        assert_int_equal(elo_wire_put_recipe(&buf, &r), ELO_OK);
        assert_int_equal(elo_wire_get_recipe(elo_buf_slice(&buf), &got_r),
                         ELO_OK);
        assert_int_equal(elo_wire_life(&got_r.head), life);
    }
}


/* Chunks of what isn't held: of what is not narrow, and not empty. */
static void
test_remote_grant(void **state)
{
    elo_grant_t g = a_grant(), got;

    (void) state;
    g.head.flags = ELO_WIRE_SEALED | ELO_WIRE_REMOTE;
    g.name = elo_slice(NULL, 0);
    g.offset = 0;
    assert_int_equal(elo_wire_put_grant(&buf, &g), ELO_OK);
    assert_int_equal(buf.p[8 + 13], 0x12);
    assert_int_equal(elo_wire_get_grant(elo_buf_slice(&buf), &got), ELO_OK);
    assert_int_equal(got.head.flags, ELO_WIRE_SEALED | ELO_WIRE_REMOTE);
    assert_int_equal(elo_wire_life(&got.head), ELO_WIRE_FRESH);
    check_cuts();
    check_flips();

    for (int reach = 0; reach < ELO_REACH_COUNT; reach++) {
        g.head.reach = (elo_reach_t) reach;
        assert_int_equal(grant_again(&g),
                         reach < 3 ? ELO_EINVAL : ELO_OK); /* local is 2 */
    }
    g.size = 0;
    assert_int_equal(grant_again(&g), ELO_EINVAL);
    g.size = 1;
    assert_int_equal(grant_again(&g), ELO_OK);
    g.offset = 1;
    assert_int_equal(grant_again(&g), ELO_EINVAL);
    g.offset = 0;
    g.name = ELO_SLICE(NAME);
    assert_int_equal(grant_again(&g), ELO_EINVAL);
}


static void
test_sealed_grant(void **state)
{
    elo_grant_t g = a_grant(), got;

    (void) state;
    g.head.flags = ELO_WIRE_SEALED;
    g.name = elo_slice(NULL, 0);
    g.offset = 0;
    assert_int_equal(elo_wire_put_grant(&buf, &g), ELO_OK);
    assert_int_equal(buf.p[8 + 13], 2);
    assert_int_equal(elo_wire_get_grant(elo_buf_slice(&buf), &got), ELO_OK);
    assert_int_equal(got.head.flags, ELO_WIRE_SEALED);
    assert_int_equal(got.name.len, 0);
    assert_int_equal(got.size, g.size);
    assert_memory_equal(got.digest.b, g.digest.b, 32);
    check_cuts();
    check_flips();

    g.head.flags = ELO_WIRE_REMOTE; /* that says nothing alone */
    assert_int_equal(grant_again(&g), ELO_EINVAL);
    g.head.flags = ELO_WIRE_SEALED;

    /* a place where plaintext would have to lie */
    g.name = ELO_SLICE(NAME);
    assert_int_equal(grant_again(&g), ELO_EINVAL);
    g.name = ELO_SLICE("log/0123456789abcdef");
    assert_int_equal(grant_again(&g), ELO_EINVAL);
    g.name = elo_slice(NULL, 0);
    g.offset = 1;
    assert_int_equal(grant_again(&g), ELO_EINVAL);
    g.offset = 0;
    g.size = UINT64_MAX;
    assert_int_equal(grant_again(&g), ELO_EINVAL);

    /* no name, and not sealed */
    g = a_grant();
    g.name = elo_slice(NULL, 0);
    g.offset = 0;
    assert_int_equal(grant_again(&g), ELO_EINVAL);
}


static elo_err_t
media_again(const elo_media_desc_t *m)
{
    elo_media_desc_t got;

    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_media(&buf, m), ELO_OK);
    return elo_wire_get_media(elo_buf_slice(&buf), &got);
}


static void
test_hostile_media(void **state)
{
    elo_media_desc_t m = a_medium();

    (void) state;
    m.media.tracks[0].timescale = 0;
    assert_int_equal(media_again(&m), ELO_EINVAL);
    m = a_medium();
    m.media.tracks[1].id = ELO_SLICE("v0");
    assert_int_equal(media_again(&m), ELO_EINVAL);
    m = a_medium();
    m.media.tracks[1].id = ELO_SLICE("a0\"");
    assert_int_equal(media_again(&m), ELO_EINVAL);
    m = a_medium();
    m.media.tracks[1].kind = (elo_track_kind_t) 3;
    assert_int_equal(media_again(&m), ELO_EINVAL);
    m = a_medium();
    m.media.tracks[1].start = (UINT64_C(1) << 53) + 1;
    assert_int_equal(media_again(&m), ELO_EINVAL);
    m = a_medium();
    m.media.version = ELO_SLICE("../../../../../x");
    assert_int_equal(media_again(&m), ELO_EINVAL);
    m = a_medium();
    m.media.n_tracks = 0;
    assert_int_equal(media_again(&m), ELO_EINVAL);
    m.status = ELO_MEDIA_NONE;
    assert_int_equal(media_again(&m), ELO_OK);
    m.status = 0;
    assert_int_equal(media_again(&m), ELO_EINVAL);
    m.status = 4;
    assert_int_equal(media_again(&m), ELO_EINVAL);
}


static elo_err_t
recipe_again(const elo_recipe_t *r)
{
    elo_recipe_t got;

    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_recipe(&buf, r), ELO_OK);
    return elo_wire_get_recipe(elo_buf_slice(&buf), &got);
}


static void
test_hostile_recipe(void **state)
{
    uint8_t table[sizeof(extents)];
    elo_recipe_t r = a_recipe();

    (void) state;
    r.extents = table;
    memcpy(table, extents, sizeof(table));
    table[31] = 2; /* one byte past the end of the file */
    assert_int_equal(recipe_again(&r), ELO_EINVAL);
    table[31] = 0; /* an empty extent */
    assert_int_equal(recipe_again(&r), ELO_EINVAL);
    memset(table + 16, 0xff, 16); /* the sum wraps */
    assert_int_equal(recipe_again(&r), ELO_EINVAL);
    memcpy(table, extents, sizeof(table));
    assert_int_equal(recipe_again(&r), ELO_OK);
    r.size = UINT64_MAX; /* no file is that long */
    assert_int_equal(recipe_again(&r), ELO_EINVAL);
    r = a_recipe();
    r.n_extents = 0;
    assert_int_equal(recipe_again(&r), ELO_OK); /* an init segment */
    r.prefix = elo_slice(NULL, 0);
    assert_int_equal(recipe_again(&r), ELO_EINVAL);
    r = a_recipe();
    r.name = ELO_SLICE("media/ef/0123456789abcdef");
    assert_int_equal(recipe_again(&r), ELO_EINVAL);
    r.name = elo_slice(NULL, 0);
    r.head.flags = ELO_WIRE_SEALED; /* only a grant can be */
    assert_int_equal(recipe_again(&r), ELO_EINVAL);
    r = a_recipe();
    r.name = ELO_SLICE("log/0123456789abcdef");
    assert_int_equal(recipe_again(&r), ELO_OK);
}


static void
test_put_limits(void **state)
{
    static uint8_t zeros[ELO_RECIPE_MAX_HEAD + 1];
    elo_slice_t big = elo_slice(zeros, UINT16_MAX + 1);
    elo_media_desc_t m = a_medium();
    elo_recipe_t r = a_recipe();
    elo_grant_t g = a_grant();
    uint8_t small[16];
    elo_buf_t fixed;

    (void) state;
    g.content_type = big;
    assert_int_equal(elo_wire_put_grant(&buf, &g), ELO_ETOOBIG);
    m.media.title = big;
    assert_int_equal(elo_wire_put_media(&buf, &m), ELO_ETOOBIG);
    m = a_medium();
    m.media.tracks[1].name = big;
    assert_int_equal(elo_wire_put_media(&buf, &m), ELO_ETOOBIG);
    m = a_medium();
    m.media.tracks[1].n_segments = ELO_MEDIA_MAX_SEGMENTS + 1;
    assert_int_equal(elo_wire_put_media(&buf, &m), ELO_ETOOBIG);
    m = a_medium();
    m.media.n_tracks = ELO_MEDIA_MAX_TRACKS + 1;
    assert_int_equal(elo_wire_put_media(&buf, &m), ELO_ETOOBIG);
    r.prefix = elo_slice(zeros, sizeof(zeros));
    assert_int_equal(elo_wire_put_recipe(&buf, &r), ELO_ETOOBIG);
    r = a_recipe();
    r.n_extents = ELO_RECIPE_MAX_EXTENTS + 1;
    assert_int_equal(elo_wire_put_recipe(&buf, &r), ELO_ETOOBIG);
    assert_int_equal(buf.len, 0);
    assert_int_equal(elo_buf_err(&buf), ELO_OK);

    g = a_grant();
    elo_buf_init_fixed(&fixed, small, sizeof(small));
    assert_int_equal(elo_wire_put_grant(&fixed, &g), ELO_ETOOBIG);
}


static void
test_append(void **state)
{
    elo_grant_t g = a_grant(), got;
    size_t first;

    (void) state;
    assert_int_equal(elo_wire_put_grant(&buf, &g), ELO_OK);
    first = buf.len;
    assert_int_equal(elo_wire_put_grant(&buf, &g), ELO_OK);
    assert_int_equal(buf.len, 2 * first);
    assert_int_equal(elo_wire_get_grant(elo_slice(buf.p + first, first), &got),
                     ELO_OK);
    assert_int_equal(elo_wire_get_grant(elo_slice(buf.p, first), &got), ELO_OK);
}


static void
test_store_name(void **state)
{
    static const struct {
        const char *name;
        bool ok;
    } rows[] = {
        { "blobs/ef/0123456789abcdef", true },
        { "blobs/00/0000000000000000", true },
        { "log/0123456789abcdef", true },
        { "log/0000000000000000", true },
        { "log/", false },
        { "log/0123456789abcde", false },
        { "log/0123456789abcdef0", false },
        { "log/0123456789abcdeF", false },
        { "log/0123456789abcde/", false },
        { "log/0123456789abc/..", false },
        { "log/../../etc/passwd", false },
        { "Log/0123456789abcdef", false },
        { "log_0123456789abcdef", false },
        { "log/ef/0123456789abcdef", false },
        { "blobs/ef/log/0123456789ab", false },
        { "", false },
        { "blobs/", false },
        { "blobs/ee/0123456789abcdef", false },
        { "blobs/fe/0123456789abcdef", false },
        { "blobs/EF/0123456789ABCDEF", false },
        { "blobs/ef/0123456789abcdeF", false },
        { "Blobs/ef/0123456789abcdef", false },
        { "media/ef/0123456789abcdef", false },
        { "/lobs/ef/0123456789abcdef", false },
        { "blobs/ef/0123456789abcde", false },
        { "blobs/ef/0123456789abcdef0", false },
        { "blobs/ef/0123456789abcdef/", false },
        { "blobs/../0123456789abcd..", false },
        { "blobs/ef/../../../../../ef", false },
        { "blobs/ef_0123456789abcdef", false },
        { "blobs/ef/01234567/9abcdef", false },
        { "blobs//f/0123456789abcd/f", false },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_slice_t s = guard_put(&guard, elo_slice_str(rows[i].name));

        if (elo_store_name_ok(s) != rows[i].ok) {
            fail_msg("\"%s\"", rows[i].name);
        }
    }
    assert_false(
        elo_store_name_ok(elo_slice("blobs/ef/0123456789abc\0ef", 25)));
}


#define TEST(f)                                                                \
    cmocka_unit_test_setup_teardown(f, wire_case_setup, wire_case_teardown)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_grant),          TEST(test_media),
        TEST(test_media_pending),  TEST(test_recipe),
        TEST(test_damage),         TEST(test_header),
        TEST(test_hostile_grant),  TEST(test_hostile_media),
        TEST(test_hostile_recipe), TEST(test_put_limits),
        TEST(test_append),         TEST(test_store_name),
        TEST(test_log_grant),      TEST(test_sealed_grant),
        TEST(test_remote_grant),   TEST(test_life),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
