/* Processes: what runs (exec), where it came from (fork), how it ended (exit), and what ran before we came (iterator).
 * Everything is read from the kernel's own copies after the fact, never from the memory of the caller at entry:
 * arguments from mm->arg_start to arg_end, the path by walking dentries (bpf_d_path is refused in these programs). */
#include "capture.h"

#define SCRATCH_MASK (HINOMI_RECORD_LIMIT - 1)
#define PATH_STEPS 256 /* names and mounts of a path */
#define SIGNAL_GROUP_EXIT 4
#define CTIME_QUERIED (1U << 31) /* since 6.13 the kernel marks there that somebody asked for the time */
#define CGROUP_STEPS 4
#define ROOT_STEPS 4
#define CONTAINER_NAME 64 /* a name this long may hold a container's id: 64 hexadecimal digits */

/* Twice the limit: an offset below the limit plus the longest part stays inside, which the verifier can see. */
struct scratch {
  __u64 offset; /* kept here and not on the stack: the verifier must not follow its every value */
  __u64 path_start;
  __u64 dentry; /* the walk's place */
  __u64 mount;
  __u64 flags;
  char bytes[2 * HINOMI_RECORD_LIMIT];
};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, 8 << 20);
} ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY); /* one a CPU; a per-CPU array may hold 32 KiB at most */
  __uint(max_entries, 1);           /* set to the number of CPUs before loading */
  __type(key, __u32);
  __type(value, struct scratch);
} exec_scratch SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY); /* the iterator's own: it can be interrupted by an exec on its CPU */
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct scratch);
} task_scratch SEC(".maps");

struct walk {
  struct scratch* scratch;
};

/* One step up: a name, or from the root of a mount to where it is mounted. Returns 1 at the top. */
static long step_up(__u64 index, struct walk* walk) {
  struct scratch* scratch = walk->scratch;
  struct dentry* dentry = (struct dentry*)scratch->dentry;
  struct vfsmount* mnt = (struct vfsmount*)scratch->mount;
  struct dentry* parent = BPF_CORE_READ(dentry, d_parent);

  if (dentry == BPF_CORE_READ(mnt, mnt_root)) {
    struct mount* mount = (struct mount*)((char*)mnt - bpf_core_field_offset(struct mount, mnt));
    struct mount* above = BPF_CORE_READ(mount, mnt_parent);
    if (above == mount || !above) return 1;
    scratch->dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
    scratch->mount = (__u64)above + bpf_core_field_offset(struct mount, mnt);
    return 0;
  }
  if (scratch->offset - scratch->path_start > HINOMI_PATH_LIMIT - HINOMI_NAME_LIMIT) {
    scratch->flags |= HINOMI_EXE_INCOMPLETE;
    return 1;
  }
  long length = bpf_probe_read_kernel_str(&scratch->bytes[scratch->offset & SCRATCH_MASK], HINOMI_NAME_LIMIT,
                                          BPF_CORE_READ(dentry, d_name.name));
  if (length > 0) scratch->offset += length;
  if (dentry == parent) {
    scratch->flags |= HINOMI_EXE_DETACHED;
    return 1;
  }
  scratch->dentry = (__u64)parent;
  return 0;
}

/* Appends the names of `path`, lowest first; returns their length in bytes. Flags are those of the executable. */
static __always_inline __u32 append_path(struct scratch* scratch, struct path* path) {
  struct walk walk = {.scratch = scratch};
  scratch->path_start = scratch->offset;
  scratch->flags = 0;
  scratch->dentry = (__u64)BPF_CORE_READ(path, dentry);
  scratch->mount = (__u64)BPF_CORE_READ(path, mnt);
  if (bpf_loop(PATH_STEPS, step_up, &walk, 0) == PATH_STEPS) scratch->flags |= HINOMI_EXE_INCOMPLETE;
  return scratch->offset - scratch->path_start;
}

