/* SPDX-License-Identifier: BSD-2-Clause */
/* put_small: uploads of blobs that are kept in the log. */
#ifndef ELO_API_PUT_SMALL_H
#define ELO_API_PUT_SMALL_H

#include "backend/api/put_ask.h"

/* Is a body of that length (-1: unknown) taken this way? */
bool elo_small_put_fits(const elo_api_t *a, int64_t len);

/* Takes the request's body, which fits, and answers. *ask is taken over. */
void elo_small_put(elo_api_t *a, elo_http_req_t *req, const elo_put_ask_t *ask);

/* Of elo_api_t.later: what came in this turn of the loop. */
void elo_small_put_gathered(elo_post_t *post);

void elo_small_put_free_all(elo_api_t *a);

#endif
