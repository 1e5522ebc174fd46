// The layout: which columns there are, and rows in and out of them.
// Threads: functions over one Connection. Fails: Errc::io, Errc::full; Errc::corrupt for a row that cannot be read
// back.
#pragma once

#include <hinomi/store/inside/duck.hpp>
#include <hinomi/store/store.hpp>

#include <span>

namespace hinomi::store::inside {

std::vector<std::string> create_statements();
std::string layout_version();  // digest of the statements: another catalogue is another layout

base::Status append_events(Connection& connection, std::span<const model::RecordedEvent> events,
                           std::uint64_t first_arrival);
std::string event_columns();  // what read_event expects to be selected
base::Result<model::RecordedEvent> read_event(const Rows& row);

base::Status insert_findings(Connection& connection, const std::vector<model::Finding>& findings);
base::Status replace_indicators(Connection& connection, const std::vector<model::Indicator>& indicators);
base::Status replace_hosts(Connection& connection, const std::map<std::string, Host>& hosts);
std::string host_columns();
base::Result<Host> read_host(const Rows& row);

}  // namespace hinomi::store::inside
