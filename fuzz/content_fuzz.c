/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes backend/node/content_make and content_node: texts of content nodes. What is
   refused names what is wrong; what is taken can be read, is within its limits, and is
   the same text when it is judged again. */
#include <stdlib.h>

#include "backend/node/content_node.h"

#define NOW INT64_C(1795233906)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


static void
put_random(void *ctx, uint8_t *p, size_t n)
{
    (void) ctx;
    memset(p, 0x5a, n);
}


static elo_err_t
make(elo_slice_t text, elo_buf_t *json, elo_content_fault_t *fault)
{
    elo_content_env_t env = {
        .version = 3,
        .created_at = NOW,
        .updated_at = NOW,
        .random = put_random,
    };

    elo_buf_init(json, ELO_CONTENT_TEXT_MAX);
    *fault = (elo_content_fault_t){ .field = "" };
    return elo_content_make(text, &env, json, fault);
}


/* Whatever is asked of a node that was loaded. */
static void
look(const elo_content_t *n)
{
    elo_slice_t urls[ELO_CONTENT_URLS_MAX], text;
    elo_agent_t nobody = { { 0 } };

    if (!elo_content_id_ok(n->id) || n->version != 3
        || n->n_blobs > ELO_CONTENT_BLOBS_MAX || n->reach >= ELO_REACH_COUNT)
    {
        abort();
    }
    for (uint32_t i = 0; i < n->n_blobs; i++) {
        elo_content_urls(n, i, urls);
    }
    for (size_t i = 0; elo_content_invited_at(n, i, &text); i++) {
        if (text.len == 0) {
            abort();
        }
    }
    (void) elo_content_invites(n, &nobody);
    (void) elo_content_due(n);
    (void) elo_content_age(n, NOW, NULL);
    (void) elo_content_primary(n);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    elo_content_fault_t fault;
    elo_buf_t json, again;
    elo_content_t n;
    elo_err_t rc = make(elo_slice(data, len), &json, &fault);

    if (rc != ELO_OK) {
        if ((rc != ELO_EINVAL && rc != ELO_ETOOBIG) || fault.detail[0] == '\0')
        {
            abort();
        }
        elo_buf_dispose(&json);
        return 0;
    }
    if (elo_content_load(elo_buf_slice(&json), &n) != ELO_OK) {
        abort();
    }
    look(&n);
    elo_content_dispose(&n);
    if (json.len <= ELO_CONTENT_JSON_MAX) {
        if (make(elo_buf_slice(&json), &again, &fault) != ELO_OK
            || !elo_slice_eq(elo_buf_slice(&json), elo_buf_slice(&again)))
        {
            abort();
        }
        elo_buf_dispose(&again);
    }
    elo_buf_dispose(&json);
    return 0;
}
