/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-http.h: one GET of a local service, within limits.
 *
 * Each request has a connection of its own, which ends with it: a connection that is kept would go to an instance that
 * serves no more. No proxy, no redirect, no cookie, no compression: what is asked is the program itself.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Larger answers are refused, in bytes. */
#define HR_HTTP_BODY_MAX (1024 * 1024)

/* So many answers may say that the real one is to come. */
#define HR_HTTP_INTERIM_MAX 16

/**
 * HrHttpEnough:
 * @status: of the answer, 200 and so on
 * @body: (array length=size): what has come of it so far
 * @size: 0 before anything of it was read
 * @user_data: of the request
 *
 * Returns: whether no more of the body is wanted
 */
typedef gboolean (*HrHttpEnough) (guint status, const guint8 *body, gsize size, gpointer user_data);

/**
 * HrHttpRequest:
 * @url: http://…
 * @source: (nullable): local address from which it connects
 * @timeout_usec: for all of it, from the resolving of the name to the last byte
 * @enough: (nullable): asked when the header is there and after each piece of the body; what is left is not read
 * @user_data: for @enough; valid until the callback
 *
 * All members stay the caller's, until hr_http_get_async() returns.
 */
typedef struct {
  const char *url;
  GInetAddress *source;
  gint64 timeout_usec;
  HrHttpEnough enough;
  gpointer user_data;
} HrHttpRequest;

void hr_http_get_async (const HrHttpRequest *request, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer user_data);
GBytes *hr_http_get_finish (GAsyncResult *result, guint *status, GError **error);

G_END_DECLS
