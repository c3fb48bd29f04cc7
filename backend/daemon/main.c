/* SPDX-License-Identifier: BSD-2-Clause */
/* main: elohimd, from its options to its end.

   start:  options, log, keyring, store (its lock keeps a second daemon out), API,
           replication, care, socket
   end:    SIGTERM or SIGINT: no more connections, running requests end or are
           cut after drain_timeout, then care, replication, indexers, heartbeat,
           store
   The same way down is taken when a later step of the start fails. */
#include <signal.h>
#include <stdio.h>

#include "backend/daemon/index_child.h"
#include "backend/daemon/keys.h"
#include "backend/daemon/options.h"
#include "backend/daemon/wire.h"
#include "backend/media/index_child.h"
#include "backend/net/http_server.h"
#include "backend/os/clock.h"
#include "backend/os/log.h"
#include "backend/os/loop.h"
#include "backend/os/process.h"

#define EXIT_OK     0
#define EXIT_RUN    1 /* could not run */
#define EXIT_USAGE  2 /* wrong options */
#define EXIT_FORCED 3 /* by a second signal */

#define WHY_MAX 8192

/* Reading the keyring again, on the pool: a passphrase takes its time and memory. */
typedef struct {
    elo_job_t job; /* first */
    struct daemon_s *d;

    /* loop */
    bool is_running;
    bool is_wanted; /* once more: it may have begun before the last change */

    /* worker */
    elo_options_t opt; /* as they were when it began */
    elo_buf_t why;
    elo_err_t err;
} keys_job_t;

typedef struct daemon_s {
    int argc;
    char **argv;
    elo_options_t opt;
    elo_loop_t *loop;
    elo_keyring_t *keyring;
    elo_store_t *store;
    elo_api_t *api;
    elo_repl_t *repl;
    elo_care_t *care;
    elo_ctl_t *ctl;
    elo_promoted_t *promoted;
    elo_effects_t *effects;
    elo_fallback_t *fallback; /* NULL: off */
    elo_http_server_t *server;
    elo_http_server_t *native; /* may be NULL */
    unsigned n_draining;
    elo_timer_t *beat;
    bool is_ending;
    keys_job_t keys;
} daemon_t;


static void
complain(const daemon_t *d, const char *what, const char *name, elo_err_t rc)
{
    elo_log(ELO_LOG_CRIT, "%s \"%s\": %s", what, name, elo_strerror(rc));
    if (d->opt.log.p[0] != '\0') {
        (void) fprintf(stderr, "elohimd: %s \"%s\": %s\n", what, name,
                       elo_strerror(rc));
    }
}


/* ---- heartbeat ---- */

static void
on_beat(void *ctx)
{
    daemon_t *d = ctx;

    __atomic_store_n(&elo_store_gen(d->store)->heartbeat_ns,
                     elo_clock_mono_ns(), __ATOMIC_RELEASE);
}


/* ---- the way down ---- */

static void
on_indexers_ended(void *ctx)
{
    daemon_t *d = ctx;

    elo_timer_free(&d->beat);
    if (d->store != NULL) {
        __atomic_store_n(&elo_store_gen(d->store)->heartbeat_ns, 0,
                         __ATOMIC_RELEASE);
    }
    elo_loop_drop_signals(d->loop);
}


static void
on_repl_ended(void *ctx)
{
    daemon_t *d = ctx;

    if (d->api != NULL) {
        elo_api_stop(d->api, on_indexers_ended, d);
    } else {
        on_indexers_ended(d);
    }
}


static void
on_care_ended(void *ctx)
{
    daemon_t *d = ctx;

    if (d->repl != NULL) {
        elo_repl_stop(d->repl, on_repl_ended, d);
    } else {
        on_repl_ended(d);
    }
}


static void
on_drained(void *ctx)
{
    daemon_t *d = ctx;

    if (--d->n_draining != 0) {
        return;
    }
    if (d->care != NULL) {
        elo_care_stop(d->care, on_care_ended, d);
    } else {
        on_care_ended(d);
    }
}


static void
drain(daemon_t *d, elo_http_server_t **server)
{
    if (*server != NULL) {
        d->n_draining++;
        elo_http_server_drain(server, (uint32_t) d->opt.drain_timeout,
                              on_drained, d);
    }
}


static void
begin_end(daemon_t *d)
{
    d->is_ending = true;
    if (d->effects != NULL) {
        elo_effects_end(d->effects);
    }
    if (d->api != NULL) {
        elo_api_drain(d->api);
    }
    if (d->fallback != NULL) {
        elo_fallback_stop(d->fallback);
    }
    d->n_draining = 1; /* this call, till both are asked */
    drain(d, &d->native);
    drain(d, &d->server);
    on_drained(d);
}


