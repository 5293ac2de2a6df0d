/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-release-book.h: what is known of the releases of a service without looking into the store.
 *
 * A service may have had tens of thousands: of each the number and what became of it is known, a byte, and in full only
 * the newest and those that somebody holds because they are in use. All others are in the store.
 */
#pragma once

#include "hr-release.h"

G_BEGIN_DECLS

/* So many of the newest are known in full, in use or not. */
#define HR_RELEASES_HELD 16

typedef struct _HrReleaseBook HrReleaseBook;

HrReleaseBook *hr_release_book_new (void);
void hr_release_book_free (HrReleaseBook *self);
void hr_release_book_note (HrReleaseBook *self, const HrRelease *release);
void hr_release_book_add (HrReleaseBook *self, HrRelease *release);
void hr_release_book_hold (HrReleaseBook *self, HrRelease *release);
void hr_release_book_trim (HrReleaseBook *self, const GArray *used);
guint hr_release_book_count (const HrReleaseBook *self);
GPtrArray *hr_release_book_get_held (const HrReleaseBook *self);
const HrRelease *hr_release_book_get (const HrReleaseBook *self, guint64 number);
const HrRelease *hr_release_book_get_newest (const HrReleaseBook *self);
gboolean hr_release_book_get_fate (const HrReleaseBook *self, guint64 number, HrFate *fate);
guint64 hr_release_book_find (const HrReleaseBook *self, HrFate fate, gboolean sound, guint64 from, guint64 below);
gboolean hr_release_book_set_fate (HrReleaseBook *self, guint64 number, HrFate fate, const char *phase,
                                   const char *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrReleaseBook, hr_release_book_free)

G_END_DECLS
