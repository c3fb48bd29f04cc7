/* SPDX-License-Identifier: BSD-2-Clause */
/* elohim agent: what an agent says about others: each verb is a record, signed with a
   key of a keyring here, and sent to the daemon. */
#include <stdio.h>
#include <stdlib.h>

#include "backend/ctl/invitation.h"
#include "backend/os/clock.h"
#include "cli/record.h"
#include "cli/subcommands.h"
#include "common/auth/agent_text.h"
#include "common/base/base64.h"
#include "common/base/enc.h"
#include "common/base/num.h"

#define OPERANDS_MAX 3u
#define TARGET_MAX   256
#define DOC_MAX      (256u << 10)
#define BODY_MAX     2048u
#define WHY_MAX      512u
#define SECRET_LEN   24u
#define SECRET_TEXT  (ELO_BASE64URL_LEN(SECRET_LEN) + 1)

typedef struct {
    elo_key_job_t key; /* first */
    elo_cli_t *cli;
    const char *operand[OPERANDS_MAX];
    unsigned n;
    int64_t until;  /* 0: no end */
    elo_agent_t as; /* of verbs that sign */
} job_t;


static const char *
option(const job_t *j, const char *name)
{
    return elo_args_get(&j->cli->args, name);
}


static elo_slice_t
text_of(const job_t *j, const char *name)
{
    const char *value = option(j, name);

    return value == NULL ? elo_slice(NULL, 0) : elo_slice_str(value);
}


/* Number of a name in a table that starts with 1; 0: it isn't there. */
static uint32_t
number_of(const char *const *names, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) {
            return i + 1;
        }
    }
    return 0;
}


static elo_exit_t
say(job_t *j, elo_rec_t *r)
{
    return elo_record_say(&j->key, &j->as, r);
}


/* ---- who there is ---- */

static elo_exit_t
run_new(job_t *j)
{
    j->key.is_bare = true;
    return elo_key_new(&j->key);
}


static void
print_agent(const elo_cli_t *cli, const elo_json_t *a)
{
    elo_slice_t agent = elo_member_str(a, "agent");
    bool is_operator = false;

    elo_ignore(!elo_json_bool(elo_json_get(a, "operator"), &is_operator));
    elo_out_line(cli, "%.*s  %llu blobs, %llu bytes%s", (int) agent.len,
                 (const char *) agent.p,
                 (unsigned long long) elo_member_u64(a, "blobs"),
                 (unsigned long long) elo_member_u64(a, "bytes"),
                 is_operator ? "  (operator)" : "");
}


static elo_exit_t
run_ls(job_t *j)
{
    elo_ask_t ask = { .method = "GET",
                      .target = "/api/agents",
                      .what = "agents" };
    const elo_json_t *items;
    elo_json_t *page = NULL;
    elo_exit_t status;
    elo_buf_t answer;

    elo_buf_init(&answer, ELO_CALL_JSON_MAX);
    status = elo_ask_json(j->cli, &ask, &answer, &page);
    items = elo_json_get(page, "items");
    elo_json_put_array(&j->key.w, "items");
    for (size_t i = 0; i < elo_json_len(items); i++) {
        elo_json_put_value(&j->key.w, NULL, elo_json_at(items, i));
        print_agent(j->cli, elo_json_at(items, i));
    }
    elo_json_end_array(&j->key.w);
    elo_json_free(&page);
    elo_buf_dispose(&answer);
    return status;
}


static void
print_reason(const elo_cli_t *cli, const elo_json_t *r)
{
    elo_slice_t fact = elo_member_str(r, "fact");
    elo_slice_t record = elo_member_str(r, "record");
    elo_slice_t author = elo_member_str(r, "author");
    elo_slice_t kind = elo_member_str(r, "kind");
    elo_buf_t until;

    elo_buf_init(&until, WHY_MAX);
    elo_time_text(&until, (int64_t) elo_member_u64(r, "until"));
    if (record.len == 0) {
        elo_out_line(cli, "%.*s: by itself", (int) fact.len,
                     (const char *) fact.p);
    } else {
        elo_out_line(cli, "%.*s: by the %.*s %.*s of %.*s, ends %s",
                     (int) fact.len, (const char *) fact.p, (int) kind.len,
                     (const char *) kind.p, (int) record.len,
                     (const char *) record.p, (int) author.len,
                     (const char *) author.p, elo_buf_cstr(&until));
    }
    elo_buf_dispose(&until);
}


