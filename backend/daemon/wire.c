/* SPDX-License-Identifier: BSD-2-Clause */
/* wire: the parts of the daemon. */
#include "backend/daemon/wire.h"

#include "backend/api/content_apply.h"
#include "backend/keys/passphrase.h"
#include "backend/os/log.h"
#include "common/base/num.h"

#define MS_PER_S    1000u
#define ADDRESS_MAX 48u /* of a loopback address, with its NUL */
#define SECRET_MIN  32u /* bytes: RFC 7518, 3.2 */
#define RESTATE_S   60u /* when it is done, a run is one look at the store */


/* Times of options are milliseconds. Less than a second but not 0 is a second, for
   0 means something else. */
static uint32_t
seconds(uint64_t ms)
{
    return (uint32_t) ELO_MIN((ms + MS_PER_S - 1) / MS_PER_S,
                              (uint64_t) UINT32_MAX);
}


elo_err_t
elo_wire_store(const elo_options_t *o, elo_keyring_t *keyring,
               elo_promoted_t *promoted, int group, elo_store_t **out)
{
    elo_store_cfg_t cfg = {
        .root = o->store.p,
        .keyring = keyring,
        .min_free_bytes = o->min_free,
        .map_bytes = o->index_map_size,
        .group = group,
        .inline_bytes = (uint32_t) o->inline_max,
        .segment_bytes = o->segment_size,
        .tail_bytes = o->log_tail,
        .memtable_bytes = (uint32_t) o->memtable_size,
        .checkpoint_ms = (uint32_t) o->checkpoint_interval,
        .quota_bytes = o->quota,
        .queue_max = o->queue_max,
        .upload_keep_s = seconds(o->upload_keep),
        .grace_s = seconds(o->grace),
        .promoted = elo_promoted_has,
        .promoted_ctx = promoted,
    };

    return elo_store_open(&cfg, out, NULL);
}


elo_err_t
elo_wire_api(const elo_options_t *o, elo_loop_t *loop, elo_store_t *s,
             elo_keyring_t *keyring, elo_api_t **out)
{
    elo_api_cfg_t cfg = {
        .loop = loop,
        .store = s,
        .keyring = keyring,
        .version = ELO_VERSION,
        .max_blob = o->max_blob != 0 ? o->max_blob : UINT64_MAX,
        .inline_bytes = (uint32_t) o->inline_max,
        .lookup_bytes = o->lookup_cache,
        .max_watchers = (uint32_t) o->max_watchers,
        .segment_target_ms = (uint32_t) o->segment_target,
        .index_timeout_ms = (uint32_t) o->index_timeout,
        .index_memory = o->index_memory,
        .indexer_jobs = (uint32_t) o->indexer_jobs,
    };

    const char *why;

    if (elo_media_rules_parse(elo_slice_str(o->obsolete_codecs.p),
                              elo_slice_str(o->device_classes.p),
                              &cfg.media_rules, &why)
        != ELO_OK)
    {
        elo_log(ELO_LOG_ERROR, "obsolete_codecs or device_classes: %s", why);
        return ELO_EINVAL;
    }
    return elo_api_create(&cfg, out);
}


elo_err_t
elo_wire_ctl(const elo_options_t *o, elo_loop_t *loop, elo_store_t *s,
             elo_keyring_t *keyring, elo_ctl_t **out)
{
    elo_passphrase_t secret = { 0 };
    elo_ctl_cfg_t cfg = {
        .loop = loop,
        .store = s,
        .keyring = keyring,
        .iss = elo_slice_str(o->token_issuer.p),
        .aud = elo_slice_str(o->token_audience.p),
        .token_life_s = (int64_t) seconds(o->token_life),
        .bounds = { .records = o->records_per_agent,
                    .bytes = o->record_bytes_per_agent,
                    .per_s = (uint32_t) o->record_rate },
    };
    elo_err_t rc = ELO_OK;

    if (o->token_secret_file.p[0] != '\0') {
        rc = elo_passphrase_read(o->token_secret_file.p, &secret);
        cfg.hs256_secret = secret.s;
    }
    if (rc != ELO_OK) {
        elo_log(ELO_LOG_ERROR, "token_secret_file \"%s\" can't be read: %s",
                o->token_secret_file.p, elo_strerror(rc));
    } else if (secret.s.p != NULL && secret.s.len < SECRET_MIN) {
        elo_log(ELO_LOG_ERROR,
                "the secret in token_secret_file \"%s\" is shorter than %u "
                "bytes, and could be guessed",
                o->token_secret_file.p, SECRET_MIN);
        rc = ELO_EINVAL;
    } else {
        rc = elo_ctl_open(&cfg, out);
    }
    elo_passphrase_dispose(&secret);
    return rc;
}


