/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hrctl-reader.h"

#include <signal.h>
#include <string.h>

static void
on_read (GObject *source, GAsyncResult *result, gpointer user_data)
{
  HrctlReader *reader = user_data;
  gssize n = g_input_stream_read_finish (reader->stream, result, NULL);

  reader->ended = n <= 0;
  if (reader->ended)
    return;
  g_string_append_len (reader->text, reader->buffer, n);
  g_input_stream_read_async (reader->stream, reader->buffer, sizeof reader->buffer, 0, NULL, on_read, reader);
}

static gboolean
has_read (gpointer data)
{
  HrctlReader *reader = data;

  return reader->ended || strstr (reader->text->str, reader->wanted) != NULL;
}

/**
 * hrctl_reader_has_ended:
 * @data: a reader
 *
 * Returns: whether it prints no more, for hrctl_wait()
 */
gboolean
hrctl_reader_has_ended (gpointer data)
{
  return ((HrctlReader *)data)->ended;
}

/**
 * hrctl_reader_new:
 * @f: the fixture
 * @words: the command line without the program
 *
 * Returns: (transfer full): a running hrctl
 */
HrctlReader *
hrctl_reader_new (HrctlFixture *f, const char *const *words)
{
  HrctlReader *reader = g_new0 (HrctlReader, 1);

  reader->process = hrctl_spawn (f, words);
  reader->text = g_string_new (NULL);
  reader->stream = g_subprocess_get_stdout_pipe (reader->process);
  g_input_stream_read_async (reader->stream, reader->buffer, sizeof reader->buffer, 0, NULL, on_read, reader);
  return reader;
}

/**
 * hrctl_reader_wait_for:
 * @reader: a reader
 * @wanted: what it must print until a deadline
 */
void
hrctl_reader_wait_for (HrctlReader *reader, const char *wanted)
{
  reader->wanted = wanted;
  hrctl_wait (has_read, reader);
  g_assert_nonnull (strstr (reader->text->str, wanted));
}

/**
 * hrctl_reader_free:
 * @reader: (transfer full): a reader, whose hrctl is ended
 */
void
hrctl_reader_free (HrctlReader *reader)
{
  g_subprocess_send_signal (reader->process, SIGTERM);
  hrctl_wait (hrctl_reader_has_ended, reader);
  g_subprocess_wait (reader->process, NULL, NULL);
  g_object_unref (reader->process);
  g_string_free (reader->text, TRUE);
  g_free (reader);
}
