/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of common/http/wire_document: what is written is read back, nothing else is
   read, and stamps are all that a renewal changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/base/num.h"
#include "common/cache/generation.h"
#include "common/http/wire_document.h"
#include "t/unit/common/http/wire_case.h"

#define AT_FLAGS  (ELO_WIRE_HEADER_LEN + 13)
#define AT_REACH  (ELO_WIRE_HEADER_LEN + 12)
#define AT_SLOT   (ELO_WIRE_HEADER_LEN + 14 + 8)
#define AT_STATUS (AT_SLOT + 4)
#define AT_TAG    (AT_STATUS + 2)

static elo_document_t
whole(void)
{
    return (elo_document_t){
        .head = { .generation = UINT64_C(0x0102030405060708),
                  .slot = 4711,
                  .reach = ELO_REACH_COMMONS },
        .changed_generation = 99,
        .changed_slot = ELO_GEN_SLOTS - 1,
        .status = 200,
        .tag = { 1, 2, 3, [15] = 0xff },
        .etag = ELO_SLICE("\"17\""),
        .content_type = ELO_SLICE("application/json"),
        .fields = ELO_SLICE("Cache-Control: no-cache\r\nX-Reach: \r\n"),
        .body = ELO_SLICE("{\"a\":1}"),
    };
}


static elo_document_t
bare(uint8_t flag)
{
    elo_document_t d = whole();

    d.head.flags = flag;
    d.etag = d.content_type = d.fields = d.body = elo_slice(NULL, 0);
    return d;
}


static elo_err_t
read_back(const elo_document_t *in, elo_document_t *out)
{
    elo_buf_clear(&buf);
    assert_int_equal(elo_wire_put_document(&buf, in), ELO_OK);
    return elo_wire_get_document(elo_buf_slice(&buf), out);
}


/* ---- there and back ---- */

static void
test_there_and_back(void **state)
{
    elo_document_t in = whole(), out;
    elo_slice_t name, value;

    (void) state;
    assert_int_equal(read_back(&in, &out), ELO_OK);
    assert_int_equal(out.head.generation, in.head.generation);
    assert_int_equal(out.head.slot, in.head.slot);
    assert_int_equal(out.changed_generation, 99);
    assert_int_equal(out.changed_slot, in.changed_slot);
    assert_int_equal(out.status, 200);
    assert_memory_equal(out.tag, in.tag, sizeof(in.tag));
    assert_true(elo_slice_eq(out.etag, in.etag));
    assert_true(elo_slice_eq(out.content_type, in.content_type));
    assert_true(elo_slice_eq(out.fields, in.fields));
    assert_true(elo_slice_eq(out.body, in.body));
    assert_true(elo_document_field(&out.fields, &name, &value));
    assert_true(elo_slice_eq(name, ELO_SLICE("Cache-Control")));
    assert_true(elo_slice_eq(value, ELO_SLICE("no-cache")));
    assert_true(elo_document_field(&out.fields, &name, &value));
    assert_int_equal(value.len, 0);
    assert_false(elo_document_field(&out.fields, &name, &value));
}


static void
test_bare(void **state)
{
    static const uint8_t flags[] = { ELO_WIRE_SAME, ELO_WIRE_LARGE };
    elo_document_t in, out;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(flags); i++) {
        in = bare(flags[i]);
        assert_int_equal(read_back(&in, &out), ELO_OK);
        assert_int_equal(out.head.flags, flags[i]);
        in.body = ELO_SLICE("x");
        assert_int_equal(read_back(&in, &out), ELO_EINVAL);
        in = bare(flags[i]);
        in.status = 404;
        assert_int_equal(read_back(&in, &out), ELO_EINVAL);
    }
    in = bare(ELO_WIRE_SAME | ELO_WIRE_LARGE);
    assert_int_equal(read_back(&in, &out), ELO_EINVAL);
    in = bare(ELO_WIRE_SEALED);
    assert_int_equal(read_back(&in, &out), ELO_EINVAL);
}


/* ---- bounds ---- */

static void
test_bounds(void **state)
{
    static uint8_t mem[ELO_DOCUMENT_MAX + 1];
    elo_document_t d, out;

    (void) state;
    memset(mem, 'x', sizeof(mem));
    d = whole();
    d.body = elo_slice(mem, ELO_DOCUMENT_MAX);
    assert_int_equal(read_back(&d, &out), ELO_OK);
    assert_int_equal(out.body.len, ELO_DOCUMENT_MAX);
    elo_buf_clear(&buf);
    d.body.len++;
    assert_int_equal(elo_wire_put_document(&buf, &d), ELO_ETOOBIG);
    d = whole();
    d.etag = elo_slice(mem, ELO_DOCUMENT_ETAG + 1);
    assert_int_equal(elo_wire_put_document(&buf, &d), ELO_ETOOBIG);
    d = whole();
    d.content_type = elo_slice(mem, ELO_MIME_MAX + 1);
    assert_int_equal(elo_wire_put_document(&buf, &d), ELO_ETOOBIG);
    d = whole();
    d.fields = elo_slice(mem, ELO_DOCUMENT_FIELDS + 1);
    assert_int_equal(elo_wire_put_document(&buf, &d), ELO_ETOOBIG);
    assert_int_equal(buf.len, 0);
}


/* ---- hostile ---- */

