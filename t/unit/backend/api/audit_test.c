/* SPDX-License-Identifier: BSD-2-Clause */
/* audit: nothing is allowed before it is written, what is the same is counted
   together, and neither memory nor log grows past its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "backend/api/audit.h"
#include "backend/os/log.h"
#include "common/base/num.h"

#define START   INT64_C(1700000040) /* a minute begins */
#define LOG_MAX 4096u
#define BATCH   256u

static struct {
    elo_loop_t *loop;
    elo_audit_t *audit;
    int64_t now;
    elo_err_t fails;
    uint32_t n, n_calls, most;
    uint8_t bytes[LOG_MAX][ELO_AUDIT_ENTRY_MAX];
    size_t len[LOG_MAX];
} x;

typedef struct {
    elo_audit_wait_t wait; /* first */
    uint32_t n;
    elo_err_t err;
} asked_t;


/* pool */
static elo_err_t
append(void *ctx, const elo_slice_t *entries, uint32_t n)
{
    (void) ctx;
    x.n_calls++;
    x.most = ELO_MAX(x.most, n);
    if (x.fails != ELO_OK) {
        return x.fails;
    }
    for (uint32_t i = 0; i < n; i++) {
        assert_true(x.n < LOG_MAX);
        memcpy(x.bytes[x.n], entries[i].p, entries[i].len);
        x.len[x.n++] = entries[i].len;
    }
    return ELO_OK;
}


static int64_t
now(void *ctx)
{
    (void) ctx;
    return x.now;
}


static int
setup(void **state)
{
    elo_audit_cfg_t cfg = { .append = append, .now = now };

    (void) state;
    memset(&x, 0, sizeof(x));
    x.now = START;
    assert_int_equal(elo_keys_init(), ELO_OK);
    assert_int_equal(elo_log_open("/dev/null", ELO_LOG_ALERT), ELO_OK);
    assert_int_equal(elo_loop_create(&x.loop), ELO_OK);
    cfg.loop = x.loop;
    assert_int_equal(elo_audit_create(&cfg, &x.audit), ELO_OK);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    elo_audit_free(&x.audit);
    assert_null(x.audit);
    elo_audit_free(&x.audit); /* once more does nothing */
    elo_loop_free(&x.loop);
    return 0;
}


/* ---- what is told ---- */

static elo_agent_t
agent(uint32_t no)
{
    elo_agent_t a = { { 0xa9, (uint8_t) (no >> 16), (uint8_t) (no >> 8),
                        (uint8_t) no } };

    return a;
}


static elo_audit_what_t
grant_of(uint32_t who, const char *content)
{
    return (elo_audit_what_t){ .class = ELO_AUDIT_USE,
                               .rule = ELO_RULE_GRANT,
                               .agent = agent(who),
                               .owner = agent(9),
                               .content = elo_slice_str(content),
                               .has_by = true,
                               .by = { { 7, 7, 7 } },
                               .op = ELO_OP_READ,
                               .via = ELO_AUDIT_VIA_EDGE };
}


static elo_audit_what_t
refusal_of(uint32_t who)
{
    elo_audit_what_t w = grant_of(who, "film");

    w.class = ELO_AUDIT_REFUSAL;
    w.rule = ELO_RULE_NOT_OWNER;
    w.has_by = false;
    return w;
}


static void
on_asked(elo_audit_wait_t *w, elo_err_t err)
{
    asked_t *k = (asked_t *) w;

    k->n++;
    k->err = err;
}


static elo_err_t
use(const elo_audit_what_t *w, asked_t *k)
{
    *k = (asked_t){ .wait.done = on_asked };
    return elo_audit_use(x.audit, w, false, &k->wait);
}


/* The whole way: what became of it. */
static elo_err_t
used(const elo_audit_what_t *w)
{
    asked_t k;
    elo_err_t rc = use(w, &k);

    elo_loop_run(x.loop);
    if (rc == ELO_EAGAIN) {
        assert_int_equal(k.n, 1);
        return k.err;
    }
    assert_int_equal(k.n, 0);
    return rc;
}


static void
turn(int64_t seconds)
{
    x.now += seconds;
    elo_audit_tick(x.audit);
    elo_loop_run(x.loop);
}


static elo_audit_entry_t
entry(uint32_t i)
{
    elo_audit_entry_t e;

    assert_true(i < x.n);
    assert_int_equal(elo_audit_parse(elo_slice(x.bytes[i], x.len[i]), &e),
                     ELO_OK);
    return e;
}


