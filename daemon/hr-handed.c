/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-handed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hr-error.h"
#include "hr-fd.h"
#include "hr-fs.h"
#include "hr-names.h"
#include "hr-run-state.h"

/**
 * hr_handed_free:
 * @self: (transfer full) (nullable): what was handed over; descriptors that were not taken out are closed
 */
void
hr_handed_free (HrHanded *self)
{
  if (self == NULL)
    return;
  hr_fd_clear (&self->bus);
  hr_fd_clear (&self->lock);
  g_clear_pointer (&self->inherited, g_variant_unref);
  g_clear_pointer (&self->sockets, g_variant_unref);
  g_clear_pointer (&self->manager, g_variant_unref);
  g_free (self->caller);
  g_free (self);
}

/**
 * hr_handed_write:
 * @self: what to hand over
 * @error: return location
 *
 * Returns: a descriptor of all of it, for the caller to close; -1 with an error set
 */
int
hr_handed_write (const HrHanded *self, GError **error)
{
  g_auto (HrFd) fd = memfd_create ("hotreload-handed", MFD_CLOEXEC);
  g_autoptr (GVariant) all = NULL;
  GVariantDict dict;

  if (fd < 0)
    {
      hr_fs_set_error (error, errno, "while making a memory file");
      return -1;
    }
  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert (&dict, "version", "u", (guint32)HR_RUN_STATE_VERSION);
  g_variant_dict_insert (&dict, "bus", "i", self->bus);
  g_variant_dict_insert (&dict, "lock", "i", self->lock);
  g_variant_dict_insert_value (&dict, "inherited", self->inherited);
  g_variant_dict_insert_value (&dict, "sockets", self->sockets);
  g_variant_dict_insert_value (&dict, "manager", self->manager);
  g_variant_dict_insert (&dict, "caller", "s", self->caller);
  g_variant_dict_insert (&dict, "serial", "u", self->serial);
  g_variant_dict_insert (&dict, "began-at", "x", self->began_at);
  all = g_variant_ref_sink (g_variant_dict_end (&dict));
  if (!hr_fd_write_all (fd, g_variant_get_data (all), g_variant_get_size (all), error) || lseek (fd, 0, SEEK_SET) < 0)
    return -1;
  return hr_fd_steal (&fd);
}

/* Whatever happens next, no service gets it. */
static gboolean
take_fd (GVariant *all, const char *key, int *fd)
{
  gint32 number = -1;

  if (!g_variant_lookup (all, key, "i", &number) || fcntl (number, F_SETFD, FD_CLOEXEC) != 0)
    return FALSE;
  *fd = number;
  return TRUE;
}

static HrHanded *
read_all (GVariant *all, GError **error)
{
  g_autoptr (HrHanded) self = g_new0 (HrHanded, 1);
  guint32 version = 0;

  self->bus = self->lock = -1;
  if (!g_variant_lookup (all, "version", "u", &version) || version > HR_RUN_STATE_VERSION)
    {
      g_set_error (error, HR_ERROR, HR_ERROR_NOT_SUPPORTED,
                   "what the daemon before handed over is of version %u, and this one reads versions up to %d", version,
                   HR_RUN_STATE_VERSION);
      return NULL;
    }
  self->inherited = g_variant_lookup_value (all, "inherited", G_VARIANT_TYPE ("a(iay)"));
  self->sockets = g_variant_lookup_value (all, "sockets", G_VARIANT_TYPE ("a(ayi)"));
  self->manager = g_variant_lookup_value (all, "manager", G_VARIANT_TYPE_VARDICT);
  if (!take_fd (all, "bus", &self->bus) || !take_fd (all, "lock", &self->lock) || self->inherited == NULL
      || self->sockets == NULL || self->manager == NULL || !g_variant_lookup (all, "caller", "s", &self->caller)
      || !g_variant_lookup (all, "serial", "u", &self->serial))
    {
      g_set_error_literal (error, HR_ERROR, HR_ERROR_FAILED, "what the daemon before handed over is not complete");
      return NULL;
    }
  g_variant_lookup (all, "began-at", "x", &self->began_at);
  return g_steal_pointer (&self);
}

/**
 * hr_handed_take:
 * @error: return location
 *
 * To be called before there are threads, and before anything else was opened: its number is taken out of the
 * environment.
 *
 * Returns: (transfer full) (nullable): what the program before handed over; %NULL without @error: nothing, this is a
 *   fresh start
 */
HrHanded *
hr_handed_take (GError **error)
{
  g_autofree char *text = g_strdup (g_getenv (HR_ENV_HANDED));
  g_auto (HrFd) fd = -1;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) all = NULL;
  guint64 number = 0;

  g_unsetenv (HR_ENV_HANDED);
  if (text == NULL || !g_ascii_string_to_unsigned (text, 10, 3, G_MAXINT, &number, NULL)
      || fcntl ((int)number, F_GETFD) < 0)
    return NULL;
  fd = (int)number;
  bytes = hr_fd_read_all (fd, HR_HANDED_SIZE_MAX, error);
  if (bytes == NULL)
    return NULL;
  all = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARDICT, bytes, FALSE));
  return read_all (all, error);
}

/**
 * hr_handed_answer:
 * @self: what was handed over
 * @connection: that to the bus
 * @error: (nullable): why this program cannot go on
 *
 * Answers the call by which the daemon was re-executed.
 */
void
hr_handed_answer (const HrHanded *self, GDBusConnection *connection, const GError *error)
{
  g_autoptr (GDBusMessage) reply = g_dbus_message_new ();

  g_dbus_message_set_message_type (reply,
                                   error == NULL ? G_DBUS_MESSAGE_TYPE_METHOD_RETURN : G_DBUS_MESSAGE_TYPE_ERROR);
  g_dbus_message_set_flags (reply, G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED);
  g_dbus_message_set_destination (reply, self->caller);
  g_dbus_message_set_reply_serial (reply, self->serial);
  if (error != NULL)
    {
      g_dbus_message_set_error_name (reply, HR_ERROR_PREFIX "Failed");
      g_dbus_message_set_body (reply, g_variant_new ("(s)", error->message));
    }
  g_dbus_connection_send_message (connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
}
