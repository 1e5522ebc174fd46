// A mutex that clang's thread-safety analysis understands: guarded fields that are touched without it do not compile.
#pragma once

#include <condition_variable>
#include <mutex>

#define HINOMI_CAPABILITY(x) __attribute__((capability(x)))
#define HINOMI_GUARDED_BY(x) __attribute__((guarded_by(x)))
#define HINOMI_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define HINOMI_ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define HINOMI_RELEASE(...) __attribute__((release_capability(__VA_ARGS__)))
#define HINOMI_SCOPED_CAPABILITY __attribute__((scoped_lockable))

namespace hinomi::base {

class HINOMI_CAPABILITY("mutex") Mutex {
 public:
  void lock() HINOMI_ACQUIRE() { mutex_.lock(); }
  void unlock() HINOMI_RELEASE() { mutex_.unlock(); }

 private:
  friend class Condition;
  std::mutex mutex_;
};

class HINOMI_SCOPED_CAPABILITY Lock {
 public:
  explicit Lock(Mutex& mutex) HINOMI_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~Lock() HINOMI_RELEASE() { mutex_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits with the mutex held; spurious wake-ups happen: loop on the condition.
class Condition {
 public:
  void wait(Mutex& mutex) HINOMI_REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  template <class Rep, class Period>
  void wait_for(Mutex& mutex, std::chrono::duration<Rep, Period> duration) HINOMI_REQUIRES(mutex) {
    std::unique_lock lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_for(lock, duration);
    lock.release();
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace hinomi::base