static uint64_t
total(elo_audit_class_t class)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < x.n; i++) {
        elo_audit_entry_t e = entry(i);

        n += e.what.class == class ? e.count : 0;
    }
    return n;
}


/* ---- tests ---- */

static void
test_first_waits(void **state)
{
    elo_audit_what_t w = grant_of(1, "film");
    elo_audit_entry_t e;
    asked_t k;

    (void) state;
    assert_int_equal(use(&w, &k), ELO_EAGAIN);
    assert_int_equal(k.n, 0); /* not at once, whatever is true already */
    elo_loop_run(x.loop);
    assert_int_equal(k.n, 1);
    assert_int_equal(k.err, ELO_OK);
    assert_int_equal(x.n, 1);
    e = entry(0);
    assert_int_equal(e.count, 1);
    assert_true(e.time == START);
    assert_int_equal(e.what.class, ELO_AUDIT_USE);
    assert_int_equal(e.what.rule, ELO_RULE_GRANT);
    assert_true(elo_agent_eq(&e.what.agent, &w.agent));
    assert_true(elo_agent_eq(&e.what.owner, &w.owner));
    assert_true(elo_slice_eq(e.what.content, w.content));
    assert_memory_equal(e.what.by.b, w.by.b, sizeof(w.by.b));
}


static void
test_minute(void **state)
{
    elo_audit_what_t w = grant_of(1, "film");

    (void) state;
    assert_int_equal(used(&w), ELO_OK);
    for (int i = 0; i < 40; i++) {
        asked_t k;

        x.now++;
        assert_int_equal(use(&w, &k), ELO_OK); /* at once */
    }
    turn(1);
    assert_int_equal(x.n, 1); /* the minute isn't over */
    turn(ELO_AUDIT_MINUTE);
    assert_int_equal(x.n, 2);
    assert_int_equal(entry(1).count, 40);
    assert_true(entry(1).time == START + 40);
    turn(ELO_AUDIT_MINUTE);
    assert_int_equal(x.n, 2); /* it is over with that */
    assert_int_equal(used(&w), ELO_OK);
    assert_int_equal(x.n, 3);
    assert_int_equal(entry(2).count, 1);
}


/* The first use of a minute waits, though the last second's was written. */
static void
test_next_minute(void **state)
{
    elo_audit_what_t w = grant_of(1, "film");
    asked_t k;

    (void) state;
    x.now = START + ELO_AUDIT_MINUTE - 1;
    assert_int_equal(used(&w), ELO_OK);
    assert_int_equal(use(&w, &k), ELO_OK);
    x.now++;
    assert_int_equal(use(&w, &k), ELO_EAGAIN);
    elo_loop_run(x.loop);
    assert_int_equal(k.err, ELO_OK);
    assert_int_equal(x.n, 2);
    assert_int_equal(entry(1).count, 2); /* with the one that was left */
}


static void
test_together(void **state)
{
    elo_audit_what_t w = grant_of(1, "film"), v = grant_of(2, "film");
    asked_t k[4];

    (void) state;
    assert_int_equal(use(&w, &k[0]), ELO_EAGAIN); /* is on its way */
    assert_int_equal(use(&w, &k[1]), ELO_EAGAIN); /* waits for the same */
    assert_int_equal(use(&v, &k[2]), ELO_EAGAIN); /* for the next batch */
    assert_int_equal(use(&v, &k[3]), ELO_EAGAIN);
    elo_loop_run(x.loop);
    for (size_t i = 0; i < ELO_COUNT(k); i++) {
        assert_int_equal(k[i].n, 1);
        assert_int_equal(k[i].err, ELO_OK);
    }
    assert_int_equal(x.n_calls, 2);
    turn(ELO_AUDIT_MINUTE);
    assert_int_equal(total(ELO_AUDIT_USE), 4);
}


/* What differs in any word is another thing. */
static void
test_apart(void **state)
{
    elo_audit_what_t w[7];

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(w); i++) {
        w[i] = grant_of(1, "film");
    }
    w[1].agent = agent(2);
    w[2].owner = agent(3);
    w[3].content = ELO_SLICE("film2");
    w[4].by.b[0]++;
    w[5].rule = ELO_RULE_EMERGENCY;
    w[6].via = ELO_AUDIT_VIA_CONTENT;
    for (size_t i = 0; i < ELO_COUNT(w); i++) {
        asked_t k;

        assert_int_equal(use(&w[i], &k), ELO_EAGAIN);
        elo_loop_run(x.loop);
    }
    assert_int_equal(x.n, ELO_COUNT(w));
}


/* What the Doorway asked about isn't counted again when it is passed on; unless
   nothing is known of that. */
