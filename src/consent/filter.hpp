// Applies a manifest to events: the only gate between what was observed and what is encoded. In this order: is the
// kind sent at all; is the program, path or user excluded; redaction of arguments; then field by field keep, truncate,
// hash, or nothing. An excluded process is remembered by its GUID, so that its forks, connections and end are withheld
// too, and its name does not appear as a parent or ancestor of others. Redaction: the patterns run over the arguments
// as one line (spaces where the kernel has NULs). What matches, or only its groups if the pattern has any, is
// overwritten in the NUL-separated block: each stretch between NULs becomes "***", so that the number of arguments
// stays and the length of the secret does not; process_arguments_length goes as well.
// Owns:    the GUIDs of the last 65,536 excluded processes.
// Threads: belongs to one thread.
#pragma once

#include <hinomi/consent/manifest.hpp>
#include <hinomi/model/event.hpp>

#include <deque>
#include <memory>
#include <string>
#include <unordered_set>

namespace hinomi::consent {

class Filter {
 public:
  // `hash_key` is the owner's secret for hashed fields, 32 bytes; it never leaves the machine.
  Filter(std::shared_ptr<const Manifest> manifest, base::Bytes hash_key);

  // Makes the event what may leave. False if nothing of it may: then it is to be counted, not kept.
  bool filter(model::Event& event);
  // From now on by this manifest; excluded processes stay excluded until their next exec.
  void change(std::shared_ptr<const Manifest> manifest) { manifest_ = std::move(manifest); }
  [[nodiscard]] const Manifest& manifest() const { return *manifest_; }
  [[nodiscard]] std::shared_ptr<const Manifest> shared_manifest() const { return manifest_; }

 private:
  bool is_excluded(const model::Event& event);
  void hide_excluded_relatives(model::Event& event);
  [[nodiscard]] std::string hashed(model::Field field, std::string_view value) const;

  std::shared_ptr<const Manifest> manifest_;
  base::Bytes hash_key_;
  std::unordered_set<std::string> excluded_;
  std::deque<std::string> excluded_order_;
};

// The arguments (each ended by NUL) with the manifest's redactions applied; true if anything was overwritten.
bool redact_arguments(const Manifest& manifest, std::string& arguments);

}  // namespace hinomi::consent
