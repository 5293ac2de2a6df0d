/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * keep-table.h: the descriptors that a keeper holds, by their keys.
 */
#pragma once

#include <stdbool.h>

#include "hr-keep-protocol.h"

/**
 * KeepEntry:
 * @key: of it
 * @data: what the daemon said of it
 * @fd: the descriptor
 */
typedef struct {
  char *key;
  char *data;
  int fd;
} KeepEntry;

bool keep_table_store (const char *key, const char *data, int fd);
void keep_table_forget (const char *key);
const KeepEntry *keep_table_get (int index);
bool keep_table_has_process (void);