static void
on_end_signal(void *ctx, int signum)
{
    daemon_t *d = ctx;

    if (d->is_ending) {
        elo_log(ELO_LOG_WARN, "ended by a second signal");
        elo_process_quit(EXIT_FORCED);
    }
    elo_log(ELO_LOG_NOTICE, "%s: ending",
            signum == SIGTERM ? "SIGTERM" : "SIGINT");
    elo_process_notify("STOPPING=1");
    begin_end(d);
}


/* ---- reload ---- */

static void reload_keyring(daemon_t *d);


/* pool */
static void
work_keys(elo_job_t *job)
{
    keys_job_t *k = (keys_job_t *) job;

    elo_buf_init(&k->why, WHY_MAX);
    k->err = elo_daemon_keys_reload(&k->opt, k->d->keyring, &k->why);
}


static void
after_keys(elo_job_t *job)
{
    keys_job_t *k = (keys_job_t *) job;
    daemon_t *d = k->d;

    if (k->err != ELO_OK) {
        elo_log(ELO_LOG_ERROR, "keys stay as they were: %s",
                elo_buf_cstr(&k->why));
    } else {
        elo_log(ELO_LOG_NOTICE, "keyring read again");
        if (d->care != NULL && !d->is_ending) {
            /* what was wrapped for older keys; busy: it is at it */
            elo_ignore(elo_care_ask(d->care, ELO_CARE_REWRAP, false));
        }
    }
    elo_buf_dispose(&k->why);
    k->is_running = false;
    if (k->is_wanted) {
        reload_keyring(d);
    }
}


/* What is asked for while it runs is done after. */
static void
reload_keyring(daemon_t *d)
{
    keys_job_t *k = &d->keys;

    k->is_wanted = k->is_running;
    if (d->keyring == NULL || d->is_ending || k->is_running) {
        return;
    }
    k->d = d;
    k->opt = d->opt;
    k->is_running = true;
    k->job.work = work_keys;
    k->job.after = after_keys;
    elo_loop_work(d->loop, &k->job);
}


static void
on_reload_signal(void *ctx, int signum)
{
    daemon_t *d = ctx;
    elo_options_t fresh;
    elo_action_t action;
    elo_buf_t text;
    elo_err_t rc;

    (void) signum;
    elo_buf_init(&text, 8192);
    rc = elo_options_load(d->argc, d->argv, &fresh, &action, &text);
    if (rc != ELO_OK) {
        elo_log(ELO_LOG_ERROR, "reload refused, all stays as it was: %s",
                elo_buf_cstr(&text));
        elo_buf_dispose(&text);
        return;
    }
    (void) elo_options_reload(&d->opt, &fresh, &text);
    rc = elo_log_open(d->opt.log.p, (elo_log_level_t) d->opt.log_level);
    if (rc != ELO_OK) {
        elo_log(ELO_LOG_ERROR, "log \"%s\" not opened: %s", d->opt.log.p,
                elo_strerror(rc));
    }
    if (text.len != 0) {
        elo_log(ELO_LOG_WARN, "changed, but needing a restart: %s",
                elo_buf_cstr(&text));
    }
    reload_keyring(d);
    elo_log(ELO_LOG_NOTICE, "SIGHUP: options read again");
    elo_buf_dispose(&text);
}


/* ---- the way up ---- */

static elo_err_t
open_keyring(daemon_t *d)
{
    elo_buf_t why;
    elo_err_t rc;

    elo_buf_init(&why, WHY_MAX);
    rc = elo_keys_init();
    if (rc == ELO_OK) {
        rc = elo_daemon_keys_open(&d->opt, &d->keyring, &why);
    }
    if (rc != ELO_OK) {
        complain(d, "cannot open the keyring", elo_buf_cstr(&why), rc);
    }
    elo_buf_dispose(&why);
    return rc;
}


static elo_err_t
open_store(daemon_t *d, int group)
{
    elo_agent_t owner;
    elo_err_t rc;

    elo_keyring_owner(d->keyring, &owner);
    rc = elo_promoted_create(&owner, &d->promoted);
    if (rc == ELO_OK) {
        rc = elo_wire_store(&d->opt, d->keyring, d->promoted, group, &d->store);
    }
    if (rc == ELO_EBUSY) {
        complain(d, "another daemon has the store", d->opt.store.p, rc);
    } else if (rc != ELO_OK) {
        complain(d, "cannot open the store", d->opt.store.p, rc);
    }
    return rc;
}


/* commit thread */
static void
on_task(void *ctx)
{
    daemon_t *d = ctx;

    elo_repl_wake(d->repl);
}


