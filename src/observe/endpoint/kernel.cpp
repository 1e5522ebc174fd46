#include <hinomi/observe/endpoint/kernel.hpp>

#include <hinomi/bpf/network.skel.h>
#include <hinomi/bpf/process.skel.h>
#include <hinomi/bpf/record.h>
#include <hinomi/base/digest.hpp>
#include <hinomi/base/file.hpp>
#include <hinomi/observe/endpoint/record.hpp>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace hinomi::observe::endpoint {
namespace {

using base::Errc;
using base::fail;

constexpr std::size_t kDrainLimit = 8U << 20;       // bytes taken of one ring at once
constexpr std::size_t kIteratorLimit = 256U << 20;  // bytes of all running processes
constexpr std::size_t kWakeShare = 8;               // the reader is woken when an eighth of a ring waits

struct KindName {
  std::uint32_t kind;
  const char* name;
  bool is_process;
};
constexpr std::array kProcessKinds{KindName{HINOMI_EXEC, "process_start", true},
                                   KindName{HINOMI_FORK, "process_fork", true},
                                   KindName{HINOMI_EXIT, "process_exit", true}};
constexpr std::array kNetworkKinds{KindName{HINOMI_CONNECT, "network_connect", false},
                                   KindName{HINOMI_ACCEPT, "network_accept", false}};

int say_nothing(libbpf_print_level, const char*, va_list) { return 0; }

// Why the kernel said no, from libbpf's negative errno.
std::string reason_of(int error) { return std::strerror(error < 0 ? -error : error); }

// Whether the running kernel has what the program's section names.
bool kernel_has(const btf* types, std::string_view section) {
  if (section.starts_with("tp_btf/"))
    return btf__find_by_name_kind(types, fmt::format("btf_trace_{}", section.substr(7)).c_str(), BTF_KIND_TYPEDEF) > 0;
  if (section.starts_with("iter/"))
    return btf__find_by_name_kind(types, fmt::format("bpf_iter_{}", section.substr(5)).c_str(), BTF_KIND_FUNC) > 0;
  return true;
}

std::uint32_t ring_size(std::size_t asked) {
  return static_cast<std::uint32_t>(std::bit_ceil(std::clamp<std::size_t>(asked, 4096, 1U << 30)));
}

// One BPF object with what is attached of it.
class Family {
 public:
  Family() = default;
  ~Family() {
    detach();
    if (ring_ != nullptr) ring_buffer__free(ring_);
    if (destroy_ != nullptr) destroy_(skeleton_);
  }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  // Opens, adapts to this kernel, loads and attaches. A program that does not load is left out.
  // `configure` runs before loading, `prepare` between loading and attaching.
  template <class Skeleton, class Configure, class Prepare>
  base::Status load(const btf* types, Configure configure, Prepare prepare, std::vector<HookStatus>& hooks) {
    std::map<std::string, std::string> refused;
    Skeleton* skeleton = nullptr;
    int error = try_load<Skeleton>(types, configure, refused, {}, skeleton);
    if (error != 0) {
      // Which program is it? Each alone, then all that load.
      std::vector<std::string> names;
      if (Skeleton* probe = Skeleton::open(); probe != nullptr) {
        bpf_program* program = nullptr;
        bpf_object__for_each_program(program, probe->obj) names.emplace_back(bpf_program__name(program));
        Skeleton::destroy(probe);
      }
      std::size_t usable = 0;
      for (const std::string& name : names) {
        const int alone = refused.contains(name) ? 0 : try_load<Skeleton>(types, configure, refused, name, skeleton);
        if (alone != 0) refused[name] = reason_of(alone);
        if (!refused.contains(name)) ++usable;
        if (skeleton != nullptr) Skeleton::destroy(skeleton);
        skeleton = nullptr;
      }
      if (usable == 0) {
        for (const auto& [name, reason] : refused) hooks.push_back({.name = name, .is_on = false, .reason = reason});
        return fail(error == -EPERM || error == -EACCES ? Errc::forbidden : Errc::unsupported,
                    "BPF programs do not load: " + reason_of(error));
      }
      error = try_load<Skeleton>(types, configure, refused, {}, skeleton);
      if (error != 0) return fail(Errc::unsupported, "BPF programs do not load: " + reason_of(error));
    }
    skeleton_ = skeleton;
    destroy_ = [](void* old) { Skeleton::destroy(static_cast<Skeleton*>(old)); };
    object_ = skeleton->obj;
    prepare(*skeleton);
    attach(refused, hooks);
    counters_ = bpf_object__find_map_fd_by_name(object_, "counters");
    ring_ = ring_buffer__new(bpf_object__find_map_fd_by_name(object_, "ring"), &Family::keep, this, nullptr);
    if (ring_ == nullptr) return fail(base::error_from_errno(errno, "mapping a BPF ring"));
    return {};
  }

  void detach() {
    for (auto& [name, link] : links_) bpf_link__destroy(link);
    links_.clear();
  }

