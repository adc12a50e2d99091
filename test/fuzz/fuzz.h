/*
 * A fuzz target is one LLVMFuzzerTestOneInput(), linked either with libFuzzer or
 * with replay.c, which feeds it the files of test/fuzz/corpus in `make check`.
 */
#ifndef PACD_TEST_FUZZ_H
#define PACD_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An invariant of the target; aborts so that a fuzzer or a replay sees it. */
#define FUZZ_REQUIRE(condition) ((condition) ? (void)0 : abort())

#endif
