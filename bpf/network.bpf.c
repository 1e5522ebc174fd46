/* TCP connections, IPv4 and IPv6, when they stand (ESTABLISHED). That moment comes in an interrupt, where the current
 * task is whoever was running: so the process is noted on the socket itself (socket storage) when it acts, and read
 * back later.
 *
 *   connect():  CLOSE -> SYN_SENT runs in the caller: note it. SYN_SENT -> ESTABLISHED: hand it up.
 *   listen():   CLOSE -> LISTEN runs in the caller: note it. The note is cloned to every socket born of the listener
 *               (BPF_F_CLONE), so SYN_RECV -> ESTABLISHED finds it: the process that LISTENS. Which of its children
 * calls accept() later has no hook short of taxing every system call, and is not guessed. before us:  listeners are
 * noted by the iterator, for the first process that holds them. A socket without a note (connecting before we came) is
 * handed up without a process. */
#include "capture.h"

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_SYN_RECV 3
#define TCP_LISTEN 10

const volatile __u8 want_connect = 1;
const volatile __u8 want_accept = 1;

struct note {
  __u64 start;
  __u32 tgid;
  __u8 is_listener;
  __u8 is_muted;
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 4 << 20);
} ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
  __type(key, int);
  __type(value, struct note);
} notes SEC(".maps");

static __always_inline void note_caller(struct sock* sk, bool is_listener) {
  struct task_struct* task = (struct task_struct*)bpf_get_current_task();
  struct note* note = bpf_sk_storage_get(&notes, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!note) return;
  note->tgid = BPF_CORE_READ(task, tgid);
  note->start = BPF_CORE_READ(task, group_leader, start_boottime);
  note->is_listener = is_listener;
  note->is_muted = is_muted(note->tgid);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, struct sock* sk, int old_state, int new_state) {
  if (new_state == TCP_SYN_SENT || new_state == TCP_LISTEN) {
    if (sk->sk_protocol == IPPROTO_TCP) note_caller(sk, new_state == TCP_LISTEN);
    return 0;
  }
  if (new_state != TCP_ESTABLISHED || (old_state != TCP_SYN_SENT && old_state != TCP_SYN_RECV)) return 0;
  if (sk->sk_protocol != IPPROTO_TCP) return 0;
  __u16 family = sk->__sk_common.skc_family;
  if (family != AF_INET && family != AF_INET6) return 0;

  struct note* note = bpf_sk_storage_get(&notes, sk, 0, 0);
  bool is_accept = note ? note->is_listener : old_state == TCP_SYN_RECV;
  if (is_accept ? !want_accept : !want_connect) return 0;
  __u16 kind = is_accept ? HINOMI_ACCEPT : HINOMI_CONNECT;
  struct hinomi_counter* counter = count_seen(kind);
  if (note && note->is_muted) {
    if (counter) __sync_fetch_and_add(&counter->muted, 1);
    bpf_sk_storage_delete(&notes, sk);
    return 0;
  }
  struct hinomi_network record = {};
  fill_header(&record.header, kind, sizeof(record), note ? note->tgid : 0, note ? note->start : 0);
  record.family = family;
  record.local_port = sk->__sk_common.skc_num;
  record.remote_port = __builtin_bswap16(sk->__sk_common.skc_dport);
  if (family == AF_INET) {
    bpf_core_read(record.local, 4, &sk->__sk_common.skc_rcv_saddr);
    bpf_core_read(record.remote, 4, &sk->__sk_common.skc_daddr);
  } else {
    bpf_core_read(record.local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
    bpf_core_read(record.remote, 16, &sk->__sk_common.skc_v6_daddr);
  }
  bpf_sk_storage_delete(&notes, sk);
  hand_up(&ring, counter, &record, sizeof(record));
  return 0;
}

/* Listeners that were there before us. */
SEC("iter/task_file")
int listening_sockets(struct bpf_iter__task_file* context) {
  struct task_struct* task = context->task;
  struct file* file = context->file;
  if (!task || !file) return 0;
  struct socket* socket = bpf_sock_from_file(file);
  if (!socket) return 0;
  struct sock* sk = socket->sk;
  if (!sk || sk->__sk_common.skc_state != TCP_LISTEN || sk->sk_protocol != IPPROTO_TCP) return 0;
  __u16 family = sk->__sk_common.skc_family;
  if (family != AF_INET && family != AF_INET6) return 0;
  if (bpf_sk_storage_get(&notes, sk, 0, 0)) return 0;
  struct note* note = bpf_sk_storage_get(&notes, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
  if (!note) return 0;
  note->tgid = task->tgid;
  note->start = BPF_CORE_READ(task, group_leader, start_boottime);
  note->is_listener = 1;
  note->is_muted = is_muted(note->tgid);
  return 0;
}
