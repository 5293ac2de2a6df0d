/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * journal-socket.h: one line to the journal, with fields, as systemd's "Native Journal Protocol" has it. No GLib.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Of syslog(3). */
#define JOURNAL_WARNING 4
#define JOURNAL_INFO 6

/**
 * JournalOrigin:
 * @service: whose line it is
 * @release: what that ran
 * @instance: and which of its instances it was
 */
typedef struct {
  char *service;
  char *release;
  char *instance;
} JournalOrigin;

int journal_socket_open (const char *path);
bool journal_socket_send (int fd, const JournalOrigin *origin, int priority, const char *text, size_t length);
bool journal_socket_send_line (int fd, const JournalOrigin *origin, const char *text, size_t length);