/* commit thread */
static void
on_task_done(void *ctx, const elo_digest_t *object)
{
    daemon_t *d = ctx;

    elo_api_on_done(d->api, object);
}


static elo_err_t
open_effects(daemon_t *d, const elo_agent_t *owner)
{
    elo_effects_cfg_t cfg = { .loop = d->loop,
                              .store = d->store,
                              .ctl = d->ctl,
                              .promoted = d->promoted,
                              .node_owner = *owner };
    elo_err_t rc = elo_effects_create(&cfg, &d->effects);

    if (rc != ELO_OK) {
        complain(d, "cannot go on with the records of", d->opt.store.p, rc);
    }
    return rc;
}


static elo_err_t
open_ctl(daemon_t *d)
{
    elo_agent_t owner;
    elo_err_t rc =
        elo_wire_ctl(&d->opt, d->loop, d->store, d->keyring, &d->ctl);

    if (rc != ELO_OK) {
        complain(d, "cannot open the control plane of", d->opt.store.p, rc);
        return rc;
    }
    elo_keyring_owner(d->keyring, &owner);
    rc = elo_api_set_ctl(d->api, d->ctl, &owner);
    return rc != ELO_OK ? rc : open_effects(d, &owner);
}


/* API, replication and care, and what they tell each other. */
static elo_err_t
open_services(daemon_t *d)
{
    elo_store_events_t events = { .on_task = on_task,
                                  .on_done = on_task_done,
                                  .ctx = d };
    elo_err_t rc;

    if ((rc = elo_wire_api(&d->opt, d->loop, d->store, d->keyring, &d->api))
            != ELO_OK
        || (rc = elo_wire_repl(&d->opt, d->loop, d->store, d->api, &d->repl))
               != ELO_OK
        || (rc = elo_wire_care(&d->opt, d->loop, d->store, d->keyring,
                               d->promoted, &d->care))
               != ELO_OK
        || (rc = elo_wire_fallback(&d->opt, d->loop, d->store, &d->fallback))
               != ELO_OK)
    {
        complain(d, "cannot start the services on", d->opt.store.p, rc);
        return rc;
    }
    if ((rc = open_ctl(d)) != ELO_OK) {
        return rc;
    }
    elo_api_set_jobs(d->api, d->repl, d->care);
    elo_api_set_fallback(d->api, d->fallback, (uint32_t) d->opt.fallback_wait);
    elo_store_on_events(d->store, &events);
    elo_repl_wake(d->repl); /* what the last run has left */
    return ELO_OK;
}


static elo_err_t
open_socket(daemon_t *d, int group)
{
    elo_http_cfg_t cfg = { .path = d->opt.listen.p,
                           .mode = (int) d->opt.socket_mode,
                           .group = group,
                           .max_conns = (uint32_t) d->opt.max_connections,
                           .idle_ms = (uint32_t) d->opt.idle_timeout,
                           .max_head = ELO_WIRE_HEAD_MAX,
                           .min_rate = (uint32_t) d->opt.min_body_rate };
    elo_err_t rc = elo_http_server_create(d->loop, &cfg,
                                          elo_api_handler(d->api), &d->server);

    if (rc == ELO_EBUSY) {
        complain(d, "another daemon listens on", d->opt.listen.p, rc);
    } else if (rc != ELO_OK) {
        complain(d, "cannot listen on", d->opt.listen.p, rc);
    }
    if (rc != ELO_OK) {
        return rc;
    }
    rc = elo_wire_native(&d->opt, d->loop, d->api, &d->native);
    if (rc != ELO_OK) {
        complain(d, "cannot listen on", d->opt.native_listen.p, rc);
    }
    return rc;
}


static elo_err_t
start_beat(daemon_t *d)
{
    on_beat(d);
    return elo_timer_create(d->loop, ELO_GEN_BEAT_MS, ELO_GEN_BEAT_MS, on_beat,
                            d, &d->beat);
}


static elo_err_t
watch_signals(daemon_t *d)
{
    elo_err_t rc;

    if ((rc = elo_loop_on_signal(d->loop, SIGTERM, on_end_signal, d)) != ELO_OK
        || (rc = elo_loop_on_signal(d->loop, SIGINT, on_end_signal, d))
               != ELO_OK)
    {
        return rc;
    }
    return elo_loop_on_signal(d->loop, SIGHUP, on_reload_signal, d);
}