static void
test_told(void **state)
{
    elo_audit_what_t w = grant_of(1, "film");
    asked_t k = { .wait.done = on_asked };

    (void) state;
    assert_int_equal(used(&w), ELO_OK);
    assert_int_equal(elo_audit_use(x.audit, &w, true, &k.wait), ELO_OK);
    turn(ELO_AUDIT_MINUTE);
    assert_int_equal(total(ELO_AUDIT_USE), 1);
    assert_int_equal(elo_audit_use(x.audit, &w, true, &k.wait), ELO_EAGAIN);
    elo_loop_run(x.loop);
    assert_int_equal(total(ELO_AUDIT_USE), 2);
}


static void
test_failure(void **state)
{
    elo_audit_what_t w = grant_of(1, "film"), v = grant_of(2, "song");
    asked_t k[2];

    (void) state;
    assert_int_equal(used(&w), ELO_OK);
    assert_int_equal(used(&w), ELO_OK); /* one that isn't written yet */
    x.fails = ELO_ENOSPC;
    assert_int_equal(use(&v, &k[0]), ELO_EAGAIN);
    assert_int_equal(use(&v, &k[1]), ELO_EAGAIN);
    elo_loop_run(x.loop);
    assert_int_equal(k[0].n, 1);
    assert_int_equal(k[0].err, ELO_ENOSPC);
    assert_int_equal(k[1].err, ELO_ENOSPC);
    assert_int_equal(used(&w), ELO_ENOSPC); /* nor what was allowed before */
    assert_int_equal(x.n, 1);
    turn(ELO_AUDIT_MINUTE);
    turn(1);
    assert_int_equal(x.n, 1);
    x.fails = ELO_OK;
    turn(1); /* the one that was left */
    assert_int_equal(x.n, 2);
    assert_int_equal(entry(1).count, 1);
    assert_int_equal(used(&v), ELO_OK);
    assert_int_equal(used(&w), ELO_OK);
    turn(ELO_AUDIT_MINUTE);
    assert_int_equal(total(ELO_AUDIT_USE), 4); /* refused ones are none */
}


/* One that waits for the batch after a failing one isn't left waiting. */
static void
test_failure_of_next(void **state)
{
    elo_audit_what_t w = grant_of(1, "film"), v = grant_of(2, "film");
    asked_t k[2];

    (void) state;
    x.fails = ELO_EREADONLY;
    assert_int_equal(use(&w, &k[0]), ELO_EAGAIN);
    assert_int_equal(use(&v, &k[1]), ELO_EAGAIN);
    elo_loop_run(x.loop);
    assert_int_equal(k[0].err, ELO_EREADONLY);
    assert_int_equal(k[1].n, 1);
    assert_int_equal(k[1].err, ELO_EREADONLY);
    x.fails = ELO_OK;
    turn(ELO_AUDIT_MINUTE);
    assert_int_equal(x.n, 0);
}


static void
test_flood_of_refusals(void **state)
{
    (void) state;
    for (uint32_t i = 0; i < 100000; i++) {
        elo_audit_what_t w = refusal_of(i % 1000);

        elo_audit_refusal(x.audit, &w);
    }
    assert_int_equal(x.n_calls, 0);
    turn(ELO_AUDIT_MINUTE);
    assert_int_equal(x.n, ELO_AUDIT_REFUSALS + 1);
    assert_int_equal(total(ELO_AUDIT_REFUSAL), 100 * ELO_AUDIT_REFUSALS);
    assert_int_equal(total(ELO_AUDIT_LOST), 100000 - 100 * ELO_AUDIT_REFUSALS);
    turn(ELO_AUDIT_MINUTE); /* there is room again */
    elo_audit_refusal(x.audit,
                      &(elo_audit_what_t){ .class = ELO_AUDIT_REFUSAL,
                                           .rule = ELO_RULE_ANONYMOUS });
    turn(ELO_AUDIT_MINUTE);
    assert_int_equal(x.n, ELO_AUDIT_REFUSALS + 2);
}


/* Past half of what there may be, things go by agent and owner; past all they
   aren't allowed; and no batch is longer than a journal takes. */
