/*
 * Random bits from the kernel, for ids that nobody may guess.
 */
#ifndef PACD_COMMON_RANDOM_H
#define PACD_COMMON_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills the memory; ends the process when the kernel gives none (it always does once it has booted). */
void random_fill(void *mem, size_t len);
uint32_t random_u32(void);

#endif