static elo_err_t
go_up(daemon_t *d, int group)
{
    elo_err_t rc;

    if ((rc = watch_signals(d)) != ELO_OK) {
        complain(d, "cannot watch", "signals", rc);
        return rc;
    }
    if ((rc = open_keyring(d)) != ELO_OK
        || (rc = open_store(d, group)) != ELO_OK
        || (rc = open_services(d)) != ELO_OK
        || (rc = open_socket(d, group)) != ELO_OK)
    {
        return rc;
    }
    if ((rc = start_beat(d)) != ELO_OK) {
        complain(d, "cannot start", "the heartbeat", rc);
    }
    return rc;
}


static int
run(daemon_t *d, int group)
{
    elo_err_t rc;

    rc = elo_log_open(d->opt.log.p, (elo_log_level_t) d->opt.log_level);
    if (rc != ELO_OK) {
        (void) fprintf(stderr, "elohimd: log \"%s\": %s\n", d->opt.log.p,
                       elo_strerror(rc));
        return EXIT_RUN;
    }
    if ((rc = elo_process_setup(d->opt.core_dumps != 0)) != ELO_OK
        || (rc = elo_process_set_threads((uint32_t) d->opt.worker_threads))
               != ELO_OK
        || (rc = elo_loop_create(&d->loop)) != ELO_OK)
    {
        complain(d, "cannot set up", "the process", rc);
        return EXIT_RUN;
    }
    rc = go_up(d, group);
    if (rc == ELO_OK) {
        elo_log(ELO_LOG_NOTICE,
                "elohimd " ELO_VERSION " serves the store \"%s\" on \"%s\"",
                d->opt.store.p, d->opt.listen.p);
        elo_process_notify("READY=1");
    } else {
        begin_end(d);
    }
    elo_loop_run(d->loop);
    elo_effects_free(&d->effects);
    elo_fallback_free(&d->fallback);
    elo_ctl_close(&d->ctl);
    if (d->store != NULL) {
        elo_store_close(&d->store); /* its threads tell the services */
    }
    elo_care_free(&d->care);
    elo_repl_free(&d->repl);
    elo_api_free(&d->api);
    elo_promoted_free(&d->promoted);
    elo_keyring_close(&d->keyring);
    elo_loop_free(&d->loop);
    if (rc != ELO_OK) {
        return EXIT_RUN;
    }
    elo_log(ELO_LOG_NOTICE, "ended");
    return EXIT_OK;
}


/* ---- what is only printed ---- */

static int
print_action(elo_action_t action)
{
    elo_buf_t text;
    int rc = EXIT_OK;

    elo_buf_init(&text, 1u << 20);
    switch (action) {
    case ELO_ACTION_HELP:
        elo_options_put_help(&text);
        break;
    case ELO_ACTION_VERSION:
        elo_buf_put_str(&text, "elohimd " ELO_VERSION "\n");
        break;
    case ELO_ACTION_DUMP_CONF:
        elo_options_put_conf(&text);
        break;
    case ELO_ACTION_DUMP_MD:
        elo_options_put_markdown(&text);
        break;
    case ELO_ACTION_CHECK:
        elo_buf_put_str(&text, "the options are valid\n");
        break;
    case ELO_ACTION_RUN:
        break;
    }
    if (elo_buf_err(&text) != ELO_OK
        || fputs(elo_buf_cstr(&text), stdout) == EOF || fflush(stdout) != 0)
    {
        rc = EXIT_RUN;
    }
    elo_buf_dispose(&text);
    return rc;
}


static bool
find_group(const elo_options_t *o, int *group)
{
    *group = -1;
    if (o->group.p[0] == '\0'
        || elo_process_find_group(o->group.p, group) == ELO_OK)
    {
        return true;
    }
    (void) fprintf(stderr, "elohimd: group: there is no group \"%s\"\n",
                   o->group.p);
    return false;
}


int
main(int argc, char **argv)
{
    static daemon_t d;
    elo_action_t action;
    elo_buf_t why;
    elo_err_t rc;
    int group;

    if (argc > 1 && strcmp(argv[1], ELO_INDEX_CHILD_ARG) == 0) {
        return elo_index_child_main(argc, argv);
    }
    d.argc = argc;
    d.argv = argv;
    elo_buf_init(&why, 8192);
    rc = elo_options_load(argc, argv, &d.opt, &action, &why);
    if (rc != ELO_OK) {
        (void) fprintf(stderr, "elohimd: %s\n", elo_buf_cstr(&why));
        elo_buf_dispose(&why);
        return EXIT_USAGE;
    }
    elo_buf_dispose(&why);
    if (action != ELO_ACTION_RUN && action != ELO_ACTION_CHECK) {
        return print_action(action);
    }
    if (!find_group(&d.opt, &group)) {
        return EXIT_USAGE;
    }
    return action == ELO_ACTION_CHECK ? print_action(action) : run(&d, group);
}
