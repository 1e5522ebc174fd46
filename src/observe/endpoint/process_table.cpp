#include <hinomi/observe/endpoint/process_table.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <unordered_set>

namespace hinomi::observe::endpoint {
namespace {

// The nearest `count` nodes of a chain, as a chain of its own.
std::shared_ptr<const Lineage> nearest(const std::shared_ptr<const Lineage>& chain, unsigned count) {
  std::vector<const Lineage*> nodes;
  for (const Lineage* node = chain.get(); node != nullptr && nodes.size() < count; node = node->parent.get())
    nodes.push_back(node);
  std::shared_ptr<const Lineage> out;
  for (const Lineage* node : std::views::reverse(nodes)) {
    auto copy = std::make_shared<Lineage>(*node);
    copy->parent = out;
    copy->depth = out ? out->depth + 1 : 1;
    out = std::move(copy);
  }
  return out;
}

}  // namespace

std::string make_process_guid(const base::Uuid& boot, const ProcessKey& process) {
  return base::Uuid::named(boot, fmt::format("{}.{}", process.start, process.tgid)).text();
}

const Process* ProcessTable::find(const ProcessKey& process) const {
  const auto found = processes_.find(process);
  return found == processes_.end() ? nullptr : &found->second;
}

Process* ProcessTable::admit(const ProcessKey& key) {
  if (const auto found = processes_.find(key); found != processes_.end()) return &found->second;
  while (processes_.size() >= limits_.processes && !exits_.empty()) {
    processes_.erase(exits_.front().second);
    exits_.pop_front();
  }
  if (processes_.size() >= limits_.processes) {
    ++refused_;
    return nullptr;
  }
  Process& process = processes_[key];
  process.key = key;
  process.guid = make_process_guid(boot_, key);
  return &process;
}

std::shared_ptr<const Lineage> ProcessTable::node_of(const ProcessKey& key) {
  if (!key.is_known()) return nullptr;
  const auto found = processes_.find(key);
  if (found == processes_.end()) {  // never seen: its identity is known all the same
    auto node = std::make_shared<Lineage>();
    node->guid = make_process_guid(boot_, key);
    node->tgid = key.tgid;
    return node;
  }
  Process& process = found->second;
  if (!process.node_) {
    auto node = std::make_shared<Lineage>();
    node->guid = process.guid;
    node->tgid = key.tgid;
    node->image = process.image;
    node->parent = process.lineage;
    if (node->parent && node->parent->depth >= kLineageLimit) node->parent = nearest(node->parent, kLineageCut);
    node->depth = node->parent ? node->parent->depth + 1 : 1;
    process.node_ = std::move(node);
  }
  return process.node_;
}

Process* ProcessTable::forked(const ProcessKey& child, const ProcessKey& parent) {
  if (child == parent) return nullptr;
  auto lineage = node_of(parent);
  Process* process = admit(child);
  if (process == nullptr) return nullptr;
  if (!process->lineage) process->lineage = std::move(lineage);
  if (!process->image && process->lineage) process->image = process->lineage->image;
  return process;
}

void ProcessTable::trim(Image& image) const {
  const std::size_t limit =
      processes_.size() <= limits_.roomy_processes ? limits_.arguments : limits_.arguments_when_crowded;
  if (image.arguments.size() <= limit) return;
  image.arguments.resize(limit);
  image.arguments.back() = '\0';
  image.arguments.shrink_to_fit();
}

Process* ProcessTable::executed(const ProcessKey& key, const ProcessKey& kernel_parent, Image image) {
  std::shared_ptr<const Lineage> lineage;
  if (find(key) == nullptr && kernel_parent != key) lineage = node_of(kernel_parent);
  Process* process = admit(key);
  if (process == nullptr) return nullptr;
  if (!process->lineage) process->lineage = std::move(lineage);
  trim(image);
  process->image = std::make_shared<const Image>(std::move(image));
  process->node_.reset();
  return process;
}

bool ProcessTable::exited(const ProcessKey& key, std::uint64_t time) {
  const auto found = processes_.find(key);
  if (found == processes_.end()) return true;
  if (found->second.exited != 0) return false;
  found->second.exited = std::max<std::uint64_t>(time, 1);
  found->second.node_.reset();
  exits_.emplace_back(found->second.exited, key);
  return true;
}

void ProcessTable::only_these_run(const std::vector<ProcessKey>& running, std::uint64_t time) {
  const std::unordered_set<ProcessKey> alive(running.begin(), running.end());
  for (auto& [key, process] : processes_) {
    if (process.exited != 0 || key.start > time || alive.contains(key)) continue;
    process.exited = time;
    process.node_.reset();
    exits_.emplace_back(time, key);
  }
}

void ProcessTable::expire(std::uint64_t now) {
  while (!exits_.empty() && exits_.front().first + limits_.keep_exited <= now) {
    processes_.erase(exits_.front().second);
    exits_.pop_front();
  }
}

}  // namespace hinomi::observe::endpoint
