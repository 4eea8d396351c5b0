#include "tests/testing/device_rig.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "tests/testing/fake_device.h"
#include "tests/testing/nss.h"
#include "tests/testing/raw_token.h"
#include "tests/testing/softhsm.h"

namespace strongroom::testing {
namespace {

class FakeRig final : public DeviceRig {
 public:
  std::unique_ptr<hsm::Device> Open(int workers, size_t queue_limit) override {
    FakeDeviceOptions options;
    options.workers = workers;
    options.queue_limit = queue_limit;
    options.objects = objects_;
    return std::make_unique<FakeDevice>(options);
  }
  void AddForeign(ByteView id, std::string_view label) override {
    objects_->AddForeign(id, label);
  }
  void RemoveBehindTheBack(const Uuid& id) override { objects_->Remove(id); }
  size_t CountNameless() override {
    const auto objects = objects_->List();
    return std::ranges::count_if(objects, [](const hsm::TokenObject& object) {
      return object.id.empty() && object.label.empty();
    });
  }

 private:
  std::shared_ptr<ObjectTable> objects_ = std::make_shared<ObjectTable>();
};

template <typename Token>
class TokenRig final : public DeviceRig {
 public:
  std::unique_ptr<hsm::Device> Open(int workers, size_t queue_limit) override {
    hsm::Pkcs11Options options = token_.Options();
    options.workers = workers;
    options.queue_limit = queue_limit;
    return OpenOrDie(options);
  }
  void AddForeign(ByteView id, std::string_view label) override {
    RawToken(token_.Options()).AddKey(id, label);
  }
  void RemoveBehindTheBack(const Uuid& id) override {
    RawToken(token_.Options()).Destroy(id.bytes());
  }
  size_t CountNameless() override {
    return RawToken(token_.Options()).CountNameless();
  }

 private:
  Token token_;
};

}  // namespace

std::unique_ptr<DeviceRig> MakeRig(const std::string& name) {
  if (name == "fake") return std::make_unique<FakeRig>();
  if (name == "softhsm") return std::make_unique<TokenRig<SoftHsmToken>>();
  if (name == "nss") return std::make_unique<TokenRig<NssToken>>();
  std::fprintf(stderr, "no rig is called %s\n", name.c_str());
  std::abort();
}

std::unique_ptr<hsm::Device> OpenOrDie(const hsm::Pkcs11Options& options) {
  StatusOr<std::unique_ptr<hsm::Device>> device =
      hsm::OpenPkcs11Device(options, Clock::System(), NullMetrics());
  if (device.ok()) return *std::move(device);
  std::fprintf(stderr, "cannot open a device on %s: %s\n",
               options.module_path.c_str(),
               std::string(MessageOf(device.status())).c_str());
  std::abort();
}

}  // namespace strongroom::testing