static void
test_many_uses(void **state)
{
    static asked_t k[2 * ELO_AUDIT_USES];
    static char names[2 * ELO_AUDIT_USES][16];
    uint32_t n_refused = 0, n_asked = 0;

    (void) state;
    for (uint32_t i = 0; i < ELO_AUDIT_USES; i++) {
        elo_audit_what_t w;

        snprintf(names[i], sizeof(names[i]), "film-%u", i);
        w = grant_of(1, names[i]);
        assert_int_equal(use(&w, &k[n_asked++]), ELO_EAGAIN);
    }
    elo_loop_run(x.loop);
    assert_int_equal(x.n, ELO_AUDIT_USES / 2 + 1); /* the rest as one */
    for (uint32_t i = 0; i < ELO_AUDIT_USES; i++) {
        elo_audit_what_t w = grant_of(2 + i, "film");
        elo_err_t rc = use(&w, &k[n_asked++]);

        n_refused += rc == ELO_ERATE;
        assert_true(rc == ELO_ERATE || rc == ELO_EAGAIN);
    }
    elo_loop_run(x.loop);
    assert_int_equal(n_refused, ELO_AUDIT_USES / 2 + 1);
    assert_int_equal(x.n, ELO_AUDIT_USES);
    assert_true(x.most <= BATCH);
    turn(ELO_AUDIT_MINUTE);
    turn(1);
    assert_int_equal(total(ELO_AUDIT_USE), 2 * ELO_AUDIT_USES - n_refused);
    assert_int_equal(used(&(elo_audit_what_t){ .class = ELO_AUDIT_USE,
                                               .rule = ELO_RULE_GRANT,
                                               .agent = agent(9999) }),
                     ELO_OK);
}


static void
test_drain(void **state)
{
    elo_audit_what_t w = grant_of(1, "film"), r = refusal_of(2);

    (void) state;
    assert_int_equal(used(&w), ELO_OK);
    assert_int_equal(used(&w), ELO_OK);
    elo_audit_refusal(x.audit, &r);
    elo_audit_drain(x.audit);
    elo_loop_run(x.loop);
    assert_int_equal(x.n, 3);
    assert_int_equal(used(&w), ELO_OK); /* from now on at once */
    elo_audit_refusal(x.audit, &r);
    elo_loop_run(x.loop);
    assert_int_equal(total(ELO_AUDIT_USE), 3);
    assert_int_equal(total(ELO_AUDIT_REFUSAL), 2);
}


static void
on_batch(void *ctx, elo_err_t err)
{
    on_asked(ctx, err);
}


/* Several uses of one request: it goes on when all of them are written. */
static void
test_batch(void **state)
{
    elo_audit_what_t w[2] = { grant_of(1, "film"), grant_of(1, "song") };
    elo_audit_batch_t *b;
    asked_t k = { 0 };

    (void) state;
    for (uint32_t round = 1; round <= 3; round++) {
        x.fails = round == 3 ? ELO_ENOSPC : ELO_OK;
        x.now += round == 3 ? ELO_AUDIT_MINUTE : 0;
        assert_int_equal(elo_audit_batch_create(x.audit, 2, on_batch, &k, &b),
                         ELO_OK);
        elo_audit_batch_use(b, &w[0]);
        elo_audit_batch_use(b, &w[1]);
        assert_int_equal(k.n, round - 1);
        elo_audit_batch_end(b);
        assert_int_equal(k.n, round == 2 ? 2 : round - 1); /* at once */
        elo_loop_run(x.loop);
        assert_int_equal(k.n, round);
        assert_int_equal(k.err, round == 3 ? ELO_EAUDIT : ELO_OK);
    }
    assert_int_equal(x.n, 2);
}


/* ---- entries ---- */

static void
test_entry_forms(void **state)
{
    char id[ELO_CONTENT_ID_MAX + 1];
    elo_audit_what_t w[4];
    elo_audit_entry_t e;
    uint8_t *copy;
    elo_buf_t b, t;

    (void) state;
    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    w[0] = grant_of(1, id); /* the longest */
    w[1] = grant_of(1, "film");
    w[1].content = elo_slice(NULL, 0);
    w[1].has_digest = true;
    w[1].digest = (elo_digest_t){ { 1, 2, 3 } };
    w[2] = (elo_audit_what_t){ .class = ELO_AUDIT_LOST };
    w[3] = refusal_of(3);
    w[3].rule = ELO_RULE_NOT_ADMIN;
    w[3].op = ELO_OP_MANAGE;
    for (size_t i = 0; i < ELO_COUNT(w); i++) {
        elo_buf_init(&t, ELO_AUDIT_ENTRY_MAX);
        elo_buf_init(&b, ELO_AUDIT_ENTRY_MAX);
        elo_audit_put_what(&t, &w[i]);
        elo_audit_put_entry(&b, INT64_MAX, UINT64_MAX, elo_buf_slice(&t));
        assert_int_equal(elo_buf_err(&b), ELO_OK);
        assert_int_equal(elo_audit_parse(elo_buf_slice(&b), &e), ELO_OK);
        assert_true(e.time == INT64_MAX && e.count == UINT64_MAX);
        assert_int_equal(e.what.class, w[i].class);
        assert_int_equal(e.what.rule, w[i].rule);
        assert_int_equal(e.what.op, w[i].op);
        assert_int_equal(e.what.has_digest, w[i].has_digest);
        assert_true(elo_slice_eq(e.what.content, w[i].content));
        /* no prefix of it is one, nor is it one with a byte more */
        copy = malloc(b.len + 1);
        memcpy(copy, elo_buf_slice(&b).p, b.len);
        copy[b.len] = 0;
        for (size_t len = 0; len <= b.len + 1; len++) {
            if (len != b.len) {
                assert_int_equal(elo_audit_parse(elo_slice(copy, len), &e),
                                 ELO_ECORRUPT);
            }
        }
        free(copy);
        elo_buf_dispose(&b);
        elo_buf_dispose(&t);
    }
}


