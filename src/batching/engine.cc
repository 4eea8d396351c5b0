#include "strongroom/batching/engine.h"

#include <utility>

#include "batching/engine_parts.h"
#include "batching/refusals.h"

namespace strongroom::batching {

Engine::Engine(hsm::Device& device, KekSource& source, const Clock& clock,
               Metrics& metrics, const EngineOptions& options)
    : parts_(std::make_shared<EngineParts>(device, source, clock, metrics,
                                           options)) {}

Engine::~Engine() { Shutdown(SteadyTime::min()); }

void Engine::Seal(std::unique_ptr<SealRequest> request) {
  const Outstanding::Hold hold(parts_->outstanding);
  parts_->intake.Seal(std::move(request));
}

void Engine::Open(std::unique_ptr<OpenRequest> request) {
  const Outstanding::Hold hold(parts_->outstanding);
  parts_->intake.Open(std::move(request));
}

void Engine::Rewrap(std::unique_ptr<RewrapRequest> request) {
  const Outstanding::Hold hold(parts_->outstanding);
  parts_->intake.Rewrap(std::move(request));
}

void Engine::EndWindows(const Uuid& key_id) { parts_->windows.End(key_id); }

SteadyTime Engine::RunDue() {
  const Outstanding::Hold hold(parts_->outstanding);
  const SteadyTime now = parts_->clock.Steady();
  parts_->dispatcher.DropExpired();
  const SteadyTime next =
      parts_->windows.EndAged(now, now + std::chrono::milliseconds(250));
  parts_->metrics.open_windows.Set(static_cast<double>(parts_->windows.open()));
  return next;
}

EngineStats Engine::Stats() const {
  EngineStats stats;
  stats.token_operations = parts_->calls.operations();
  stats.items_sealed = parts_->answers.items_sealed();
  stats.items_opened = parts_->answers.items_opened();
  stats.batches = parts_->calls.batches();
  stats.queued_items = parts_->dispatcher.queued_items();
  stats.open_windows = parts_->windows.open();
  return stats;
}

bool Engine::Shutdown(SteadyTime until) {
  parts_->dispatcher.Close();
  const bool in_time = parts_->outstanding->WaitForNone(until);
  if (!in_time) {
    // Requests that wait are answered here, those on the token in its place;
    // then only threads that compute are waited for.
    parts_->dispatcher.FailAll(Draining());
    parts_->calls.AbandonAll(Draining());
    parts_->outstanding->WaitForNone();
  }
  parts_->windows.EndAll();
  parts_->metrics.open_windows.Set(0);
  return in_time;
}

}  // namespace strongroom::batching
