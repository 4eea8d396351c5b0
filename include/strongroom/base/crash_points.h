// Crash points: the numbered steps at which tests kill the process.
//
// A change of several steps names each of them. In production a crash point is
// one load and a branch. Only a test's main installs a hook: no setting and no
// environment variable does.
#pragma once

#include <atomic>

namespace strongroom {

using CrashHook = void (*)(const char* step);
inline std::atomic<CrashHook> g_crash_hook{nullptr};

inline void CrashPoint(const char* step) {
  CrashHook hook = g_crash_hook.load(std::memory_order_relaxed);
  if (hook != nullptr) hook(step);
}

inline void SetCrashHookForTest(CrashHook hook) { g_crash_hook.store(hook); }

}  // namespace strongroom