static void
test_fields(void **state)
{
    static const struct {
        const char *why;
        elo_slice_t fields;
    } bad[] = {
        { "no end", ELO_SLICE("A: b") },
        { "no CR", ELO_SLICE("A: b\n") },
        { "an empty line", ELO_SLICE("\r\n") },
        { "the end of the header", ELO_SLICE("A: b\r\n\r\n") },
        { "no colon", ELO_SLICE("Abc\r\n") },
        { "no name", ELO_SLICE(": b\r\n") },
        { "no space", ELO_SLICE("A:b\r\n") },
        { "nothing behind the colon", ELO_SLICE("A:\r\n") },
        { "a space in the name", ELO_SLICE("A b: c\r\n") },
        { "a folded line", ELO_SLICE("A: b\r\n c: d\r\n") },
        { "a CR in the value", ELO_SLICE("A: b\rc\r\n") },
        { "a NUL in the value", ELO_SLICE("A: b\0c\r\n") },
        { "a lone LF", ELO_SLICE("\n") },
    };
    elo_document_t d = whole(), out;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        d.fields = bad[i].fields;
        if (read_back(&d, &out) != ELO_EINVAL) {
            fail_msg("%s", bad[i].why);
        }
    }
    d = whole();
    d.etag = ELO_SLICE("\"1\"\r\nX: y");
    assert_int_equal(read_back(&d, &out), ELO_EINVAL);
    d = whole();
    d.content_type = ELO_SLICE("text/html\n");
    assert_int_equal(read_back(&d, &out), ELO_EINVAL);
}


static void
test_values(void **state)
{
    static const struct {
        const char *why;
        size_t at;
        uint8_t byte;
    } bad[] = {
        { "another type", 3, ELO_WIRE_GRANT },
        { "narrow", AT_REACH, ELO_REACH_REGIONAL },
        { "no reach", AT_REACH, ELO_REACH_COUNT },
        { "a flag of another", AT_FLAGS, ELO_WIRE_BY_HASH },
        { "a slot outside", AT_SLOT, 1 },
        { "another status", AT_STATUS + 1, 201 },
    };
    elo_document_t d = whole(), out;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(bad); i++) {
        assert_int_equal(read_back(&d, &out), ELO_OK);
        buf.p[bad[i].at] = bad[i].byte;
        if (elo_wire_get_document(elo_buf_slice(&buf), &out) != ELO_EINVAL) {
            fail_msg("%s", bad[i].why);
        }
    }
    assert_int_equal(read_back(&d, &out), ELO_OK);
    buf.p[2]++;
    assert_int_equal(elo_wire_get_document(elo_buf_slice(&buf), &out),
                     ELO_EUNSUPPORTED);
}


/* Each prefix, ending where nothing can be read. */
static void
test_prefixes(void **state)
{
    elo_document_t d = whole(), out;

    (void) state;
    assert_int_equal(read_back(&d, &out), ELO_OK);
    for (size_t n = 0; n < buf.len; n++) {
        elo_slice_t at = guard_put(&guard, elo_slice(buf.p, n));

        assert_int_equal(elo_wire_get_document(at, &out), ELO_EINVAL);
    }
    elo_buf_put_u8(&buf, 0);
    assert_int_equal(elo_wire_get_document(elo_buf_slice(&buf), &out),
                     ELO_EINVAL);
}


/* ---- renewal ---- */

static void
test_renewal(void **state)
{
    elo_document_t d = whole(), same = bare(ELO_WIRE_SAME), out;
    uint8_t held[256], was[256];
    size_t len;

    (void) state;
    assert_int_equal(read_back(&d, &out), ELO_OK);
    len = buf.len;
    assert_in_range(len, 1, sizeof(held));
    memcpy(held, buf.p, len);
    memcpy(was, held, len);
    same.head.generation = 5;
    same.head.slot = 6;
    same.changed_generation = 7;
    same.changed_slot = 8;

    same.tag[0] ^= 1;
    assert_int_equal(read_back(&same, &out), ELO_OK);
    assert_int_equal(elo_wire_renew_document(held, len, elo_buf_slice(&buf)),
                     ELO_EINVAL);
    assert_memory_equal(held, was, len);

    same.tag[0] ^= 1;
    assert_int_equal(read_back(&same, &out), ELO_OK);
    assert_int_equal(elo_wire_renew_document(held, len, elo_buf_slice(&buf)),
                     ELO_OK);
    assert_int_equal(elo_wire_get_document(elo_slice(held, len), &out), ELO_OK);
    assert_int_equal(out.head.generation, 5);
    assert_int_equal(out.head.slot, 6);
    assert_int_equal(out.changed_generation, 7);
    assert_int_equal(out.changed_slot, 8);
    assert_int_equal(out.head.flags, 0);
    assert_memory_equal(held + AT_STATUS, was + AT_STATUS, len - AT_STATUS);

    /* neither of what is whole nor to what is bare */
    assert_int_equal(elo_wire_renew_document(held, len, elo_slice(was, len)),
                     ELO_EINVAL);
    memcpy(held, buf.p, buf.len);
    assert_int_equal(
        elo_wire_renew_document(held, buf.len, elo_buf_slice(&buf)),
        ELO_EINVAL);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_bare, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_bounds, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_fields, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_values, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_prefixes, wire_case_setup,
                                        wire_case_teardown),
        cmocka_unit_test_setup_teardown(test_renewal, wire_case_setup,
                                        wire_case_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