static void
print_forms(job_t *j, const elo_agent_t *a)
{
    static const struct {
        elo_agent_form_t form;
        const char *name;
    } forms[] = { { ELO_AGENT_HEX, "agent" },
                  { ELO_AGENT_HOLO, "holochain" },
                  { ELO_AGENT_PEER, "peerId" },
                  { ELO_AGENT_DID, "did" } };
    char text[ELO_AGENT_TEXT_MAX];

    for (size_t i = 0; i < ELO_COUNT(forms); i++) {
        elo_agent_text_write(a, forms[i].form, text);
        elo_json_put_cstr(&j->key.w, forms[i].name, text);
        elo_out_line(j->cli, "%s", text);
    }
}


static elo_exit_t
run_show(job_t *j)
{
    char target[TARGET_MAX], hex[ELO_AGENT_TEXT_MAX];
    elo_ask_t ask = { .method = "GET", .target = target, .what = hex };
    const elo_json_t *reasons;
    elo_json_t *answer = NULL;
    elo_exit_t status;
    elo_agent_t agent;
    elo_buf_t b;

    status = j->n > 0 ? elo_record_agent(j->cli, j->operand[0], &agent)
                      : elo_record_author(&j->key, option(j, "as"), &agent);
    if (status != ELO_EXIT_OK) {
        return status;
    }
    elo_agent_text_write(&agent, ELO_AGENT_HEX, hex);
    snprintf(target, sizeof(target), "/api/explain?op=upload&agent=%s", hex);
    elo_buf_init(&b, ELO_CALL_JSON_MAX);
    status = elo_ask_json(j->cli, &ask, &b, &answer);
    if (status == ELO_EXIT_OK) {
        reasons = elo_json_get(answer, "reasons");
        print_forms(j, &agent);
        elo_json_put_value(&j->key.w, "reasons", reasons);
        for (size_t i = 0; i < elo_json_len(reasons); i++) {
            print_reason(j->cli, elo_json_at(reasons, i));
        }
        if (elo_json_len(reasons) == 0) {
            elo_out_line(j->cli, "not admitted here");
        }
    }
    elo_json_free(&answer);
    elo_buf_dispose(&b);
    return status;
}


/* The node's owner says it, by the daemon, which has his key. */
static elo_exit_t
run_admit(job_t *j)
{
    elo_ask_t ask = { .method = "POST",
                      .target = "/api/agents",
                      .what = j->operand[0] };
    const char *level = option(j, "level"), *label = option(j, "label");
    elo_json_t *answer = NULL;
    elo_json_writer_t w;
    elo_buf_t body, b;
    elo_exit_t status;
    elo_agent_t agent;
    elo_slice_t id;

    status = elo_record_agent(j->cli, j->operand[0], &agent);
    if (status != ELO_EXIT_OK) {
        return status;
    }
    elo_buf_init(&body, BODY_MAX);
    elo_buf_init(&b, ELO_CALL_JSON_MAX);
    elo_json_writer_init(&w, &body);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "agent", j->operand[0]);
    elo_json_put_cstr(&w, "level", level != NULL ? level : "authenticated");
    if (label != NULL) {
        elo_json_put_cstr(&w, "label", label);
    }
    if (j->until != 0) {
        elo_json_put_u64(&w, "until", (uint64_t) j->until);
    }
    elo_json_end_object(&w);
    ask.body = elo_buf_slice(&body);
    status = elo_ask_json(j->cli, &ask, &b, &answer);
    if (status == ELO_EXIT_OK) {
        id = elo_member_str(answer, "id");
        elo_json_put_string(&j->key.w, "id", id);
        elo_out_line(j->cli, "%.*s", (int) id.len, (const char *) id.p);
    }
    elo_json_free(&answer);
    elo_buf_dispose(&b);
    elo_buf_dispose(&body);
    return status;
}


/* ---- records ---- */

