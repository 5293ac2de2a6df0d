/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-boot.h"

#include "hr-fs.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_SIZE_MAX 128

/**
 * hr_boot_id:
 *
 * Returns: (transfer none): what the kernel calls this run of the machine; "unknown" where it does not say
 */
const char *
hr_boot_id (void)
{
  static const char *id = NULL;

  if (g_once_init_enter (&id))
    {
      g_autoptr (GBytes) text = hr_fs_read (BOOT_ID_FILE, BOOT_ID_SIZE_MAX, NULL);
      char *read = text != NULL ? g_strndup (g_bytes_get_data (text, NULL), g_bytes_get_size (text)) : NULL;

      g_once_init_leave (&id, read != NULL ? g_strstrip (read) : "unknown");
    }
  return id;
}
