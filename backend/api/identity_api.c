/* SPDX-License-Identifier: BSD-2-Clause */
/* identity_api: who the caller is, and who this node is:

     GET /auth/me              of a token
     GET /.well-known/did.json the DID document of this node: its name is what
                               tokens are issued by, where that is a DID (set
                               token_issuer to did:web:your.host), else the did:key of its owner
   Spec: W3C DID Core 1.0, 5; did:web; Ed25519VerificationKey2020. */
#include "backend/api/calls.h"

#include "backend/json/json_write.h"
#include "common/auth/agent_text.h"
#include "common/base/num.h"

#define ANSWER_MAX 4096
#define DID        "did:"
#define DID_WEB    "did:web:"
#define DID_KEY    "did:key:"
#define KEY_NAME   "#node-key"
#define PORT_COLON "%3A"
#define ID_MAX     (ELO_TOKEN_ISS_MAX + sizeof(KEY_NAME))


/* ---- who asks ---- */

static const char *
level_of(uint32_t facts)
{
    if ((facts & ELO_FACT_ADMIN) != 0) {
        return "ADMIN";
    }
    return (facts & ELO_FACT_ADMITTED) != 0 ? "AUTHENTICATED" : "PUBLIC";
}


/* Humans and their names are kept nowhere here: both stand for the key. */
void
elo_call_me(elo_call_t *c)
{
    char holo[ELO_AGENT_TEXT_MAX], did[ELO_AGENT_TEXT_MAX];
    elo_json_writer_t w;
    elo_buf_t b;

    if ((c->facts & ELO_FACT_PROVED) == 0) {
        elo_http_res_header(c->req, "WWW-Authenticate", ELO_SLICE("Bearer"));
        elo_reply_problem(c->req, 401, "NO_TOKEN",
                          "this is about the bearer of a token, and there is "
                          "none",
                          NULL);
        return;
    }
    elo_agent_text_write(&c->key, ELO_AGENT_HOLO, holo);
    elo_agent_text_write(&c->key, ELO_AGENT_DID, did);
    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "humanId", did);
    elo_json_put_cstr(&w, "agentPubKey", holo);
    elo_json_put_cstr(&w, "identifier", did);
    elo_json_put_cstr(&w, "permissionLevel", level_of(c->facts));
    elo_json_put_string(&w, "doorwayId", elo_ctl_iss(c->api->ctl));
    elo_json_end_object(&w);
    elo_http_res_header(c->req, "Cache-Control", ELO_SLICE("no-store"));
    elo_reply_json(c->req, 200, &b);
    elo_buf_dispose(&b);
}


/* ---- who this is ---- */

/* Of did:web:host[%3Aport], without a path: where its blobs are. */
static bool
put_endpoint(elo_buf_t *out, elo_slice_t did)
{
    elo_slice_t colon = ELO_SLICE(PORT_COLON);
    elo_slice_t host;

    if (!elo_slice_has_prefix(did, ELO_SLICE(DID_WEB))) {
        return false;
    }
    host =
        elo_slice(did.p + sizeof(DID_WEB) - 1, did.len - (sizeof(DID_WEB) - 1));
    if (host.len == 0 || memchr(host.p, ':', host.len) != NULL) {
        return false;
    }
    elo_buf_put_str(out, "https://");
    for (size_t i = 0; i < host.len; i++) {
        if (elo_slice_has_prefix(elo_slice(host.p + i, host.len - i), colon)) {
            elo_buf_put_u8(out, ':');
            i += colon.len - 1;
        } else {
            elo_buf_put_u8(out, host.p[i]);
        }
    }
    elo_buf_put_str(out, "/store");
    return elo_buf_err(out) == ELO_OK;
}


static void
put_contexts(elo_json_writer_t *w)
{
    elo_json_put_array(w, "@context");
    elo_json_put_cstr(w, NULL, "https://www.w3.org/ns/did/v1");
    elo_json_put_cstr(w, NULL,
                      "https://w3id.org/security/suites/ed25519-2020/v1");
    elo_json_end_array(w);
}


static void
put_one(elo_json_writer_t *w, const char *name, const char *value)
{
    elo_json_put_array(w, name);
    elo_json_put_cstr(w, NULL, value);
    elo_json_end_array(w);
}


static void
put_services(elo_json_writer_t *w, elo_slice_t did, const char *blobs)
{
    char mem[sizeof("https:///store") + ELO_TOKEN_ISS_MAX];
    elo_buf_t url;

    elo_json_put_array(w, "service");
    elo_buf_init_fixed(&url, mem, sizeof(mem));
    if (put_endpoint(&url, did)) {
        elo_json_put_object(w, NULL);
        elo_json_put_cstr(w, "id", blobs);
        elo_json_put_cstr(w, "type", "ElohimBlobStore");
        elo_json_put_string(w, "serviceEndpoint", elo_buf_slice(&url));
        elo_json_end_object(w);
    }
    elo_json_end_array(w);
}


static const char *
named(elo_buf_t *room, elo_slice_t did, const char *name)
{
    elo_buf_put_slice(room, did);
    elo_buf_put_str(room, name);
    return elo_buf_cstr(room);
}


void
elo_call_did(elo_call_t *c)
{
    char own[ELO_AGENT_TEXT_MAX], key_mem[ID_MAX + 1], blobs_mem[ID_MAX + 1];
    elo_slice_t did = elo_ctl_iss(c->api->ctl);
    elo_buf_t b, key_room, blobs_room;
    elo_json_writer_t w;
    const char *key;

    elo_agent_text_write(&c->api->node_owner, ELO_AGENT_DID, own);
    if (!elo_slice_has_prefix(did, ELO_SLICE(DID))) {
        did = elo_slice_str(own);
    }
    elo_buf_init_fixed(&key_room, key_mem, sizeof(key_mem));
    elo_buf_init_fixed(&blobs_room, blobs_mem, sizeof(blobs_mem));
    key = named(&key_room, did, KEY_NAME);
    elo_buf_init(&b, ANSWER_MAX);
    elo_json_writer_init(&w, &b);
    elo_json_put_object(&w, NULL);
    put_contexts(&w);
    elo_json_put_string(&w, "id", did);
    elo_json_put_array(&w, "verificationMethod");
    elo_json_put_object(&w, NULL);
    elo_json_put_cstr(&w, "id", key);
    elo_json_put_cstr(&w, "type", "Ed25519VerificationKey2020");
    elo_json_put_string(&w, "controller", did);
    elo_json_put_cstr(&w, "publicKeyMultibase", own + sizeof(DID_KEY) - 1);
    elo_json_end_object(&w);
    elo_json_end_array(&w);
    put_one(&w, "authentication", key);
    put_one(&w, "assertionMethod", key);
    put_services(&w, did, named(&blobs_room, did, "#blobs"));
    elo_json_end_object(&w);
    elo_http_res_header(c->req, "Cache-Control",
                        ELO_SLICE("public, max-age=300"));
    elo_reply_text(c->req, 200, ELO_SLICE("application/did+ld+json"), &b);
    elo_buf_dispose(&b);
}