static elo_exit_t
invite_to_content(job_t *j)
{
    elo_rec_t r = { .kind = ELO_REC_INVITATION,
                    .body = { .has_content = true,
                              .content = elo_slice_str(j->operand[0]),
                              .text = text_of(j, "label"),
                              .until = j->until } };
    elo_exit_t status = elo_record_agent(j->cli, j->operand[1], &r.body.agent);

    return status != ELO_EXIT_OK ? status : say(j, &r);
}


/* To the node: prints what is to be handed to whoever is invited: the invitation's id
   and its secret, which no record has in it. */
static elo_exit_t
run_invite(job_t *j)
{
    uint8_t secret[SECRET_LEN], seed[ELO_SEED_LEN];
    elo_rec_t r = { .kind = ELO_REC_INVITATION,
                    .body = { .text = text_of(j, "label"),
                              .until = j->until } };
    char text[SECRET_TEXT], hex[2 * ELO_SHA256_LEN + 1];
    elo_exit_t status;
    elo_agent_t key;
    elo_buf_t why;

    if (j->n == 2) {
        return invite_to_content(j);
    }
    if (j->n == 1) {
        return elo_out_usage(j->cli, "agent invite: whom to \"%s\"?",
                             j->operand[0]);
    }
    elo_buf_init(&why, WHY_MAX);
    if (elo_args_u64(&j->cli->args, "uses", 1, 1, UINT32_MAX, &r.body.uses,
                     &why)
        != ELO_OK)
    {
        status = elo_out_usage(j->cli, "%s", elo_buf_cstr(&why));
        elo_buf_dispose(&why);
        return status;
    }
    elo_buf_dispose(&why);
    elo_keys_random(secret, sizeof(secret));
    elo_invitation_seed(elo_slice(secret, sizeof(secret)), seed);
    elo_agent_of_seed(seed, &key);
    memcpy(r.body.ref.b, key.b, sizeof(key.b));
    elo_wipe(seed, sizeof(seed));
    status = say(j, &r);
    if (status == ELO_EXIT_OK) {
        elo_base64url_encode(secret, sizeof(secret), text);
        elo_hex_encode(r.id.b, sizeof(r.id.b), hex);
        elo_json_put_cstr(&j->key.w, "secret", text);
        elo_out_line(j->cli, "elohim agent accept %s %s", hex, text);
        elo_wipe(text, sizeof(text));
    }
    elo_wipe(secret, sizeof(secret));
    return status;
}


static elo_exit_t
run_accept(job_t *j)
{
    uint8_t secret[SECRET_LEN * 2], seed[ELO_SEED_LEN], proof[ELO_SIG_LEN];
    elo_rec_t r = { .kind = ELO_REC_ACCEPTANCE };
    elo_exit_t status = elo_record_id(j->cli, j->operand[0], &r.body.ref);
    size_t len = 0;

    if (status != ELO_EXIT_OK) {
        return status;
    }
    if (elo_base64url_decode(elo_slice_str(j->operand[1]), secret,
                             sizeof(secret), &len)
            != ELO_OK
        || len < ELO_INVITATION_SECRET_MIN)
    {
        return elo_out_usage(j->cli, "that is no invitation's secret");
    }
    elo_invitation_seed(elo_slice(secret, len), seed);
    elo_invitation_prove(seed, &r.body.ref, &j->as, proof);
    elo_wipe(seed, sizeof(seed));
    elo_wipe(secret, sizeof(secret));
    r.body.proof = elo_slice(proof, sizeof(proof));
    return say(j, &r);
}


static elo_exit_t
run_relate(job_t *j)
{
    static const char *const kinds[] = { "household", "family", "extended",
                                         "community" };
    elo_rec_t r = { .kind = ELO_REC_RELATIONSHIP,
                    .body = { .until = j->until } };
    elo_exit_t status = elo_record_agent(j->cli, j->operand[0], &r.body.agent);

    r.body.sort = number_of(kinds, ELO_COUNT(kinds), j->operand[1]);
    if (status == ELO_EXIT_OK && r.body.sort == 0) {
        return elo_out_usage(j->cli, "somebody is household, family, extended "
                                     "or community");
    }
    return status != ELO_EXIT_OK ? status : say(j, &r);
}


