/* What the programs of every hook family share: counters, muting, and when to wake the reader. Each family has its own
 * copy of these maps, so that one family that does not load takes nothing from the others. */
#ifndef HINOMI_BPF_CAPTURE_H
#define HINOMI_BPF_CAPTURE_H

#include <linux/bpf.h>

#include "kernel.h"
#include "record.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Read-only switches, set before loading: the verifier removes what is off. */
const volatile __u32 wake_at = 1; /* bytes waiting in the ring at which the reader is woken; else it polls */
const volatile __u8 mute_any = 0;

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, HINOMI_KINDS);
  __type(key, __u32);
  __type(value, struct hinomi_counter);
} counters SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, __u32); /* tgid */
  __type(value, __u8);
} muted_processes SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 256);
  __type(key, __u64); /* cgroup v2 id */
  __type(value, __u8);
} muted_cgroups SEC(".maps");

static __always_inline struct hinomi_counter* count_seen(__u32 kind) {
  struct hinomi_counter* counter = bpf_map_lookup_elem(&counters, &kind);
  if (counter) __sync_fetch_and_add(&counter->seen, 1);
  return counter;
}

/* The current task, or `tgid`, is one that the caller declared as not to be observed. */
static __always_inline bool is_muted(__u32 tgid) {
  if (!mute_any) return false;
  if (bpf_map_lookup_elem(&muted_processes, &tgid)) return true;
  __u64 cgroup = bpf_get_current_cgroup_id();
  return bpf_map_lookup_elem(&muted_cgroups, &cgroup) != NULL;
}

/* Hands a record up; a full ring is counted. Below wake_at the reader is left asleep: it polls often enough. */
static __always_inline void hand_up(void* ring, struct hinomi_counter* counter, void* record, __u64 size) {
  __u64 flags = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) >= wake_at ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
  if (bpf_ringbuf_output(ring, record, size, flags) && counter) __sync_fetch_and_add(&counter->lost, 1);
}

static __always_inline void fill_header(struct hinomi_header* header, __u16 kind, __u32 size, __u32 tgid, __u64 start) {
  header->version = HINOMI_RECORD_VERSION;
  header->kind = kind;
  header->size = size;
  header->time = bpf_ktime_get_boot_ns();
  header->start = start;
  header->tgid = tgid;
  header->flags = 0;
}

#endif
