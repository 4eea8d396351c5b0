// A PKCS#11 module that forwards to a real one and misbehaves on demand.
// README.md has the language of the control file.
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <shared_mutex>
#include <thread>
#include <utility>
#include <vector>

#include "hsm/shim/director.h"
#include "hsm/shim/names.h"

namespace shim {
namespace {

enum FunctionNumber : size_t {
#define SHIM_ROW(name) k##name,
  SHIM_FUNCTIONS(SHIM_ROW)
#undef SHIM_ROW
};

struct OpenSession {
  CK_SESSION_HANDLE session;
  CK_SLOT_ID slot;
};

struct State {
  Director director;
  std::mutex serial;
  // Held shared around every real call: closing sessions under a call in
  // flight crashes SoftHSM, which would be the shim's fault and no finding.
  std::shared_mutex running;
  std::mutex mutex;  // guards what follows
  CK_FUNCTION_LIST* real = nullptr;
  std::string real_path;
  std::vector<OpenSession> sessions;  // in the order of opening
};

// Never destroyed: threads of the process may still be inside at exit.
State& Shim() {
  static State* state = new State;
  return *state;
}

CK_FUNCTION_LIST* Real() {
  std::lock_guard<std::mutex> lock(Shim().mutex);
  return Shim().real;
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// LoadReal reads the environment anew, so that one process can use the shim
// over one module after another.
CK_RV LoadReal() {
  State& shim = Shim();
  shim.director.Configure(Environment("STRONGROOM_SHIM_CONTROL"),
                          Environment("STRONGROOM_SHIM_LOG"));
  std::lock_guard<std::mutex> lock(shim.mutex);
  const std::string path = Environment("STRONGROOM_SHIM_MODULE");
  if (shim.real != nullptr && path == shim.real_path) return CKR_OK;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* entry = library == nullptr || path.empty()
                    ? nullptr
                    : dlsym(library, "C_GetFunctionList");
  if (entry == nullptr) {
    std::fprintf(stderr,
                 "strongroom_shim: STRONGROOM_SHIM_MODULE=%s is no PKCS#11 "
                 "module\n",
                 path.c_str());
    return CKR_GENERAL_ERROR;
  }
  shim.real_path = path;
  return reinterpret_cast<CK_C_GetFunctionList>(entry)(&shim.real);
}

void Track(CK_SESSION_HANDLE session, CK_SLOT_ID slot) {
  std::lock_guard<std::mutex> lock(Shim().mutex);
  Shim().sessions.push_back({session, slot});
}

bool AtSessionLimit() {
  const uint64_t limit = Shim().director.script()->session_limit;
  std::lock_guard<std::mutex> lock(Shim().mutex);
  return Shim().sessions.size() >= limit;
}

void UntrackIf(const std::function<bool(const OpenSession&)>& gone) {
  std::lock_guard<std::mutex> lock(Shim().mutex);
  std::erase_if(Shim().sessions, gone);
}

void RunOneTimeCommands(const Script& script) {
  State& shim = Shim();
  std::unique_lock<std::shared_mutex> alone(shim.running);
  std::lock_guard<std::mutex> lock(shim.mutex);
  if (shim.sessions.empty()) return;
  if (script.logout) shim.real->C_Logout(shim.sessions[0].session);
  if (!script.drop_sessions) return;
  const size_t kept = script.keep_oldest_session ? 1 : 0;
  for (size_t i = kept; i < shim.sessions.size(); ++i) {
    shim.real->C_CloseSession(shim.sessions[i].session);
  }
  shim.sessions.resize(kept);
}

// Inject makes the state true that the return value tells of.
CK_RV Inject(CK_RV result, CK_SESSION_HANDLE session) {
  std::unique_lock<std::shared_mutex> alone(Shim().running);
  CK_FUNCTION_LIST* real = Real();
  if (real == nullptr || session == CK_INVALID_HANDLE) return result;
  if (result == CKR_SESSION_HANDLE_INVALID || result == CKR_SESSION_CLOSED) {
    real->C_CloseSession(session);
    UntrackIf([&](const OpenSession& s) { return s.session == session; });
  }
  if (result == CKR_USER_NOT_LOGGED_IN) real->C_Logout(session);
  return result;
}

using Effect = std::function<CK_RV(CK_FUNCTION_LIST*)>;

// Around is the life of every call. `session` is CK_INVALID_HANDLE for calls
// that have none; `detail` goes to the log.
CK_RV Around(size_t function, CK_SESSION_HANDLE session, const Effect& effect,
             const std::string& detail = "") {
  State& shim = Shim();
  std::shared_ptr<const Script> fresh;
  if (shim.director.Reload(&fresh)) RunOneTimeCommands(*fresh);
  const Plan plan = shim.director.Begin(function);
  if (plan.hang) {
    shim.director.Log(function, "hangs" + detail);
    shim.director.HangUntilReleased(function);
  }
  std::unique_lock<std::mutex> serial(shim.serial, std::defer_lock);
  if (plan.serialise) serial.lock();
  if (plan.latency.count() > 0) std::this_thread::sleep_for(plan.latency);
  CK_RV result = CKR_CRYPTOKI_NOT_INITIALIZED;
  if (plan.fault && !plan.fault->after) {
    result = Inject(plan.fault->result, session);
  } else if (CK_FUNCTION_LIST* real = Real(); real != nullptr) {
    std::shared_lock<std::shared_mutex> among_others(shim.running);
    result = effect(real);
    if (plan.fault) result = plan.fault->result;
  }
  shim.director.Log(function, ReturnValueName(result) + detail);
  return result;
}

// Most functions take the session first; these do not.
constexpr bool TakesSession(size_t function) {
  return function >= kC_InitPIN && function != kC_OpenSession &&
         function != kC_CloseAllSessions && function != kC_WaitForSlotEvent;
}

template <size_t function, typename First, typename... Rest>
CK_SESSION_HANDLE SessionOf(First first, Rest...) {
  if constexpr (TakesSession(function)) return first;
  return CK_INVALID_HANDLE;
}

template <size_t function, typename Pointer>
struct Forward;
template <size_t function, typename... Arguments>
struct Forward<function, CK_RV (*CK_FUNCTION_LIST::*)(Arguments...)> {
  template <CK_RV (*CK_FUNCTION_LIST::*member)(Arguments...)>
  static CK_RV Call(Arguments... arguments) {
    return Around(
        function, SessionOf<function>(arguments...),
        [&](CK_FUNCTION_LIST* real) { return (real->*member)(arguments...); });
  }
};

// The handle that stands for the real one, and back: swapping is its own
// inverse.
CK_OBJECT_HANDLE Swap(CK_OBJECT_HANDLE handle) {
  const auto script = Shim().director.script();
  for (const auto& [a, b] : script->swaps) {
    if (handle == a) return b;
    if (handle == b) return a;
  }
  return handle;
}

bool Hidden(CK_MECHANISM_TYPE mechanism) {
  const auto script = Shim().director.script();
  return std::ranges::count(script->hidden, mechanism) > 0;
}

std::string ObjectDetail(CK_OBJECT_HANDLE object) {
  return " object=" + std::to_string(object);
}

extern "C" {

CK_RV ShimInitialize(void* arguments) {
  if (CK_RV loaded = LoadReal(); loaded != CKR_OK) return loaded;
  return Around(kC_Initialize, CK_INVALID_HANDLE, [&](CK_FUNCTION_LIST* real) {
    return real->C_Initialize(arguments);
  });
}

CK_RV ShimFinalize(void* reserved) {
  return Around(kC_Finalize, CK_INVALID_HANDLE, [&](CK_FUNCTION_LIST* real) {
    UntrackIf([](const OpenSession&) { return true; });
    return real->C_Finalize(reserved);
  });
}

CK_RV ShimOpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void* application,
                      CK_NOTIFY notify, CK_SESSION_HANDLE* session) {
  return Around(
      kC_OpenSession, CK_INVALID_HANDLE, [&](CK_FUNCTION_LIST* real) -> CK_RV {
        if (AtSessionLimit()) return CKR_SESSION_COUNT;
        const CK_RV result =
            real->C_OpenSession(slot, flags, application, notify, session);
        if (result == CKR_OK) Track(*session, slot);
        return result;
      });
}

CK_RV ShimCloseSession(CK_SESSION_HANDLE session) {
  return Around(kC_CloseSession, session, [&](CK_FUNCTION_LIST* real) {
    UntrackIf([&](const OpenSession& s) { return s.session == session; });
    return real->C_CloseSession(session);
  });
}

CK_RV ShimCloseAllSessions(CK_SLOT_ID slot) {
  return Around(
      kC_CloseAllSessions, CK_INVALID_HANDLE, [&](CK_FUNCTION_LIST* real) {
        UntrackIf([&](const OpenSession& s) { return s.slot == slot; });
        return real->C_CloseAllSessions(slot);
      });
}

CK_RV ShimGetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE* list,
                           CK_ULONG* count) {
  return Around(
      kC_GetMechanismList, CK_INVALID_HANDLE, [&](CK_FUNCTION_LIST* real) {
        const CK_RV result = real->C_GetMechanismList(slot, list, count);
        if (result != CKR_OK || list == nullptr) return result;
        *count = std::remove_if(list, list + *count, Hidden) - list;
        return result;
      });
}

CK_RV ShimGetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism,
                           CK_MECHANISM_INFO* info) {
  return Around(kC_GetMechanismInfo, CK_INVALID_HANDLE,
                [&](CK_FUNCTION_LIST* real) -> CK_RV {
                  if (Hidden(mechanism)) return CKR_MECHANISM_INVALID;
                  return real->C_GetMechanismInfo(slot, mechanism, info);
                });
}

CK_RV ShimEncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism,
                      CK_OBJECT_HANDLE key) {
  return Around(
      kC_EncryptInit, session,
      [&](CK_FUNCTION_LIST* real) -> CK_RV {
        if (Hidden(mechanism->mechanism)) return CKR_MECHANISM_INVALID;
        return real->C_EncryptInit(session, mechanism, Swap(key));
      },
      ObjectDetail(key));
}