  bool drain(RecordBatch& batch) {
    if (ring_ == nullptr) return false;
    batch_ = &batch;
    limit_ = batch.bytes.size() + kDrainLimit;
    const int result = ring_buffer__consume(ring_);
    batch_ = nullptr;
    return result == -ENOSPC;
  }

  [[nodiscard]] int epoll_fd() const { return ring_ == nullptr ? -1 : ring_buffer__epoll_fd(ring_); }

  base::Result<base::Bytes> iterate(const std::string& name) {
    const auto link = links_.find(name);
    if (link == links_.end()) return fail(Errc::unsupported, name + " is off");
    const base::Descriptor iterator(bpf_iter_create(bpf_link__fd(link->second)));
    if (!iterator.is_open()) return fail(base::error_from_errno(errno, name));
    base::Bytes out;
    std::array<char, 64 * 1024> buffer;
    while (true) {
      const ssize_t got = read(iterator.get(), buffer.data(), buffer.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) return fail(base::error_from_errno(errno, name));
      if (got == 0) return out;
      if (out.size() + static_cast<std::size_t>(got) > kIteratorLimit)
        return fail(Errc::too_large, name + ": more processes than fit");
      out.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }

  void count(std::span<const KindName> kinds, std::vector<KindCount>& out) const {
    if (counters_ < 0) return;
    const int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0) return;
    std::vector<hinomi_counter> values(static_cast<std::size_t>(cpus));
    for (const KindName& kind : kinds) {
      KindCount sum{.name = kind.name, .is_process = kind.is_process};
      if (bpf_map_lookup_elem(counters_, &kind.kind, values.data()) == 0) {
        for (const hinomi_counter& value : values) {
          sum.seen += value.seen;
          sum.lost += value.lost;
          sum.muted += value.muted;
        }
      }
      out.push_back(std::move(sum));
    }
  }

  void cost(std::vector<HookCost>& out) const {
    if (object_ == nullptr) return;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object_) {
      bpf_prog_info info{};
      __u32 length = sizeof(info);
      const int fd = bpf_program__fd(program);
      if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) != 0) continue;
      out.push_back({.name = bpf_program__name(program),
                     .runs = info.run_cnt,
                     .nanoseconds = info.run_time_ns,
                     .missed = info.recursion_misses});
    }
  }

 private:
  // `only`: load this program alone. Programs that the kernel has no place for are put into `refused`.
  template <class Skeleton, class Configure>
  static int try_load(const btf* types, Configure& configure, std::map<std::string, std::string>& refused,
                      std::string_view only, Skeleton*& out) {
    out = nullptr;
    Skeleton* skeleton = Skeleton::open();
    if (skeleton == nullptr) return -errno;
    configure(*skeleton);
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton->obj) {
      const std::string name = bpf_program__name(program);
      if (!kernel_has(types, bpf_program__section_name(program)))
        refused.try_emplace(name, "this kernel does not have it");
      bpf_program__set_autoload(program, !refused.contains(name) && (only.empty() || only == name));
    }
    if (const int error = Skeleton::load(skeleton); error != 0) {
      Skeleton::destroy(skeleton);
      return error;
    }
    out = skeleton;
    return 0;
  }

  void attach(const std::map<std::string, std::string>& refused, std::vector<HookStatus>& hooks) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object_) {
      const std::string name = bpf_program__name(program);
      if (const auto found = refused.find(name); found != refused.end()) {
        hooks.push_back({.name = name, .is_on = false, .reason = found->second});
        continue;
      }
      bpf_link* link = bpf_program__attach(program);
      if (link == nullptr) {
        hooks.push_back({.name = name, .is_on = false, .reason = reason_of(errno)});
        continue;
      }
      links_[name] = link;
      hooks.push_back({.name = name, .is_on = true, .reason = {}});
    }
  }

  static int keep(void* context, void* data, std::size_t size) {
    Family& self = *static_cast<Family*>(context);
    const base::ByteView record(static_cast<const char*>(data), size);
    self.batch_->add(record, time_of_record(record));
    return self.batch_->bytes.size() >= self.limit_ ? -ENOSPC : 0;  // this record is taken all the same
  }

  void* skeleton_ = nullptr;
  void (*destroy_)(void*) = nullptr;
  bpf_object* object_ = nullptr;
  ring_buffer* ring_ = nullptr;
  int counters_ = -1;
  std::map<std::string, bpf_link*> links_;
  RecordBatch* batch_ = nullptr;
  std::size_t limit_ = 0;
};

template <class Skeleton>
void configure_common(Skeleton& skeleton, std::uint32_t ring, const KernelOptions& options) {
  bpf_map__set_max_entries(skeleton.maps.ring, ring);
  skeleton.rodata->wake_at = std::max<std::uint32_t>(1, ring / kWakeShare);
  skeleton.rodata->mute_any = !options.muted_processes.empty() || !options.muted_cgroups.empty();
}

std::string program_digest(const char* name, const void* bytes, std::size_t size) {
  return fmt::format("{}:{}", name, base::sha256(base::ByteView(static_cast<const char*>(bytes), size)).hex());
}

}  // namespace

