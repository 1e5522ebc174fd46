#include <hinomi/evidence/log.hpp>

#include <fmt/core.h>

#include <algorithm>

namespace hinomi::evidence {

struct EvidenceLog::Waiting {
  Draft draft;
  FollowUp follow_up;
  bool done = false;  // guarded by the log's mutex; the rest is the committing thread's until then
  base::Result<Appended> result = Appended{};
};

base::Result<std::unique_ptr<EvidenceLog>> EvidenceLog::open(const base::fs::path& folder, std::string origin,
                                                             model::OrganisationId organisation,
                                                             const proof::SigningKey& key, const base::Clock& clock,
                                                             LogOptions options) {
  options.tiles.origin = origin;
  auto log = TRY(tlog::TileLog::open(folder, options.tiles, key));
  base::Time last;
  if (const std::uint64_t size = log->size(); size > 0) {
    const base::Bytes bytes = TRY(log->leaf(size - 1));
    auto leaf = decode_leaf(bytes);
    if (!leaf) return base::fail(leaf.error().within(fmt::format("{}, entry {}", origin, size - 1)));
    if (leaf->organisation != organisation)
      return base::fail(base::Errc::corrupt,
                        fmt::format("{}: the log holds entries of '{}'", origin, leaf->organisation.text()));
    last = leaf->received;
  }
  return std::unique_ptr<EvidenceLog>(
      new EvidenceLog(std::move(log), std::move(origin), std::move(organisation), clock, std::move(options), last));
}

EvidenceLog::EvidenceLog(std::unique_ptr<tlog::TileLog> log, std::string origin, model::OrganisationId organisation,
                         const base::Clock& clock, LogOptions options, base::Time last_received)
    : log_(std::move(log)),
      origin_(std::move(origin)),
      organisation_(std::move(organisation)),
      clock_(clock),
      options_(std::move(options)),
      last_received_(last_received),
      thread_([this] { run(); }) {}

EvidenceLog::~EvidenceLog() {
  close();
  thread_.join();
}

void EvidenceLog::close() {
  const base::Lock lock(mutex_);
  closed_ = true;
  arrived_.notify_all();
  committed_.notify_all();
}

base::Result<Appended> EvidenceLog::append(Draft draft, FollowUp follow_up) {
  if (draft.payload.size() > tlog::kMaxPayload)
    return base::fail(base::Errc::too_large,
                      fmt::format("a payload of {} bytes; the limit is {}", draft.payload.size(), tlog::kMaxPayload));
  const auto mine = std::make_shared<Waiting>();
  mine->draft = std::move(draft);
  mine->follow_up = std::move(follow_up);
  {
    const base::Lock lock(mutex_);
    if (closed_) return base::fail(base::Errc::unavailable, "the evidence log is closed");
    waiting_.push_back(mine);
    waiting_bytes_ += mine->draft.payload.size();
    arrived_.notify_one();
    while (!mine->done) committed_.wait(mutex_);
  }
  if (!mine->result) return std::move(mine->result);
  Appended out = std::move(*mine->result);
  const std::uint64_t index = out.second ? out.second->index : out.first.index;
  out.path = TRY(log_->inclusion(index, out.checkpoint.checkpoint.size));
  return out;
}

void EvidenceLog::run() {
  while (true) {
    std::vector<std::shared_ptr<Waiting>> group;
    {
      const base::Lock lock(mutex_);
      while (waiting_.empty() && !closed_) arrived_.wait(mutex_);
      if (waiting_.empty()) return;
      const auto until = std::chrono::steady_clock::now() + options_.gather;
      while (!closed_ && waiting_bytes_ < options_.group_bytes) {
        const auto now = std::chrono::steady_clock::now();
        if (now >= until) break;
        arrived_.wait_for(mutex_, until - now);
      }
      std::size_t bytes = 0;
      while (!waiting_.empty() && (group.empty() || bytes < options_.group_bytes)) {
        bytes += waiting_.front()->draft.payload.size();
        group.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
      waiting_bytes_ -= bytes;
    }
    commit(group);
    const base::Lock lock(mutex_);
    ++counters_.groups;
    bool failed = false;
    for (const auto& one : group) {
      one->done = true;
      failed = failed || !one->result;
      if (one->result) counters_.entries += one->result->second ? 2 : 1;
    }
    if (failed) ++counters_.failed_groups;
    committed_.notify_all();
  }
}

base::Result<Placed> EvidenceLog::place(const Draft& draft, base::Time& received, base::Bytes& bytes) {
  received.nanoseconds = std::max(clock_.now().nanoseconds, received.nanoseconds + 1);
  const Leaf leaf = make_leaf(draft, organisation_, received);
  bytes = encode(leaf);
  const std::uint64_t index =
      TRY(log_->append(bytes, leaf.inline_payload ? base::ByteView() : base::ByteView(draft.payload)));
  return Placed{index, received, proof::leaf_hash(bytes)};
}

// Places all, syncs, and gives each its result. One failure fails the whole group: none of it is in the log.
void EvidenceLog::commit(std::vector<std::shared_ptr<Waiting>>& group) {
  base::Time received = last_received_;
  const auto place_all = [&]() -> base::Result<tlog::Signed> {
    for (const auto& one : group) {
      Appended out;
      out.first = TRY(place(one->draft, received, out.leaf));
      if (one->follow_up) {
        const Draft second = one->follow_up(out.first);
        out.second = TRY(place(second, received, out.leaf));
      }
      one->result = std::move(out);
    }
    return log_->commit();
  };
  base::Result<tlog::Signed> done = place_all();
  if (!done) log_->rollback();
  if (done) last_received_ = received;
  for (const auto& one : group) {
    if (done) one->result->checkpoint = *done;
    else one->result = base::fail(done.error().within("nothing was recorded"));
  }
}

base::Result<Leaf> EvidenceLog::leaf(std::uint64_t index) const {
  const base::Bytes bytes = TRY(log_->leaf(index));
  auto leaf = decode_leaf(bytes);
  if (!leaf) return base::fail(leaf.error().within(fmt::format("{}, entry {}", origin_, index)));
  return leaf;
}

base::Result<Entry> EvidenceLog::read(std::uint64_t index) const {
  Leaf found = TRY(leaf(index));
  if (found.inline_payload) {
    base::Bytes payload = *found.inline_payload;
    return Entry{index, std::move(found), std::move(payload)};  // decode_leaf compared its digest
  }
  base::Bytes payload = TRY(log_->payload(index));
  auto entry = make_entry(index, std::move(found), std::move(payload));
  if (!entry) return base::fail(entry.error().within(origin_));
  return entry;
}

base::Result<Proof> EvidenceLog::prove(std::uint64_t index) const {
  Proof out;
  out.checkpoint = log_->signed_checkpoint();
  out.leaf = TRY(log_->leaf(index));
  out.leaf_hash = proof::leaf_hash(out.leaf);
  out.path = TRY(log_->inclusion(index, out.checkpoint.checkpoint.size));
  return out;
}

bool EvidenceLog::wait_beyond(std::uint64_t size, std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  const base::Lock lock(mutex_);
  while (log_->size() <= size) {
    const auto now = std::chrono::steady_clock::now();
    if (closed_ || now >= until) return false;
    committed_.wait_for(mutex_, until - now);
  }
  return true;
}

EvidenceLog::Counters EvidenceLog::counters() const {
  const base::Lock lock(mutex_);
  return counters_;
}

}  // namespace hinomi::evidence
