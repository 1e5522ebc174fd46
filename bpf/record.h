/* The bytes that the kernel side hands up: one record each time something happened. Plain C, read by bpf/ and by
 * src/observe/endpoint/record.cpp alone. Host byte order: a record never leaves the machine it was made on.
 *
 * A record is one of the fixed structs below, then (exec and task records) its variable parts without gaps, in the
 * order of their length fields. A path part is a list of names from the file upwards, each ended by NUL:
 * "bash\0bin\0usr\0". Any change of layout or meaning raises HINOMI_RECORD_VERSION. */
#ifndef HINOMI_BPF_RECORD_H
#define HINOMI_BPF_RECORD_H

#include <linux/types.h>

#define HINOMI_RECORD_VERSION 1

#define HINOMI_PATH_LIMIT 4096   /* bytes kept of a path part */
#define HINOMI_NAME_LIMIT 256    /* bytes of one name, NUL included (NAME_MAX + 1) */
#define HINOMI_SCRIPT_LIMIT 4096 /* bytes kept of the script's name, NUL included */
#define HINOMI_ARGS_LIMIT 16384  /* bytes kept of the arguments */
#define HINOMI_CGROUP_LIMIT 128  /* bytes of a cgroup's name, NUL included */
#define HINOMI_TTY_LIMIT 64      /* bytes of a terminal's name, NUL included */
#define HINOMI_RECORD_LIMIT 32768

enum hinomi_kind {
  HINOMI_EXEC = 1,
  HINOMI_FORK = 2,
  HINOMI_EXIT = 3,
  HINOMI_CONNECT = 4,
  HINOMI_ACCEPT = 5,
  HINOMI_TASK = 6, /* a process that was there before us; as an exec record, from the iterator */
  HINOMI_KINDS = 7,
};

enum hinomi_flags {
  HINOMI_EXE_INCOMPLETE = 1, /* the path is longer than what is kept: its uppermost names are missing */
  HINOMI_CWD_INCOMPLETE = 2,
  HINOMI_EXE_DETACHED = 4, /* the file hangs in no tree: memfd and the like */
  HINOMI_CWD_DETACHED = 8,
  HINOMI_ARGS_UNREADABLE = 16, /* the kernel could not read the arguments without sleeping */
  HINOMI_CHROOTED = 32,        /* the process has another root than its mount namespace */
};

struct hinomi_header {
  __u16 version;
  __u16 kind;
  __u32 size;  /* of the whole record */
  __u64 time;  /* CLOCK_BOOTTIME nanoseconds */
  __u64 start; /* task_struct.start_boottime of the thread-group leader; with tgid it identifies the process */
  __u32 tgid;  /* in the initial pid namespace; 0 (with start 0) if not known */
  __u32 flags; /* enum hinomi_flags */
};

struct hinomi_exec {
  struct hinomi_header header;
  __u64 parent_start;
  __u64 cgroup_id;
  __u64 exe_inode;
  __u64 exe_size;
  __s64 exe_ctime; /* nanoseconds since 1970 */
  __s64 exe_mtime;
  __u64 args_length; /* as the kernel keeps them; what is here may be less */
  __u32 exe_dev;     /* major << 20 | minor */
  __u32 exe_links;
  __u32 parent_tgid;
  __u32 uid; /* effective */
  __u32 gid;
  __u32 login_uid; /* 4294967295: none */
  __u32 mount_namespace;
  __u32 has_exe; /* 0: a kernel thread */
  /* lengths of the variable parts, in their order */
  __u32 exe_length;
  __u32 cwd_length;
  __u32 script_length; /* what execve was given, when an interpreter took its place; NUL included */
  __u32 cgroup_length; /* NUL included */
  __u32 tty_length;    /* NUL included */
  __u32 args_kept;
};

struct hinomi_fork { /* header: the child, a new thread-group leader */
  struct hinomi_header header;
  __u64 parent_start; /* who called fork */
  __u32 parent_tgid;
  __u32 padding;
};

struct hinomi_exit { /* the last thread of a group is gone */
  struct hinomi_header header;
  __u32 status; /* as wait(2) tells it: exit code << 8, or signal | 0x80 if a core was dumped */
  __u32 padding;
};

struct hinomi_network { /* header: the process that called connect(), or the one that called listen() */
  struct hinomi_header header;
  __u16 family; /* AF_INET, AF_INET6 */
  __u16 local_port;
  __u16 remote_port;
  __u16 padding;
  __u8 local[16]; /* IPv4: the first four bytes */
  __u8 remote[16];
};

struct hinomi_counter { /* one a kind and CPU; seen = handed up + lost + muted */
  __u64 seen;
  __u64 lost;  /* no room in the ring */
  __u64 muted; /* by declared exclusion */
};

#endif