/* "127.0.0.1:8090", "[::1]:8090" */
static bool
split_address(elo_slice_t text, char host[ADDRESS_MAX], uint16_t *port)
{
    size_t len = text.len;
    elo_slice_t name;
    uint64_t n;

    while (len > 0 && text.p[len - 1] != ':') {
        len--;
    }
    if (len < 2 || len > ADDRESS_MAX
        || !elo_slice_u64(elo_slice(text.p + len, text.len - len), &n) || n == 0
        || n > UINT16_MAX)
    {
        return false;
    }
    name = elo_slice(text.p, len - 1);
    if (name.len > 2 && name.p[0] == '[' && name.p[name.len - 1] == ']') {
        name = elo_slice(name.p + 1, name.len - 2);
    }
    memcpy(host, name.p, name.len);
    host[name.len] = '\0';
    *port = (uint16_t) n;
    return true;
}


static void
complain_native(const char *address, elo_err_t rc)
{
    if (rc == ELO_EDENIED || rc == ELO_EINVAL) {
        elo_log(ELO_LOG_ERROR,
                "native_listen \"%s\" is refused: it must be a loopback "
                "address and a port, as 127.0.0.1:8090; for other machines "
                "there is the Doorway",
                address);
    } else {
        elo_log(ELO_LOG_ERROR, "native_listen \"%s\": %s", address,
                elo_strerror(rc));
    }
}


elo_err_t
elo_wire_native(const elo_options_t *o, elo_loop_t *loop, elo_api_t *api,
                elo_http_server_t **out)
{
    char host[ADDRESS_MAX];
    elo_http_cfg_t cfg = { .host = host,
                           .max_conns = (uint32_t) o->native_connections,
                           .idle_ms = (uint32_t) o->idle_timeout,
                           .max_head = ELO_WIRE_HEAD_MAX,
                           .min_rate = (uint32_t) o->min_body_rate };
    elo_http_handler_t *handler;
    elo_err_t rc = ELO_EINVAL;

    if (o->native_listen.p[0] == '\0') {
        return ELO_OK;
    }
    if (split_address(elo_slice_str(o->native_listen.p), host, &cfg.port)) {
        rc = elo_api_make_native(api, host, cfg.port, o->native_origins.p,
                                 &handler);
    }
    if (rc == ELO_OK) {
        rc = elo_http_server_create(loop, &cfg, handler, out);
    }
    if (rc != ELO_OK) {
        complain_native(o->native_listen.p, rc);
    } else {
        elo_log(ELO_LOG_NOTICE, "programs of this machine are served on \"%s\"",
                o->native_listen.p);
    }
    return rc;
}


static uint64_t
writes_of(void *ctx)
{
    return elo_api_writes(ctx);
}


/* ---- fallback ---- */

static elo_err_t
bad_option(const char *name, const char *value, const char *what)
{
    elo_log(ELO_LOG_CRIT, "option %s: \"%s\" %s", name, value, what);
    return ELO_EINVAL;
}


static elo_err_t
read_policy(const elo_options_t *o, elo_fetch_policy_t *p)
{
    elo_slice_t wrong;

    if (elo_fetch_read_schemes(elo_slice_str(o->fallback_schemes.p),
                               &p->schemes)
        != ELO_OK)
    {
        return bad_option("fallback_schemes", o->fallback_schemes.p,
                          "is not a list of https and http");
    }
    if (elo_fetch_read_ports(elo_slice_str(o->fallback_ports.p), p) != ELO_OK) {
        return bad_option("fallback_ports", o->fallback_ports.p,
                          "is not a list of at most 32 ports");
    }
    if (elo_netaddr_rule_read(elo_slice_str(o->fallback_addresses.p),
                              &p->addresses, &wrong)
        != ELO_OK)
    {
        elo_log(ELO_LOG_CRIT,
                "option fallback_addresses: \"%.*s\" is neither \"public\" nor "
                "a network, or one too many",
                (int) wrong.len, (const char *) wrong.p);
        return ELO_EINVAL;
    }
    return ELO_OK;
}


