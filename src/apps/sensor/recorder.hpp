// The probe's one thread that writes: takes observed events out of the pipe, records them by the manifest, reads the notes
// that the uplink left in inbox/, says that it is there, and keeps status/probe.json.
// Owns:    the ledger. Borrows pipe, clock, files.
// Threads: run() on one thread, which ends when the pipe is closed and empty. Everything else before or after it.
// Fails:   never; what goes wrong is counted and stands in the status.
#pragma once

#include "config.hpp"

#include <hinomi/consent/ledger.hpp>
#include <hinomi/consent/trust.hpp>
#include <hinomi/pipe/pipe.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hinomi::sensor {

class Recorder {
 public:
  struct Hooks {
    std::function<std::vector<std::string>()> hooks;     // "name:on", "name:off:reason"
    std::function<std::vector<std::string>()> programs;  // "name:sha256"
    std::vector<std::string> notices;                    // rights that could not be given up, and such
  };
  Recorder(const Config& config, consent::Trust trust, std::unique_ptr<consent::Ledger> ledger,
           pipe::Pipe<model::Event>& observed, Hooks hooks, const base::Clock& clock);

  // sensor_start, then everything observed until the pipe ends, then sensor_stop.
  void run();

  // Applies what lies in inbox/ and removes it.
  void look_into_inbox();
  [[nodiscard]] const consent::Ledger& ledger() const { return *ledger_; }
  [[nodiscard]] std::string status_json(std::string_view state) const;

 private:
  void record(std::vector<model::Event> events);
  void count_dropped();
  void take_receipt(const base::fs::path& file);
  void take_manifest(const base::fs::path& file);
  void write_status(std::string_view state);
  void refuse(const base::fs::path& file, const base::Error& error);

  const Config& config_;
  const Files files_;
  const consent::Trust trust_;
  std::unique_ptr<consent::Ledger> ledger_;
  pipe::Pipe<model::Event>& observed_;
  Hooks hooks_;
  const base::Clock& clock_;
  base::Time started_;
  base::Time last_drop_look_;
  std::uint64_t dropped_told_ = 0;
  std::uint64_t notes_taken_ = 0;
  std::uint64_t notes_refused_ = 0;
  std::string last_refusal_;
  std::string last_trouble_;
};

}  // namespace hinomi::sensor
