// From recorded events to findings: a rule held, on this evidence.
// Owns:    a matcher with its memo. Threads: one. Fails: never.
#pragma once

#include <hinomi/detect/plan.hpp>
#include <hinomi/model/event.hpp>
#include <hinomi/model/finding.hpp>

#include <memory>
#include <vector>

namespace hinomi::detect {

class Detector {
 public:
  explicit Detector(std::shared_ptr<const Plan> plan) : matcher_(std::move(plan)) {}

  // The findings on this event, in the plan's order. The same event and plan give the same findings, byte for byte.
  std::vector<model::Finding> observe(const model::RecordedEvent& recorded);
  [[nodiscard]] const Plan& plan() const { return matcher_.plan(); }

 private:
  Matcher matcher_;
  std::vector<Match> matches_;
};

}  // namespace hinomi::detect
