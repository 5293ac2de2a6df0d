/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-socket-salvage.h"

#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "hr-fd.h"
#include "hr-process-tree.h"
#include "hr-socket-address.h"
#include "hr-socket-bind.h"

#define SOCKET_LINK "socket:"

static gboolean
is_of_use (int fd)
{
  HrSocketAddress address;

  if (!hr_socket_address_of (fd, &address))
    return FALSE;
  if (address.kind == HR_LISTEN_UDP)
    return hr_socket_address_port (&address) != 0;
  return hr_socket_get_option (fd, SOL_SOCKET, SO_ACCEPTCONN) > 0;
}

static void
salvage_from (GPid pid, HrSocketSalvageFunc func, gpointer user_data)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fd", (int)pid);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  g_auto (HrFd) pidfd = pidfd_open (pid, 0);
  const char *name;

  for (guint i = 0; dir != NULL && pidfd >= 0 && i < HR_SOCKET_SALVAGE_MAX && (name = g_dir_read_name (dir)) != NULL;
       i++)
    {
      g_autofree char *link = g_build_filename (path, name, NULL);
      g_autofree char *target = g_file_read_link (link, NULL);
      g_auto (HrFd) fd = -1;

      if (target == NULL || !g_str_has_prefix (target, SOCKET_LINK))
        continue;
      fd = pidfd_getfd (pidfd, atoi (name), 0);
      if (fd >= 0 && is_of_use (fd))
        func (hr_fd_steal (&fd), user_data);
    }
}

/**
 * hr_socket_salvage:
 * @leader: main process of an instance that runs
 * @instance: the instance's id
 * @func: called for each socket, also for several that are one
 * @user_data: for @func
 *
 * Looks at all processes there are, which takes some milliseconds.
 */
void
hr_socket_salvage (GPid leader, const char *instance, HrSocketSalvageFunc func, gpointer user_data)
{
  g_autoptr (GArray) list = hr_process_list ();

  for (guint i = 0; i < list->len; i++)
    if (hr_process_belongs (g_array_index (list, HrProcess, i).pid, leader, instance))
      salvage_from (g_array_index (list, HrProcess, i).pid, func, user_data);
}
