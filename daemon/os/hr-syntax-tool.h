/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hr-syntax-tool.h: what checks the syntax of one kind of file for one service, and checking with it.
 *
 * A tool reads the files and runs none of them. It is an interpreter that the service itself uses where that can be
 * told, else one of its PATH; never one that is a file of the service, because that would run the service's code
 * (TypeScript's library in node_modules is a dependency, not the service). It gets none of the service's variables
 * but PATH, HOME and the like, and works in '/', so that no hook of the service is found.
 *
 * Blocks; belongs in a worker thread.
 */
#pragma once

#include <gio/gio.h>

#include "hr-service-spec.h"
#include "hr-syntax.h"
#include "hr-view.h"

G_BEGIN_DECLS

/* A larger JSON file is not checked, in bytes. */
#define HR_SYNTAX_JSON_MAX (64 * 1024 * 1024)

/**
 * HrSyntaxFailure:
 * @file: relative to the source
 * @words: the tool's own
 * @unfit: not a fault: the tool cannot say, @words tell why
 */
typedef struct {
  char *file;
  char *words;
  gboolean unfit;
} HrSyntaxFailure;

typedef struct _HrSyntaxTool HrSyntaxTool;

HrSyntaxTool *hr_syntax_tool_find (HrSyntax syntax, HrServiceSpec *spec, HrView *view, const char *const *environment,
                                   char **why);
void hr_syntax_tool_free (HrSyntaxTool *self);
const char *hr_syntax_tool_name (const HrSyntaxTool *self);
GPtrArray *hr_syntax_tool_check (const HrSyntaxTool *self, HrView *view, GPtrArray *files, gint64 deadline,
                                 GCancellable *cancellable, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HrSyntaxTool, hr_syntax_tool_free)

G_END_DECLS