/* --reach, as often as it is given; private to local without. */
static elo_exit_t
read_reaches(const job_t *j, uint32_t *out)
{
    const char *text;

    *out = 0;
    for (unsigned i = 0;
         (text = elo_args_nth(&j->cli->args, "reach", i)) != NULL; i++)
    {
        elo_reach_t reach;

        if (!elo_reach_parse(elo_slice_str(text), &reach)) {
            return elo_out_usage(j->cli, "\"%s\" is no reach", text);
        }
        *out |= 1u << reach;
    }
    if (*out == 0) {
        *out = 1u << ELO_REACH_PRIVATE | 1u << ELO_REACH_INVITED
               | 1u << ELO_REACH_LOCAL;
    }
    return ELO_EXIT_OK;
}


static elo_exit_t
run_grant(job_t *j)
{
    static const char *const kinds[] = { "read", "hold", "emergency" };
    elo_rec_t r = { .kind = ELO_REC_GRANT,
                    .body = { .until = j->until,
                              .has_content = option(j, "content") != NULL,
                              .content = text_of(j, "content") } };
    elo_exit_t status = elo_record_agent(j->cli, j->operand[0], &r.body.agent);

    r.body.sort = number_of(kinds, ELO_COUNT(kinds), j->operand[1]);
    if (status == ELO_EXIT_OK && r.body.sort == 0) {
        return elo_out_usage(j->cli,
                             "a grant is to read, to hold, or for emergency");
    }
    if (status == ELO_EXIT_OK) {
        status = read_reaches(j, &r.body.reaches);
    }
    return status != ELO_EXIT_OK ? status : say(j, &r);
}


static elo_exit_t
run_escalate(job_t *j)
{
    elo_rec_t r = { .kind = ELO_REC_ESCALATION,
                    .body = { .text = text_of(j, "reason"),
                              .until = j->until } };
    elo_exit_t status = elo_record_agent(j->cli, j->operand[0], &r.body.agent);

    if (status == ELO_EXIT_OK) {
        status = elo_record_id(j->cli, j->operand[1], &r.body.ref);
    }
    if (status == ELO_EXIT_OK && (r.body.text.len == 0 || j->until == 0)) {
        return elo_out_usage(j->cli,
                             "agent escalate needs --reason and --until");
    }
    return status != ELO_EXIT_OK ? status : say(j, &r);
}


static elo_exit_t
run_revoke(job_t *j)
{
    elo_rec_t r = { .kind = ELO_REC_REVOCATION,
                    .body = { .text = text_of(j, "reason") } };
    elo_exit_t status = elo_record_id(j->cli, j->operand[0], &r.body.ref);

    return status != ELO_EXIT_OK ? status : say(j, &r);
}


/* CONTENT FROM TO, or HASH AGENT. */
static elo_exit_t
run_promote(job_t *j)
{
    elo_rec_t r = { .kind = ELO_REC_PROMOTION };
    elo_rec_body_t *b = &r.body;
    elo_exit_t status;

    if (j->n == 2) {
        if (elo_addr_parse(elo_slice_str(j->operand[0]), &b->ref) != ELO_OK) {
            return elo_out_usage(j->cli, "\"%s\" is no blob's address",
                                 j->operand[0]);
        }
        status = elo_record_agent(j->cli, j->operand[1], &b->agent);
        return status != ELO_EXIT_OK ? status : say(j, &r);
    }
    b->has_content = true;
    b->content = elo_slice_str(j->operand[0]);
    if (!elo_reach_parse(elo_slice_str(j->operand[1]), &b->from)
        || !elo_reach_parse(elo_slice_str(j->operand[2]), &b->to))
    {
        return elo_out_usage(j->cli, "promote CONTENT FROM TO: from and to are "
                                     "reaches");
    }
    return say(j, &r);
}


