// What happened around a finding, made from facts alone: its processes, its connections, and three to nine steps for a reader
// who is no specialist. The steps name facts; the sentences are the web app's, in the reader's language.
// Threads: pure functions.
#pragma once

#include <hinomi/model/finding.hpp>
#include <hinomi/model/indicator.hpp>

#include <boost/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace hinomi::console::inside {

// What the store knows around a finding; events of its host alone.
struct Surroundings {
  std::vector<model::RecordedEvent> evidence;
  std::vector<model::RecordedEvent> starts;       // process_start of the line, of children and of theirs
  std::vector<model::RecordedEvent> exits;        // process_exit of the same
  std::vector<model::RecordedEvent> connections;  // network_* of the process and its children
  std::vector<model::Indicator> indicators;       // that rest on this finding
};

struct Process {
  std::string guid, parent_guid;
  std::optional<std::uint64_t> pid, exit_code;
  std::string executable, command_line, user;  // safe to show; empty: not known
  std::optional<base::Time> start, end;
  bool is_subject = false;
};

struct Connection {
  std::string process_guid;
  base::Time time;
  std::string protocol, source_address, destination_address, destination_hostname;
  std::optional<std::uint64_t> source_port, destination_port;
  bool initiated = false;
};

struct Step {
  std::string
      step;  // login, shell, script, started, connected, children, recorded, rule_held, candidate | held | published
  std::optional<base::Time> time;
  boost::json::object facts;
};

// The line from the eldest ancestor to the process, then its children, each once; a process that ran several programs shows
// the last one it ran before the finding.
std::vector<Process> processes_of(const model::Finding& finding, const Surroundings& around);
std::vector<Connection> connections_of(const Surroundings& around);
std::vector<Step> steps_of(const model::Finding& finding, const Surroundings& around,
                           const std::vector<Process>& processes, const std::vector<Connection>& connections);

boost::json::object to_object(const Process& process);
boost::json::object to_object(const Connection& connection);
boost::json::object to_object(const Step& step);

}  // namespace hinomi::console::inside
