/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of backend/keys/envelope_text, over forms made by hand. */
#include "keys_dir.h"

#include "../../guard.h"
#include "backend/keys/envelope.h"
#include "common/base/num.h"

#define HEAD 88u
#define MAX  (HEAD + 77u + 1027u * 113u + 32u)

static uint8_t bytes[MAX];


/* n agents, ascending, and a cluster wrap in front if asked for. */
static elo_slice_t
make(bool has_cluster, uint32_t n)
{
    uint32_t all = n + has_cluster;
    uint8_t *p = bytes + HEAD;

    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, "ELEN\1\1", 6);
    bytes[6] = (uint8_t) (all >> 8);
    bytes[7] = (uint8_t) all;
    if (has_cluster) {
        p[0] = 1;
        p[4] = 9;
        p[5] = 'c';
        p += 77;
    }
    for (uint32_t i = 0; i < n; i++, p += 113) {
        p[0] = 2;
        p[1] = (uint8_t) (i >> 8);
        p[2] = (uint8_t) i;
        p[33] = 'a';
    }
    p[0] = 'm';
    return elo_slice(bytes, (size_t) (p - bytes) + 32);
}


static void
test_good(void **state)
{
    static const struct {
        bool has_cluster;
        uint32_t n;
    } rows[] = { { false, 1 }, { true, 0 },     { true, 1 },
                 { false, 3 }, { false, 1025 }, { true, 1024 } };

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_slice_t s = make(rows[i].has_cluster, rows[i].n), sealed;
        elo_envelope_t e;

        assert_int_equal(elo_envelope_parse(s, &e), 0);
        assert_int_equal(e.cipher, ELO_CIPHER_AES256_GCM);
        assert_int_equal(e.has_cluster, rows[i].has_cluster);
        if (e.has_cluster) {
            assert_int_equal(e.epoch, 9);
            assert_int_equal(e.cluster.len, 72);
            assert_int_equal(e.cluster.p[0], 'c');
        }
        assert_int_equal(e.n_agents, rows[i].n);
        for (uint32_t k = 0; k < e.n_agents; k++) {
            elo_agent_t a = elo_envelope_agent(&e, k, &sealed);

            assert_int_equal(a.b[0] << 8 | a.b[1], k);
            assert_int_equal(sealed.len, 80);
            assert_int_equal(sealed.p[0], 'a');
        }
        assert_int_equal(e.mac[0], 'm');
        assert_int_equal(e.authed.len, s.len - 32);
    }
}


static void
test_lengths(void **state)
{
    elo_envelope_t e;
    guard_t g;

    (void) state;
    guard_init(&g, 4096);
    for (int c = 0; c < 2; c++) {
        elo_slice_t s = make(c == 1, 2);

        for (size_t n = 0; n < s.len; n++) {
            assert_int_equal(
                elo_envelope_parse(guard_put(&g, elo_slice(s.p, n)), &e),
                ELO_ECORRUPT);
        }
        assert_int_equal(elo_envelope_parse(guard_put(&g, s), &e), 0);
        assert_int_equal(
            elo_envelope_parse(guard_put(&g, elo_slice(s.p, s.len + 1)), &e),
            ELO_ECORRUPT);
    }
    guard_dispose(&g);
}


static void
test_hostile(void **state)
{
    static const struct {
        const char *name;
        bool has_cluster;
        size_t at;
        uint8_t value;
        elo_err_t rc;
    } rows[] = {
        { "magic", false, 0, 'X', ELO_ECORRUPT },
        { "version 0", false, 4, 0, ELO_EUNSUPPORTED },
        { "version of the future", false, 4, 2, ELO_EUNSUPPORTED },
        { "no cipher", false, 5, 0, ELO_EUNSUPPORTED },
        { "unknown cipher", false, 5, 3, ELO_EUNSUPPORTED },
        { "many wraps", false, 6, 255, ELO_ECORRUPT },
        { "no wraps", false, 7, 0, ELO_ECORRUPT },
        { "one wrap too few", false, 7, 2, ELO_ECORRUPT },
        { "one wrap too many", false, 7, 4, ELO_ECORRUPT },
        { "kind 0", false, HEAD, 0, ELO_ECORRUPT },
        { "kind 3", false, HEAD, 3, ELO_ECORRUPT },
        { "cluster wrap for an agent's", false, HEAD, 1, ELO_ECORRUPT },
        { "cluster wrap behind an agent", false, HEAD + 113, 1, ELO_ECORRUPT },
        { "agent's wrap for a cluster's", true, HEAD, 2, ELO_ECORRUPT },
        { "two cluster wraps", true, HEAD + 77, 1, ELO_ECORRUPT },
        { "epoch 0", true, HEAD + 4, 0, ELO_ECORRUPT },
        { "agents out of order", false, HEAD + 2, 5, ELO_ECORRUPT },
        { "an agent twice", false, HEAD + 2, 1, ELO_ECORRUPT },
    };
    elo_envelope_t e;

    (void) state;
    for (size_t i = 0; i < ELO_COUNT(rows); i++) {
        elo_slice_t s = make(rows[i].has_cluster, 3);

        bytes[rows[i].at] = rows[i].value;
        if (elo_envelope_parse(s, &e) != rows[i].rc) {
            fail_msg("%s", rows[i].name);
        }
    }
    assert_int_equal(elo_envelope_parse(make(false, 1027), &e), ELO_ECORRUPT);
    assert_int_equal(elo_envelope_parse(make(true, 1026), &e), ELO_ECORRUPT);
    assert_int_equal(elo_envelope_parse(make(false, 0), &e), ELO_ECORRUPT);
    assert_int_equal(elo_envelope_parse(elo_slice(NULL, 0), &e), ELO_ECORRUPT);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
