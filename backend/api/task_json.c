/* SPDX-License-Identifier: BSD-2-Clause */
/* task_json: a replication task as clients see it. */
#include "backend/api/task_json.h"

#include "backend/node/shape.h"
#include "common/base/num.h"

static const struct {
    elo_task_kind_t kind;
    const char *name;
} kinds[] = {
    { ELO_TASK_REPLICATE, "replicate" },
    { ELO_TASK_REPAIR, "repair" },
};


const char *
elo_task_kind_name(elo_task_kind_t kind)
{
    for (size_t i = 0; i < ELO_COUNT(kinds); i++) {
        if (kinds[i].kind == kind) {
            return kinds[i].name;
        }
    }
    return "unknown";
}


bool
elo_task_kind_parse(elo_slice_t name, elo_task_kind_t *out)
{
    for (size_t i = 0; i < ELO_COUNT(kinds); i++) {
        if (elo_slice_eq(name, elo_slice_str(kinds[i].name))) {
            *out = kinds[i].kind;
            return true;
        }
    }
    return false;
}


void
elo_task_put_json(elo_json_writer_t *w, const char *name, const elo_task_t *t)
{
    char canon[ELO_ADDR_CANON_LEN + 1];
    char when[ELO_TIME_TEXT_LEN + 1];

    elo_addr_canon(&t->digest, canon);
    elo_json_put_object(w, name);
    elo_json_put_cstr(w, "kind", elo_task_kind_name(t->kind));
    elo_json_put_cstr(w, "hash", canon);
    elo_json_put_cstr(w, "reach", elo_reach_name(t->reach));
    elo_time_text((int64_t) (t->created_us / 1000000), when);
    elo_json_put_cstr(w, "createdAt", when);
    if (t->due_ms == 0) {
        elo_json_put_null(w, "due");
    } else {
        elo_time_text((int64_t) (t->due_ms / 1000), when);
        elo_json_put_cstr(w, "due", when);
    }
    elo_json_put_u64(w, "attempts", t->attempts);
    elo_json_put_bool(w, "dropped", t->is_dropped);
    elo_json_put_cstr(w, "why", t->why);
    elo_json_end_object(w);
}
