/* SPDX-License-Identifier: BSD-2-Clause */
/* verify ROUNDS MS: what the first sight of a token costs: taking it apart and
   verifying it, as the edge does, against libsodium's bare verification of the same
   bytes. Each round takes both in turn, for MS milliseconds of CPU time of one core;
   a line is "name microseconds". */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sodium.h>

#include "common/auth/agent_text.h"
#include "common/auth/token.h"
#include "common/base/keys.h"
#include "common/base/num.h"

#define TOKENS 512u /* in turn, so that none is warm for both */
#define NOW    1800000000

static struct {
    char text[ELO_TOKEN_MAX];
    elo_slice_t all, input;
    uint8_t sig[64];
} tokens[TOKENS];

static const uint8_t seed[ELO_SEED_LEN] = { 7 };
static elo_token_key_t key = { .kid = "k1", .alg = ELO_ALG_EDDSA };


static double
now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


static void
die(const char *what)
{
    fprintf(stderr, "verify: %s\n", what);
    exit(1);
}


/* As the daemon signs them at a login, each for another agent. */
static void
make(unsigned i)
{
    elo_claims_t c = { .iat = NOW, .exp = NOW + 3600, .scopes = 7 };
    char jti[24];
    const char *why;
    elo_token_t t;
    elo_buf_t out;

    c.ceiling = ELO_REACH_COMMONS;
    c.iss = ELO_SLICE("https://doorway.example");
    c.aud = c.iss;
    c.jti = elo_slice(jti, (size_t) snprintf(jti, sizeof(jti), "t%u", i));
    c.has_agent = true;
    randombytes_buf(c.agent.b, sizeof(c.agent.b));
    elo_buf_init_fixed(&out, tokens[i].text, sizeof(tokens[i].text));
    if (elo_token_sign(&c, elo_slice_str(key.kid), seed, &out) != ELO_OK) {
        die("a token can't be signed");
    }
    tokens[i].all = elo_buf_slice(&out);
    if (elo_token_split(tokens[i].all, &t, &why) != ELO_OK) {
        die("a token can't be read");
    }
    tokens[i].input = t.signing_input;
    memcpy(tokens[i].sig, t.sig, sizeof(t.sig));
}


static bool
ours(unsigned i)
{
    elo_token_rules_t rules = {
        .keys = &key,
        .n = 1,
        .iss = ELO_SLICE("https://doorway.example"),
        .aud = ELO_SLICE("https://doorway.example"),
        .now = NOW + 1,
    };
    const elo_token_key_t *by;
    static elo_token_t t;
    const char *why;

    return elo_token_split(tokens[i].all, &t, &why) == ELO_OK
           && elo_token_verify(&t, &rules, &by) == ELO_TOKEN_OK;
}


static bool
bare(unsigned i)
{
    return crypto_sign_verify_detached(tokens[i].sig, tokens[i].input.p,
                                       tokens[i].input.len, key.key)
           == 0;
}


static double
cost_us(bool (*fn)(unsigned i), double seconds)
{
    double begin = now(), spent;
    unsigned n = 0;

    do {
        if (!fn(n % TOKENS)) {
            die("a good token is refused");
        }
        n++;
        spent = now() - begin;
    } while (spent < seconds);
    return spent * 1e6 / n;
}


int
main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 5;
    double seconds = (argc > 2 ? strtod(argv[2], NULL) : 200) / 1000;
    uint8_t secret[crypto_sign_SECRETKEYBYTES];

    if (sodium_init() < 0
        || crypto_sign_seed_keypair(key.key, secret, seed) != 0) {
        die("libsodium doesn't start");
    }
    for (unsigned i = 0; i < TOKENS; i++) {
        make(i);
    }
    for (long r = 0; r < rounds; r++) {
        bool is_odd = r % 2 != 0;

        for (int side = 0; side < 2; side++) {
            bool is_ours = (side == 0) != is_odd;

            printf("%s %.3f\n", is_ours ? "ours" : "bare",
                   cost_us(is_ours ? ours : bare, seconds));
        }
    }
    return 0;
}
