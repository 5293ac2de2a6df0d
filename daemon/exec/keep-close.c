/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "keep-close.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hr-keep-protocol.h"

/* So many threads at most hang in closing; from then on nobody lingers. */
#define CLOSING_MAX 64
#define STACK_SIZE (64 * 1024)

static atomic_int n_closing;

static void *
run (void *data)
{
  close ((int)(intptr_t)data);
  atomic_fetch_sub (&n_closing, 1);
  return NULL;
}

static bool
close_in_thread (int fd)
{
  pthread_attr_t attributes;
  pthread_t thread;
  bool begun;

  if (atomic_fetch_add (&n_closing, 1) >= CLOSING_MAX || pthread_attr_init (&attributes) != 0)
    {
      atomic_fetch_sub (&n_closing, 1);
      return false;
    }
  pthread_attr_setdetachstate (&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize (&attributes, STACK_SIZE);
  begun = pthread_create (&thread, &attributes, run, (void *)(intptr_t)fd) == 0;
  pthread_attr_destroy (&attributes);
  if (!begun)
    atomic_fetch_sub (&n_closing, 1);
  return begun;
}

static bool
listens (int fd)
{
  int value = 0;
  socklen_t length = sizeof value;

  return getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &length) == 0 && value != 0;
}

/**
 * keep_close:
 * @key: under which it was held
 * @fd: a descriptor
 *
 * Closes it. What a program has made may take its time for that, as its SO_LINGER says or the server of its file system
 * likes: the daemon and its listeners must not wait for it.
 */
void
keep_close (const char *key, int fd)
{
  const struct linger none = { .l_onoff = 1, .l_linger = 0 };

  if (strncmp (key, HR_KEEP_STORED_PREFIX, strlen (HR_KEEP_STORED_PREFIX)) != 0 || listens (fd))
    {
      close (fd);
      return;
    }
  if (close_in_thread (fd))
    return;
  setsockopt (fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close (fd);
}
