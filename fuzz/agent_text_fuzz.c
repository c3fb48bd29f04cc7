/* SPDX-License-Identifier: BSD-2-Clause */
/* Fuzzes common/auth/agent_text: what is taken for an agent is one of the texts
   that there are of it, and all that are written are read again. */
#include <stdlib.h>

#include "common/auth/agent_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    elo_agent_t a, back;
    bool is_one = len == 62 || len == 64 || len == 65; /* k…, HEX, b… */

    if (elo_agent_text_parse(elo_slice(data, len), &a) != ELO_OK) {
        return 0;
    }
    for (int form = ELO_AGENT_HEX; form <= ELO_AGENT_DID; form++) {
        char text[ELO_AGENT_TEXT_MAX];
        elo_slice_t s;

        elo_agent_text_write(&a, (elo_agent_form_t) form, text);
        s = elo_slice_str(text);
        if (elo_agent_text_parse(s, &back) != ELO_OK
            || !elo_agent_eq(&a, &back)) {
            abort();
        }
        is_one |= elo_slice_eq(s, elo_slice(data, len));
    }
    if (!is_one) {
        abort();
    }
    return 0;
}