/* FILE, or HASH SIZE ROOT. */
static elo_exit_t
run_manifest(job_t *j)
{
    char blob[ELO_ADDR_CANON_LEN + 1], root[ELO_SHA256_HEX_LEN + 1];
    elo_rec_t r = { .kind = ELO_REC_MANIFEST };
    elo_manifest_t m = { .size = 0 };
    elo_exit_t status = elo_manifest_of(j->cli, j->operand, j->n, &m);
    elo_rec_root_t says = { .blob = elo_slice(m.blob.b, sizeof(m.blob.b)),
                            .size = m.size,
                            .root = m.root };
    elo_buf_t body;

    if (status != ELO_EXIT_OK) {
        return status;
    }
    elo_buf_init(&body, BODY_MAX);
    elo_rec_root_body(&says, &body);
    r.body.raw = elo_buf_slice(&body);
    elo_addr_canon(&m.blob, blob);
    elo_hex_encode(m.root.b, sizeof(m.root.b), root);
    elo_json_put_cstr(&j->key.w, "hash", blob);
    elo_json_put_u64(&j->key.w, "size", m.size);
    elo_json_put_cstr(&j->key.w, "root", root);
    status = elo_buf_err(&body) == ELO_OK
                 ? say(j, &r)
                 : elo_out_failed(j->cli, "manifest", elo_buf_err(&body));
    elo_buf_dispose(&body);
    return status;
}


/* ---- the verb ---- */

static const struct {
    const char *name;
    unsigned min, max;   /* operands behind it */
    const char *opts[4]; /* besides the keyring's and --as */
    bool is_signed;
    elo_exit_t (*run)(job_t *j);
} verbs[] = {
    { "new", 0, 0, { "label", "operator" }, false, run_new },
    { "show", 0, 1, { NULL }, false, run_show },
    { "ls", 0, 0, { NULL }, false, run_ls },
    { "admit", 1, 1, { "level", "label", "until" }, false, run_admit },
    { "invite", 0, 2, { "uses", "label", "until" }, true, run_invite },
    { "accept", 2, 2, { NULL }, true, run_accept },
    { "relate", 2, 2, { "until" }, true, run_relate },
    { "grant", 2, 2, { "reach", "content", "until" }, true, run_grant },
    { "escalate", 2, 2, { "reason", "until" }, true, run_escalate },
    { "revoke", 1, 1, { "reason" }, true, run_revoke },
    { "promote", 2, 3, { NULL }, true, run_promote },
    { "manifest", 1, 3, { NULL }, true, run_manifest },
};

static const elo_opt_t opts[] = {
    { "keyring", 'k', "PATH",
      "where the key is (or ELOHIM_KEYRING; default /var/lib/elohim/keyring)" },
    { "passphrase-file", 'p', "FILE", "its passphrase; \"-\": standard input" },
    { "as", 0, "AGENT", "who says it; without, the ring's own" },
    { "until", 0, "TIME", "for so long: 90s, 30m, 12h, 7d, 1y" },
    { "label", 0, "TEXT", "new, admit, invite: a name" },
    { "operator", 0, NULL, "new: it becomes the operator's own" },
    { "level", 0, "LEVEL", "admit: authenticated (the default) or admin" },
    { "uses", 0, "N", "invite: how often it may be accepted (1)" },
    { "reach", 0, "REACH",
      "grant: of what has that reach; again for a further one\n"
      "(private, invited and local)" },
    { "content", 0, "ID", "grant: of that content alone" },
    { "reason", 0, "TEXT", "escalate, revoke: why" },
    { NULL, 0, NULL, NULL },
};

#define OPTS_OF_ALL 3u


static const char *
find_stray(const elo_args_t *args, const char *const allowed[4])
{
    for (const elo_opt_t *o = &opts[OPTS_OF_ALL]; o->name != NULL; o++) {
        bool is_allowed = false;

        for (unsigned i = 0; i < 4 && allowed[i] != NULL; i++) {
            is_allowed = is_allowed || strcmp(allowed[i], o->name) == 0;
        }
        if (!is_allowed && elo_args_has(args, o->name)) {
            return o->name;
        }
    }
    return NULL;
}