static void
test_entry_refused(void **state)
{
    static const struct {
        const char *what;
        uint64_t version, time, count, class, rule, op, via;
    } rows[] = {
        { "version", 2, 1, 1, 1, 8, 0, 1 },
        { "time", 1, UINT64_MAX, 1, 1, 8, 0, 1 },
        { "count", 1, 1, 0, 1, 8, 0, 1 },
        { "no class", 1, 1, 1, 0, 8, 0, 1 },
        { "class", 1, 1, 1, ELO_AUDIT_CLASSES + 1, 8, 0, 1 },
        { "rule", 1, 1, 1, 1, 41, 0, 1 },
        { "op", 1, 1, 1, 1, 8, ELO_OP_COUNT, 1 },
        { "via", 1, 1, 1, 1, 8, 0, ELO_AUDIT_VIAS },
    };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_audit_entry_t e;
        uint8_t mem[64];
        elo_buf_t b;

        elo_buf_init_fixed(&b, mem, sizeof(mem));
        elo_buf_put_u8(&b, 0x8b); /* an array of 11 (RFC 8949, 3.1) */
        elo_buf_put_u8(&b, (uint8_t) rows[i].version);
        if (rows[i].time > 23) {
            elo_buf_put_u8(&b, 0x1b);
            elo_buf_put(&b, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
        } else {
            elo_buf_put_u8(&b, (uint8_t) rows[i].time);
        }
        elo_buf_put_u8(&b, (uint8_t) rows[i].count);
        elo_buf_put_u8(&b, (uint8_t) rows[i].class);
        if (rows[i].rule > 23) {
            elo_buf_put_u8(&b, 0x18);
        }
        elo_buf_put_u8(&b, (uint8_t) rows[i].rule);
        elo_buf_put(&b, "\xf6\xf6\xf6\xf6", 4);
        elo_buf_put_u8(&b, (uint8_t) rows[i].op);
        elo_buf_put_u8(&b, (uint8_t) rows[i].via);
        if (elo_audit_parse(elo_buf_slice(&b), &e) != ELO_ECORRUPT) {
            fail_msg("%s", rows[i].what);
        }
    }
}


static void
test_names(void **state)
{
    elo_op_t op;

    (void) state;
    for (int i = 0; i < ELO_OP_COUNT; i++) {
        const char *name = elo_op_name((elo_op_t) i);

        assert_true(elo_op_parse(elo_slice_str(name), &op));
        assert_int_equal(op, i);
    }
    assert_false(elo_op_parse(ELO_SLICE("reads"), &op));
    assert_false(elo_op_parse(ELO_SLICE(""), &op));
    assert_string_equal(elo_audit_class_name(ELO_AUDIT_REFUSAL), "refusal");
    assert_string_equal(elo_audit_class_name((elo_audit_class_t) 9), "none");
    assert_string_equal(elo_audit_via_name(ELO_AUDIT_VIA_WRITE), "write");
    assert_string_equal(elo_audit_via_name((elo_audit_via_t) 6), "none");
    assert_string_equal(elo_op_name((elo_op_t) 5), "none");
}


#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_first_waits),
        TEST(test_minute),
        TEST(test_next_minute),
        TEST(test_together),
        TEST(test_apart),
        TEST(test_told),
        TEST(test_failure),
        TEST(test_failure_of_next),
        TEST(test_flood_of_refusals),
        TEST(test_many_uses),
        TEST(test_drain),
        TEST(test_batch),
        cmocka_unit_test(test_entry_forms),
        cmocka_unit_test(test_entry_refused),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