CK_RV ShimDecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism,
                      CK_OBJECT_HANDLE key) {
  return Around(
      kC_DecryptInit, session,
      [&](CK_FUNCTION_LIST* real) -> CK_RV {
        if (Hidden(mechanism->mechanism)) return CKR_MECHANISM_INVALID;
        return real->C_DecryptInit(session, mechanism, Swap(key));
      },
      ObjectDetail(key));
}

CK_RV ShimGetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                            CK_ATTRIBUTE* attributes, CK_ULONG count) {
  return Around(
      kC_GetAttributeValue, session,
      [&](CK_FUNCTION_LIST* real) {
        return real->C_GetAttributeValue(session, Swap(object), attributes,
                                         count);
      },
      ObjectDetail(object));
}

CK_RV ShimDestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  return Around(
      kC_DestroyObject, session,
      [&](CK_FUNCTION_LIST* real) {
        return real->C_DestroyObject(session, Swap(object));
      },
      ObjectDetail(object));
}

CK_RV ShimFindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE* objects,
                      CK_ULONG most, CK_ULONG* found) {
  return Around(kC_FindObjects, session, [&](CK_FUNCTION_LIST* real) {
    const CK_RV result = real->C_FindObjects(session, objects, most, found);
    if (result == CKR_OK) {
      std::transform(objects, objects + *found, objects, Swap);
    }
    return result;
  });
}

}  // extern "C"