static __always_inline __u32 append_text(struct scratch* scratch, const void* text, __u32 limit) {
  long length = bpf_probe_read_kernel_str(&scratch->bytes[scratch->offset & SCRATCH_MASK], limit, text);
  if (length <= 1) return 0;
  scratch->offset += length;
  return length;
}

static __always_inline void read_file(struct hinomi_exec* record, struct file* file) {
  struct inode* inode = BPF_CORE_READ(file, f_inode);
  record->has_exe = 1;
  record->exe_dev = BPF_CORE_READ(inode, i_sb, s_dev);
  record->exe_inode = BPF_CORE_READ(inode, i_ino);
  record->exe_size = BPF_CORE_READ(inode, i_size);
  record->exe_links = BPF_CORE_READ(inode, i_nlink);
  if (bpf_core_field_exists(inode->i_ctime_sec)) {
    __u32 nanoseconds = BPF_CORE_READ(inode, i_ctime_nsec) & ~CTIME_QUERIED;
    record->exe_ctime = BPF_CORE_READ(inode, i_ctime_sec) * 1000000000LL + nanoseconds;
    record->exe_mtime = BPF_CORE_READ(inode, i_mtime_sec) * 1000000000LL + BPF_CORE_READ(inode, i_mtime_nsec);
    return;
  }
  struct inode___6_7* inode_6_7 = (void*)inode;
  struct inode___6_6* inode_6_6 = (void*)inode;
  struct inode___6_1* inode_6_1 = (void*)inode;
  struct timespec64 ctime = {}, mtime = {};
  if (bpf_core_field_exists(inode_6_7->__i_ctime))
    ctime.tv_sec = BPF_CORE_READ(inode_6_7, __i_ctime.tv_sec),
    ctime.tv_nsec = BPF_CORE_READ(inode_6_7, __i_ctime.tv_nsec);
  else if (bpf_core_field_exists(inode_6_1->i_ctime))
    ctime.tv_sec = BPF_CORE_READ(inode_6_1, i_ctime.tv_sec), ctime.tv_nsec = BPF_CORE_READ(inode_6_1, i_ctime.tv_nsec);
  if (bpf_core_field_exists(inode_6_7->__i_mtime))
    mtime.tv_sec = BPF_CORE_READ(inode_6_7, __i_mtime.tv_sec),
    mtime.tv_nsec = BPF_CORE_READ(inode_6_7, __i_mtime.tv_nsec);
  else if (bpf_core_field_exists(inode_6_6->i_mtime))
    mtime.tv_sec = BPF_CORE_READ(inode_6_6, i_mtime.tv_sec), mtime.tv_nsec = BPF_CORE_READ(inode_6_6, i_mtime.tv_nsec);
  record->exe_ctime = ctime.tv_sec * 1000000000LL + ctime.tv_nsec;
  record->exe_mtime = mtime.tv_sec * 1000000000LL + mtime.tv_nsec;
}

/* The name of the task's cgroup, or of the nearest one above it whose name is long enough to hold a container's id. The
 * unified tree first; where that is unused (cgroup v1), the memory controller's. */
static __always_inline const char* cgroup_name(struct task_struct* task) {
  struct cgroup* cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
  if (BPF_CORE_READ(cgroup, level) == 0 && bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) {
    struct css_set* set = BPF_CORE_READ(task, cgroups);
    struct cgroup_subsys_state* state = NULL;
    __u32 index = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
    __u64 at = (__u64)set + bpf_core_field_offset(struct css_set, subsys) + index * sizeof(void*);
    bpf_probe_read_kernel(&state, sizeof(state), (void*)at);
    if (state) cgroup = BPF_CORE_READ(state, cgroup);
  }
  const char* name = BPF_CORE_READ(cgroup, kn, name);
  const char* leaf = name;
#pragma unroll
  for (int i = 0; i < CGROUP_STEPS; i++) {
    char head[CONTAINER_NAME + 1];
    if (bpf_probe_read_kernel_str(head, sizeof(head), name) == sizeof(head)) return name;
    struct cgroup_subsys_state* above = BPF_CORE_READ(cgroup, self.parent);
    if (!above) break;
    cgroup = BPF_CORE_READ(above, cgroup);
    name = BPF_CORE_READ(cgroup, kn, name);
  }
  return leaf;
}

