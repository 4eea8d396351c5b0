#include "strongroom/batching/engine.h"

#include <utility>

#include "batching/core.h"

namespace strongroom::batching {
namespace {

class EngineHandle final : public Engine {
 public:
  explicit EngineHandle(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  // Nobody's request is lost: what is left is answered DRAINING now.
  ~EngineHandle() override { core_->Shutdown(SteadyTime::min()); }

  void Seal(std::unique_ptr<SealRequest> request) override {
    core_->Seal(std::move(request));
  }
  void Open(std::unique_ptr<OpenRequest> request) override {
    core_->Open(std::move(request));
  }
  void Rewrap(std::unique_ptr<RewrapRequest> request) override {
    core_->Rewrap(std::move(request));
  }
  void EndWindows(const Uuid& key_id) override { core_->EndWindows(key_id); }
  SteadyTime RunDue() override { return core_->RunDue(); }
  EngineStats Stats() const override { return core_->Stats(); }
  bool Shutdown(SteadyTime until) override { return core_->Shutdown(until); }

 private:
  const std::shared_ptr<Core> core_;
};

}  // namespace

std::unique_ptr<Engine> CreateEngine(hsm::Device& device, KekSource& source,
                                     const Clock& clock, Metrics& metrics,
                                     const EngineOptions& options) {
  return std::make_unique<EngineHandle>(
      std::make_shared<Core>(device, source, clock, metrics, options));
}

}  // namespace strongroom::batching
