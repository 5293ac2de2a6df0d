/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-keep-protocol.h: what the daemon and its keeper (hotreload-exec --keep) say to each other.
 *
 * A SOCK_SEQPACKET connection, one message at a time, of this size always; a descriptor comes along with what is stored
 * and with what is given back. Nothing is answered but a list: what was sent is in the keeper's queue, also when the
 * daemon ends in the next moment. No GLib: the keeper includes this.
 */
#pragma once

#include <stdint.h>

#define HR_KEEP_VERSION 1

/* Bytes of a key and of data, without the zero at their end. */
#define HR_KEEP_KEY_MAX 255
#define HR_KEEP_DATA_MAX 1023
/* Descriptors that a keeper holds. */
#define HR_KEEP_ENTRIES_MAX 16384
/* What begins so is the descriptor of a process: while one of them runs, a keeper without a daemon stays. */
#define HR_KEEP_PROCESS_PREFIX "process/"

/* What begins so is a descriptor that a program has made: closing it can take as long as the program likes. */
#define HR_KEEP_STORED_PREFIX "stored/"

/**
 * HrKeepWhat:
 * @HR_KEEP_STORE: keep this, in the place of what has the same key; without a descriptor only the data change
 * @HR_KEEP_FORGET: let go of what has this key
 * @HR_KEEP_LIST: give back copies of all: %HR_KEEP_ENTRY for each, then %HR_KEEP_END
 * @HR_KEEP_QUIT: let go of all, and end
 * @HR_KEEP_ENTRY: from the keeper: one that it holds
 * @HR_KEEP_END: from the keeper: those were all; the data are its PID
 */
typedef enum {
  HR_KEEP_STORE,
  HR_KEEP_FORGET,
  HR_KEEP_LIST,
  HR_KEEP_QUIT,
  HR_KEEP_ENTRY,
  HR_KEEP_END,
} HrKeepWhat;

/**
 * HrKeepMessage:
 * @version: %HR_KEEP_VERSION
 * @what: a #HrKeepWhat
 * @key: what it is about; ends with a zero
 * @data: what is known of the descriptor; ends with a zero
 */
typedef struct {
  uint32_t version;
  uint32_t what;
  char key[HR_KEEP_KEY_MAX + 1];
  char data[HR_KEEP_DATA_MAX + 1];
} HrKeepMessage;