/* Whether the root is another than that of the mount namespace. A root may lie on top of others (the initial file
 * system under the real one): each must cover the root of the one below. */
static __always_inline bool is_chrooted(struct fs_struct* fs) {
  struct vfsmount* root = BPF_CORE_READ(fs, root.mnt);
  struct dentry* dentry = BPF_CORE_READ(fs, root.dentry);
  struct mount* mount = (struct mount*)((char*)root - bpf_core_field_offset(struct mount, mnt));
#pragma unroll
  for (int i = 0; i < ROOT_STEPS; i++) {
    if (dentry != BPF_CORE_READ(mount, mnt.mnt_root)) return true;
    struct mount* below = BPF_CORE_READ(mount, mnt_parent);
    if (below == mount) return false;
    dentry = BPF_CORE_READ(mount, mnt_mountpoint);
    mount = below;
  }
  return true;
}

/* Everything of an exec or task record but its script and its arguments. */
static __always_inline void describe(struct scratch* scratch, struct task_struct* task, struct file* file) {
  struct hinomi_exec* record = (struct hinomi_exec*)scratch->bytes;
  struct task_struct* leader = BPF_CORE_READ(task, group_leader);
  struct task_struct* parent = BPF_CORE_READ(leader, real_parent, group_leader);
  const struct cred* cred = BPF_CORE_READ(task, real_cred);
  struct fs_struct* fs = BPF_CORE_READ(task, fs);

  __builtin_memset(record, 0, sizeof(*record));
  fill_header(&record->header, HINOMI_EXEC, 0, BPF_CORE_READ(task, tgid), BPF_CORE_READ(leader, start_boottime));
  record->parent_tgid = BPF_CORE_READ(parent, tgid);
  record->parent_start = BPF_CORE_READ(parent, start_boottime);
  record->uid = BPF_CORE_READ(cred, euid.val);
  record->gid = BPF_CORE_READ(cred, egid.val);
  record->login_uid = bpf_core_field_exists(task->loginuid) ? BPF_CORE_READ(task, loginuid.val) : (__u32)-1;
  record->cgroup_id = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
  record->mount_namespace = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);

  scratch->offset = sizeof(*record);
  if (file) {
    read_file(record, file);
    record->exe_length = append_path(scratch, &file->f_path);
    record->header.flags |= scratch->flags;
  }
  if (fs) {
    if (is_chrooted(fs)) record->header.flags |= HINOMI_CHROOTED;
    record->cwd_length = append_path(scratch, &fs->pwd);
    record->header.flags |= scratch->flags << 1 & HINOMI_CWD_INCOMPLETE;
    record->header.flags |= scratch->flags << 1 & HINOMI_CWD_DETACHED;
  }
}