static elo_exit_t
settle(job_t *j)
{
    const char *until = option(j, "until");
    elo_args_t *args = &j->cli->args;
    int64_t seconds;

    j->n = args->n_operands - 1;
    for (unsigned i = 0; i < j->n; i++) {
        j->operand[i] = args->operands[i + 1];
    }
    if (until != NULL) {
        if (elo_duration_parse(until, &seconds) != ELO_OK) {
            return elo_out_usage(j->cli,
                                 "--until is a time from now: 90s, 30m, "
                                 "12h, 7d, 1y");
        }
        j->until = elo_clock_unix_s() + seconds;
    }
    return elo_key_settle(&j->key);
}


static elo_exit_t
run_verb(job_t *j, size_t v)
{
    elo_exit_t status;
    elo_buf_t doc;

    elo_buf_init(&doc, DOC_MAX);
    elo_json_writer_init(&j->key.w, &doc);
    elo_json_put_object(&j->key.w, NULL);
    status = settle(j);
    if (status == ELO_EXIT_OK && verbs[v].is_signed) {
        status = elo_record_author(&j->key, option(j, "as"), &j->as);
    }
    if (status == ELO_EXIT_OK) {
        status = verbs[v].run(j);
    }
    elo_json_end_object(&j->key.w);
    if (status == ELO_EXIT_OK && elo_buf_err(&doc) != ELO_OK) {
        status = elo_out_failed(j->cli, "agent", elo_buf_err(&doc));
    }
    if (status == ELO_EXIT_OK) {
        elo_out_json(j->cli, elo_buf_slice(&doc));
    }
    elo_keyring_close(&j->key.ring);
    elo_passphrase_dispose(&j->key.passphrase);
    elo_buf_dispose(&doc);
    return status;
}


static elo_exit_t
run(elo_cli_t *cli)
{
    const elo_args_t *args = &cli->args;
    const char *name = args->operands[0], *stray;
    job_t j = { .key.cli = cli, .cli = cli };

    if (elo_keys_init() != ELO_OK) {
        return elo_out_failed(cli, "libsodium", ELO_EINTERNAL);
    }
    for (size_t i = 0; i < ELO_COUNT(verbs); i++) {
        unsigned n = args->n_operands - 1;

        if (strcmp(verbs[i].name, name) != 0) {
            continue;
        }
        if (n < verbs[i].min || n > verbs[i].max) {
            return elo_out_usage(cli, "agent %s: too %s words", name,
                                 n < verbs[i].min ? "few" : "many");
        }
        if ((stray = find_stray(args, verbs[i].opts)) != NULL) {
            return elo_out_usage(cli, "agent %s takes no --%s", name, stray);
        }
        return run_verb(&j, i);
    }
    return elo_out_usage(cli, "agent: there is no \"%s\"", name);
}

const elo_cmd_t elo_cmd_agent = {
    .name = "agent",
    .operands = "VERB [WHAT…]",
    .summary = "who is who, and what agents say about each other",
    .details =
        "  new                        a key, in a keyring: prints its agent\n"
        "  show [AGENT]               its text forms, and why it is admitted\n"
        "  ls                         who holds something here\n"
        "  admit AGENT                by the node's owner\n"
        "  invite                     to this node: prints what to hand over\n"
        "  invite CONTENT AGENT       to one content of the agent's own\n"
        "  accept INVITATION SECRET   an invitation to this node\n"
        "  relate AGENT KIND          household, family, extended, community\n"
        "  grant AGENT KIND           read, hold, emergency\n"
        "  escalate OWNER GRANT       an emergency, with --reason and --until\n"
        "  revoke RECORD              ends a record, with what stands on it\n"
        "  promote CONTENT FROM TO    to a wider reach\n"
        "  promote HASH AGENT         lets him refer to these bytes\n"
        "  manifest FILE              states the hash tree of its bytes, by "
        "which they are\n"
        "                             fetched piece by piece from elsewhere\n"
        "  manifest HASH SIZE ROOT    the same, as /api/blob/HASH/tree tells "
        "it\n"
        "\n"
        "Records are signed with a key of the keyring, which the daemon "
        "doesn't "
        "see, and can't\nbe taken back, only ended. Their ids are printed: for "
        "revoke, and elohim log show.\n",
    .opts = opts,
    .min_operands = 1,
    .max_operands = 1 + OPERANDS_MAX,
    .run = run,
};