constexpr CK_FUNCTION_LIST MakeList() {
  CK_FUNCTION_LIST list = {};
  list.version = {2, 40};
#define SHIM_ROW(name)                                                     \
  list.name =                                                              \
      &Forward<k##name, decltype(&CK_FUNCTION_LIST::name)>::template Call< \
          &CK_FUNCTION_LIST::name>;
  SHIM_FUNCTIONS(SHIM_ROW)
#undef SHIM_ROW
  list.C_Initialize = ShimInitialize;
  list.C_Finalize = ShimFinalize;
  list.C_GetFunctionList = ::C_GetFunctionList;
  list.C_OpenSession = ShimOpenSession;
  list.C_CloseSession = ShimCloseSession;
  list.C_CloseAllSessions = ShimCloseAllSessions;
  list.C_GetMechanismList = ShimGetMechanismList;
  list.C_GetMechanismInfo = ShimGetMechanismInfo;
  list.C_EncryptInit = ShimEncryptInit;
  list.C_DecryptInit = ShimDecryptInit;
  list.C_GetAttributeValue = ShimGetAttributeValue;
  list.C_DestroyObject = ShimDestroyObject;
  list.C_FindObjects = ShimFindObjects;
  return list;
}

constinit CK_FUNCTION_LIST g_list = MakeList();

}  // namespace
}  // namespace shim

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(
    CK_FUNCTION_LIST** list) {
  if (list == nullptr) return CKR_ARGUMENTS_BAD;
  *list = &shim::g_list;
  return CKR_OK;
}
