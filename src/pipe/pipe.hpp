// Bounded batches between threads: the only way data changes rooms.
// What arrives one by one leaves many at a time, so that a lock and a wake-up are paid per batch. Nobody is told to
// stop: the writer closes the pipe, the reader takes what is left, sees the end and returns; then its thread is joined.
// Owns:    the items between push and pop. Must outlive its writers and readers.
// Threads: any number of writers and readers; every function may be called from any thread.
// Fails:   nothing. Loses: with WhenFull::drop_newest what does not fit, counted exactly; after close() what is pushed,
//          counted too.
#pragma once

#include <hinomi/base/mutex.hpp>
#include <hinomi/base/result.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

namespace hinomi::pipe {

// What a full pipe does to its writer. Chosen where the pipe is made, so that the corridor's list says it.
enum class WhenFull : std::uint8_t {
  block,        // the writer waits: for a writer that may be slowed down
  drop_newest,  // what does not fit is dropped and counted: for a writer that must never wait
};

struct Counts {
  std::uint64_t pushed = 0;   // accepted
  std::uint64_t popped = 0;   // handed out
  std::uint64_t dropped = 0;  // did not fit, or came after close()
  std::size_t highest = 0;    // most items that ever waited
};

template <class T>
class Pipe {
 public:
  // `capacity` in items, at least 1.
  Pipe(std::size_t capacity, WhenFull when_full) : capacity_(capacity), when_full_(when_full) {
    HINOMI_CHECK(capacity > 0);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  // Appends the batch in order; returns how many of its items were accepted (the first ones). Blocking pipes take a
  // batch larger than the capacity in pieces, and fall short only if the pipe is closed meanwhile.
  std::size_t push(std::vector<T> batch) {
    std::size_t taken = 0;
    const base::Lock lock(mutex_);
    while (taken < batch.size() && !closed_) {
      if (items_.size() >= capacity_) {
        if (when_full_ == WhenFull::drop_newest) break;
        room_.wait(mutex_);
        continue;
      }
      const std::size_t count = std::min(capacity_ - items_.size(), batch.size() - taken);
      const auto first = batch.begin() + static_cast<std::ptrdiff_t>(taken);
      items_.insert(items_.end(), std::make_move_iterator(first),
                    std::make_move_iterator(first + static_cast<std::ptrdiff_t>(count)));
      taken += count;
      counts_.pushed += count;
      counts_.highest = std::max(counts_.highest, items_.size());
      content_.notify_one();
    }
    counts_.dropped += batch.size() - taken;
    return taken;
  }

  // One item; false if it was not accepted.
  bool push(T item) {
    std::vector<T> one;
    one.push_back(std::move(item));
    return push(std::move(one)) == 1;
  }

  // Waits for items; up to `most` of them, in order. Empty only at the end: closed, and nothing left.
  std::vector<T> pop(std::size_t most) {
    const base::Lock lock(mutex_);
    while (items_.empty() && !closed_) content_.wait(mutex_);
    return take(most);
  }

  // The same, but empty also when `longest` has passed without an item; at_end() tells the two apart.
  template <class Rep, class Period>
  std::vector<T> pop_for(std::size_t most, std::chrono::duration<Rep, Period> longest) {
    const auto until = std::chrono::steady_clock::now() + longest;
    const base::Lock lock(mutex_);
    while (items_.empty() && !closed_) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left <= left.zero()) break;
      content_.wait_for(mutex_, left);
    }
    return take(most);
  }

  // Nothing more is accepted; readers get what is left, then the end. Wakes everybody. May be called again.
  void close() {
    const base::Lock lock(mutex_);
    closed_ = true;
    content_.notify_all();
    room_.notify_all();
  }

  [[nodiscard]] bool at_end() const {
    const base::Lock lock(mutex_);
    return closed_ && items_.empty();
  }
  [[nodiscard]] std::size_t waiting() const {
    const base::Lock lock(mutex_);
    return items_.size();
  }
  [[nodiscard]] Counts counts() const {
    const base::Lock lock(mutex_);
    return counts_;
  }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }

 private:
  std::vector<T> take(std::size_t most) HINOMI_REQUIRES(mutex_) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(most, items_.size()));
    std::vector<T> out(std::make_move_iterator(items_.begin()), std::make_move_iterator(items_.begin() + count));
    items_.erase(items_.begin(), items_.begin() + count);
    counts_.popped += out.size();
    if (count > 0) room_.notify_all();
    return out;
  }

  const std::size_t capacity_;
  const WhenFull when_full_;
  mutable base::Mutex mutex_;
  base::Condition content_;
  base::Condition room_;
  std::deque<T> items_ HINOMI_GUARDED_BY(mutex_);
  Counts counts_ HINOMI_GUARDED_BY(mutex_);
  bool closed_ HINOMI_GUARDED_BY(mutex_) = false;
};

}  // namespace hinomi::pipe
