/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * adopt-real.h: libc's own functions behind those of the same names here.
 */
#pragma once

#include <dlfcn.h>

/* Of what stands before libc's. */
#define EXPORT __attribute__ ((visibility ("default")))

/* Looked up at first use, which may be before any constructor has run; looking up twice does no harm. */
#define REAL(name)                                                                                                     \
  ({                                                                                                                   \
    static __typeof__ (&name) real_function;                                                                           \
    __typeof__ (&name) found_function = __atomic_load_n (&real_function, __ATOMIC_ACQUIRE);                            \
    if (found_function == NULL)                                                                                        \
      {                                                                                                                \
        found_function = (__typeof__ (&name))dlsym (RTLD_NEXT, #name);                                                 \
        __atomic_store_n (&real_function, found_function, __ATOMIC_RELEASE);                                           \
      }                                                                                                                \
    found_function;                                                                                                    \
  })