elo_err_t
elo_wire_fallback(const elo_options_t *o, elo_loop_t *loop, elo_store_t *s,
                  elo_fallback_t **out)
{
    elo_slice_t mode = elo_slice_str(o->fallback.p);
    elo_fallback_cfg_t cfg = {
        .loop = loop,
        .store = s,
        .mode = elo_slice_eq(mode, ELO_SLICE("keep")) ? ELO_FALLBACK_KEEP
                                                      : ELO_FALLBACK_READ,
        .policy = { .ca_file = o->fallback_ca_file.p,
                    .agent = "elohimd/" ELO_VERSION,
                    .max_bytes = o->fallback_max,
                    .connect_ms = (uint32_t) o->fallback_connect_timeout,
                    .total_ms = o->fallback_timeout,
                    .stall_s = seconds(o->fallback_stall),
                    .low_speed_bps = (uint32_t) o->fallback_min_rate,
                    .redirects = (uint32_t) o->fallback_redirects },
        .root = o->store.p,
        .cache_bytes = o->fallback_cache,
        .min_free_bytes = o->min_free,
        .jobs = (uint32_t) o->fallback_jobs,
        .per_host = (uint32_t) o->fallback_per_host,
        .retry_s = seconds(o->fallback_retry),
        .retry_max_s = seconds(o->fallback_retry_max),
        .probe_s = seconds(o->fallback_probe),
    };
    elo_err_t rc;

    if (elo_slice_eq(mode, ELO_SLICE("off"))) {
        *out = NULL;
        return ELO_OK;
    }
    if (cfg.mode == ELO_FALLBACK_READ && !elo_slice_eq(mode, ELO_SLICE("read")))
    {
        return bad_option("fallback", o->fallback.p,
                          "is none of off, read and keep");
    }
    rc = read_policy(o, &cfg.policy);
    return rc != ELO_OK ? rc : elo_fallback_create(&cfg, out);
}


elo_err_t
elo_wire_repl(const elo_options_t *o, elo_loop_t *loop, elo_store_t *s,
              elo_api_t *api, elo_repl_t **out)
{
    elo_repl_cfg_t cfg = {
        .loop = loop,
        .store = s,
        .sink = elo_sink_noop(),
        .batch = (uint32_t) o->repl_batch,
        .budget_ms = (uint32_t) o->repl_budget,
        .pause_ms = (uint32_t) o->repl_pause,
        .backoff_ms = (uint32_t) o->repl_backoff,
        .backoff_max_ms = (uint32_t) o->repl_backoff_max,
        .queue_max = o->queue_max,
        .foreground = writes_of,
        .ctx = api,
    };

    return elo_repl_create(&cfg, out);
}


/* pool */
static elo_err_t
grow_old(void *ctx, elo_store_t *s, elo_slice_t id, int64_t now)
{
    (void) ctx;
    return elo_content_grow_old(s, id, now);
}


/* pool */
static elo_err_t
look_again(void *ctx, elo_store_t *s, size_t *at, uint32_t n)
{
    return elo_promoted_look(ctx, s, at, n);
}


elo_err_t
elo_wire_care(const elo_options_t *o, elo_loop_t *loop, elo_store_t *s,
              elo_keyring_t *keyring, elo_promoted_t *promoted,
              elo_care_t **out)
{
    elo_care_cfg_t cfg = {
        .loop = loop,
        .store = s,
        .keyring = keyring,
        .budget_ms = (uint32_t) o->care_budget,
        .pause_ms = (uint32_t) o->care_pause,
        .period_s = {
            [ELO_CARE_UPLOADS] = seconds(o->uploads_interval),
            [ELO_CARE_COLLECT] = seconds(o->collect_interval),
            [ELO_CARE_WIDEN] = seconds(o->widen_interval),
            [ELO_CARE_COMPACT] = seconds(o->compact_interval),
            [ELO_CARE_EVICT] = seconds(o->evict_interval),
            [ELO_CARE_REWRAP] = seconds(o->rewrap_interval),
            [ELO_CARE_SCRUB] = seconds(o->scrub_interval),
            [ELO_CARE_LIFECYCLE] = seconds(o->lifecycle_interval),
            [ELO_CARE_RESTATE] = RESTATE_S,
        },
        .compact_percent = (uint32_t) o->compact_below,
        .scrub_bytes_s = o->scrub_rate,
        .evict_free_bytes = o->evict_free,
        .evict_below_wanted = o->evict_below_wanted != 0,
        .grow_old = grow_old,
        .look_again = look_again,
        .lifecycle_ctx = promoted,
        .restate = elo_content_restate,
    };

    return elo_care_create(&cfg, out);
}
