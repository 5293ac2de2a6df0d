/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-listen-spec.h: one entry of Listen: a name and an address at which a service is reached.
 *
 * Pure: a host name is not looked up here.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What LISTEN_FDNAMES is given is at most this long, in bytes. */
#define HR_LISTEN_NAME_MAX 64

typedef enum { HR_LISTEN_TCP, HR_LISTEN_UDP, HR_LISTEN_UNIX } HrListenKind;

typedef struct {
  char *name;
  HrListenKind kind;
  char *host; /* numeric address or name; NULL for unix; "" means every address */
  guint16 port;
  char *path; /* unix only: absolute, or an abstract name with '@' in front */
} HrListenSpec;

HrListenSpec *hr_listen_spec_parse (const char *text, GError **error);
void hr_listen_spec_free (HrListenSpec *self);
gboolean hr_listen_spec_is_ipv6_only (const HrListenSpec *self);
gboolean hr_listen_spec_collides (const HrListenSpec *self, const HrListenSpec *other);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrListenSpec, hr_listen_spec_free)

G_END_DECLS
