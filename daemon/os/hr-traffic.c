/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hr-traffic.h"

#include <asm/socket.h>
#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "hr-fs.h"

/* Offsets in the headers of IPv4 and IPv6. */
enum { VERSION = 0, SOURCE_4 = 12, SOURCE_6 = 8 };

/* Odd numbers with well mixed bits. */
#define MULTIPLIER_A 0x9e3779b1u
#define MULTIPLIER_B 0x85ebca6bu

/* The longest program there is: 9 + 16 + 14 instructions. */
#define PROGRAM_MAX 48

typedef struct {
  struct sock_filter code[PROGRAM_MAX];
  guint length;
} Program;

static void
emit (Program *self, guint16 code, guint32 value)
{
  g_assert (self->length < PROGRAM_MAX);
  self->code[self->length++] = (struct sock_filter)BPF_STMT (code, value);
}

/* Skips @when instructions if the condition holds, @otherwise if it does not. */
static void
emit_jump (Program *self, guint16 code, guint32 value, guint when, guint otherwise)
{
  g_assert (self->length < PROGRAM_MAX);
  self->code[self->length++] = (struct sock_filter)BPF_JUMP (code, value, (guint8)when, (guint8)otherwise);
}

static void
load (Program *self, guint16 size, int offset)
{
  emit (self, BPF_LD | size | BPF_ABS, (guint32)(SKF_NET_OFF + offset));
}

static void
return_for_source (Program *self, guint32 source, guint index)
{
  emit_jump (self, BPF_JMP | BPF_JEQ | BPF_K, source, 0, 1);
  emit (self, BPF_RET | BPF_K, index);
}

/* A becomes A * MULTIPLIER_A ^ word of the header. */
static void
mix_word (Program *self, int offset)
{
  emit (self, BPF_ALU | BPF_MUL | BPF_K, MULTIPLIER_A);
  emit (self, BPF_MISC | BPF_TAX, 0);
  load (self, BPF_W, offset);
  emit (self, BPF_ALU | BPF_XOR | BPF_X, 0);
}

/* A becomes A ^ A >> bits. */
static void
fold (Program *self, guint bits)
{
  emit (self, BPF_MISC | BPF_TAX, 0);
  emit (self, BPF_ALU | BPF_RSH | BPF_K, bits);
  emit (self, BPF_ALU | BPF_XOR | BPF_X, 0);
}

/* A: a number that is the same for all connections from one address. */
static void
load_hash (Program *self, guint32 salt)
{
  guint skip;

  load (self, BPF_B, VERSION);
  emit (self, BPF_ALU | BPF_AND | BPF_K, 0xf0);
  emit_jump (self, BPF_JMP | BPF_JEQ | BPF_K, 0x40, 0, 2);
  load (self, BPF_W, SOURCE_4);
  skip = self->length;
  emit (self, BPF_JMP | BPF_JA, 0);
  load (self, BPF_W, SOURCE_6);
  for (int word = 1; word < 4; word++)
    mix_word (self, SOURCE_6 + word * 4);
  self->code[skip].k = self->length - skip - 1;
  emit (self, BPF_ALU | BPF_XOR | BPF_K, salt);
  fold (self, 16);
  emit (self, BPF_ALU | BPF_MUL | BPF_K, MULTIPLIER_A);
  fold (self, 15);
  emit (self, BPF_ALU | BPF_MUL | BPF_K, MULTIPLIER_B);
  fold (self, 16);
}

static void
assemble (Program *self, const HrTrafficRule *rule)
{
  if (rule->own_index == rule->main_index)
    {
      emit (self, BPF_RET | BPF_K, rule->main_index);
      return;
    }
  load (self, BPF_B, VERSION);
  emit (self, BPF_ALU | BPF_AND | BPF_K, 0xf0);
  emit_jump (self, BPF_JMP | BPF_JEQ | BPF_K, 0x40, 0, 5);
  load (self, BPF_W, SOURCE_4);
  return_for_source (self, rule->own_source, rule->own_index);
  return_for_source (self, rule->main_source, rule->main_index);
  if (rule->sticky)
    load_hash (self, rule->salt);
  else
    emit (self, BPF_LD | BPF_W | BPF_ABS, (guint32)(SKF_AD_OFF + SKF_AD_RANDOM));
  emit (self, BPF_ALU | BPF_MOD | BPF_K, HR_TRAFFIC_ALL);
  emit_jump (self, BPF_JMP | BPF_JGE | BPF_K, rule->share, 0, 1);
  emit (self, BPF_RET | BPF_K, rule->main_index);
  emit (self, BPF_RET | BPF_K, rule->own_index);
}

/**
 * hr_traffic_apply:
 * @fd: any member of the group
 * @rule: where new connections go from now on
 * @error: return location
 *
 * Takes the place of the rule before it at once. Handshakes that have begun end where they began.
 *
 * Returns: success; else a #GIOErrorEnum, and the rule before it holds
 */
gboolean
hr_traffic_apply (int fd, const HrTrafficRule *rule, GError **error)
{
  Program program = { 0 };
  struct sock_fprog attached = { .filter = program.code };

  assemble (&program, rule);
  attached.len = (unsigned short)program.length;
  if (setsockopt (fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &attached, sizeof attached) == 0)
    return TRUE;
  hr_fs_set_error (error, errno, "while directing new connections");
  return FALSE;
}