static __always_inline void describe_surroundings(struct scratch* scratch, struct task_struct* task) {
  struct hinomi_exec* record = (struct hinomi_exec*)scratch->bytes;
  struct tty_struct* tty = BPF_CORE_READ(task, signal, tty);
  record->cgroup_length = append_text(scratch, cgroup_name(task), HINOMI_CGROUP_LIMIT);
  if (tty) record->tty_length = append_text(scratch, &tty->name, HINOMI_TTY_LIMIT);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct* task, pid_t old_pid, struct linux_binprm* bprm) {
  struct hinomi_counter* counter = count_seen(HINOMI_EXEC);
  if (is_muted(task->tgid)) {
    if (counter) __sync_fetch_and_add(&counter->muted, 1);
    return 0;
  }
  __u32 cpu = bpf_get_smp_processor_id();
  struct scratch* scratch = bpf_map_lookup_elem(&exec_scratch, &cpu);
  if (!scratch) {
    if (counter) __sync_fetch_and_add(&counter->lost, 1);
    return 0;
  }
  struct hinomi_exec* record = (struct hinomi_exec*)scratch->bytes;
  describe(scratch, task, BPF_CORE_READ(bprm, file));

  const char* given = BPF_CORE_READ(bprm, filename);
  if (given != BPF_CORE_READ(bprm, interp)) record->script_length = append_text(scratch, given, HINOMI_SCRIPT_LIMIT);
  describe_surroundings(scratch, task);

  unsigned long from = BPF_CORE_READ(task, mm, arg_start);
  unsigned long length = BPF_CORE_READ(task, mm, arg_end) - from;
  record->args_length = length;
  if (length > HINOMI_ARGS_LIMIT) length = HINOMI_ARGS_LIMIT;
  if (length) {
    if (bpf_probe_read_user(&scratch->bytes[scratch->offset & SCRATCH_MASK], length, (void*)from) == 0) {
      record->args_kept = length;
      scratch->offset += length;
    } else {
      record->header.flags |= HINOMI_ARGS_UNREADABLE;
    }
  }
  __u64 size = scratch->offset;
  if (size > HINOMI_RECORD_LIMIT) size = HINOMI_RECORD_LIMIT;
  record->header.size = size;
  hand_up(&ring, counter, record, size);
  return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(sched_process_fork, struct task_struct* parent, struct task_struct* child) {
  if (child->pid != child->tgid) return 0; /* a thread */
  struct hinomi_counter* counter = count_seen(HINOMI_FORK);
  if (is_muted(parent->tgid)) {
    if (counter) __sync_fetch_and_add(&counter->muted, 1);
    return 0;
  }
  struct hinomi_fork record = {};
  fill_header(&record.header, HINOMI_FORK, sizeof(record), child->tgid, child->start_boottime);
  record.parent_tgid = parent->tgid;
  record.parent_start = BPF_CORE_READ(parent, group_leader, start_boottime);
  hand_up(&ring, counter, &record, sizeof(record));
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct* task) {
  /* Two threads that leave at once may both see zero: the reader keeps the first. */
  if (BPF_CORE_READ(task, signal, live.counter) != 0) return 0;
  struct hinomi_counter* counter = count_seen(HINOMI_EXIT);
  if (is_muted(task->tgid)) {
    if (counter) __sync_fetch_and_add(&counter->muted, 1);
    return 0;
  }
  struct hinomi_exit record = {};
  fill_header(&record.header, HINOMI_EXIT, sizeof(record), task->tgid,
              BPF_CORE_READ(task, group_leader, start_boottime));
  if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
    record.status = BPF_CORE_READ(task, signal, group_exit_code);
  else record.status = BPF_CORE_READ(task, group_leader, exit_code);
  hand_up(&ring, counter, &record, sizeof(record));
  return 0;
}

/* What ran before us, and again after records were lost. Arguments are left to the reader (/proc/PID/cmdline). */
SEC("iter/task")
int running_processes(struct bpf_iter__task* context) {
  struct task_struct* task = context->task;
  __u32 zero = 0;
  struct scratch* scratch = bpf_map_lookup_elem(&task_scratch, &zero);
  if (!task || !scratch || task->pid != task->tgid) return 0;

  struct hinomi_exec* record = (struct hinomi_exec*)scratch->bytes;
  describe(scratch, task, BPF_CORE_READ(task, mm, exe_file));
  record->header.kind = HINOMI_TASK;
  describe_surroundings(scratch, task);
  __u64 size = scratch->offset;
  if (size > HINOMI_RECORD_LIMIT) size = HINOMI_RECORD_LIMIT;
  record->header.size = size;
  bpf_seq_write(context->meta->seq, record, size);
  return 0;
}
