// Mutex, MutexLock, CondVar: std::mutex with clang's thread-safety annotations.
// (absl::Mutex gives false races under ThreadSanitizer on Debian 12.)
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define SR_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define SR_THREAD_ANNOTATION(x)
#endif
#define SR_CAPABILITY(x) SR_THREAD_ANNOTATION(capability(x))
#define SR_SCOPED_CAPABILITY SR_THREAD_ANNOTATION(scoped_lockable)
#define SR_GUARDED_BY(x) SR_THREAD_ANNOTATION(guarded_by(x))
#define SR_PT_GUARDED_BY(x) SR_THREAD_ANNOTATION(pt_guarded_by(x))
#define SR_REQUIRES(...) SR_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define SR_EXCLUDES(...) SR_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define SR_ACQUIRE(...) SR_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define SR_RELEASE(...) SR_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define SR_NO_THREAD_SAFETY_ANALYSIS \
  SR_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace strongroom {

class SR_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void Lock() SR_ACQUIRE() { mutex_.lock(); }
  void Unlock() SR_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class SR_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SR_ACQUIRE(mutex) : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() SR_RELEASE() { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// CondVar waits on a Mutex that the caller holds. Callers loop on their
// condition: spurious wake-ups happen.
class CondVar {
 public:
  void Wait(Mutex& mutex) SR_REQUIRES(mutex) SR_NO_THREAD_SAFETY_ANALYSIS {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  // WaitUntil is false if the time came first.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point time)
      SR_REQUIRES(mutex) SR_NO_THREAD_SAFETY_ANALYSIS {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    bool in_time =
        condition_.wait_until(lock, time) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }
  void Signal() { condition_.notify_one(); }
  void SignalAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace strongroom