struct Kernel::State {
  Family process, network;
  std::vector<HookStatus> hooks;
  base::Descriptor epoll, event;
};

Kernel::Kernel(std::unique_ptr<State> state) : state_(std::move(state)) {}
Kernel::~Kernel() = default;

base::Result<std::unique_ptr<Kernel>> Kernel::open(const KernelOptions& options) {
  if (options.muted_processes.size() > 256 || options.muted_cgroups.size() > 256)
    return fail(Errc::invalid_argument, "at most 256 processes and 256 cgroups can be muted");
  libbpf_set_print(say_nothing);
  const std::unique_ptr<btf, decltype(&btf__free)> types(btf__load_vmlinux_btf(), &btf__free);
  if (!types) return fail(Errc::unsupported, "this kernel describes no types (no BTF): " + reason_of(errno));

  auto state = std::make_unique<State>();
  const auto mute = [&options](const auto& skeleton) {
    constexpr std::uint8_t kYes = 1;
    for (const std::uint32_t tgid : options.muted_processes)
      bpf_map_update_elem(bpf_map__fd(skeleton.maps.muted_processes), &tgid, &kYes, BPF_ANY);
    for (const std::uint64_t cgroup : options.muted_cgroups)
      bpf_map_update_elem(bpf_map__fd(skeleton.maps.muted_cgroups), &cgroup, &kYes, BPF_ANY);
  };
  const int cpus = std::max(1, libbpf_num_possible_cpus());
  TRY_VOID(state->process.load<process_bpf>(
      types.get(),
      [&](process_bpf& skeleton) {
        configure_common(skeleton, ring_size(options.process_ring), options);
        bpf_map__set_max_entries(skeleton.maps.exec_scratch, static_cast<std::uint32_t>(cpus));
      },
      mute, state->hooks));
  if (options.connects || options.accepts) {
    const base::Status loaded = state->network.load<network_bpf>(
        types.get(),
        [&](network_bpf& skeleton) {
          configure_common(skeleton, ring_size(options.network_ring), options);
          skeleton.rodata->want_connect = options.connects;
          skeleton.rodata->want_accept = options.accepts;
        },
        mute, state->hooks);
    (void)loaded;  // the reasons stand in hooks
  } else {
    for (const char* name : {"inet_sock_set_state", "listening_sockets"})
      state->hooks.push_back({.name = name, .is_on = false, .reason = "not asked for"});
  }
  state->epoll = base::Descriptor(epoll_create1(EPOLL_CLOEXEC));
  state->event = base::Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!state->epoll.is_open() || !state->event.is_open())
    return fail(base::error_from_errno(errno, "waiting for BPF rings"));
  for (const int fd : {state->event.get(), state->process.epoll_fd(), state->network.epoll_fd()}) {
    epoll_event interest{.events = EPOLLIN, .data = {.fd = fd}};
    if (fd >= 0 && epoll_ctl(state->epoll.get(), EPOLL_CTL_ADD, fd, &interest) != 0)
      return fail(base::error_from_errno(errno, "waiting for BPF rings"));
  }
  return std::unique_ptr<Kernel>(new Kernel(std::move(state)));
}

void Kernel::wait(std::chrono::milliseconds limit) {
  std::array<epoll_event, 4> events;
  const int count = epoll_wait(state_->epoll.get(), events.data(), events.size(), static_cast<int>(limit.count()));
  for (int i = 0; i < count; ++i) {
    if (events[static_cast<std::size_t>(i)].data.fd != state_->event.get()) continue;
    std::uint64_t ignored = 0;
    (void)!read(state_->event.get(), &ignored, sizeof(ignored));
  }
}

void Kernel::wake() {
  const std::uint64_t one = 1;
  (void)!write(state_->event.get(), &one, sizeof(one));
}

bool Kernel::drain(RecordBatch& batch) {
  const bool more_network = state_->network.drain(batch);
  const bool more_process = state_->process.drain(batch);
  return more_network || more_process;
}

base::Result<base::Bytes> Kernel::running_processes() { return state_->process.iterate("running_processes"); }

base::Status Kernel::note_listeners() {
  (void)TRY(state_->network.iterate("listening_sockets"));
  return {};
}

void Kernel::detach() {
  state_->process.detach();
  state_->network.detach();
}

std::vector<KindCount> Kernel::counts() const {
  std::vector<KindCount> out;
  state_->process.count(kProcessKinds, out);
  state_->network.count(kNetworkKinds, out);
  return out;
}

std::vector<HookCost> Kernel::costs() const {
  std::vector<HookCost> out;
  state_->process.cost(out);
  state_->network.cost(out);
  return out;
}

const std::vector<HookStatus>& Kernel::hooks() const { return state_->hooks; }

std::vector<std::string> Kernel::programs() {
  std::size_t process_size = 0, network_size = 0;
  const void* process = process_bpf::elf_bytes(&process_size);
  const void* network = network_bpf::elf_bytes(&network_size);
  return {program_digest("process.bpf.o", process, process_size),
          program_digest("network.bpf.o", network, network_size)};
}

}  // namespace hinomi::observe::endpoint
