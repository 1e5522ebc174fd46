/* The few kernel types that our programs read, kept by hand: only the members that are used, found in the running
 * kernel by name (CO-RE). Names with ___ are how other kernel versions have it: the part after ___ is ignored when
 * looking up. */
#ifndef HINOMI_BPF_KERNEL_H
#define HINOMI_BPF_KERNEL_H

#include <linux/types.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef int pid_t;
typedef struct {
  __u32 val;
} kuid_t;
typedef struct {
  __u32 val;
} kgid_t;
typedef struct {
  int counter;
} atomic_t;

struct qstr {
  const unsigned char* name;
};
struct super_block {
  __u32 s_dev;
};
struct dentry {
  struct dentry* d_parent;
  struct qstr d_name;
};
struct vfsmount {
  struct dentry* mnt_root;
};
struct mount {
  struct mount* mnt_parent;
  struct dentry* mnt_mountpoint;
  struct vfsmount mnt;
};
struct path {
  struct vfsmount* mnt;
  struct dentry* dentry;
};
struct inode {
  struct super_block* i_sb;
  unsigned long i_ino;
  long long i_size;
  unsigned int i_nlink;
  long long i_ctime_sec; /* 6.11 and later */
  long long i_mtime_sec;
  __u32 i_ctime_nsec;
  __u32 i_mtime_nsec;
};
struct timespec64 {
  long long tv_sec;
  long tv_nsec;
};
struct inode___6_7 { /* 6.7 to 6.10 */
  struct timespec64 __i_ctime;
  struct timespec64 __i_mtime;
};
struct inode___6_6 { /* 6.6 */
  struct timespec64 __i_ctime;
  struct timespec64 i_mtime;
};
struct inode___6_1 { /* to 6.5 */
  struct timespec64 i_ctime;
  struct timespec64 i_mtime;
};
struct file {
  struct path f_path;
  struct inode* f_inode;
};
struct fs_struct {
  struct path root;
  struct path pwd;
};
struct mm_struct {
  unsigned long arg_start;
  unsigned long arg_end;
  struct file* exe_file;
};
struct linux_binprm {
  struct file* file;
  const char* filename;
  const char* interp;
};
struct cred {
  kuid_t euid;
  kgid_t egid;
};
struct ns_common {
  unsigned int inum;
};
struct mnt_namespace {
  struct ns_common ns;
};
struct nsproxy {
  struct mnt_namespace* mnt_ns;
};
struct tty_struct {
  char name[64];
};
struct signal_struct {
  atomic_t live;
  int group_exit_code;
  unsigned int flags;
  struct tty_struct* tty;
};
struct kernfs_node {
  const char* name;
  __u64 id;
};
struct cgroup;
struct cgroup_subsys_state {
  struct cgroup* cgroup;
  struct cgroup_subsys_state* parent;
};
struct cgroup {
  struct cgroup_subsys_state self;
  int level;
  struct kernfs_node* kn;
};
enum cgroup_subsys_id { memory_cgrp_id = 4 };
struct css_set {
  struct cgroup_subsys_state* subsys[14];
  struct cgroup* dfl_cgrp;
};
struct task_struct {
  pid_t pid;
  pid_t tgid;
  int exit_code;
  __u64 start_boottime;
  struct task_struct* real_parent;
  struct task_struct* group_leader;
  struct mm_struct* mm;
  struct fs_struct* fs;
  struct nsproxy* nsproxy;
  struct signal_struct* signal;
  const struct cred* real_cred;
  struct css_set* cgroups;
  kuid_t loginuid;
};

struct in6_addr {
  __u8 octets[16];
}; /* read whole, never by member */
struct sock_common {
  __u32 skc_daddr;
  __u32 skc_rcv_saddr;
  __u16 skc_dport; /* network order */
  __u16 skc_num;   /* host order */
  unsigned short skc_family;
  volatile unsigned char skc_state;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
  struct sock_common __sk_common;
  __u16 sk_protocol;
};
struct socket {
  struct sock* sk;
};

struct seq_file;
struct bpf_iter_meta {
  struct seq_file* seq;
};
struct bpf_iter__task {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
};
struct bpf_iter__task_file {
  struct bpf_iter_meta* meta;
  struct task_struct* task;
  __u32 fd;
  struct file* file;
};

#pragma clang attribute pop

#endif
