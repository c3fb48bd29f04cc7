# SPDX-License-Identifier: BSD-2-Clause
# Judges lines of JSON on standard input by the schema in the file that is named: a
# line "1" or "0" for each. The schema itself must be a good one of its draft.
import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as f:
    schema = json.load(f)
if len(sys.argv) > 2:
    schema = schema["$defs"][sys.argv[2]]
jsonschema.Draft202012Validator.check_schema(schema)
judge = jsonschema.Draft202012Validator(schema)
for line in sys.stdin.buffer:
    print(int(judge.is_valid(json.loads(line))))
