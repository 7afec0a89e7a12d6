#!/bin/sh
# Compile fit.c for the exported page, with clang and wasm-ld of Debian 12 (14.0.6). Without an
# argument, the file that the package ships is written anew. The page calls what is exported here.
set -eu
out=$(realpath -m "${1:-$(dirname "$0")/../../export/tinydigits_export/page/templates/fit.wasm}")
cd "$(dirname "$0")"
clang --target=wasm32 -std=c99 -nostdlib -Os -mbulk-memory -Wl,--no-entry -Wl,--strip-all \
  -Wl,--export=fit_digit -Wl,--export=fit_workspace -Wl,--export=__heap_base -o "$out" fit.c
chmod 644 "$out"  # the linker makes it executable
